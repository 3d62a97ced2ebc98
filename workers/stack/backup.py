"""A backup of a deployment in one file: `touchline backup`.

PostgreSQL alone is the truth, so a backup is its database: dumped, counted and digested in one snapshot, while
the product goes on. Redis holds nothing that cannot be made again. The signing key is left out: whoever finds
the file must not be able to sign in as anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import asyncpg

from domain.infra import contents, queries
from domain.infra.clock import machine_now
from domain.infra.contents import Contents
from domain.infra.database import MINIMUM_SERVER
from domain.infra.errors import SettingsError
from workers.stack.archive import Manifest, new_archive
from workers.stack.binaries import Program, find_client
from workers.stack.clients import Address, address_of, run_dump, working
from workers.stack.embedded import has_cluster, start_postgres
from workers.stack.errors import StackError
from workers.stack.running import read_running


class Progress(Protocol):
    """Is told how far the work is."""

    def begin(self, name: str, total: int) -> None:
        """A stage with so many bytes to do."""

    def advance(self, count: int) -> None:
        """So many more are done."""


@contextmanager
def database_of(folder: Path) -> Iterator[str]:
    """The database that a data folder belongs to: of the stack that runs there, else its own, started for the block.

    Raises SettingsError with the remedy when there is none.
    """
    running = read_running(folder)
    if running is not None:
        yield running.database_url
    elif has_cluster(folder):
        with start_postgres(folder) as url:
            yield url
    else:
        raise SettingsError(
            [f"{folder} holds no database, and DATABASE_URL is not set. Set it, or name a folder with `--data-dir`."]
        )


async def make_backup(url: str, path: Path, progress: Progress, *, is_forced: bool = False) -> Manifest:
    """Write a backup of the database at `url` to `path`; what the file says of itself."""
    address = address_of(url)
    with new_archive(path, is_forced=is_forced) as draft:
        async with working(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            await contents.settle_formats(connection)
            snapshot = await connection.fetchval("select pg_export_snapshot()")
            at = machine_now()
            revision = await queries.revision(connection)
            if revision is None:
                raise StackError("This database holds nothing of Touchline: it was never migrated.")
            parts = await contents.tables(connection)
            program = await client_for(connection, address, "pg_dump")
            found = await read_contents(connection, parts, progress)
            with draft.dump() as file:
                sizes = {part: size for table in parts.values() for part, size in table.items()}
                progress.begin("Dumping", sum(sizes.values()))
                await run_dump(
                    program, address, snapshot, file.write, lambda part: progress.advance(sizes.get(part, 0))
                )
            manifest = Manifest(
                version=version("touchline"),
                revision=revision,
                taken_at=at.isoformat(timespec="seconds"),
                postgresql=await queries.server_version(connection),
                pg_dump=program.version,
                dump_bytes=file.bytes,
                dump_sha256=file.sha256,
                tables=found,
            )
        draft.seal(manifest)
    return manifest


async def client_for(connection: asyncpg.Connection, address: Address, name: str, least: int = 0) -> Program:
    """The client program that fits the server, and is at least of major version `least`."""
    server = int(await connection.fetchval("show server_version_num"))
    if server < MINIMUM_SERVER:
        raise StackError(
            f"The server is PostgreSQL {server // 10000}. Upgrade it to PostgreSQL {MINIMUM_SERVER // 10000} or newer."
        )
    return find_client(name, max(least, server // 10000), from_path=not address.is_socket)


async def read_contents(
    connection: asyncpg.Connection, parts: Mapping[str, Mapping[str, int]], progress: Progress
) -> dict[str, Contents]:
    """What every table holds, in the transaction that the formats were settled in."""
    progress.begin("Counting", sum(sum(sizes.values()) for sizes in parts.values()))
    found = {}
    for table, sizes in parts.items():
        found[table] = await contents.contents(connection, table)
        progress.advance(sum(sizes.values()))
    return found
