"""A recorded season as a feed: matches appear, prices walk to their closing ones, results follow.

A file has two prices a book and market at most; `touchline.walk` says how they move in between. What
is invented there is marked estimated. A source of files does not tell how a match went minute by
minute, so while it is played only the clock runs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import numpy as np

from domain.intake.feed import LiveState
from domain.intake.service import KNOWN_BOOKMAKERS
from domain.matches.rules import FULL_TIME_AFTER, result_known_at
from domain.odds.service import NewBookmaker
from touchline import Provider, SourceMatch
from touchline.ticks import PriceTick
from touchline.walk import walk_match

KIND = "files"
FIRST_HALF = timedelta(minutes=47)
SECOND_HALF = timedelta(minutes=62)
"""From kick-off to the second half: the first with what was added, and the break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What is replayed, as it is stored with the feed."""

    provider: str
    origin: str
    """Folder or base URL of the files."""
    leagues: tuple[str, ...]
    season: int
    start: datetime
    """Matches whose result is known later are played; earlier ones are history."""
    until: datetime | None = None
    rounds: int | None = None
    """How many rounds of each league are played; None for all."""
    seed: int = 7
    days_ahead: float = 7.0
    """How long before kick-off a match is announced."""
    steps: int = 40
    """Moves of a book's price between its early and its closing one."""
    step_seconds: float = 60.0
    """Prices are looked at on a grid of so much match time; everything else at its own instant."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> ReplaySettings:
        """From what `stored` gave."""
        until = stored.get("until")
        given = dict(stored) | {
            "leagues": tuple(stored["leagues"]),
            "start": datetime.fromisoformat(stored["start"]),
            "until": None if until is None else datetime.fromisoformat(until),
        }
        return cls(**given)

    def stored(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "provider": self.provider,
            "origin": self.origin,
            "leagues": list(self.leagues),
            "season": self.season,
            "start": self.start.isoformat(),
            "until": None if self.until is None else self.until.isoformat(),
            "rounds": self.rounds,
            "seed": self.seed,
            "days_ahead": self.days_ahead,
            "steps": self.steps,
            "step_seconds": self.step_seconds,
        }


@dataclass(frozen=True, slots=True)
class ReplayedFeed:
    """The matches of a recorded season from a day on."""

    settings: ReplaySettings
    matches: tuple[SourceMatch, ...]
    """With results and prices, by kick-off."""
    prices: tuple[PriceTick, ...]
    """Of all matches, oldest first."""
    instants: tuple[datetime, ...]
    """When something happens, in order."""
    bookmakers: tuple[NewBookmaker, ...]

    @classmethod
    def of(cls, providers: Mapping[str, Provider], stored: Mapping[str, Any]) -> ReplayedFeed:
        """The feed of stored settings; reads the files and raises OSError when it cannot."""
        settings = ReplaySettings.of(stored)
        return cls.from_matches(settings, read_season(providers[settings.provider], settings))

    @classmethod
    def from_matches(cls, settings: ReplaySettings, season: Sequence[SourceMatch]) -> ReplayedFeed:
        """The feed of a season's matches; those before the start, without a result or past the end are left out."""
        matches = chosen(season, settings)
        walks = [(match, _walk(match, settings)) for match in matches]
        prices = tuple(sorted((tick for _, walk in walks for tick in walk), key=lambda tick: tick.at))
        instants = sorted({at for match, walk in walks for at in _instants(match, walk, settings)})
        keys = sorted({tick.bookmaker for tick in prices})
        books = tuple(KNOWN_BOOKMAKERS.get(key) or NewBookmaker(key, key) for key in keys)
        return cls(settings, matches, prices, tuple(instants), books)

    @property
    def source(self) -> str:
        return self.settings.provider

    def fixtures(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        ahead = timedelta(days=self.settings.days_ahead)
        return [unplayed(match) for match in self.matches if begins < match.kickoff - ahead <= until]

    def ticks(self, begins: datetime, until: datetime) -> Sequence[PriceTick]:
        first, last = (bisect_right(self.prices, at, key=lambda tick: tick.at) for at in (begins, until))
        return self.prices[first:last]

    def live(self, at: datetime) -> Sequence[LiveState]:
        return [
            LiveState(match.league, match.season, match.home, match.away, match.leg, *_minute(at - match.kickoff))
            for match in self.matches
            if match.is_kickoff_time_known and match.kickoff <= at < match.kickoff + FULL_TIME_AFTER
        ]

    def results(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        return [replace(match, prices=()) for match in self.matches if begins < _known_at(match) <= until]

    def next_after(self, at: datetime) -> datetime | None:
        place = bisect_right(self.instants, at)
        return self.instants[place] if place < len(self.instants) else None


def read_season(provider: Provider, settings: ReplaySettings) -> list[SourceMatch]:
    """All matches of the season as the files have them; raises OSError."""
    files = provider.files(settings.origin, settings.leagues, [settings.season])
    return [match for file in files for match in provider.read(settings.origin, file)[0]]


def chosen(season: Sequence[SourceMatch], settings: ReplaySettings) -> tuple[SourceMatch, ...]:
    """The matches that are played again, by kick-off: with a result, after the start, within rounds and end."""
    coming = sorted(
        (
            match
            for match in season
            if match.league in settings.leagues
            and match.season == settings.season
            and match.home_goals is not None
            and _known_at(match) > settings.start
            and (settings.until is None or match.kickoff <= settings.until)
        ),
        key=lambda match: (match.kickoff, match.league, match.home),
    )
    if settings.rounds is None:
        return tuple(coming)
    rounds = rounds_of(coming)
    return tuple(match for match, number in zip(coming, rounds, strict=True) if number <= settings.rounds)


def rounds_of(matches: Sequence[SourceMatch]) -> list[int]:
    """The round of each match, from 1: how often the busier of its clubs has played, this match included."""
    played: dict[tuple[str, str], int] = {}
    rounds = []
    for match in matches:
        clubs = [(match.league, match.home), (match.league, match.away)]
        number = max(played.get(club, 0) for club in clubs) + 1
        played.update(dict.fromkeys(clubs, number))
        rounds.append(number)
    return rounds


def unplayed(match: SourceMatch) -> SourceMatch:
    """A match as it was known before kick-off, without prices."""
    return SourceMatch(
        match.league,
        match.season,
        match.home,
        match.away,
        match.kickoff,
        match.is_kickoff_time_known,
        match.leg,
        origin=match.origin,
    )


def _walk(match: SourceMatch, settings: ReplaySettings) -> list[PriceTick]:
    """The prices of a match from its announcement on, always the same for a seed."""
    name = f"{match.league}|{match.season}|{match.home}|{match.away}|{match.leg}"
    rng = np.random.default_rng([settings.seed, crc32(name.encode())])
    announced = match.kickoff - timedelta(days=settings.days_ahead)
    earliest = max(announced, settings.start) + timedelta.resolution
    return [
        tick if tick.at > earliest else replace(tick, at=earliest, is_estimated=True)
        for tick in _newest_first_price(walk_match(match, settings.steps, rng), earliest)
    ]


def _newest_first_price(ticks: Sequence[PriceTick], earliest: datetime) -> Iterator[PriceTick]:
    """The ticks after an instant, and of each book and market the last one up to it."""
    last: dict[tuple[str, str], PriceTick] = {}
    for tick in ticks:
        if tick.at <= earliest:
            last[tick.bookmaker, str(tick.market)] = tick
    yield from last.values()
    yield from (tick for tick in ticks if tick.at > earliest)


def _instants(match: SourceMatch, walk: Sequence[PriceTick], settings: ReplaySettings) -> Iterator[datetime]:
    """When a match is worth a look: announced, prices on their grid, kick-off, break, result."""
    yield match.kickoff - timedelta(days=settings.days_ahead)
    for tick in walk:
        yield min(_on_grid(tick.at, settings.step_seconds), match.kickoff)
    yield match.kickoff
    if match.is_kickoff_time_known:
        yield match.kickoff + FIRST_HALF
        yield match.kickoff + SECOND_HALF
    yield _known_at(match)


def _on_grid(at: datetime, seconds: float) -> datetime:
    """The first instant of the grid that is not before `at`."""
    return datetime.fromtimestamp(-(-at.timestamp() // seconds) * seconds, UTC)


def _known_at(match: SourceMatch) -> datetime:
    return result_known_at(match.kickoff, is_kickoff_time_known=match.is_kickoff_time_known)


def _minute(elapsed: timedelta) -> tuple[int, bool]:
    """The minute of play and whether it is the break, so long after kick-off."""
    if elapsed < SECOND_HALF:
        return min(45, elapsed // timedelta(minutes=1) + 1), elapsed >= FIRST_HALF
    return min(90, 46 + (elapsed - SECOND_HALF) // timedelta(minutes=1)), False
