"""A backup brought back, into an empty database or data folder alone: `touchline restore`.

Whatever goes wrong before the database is whole leaves nothing behind. Redis needs nothing from a backup: what
waited is in the job table, whence the scheduler sends it again, prices are read from the database until new
ones come, and counters begin anew. What an older life left in Redis is removed, since its ids would collide.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import redis
from redis.exceptions import RedisError

from domain.infra import contents, queries
from domain.migrations.runner import head, knows, upgrade
from workers.stack.archive import Manifest, check_dump, dump_pieces, read_manifest
from workers.stack.backup import Progress, client_for, read_contents
from workers.stack.binaries import Program
from workers.stack.children import nothing
from workers.stack.clients import address_of, run_restore, working
from workers.stack.embedded import start_postgres
from workers.stack.errors import StackError

OURS = "touchline:*"
"""Every key of ours in Redis."""


def open_backup(path: Path, progress: Progress) -> Manifest:
    """What a backup says of itself, once it is known to be whole and of a schema that this code can read."""
    manifest = read_manifest(path)
    if not knows(manifest.revision):
        raise StackError(
            f"{path} has schema {manifest.revision} of Touchline {manifest.version}, and this version knows "
            f"schemas up to {head()}. Install Touchline {manifest.version} or newer."
        )
    progress.begin("Checking", manifest.dump_bytes)
    check_dump(path, manifest, progress.advance)
    return manifest


@contextmanager
def new_folder(folder: Path) -> Iterator[str]:
    """A database in a data folder that must be empty; what the block leaves there goes when it fails."""
    was_there = folder.exists()
    if was_there and (not folder.is_dir() or any(folder.iterdir())):
        raise StackError(f"{folder} is not empty. Name a new folder with `--data-dir`, or remove what is in it.")
    try:
        with start_postgres(folder) as url:
            yield url
    except BaseException:
        _clear(folder, keep=was_there)
        raise


def _clear(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def forget_redis(url: str) -> None:
    """Remove what an older life of the deployment left in Redis; raises StackError when it does not answer."""
    try:
        with redis.Redis.from_url(url, socket_timeout=10.0) as client:
            for key in client.scan_iter(OURS, count=1000):
                client.unlink(key)
    except (OSError, RedisError) as error:
        raise StackError(
            f"Redis does not answer ({type(error).__name__}). Start it, or correct REDIS_URL; nothing was changed."
        ) from None


def restore(
    url: str,
    path: Path,
    manifest: Manifest,
    progress: Progress,
    *,
    is_verified: bool,
    prepare: Callable[[], None] = nothing,
) -> list[str]:
    """Fill an empty database and bring it to the newest schema; in what it differs from the backup.

    `prepare` is called once the database is known to be empty. Where it differs afterwards, which only
    `is_verified` finds out, it stays at the backup's schema to be looked at.
    """
    program, server = asyncio.run(_examine(url, manifest))
    prepare()
    found = asyncio.run(_fill(url, path, manifest, program, server, progress, is_verified=is_verified))
    if not found:
        upgrade(url)
    return found


async def _examine(url: str, manifest: Manifest) -> tuple[Program, int]:
    """The program that restores the backup into a database, which must be empty and new enough, and the major version
    of its server."""
    async with working(url) as connection:
        await _refuse_unless_empty(connection)
        await _refuse_older_server(connection, manifest)
        program = await client_for(connection, address_of(url), "pg_restore", _major(manifest.pg_dump))
        return program, _major(await queries.server_version(connection))


async def _fill(
    url: str, path: Path, manifest: Manifest, program: Program, server: int, progress: Progress, *, is_verified: bool
) -> list[str]:
    progress.begin("Restoring", manifest.dump_bytes)
    await run_restore(program, address_of(url), _told(path, progress), server=server)
    async with working(url) as connection:
        await connection.execute("analyze")
    if not is_verified:
        return []
    async with working(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await contents.settle_formats(connection)
        found = await read_contents(connection, await contents.tables(connection), progress)
        differences = contents.differences(manifest.tables, found)
        revision = await queries.revision(connection)
    if revision != manifest.revision:
        differences.append(f"The schema is {revision} in place of {manifest.revision}.")
    return differences


def _told(path: Path, progress: Progress) -> Iterator[bytes]:
    for piece in dump_pieces(path):
        yield piece
        progress.advance(len(piece))


async def _refuse_unless_empty(connection: asyncpg.Connection) -> None:
    found = await contents.tables(connection)
    if found:
        raise StackError(
            f"The database holds {len(found)} tables already, and a backup is restored into an empty one. "
            "Make a new database and name it in DATABASE_URL."
        )


async def _refuse_older_server(connection: asyncpg.Connection, manifest: Manifest) -> None:
    here = await queries.server_version(connection)
    if _major(here) < _major(manifest.postgresql):
        raise StackError(
            f"The server is PostgreSQL {here}, and the backup comes from {manifest.postgresql}. "
            f"Use a server of PostgreSQL {_major(manifest.postgresql)} or newer."
        )


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    assert found is not None, version
    return int(found[0])
