"""The fair price of a market: the margin taken out of the sharp bookmakers' prices, with its sources named. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from touchline.margin import Flag, Method, remove_margin

STALE_AFTER = timedelta(hours=24)
"""Match time without a confirmation after which a standing price is stale.

Sources poll every few minutes and files come twice a week; a day tells a silent source from a quiet one,
and needs no statistics of each bookmaker's habits.
"""


@dataclass(frozen=True, slots=True)
class Book:
    """One bookmaker's prices of a market, in the order of its outcomes."""

    bookmaker_id: int
    is_sharp: bool
    prices: Sequence[float | None]
    """None where it has no price that can be bet on."""
    confirmed_at: datetime
    """When its newest price was confirmed."""


@dataclass(frozen=True, slots=True)
class Source:
    """One bookmaker's part in a fair price."""

    bookmaker_id: int
    weight: float
    overround: float
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Fair:
    """Margin-free probabilities, in the order of the market's outcomes; they sum to 1."""

    probabilities: tuple[float, ...]
    sources: tuple[Source, ...]
    disagreement: float
    """Largest spread of one outcome's probability between the sources."""


def is_stale(confirmed_at: datetime, now: datetime) -> bool:
    """Whether nothing confirmed a price for too long."""
    return now - confirmed_at > STALE_AFTER


def fair_price(books: Sequence[Book], method: Method, now: datetime, *, is_chosen: bool = False) -> Fair | None:
    """Equal-weight mean of the books without their margins; None when no book is complete and fresh.

    Only sharp books count where there is one; with `is_chosen` the caller picked the books and all count.
    """
    usable = [book for book in books if all(book.prices) and not is_stale(book.confirmed_at, now)]
    if not is_chosen:
        usable = [book for book in usable if book.is_sharp] or usable
    if not usable or len(usable[0].prices) < 2:
        return None
    fair = remove_margin(np.array([book.prices for book in usable], dtype=np.float64), method)
    possible = np.flatnonzero(fair.flags != Flag.IMPOSSIBLE)
    if not len(possible):
        return None
    rows = fair.probabilities[possible]
    mean = rows.mean(axis=0)
    sources = tuple(
        Source(
            usable[n].bookmaker_id,
            1 / len(possible),
            float(fair.overround[n]),
            max(0.0, (now - usable[n].confirmed_at).total_seconds()),
        )
        for n in possible
    )
    return Fair(tuple((mean / mean.sum()).tolist()), sources, float(np.ptp(rows, axis=0).max()))
