"""Reads of prices: standing, as they stood at an instant, and their history.

Every query answers for many (match, selection) pairs in one statement; callers sort the rows by pair.
A row of history and a standing quote have one shape, `QuoteRow`, and one name, the sequence of the
change that made the price.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.infra.database import Reader

Pair = tuple[int, int]
"""A match and a selection of the dictionary: one outcome that can be bet on."""


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A price of one bookmaker for one selection of one match, standing or replaced."""

    sequence: int
    match_id: int
    selection_id: int
    bookmaker_id: int
    price: float
    previous_price: float | None
    opening_price: float | None
    observed_at: datetime
    confirmed_at: datetime
    """For a replaced price the instant it was observed: later confirmations are not kept."""
    replaced_at: datetime | None
    is_available: bool
    is_estimated: bool
    source: str

    @property
    def pair(self) -> Pair:
        return self.match_id, self.selection_id


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """A market maximum or average that a source computed."""

    match_id: int
    selection_id: int
    name: str
    is_closing: bool
    price: float
    observed_at: datetime


STANDING = """q.sequence, q.match_id, q.selection_id, q.bookmaker_id, q.price::float8, q.previous_price::float8,
    q.opening_price::float8, q.observed_at, q.confirmed_at, null::timestamptz as replaced_at, q.is_available,
    q.is_estimated, q.source"""
"""Columns of a `QuoteRow` from `quote q`."""

AS_IT_STOOD = """c.sequence, c.match_id, c.selection_id, c.bookmaker_id, c.price::float8, c.previous_price::float8,
    q.opening_price::float8, c.observed_at, c.observed_at as confirmed_at, null::timestamptz as replaced_at,
    c.is_available, c.is_estimated, c.source"""
"""The same from `quote_change c` as it was known then: no confirmation and no replacement that came later."""

_CHANGE = """c.sequence, c.match_id, c.selection_id, c.bookmaker_id, c.price::float8, c.previous_price::float8,
    q.opening_price::float8, c.observed_at,
    case when q.sequence = c.sequence then q.confirmed_at else c.observed_at end as confirmed_at,
    case when q.sequence <> c.sequence then n.observed_at end as replaced_at, c.is_available, c.is_estimated,
    c.source"""

JOINED_QUOTE = """left join quote q on q.match_id = c.match_id and q.selection_id = c.selection_id
    and q.bookmaker_id = c.bookmaker_id"""

_JOINED_NEXT = """left join lateral (
    select n.observed_at from quote_change n
    where n.match_id = c.match_id and n.selection_id = c.selection_id and n.bookmaker_id = c.bookmaker_id
      and n.observed_at >= c.observed_at and (n.observed_at, n.sequence) > (c.observed_at, c.sequence)
    order by n.observed_at, n.sequence limit 1) n on true"""

PAIRS = "unnest($1::bigint[], $2::bigint[]) as k(match_id, selection_id)"
"""The first two arguments as a relation."""


def pair_columns(pairs: Iterable[Pair]) -> tuple[list[int], list[int]]:
    """Distinct pairs as the two arrays of `PAIRS`."""
    distinct = list(dict.fromkeys(pairs))
    return [match for match, _ in distinct], [selection for _, selection in distinct]


def completed(chosen: str) -> str:
    """A statement that gives the `quote_change` rows of the statement `chosen` as `QuoteRow`s."""
    return f"with c as materialized ({chosen}) select {_CHANGE} from c {JOINED_QUOTE} {_JOINED_NEXT}"


def rows_of(records: Iterable[asyncpg.Record]) -> list[QuoteRow]:
    """The rows of a statement."""
    return [QuoteRow(*record) for record in records]


def best_first(records: Iterable[asyncpg.Record]) -> list[QuoteRow]:
    """The rows of a statement, highest price first."""
    return sorted(rows_of(records), key=lambda row: (-row.price, row.bookmaker_id))


async def quotes_of(
    reader: Reader, pairs: Iterable[Pair], *, as_of: datetime | None = None, bookmaker_ids: Sequence[int] | None = None
) -> list[QuoteRow]:
    """The price of every bookmaker for each pair, best first: standing now, or at `as_of`."""
    if as_of is None:
        records = await reader.fetch(
            f"""select {STANDING} from {PAIRS} join quote q using (match_id, selection_id)
                where $3::bigint[] is null or q.bookmaker_id = any($3)""",
            *pair_columns(pairs),
            bookmaker_ids,
        )
        return best_first(records)
    records = await reader.fetch(
        f"""with c as materialized (
              select distinct on (match_id, selection_id, bookmaker_id) c.*
              from {PAIRS} join quote_change c using (match_id, selection_id)
              where c.observed_at <= $4 and ($3::bigint[] is null or c.bookmaker_id = any($3))
              order by match_id, selection_id, bookmaker_id, c.observed_at desc, c.sequence desc)
            select {AS_IT_STOOD} from c {JOINED_QUOTE}""",
        *pair_columns(pairs),
        bookmaker_ids,
        as_of,
    )
    return best_first(records)


async def best_of(reader: Reader, pairs: Iterable[Pair], *, as_of: datetime | None = None) -> dict[Pair, QuoteRow]:
    """The best available price of each pair; now from the maintained table."""
    if as_of is None:
        records = await reader.fetch(
            f"""select {STANDING} from {PAIRS} join best_quote b using (match_id, selection_id)
                join quote q using (match_id, selection_id, bookmaker_id)""",
            *pair_columns(pairs),
        )
        return {row.pair: row for row in rows_of(records)}
    best: dict[Pair, QuoteRow] = {}
    for row in await quotes_of(reader, pairs, as_of=as_of):
        if row.is_available:
            best.setdefault(row.pair, row)
    return best


async def quotes_by_sequence(reader: Reader, sequences: Iterable[int]) -> dict[int, QuoteRow]:
    """Prices by the sequence of the change that made them."""
    records = await reader.fetch(
        completed("select * from quote_change where sequence = any($1::bigint[])"),
        list(set(sequences)),
    )
    return {row.sequence: row for row in rows_of(records)}


async def aggregates_of(reader: Reader, pairs: Iterable[Pair], *, as_of: datetime | None = None) -> list[AggregateRow]:
    """Market maxima and averages as sources computed them."""
    records = await reader.fetch(
        f"""select match_id, selection_id, name, is_closing, price::float8, observed_at
            from {PAIRS} join price_aggregate using (match_id, selection_id)
            where $3::timestamptz is null or observed_at <= $3 order by is_closing, name""",
        *pair_columns(pairs),
        as_of,
    )
    return [AggregateRow(*record) for record in records]


async def best_of_market(reader: Reader, match_ids: Iterable[int], market_key: str) -> list[QuoteRow]:
    """The best available prices of one market in many matches, in the customary order of its outcomes."""
    records = await reader.fetch(
        f"""select {STANDING} from market m join selection s on s.market_id = m.id
              join best_quote b on b.selection_id = s.id and b.match_id = any($1::bigint[])
              join quote q on q.match_id = b.match_id and q.selection_id = b.selection_id
                and q.bookmaker_id = b.bookmaker_id
            where m.key = $2 order by s.position""",
        list(set(match_ids)),
        market_key,
    )
    return rows_of(records)
