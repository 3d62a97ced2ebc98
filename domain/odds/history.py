"""Reads of how prices came to be: every change, the first ones, and the last ones before kick-off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.infra.database import Reader
from domain.odds.queries import (
    AS_IT_STOOD,
    JOINED_QUOTE,
    PAIRS,
    Pair,
    QuoteRow,
    best_first,
    completed,
    pair_columns,
    rows_of,
)


async def opening_quotes(reader: Reader, pairs: Iterable[Pair], *, bookmaker_id: int | None = None) -> list[QuoteRow]:
    """The first price of each bookmaker for each pair, best first."""
    records = await reader.fetch(
        completed(
            f"""select distinct on (match_id, selection_id, bookmaker_id) c.*
                from {PAIRS} join quote_change c using (match_id, selection_id)
                where $3::bigint is null or c.bookmaker_id = $3
                order by match_id, selection_id, bookmaker_id, c.observed_at, c.sequence"""
        ),
        *pair_columns(pairs),
        bookmaker_id,
    )
    return best_first(records)


async def closing_quotes(
    reader: Reader, pairs: Iterable[Pair], *, now: datetime, bookmaker_id: int | None = None
) -> list[QuoteRow]:
    """The last available price of each bookmaker up to kick-off, best first; none before kick-off.

    Without `bookmaker_id` only sharp bookmakers count, or all of them for a pair that no sharp one priced.
    """
    records = await reader.fetch(
        completed(
            f"""with last as (
                  select distinct on (c.match_id, c.selection_id, c.bookmaker_id) c.*, b.kind = 'SHARP' as is_sharp
                  from {PAIRS} join match m on m.id = k.match_id and m.kickoff_at <= $4
                    join quote_change c on c.match_id = k.match_id and c.selection_id = k.selection_id
                      and c.observed_at <= m.kickoff_at and c.is_available
                    join bookmaker b on b.id = c.bookmaker_id
                  where $3::bigint is null or c.bookmaker_id = $3
                  order by c.match_id, c.selection_id, c.bookmaker_id, c.observed_at desc, c.sequence desc),
                ranked as (
                  select *, bool_or(is_sharp) over (partition by match_id, selection_id) as has_sharp from last)
                select * from ranked where $3::bigint is not null or is_sharp or not has_sharp"""
        ),
        *pair_columns(pairs),
        bookmaker_id,
        now,
    )
    return best_first(records)


@dataclass(frozen=True, slots=True)
class HistorySpan:
    """Which changes of a price a reader wants: those of some bookmakers, `from_ <= observed_at < to`."""

    bookmaker_ids: Sequence[int] | None = None
    from_: datetime | None = None
    to: datetime | None = None

    @property
    def arguments(self) -> tuple[Sequence[int] | None, datetime | None, datetime | None]:
        return self.bookmaker_ids, self.from_, self.to


_IN_SPAN = """($3::bigint[] is null or c.bookmaker_id = any($3))
    and ($4::timestamptz is null or c.observed_at >= $4) and ($5::timestamptz is null or c.observed_at < $5)"""


async def history_of(
    reader: Reader,
    pairs: Iterable[Pair],
    span: HistorySpan,
    *,
    limit: int,
    older_than: tuple[datetime, int] | None = None,
    newer_than: tuple[datetime, int] | None = None,
    oldest_first: bool = False,
) -> list[QuoteRow]:
    """At most `limit` changes of each pair; positions are (observed_at, sequence) and exclusive."""
    order = "asc" if oldest_first else "desc"
    records = await reader.fetch(
        completed(
            f"""select h.* from {PAIRS} cross join lateral (
                  select * from quote_change c
                  where c.match_id = k.match_id and c.selection_id = k.selection_id and {_IN_SPAN}
                    and ($6::timestamptz is null or (c.observed_at, c.sequence) < ($6, $7::bigint))
                    and ($8::timestamptz is null or (c.observed_at, c.sequence) > ($8, $9::bigint))
                  order by c.observed_at {order}, c.sequence {order} limit $10) h"""
        ),
        *pair_columns(pairs),
        *span.arguments,
        *(older_than or (None, None)),
        *(newer_than or (None, None)),
        limit,
    )
    return sorted(rows_of(records), key=lambda row: (row.observed_at, row.sequence), reverse=not oldest_first)


async def history_counts(reader: Reader, pairs: Iterable[Pair], span: HistorySpan) -> dict[Pair, int]:
    """How many changes each pair has in the span."""
    records = await reader.fetch(
        f"""select c.match_id, c.selection_id, count(*) from {PAIRS}
            join quote_change c using (match_id, selection_id) where {_IN_SPAN} group by 1, 2""",
        *pair_columns(pairs),
        *span.arguments,
    )
    return {(record[0], record[1]): record[2] for record in records}


async def changes_until(
    reader: Reader, pairs: Iterable[Pair], end: datetime, *, bookmaker_id: int | None = None
) -> list[QuoteRow]:
    """Every change of the pairs before `end`, oldest first."""
    records = await reader.fetch(
        f"""select {AS_IT_STOOD} from {PAIRS} join quote_change c using (match_id, selection_id) {JOINED_QUOTE}
            where c.observed_at < $4 and ($3::bigint is null or c.bookmaker_id = $3)
            order by c.observed_at, c.sequence""",
        *pair_columns(pairs),
        bookmaker_id,
        end,
    )
    return rows_of(records)
