"""What bets are called, and what narrows and sorts lists of them."""

from __future__ import annotations

from datetime import datetime
from enum import auto

import strawberry

from api.nodes import keys_of
from api.paging import Order
from api.scalars import DateTimeRange, MarketKind, OrderDirection, Words, described, given
from domain.bets.listing import BET_ORDERS, BetCriteria


@described("Kinds of bet.", SINGLE="One selection.", ACCUMULATOR="Several matches; all must win.")
class BetKind(Words):
    SINGLE = auto()
    ACCUMULATOR = auto()


@described(
    "States of a bet.",
    PENDING="Not decided.",
    WON="Won.",
    HALF_WON="Half won, half returned; an accumulator with a leg half won or half lost that pays more than its stake.",
    PUSH="Stake returned.",
    HALF_LOST="Half lost, half returned; an accumulator that returns less than its stake.",
    LOST="Lost.",
    VOID="Cancelled; stake returned.",
)
class BetStatus(Words):
    PENDING = auto()
    WON = auto()
    HALF_WON = auto()
    PUSH = auto()
    HALF_LOST = auto()
    LOST = auto()
    VOID = auto()


@described(
    "Ways a bet gets into the ledger.",
    MANUAL="Typed in.",
    SUGGESTION="Taken from a value bet.",
    IMPORT="From a file.",
)
class BetSource(Words):
    MANUAL = auto()
    SUGGESTION = auto()
    IMPORT = auto()


@strawberry.input(description="Filters for bets; all that are given must hold.")
class BetFilter:
    statuses: list[BetStatus] | None = strawberry.field(default=strawberry.UNSET, description="Only these states.")
    kinds: list[BetKind] | None = strawberry.field(default=strawberry.UNSET, description="Only these kinds.")
    markets: list[MarketKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only bets with a leg of these market kinds."
    )
    league_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only bets with a leg in these leagues."
    )
    bookmaker_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only bets with a leg at these bookmakers."
    )
    tags: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Only bets with one of these tags.")
    is_paper: bool | None = strawberry.field(default=strawberry.UNSET, description="Only simulated, or only real.")
    placed: DateTimeRange | None = strawberry.field(default=strawberry.UNSET, description="Span of placing.")

    def criteria(self, account_id: int) -> BetCriteria:
        """The filter as the domain reads it; raises Invalid naming the field at fault."""
        placed, kinds = given(self.placed), given(self.markets)
        placed_from, placed_to = placed.bounds("filter.placed") if placed else (None, None)
        return BetCriteria(
            account_id,
            statuses=given(self.statuses),
            kinds=given(self.kinds),
            market_kinds=None if kinds is None else [kind.stored for kind in kinds],
            league_ids=keys_of("League", given(self.league_ids), "filter.leagueIds"),
            bookmaker_ids=keys_of("Bookmaker", given(self.bookmaker_ids), "filter.bookmakerIds"),
            tags=given(self.tags),
            is_paper=given(self.is_paper),
            placed_from=placed_from,
            placed_to=placed_to,
        )


@described(
    "Fields that bets can be sorted by.",
    PLACED="Time placed.",
    SETTLED="Time settled.",
    STAKE="Stake, in minor units of its currency.",
    PROFIT="Profit, in minor units of its currency.",
    CLOSING_LINE_VALUE="Closing line value.",
)
class BetOrderField(Words):
    PLACED = auto()
    SETTLED = auto()
    STAKE = auto()
    PROFIT = auto()
    CLOSING_LINE_VALUE = auto()


@strawberry.input(description="How to sort bets. Bets without a value come last.")
class BetOrder:
    field: BetOrderField = strawberry.field(description="Field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Direction.")


def bet_order(order_by: BetOrder | None) -> Order:
    """The order of a list of bets; the last placed first when none is given."""
    name = order_by.field if order_by else BetOrderField.PLACED
    direction = order_by.direction if order_by else OrderDirection.DESC
    sort = BET_ORDERS[name]
    return Order(
        name=f"bets.{name}.{direction}",
        key=sort.sql,
        id="b.id",
        is_descending=direction == OrderDirection.DESC,
        is_nullable=sort.is_nullable,
        read=datetime.fromisoformat if name in ("PLACED", "SETTLED") else float if "VALUE" in name else int,
    )
