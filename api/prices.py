"""Reading a price in any format."""

from __future__ import annotations

import re
from typing import Annotated

import strawberry

from api.odds_prices import Price
from api.scalars import given
from domain.infra.errors import Invalid

_FRACTION = re.compile(r"(\d{1,6})/(\d{1,6})")


@strawberry.input(one_of=True, description="Odds in exactly one format.")
class OddsInput:
    decimal: float | None = strawberry.field(default=strawberry.UNSET, description="Decimal odds, above 1.")
    american: int | None = strawberry.field(default=strawberry.UNSET, description="American odds.")
    fractional: str | None = strawberry.field(
        default=strawberry.UNSET, description="Fractional odds, for example `11/10`."
    )
    probability: float | None = strawberry.field(default=strawberry.UNSET, description="Probability, fraction.")

    def to_decimal(self) -> float:
        """The decimal price; raises Invalid naming the field."""
        if (decimal := given(self.decimal)) is not None:
            return _above_one(float(decimal), "odds.decimal", "must be above 1")
        if (american := given(self.american)) is not None:
            return _of_american(american)
        if (fractional := given(self.fractional)) is not None:
            return _of_fraction(fractional)
        probability = float(self.probability or 0.0)
        if not 0 < probability < 1:
            raise Invalid("odds.probability", "must lie between 0 and 1")
        return _above_one(1 / probability, "odds.probability", "is too close to 0")


def _of_american(american: int) -> float:
    if abs(american) < 100:
        raise Invalid("odds.american", "must be at least +100 or at most -100")
    return 1 + (american / 100 if american > 0 else 100 / -american)


def _of_fraction(text: str) -> float:
    match = _FRACTION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0 or int(match[2]) == 0:
        raise Invalid("odds.fractional", "must be two whole numbers above 0, for example `11/10`")
    return 1 + int(match[1]) / int(match[2])


def _above_one(price: float, field: str, message: str) -> float:
    if not 1 < price < 1_000_000:
        raise Invalid(field, message)
    return price


def convert_odds(
    odds: Annotated[OddsInput, strawberry.argument(description="Odds in one format.")],
) -> Price:
    """Read a price without a database object: any format in, all formats out."""
    return Price(decimal=odds.to_decimal())
