"""What a client asks for, read from the body of a POST, the address of a GET, or a message on a WebSocket.

What is malformed is refused with status 400 and a sentence that names the field at fault.

No page elsewhere can make somebody's browser ask: a POST must be JSON, which a browser sends to another site only after
it has asked whether it may, and a GET must carry a sign that no page elsewhere can set. Any page may choose what it
accepts, so that is a sign only of a program, which says nothing of pages, and of a page that the settings allow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from api.edge.negotiation import GRAPHQL_JSON, JSON, is_named, media_type_of
from api.edge.refusals import CSRF_BLOCKED, UNSUPPORTED_MEDIA_TYPE, Refused
from api.errors import BAD_USER_INPUT

_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_SIGNS = ("apollo-require-preflight", "x-apollo-operation-name", "authorization")
"""Headers that a page elsewhere cannot send without being asked for permission."""
_FORGED = (
    "A GET must show that no other page made a browser send it: send the header `apollo-require-preflight: true`, or, "
    f"where it comes from no page, accept `{GRAPHQL_JSON}` or `{JSON}`."
)
_NO_BATCHES = (
    "The body is a list, and operations are not taken in batches: send one operation, as an object with `query`, for "
    "each request; one document may ask for many fields, each under an alias."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation as it was sent, of which only the shape is known."""

    query: str | None
    """The document; None where only its hash was sent."""
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None
    document_id: str | None
    """SHA-256 of the document in hexadecimal."""
    is_offered: bool
    """Whether the document may be kept, so that its hash is enough from now on."""


def check_sender(request: Request, origins: re.Pattern[str] | None) -> None:
    """Let a request through whose method and content type are no other page's doing, but for pages of `origins`;
    raises Refused."""
    if request.method == "POST":
        media_type, parameters = media_type_of(request.headers.get("content-type"))
        if media_type != JSON or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
            message = f"The body must be JSON in UTF-8: send it with `content-type: {JSON}`."
            raise Refused(415, message, UNSUPPORTED_MEDIA_TYPE, headers={"accept-post": JSON})
    elif not _is_signed(request, origins):
        raise Refused(400, _FORGED, CSRF_BLOCKED)


def _is_signed(request: Request, origins: re.Pattern[str] | None) -> bool:
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site == "same-origin" or any(headers.get(name) for name in _SIGNS):  # an EventSource can send nothing else
        return True
    is_known = origins is not None and origin is not None and origins.fullmatch(origin) is not None
    is_elsewhere = (site not in {None, "none"} or origin is not None) and not is_known
    return not is_elsewhere and is_named(headers.get("accept"))


def read_body(body: bytes) -> Asked:
    """What the body of a POST asks for; raises Refused."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: {error}.") from None
    if isinstance(sent, list):
        raise _malformed(_NO_BATCHES)
    if not isinstance(sent, dict):
        raise _malformed("The body must be a JSON object with `query`.")
    return read(sent)


def read_address(parameters: Mapping[str, str]) -> Asked:
    """What the query string of a GET asks for; raises Refused. `variables` and `extensions` are JSON in it."""
    sent: dict[str, Any] = {name: value for name, value in parameters.items() if value}
    for name in ("variables", "extensions"):
        if name in sent:
            try:
                sent[name] = orjson.loads(sent[name])
            except orjson.JSONDecodeError as error:
                raise _malformed(f"`{name}` must be JSON: {error}.") from None
    return read(sent)


def read(sent: Mapping[str, Any]) -> Asked:
    """What an object asks for; raises Refused."""
    query, variables = _field(sent, "query", str, "text"), _field(sent, "variables", dict, "an object")
    extensions = _field(sent, "extensions", dict, "an object")
    persisted = _persisted(extensions or {})
    named = _hash(sent, "documentId", "documentId")
    if persisted and named and persisted != named:
        raise _malformed("`documentId` and `extensions.persistedQuery.sha256Hash` name two documents; send one.")
    if not query and not (persisted or named):
        raise _malformed("`query` must hold the document; or send its SHA-256 as `documentId`.")
    return Asked(
        query=query or None,
        variables=variables,
        operation_name=_field(sent, "operationName", str, "text"),
        extensions=extensions,
        document_id=persisted or named,
        is_offered=persisted is not None,
    )


def _persisted(extensions: Mapping[str, Any]) -> str | None:
    """The hash that the protocol of automatic persisted queries names."""
    persisted = _field(extensions, "persistedQuery", dict, "an object", "extensions.persistedQuery")
    if persisted is None:
        return None
    if persisted.get("version") != 1:
        raise _malformed("`extensions.persistedQuery.version` must be 1.")
    if (found := _hash(persisted, "sha256Hash", "extensions.persistedQuery.sha256Hash")) is None:
        raise _malformed("`extensions.persistedQuery.sha256Hash` is missing: the SHA-256 of the document.")
    return found


def _hash(sent: Mapping[str, Any], name: str, path: str) -> str | None:
    value = _field(sent, name, str, "text", path)
    if value is None:
        return None
    if (found := _HASH.fullmatch(value)) is None:
        raise _malformed(f"`{path}` must be the SHA-256 of the document: 64 hexadecimal digits.")
    return found[1].lower()


def _field(sent: Mapping[str, Any], name: str, kind: type, word: str, path: str | None = None) -> Any:
    value = sent.get(name)
    if value is not None and not isinstance(value, kind):
        raise _malformed(f"`{path or name}` must be {word} or null.")
    return value


def _malformed(message: str) -> Refused:
    return Refused(400, message, BAD_USER_INPUT)
