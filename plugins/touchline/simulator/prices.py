"""How the prices of a simulated match move from four days before kick-off until kick-off.

The market's belief is the truth plus an error that shrinks, in log-odds, on a grid of five minutes:

    belief(t) = truth + at_close · Z + over_span · W(time left / span),   W a Brownian motion, W(0) = 0

so the closing price knows most and the opening price least. Errors have five directions: who is better,
draw, goals, both score, corners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Self

import numpy as np

from touchline.simulator.bookmakers import (
    COLUMNS,
    FIRST_COLUMN,
    MARKETS,
    SimulatedBookmaker,
    market_sums,
    quote,
)
from touchline.simulator.league import SimulatedLeague, SimulatedMatch, Stream
from touchline.ticks import PriceTick
from touchline.types import Floats, Ints, PricedOutcome

SPAN: Final = timedelta(days=4)
"""Prices open so long before kick-off."""
EARLY: Final = timedelta(days=1)
"""The early price of a finished match is the one that stood so long before kick-off."""
AVERAGE: Final = "Avg"
"""Name of the average of all books."""
STEP: Final = 300
"""Seconds of the grid."""
_SECONDS: Final = int(SPAN.total_seconds())
_AT_CLOSE: Final = (0.04, 0.02, 0.04, 0.04, 0.05)
_OVER_SPAN: Final = (0.20, 0.06, 0.16, 0.12, 0.18)
_DIRECTIONS: Final = (
    # home  draw  away  over under  yes   no  over under (corners)
    (0.5, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, -0.2, 0.0, 0.5, -0.5, 0.3, -0.3, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.5, -0.5, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, -0.5),
)
"""(5, 9) what each direction adds to the log probability of each outcome."""
_BOUNDS: Final = (*FIRST_COLUMN, COLUMNS)
_COLUMN_NAMES: Final = tuple((market, outcome) for market in MARKETS for outcome in market.outcomes)


@dataclass(frozen=True, slots=True)
class PricePath:
    """Everything that decides the prices of one match at any instant before its kick-off.

    `n` is the number of grid points, `b` the number of bookmakers.
    """

    match: SimulatedMatch
    bookmakers: tuple[SimulatedBookmaker, ...]
    truth: Floats
    """(9,) log probabilities."""
    errors: Floats
    """(n, 5) error of the market's belief at each grid point, by direction."""
    opinions: Floats
    """(b, 5) each book's own error."""
    phases: Ints
    """(b,) seconds after opening of each book's first price."""

    @classmethod
    def of(cls, league: SimulatedLeague, match: SimulatedMatch, bookmakers: tuple[SimulatedBookmaker, ...]) -> Self:
        """The path of a match, always the same."""
        rng = league.rng(Stream.PRICES, match.edition, match.round, match.place)
        true = league.true_probabilities(match)
        steps = _SECONDS // STEP
        moves = rng.normal(size=(steps, 5)) * _OVER_SPAN / np.sqrt(steps)
        left = np.concatenate([np.cumsum(moves[::-1], axis=0)[::-1], np.zeros((1, 5))])
        opinions = rng.normal(size=(len(bookmakers), 5)) * np.array([book.opinion for book in bookmakers])[:, None]
        phases = (rng.random(len(bookmakers)) * [book.interval for book in bookmakers]).astype(np.int64)
        return cls(
            match=match,
            bookmakers=bookmakers,
            truth=np.log(np.concatenate([true[market] for market in MARKETS])),
            errors=left + rng.normal(size=5) * _AT_CLOSE,
            opinions=opinions,
            phases=phases,
        )

    @property
    def opens(self) -> datetime:
        """From when on there may be prices."""
        return self.match.kickoff - SPAN

    def prices(self, seconds: Ints, books: Ints) -> Floats:
        """(n, 9) prices that books (n,) set so many seconds (n,) after opening."""
        lags = np.array([book.lag for book in self.bookmakers])
        place = np.maximum(seconds - lags[books], 0) / STEP
        before = np.minimum(place.astype(np.int64), len(self.errors) - 2)
        share = (place - before)[:, None]
        errors = (1 - share) * self.errors[before] + share * self.errors[before + 1] + self.opinions[books]
        weights = np.exp(self.truth + errors @ _DIRECTIONS)
        return quote(weights / market_sums(weights), books, self.bookmakers)

    def ticks(self, begins: datetime, ends: datetime) -> Iterator[PriceTick]:
        """Repricings from `begins` to before `ends` that changed a price, and each book's first ones."""
        since, until = ((at - self.opens).total_seconds() for at in (begins, ends))
        books, numbers = self._repricings(since, until)
        seconds = self.phases[books] + numbers * self._intervals[books]
        prices = self.prices(seconds, books)
        is_moved = np.ones(prices.shape, dtype=bool)
        is_moved[1:] = prices[1:] != prices[:-1]
        is_moved |= (numbers == 0)[:, None]
        is_tick = np.stack([is_moved[:, a:b].any(axis=1) for a, b in pairwise(_BOUNDS)], axis=1)
        is_tick &= (seconds >= since)[:, None]
        for row, market in np.argwhere(is_tick).tolist():
            yield self._tick(int(seconds[row]), self.bookmakers[books[row]].key, market, prices[row])

    @property
    def _intervals(self) -> Ints:
        """(b,) seconds between two repricings of each book."""
        return np.array([book.interval for book in self.bookmakers], dtype=np.int64)

    def _repricings(self, since: float, until: float) -> tuple[Ints, Ints]:
        """Book and number of each repricing between two seconds, led by the one before the first, if there is one."""
        intervals = self._intervals
        first = np.maximum(np.ceil((since - self.phases) / intervals), 0).astype(np.int64)
        end = np.ceil((min(until, _SECONDS) - self.phases) / intervals).astype(np.int64)
        begin = np.maximum(first - 1, 0)
        counts = np.where(end > first, end - begin, 0)
        books = np.repeat(np.arange(len(counts)), counts)
        return books, np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - begin, counts)

    def _tick(self, second: int, bookmaker: str, market: int, prices: Floats) -> PriceTick:
        match = self.match
        return PriceTick(
            at=self.opens + timedelta(seconds=second),
            league=match.league,
            season=match.season,
            home=match.home,
            away=match.away,
            leg=match.leg,
            bookmaker=bookmaker,
            market=MARKETS[market],
            prices=tuple(prices[_BOUNDS[market] : _BOUNDS[market + 1]].tolist()),
        )

    def standing(self, at: datetime) -> Floats:
        """(b, 9) prices of every book as they stand at an instant between opening and kick-off, the last ones there."""
        since = min(int((at - self.opens).total_seconds()), _SECONDS - 1)
        number = np.maximum((since - self.phases) // self._intervals, 0)
        return self.prices(self.phases + number * self._intervals, np.arange(len(self.bookmakers)))

    def early_and_closing(self) -> tuple[PricedOutcome, ...]:
        """What a finished match keeps: every book's prices a day before kick-off and at kick-off, and last the average
        of those at kick-off, in hundredths."""
        kickoff = self.match.kickoff
        early, closing = self.standing(kickoff - EARLY), self.standing(kickoff)
        average = np.round(closing.mean(axis=0), 2)
        return (
            *(
                PricedOutcome(book.key, market, outcome, price, at, is_closing)
                for standing, at, is_closing in ((early, kickoff - EARLY, False), (closing, kickoff, True))
                for book, prices in zip(self.bookmakers, standing.tolist(), strict=True)
                for (market, outcome), price in zip(_COLUMN_NAMES, prices, strict=True)
            ),
            *(
                PricedOutcome(AVERAGE, market, outcome, price, kickoff, is_closing=True, is_aggregate=True)
                for (market, outcome), price in zip(_COLUMN_NAMES, average.tolist(), strict=True)
            ),
        )
