"""The log of prices: `quote_change`, which is only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from domain.odds.rules import Past, Standing, exact
from domain.odds.ticks import Key, PricedMatch, Tick

BULK: Final = 2_000
"""Rows from which COPY is faster than arrays."""
REACH: Final = timedelta(days=370)
"""How long before a match its prices can begin: how far back its history is looked up."""


async def append_changes(
    connection: asyncpg.Connection,
    changes: Sequence[tuple[Tick, float | None]],
    first: int,
    source: str,
    now: datetime,
) -> None:
    """Append accepted prices, each with the one that it replaced, under the sequences from `first` on."""
    if len(changes) >= BULK:
        rows = [
            (
                sequence,
                tick.observed_at,
                tick.match_id,
                tick.selection_id,
                tick.bookmaker_id,
                exact(tick.price),
                None if replaced is None else exact(replaced),
                tick.is_available,
                tick.is_estimated,
                source,
                now,
            )
            for sequence, (tick, replaced) in enumerate(changes, first)
        ]
        await connection.copy_records_to_table("quote_change", records=rows, columns=_CHANGE_COLUMNS)
        return
    ticks = [tick for tick, _ in changes]
    await connection.execute(
        _APPEND,
        first,
        [tick.match_id for tick in ticks],
        [tick.selection_id for tick in ticks],
        [tick.bookmaker_id for tick in ticks],
        [tick.price for tick in ticks],
        [replaced for _, replaced in changes],
        [tick.observed_at for tick in ticks],
        [tick.is_available for tick in ticks],
        [tick.is_estimated for tick in ticks],
        source,
        now,
    )


_CHANGE_COLUMNS: Final = (
    "sequence",
    "observed_at",
    "match_id",
    "selection_id",
    "bookmaker_id",
    "price",
    "previous_price",
    "is_available",
    "is_estimated",
    "source",
    "recorded_at",
)

_APPEND = """
insert into quote_change (sequence, match_id, selection_id, bookmaker_id, price, previous_price, observed_at,
                          is_available, is_estimated, source, recorded_at)
select $1::int8 + position - 1, match_id, selection_id, bookmaker_id, price, previous, observed_at,
       is_available, is_estimated, $10, $11
from unnest($2::int8[], $3::int8[], $4::int8[], $5::float8[], $6::float8[], $7::timestamptz[], $8::bool[], $9::bool[])
     with ordinality as new (match_id, selection_id, bookmaker_id, price, previous, observed_at,
                             is_available, is_estimated, position)
"""


async def past_changes(
    connection: asyncpg.Connection, matches: Mapping[int, PricedMatch], standing: Mapping[Key, Standing]
) -> dict[Key, list[Past]]:
    """All recorded changes of the matches that have standing quotes, by key, in time order."""
    match_ids = sorted({key[0] for key in standing})
    if not match_ids:
        return {}
    kickoffs = [matches[match_id].kickoff_at for match_id in match_ids]
    upper = max(max(kickoffs), max(quote.observed_at for quote in standing.values()))
    past: dict[Key, list[Past]] = {}
    for row in await connection.fetch(_PAST, match_ids, min(kickoffs) - REACH, upper):
        past.setdefault(tuple(row[:3]), []).append(Past(*row[3:]))
    return past


_PAST = """
select match_id, selection_id, bookmaker_id, observed_at, price::float8, is_available, is_estimated
from quote_change
where match_id = any($1::int8[]) and observed_at >= $2 and observed_at <= $3
order by observed_at, sequence
"""
