"""Value bets: prices that a strategy found too high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch, derived
from api.care import is_away
from api.explanations import Explanation, Locale
from api.models import ModelVersion
from api.nodes import Node, key_of
from api.odds_bookmakers import Bookmaker
from api.odds_prices import Price
from api.odds_quotes import OddsQuote
from api.odds_selections import Selection
from api.paging import After, Before, Connection, Counts, First, Last, Page, connect_rows, read_page
from api.predictions import Prediction
from api.rows import Rows, grouped, in_order, rows_of
from api.scalars import Money, MoneyInput, SelectionResult
from api.tiers import Truncation
from api.value_filters import (
    OpportunityStatus,
    Recommendation,
    ValueBasis,
    ValueBetFilter,
    ValueBetOrder,
    value_bet_order,
)
from domain import money
from domain.accounts.people import Viewer
from domain.bets.closing import closing_probabilities
from domain.bets.facts import MatchFacts, Selected, facts_of, selections_of
from domain.bets.staking import Opportunity, suggestions
from domain.infra.errors import Invalid
from domain.infra.settings import Settings
from domain.markets.verdicts import market_verdict
from domain.value import listing as queries
from touchline import NotSettleable
from touchline.value import edge

if TYPE_CHECKING:
    from api.matches import Match


@strawberry.type(description="A price that is higher than it should be.")
class ValueBet(Node):
    key: strawberry.Private[int]
    match_id: strawberry.Private[int]
    selection_id: strawberry.Private[int]
    bookmaker_id: strawberry.Private[int]
    sequence: strawberry.Private[int]
    prediction_id: strawberry.Private[int | None]
    model_version_id: strawberry.Private[int | None]
    price: strawberry.Private[float]
    kelly: strawberry.Private[float]
    found_at: strawberry.Private[datetime]
    strategy_key: str = strawberry.field(description="Key of the strategy that found it.")
    probability: float = strawberry.field(description="Our probability, fraction.")
    edge: float = strawberry.field(description="Probability times decimal odds minus 1, after commission, fraction.")
    recommendation: Recommendation = strawberry.field(
        description="Strength: STRONG above 0.20 edge, MODERATE from 0.10."
    )
    expired_at: datetime | None = strawberry.field(description="When it went away; null while open.")
    updated_at: datetime = strawberry.field(description="When its figures last changed.")
    job_id: str = strawberry.field(description="Job of a worker that last worked it out.")
    state: strawberry.Private[str]
    is_over: strawberry.Private[bool]
    """Whether the match is over."""

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[ValueBet | None]:
        rows = await queries.value_bets(db, keys, sees_shadow=db.sees_shadow)
        return in_order(keys, rows_of(cls, rows), lambda row: row.key)

    @batch
    @staticmethod
    async def match(bets: Sequence[ValueBet], db: Rows) -> list[Annotated[Match, strawberry.lazy("api.matches")]]:
        """Match."""
        from api.matches import Match

        return await db.pick(Match, [bet.match_id for bet in bets])

    @batch
    @staticmethod
    async def selection(bets: Sequence[ValueBet], db: Rows) -> list[Selection]:
        """Selection."""
        return await db.pick(Selection, [(bet.match_id, bet.selection_id) for bet in bets])

    @batch
    @staticmethod
    async def quote(bets: Sequence[ValueBet], db: Rows) -> list[OddsQuote]:
        """Quote with the value."""
        return await db.pick(OddsQuote, [bet.sequence for bet in bets])

    @derived
    def basis(self) -> ValueBasis:
        """Where the fair probability comes from."""
        return ValueBasis.SHARP_MARKET if self.prediction_id is None else ValueBasis.MODEL_AND_MARKET

    @derived
    def bookmaker_probability(self) -> float:
        """1 / decimal odds, fraction."""
        return 1 / self.price

    @derived
    def fair_price(self) -> Price:
        """Fair price."""
        return Price(decimal=1 / self.probability)

    @derived
    def expected_profit(self, stake: Annotated[MoneyInput, strawberry.argument(description="Stake.")]) -> Money:
        """Expected profit for a stake."""
        if stake.amount <= 0:
            raise Invalid("stake.amount", "must be above 0")
        cent = Decimal(10) ** min(-2, int(stake.amount.as_tuple().exponent))
        profit = (stake.amount * Decimal(repr(self.edge))).quantize(cent)
        return Money(amount=profit, currency_code=stake.currency_code)

    @derived
    def kelly_fraction(self) -> float:
        """Full Kelly share of the bankroll, fraction."""
        return self.kelly

    @batch
    @staticmethod
    async def suggested_stake(
        bets: Sequence[ValueBet],
        db: Rows,
        visitor: Viewer | None,
        machine: datetime,
        bankroll_id: Annotated[strawberry.ID, strawberry.argument(description="Bankroll.")],
        kelly_multiplier: Annotated[
            float | None,
            strawberry.argument(description="Share of full Kelly, fraction; as the bankroll's rules say when omitted."),
        ] = None,
    ) -> list[Money | None]:
        """Stake for a bankroll under its staking rules and the user's limits, each as if it were the only one; null
        for a bankroll that is not the viewer's."""
        key = key_of("Bankroll", bankroll_id)
        if visitor is None or key is None:
            return [None] * len(bets)
        books = await db.pick(Bookmaker, [bet.bookmaker_id for bet in bets])
        found = await suggestions(
            db,
            visitor.account_id,
            key,
            [
                Opportunity(bet.edge, Decimal(repr(bet.price)), Decimal(repr(book.commission)))
                for bet, book in zip(bets, books, strict=True)
            ],
            kelly_multiplier=kelly_multiplier,
            machine=machine,
        )
        if found is None:
            return [None] * len(bets)
        return [Money(amount=money.major(each.stake, each.currency), currency_code=each.currency) for each in found]

    @batch
    @staticmethod
    async def confidence(bets: Sequence[ValueBet], db: Rows) -> list[float | None]:
        """Confidence of the prediction behind it, points 0-100."""
        predictions = await db.find(Prediction, [bet.prediction_id for bet in bets])
        return [None if prediction is None else prediction.confidence for prediction in predictions]

    @batch
    @staticmethod
    async def prediction(bets: Sequence[ValueBet], db: Rows) -> list[Prediction | None]:
        """Prediction behind it; null when the strategy looked at prices alone."""
        return await db.find(Prediction, [bet.prediction_id for bet in bets])

    @batch
    @staticmethod
    async def strategy_version(bets: Sequence[ValueBet], db: Rows) -> list[ModelVersion | None]:
        """Version of the strategy's code and settings that worked it out."""
        return await db.find(ModelVersion, [bet.model_version_id for bet in bets])

    @derived
    def explanation(self, locale: Locale = None) -> Explanation | None:
        """Why. Null until explanations are written."""
        del locale
        return None

    @derived
    def status(self) -> OpportunityStatus:
        """Status."""
        is_settled = self.is_over and self.state == OpportunityStatus.EXPIRED
        return OpportunityStatus.SETTLED if is_settled else OpportunityStatus(self.state)

    @derived
    def detected_at(self) -> datetime:
        """When it was found."""
        return self.found_at

    @batch
    @staticmethod
    async def closing_edge(bets: Sequence[ValueBet], db: Rows, now: datetime) -> list[float | None]:
        """Edge by the fair closing price, fraction; null before kick-off, and where there is no such price."""
        closing = await closing_probabilities(db, [(bet.match_id, bet.selection_id) for bet in bets], now=now)
        books = await db.pick(Bookmaker, [bet.bookmaker_id for bet in bets])
        found = [closing.get((bet.match_id, bet.selection_id)) for bet in bets]
        return [
            None if end is None or end.probability is None else edge(end.probability, bet.price, book.commission)
            for bet, book, end in zip(bets, books, found, strict=True)
        ]

    @batch
    @staticmethod
    async def result(bets: Sequence[ValueBet], db: Rows) -> list[SelectionResult | None]:
        """Result once the match is over; null where the facts that are known do not say."""
        over = [bet for bet in bets if bet.is_over]
        facts = await facts_of(db, [bet.match_id for bet in over]) if over else {}
        selections = await selections_of(db, [(bet.match_id, bet.selection_id) for bet in over]) if over else {}
        return [
            _result(selections[bet.match_id, bet.selection_id], facts[bet.match_id]) if bet.is_over else None
            for bet in bets
        ]


def _result(selected: Selected, match: MatchFacts) -> SelectionResult | None:
    try:
        verdict = market_verdict(selected.market, selected.outcome, match.facts, selected.own)
        return SelectionResult(verdict.result)
    except NotSettleable:
        return None


@strawberry.type(description="A page of value bets.")
class ValueBetConnection(Connection[ValueBet]):
    @derived
    def truncation(self) -> Truncation | None:
        """Set when the viewer's plan hides part of the result."""
        return None


async def match_value_bets(
    matches: Sequence[Match],
    db: Rows,
    visitor: Viewer | None,
    machine: datetime,
    settings: Settings,
    min_edge: Annotated[float | None, strawberry.argument(description="Smallest edge, fraction.")] = 0.0,
) -> list[list[ValueBet] | None]:
    """Open value bets on the match, largest edge first; null while the viewer takes a break from betting."""
    if await is_away(db, visitor, machine):
        return [None] * len(matches)
    keys = [match.key for match in matches]
    most, sees_shadow = settings.max_edge, db.sees_shadow
    records = await queries.open_value_bets(db, keys, min_edge or 0.0, most, sees_shadow=sees_shadow)
    return [*grouped(keys, rows_of(ValueBet, records), lambda row: row.match_id)]


async def value_bets(
    db: Rows,
    visitor: Viewer | None,
    now: datetime,
    machine: datetime,
    filter: Annotated[ValueBetFilter | None, strawberry.argument(description="Narrow.")] = None,
    order_by: Annotated[ValueBetOrder | None, strawberry.argument(description="Sort order; edge when omitted.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> ValueBetConnection | None:
    """Value bets; null while the viewer takes a break from betting."""
    if await is_away(db, visitor, machine):
        return None
    page: Page = read_page(value_bet_order(order_by), first, after, last, before)
    criteria = replace((filter or ValueBetFilter()).criteria(now), sees_shadow=db.sees_shadow)
    rows: list[Any] = rows_of(ValueBet, await queries.value_bet_page(db, criteria, page, page.order.key))
    counts = Counts.of(partial(queries.value_bet_count, criteria=criteria))
    return connect_rows(ValueBetConnection, page, rows, counts)
