"""Which document a client means: one that it sends, one that it sent before, or one that this deployment trusts.

Automatic persisted queries (Apollo's protocol): a client sends the SHA-256 of its document; where that is not known it
is told PERSISTED_QUERY_NOT_FOUND, sends both once, and never again. Such documents are kept in Redis, a bounded number
for a bounded time, and in the memory of each process. A Redis that is away knows none, so clients send their text.

Trusted documents are a file that the build of a client makes; with `only_trusted_documents` nothing else is executed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import orjson
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.edge import meters
from api.edge.asked import Asked
from api.edge.guard import TooCostly, read
from api.edge.refusals import DOCUMENT_NOT_TRUSTED, PERSISTED_QUERY_NOT_FOUND, QUERY_TOO_COSTLY, Refused
from api.errors import BAD_USER_INPUT, PARSE_FAILED
from domain.infra.errors import SettingsError
from domain.infra.settings import Settings

log = logging.getLogger("touchline.api")

KEPT = 1000
"""Documents in Redis; those that were not asked for the longest go first."""
KEPT_SECONDS = 7 * 24 * 3600
"""How long a document stays there after it was last asked for."""
IN_MEMORY = 256
"""Documents in the memory of a process."""
NOTED_EVERY = 3600.0
"""Seconds after which a process tells Redis again that a document of its memory is asked for."""
LONGEST_KEPT = 32_768
"""Characters of a document that is kept; a longer one is executed, and must be sent each time."""
ANSWER_WITHIN = 1.0
"""Seconds that Redis has for an answer."""
ASK_AGAIN_AFTER = 1.0
"""Seconds that a Redis which did not answer is left alone."""
_PREFIX = "touchline:document:"
_USED = "touchline:documents"
_HASH = re.compile(r"[0-9a-f]{64}")
_MAKE_TRUSTED = (
    "It must be a JSON object: the SHA-256 of each document in hexadecimal, and its text, as graphql-codegen writes it "
    'with `persistedDocuments: {hashAlgorithm: "sha256"}`.'
)

_NOTE = """
local time = redis.call('time')
redis.call('zadd', KEYS[1], time[1] * 1000000 + time[2], ARGV[1])
redis.call('expire', KEYS[1], ARGV[2])
"""
_FIND = f"""
local text = redis.call('get', KEYS[2] .. ARGV[1])
if not text then return false end
redis.call('expire', KEYS[2] .. ARGV[1], ARGV[2])
{_NOTE}
return text
"""
_KEEP = f"""
redis.call('set', KEYS[2] .. ARGV[1], ARGV[3], 'ex', ARGV[2])
{_NOTE}
local spare = redis.call('zcard', KEYS[1]) - tonumber(ARGV[4])
if spare > 0 then
    for _, name in ipairs(redis.call('zrange', KEYS[1], 0, spare - 1)) do
        redis.call('del', KEYS[2] .. name)
        redis.call('zrem', KEYS[1], name)
    end
end
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wants executed."""

    text: str
    """The whole document."""
    kind: OperationType


class _Kept(NamedTuple):
    """A document in the memory of this process."""

    text: str
    noted_until: float
    """On the monotonic clock: until then Redis need not be asked about it."""


class Documents:
    """The documents that one process knows by their hashes."""

    def __init__(self, trusted: Mapping[str, str], *, is_exclusive: bool) -> None:
        """`is_exclusive` executes nothing that is not trusted."""
        self._trusted = trusted
        self._is_exclusive = is_exclusive
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._away_until = 0.0

    async def operation(self, asked: Asked, redis: Redis) -> Operation:
        """The operation that a client means; raises Refused."""
        try:
            return await self._operation(asked, redis)
        except Refused as refused:
            meters.OPERATIONS.labels("unknown", refused.code).inc()
            raise

    async def _operation(self, asked: Asked, redis: Redis) -> Operation:
        text = await self._text(asked, redis)
        document = parsed(text)
        if asked.is_offered and asked.query is not None and not self._is_exclusive:
            await self._keep(cast("str", asked.document_id), text, redis)
        return Operation(text, _chosen(document, asked.operation_name).operation)

    async def _text(self, asked: Asked, redis: Redis) -> str:
        if asked.query is None:
            return await self._known(cast("str", asked.document_id), redis)
        if asked.document_id is None and not self._is_exclusive:
            return asked.query
        digest = digest_of(asked.query)
        if asked.document_id not in {None, digest}:
            raise Refused(400, "The hash is not that of `query`: send the SHA-256 of its UTF-8 text.", BAD_USER_INPUT)
        if self._is_exclusive and digest not in self._trusted:
            raise _not_trusted()
        return asked.query

    async def _known(self, name: str, redis: Redis) -> str:
        if (text := self._trusted.get(name)) is not None:
            return text
        if self._is_exclusive:
            raise _not_trusted()
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() < kept.noted_until:
            self._kept.move_to_end(name)
            return kept.text
        text = await self._fetched(name, redis) or (None if kept is None else kept.text)
        if text is None:
            raise Refused(None, "PersistedQueryNotFound", PERSISTED_QUERY_NOT_FOUND)
        self._remember(name, text)
        return text

    async def _keep(self, name: str, text: str, redis: Redis) -> None:
        if name in self._trusted or len(text) > LONGEST_KEPT:
            return
        self._remember(name, text)
        await self._asked(redis, _KEEP, name, KEPT_SECONDS, text, KEPT)

    async def _fetched(self, name: str, redis: Redis) -> str | None:
        found = await self._asked(redis, _FIND, name, KEPT_SECONDS)
        if found is None:
            return None
        text = found.decode()
        return text if digest_of(text) == name else None  # whoever else writes to this Redis decides nothing

    async def _asked(self, redis: Redis, script: str, *given: str | int) -> bytes | None:
        """What a script answers; None while Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return cast("bytes | None", await redis.eval(script, 2, _USED, _PREFIX, *given))
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + ASK_AGAIN_AFTER
            log.warning("persisted documents are not read: %s: %s", type(error).__name__, error)
            return None

    def _remember(self, name: str, text: str) -> None:
        self._kept[name] = _Kept(text, time.monotonic() + NOTED_EVERY)
        self._kept.move_to_end(name)
        if len(self._kept) > IN_MEMORY:
            self._kept.popitem(last=False)


def open_documents(settings: Settings) -> Documents:
    """The documents of a deployment; raises SettingsError for a file that cannot be used."""
    if settings.trusted_documents is not None:
        return Documents(_read_trusted(settings.trusted_documents), is_exclusive=settings.only_trusted_documents)
    if settings.only_trusted_documents:
        problem = "TOUCHLINE_ONLY_TRUSTED_DOCUMENTS is on and TOUCHLINE_TRUSTED_DOCUMENTS names no file. Set it too."
        raise SettingsError([problem])
    return Documents({}, is_exclusive=False)


def parsed(text: str) -> DocumentNode:
    """A document, from what its execution reads too; raises Refused."""
    try:
        return read(text).node
    except TooCostly as error:
        raise Refused(None, error.message, QUERY_TOO_COSTLY, extensions=error.told) from None
    except GraphQLError as error:
        raise Refused(None, error.message, PARSE_FAILED, locations=error.formatted.get("locations")) from None


def digest_of(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that a name, or the lack of one, chooses."""
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if not found:
        raise _unclear("`query` holds no operation, only fragments.")
    if name is None:
        if len(found) > 1:
            raise _unclear("`query` holds several operations: say in `operationName` which one to execute.")
        return found[0]
    for each in found:
        if each.name is not None and each.name.value == name:
            return each
    raise _unclear(f"`operationName`: `query` holds no operation named “{name}”.")


def _unclear(message: str) -> Refused:
    return Refused(None, message, BAD_USER_INPUT)


def _not_trusted() -> Refused:
    message = "This deployment executes only the documents that it knows: send one of them, or its SHA-256."
    return Refused(403, message, DOCUMENT_NOT_TRUSTED)


def _read_trusted(file: Path) -> dict[str, str]:
    try:
        found = orjson.loads(file.read_bytes())
    except OSError as error:
        raise _unusable(f"cannot read {file}: {error.strerror}. Name a file that the API may read.") from None
    except orjson.JSONDecodeError as error:
        raise _unusable(f"{file} is not JSON: {error}. {_MAKE_TRUSTED}") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise _unusable(f"{file} holds something else. {_MAKE_TRUSTED}")
    for name, text in found.items():
        if (problem := _problem(name, text)) is not None:
            raise _unusable(f"{file}: {problem}")
    return found


def _problem(name: str, text: str) -> str | None:
    if _HASH.fullmatch(name) is None:
        return f"“{name[:80]}” is no SHA-256 in hexadecimal. {_MAKE_TRUSTED}"
    if digest_of(text) != name:
        return f"the document under {name} has another SHA-256, {digest_of(text)}. Make the file anew."
    try:
        parsed(text)
    except Refused as error:
        return f"the document under {name} cannot be parsed: {error} Make the file anew."
    return None


def _unusable(problem: str) -> SettingsError:
    return SettingsError([f"TOUCHLINE_TRUSTED_DOCUMENTS: {problem}"])
