"""What value bets are called, and what narrows and sorts lists of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import auto
from zoneinfo import ZoneInfo

import strawberry

from api.filters import VALUE_FROM, TimeWindow
from api.nodes import keys_of
from api.paging import Order
from api.scalars import MarketKind, OrderDirection, Words, described, given
from domain.infra.errors import Invalid
from domain.value.listing import VALUE_BET_ORDERS, ValueBetCriteria


@described(
    "Sources of a fair probability.",
    MODEL="A prediction model.",
    SHARP_MARKET="De-vigged sharp prices.",
    MODEL_AND_MARKET="Both agree.",
)
class ValueBasis(Words):
    MODEL = auto()
    SHARP_MARKET = auto()
    MODEL_AND_MARKET = auto()


@described(
    "Strength of a value bet.",
    STRONG="Edge above 0.20.",
    MODERATE="Edge from 0.10 to 0.20.",
    SLIGHT="Edge below 0.10.",
    NONE="The strategy gives no advice.",
)
class Recommendation(Words):
    STRONG = auto()
    MODERATE = auto()
    SLIGHT = auto()
    NONE = auto()


@described(
    "States of an opportunity.",
    OPEN="Can be taken now.",
    EXPIRED="The price is gone.",
    SETTLED="The match is over.",
)
class OpportunityStatus(Words):
    OPEN = auto()
    EXPIRED = auto()
    SETTLED = auto()


@strawberry.input(description="Filters for value bets; all that are given must hold.")
class ValueBetFilter:
    min_edge: float | None = strawberry.field(
        default=strawberry.UNSET, description="Smallest edge, fraction; 0.10 when omitted."
    )
    max_edge: float | None = strawberry.field(
        default=0.5, description="Largest edge, fraction; very large ones are usually data errors."
    )
    min_odds: float | None = strawberry.field(default=strawberry.UNSET, description="Smallest decimal odds.")
    max_odds: float | None = strawberry.field(default=strawberry.UNSET, description="Largest decimal odds.")
    min_confidence: float | None = strawberry.field(
        default=strawberry.UNSET, description="Smallest confidence, points 0-100."
    )
    markets: list[MarketKind] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these market kinds."
    )
    league_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these leagues."
    )
    match_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these matches."
    )
    bookmaker_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these bookmakers."
    )
    bases: list[ValueBasis] | None = strawberry.field(
        default=strawberry.UNSET, description="Only these sources of the fair probability."
    )
    statuses: list[OpportunityStatus] | None = strawberry.field(
        default_factory=lambda: [OpportunityStatus.OPEN], description="Only these states."
    )
    window: TimeWindow | None = strawberry.field(
        default=strawberry.UNSET, description="Kick-off window; TODAY and TOMORROW in UTC."
    )
    max_quote_age_seconds: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="Leave out open bets whose quote nobody confirmed for longer than this, seconds of match time; no "
        "limit when omitted, since strategies weigh the age of quotes.",
    )

    def criteria(self, now: datetime) -> ValueBetCriteria:
        """The filter as the domain reads it at match time `now`; raises Invalid naming the field at fault."""
        window, age = given(self.window), given(self.max_quote_age_seconds)
        kinds, bases = given(self.markets), given(self.bases)
        start, end = window.bounds(now, ZoneInfo("UTC")) if window else (None, None)
        if age is not None and age < 0:
            raise Invalid("filter.maxQuoteAgeSeconds", "must not be negative")
        return ValueBetCriteria(
            min_edge=VALUE_FROM if given(self.min_edge) is None else self.min_edge,
            max_edge=self.max_edge,
            min_price=given(self.min_odds),
            max_price=given(self.max_odds),
            min_confidence=given(self.min_confidence),
            kinds=None if kinds is None else [kind.stored for kind in kinds],
            league_ids=keys_of("League", given(self.league_ids), "filter.leagueIds"),
            match_ids=keys_of("Match", given(self.match_ids), "filter.matchIds"),
            bookmaker_ids=keys_of("Bookmaker", given(self.bookmaker_ids), "filter.bookmakerIds"),
            with_prediction=None if bases is None else [basis != ValueBasis.SHARP_MARKET for basis in bases],
            statuses=None if self.statuses is None else [str(status) for status in self.statuses],
            kickoff_from=start,
            kickoff_to=end,
            confirmed_since=None if age is None else now - timedelta(seconds=age),
        )


@described(
    "Fields that value bets can be sorted by.",
    EDGE="Edge.",
    KELLY="Full Kelly share.",
    CONFIDENCE="Confidence.",
    DETECTED="Time found.",
    KICKOFF="Kick-off.",
)
class ValueBetOrderField(Words):
    EDGE = auto()
    KELLY = auto()
    CONFIDENCE = auto()
    DETECTED = auto()
    KICKOFF = auto()


@strawberry.input(description="How to sort value bets.")
class ValueBetOrder:
    field: ValueBetOrderField = strawberry.field(description="Field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Direction.")


def value_bet_order(order_by: ValueBetOrder | None) -> Order:
    """The order of a list of value bets; the largest edge first when none is given."""
    name = order_by.field if order_by else ValueBetOrderField.EDGE
    direction = order_by.direction if order_by else OrderDirection.DESC
    sort = VALUE_BET_ORDERS[name]
    return Order(
        name=f"value-bets.{name}.{direction}",
        key=sort.sql,
        id="b.id",
        is_descending=direction == OrderDirection.DESC,
        is_nullable=sort.is_nullable,
        read=datetime.fromisoformat if name in ("DETECTED", "KICKOFF") else float,
    )
