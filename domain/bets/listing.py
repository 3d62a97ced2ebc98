"""Lists of an account's bets: what narrows them, what sorts them, one page and the size of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from domain.bets.queries import BET
from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.markets.queries import graph_kind

BET_ORDERS: Mapping[str, SortKey] = {
    "PLACED": SortKey("b.placed_at"),
    "SETTLED": SortKey("b.settled_at", is_nullable=True),
    "STAKE": SortKey("b.stake"),
    "PROFIT": SortKey("(b.payout - b.stake)", is_nullable=True),
    "CLOSING_LINE_VALUE": SortKey("b.closing_line_value", is_nullable=True),
}
"""What a list of bets can be sorted by; the tie-break is `b.id`. Money is compared in minor units."""

_LISTED = "bet b join bankroll r on r.id = b.bankroll_id"
_LEG = "exists (select 1 from bet_leg l {join} where l.bet_id = b.id and {condition})"
_OF_KIND = _LEG.format(
    join="join market k on k.id = l.market_id", condition=f"{graph_kind('k.kind')} = any({{}}::text[])"
)
_OF_LEAGUE = _LEG.format(join="join match m on m.id = l.match_id", condition="m.league_id = any({}::bigint[])")
_OF_BOOKMAKER = _LEG.format(join="", condition="l.bookmaker_id = any({}::bigint[])")


@dataclass(frozen=True, slots=True)
class BetCriteria:
    """Which bets of an account a list holds; what is None does not narrow it. One that was taken back is in none."""

    account_id: int
    statuses: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    market_kinds: Sequence[str] | None = None
    """Of any leg, like the next two."""
    league_ids: Sequence[int] | None = None
    bookmaker_ids: Sequence[int] | None = None
    tags: Sequence[str] | None = None
    """Any of them."""
    is_paper: bool | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    """Exclusive."""

    def where(self, *arguments: Any) -> Where:
        """Conditions on `bet b` and its `bankroll r`, behind `arguments`."""
        where = Where(*arguments)
        where.add("b.account_id = {} and b.deleted_at is null", self.account_id)
        for condition, value in (
            ("b.status = any({}::text[])", self.statuses),
            ("b.kind = any({}::text[])", self.kinds),
            (_OF_KIND, self.market_kinds),
            (_OF_LEAGUE, self.league_ids),
            (_OF_BOOKMAKER, self.bookmaker_ids),
            ("b.tags && {}::text[]", self.tags),
            ("r.is_paper = {}", self.is_paper),
            ("b.placed_at >= {}", self.placed_from),
            ("b.placed_at < {}", self.placed_to),
        ):
            if value is not None:
                where.add(condition, value)
        return where


async def bet_page(
    db: Reader, criteria: BetCriteria, window: Window, sort_key: str, bankroll_ids: Sequence[int] | None = None
) -> list[Record]:
    """One page, or one page per bankroll with `owner` as a column; `sort_key` is the expression of the order."""
    columns = f"{BET}, {sort_key} as sort_key"
    where = criteria.where() if bankroll_ids is None else criteria.where(list(bankroll_ids))
    condition, ordering, arguments = where.paged(window)
    if bankroll_ids is None:
        return await db.fetch(f"select {columns} from {_LISTED} where {condition} {ordering}", *arguments)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {columns} from {_LISTED} where b.bankroll_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def bet_counts(db: Reader, criteria: BetCriteria, bankroll_ids: Sequence[int] | None = None) -> dict[int, int]:
    """Sizes of the whole lists by bankroll; by 0 where none is named."""
    if bankroll_ids is None:
        where = criteria.where()
        return {0: await db.fetchval(f"select count(*) from {_LISTED} where {where.sql}", *where.arguments)}
    where = criteria.where(list(bankroll_ids))
    rows = await db.fetch(
        f"""select b.bankroll_id, count(*) from {_LISTED}
            where b.bankroll_id = any($1::bigint[]) and {where.sql} group by 1""",
        *where.arguments,
    )
    return {row[0]: row[1] for row in rows}
