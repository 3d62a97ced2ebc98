"""Prices, fair prices and the words that describe odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import auto
from typing import TYPE_CHECKING, Annotated, Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from api.batch import batch, derived
from api.rows import Rows
from api.scalars import Interval, Words, described
from domain.odds.fair import Fair, Source
from domain.odds.rules import american, fractional, implied
from touchline.margin import Method

if TYPE_CHECKING:
    from api.odds_bookmakers import Bookmaker
    from api.odds_selections import Selection

BigInt = NewType("BigInt", int)


def _read_big_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise GraphQLError(f"BigInt cannot represent {value!r}: write a whole number.")
    try:
        return int(value)
    except ValueError:
        raise GraphQLError(f"BigInt cannot represent {value!r}: write a whole number.") from None


ODDS_SCALARS: Mapping[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="Whole number of up to 64 bits, written as a JSON number.",
        serialize=int,
        parse_value=_read_big_int,
    )
}
"""For `StrawberryConfig.scalar_map`."""


@described(
    "States of a market.",
    OPEN="Takes bets.",
    SUSPENDED="Stopped for now, for example after a goal.",
    CLOSED="Takes no more bets.",
    SETTLED="Result known.",
    VOID="Cancelled; stakes go back.",
)
class MarketStatus(Words):
    OPEN = auto()
    SUSPENDED = auto()
    CLOSED = auto()
    SETTLED = auto()
    VOID = auto()


@described(
    "Side of a quote.",
    BACK="Bet for the selection.",
    LAY="Bet against the selection (exchanges).",
)
class QuoteSide(Words):
    BACK = auto()
    LAY = auto()


@described(
    "Ways to take the bookmaker's margin out of prices.",
    MULTIPLICATIVE="Divide each implied probability by their sum.",
    ADDITIVE="Subtract the same amount from each.",
    POWER="Raise each to a common power.",
    SHIN="Shin's insider model.",
    ODDS_RATIO="Common odds ratio.",
)
class DevigMethod(Words):
    MULTIPLICATIVE = auto()
    ADDITIVE = auto()
    POWER = auto()
    SHIN = auto()
    ODDS_RATIO = auto()

    @property
    def method(self) -> Method:
        """The SDK's name of it."""
        return Method(self.value.lower())


@described(
    "Bucket sizes of a series.",
    ONE_MINUTE="1 minute.",
    FIVE_MINUTES="5 minutes.",
    FIFTEEN_MINUTES="15 minutes.",
    ONE_HOUR="1 hour.",
    ONE_DAY="1 day.",
)
class SeriesInterval(Words):
    ONE_MINUTE = auto()
    FIVE_MINUTES = auto()
    FIFTEEN_MINUTES = auto()
    ONE_HOUR = auto()
    ONE_DAY = auto()


@strawberry.type(description="One price, in every odds format, so that a client never converts.")
class Price:
    decimal: float = strawberry.field(
        description="Decimal (European) odds: total return for 1 unit staked, for example 2.10."
    )

    @derived
    def american(self) -> int:
        """American odds, for example -110 or +210."""
        return american(self.decimal)

    @derived
    def fractional(self) -> str:
        """Fractional (UK) odds, nearest customary fraction, for example `11/10`."""
        return fractional(self.decimal)

    @derived
    def implied_probability(self) -> float:
        """1 / decimal, fraction. Still contains the bookmaker's margin."""
        return implied(self.decimal)


def price_of(decimal: float | None) -> Price | None:
    """A price, where there is one."""
    return None if decimal is None else Price(decimal=decimal)


@strawberry.type(description="One bucket of a price series.")
class OddsPoint:
    at: datetime = strawberry.field(description="Start of the bucket.")
    open: float = strawberry.field(description="Decimal odds at the start of the bucket.")
    high: float = strawberry.field(description="Highest decimal odds in the bucket.")
    low: float = strawberry.field(description="Lowest decimal odds in the bucket.")
    close: float = strawberry.field(description="Decimal odds at the end of the bucket.")
    change_count: int = strawberry.field(description="Changes in the bucket, count.")


@strawberry.type(description="Probability of one selection.")
class OutcomeProbability:
    pair: strawberry.Private[tuple[int, int] | None]
    """Match and selection; None for an outcome nobody quotes."""
    outcome: str = strawberry.field(name="key", description="Canonical key, for example `home`.")
    probability: float = strawberry.field(description="Probability, fraction 0-1.")
    interval: Interval | None = strawberry.field(
        default=None, description="90 % interval of the probability, when the model gives one."
    )

    @derived
    def fair_price(self) -> Price | None:
        """1 / probability as a price; null for what is impossible or certain, which has none."""
        return Price(decimal=1 / self.probability) if 0 < self.probability < 1 else None

    @batch
    @staticmethod
    async def selection(
        outcomes: Sequence[OutcomeProbability], db: Rows
    ) -> list[Annotated[Selection, strawberry.lazy("api.odds_selections")] | None]:
        """Selection; null for an outcome nobody quotes."""
        from api.odds_selections import Selection  # the types of this slice refer to each other

        return await db.find(Selection, [outcome.pair for outcome in outcomes])


@strawberry.type(description="One bookmaker's part in a fair price.")
class FairPriceSource:
    source: strawberry.Private[Source]

    @derived
    def weight(self) -> float:
        """Weight, fraction; weights sum to 1."""
        return self.source.weight

    @derived
    def overround(self) -> float:
        """Its margin, fraction."""
        return self.source.overround

    @derived
    def age_seconds(self) -> float:
        """Age of its newest price, seconds since it was last confirmed."""
        return self.source.age_seconds

    @batch
    @staticmethod
    async def bookmaker(
        sources: Sequence[FairPriceSource], db: Rows
    ) -> list[Annotated[Bookmaker, strawberry.lazy("api.odds_bookmakers")]]:
        """Bookmaker."""
        from api.odds_bookmakers import Bookmaker

        return await db.pick(Bookmaker, [source.source.bookmaker_id for source in sources])


@strawberry.type(description="Margin-free price of a whole market, with provenance.")
class FairPrice:
    method: DevigMethod = strawberry.field(description="Method.")
    outcomes: list[OutcomeProbability] = strawberry.field(description="Fair probability per selection; sums to 1.")
    sources: list[FairPriceSource] = strawberry.field(description="What it was computed from.")
    disagreement: float = strawberry.field(
        description="How far the sources disagree: largest spread of one outcome's probability, fraction."
    )
    as_of: datetime = strawberry.field(description="Instant it is valid for.")


def fair_price_of(
    fair: Fair | None, method: DevigMethod, outcomes: Sequence[tuple[tuple[int, int], str]], as_of: datetime
) -> FairPrice | None:
    """The graph's shape of a fair price; `outcomes` are pair and key in the order of the probabilities."""
    if fair is None:
        return None
    return FairPrice(
        method=method,
        outcomes=[
            OutcomeProbability(pair=pair, outcome=key, probability=probability)
            for (pair, key), probability in zip(outcomes, fair.probabilities, strict=True)
        ],
        sources=[FairPriceSource(source=source) for source in fair.sources],
        disagreement=fair.disagreement,
        as_of=as_of,
    )
