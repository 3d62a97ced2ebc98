"""The fair price of a market: the margin taken out of the sharp bookmakers' prices, with its sources named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from touchline.margin import FairPrices, Flag, Method, remove_margin

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
    (fair,) = fair_prices([(books, now)], method, is_chosen=is_chosen)
    return fair


def fair_prices(
    markets: Iterable[tuple[Sequence[Book], datetime]], method: Method, *, is_chosen: bool = False
) -> list[Fair | None]:
    """The fair price of each market, given as its books and the instant that counts, as `fair_price` has it.

    The margins of all markets with the same number of outcomes are removed at once.
    """
    asked = [(_usable(books, now, is_chosen=is_chosen), now) for books, now in markets]
    found: list[Fair | None] = [None] * len(asked)
    for width in {len(books[0].prices) for books, _ in asked if books}:
        places = [place for place, (books, _) in enumerate(asked) if books and len(books[0].prices) == width]
        prices = [book.prices for place in places for book in asked[place][0]]
        fair = remove_margin(np.array(prices, dtype=np.float64), method)
        start = 0
        for place in places:
            books, now = asked[place]
            found[place] = _mean(books, now, fair, start)
            start += len(books)
    return found


def _usable(books: Sequence[Book], now: datetime, *, is_chosen: bool) -> list[Book]:
    """Those that count; none of a market with a single outcome."""
    usable = [book for book in books if all(book.prices) and not is_stale(book.confirmed_at, now)]
    if not is_chosen:
        usable = [book for book in usable if book.is_sharp] or usable
    return usable if usable and len(usable[0].prices) > 1 else []


def _mean(books: Sequence[Book], now: datetime, fair: FairPrices, start: int) -> Fair | None:
    """The mean of the books whose rows begin at `start`."""
    part = slice(start, start + len(books))
    flags, overrounds = fair.flags[part], fair.overround[part]
    possible: list[int] = np.flatnonzero(flags != Flag.IMPOSSIBLE).tolist()
    if not possible:
        return None
    rows = fair.probabilities[part][possible]
    mean = rows.mean(axis=0)
    sources = tuple(
        Source(
            books[n].bookmaker_id,
            1 / len(possible),
            float(overrounds[n]),
            max(0.0, (now - books[n].confirmed_at).total_seconds()),
        )
        for n in possible
    )
    return Fair(tuple((mean / mean.sum()).tolist()), sources, float(np.ptp(rows, axis=0).max()))
