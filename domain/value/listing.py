"""Lists of value bets: what narrows them, what sorts them, one page and the size of the whole; and bets by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from domain.forecasting.queries import IN_SHADOW
from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.markets.queries import graph_kind

VALUE_BET = """b.id as key, b.match_id, b.selection_id, b.bookmaker_id, b.strategy_key, b.model_version_id,
    b.prediction_id, b.price::float8, b.sequence, b.probability, b.edge, b.kelly, b.recommendation, b.status as state,
    b.found_at, b.updated_at, b.expired_at, b.job_id,
    m.status in ('FINISHED', 'AWARDED', 'ABANDONED', 'CANCELLED') as is_over"""

VALUE_BET_ORDERS: Mapping[str, SortKey] = {
    "EDGE": SortKey("b.edge"),
    "KELLY": SortKey("b.kelly"),
    "CONFIDENCE": SortKey("p.confidence", is_nullable=True),
    "DETECTED": SortKey("b.found_at"),
    "KICKOFF": SortKey("m.kickoff_at"),
}
"""What a list of value bets can be sorted by; the tie-break is `b.id`."""

_LISTED = "value_bet b join match m on m.id = b.match_id left join prediction p on p.id = b.prediction_id"

_STATUS = """case when b.status = 'EXPIRED' and m.status in ('FINISHED', 'AWARDED', 'ABANDONED', 'CANCELLED')
    then 'SETTLED' else b.status end"""
_OF_KIND = f"""exists (select 1 from selection s join market k on k.id = s.market_id
    where s.id = b.selection_id and {graph_kind("k.kind")} = any({{}}::text[]))"""
_FRESH = """(b.status <> 'OPEN' or exists (select 1 from quote q
    where q.match_id = b.match_id and q.selection_id = b.selection_id and q.bookmaker_id = b.bookmaker_id
      and q.confirmed_at >= {}))"""
_MAY_BE_SEEN = f"({{}}::bool or b.strategy_key <> all({IN_SHADOW}))"


@dataclass(frozen=True, slots=True)
class ValueBetCriteria:
    """Which value bets a list holds; what is None does not narrow it."""

    min_edge: float | None = None
    max_edge: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    min_confidence: float | None = None
    kinds: Sequence[str] | None = None
    league_ids: Sequence[int] | None = None
    match_ids: Sequence[int] | None = None
    bookmaker_ids: Sequence[int] | None = None
    statuses: Sequence[str] | None = None
    """OPEN, EXPIRED, or SETTLED: expired, and the match is over."""
    with_prediction: Sequence[bool] | None = None
    """Whether a model's prediction stands behind it."""
    kickoff_from: datetime | None = None
    kickoff_to: datetime | None = None
    confirmed_since: datetime | None = None
    """Only open bets whose quote was confirmed at or after this; others are not narrowed by it."""
    sees_shadow: bool = False
    """Whether those of strategies of plugins in shadow are in it."""

    def where(self) -> Where:
        where = Where()
        for condition, value in (
            ("b.edge >= {}::float8", self.min_edge),
            ("b.edge <= {}::float8", self.max_edge),
            ("b.price >= {}::float8", self.min_price),
            ("b.price <= {}::float8", self.max_price),
            ("p.confidence >= {}::float8", self.min_confidence),
            ("m.league_id = any({}::bigint[])", self.league_ids),
            ("b.match_id = any({}::bigint[])", self.match_ids),
            ("b.bookmaker_id = any({}::bigint[])", self.bookmaker_ids),
            (f"{_STATUS} = any({{}}::text[])", self.statuses),
            ("(b.prediction_id is not null) = any({}::bool[])", self.with_prediction),
            ("m.kickoff_at >= {}", self.kickoff_from),
            ("m.kickoff_at < {}", self.kickoff_to),
            (_OF_KIND, self.kinds),
            (_FRESH, self.confirmed_since),
        ):
            if value is not None:
                where.add(condition, value)
        where.add(_MAY_BE_SEEN, self.sees_shadow)
        return where


async def value_bet_page(db: Reader, criteria: ValueBetCriteria, window: Window, sort_key: str) -> list[Record]:
    """A page; `sort_key` is the expression of the order."""
    condition, ordering, arguments = criteria.where().paged(window)
    return await db.fetch(
        f"select {VALUE_BET}, {sort_key} as sort_key from {_LISTED} where {condition} {ordering}", *arguments
    )


async def value_bet_count(db: Reader, criteria: ValueBetCriteria) -> int:
    """Size of the whole list."""
    where = criteria.where()
    count: int = await db.fetchval(f"select count(*) from {_LISTED} where {where.sql}", *where.arguments)
    return count


async def value_bets(db: Reader, ids: Sequence[int], *, sees_shadow: bool = False) -> list[Record]:
    """Value bets by id; those of strategies of plugins in shadow only for whoever sees them."""
    return await db.fetch(
        f"""select {VALUE_BET} from value_bet b join match m on m.id = b.match_id
            where b.id = any($1::bigint[]) and {_MAY_BE_SEEN.format("$2")}""",
        ids,
        sees_shadow,
    )


async def open_value_bets(
    db: Reader, match_ids: Sequence[int], min_edge: float, max_edge: float, *, sees_shadow: bool = False
) -> list[Record]:
    """Open value bets of each match with an edge in the span, largest edge first."""
    return await db.fetch(
        f"""select {VALUE_BET} from value_bet b join match m on m.id = b.match_id
            where b.match_id = any($1::bigint[]) and b.status = 'OPEN' and b.edge >= $2 and b.edge <= $3
              and {_MAY_BE_SEEN.format("$4")}
            order by b.edge desc, b.id""",
        match_ids,
        min_edge,
        max_edge,
        sees_shadow,
    )
