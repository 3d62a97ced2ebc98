"""Bookmakers by their keys, made when a source first names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import asyncpg


@dataclass(frozen=True, slots=True)
class NewBookmaker:
    """A bookmaker as a source describes it. `commission` is its share of winnings."""

    key: str
    name: str
    kind: str = "SOFT"
    commission: float = 0.0
    is_simulated: bool = False


async def bookmakers(connection: asyncpg.Connection, named: Iterable[NewBookmaker]) -> Mapping[str, int]:
    """Ids of all bookmakers by key, after adding those of `named` that are missing. Existing rows stay as they are."""
    known = await _bookmaker_ids(connection)
    missing = sorted({book.key: book for book in named if book.key not in known}.values(), key=lambda book: book.key)
    if not missing:
        return known
    await connection.execute(
        _ADD_BOOKMAKERS,
        [book.key for book in missing],
        [book.name for book in missing],
        [book.kind for book in missing],
        [book.commission for book in missing],
        [book.is_simulated for book in missing],
    )
    return await _bookmaker_ids(connection)


_ADD_BOOKMAKERS = """
insert into bookmaker (key, name, kind, commission, is_simulated)
select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::bool[])
on conflict (key) do nothing
"""


async def _bookmaker_ids(connection: asyncpg.Connection) -> Mapping[str, int]:
    rows = await connection.fetch("select key, id from bookmaker order by key")
    return MappingProxyType({row["key"]: row["id"] for row in rows})
