"""Bets: what was taken at which price, what was believed then, and every verdict on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.bankrolls import Bankroll, money_of
from api.batch import batch, derived
from api.bet_filters import BetFilter, BetKind, BetOrder, BetSource, BetStatus, bet_order
from api.nodes import Node
from api.odds_bookmakers import Bookmaker
from api.odds_markets import Market
from api.odds_prices import Price
from api.odds_selections import Selection
from api.paging import After, Before, Connection, Counts, First, Last, connect_each, connect_rows, read_page
from api.predictions import Prediction
from api.rows import Rows, grouped, in_order, rows_of
from api.scalars import Money, SelectionResult, described
from api.value import ValueBet
from domain.accounts.people import Viewer
from domain.bets import listing, queries
from domain.bets.listing import BetCriteria
from domain.bets.returns import net_price, returned
from domain.bets.slips import Cause

if TYPE_CHECKING:
    from api.matches import Match


SettlementCause = Cause
described(
    "Reasons for a verdict on a bet.",
    name="SettlementCause",
    RESULT="Its matches were decided.",
    CORRECTED_RESULT="The facts of the verdict before were corrected.",
    BY_HAND="Its owner settled it.",
    IMPORT="The file it came from said so.",
)(Cause)


@strawberry.type(description="One selection of a bet.")
class BetLeg:
    owner: strawberry.Private[int]
    """The bet's key."""
    match_id: strawberry.Private[int | None]
    market_id: strawberry.Private[int | None]
    selection_id: strawberry.Private[int | None]
    bookmaker_id: strawberry.Private[int | None]
    prediction_id: strawberry.Private[int | None]
    decimal_odds: strawberry.Private[float]
    closing_probability: strawberry.Private[float | None]
    fair_probability_at_placement: strawberry.Private[float | None]
    description: str = strawberry.field(description="Text for people, for example `Arsenal v Chelsea: over 2.5`.")
    bookmaker_name: str | None = strawberry.field(
        description="Bookmaker as typed in, for one that the platform does not know."
    )
    closing_note: str | None = strawberry.field(
        description="Whose closing prices they are, or why there are none; null before kick-off."
    )
    probability_at_placement: float | None = strawberry.field(
        description="Probability of the selection by `predictionAtPlacement`, fraction."
    )
    result: SelectionResult | None = strawberry.field(description="Result; null while open.")

    @batch
    @staticmethod
    async def selection(legs: Sequence[BetLeg], db: Rows) -> list[Selection | None]:
        """Selection; null for a market we do not hold."""
        return await db.find(Selection, [_pair(leg.match_id, leg.selection_id) for leg in legs])

    @batch
    @staticmethod
    async def match(legs: Sequence[BetLeg], db: Rows) -> list[Annotated[Match, strawberry.lazy("api.matches")] | None]:
        """Match; null when typed in by hand."""
        from api.matches import Match

        return await db.find(Match, [leg.match_id for leg in legs])

    @batch
    @staticmethod
    async def market(legs: Sequence[BetLeg], db: Rows) -> list[Market | None]:
        """Market; null for one we do not hold."""
        return await db.find(Market, [_pair(leg.match_id, leg.market_id) for leg in legs])

    @batch
    @staticmethod
    async def bookmaker(legs: Sequence[BetLeg], db: Rows) -> list[Bookmaker | None]:
        """Bookmaker, when known."""
        return await db.find(Bookmaker, [leg.bookmaker_id for leg in legs])

    @derived
    def price(self) -> Price:
        """Price taken."""
        return Price(decimal=self.decimal_odds)

    @derived
    def fair_price_at_placement(self) -> Price | None:
        """Fair price when the bet was placed, by the sharp bookmakers' prices then; null when they had none."""
        return _fair(self.fair_probability_at_placement)

    @derived
    def closing_price(self) -> Price | None:
        """Fair closing price; null before kick-off, and where there is none: `closingNote` says why."""
        return _fair(self.closing_probability)

    @batch
    @staticmethod
    async def prediction_at_placement(legs: Sequence[BetLeg], db: Rows) -> list[Prediction | None]:
        """The prediction that stood when the bet was placed."""
        return await db.find(Prediction, [leg.prediction_id for leg in legs])


def _pair(match_id: int | None, other: int | None) -> tuple[int, ...] | None:
    return None if match_id is None or other is None else (match_id, other)


def _fair(probability: float | None) -> Price | None:
    return None if probability is None or not 0 < probability < 1 else Price(decimal=1 / probability)


@strawberry.type(description="One verdict on a bet. It is never changed: a correction is another one.")
class BetSettlement:
    bet_id: strawberry.Private[int]
    sequence: strawberry.Private[int]
    currency: strawberry.Private[str]
    payout_minor: strawberry.Private[int]
    status: BetStatus = strawberry.field(description="What the bet came to.")
    cause: SettlementCause = strawberry.field(description="Why.")
    is_effective: bool = strawberry.field(
        description="Whether it counted when it was given; false for an automatic verdict on a bet that its owner "
        "settled by hand, which is kept beside, and for a payout that no bankroll can hold."
    )
    trace: list[str] = strawberry.field(description="The verdict in words, step by step.")
    settled_at: datetime = strawberry.field(description="When.")

    @derived
    def payout(self) -> Money:
        """What comes back, stake included."""
        return money_of(self.payout_minor, self.currency)


class Verdicts:
    """Everything that was ever decided about a bet, read once for the fields that tell of it."""

    def __init__(self, key: int, given: list[BetSettlement]) -> None:
        self.key = key
        self.given = given
        """Oldest first."""

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Verdicts | None]:
        rows = rows_of(BetSettlement, await queries.settlements(db, db.account_id, keys))
        lists = grouped(keys, rows, lambda row: row.bet_id)
        return [cls(key, given) for key, given in zip(keys, lists, strict=True)]

    @property
    def trace(self) -> list[str]:
        """How the one that counts came about; empty before the first."""
        return next((each.trace for each in reversed(self.given) if each.is_effective), [])


@strawberry.type(
    description="A bet in the user's ledger. The platform never sends money to a bookmaker: it records, simulates and "
    "settles."
)
class Bet(Node):
    key: strawberry.Private[int]
    bankroll_id: strawberry.Private[int]
    value_bet_id: strawberry.Private[int | None]
    currency: strawberry.Private[str]
    stake_minor: strawberry.Private[int]
    payout_minor: strawberry.Private[int | None]
    expected_minor: strawberry.Private[float | None]
    decimal_odds: strawberry.Private[float]
    leg_prices: strawberry.Private[list[Decimal]]
    leg_commissions: strawberry.Private[list[Decimal]]
    kind: BetKind = strawberry.field(description="Kind.")
    status: BetStatus = strawberry.field(description="Status.")
    edge_at_placement: float | None = strawberry.field(
        description="Edge when placed, by the model shown then, fraction; null without a forecast of every leg."
    )
    closing_line_value: float | None = strawberry.field(
        description="Price taken divided by fair closing price minus 1, fraction; null before kick-off, and without a "
        "closing price of every leg."
    )
    source: BetSource = strawberry.field(description="Where it came from.")
    is_paper: bool = strawberry.field(description="Whether it is simulated.")
    tags: list[str] = strawberry.field(description="Free labels.")
    notes: str | None = strawberry.field(description="Free text.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    settled_at: datetime | None = strawberry.field(description="When it was settled.")
    is_settled_by_hand: bool = strawberry.field(
        description="Whether its owner settled it; automatic verdicts are then kept beside."
    )
    version: int = strawberry.field(description="Counter for safe updates; send it back as `expectedVersion`.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Bet | None]:
        return in_order(keys, rows_of(cls, await queries.bets(db, db.account_id, keys)), lambda row: row.key)

    @batch
    @staticmethod
    async def bankroll(bets: Sequence[Bet], db: Rows, viewer: Viewer) -> list[Bankroll]:
        """Bankroll it belongs to."""
        del viewer  # `db` answers only theirs
        return await db.pick(Bankroll, [bet.bankroll_id for bet in bets])

    @batch
    @staticmethod
    async def legs(bets: Sequence[Bet], db: Rows, viewer: Viewer) -> list[list[BetLeg]]:
        """Legs; one for SINGLE."""
        keys = [bet.key for bet in bets]
        return grouped(keys, rows_of(BetLeg, await queries.legs(db, viewer.account_id, keys)), lambda leg: leg.owner)

    @derived
    def price(self) -> Price:
        """Total price taken."""
        return Price(decimal=self.decimal_odds)

    @derived
    def stake(self) -> Money:
        """Stake."""
        return money_of(self.stake_minor, self.currency)

    @derived
    def potential_return(self) -> Money:
        """Return if everything wins, stake included and commissions taken off."""
        prices = map(net_price, self.leg_prices, self.leg_commissions)
        _, most = returned(self.stake_minor, [(price, SelectionResult.WON) for price in prices])
        return money_of(most, self.currency)

    @derived
    def profit(self) -> Money | None:
        """Profit, negative for a loss; null while pending."""
        return None if self.payout_minor is None else money_of(self.payout_minor - self.stake_minor, self.currency)

    @derived
    def expected_profit(self) -> Money | None:
        """Profit that was to be expected from the closing price; compare with `profit` to see luck."""
        return None if self.expected_minor is None else money_of(self.expected_minor, self.currency)

    @batch
    @staticmethod
    async def value_bet(bets: Sequence[Bet], db: Rows) -> list[ValueBet | None]:
        """Value bet that it follows."""
        return await db.find(ValueBet, [bet.value_bet_id for bet in bets])

    @batch
    @staticmethod
    async def settlement_trace(bets: Sequence[Bet], db: Rows, viewer: Viewer) -> list[list[str]]:
        """How it was settled, step by step, so that a user can check it."""
        del viewer  # `db` answers only theirs
        return [verdicts.trace for verdicts in await db.pick(Verdicts, [bet.key for bet in bets])]

    @batch
    @staticmethod
    async def settlements(bets: Sequence[Bet], db: Rows, viewer: Viewer) -> list[list[BetSettlement]]:
        """Every verdict on it, oldest first, those that were kept beside one by hand included."""
        del viewer  # `db` answers only theirs
        return [verdicts.given for verdicts in await db.pick(Verdicts, [bet.key for bet in bets])]


@strawberry.type(description="A page of bets.")
class BetConnection(Connection[Bet]):
    pass


async def bets_each(
    db: Rows,
    viewer: Viewer,
    bankroll_ids: Sequence[int],
    filter: BetFilter | None,
    order_by: BetOrder | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> list[BetConnection]:
    """A page of the bets of each bankroll, with one statement."""
    page = read_page(bet_order(order_by), first, after, last, before)
    criteria = _criteria(viewer, filter)
    rows = rows_of(Bet, await listing.bet_page(db, criteria, page, page.order.key, bankroll_ids))
    counts = Counts(partial(listing.bet_counts, criteria=criteria, bankroll_ids=bankroll_ids))
    return connect_each(BetConnection, page, bankroll_ids, rows, counts)


async def user_bets(
    users: Sequence[Any],
    db: Rows,
    viewer: Viewer,
    filter: Annotated[BetFilter | None, strawberry.argument(description="Narrow the bets.")] = None,
    order_by: Annotated[BetOrder | None, strawberry.argument(description="Sort order.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[BetConnection]:
    """Bets over all bankrolls, the last placed first when nothing else is asked for."""
    page = read_page(bet_order(order_by), first, after, last, before)
    criteria = _criteria(viewer, filter)
    rows: list[Any] = rows_of(Bet, await listing.bet_page(db, criteria, page, page.order.key))
    counts = Counts(partial(listing.bet_counts, criteria=criteria))
    return [connect_rows(BetConnection, page, rows, counts)] * len(users)


def _criteria(viewer: Viewer, filter: BetFilter | None) -> BetCriteria:
    return (filter or BetFilter()).criteria(viewer.account_id)
