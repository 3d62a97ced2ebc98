"""Partitions of `quote_change`: a month of match time each, by UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import asyncpg


async def make_partitions(connection: asyncpg.Connection, instants: Iterable[datetime]) -> None:
    """Make the months of `quote_change` that are missing.

    Before any lock of a league's prices: a transaction that takes both waits in this order. Attaching a table takes
    a lock that lets readers and writers of the other months go on, which `create table … partition of`
    does not.
    """
    months = sorted({(day.year, day.month) for day in (instant.astimezone(UTC) for instant in set(instants))})
    names = {f"quote_change_{year:04d}_{month:02d}": (year, month) for year, month in months}
    missing = await connection.fetch(_MISSING_PARTITIONS, list(names))
    if not missing:
        return
    await connection.execute("select pg_advisory_xact_lock(hashtext('quote_change partitions'))")
    for row in await connection.fetch(_MISSING_PARTITIONS, list(names)):
        year, month = names[row["name"]]
        upper = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01 00:00:00+00"
        await connection.execute(
            f"create table {row['name']} (like quote_change including all);"
            f"alter table quote_change attach partition {row['name']} "
            f"for values from ('{year:04d}-{month:02d}-01 00:00:00+00') to ('{upper}')"
        )


# By the catalogue's rows and not by to_regclass, whose cache may not have heard of another's partition yet.
_MISSING_PARTITIONS = """
select name from unnest($1::text[]) with ordinality as wanted (name, position)
where not exists (
    select from pg_class
    where relname = name and relispartition
      and relnamespace = (select relnamespace from pg_class where oid = 'quote_change'::regclass)
)
order by position
"""
