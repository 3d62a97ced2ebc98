"""The fair price of several outcomes of one match together."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.forecast_sheets import stored_forecast
from api.forecasts import forecasts_of
from api.nodes import key_of
from api.odds_prices import Price
from api.rows import Rows
from api.scalars import MarketKind, given
from domain.forecasting import queries
from domain.infra.errors import Invalid
from touchline.combos import KINDS, BadLeg, Leg, combo
from touchline.forecasting import StoredForecast
from touchline.types import Kind


@strawberry.input(description="A leg of a same-game combo.")
class ComboLegInput:
    market: MarketKind = strawberry.field(
        description="Kind: result, double chance, handicap, goals, team goals, both teams to score, correct score, "
        "corners."
    )
    selection_key: str = strawberry.field(
        description="Selection key, for example `home` or `over`; `home_over` of team goals, `home_or_draw` of a "
        "double chance, `2-1` of a correct score."
    )
    line: float | None = strawberry.field(
        default=strawberry.UNSET,
        description="Line, for line markets: a half line, since the others give stakes back. A handicap's is given to "
        "the home team.",
    )


@strawberry.type(description="Price of several selections of one match, from the joint score grid.")
class ComboPrice:
    probability: float = strawberry.field(
        description="Joint probability, fraction; 0 where the legs exclude each other."
    )
    fair_price: Price | None = strawberry.field(description="Fair price; null where the legs exclude each other.")
    independent_probability: float = strawberry.field(
        description="Product of the single probabilities, for comparison, fraction."
    )
    correlation_factor: float | None = strawberry.field(
        description="Joint divided by independent; above 1 the legs help each other. Null where a leg cannot win."
    )
    independent_legs: list[str] = strawberry.field(
        description="Parts that were outside the score grid and taken as independent of it, for example corners."
    )


async def combo_price(
    db: Rows,
    match_id: Annotated[strawberry.ID, strawberry.argument(description="Match.")],
    legs: Annotated[list[ComboLegInput], strawberry.argument(description="Legs, 2-6.")],
) -> ComboPrice | None:
    """Fair price of several selections of one match together. Null for a match that is not there, or whose models do
    not tell the scores or corners that the legs need."""
    asked = [_leg(index, leg) for index, leg in enumerate(legs)]
    goals, corners = await _forecasts(db, key_of("Match", match_id))
    try:
        found = combo(goals, corners, asked)
    except BadLeg as error:
        raise Invalid(_path(error), error.sentence) from error
    if found is None:
        return None
    return ComboPrice(
        probability=found.probability,
        fair_price=Price(decimal=1 / found.probability) if found.probability > 0 else None,
        independent_probability=found.independent,
        correlation_factor=found.factor,
        independent_legs=[_named(asked[index]) for index in found.corners],
    )


async def _forecasts(db: Rows, key: int | None) -> tuple[StoredForecast, StoredForecast]:
    """What is shown of a match's goals and corners; empty forecasts without it."""
    keys = [] if key is None else [key]
    served = next((each.served for each in forecasts_of(keys, await queries.served(db, keys)) if each), {})
    return stored_forecast(served.get(Kind.TOTAL_GOALS, ())), stored_forecast(served.get(Kind.TOTAL_CORNERS, ()))


def _leg(index: int, leg: ComboLegInput) -> Leg:
    if leg.market.stored not in KINDS:
        known = ", ".join(MarketKind.of(kind).value for kind in KINDS)
        raise Invalid(f"legs.{index}.market", f"must be one of {known}")
    return Leg(leg.market.stored, leg.selection_key, given(leg.line))


def _path(error: BadLeg) -> str:
    if error.index is None:
        return "legs"
    field = _FIELDS[error.field]
    return f"legs.{error.index}.{field}" if field else f"legs.{error.index}"


_FIELDS = {"kind": "market", "outcome": "selectionKey", "line": "line", "": ""}


def _named(leg: Leg) -> str:
    """A leg for people: `Over 9.5 corners`."""
    return f"{leg.outcome.capitalize()} {leg.line:g} corners"
