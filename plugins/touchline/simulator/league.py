"""A league of fictional clubs whose strengths are known: its clubs, its matches, and how each one goes.

Everything is a function of the league's own numbers and of the match: the same league made again, in another
process or on another day, has the same matches with the same scores.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from typing import Final

import numpy as np

from touchline.simulator.names import club_names
from touchline.simulator.play import Means, Played, play, true_probabilities
from touchline.simulator.schedule import PERIOD, ROUND_DAYS, kickoff_in_round, pairs_of_round
from touchline.types import Floats, MarketKey, SourceMatch

FULL_TIME_AFTER: Final = timedelta(minutes=115)
"""From kick-off to the result: twice 45 minutes, what was added to them, and the break."""
FIRST_HALF: Final = timedelta(minutes=47)
BREAK: Final = timedelta(minutes=15)
STRENGTH: Final = 0.24
"""Standard deviation of attack and of defence between clubs, in log goals."""
BALANCE: Final = 0.5
"""Correlation of a club's attack with its defence."""
ORIGIN: Final = "simulator"


class Stream(IntEnum):
    """What a random stream is for; each has its own, so that one never shifts another."""

    CLUBS = 0
    DRAW = 1
    ROUND = 2
    PLAY = 3
    PRICES = 4


@dataclass(frozen=True, slots=True)
class SimulatedClub:
    """A club that does not exist, with its strengths in log goals; 0 is average and more is better."""

    name: str
    attack: float
    defence: float


@dataclass(frozen=True, slots=True)
class SimulatedMatch:
    """One match: `edition` counts the league's double round-robins from 0, `place` the matches of a round."""

    league: str
    season: int
    """Year in which the edition starts."""
    leg: int
    """1 for the first edition that starts in that year, 2 for the second, at most 3."""
    home: str
    away: str
    kickoff: datetime
    edition: int
    round: int
    place: int
    home_club: int
    away_club: int

    @property
    def full_time(self) -> datetime:
        """When the result is known."""
        return self.kickoff + FULL_TIME_AFTER


@dataclass(frozen=True, slots=True)
class LiveScore:
    """How a match stands while it is played."""

    match: SimulatedMatch
    minute: int
    """1 to 90."""
    is_half_time: bool
    home_goals: int
    away_goals: int


@dataclass(frozen=True, slots=True)
class SimulatedLeague:
    """A league that plays double round-robins for ever, a round every four days from `start` on.

    `goals` is what a side scores on neutral ground between average clubs, `home_advantage` is in log goals. An
    edition of 20 clubs takes 152 days, so two or three start in a year: they share the year as their season,
    and the leg tells them apart, as in leagues with an opening and a closing tournament. Raises ValueError for
    an odd number of clubs, or fewer than four.
    """

    seed: int
    name: str
    club_count: int = 20
    start: date = date(2024, 7, 1)
    slug: str = ""
    """Its code as a source; made from the name when empty."""
    country: str = "Emberland"
    goals: float = 1.16
    home_advantage: float = 0.2
    clubs: tuple[SimulatedClub, ...] = field(default=())
    """Made from the seed when empty."""

    def __post_init__(self) -> None:
        """Fill in what follows from the other fields."""
        if self.club_count < 4 or self.club_count % 2:
            raise ValueError(f"{self.club_count} clubs: an even number from 4 on")
        if not self.slug:
            object.__setattr__(self, "slug", self.name.lower().replace(" ", "-"))
        if not self.clubs:
            names = club_names(self.club_count, self.rng(Stream.CLUBS, 0))
            object.__setattr__(self, "clubs", self.with_strengths(names))
        if len(self.clubs) != self.club_count:
            raise ValueError(f"{len(self.clubs)} clubs, not {self.club_count}")

    @property
    def rounds(self) -> int:
        """Rounds of an edition."""
        return 2 * (self.club_count - 1)

    def rng(self, stream: Stream, *place: int) -> np.random.Generator:
        """The random numbers of one thing of this league, always the same."""
        return np.random.default_rng([self.seed, zlib.crc32(self.slug.encode()), stream, *place])

    def with_strengths(self, names: tuple[str, ...]) -> tuple[SimulatedClub, ...]:
        """Clubs of these names with strengths from the league's seed, centred on 0."""
        common, attack, defence = self.rng(Stream.CLUBS, 1).normal(size=(3, len(names)))
        shared, own = np.sqrt(BALANCE), np.sqrt(1 - BALANCE)
        strengths = STRENGTH * (shared * common + own * np.stack([attack, defence]))
        attacks, defences = strengths - strengths.mean(axis=1, keepdims=True)
        return tuple(
            SimulatedClub(name, float(a), float(d)) for name, a, d in zip(names, attacks, defences, strict=True)
        )

    def edition_starts(self, edition: int) -> date:
        """First day of a double round-robin."""
        return self.start + edition * self.rounds * PERIOD

    def edition(self, edition: int) -> Iterator[SimulatedMatch]:
        """All matches of a double round-robin by kick-off."""
        for number in range(self.rounds):
            yield from self.matches_of_round(edition, number)

    def matches(self, begins: datetime, ends: datetime) -> Iterator[SimulatedMatch]:
        """Matches that kick off from `begins` to before `ends`, by kick-off."""
        opening = datetime.combine(self.start, time(), UTC)
        first = max(0, (begins - opening - timedelta(days=ROUND_DAYS)) // PERIOD)
        last = (ends - opening) // PERIOD
        for count in range(first, last + 1):
            for match in self.matches_of_round(*divmod(count, self.rounds)):
                if begins <= match.kickoff < ends:
                    yield match

    def matches_of_round(self, edition: int, number: int) -> list[SimulatedMatch]:
        """Matches of one round, by kick-off."""
        season = self.edition_starts(edition).year
        leg = sum(self.edition_starts(other).year == season for other in range(max(0, edition - 3), edition + 1))
        drawn = self.rng(Stream.DRAW, edition).permutation(self.club_count)
        pairs = pairs_of_round(number, self.club_count)
        places = self.rng(Stream.ROUND, edition, number).permutation(len(pairs))
        starts = datetime.combine(self.edition_starts(edition), time(), UTC) + number * PERIOD
        found = []
        for place, pair in enumerate(places.tolist()):
            home, away = (int(drawn[club]) for club in pairs[pair])
            found.append(
                SimulatedMatch(
                    league=self.slug,
                    season=season,
                    leg=leg,
                    home=self.clubs[home].name,
                    away=self.clubs[away].name,
                    kickoff=kickoff_in_round(starts, place, len(pairs)),
                    edition=edition,
                    round=number,
                    place=place,
                    home_club=home,
                    away_club=away,
                )
            )
        return found

    def means(self, match: SimulatedMatch) -> Means:
        """Expected goals of both sides."""
        home, away = self.clubs[match.home_club], self.clubs[match.away_club]
        level = np.log(self.goals)
        return Means(
            home=float(np.exp(level + self.home_advantage + home.attack - away.defence)),
            away=float(np.exp(level + away.attack - home.defence)),
        )

    def true_probabilities(self, match: SimulatedMatch) -> Mapping[MarketKey, Floats]:
        """What the prices are a noisy view of: exact probabilities of RESULT, OVER_25, BTTS and CORNERS_95."""
        return true_probabilities(self.means(match))

    def play(self, match: SimulatedMatch) -> Played:
        """The course of a match, the same each time."""
        return play(self.means(match), self.rng(Stream.PLAY, match.edition, match.round, match.place))

    def score_at(self, match: SimulatedMatch, minute: int) -> tuple[int, int]:
        """Goals of both sides up to and with a minute of play."""
        return self.play(match).score_at(minute)

    def live(self, match: SimulatedMatch, at: datetime) -> LiveScore | None:
        """How a match stands at an instant; None while it is not played."""
        if not match.kickoff <= at < match.full_time:
            return None
        minute, is_half_time = minute_of(at - match.kickoff)
        return LiveScore(match, minute, is_half_time, *self.score_at(match, minute))


def minute_of(elapsed: timedelta) -> tuple[int, bool]:
    """The minute of play, 1 to 90, and whether it is half-time, so long after kick-off. Time added stands still."""
    if elapsed < FIRST_HALF + BREAK:
        return min(45, elapsed // timedelta(minutes=1) + 1), elapsed >= FIRST_HALF
    return min(90, 46 + (elapsed - FIRST_HALF - BREAK) // timedelta(minutes=1)), False


def coming_match(match: SimulatedMatch) -> SourceMatch:
    """A match as a provider tells it before it is played."""
    return SourceMatch(match.league, match.season, match.home, match.away, match.kickoff, leg=match.leg, origin=ORIGIN)


def finished_match(match: SimulatedMatch, played: Played) -> SourceMatch:
    """A match as a provider tells it after full time, without prices."""
    half_time, full_time = played.score_at(45), played.score_at(90)
    return SourceMatch(
        league=match.league,
        season=match.season,
        home=match.home,
        away=match.away,
        kickoff=match.kickoff,
        leg=match.leg,
        home_goals=full_time[0],
        away_goals=full_time[1],
        half_time_home_goals=half_time[0],
        half_time_away_goals=half_time[1],
        home_shots=played.shots[0],
        away_shots=played.shots[1],
        home_shots_on_target=played.shots_on_target[0],
        away_shots_on_target=played.shots_on_target[1],
        home_corners=played.corners[0],
        away_corners=played.corners[1],
        home_fouls=played.fouls[0],
        away_fouls=played.fouls[1],
        home_yellow_cards=played.yellow_cards[0],
        away_yellow_cards=played.yellow_cards[1],
        home_red_cards=played.red_cards[0],
        away_red_cards=played.red_cards[1],
        origin=ORIGIN,
    )
