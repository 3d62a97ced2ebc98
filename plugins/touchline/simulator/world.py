"""The simulated world of the demo: two leagues and a dozen bookmakers, as a function of time.

Nothing is kept. What happens in a stretch of time depends on the seed and on that stretch alone, so a feed that
stops and starts again days later goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from touchline.simulator.bookmakers import BOOKMAKERS, SimulatedBookmaker
from touchline.simulator.league import (
    FULL_TIME_AFTER,
    LiveScore,
    SimulatedLeague,
    SimulatedMatch,
    coming_match,
    finished_match,
)
from touchline.simulator.names import club_names
from touchline.simulator.prices import SPAN, PricePath
from touchline.simulator.schedule import PERIOD
from touchline.ticks import PriceTick
from touchline.types import SourceMatch

EPOCH: Final = date(2024, 7, 1)
"""First day of the first edition; the second league starts two days later."""
HISTORY_ROUNDS: Final = 57
"""Rounds a league before `now` that the demo starts with: an edition and a half."""
COUNTRY: Final = "Emberland"
LEAGUES: Final = ("Emberland Premier", "Emberland Championship")


@dataclass(frozen=True, slots=True)
class World:
    """Leagues and bookmakers that do not exist.

    Windows are half-open, `begins` to before `ends`, of aware instants. Only `finished` depends on
    `history_start`: matches before it are not told.
    """

    leagues: tuple[SimulatedLeague, ...]
    bookmakers: tuple[SimulatedBookmaker, ...]
    history_start: datetime

    def coming(self, begins: datetime, ends: datetime) -> list[SourceMatch]:
        """Matches that kick off in a window, without result and prices, by kick-off."""
        return [coming_match(match) for _, match in self._by_kickoff(begins, ends)]

    def finished(self, before: datetime) -> list[SourceMatch]:
        """Matches of the history that have ended by an instant, by kick-off, with early and closing prices and the
        average of the closing ones."""
        ended = self._by_kickoff(self.history_start, before - FULL_TIME_AFTER + timedelta.resolution)
        return [
            _with_prices(finished_match(match, league.play(match)), PricePath.of(league, match, self.bookmakers))
            for league, match in ended
        ]

    def results(self, begins: datetime, ends: datetime) -> list[SourceMatch]:
        """Matches whose full time falls in a window, by kick-off, with statistics; their prices were ticks."""
        ended = self._by_kickoff(begins - FULL_TIME_AFTER, ends - FULL_TIME_AFTER)
        return [finished_match(match, league.play(match)) for league, match in ended]

    def ticks(self, begins: datetime, ends: datetime) -> list[PriceTick]:
        """Every repricing in a window, oldest first."""
        found = [
            tick
            for league, match in self._by_kickoff(begins, ends + SPAN)
            for tick in PricePath.of(league, match, self.bookmakers).ticks(begins, ends)
        ]
        return sorted(found, key=_order)

    def live(self, at: datetime) -> list[LiveScore]:
        """How the matches stand that are played at an instant."""
        playing = self._by_kickoff(at - FULL_TIME_AFTER + timedelta.resolution, at + timedelta.resolution)
        scores = [league.live(match, at) for league, match in playing]
        return [score for score in scores if score is not None]

    def league(self, slug: str) -> SimulatedLeague:
        """The league of a slug; raises KeyError when there is none."""
        for league in self.leagues:
            if league.slug == slug:
                return league
        raise KeyError(slug)

    def _by_kickoff(self, begins: datetime, ends: datetime) -> Iterator[tuple[SimulatedLeague, SimulatedMatch]]:
        found = [(league, match) for league in self.leagues for match in league.matches(begins, ends)]
        yield from sorted(found, key=lambda pair: (pair[1].kickoff, pair[1].league))


def demo_world(seed: int, now: datetime) -> World:
    """The demo's world. `now` only says where its history begins: 57 rounds a league earlier."""
    names = club_names(40, np.random.default_rng(seed))
    leagues = tuple(
        _league(seed, name, EPOCH + nth * PERIOD / 2, names[20 * nth : 20 * (nth + 1)])
        for nth, name in enumerate(LEAGUES)
    )
    opening = datetime.combine(EPOCH, time(), UTC)
    rounds_past = max(0, (now - opening) // PERIOD - HISTORY_ROUNDS)
    return World(leagues, BOOKMAKERS, opening + rounds_past * PERIOD)


def _league(seed: int, name: str, start: date, names: tuple[str, ...]) -> SimulatedLeague:
    """A league of these clubs; its slug, and so its fate, is that of its name."""
    plain = SimulatedLeague(seed, name, len(names), start, country=COUNTRY)
    return SimulatedLeague(seed, name, len(names), start, country=COUNTRY, clubs=plain.with_strengths(names))


def _with_prices(match: SourceMatch, path: PricePath) -> SourceMatch:
    return replace(match, prices=path.early_and_closing())


def _order(tick: PriceTick) -> tuple[datetime, str, str, str, str]:
    return tick.at, tick.league, tick.home, tick.bookmaker, str(tick.market)
