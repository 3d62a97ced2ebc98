"""Standing quotes: what stands, what was seen again, and what stands now. The leagues are locked meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from domain.odds.rules import Standing, exact
from domain.odds.ticks import Key, Tick


async def standing_quotes(connection: asyncpg.Connection, keys: Sequence[Key]) -> dict[Key, Standing]:
    """The standing quotes of the keys."""
    if not keys:
        return {}
    rows = await connection.fetch(_STANDING, *(list(column) for column in zip(*keys, strict=True)))
    return {tuple(row[:3]): Standing(*row[3:]) for row in rows}


_STANDING = """
select match_id, selection_id, bookmaker_id, price::float8, previous_price::float8, opening_price::float8,
       observed_at, confirmed_at, is_available, is_estimated
from unnest($1::int8[], $2::int8[], $3::int8[]) as wanted (match_id, selection_id, bookmaker_id)
join quote using (match_id, selection_id, bookmaker_id)
"""


async def confirm_quotes(connection: asyncpg.Connection, confirmed: Mapping[Key, datetime]) -> None:
    """Note when prices that stand were last seen."""
    if confirmed:
        keys = zip(*confirmed, strict=True)
        await connection.execute(_CONFIRM, *(list(column) for column in keys), list(confirmed.values()))


_CONFIRM = """
update quote set confirmed_at = seen.at
from unnest($1::int8[], $2::int8[], $3::int8[], $4::timestamptz[]) as seen (match_id, selection_id, bookmaker_id, at)
where (quote.match_id, quote.selection_id, quote.bookmaker_id)
    = (seen.match_id, seen.selection_id, seen.bookmaker_id)
"""


async def insert_quotes(
    connection: asyncpg.Connection,
    new: Mapping[Key, tuple[Standing, Tick | None]],
    sequences: Mapping[int, int],
    source: str,
) -> None:
    """Quotes of keys that had none; `sequences` are by the tick's `id()`."""
    if not new:
        return
    rows = [
        (
            *key,
            exact(stands.price),
            None if stands.previous_price is None else exact(stands.previous_price),
            exact(stands.opening_price),
            stands.observed_at,
            stands.confirmed_at,
            stands.is_available,
            stands.is_estimated,
            source,
            sequences[id(tick)],
        )
        for key, (stands, tick) in new.items()
    ]
    await connection.copy_records_to_table("quote", records=rows, columns=_QUOTE_COLUMNS)


_QUOTE_COLUMNS: Final = (
    "match_id",
    "selection_id",
    "bookmaker_id",
    "price",
    "previous_price",
    "opening_price",
    "observed_at",
    "confirmed_at",
    "is_available",
    "is_estimated",
    "source",
    "sequence",
)


async def move_quotes(
    connection: asyncpg.Connection,
    moved: Mapping[Key, tuple[Standing, Tick | None]],
    sequences: Mapping[int, int],
    source: str,
) -> None:
    """Quotes that stand otherwise now; one that an earlier change made keeps its sequence and source."""
    if not moved:
        return
    quotes = [stands for stands, _ in moved.values()]
    await connection.execute(
        _MOVE_QUOTES,
        *(list(column) for column in zip(*moved, strict=True)),
        [stands.price for stands in quotes],
        [stands.previous_price for stands in quotes],
        [stands.opening_price for stands in quotes],
        [stands.observed_at for stands in quotes],
        [stands.confirmed_at for stands in quotes],
        [stands.is_available for stands in quotes],
        [stands.is_estimated for stands in quotes],
        [None if tick is None else sequences[id(tick)] for _, tick in moved.values()],
        source,
    )


_MOVE_QUOTES = """
update quote set price = new.price, previous_price = new.previous, opening_price = new.opening,
    observed_at = new.observed_at, confirmed_at = new.confirmed_at, is_available = new.is_available,
    is_estimated = new.is_estimated, sequence = coalesce(new.sequence, quote.sequence),
    source = case when new.sequence is null then quote.source else $12 end
from unnest($1::int8[], $2::int8[], $3::int8[], $4::float8[], $5::float8[], $6::float8[], $7::timestamptz[],
            $8::timestamptz[], $9::bool[], $10::bool[], $11::int8[])
     as new (match_id, selection_id, bookmaker_id, price, previous, opening, observed_at, confirmed_at,
             is_available, is_estimated, sequence)
where (quote.match_id, quote.selection_id, quote.bookmaker_id)
    = (new.match_id, new.selection_id, new.bookmaker_id)
"""
