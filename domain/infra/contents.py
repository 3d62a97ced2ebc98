"""What a database holds, in figures that a copy of it must have too: rows and a digest of every table.

A digest is the sum of the SHA-256 of each row's text, so it needs no order, no sorting and no memory, and is
the same on every version of PostgreSQL that writes values alike. It finds damage; it does not stop a forger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from domain.infra.database import Reader

_FORMATS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table holds."""

    rows: int
    digest: str
    """64 hexadecimal digits."""


async def settle_formats(connection: asyncpg.Connection) -> None:
    """Let values of this transaction be written as digests need them, and let it take its time."""
    for name, value in _FORMATS.items():
        await connection.execute("select set_config($1, $2, true)", name, value)


async def tables(db: Reader) -> dict[str, dict[str, int]]:
    """Every table that is somebody's, by name, with the bytes of what it is stored in: itself, or its partitions.

    Tables outside the schema `public` are called `schema.table`. Those of extensions are not among them.
    """
    rows = await db.fetch(
        """select n.nspname || '.' || c.relname as part, c.relkind,
                  case when r.schema = 'public' then r.name else r.schema || '.' || r.name end as name,
                  pg_table_size(c.oid) as bytes
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
             cross join lateral (
               select rc.relname as name, rn.nspname as schema
               from pg_class rc join pg_namespace rn on rn.oid = rc.relnamespace
               where rc.oid = coalesce(pg_partition_root(c.oid), c.oid)) r
           where c.relkind in ('r', 'p') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
             and not exists (select 1 from pg_depend d
                             where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
           order by name, part"""
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        parts = found.setdefault(row["name"], {})
        if row["relkind"] == b"r":
            parts[row["part"]] = row["bytes"]
    return found


async def contents(db: Reader, table: str) -> Contents:
    """What a table holds now. Call `settle_formats` first, in the same transaction."""
    schema, _, name = table.rpartition(".")
    place = await db.fetchval("select format('%I.%I', $1::text, $2::text)", schema or "public", name)
    lanes = ", ".join(
        f"coalesce(sum(('x' || substr(digest, {1 + 16 * lane}, 16))::bit(64)::bigint), 0) as lane{lane}"
        for lane in range(4)
    )
    row = await db.fetchrow(
        f"""select count(*) as rows, {lanes} from (
              select encode(sha256(convert_to((t.*)::text, 'UTF8')), 'hex') as digest from {place} t offset 0) each"""
    )
    assert row is not None
    return Contents(row["rows"], hashlib.sha256(":".join(map(str, row)).encode()).hexdigest())


def differences(expected: Mapping[str, Contents], found: Mapping[str, Contents]) -> list[str]:
    """In what two databases differ, a sentence a table; empty when they hold the same."""
    return [
        sentence
        for name in sorted(expected.keys() | found.keys())
        if (sentence := _difference(name, expected.get(name), found.get(name)))
    ]


def _difference(name: str, expected: Contents | None, found: Contents | None) -> str:
    if found is None or expected is None:
        return f"{name} is missing." if found is None else f"{name} was not there."
    if expected.rows != found.rows:
        return f"{name} has {found.rows:,} rows in place of {expected.rows:,}."
    return "" if expected.digest == found.digest else f"{name} has rows with other values."
