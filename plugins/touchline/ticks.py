"""One repricing of one market by one bookmaker: what a replayed file and the simulated league both give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from touchline.types import MarketKey


@dataclass(frozen=True, slots=True)
class PriceTick:
    """A bookmaker's prices of a whole market from an instant on.

    The match is named as its source names it: league, season, pair and leg.
    """

    at: datetime
    """Aware UTC."""
    league: str
    season: int
    home: str
    away: str
    leg: int
    bookmaker: str
    """Key of the bookmaker, as in `PricedOutcome.bookmaker`."""
    market: MarketKey
    prices: tuple[float | None, ...]
    """Decimal prices in the order of `market.outcomes`; None where there is no price."""
    is_estimated: bool = False
    """Whether the instant or the price is by convention and not the source's own."""
