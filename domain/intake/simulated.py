"""The simulated league as a feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.intake.feed import LiveState
from domain.odds.service import NewBookmaker
from touchline import SourceMatch
from touchline.simulator import World, demo_world
from touchline.ticks import PriceTick

SOURCE = "simulator"
KIND = "simulator"
DAYS_AHEAD = timedelta(days=14)
"""How long before kick-off a match is announced."""

_JUST_AFTER = timedelta.resolution
"""The world's windows are closed at the beginning and open at the end, a feed's the other way round."""


@dataclass(frozen=True, slots=True)
class SimulatedFeed:
    """What happens in a simulated world."""

    world: World
    step: timedelta
    """Match time from one look to the next."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SimulatedFeed:
        """The feed of stored settings: `seed` and `step_seconds`."""
        epoch = datetime.fromisoformat("2024-07-01T00:00:00+00:00")  # only says where a history would begin
        return cls(demo_world(int(settings["seed"]), epoch), timedelta(seconds=float(settings["step_seconds"])))

    @property
    def source(self) -> str:
        return SOURCE

    @property
    def bookmakers(self) -> Sequence[NewBookmaker]:
        return [
            NewBookmaker(book.key, book.name, str(book.kind), book.commission, is_simulated=True)
            for book in self.world.bookmakers
        ]

    def fixtures(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        return self.world.coming(begins + DAYS_AHEAD + _JUST_AFTER, until + DAYS_AHEAD + _JUST_AFTER)

    def ticks(self, begins: datetime, until: datetime) -> Sequence[PriceTick]:
        return self.world.ticks(begins + _JUST_AFTER, until + _JUST_AFTER)

    def live(self, at: datetime) -> Sequence[LiveState]:
        return [
            LiveState(
                score.match.league,
                score.match.season,
                score.match.home,
                score.match.away,
                score.match.leg,
                score.minute,
                score.is_half_time,
                score.home_goals,
                score.away_goals,
            )
            for score in self.world.live(at)
        ]

    def results(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        return self.world.results(begins + _JUST_AFTER, until + _JUST_AFTER)

    def next_after(self, at: datetime) -> datetime | None:
        return at + self.step
