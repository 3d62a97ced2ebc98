"""Naming one market in an argument: by its kind, at the line that is meant without one, or by its canonical key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import strawberry

from api.rows import Rows
from api.scalars import MarketKind
from domain.forecasting.queries import forecast_markets
from domain.infra.errors import Invalid
from touchline import MarketKey

MarketKeyed = Annotated[
    str | None,
    strawberry.argument(
        description="Any market, also of a plugin's own, by its canonical key, for example `total_goals:3.5:ft` or "
        "`acme.total_cards:4.5:ft`; it wins over `market`."
    ),
]

BESIDE_A_LINE: Final[Mapping[MarketKind, str]] = {
    MarketKind.TOTAL_GOALS: "2.5",
    MarketKind.TOTAL_CORNERS: "9.5",
}
"""Lines that are meant where a client names none."""

_ARGUMENT: Final = "marketKey"


def read_market_key(text: str) -> MarketKey:
    """The market of a canonical key; raises Invalid for what is none."""
    try:
        return MarketKey.parse(text)
    except ValueError:
        raise Invalid(_ARGUMENT, f"{text[:60]!r} is no market key; one looks like `total_goals:3.5:ft`") from None


def canonical_key(market: MarketKind, market_key: str | None, line: float | None = None) -> str:
    """The canonical key of a market: the one that is given, else of a kind at a line, or at that which is meant."""
    if market_key is not None:
        return str(read_market_key(market_key))
    at = BESIDE_A_LINE.get(market, "") if line is None else f"{line:g}"
    return f"{market.stored}:{at}:ft"


async def check_forecast(db: Rows, market_key: str | None) -> None:
    """Raises Invalid, which says what there is, for a market that was named and that no model prices.

    One statement, so it is asked only where nothing was found.
    """
    if market_key is None:
        return
    known = await forecast_markets(db)
    if str(read_market_key(market_key)) not in known:
        raise Invalid(_ARGUMENT, f"no model prices {market_key[:60]}; there are {', '.join(known) or 'none'}")
