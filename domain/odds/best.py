"""Best quotes: of each selection of a match the highest available price."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg


async def choose_best(
    connection: asyncpg.Connection, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Work out the best quotes of (match, selection) pairs anew: bookmaker and sequence by pair.

    Of equal prices the older one is the best, so that a follower does not take the place.
    """
    ordered = sorted(pairs)
    if not ordered:
        return {}
    rows = await connection.fetch(_BEST, *(list(column) for column in zip(*ordered, strict=True)))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


_BEST = """
with affected as (select * from unnest($1::int8[], $2::int8[]) as pair (match_id, selection_id)),
best as (
    select distinct on (match_id, selection_id) match_id, selection_id, bookmaker_id, price, sequence
    from affected join quote using (match_id, selection_id)
    where is_available
    order by match_id, selection_id, price desc, observed_at, bookmaker_id
),
gone as (
    delete from best_quote using affected
    where (best_quote.match_id, best_quote.selection_id) = (affected.match_id, affected.selection_id)
      and not exists (
        select from best
        where (best.match_id, best.selection_id) = (best_quote.match_id, best_quote.selection_id)
      )
),
kept as (
    insert into best_quote (match_id, selection_id, bookmaker_id, price, sequence)
    select match_id, selection_id, bookmaker_id, price, sequence from best
    on conflict (match_id, selection_id) do update
    set bookmaker_id = excluded.bookmaker_id, price = excluded.price, sequence = excluded.sequence
    where (best_quote.bookmaker_id, best_quote.price, best_quote.sequence)
        is distinct from (excluded.bookmaker_id, excluded.price, excluded.sequence)
)
select match_id, selection_id, bookmaker_id, sequence from best
"""
