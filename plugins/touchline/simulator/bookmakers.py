"""A dozen bookmakers that do not exist, and how each of them turns a belief into prices.

A book believes what the market believed `lag` ago, plus an opinion of its own for each match. It bends that by
the favourite-longshot bias (probability to the power `longshot`, below 1 shortens outsiders), adds its margin,
and rounds to the steps of its ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from touchline.types import BTTS, CORNERS_95, OVER_25, RESULT, Floats, Ints

MARKETS: Final = (RESULT, OVER_25, BTTS, CORNERS_95)
"""What every simulated bookmaker prices."""
FIRST_COLUMN: Final = (0, 3, 5, 7)
"""Of each market in a row of prices, which has 9: three of the result, two of the others."""
COLUMNS: Final = 9
LOWEST_PRICE: Final = 1.01
HIGHEST_PRICE: Final = 501.0


class BookmakerKind(StrEnum):
    """How a book makes its prices."""

    SHARP = "SHARP"
    SOFT = "SOFT"
    EXCHANGE = "EXCHANGE"


@dataclass(frozen=True, slots=True)
class SimulatedBookmaker:
    """A bookmaker that does not exist."""

    key: str
    name: str
    kind: BookmakerKind
    margin: float
    """Sum of implied probabilities above 1, before rounding."""
    longshot: float
    """Exponent of the favourite-longshot bias; 1 for none."""
    lag: int
    """Seconds behind the market."""
    interval: int
    """Seconds from one repricing to the next."""
    opinion: float
    """Standard deviation of its own view of a match, in log-odds."""
    commission: float = 0.0
    """Share of winnings that it keeps."""


def _book(key: str, kind: BookmakerKind, *numbers: float, commission: float = 0.0) -> SimulatedBookmaker:
    margin, longshot, lag, interval, opinion = numbers
    name = key.replace("-", " ").title()
    return SimulatedBookmaker(key, name, kind, margin, longshot, int(lag), int(interval), opinion, commission)


BOOKMAKERS: Final[tuple[SimulatedBookmaker, ...]] = (
    _book("northgate", BookmakerKind.SHARP, 0.022, 1.0, 0, 240, 0.008),
    _book("plumbline", BookmakerKind.SHARP, 0.028, 0.99, 120, 360, 0.012),
    _book("commons-exchange", BookmakerKind.EXCHANGE, 0.006, 1.0, 60, 180, 0.015, commission=0.02),
    _book("rialto-exchange", BookmakerKind.EXCHANGE, 0.010, 0.995, 180, 420, 0.02, commission=0.05),
    _book("copperline", BookmakerKind.SOFT, 0.045, 0.97, 480, 900, 0.03),
    _book("wickerby", BookmakerKind.SOFT, 0.048, 0.97, 600, 900, 0.03),
    _book("quayside", BookmakerKind.SOFT, 0.052, 0.96, 720, 1200, 0.04),
    _book("lanternby", BookmakerKind.SOFT, 0.056, 0.95, 1200, 1800, 0.04),
    _book("oxbow", BookmakerKind.SOFT, 0.060, 0.95, 900, 1200, 0.04),
    _book("hollowell", BookmakerKind.SOFT, 0.064, 0.94, 1800, 2700, 0.05),
    _book("tamarind", BookmakerKind.SOFT, 0.070, 0.93, 1500, 2700, 0.05),
    _book("farthing-lane", BookmakerKind.SOFT, 0.080, 0.92, 2700, 3600, 0.06),
)
"""Two sharp books, two exchanges, eight soft books. Margin, longshot, lag, interval, opinion."""

_FINE_STEPS: Final = ((10.0, 0.01), (50.0, 0.1), (np.inf, 1.0))
_COARSE_STEPS: Final = (
    (2.0, 0.01),
    (3.0, 0.02),
    (4.0, 0.05),
    (6.0, 0.1),
    (10.0, 0.2),
    (20.0, 0.5),
    (30.0, 1.0),
    (50.0, 2.0),
    (100.0, 5.0),
    (np.inf, 10.0),
)
"""Up to a price, the step: sharp books go by hundredths, the others by the ladder customary at exchanges
(https://support.developer.betfair.com/hc/en-us/articles/360002825532)."""


def quote(beliefs: Floats, books: Ints, bookmakers: Sequence[SimulatedBookmaker]) -> Floats:
    """(n, 9) prices of beliefs (n, 9), each row a probability vector per market, by the books of index (n,)."""
    longshot = np.array([book.longshot for book in bookmakers])[books, None]
    margin = np.array([book.margin for book in bookmakers])[books, None]
    is_sharp = np.array([book.kind is BookmakerKind.SHARP for book in bookmakers])[books, None]
    bent = beliefs**longshot
    implied = bent / market_sums(bent) * (1 + margin)
    prices = np.clip(1 / implied, LOWEST_PRICE, HIGHEST_PRICE)
    stepped = np.where(is_sharp, _on_ladder(prices, _FINE_STEPS), _on_ladder(prices, _COARSE_STEPS))
    return np.asarray(np.maximum(np.round(stepped, 2), LOWEST_PRICE), dtype=np.float64)


def market_sums(rows: Floats) -> Floats:
    """(n, 9): at each column the sum over its market."""
    return np.repeat(np.add.reduceat(rows, FIRST_COLUMN, axis=1), (3, 2, 2, 2), axis=1)


def _on_ladder(prices: Floats, ladder: Sequence[tuple[float, float]]) -> Floats:
    """Prices at the nearest step of a ladder."""
    bounds, steps = np.array(ladder).T
    step = steps[np.searchsorted(bounds, prices, side="right")]
    return np.asarray(np.round(prices / step) * step, dtype=np.float64)
