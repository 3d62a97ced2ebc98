"""Import of match files against plain COPY of the very rows that it leaves.

    uv run python -m benchmarks.import_football_data --from FOLDER [--season 2425 ...] [--database URL]

Rows are matches, changes of prices and aggregates. The import reads files, resolves names, compares with what
is known, and besides keeps standing and best quotes with their foreign keys; COPY gets the finished rows from
memory in PostgreSQL's binary form and puts them into empty tables with the same indexes, a file's share at a time.
Both on the same server, one after the other. The last line is the ratio of their rows per second.
"""

from __future__ import annotations

import asyncio
import io
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import click

from domain.infra.database import Database
from domain.intake.service import import_files, seldom_collected
from domain.migrations.runner import upgrade
from touchline import Provider
from touchline.football_data import season_of_code
from touchline.plugins import load_plugins

TABLES = ("match", "quote_change", "price_aggregate")
BATCH = 20_000
"""Rows of one COPY: about what one file brings."""


Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


@dataclass(frozen=True)
class Run:
    """One way of filling the tables."""

    rows: int
    seconds: float

    @property
    def speed(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


@click.command()
@click.option("--from", "origin", required=True, help="Folder of match files.")
@click.option("--season", "seasons", multiple=True, help="Only this season, for example 2425; repeatable.")
@click.option("--database", "url", help="An empty, migrated database; by default an embedded server of its own.")
def main(origin: str, seasons: tuple[str, ...], url: str | None) -> None:
    """Print rows per second of import and COPY, their ratio, and the import's peak memory."""
    years = [year for year in map(season_of_code, seasons) if year is not None]
    with _server(url) as database_url:
        asyncio.run(_compare(database_url, origin, years))


@contextmanager
def _server(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    from workers.stack.embedded import start_servers

    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder), durable=True) as servers:
        upgrade(servers.database_url)
        yield servers.database_url


async def _compare(url: str, origin: str, years: Sequence[int]) -> None:
    database = await Database.connect(url, size=2)
    provider = load_plugins().providers["football-data"]
    try:
        first = await _import(database, provider, origin, years)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        again = await _import(database, provider, origin, years)
        rows = await _counts(database.pool)
        copied = await _copy(database.pool)
        assert await _counts(database.pool, "copy_") == rows, "COPY left other rows than the import"
    finally:
        await database.close()
    total = sum(rows.values())
    click.echo(", ".join(f"{table} {number:,}" for table, number in rows.items()))
    click.echo(f"import  {total:>10,} rows {first:7.1f} s {total / first:>9,.0f} rows/s, peak memory {peak:.0f} MB")
    click.echo(f"again   {total:>10,} rows {again:7.1f} s {total / again:>9,.0f} rows/s")
    click.echo(f"COPY    {copied.rows:>10,} rows {copied.seconds:7.1f} s {copied.speed:>9,.0f} rows/s")
    click.echo(f"ratio import / COPY: {total / first / copied.speed:.2f}")


async def _import(database: Database, provider: Provider, origin: str, years: Sequence[int]) -> float:
    """Seconds of importing all files, reading included."""
    started = time.perf_counter()
    with seldom_collected():
        async for name, report in import_files(database, provider, origin, provider.files(origin, [], years)):
            assert not isinstance(report, OSError), f"{name}: {report}"
    return time.perf_counter() - started


async def _counts(pool: asyncpg.Pool, prefix: str = "") -> dict[str, int]:
    return {table: await pool.fetchval(f'select count(*) from "{prefix}{table}"') for table in TABLES}


async def _copy(pool: asyncpg.Pool) -> Run:
    """COPY of the same rows into empty tables with the same indexes and partitions."""
    rows, seconds = 0, 0.0
    async with pool.acquire() as connection:
        for table in TABLES:
            await _make_empty(connection, table)
            for payload in await _payloads(connection, table):
                started = time.perf_counter()
                answer = await connection.copy_to_table(f"copy_{table}", source=payload, format="binary")
                seconds += time.perf_counter() - started
                rows += int(answer.split()[-1])
    return Run(rows, seconds)


async def _make_empty(connection: Connection, table: str) -> None:
    """An empty table with the indexes of another one, and for prices its months."""
    await connection.execute(f'drop table if exists "copy_{table}"')
    by_month = " partition by range (observed_at)" if table == "quote_change" else ""
    await connection.execute(f'create table "copy_{table}" (like "{table}" including all){by_month}')
    months = await connection.fetch(
        "select relname, pg_get_expr(relpartbound, oid) as bounds from pg_class "
        "where oid in (select inhrelid from pg_inherits where inhparent = to_regclass($1) and $1 = 'quote_change')",
        table,
    )
    for month in months:
        await connection.execute(f"create table copy_{month['relname']} partition of copy_{table} {month['bounds']}")


async def _payloads(connection: Connection, table: str) -> list[io.BytesIO]:
    """The table's rows in PostgreSQL's binary form, in pieces and in the order in which they were written."""
    order = {"match": "id", "quote_change": "sequence", "price_aggregate": "match_id, selection_id, name, is_closing"}
    total = await connection.fetchval(f'select count(*) from "{table}"')
    payloads = []
    await connection.execute(
        f'create temp table pieces as select row_number() over (order by {order[table]}) as n, t.* from "{table}" t'
    )
    await connection.execute("create index on pieces (n)")
    columns = [row[0] for row in await connection.fetch(_COLUMNS, table)]
    for start in range(0, total, BATCH):
        piece = io.BytesIO()
        query = f"select {', '.join(columns)} from pieces where n > {start} and n <= {start + BATCH} order by n"
        await connection.copy_from_query(query, output=piece, format="binary")
        piece.seek(0)
        payloads.append(piece)
    await connection.execute("drop table pieces")
    return payloads


_COLUMNS = "select attname from pg_attribute where attrelid = to_regclass($1) and attnum > 0 order by attnum"


if __name__ == "__main__":
    main()
