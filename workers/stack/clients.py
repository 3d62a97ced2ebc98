"""PostgreSQL's own programs, and connections, on a database of which only a URL is known.

A password travels in the environment and never on a command line, and what a program says is cleaned of it
before anybody reads it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from domain.infra.settings import ESCAPES
from workers.stack.archive import PIECE
from workers.stack.binaries import Program
from workers.stack.errors import StackError

_TIMEOUT_SECONDS = 10.0
_LAST_LINES = 6
_PLAIN = ("--no-owner", "--no-privileges")
_WITH_TIMEOUT = 17
"""Version of PostgreSQL that knows `transaction_timeout`: programs as new as it set it, whatever the server."""
_TIMEOUT_LINE = b"SET transaction_timeout = 0;\n"
_TABLE = re.compile(r'dumping contents of table "(.+)"$')

Named = Callable[[str], None]
"""Is told of each table, as `schema.table`, when it is begun with."""


@dataclass(frozen=True, slots=True)
class Address:
    """A database's URL in two parts, so that the first may be shown."""

    url: str
    """Without the password."""
    password: str | None

    @property
    def is_socket(self) -> bool:
        """Whether it is reached by a socket of this machine, where nothing needs TLS."""
        parts = urlsplit(self.url)
        return not parts.hostname and dict(parse_qsl(parts.query)).get("host", "").startswith("/")

    @property
    def option(self) -> str:
        """How PostgreSQL's programs are told of it."""
        return f"--dbname={self.url}"

    def environment(self) -> dict[str, str]:
        """The environment of PostgreSQL's programs; their messages are in English, whoever runs them."""
        return os.environ | {"LC_ALL": "C"} | ({} if self.password is None else {"PGPASSWORD": self.password})

    def clean(self, text: str) -> str:
        """A text without the password."""
        for secret in {self.password, quote(self.password, safe="")} if self.password else ():
            text = text.replace(secret, "…")
        return text


def address_of(url: str) -> Address:
    """The parts of a database's URL; raises StackError when it has none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise StackError(MALFORMED) from None
    query = dict(parse_qsl(parts.query))
    password = query.pop("password", None) or (None if parts.password is None else unquote(parts.password))
    user, at, place = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}{at}{place}"
    return Address(urlunsplit(parts._replace(netloc=netloc, query=urlencode(query))), password)


MALFORMED = f"DATABASE_URL is malformed. {ESCAPES}."


@asynccontextmanager
async def connected(
    url: str, *, seconds: float = _TIMEOUT_SECONDS, query_seconds: float | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database, had within `seconds`; raises StackError, without its password, when it cannot be.

    A query takes `query_seconds` at most.
    """
    address = address_of(url)
    try:
        connection = await asyncpg.connect(url, timeout=seconds, command_timeout=query_seconds)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        words = address.clean(str(error)).rstrip(".") or type(error).__name__
        raise StackError(f"The database gives no answer: {words}. Start it, or correct DATABASE_URL.") from None
    try:
        yield connection
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it may be lost already
            await connection.close(timeout=seconds)


@asynccontextmanager
async def working(url: str) -> AsyncIterator[asyncpg.Connection]:
    """The same for a long work: raises StackError also when the connection is lost or a query fails."""
    async with connected(url) as connection:
        try:
            yield connection
        except (ConnectionError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            address = address_of(url)
            words = address.clean(str(error)).rstrip(".") or type(error).__name__
            raise StackError(
                f"The database at {address.url} broke off: {words}. See whether it runs and what its log says, and "
                "begin again."
            ) from None


async def run_dump(
    program: Program, address: Address, snapshot: str, write: Callable[[bytes], Any], told: Named
) -> None:
    """Write a database as a snapshot shows it, in pg_dump's custom format."""
    words = ("--format=custom", *_PLAIN, f"--snapshot={snapshot}")
    async with _running(program, address, *words, "--verbose", address.option, told=told) as process:
        assert process.stdout is not None
        while piece := await process.stdout.read(PIECE):
            write(piece)


async def run_restore(program: Program, address: Address, pieces: Iterable[bytes], *, server: int) -> None:
    """Put a database in pg_dump's custom format into an empty one of major version `server`: the whole of it, or
    nothing."""
    if is_too_new(program, server):
        await _restore_by_script(program, address, pieces)
        return
    words = ("--single-transaction", "--exit-on-error", *_PLAIN, address.option)
    async with _running(program, address, *words) as process:
        await _feed(process, pieces)


def is_too_new(program: Program, server: int) -> bool:
    """Whether pg_restore sets something that a server of this major version does not know, and refuses."""
    return program.major >= _WITH_TIMEOUT > server


async def _restore_by_script(program: Program, address: Address, pieces: Iterable[bytes]) -> None:
    """The same by psql, which is given pg_restore's script without the line that the server does not know."""
    psql = replace(program, path=program.path.with_name("psql"))
    if not psql.path.exists():
        raise StackError(
            f"A server older than PostgreSQL {_WITH_TIMEOUT} is restored into with `psql`, which is not beside "
            f"{program.path}. Install the client programs of PostgreSQL {program.major} whole."
        )
    words = (
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--no-psqlrc",
        "--quiet",
        "--output=/dev/null",
        "--file=-",
    )
    async with _running(psql, address, *words, address.option) as target:
        assert target.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it ended early, and says why
            # Where pg_restore fails, psql is killed before its input ends: it would commit what it has.
            async with _running(program, address, "--file=-", *_PLAIN) as source:
                await asyncio.gather(_feed(source, pieces), _copy_script(source, target.stdin))
            target.stdin.close()


async def _feed(process: asyncio.subprocess.Process, pieces: Iterable[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended early, and says why
        for piece in pieces:
            process.stdin.write(piece)
            await process.stdin.drain()
        process.stdin.close()


async def _copy_script(source: asyncio.subprocess.Process, target: asyncio.StreamWriter) -> None:
    """The line is one of the first, before any line that somebody else wrote."""
    assert source.stdout is not None
    while (line := await source.stdout.readline()) and line != _TIMEOUT_LINE:
        target.write(line)
    while piece := await source.stdout.read(PIECE):
        target.write(piece)
        await target.drain()


@asynccontextmanager
async def _running(
    program: Program, address: Address, *words: str, told: Named | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program at work; raises StackError with its last words when it fails, and ends it when the block does."""
    process = await asyncio.create_subprocess_exec(
        program.path,
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=address.environment(),
    )
    said: deque[str] = deque(maxlen=_LAST_LINES)
    listening = asyncio.create_task(_listen(process, said, told))
    try:
        yield process
        await listening
        code = await process.wait()
    finally:
        listening.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise StackError(f"{program.path.name} failed. It said:\n  " + "\n  ".join(map(address.clean, said)))


async def _listen(process: asyncio.subprocess.Process, said: deque[str], told: Named | None) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode(errors="replace").rstrip()
        said.append(text)
        found = _TABLE.search(text)
        if told is not None and found is not None:
            told(found[1])
