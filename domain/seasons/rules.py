"""From what is known of a season and what a model expects of the rest, to a race, and from that to a table. Pure."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from domain.infra.errors import Invalid
from touchline.competitions import TOP, Format
from touchline.season import FinalTable, Left, Race, Results, Simulation

FEWEST, MOST = 100, 50_000
"""Seasons that can be asked for."""
AT_ONCE = 1000
"""Seasons up to which a table is simulated while somebody waits; above it is a job."""
KEPT = 20_000
"""Seasons of the table that is kept for every season that is played."""
STEP = 5000
"""Seasons between two words on how far a job is."""
MOST_ASSUMED = 40
MOST_GOALS = 30
"""Goals of one side that can be assumed."""
FRESH = timedelta(days=7)
"""Results older than this must be known to the model that a table is simulated with."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """A result that is assumed."""

    match_id: int
    home_goals: int
    away_goals: int


@dataclass(frozen=True, slots=True)
class Played:
    """A match of the season, played or not."""

    id: int
    home_team_id: int
    away_team_id: int
    leg: int
    is_off: bool
    known_at: datetime | None
    """When its result was known; None while it is not."""
    home_goals: int | None
    away_goals: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a version of a model expects of what was left at its cut-off."""

    id: int
    season_id: int
    model_key: str
    model_version_id: int
    data_cutoff_at: datetime
    home_team_ids: Sequence[int]
    away_team_ids: Sequence[int]
    legs: Sequence[int]
    home_mean: Sequence[float]
    away_mean: Sequence[float]
    rho: Sequence[float]


@dataclass(frozen=True, slots=True)
class Start:
    """A season ready to be simulated."""

    outlook: Outlook
    format: Format
    as_of: datetime
    what_if: tuple[Assumed, ...]
    teams: tuple[int, ...]
    """Ids, in the race's order."""
    points: tuple[int, ...]
    """Won by what was really played."""
    race: Race
    unannounced: int
    """Matches left without a date."""

    @property
    def seed(self) -> int:
        """The same for the same question, so that it gets the same answer."""
        question = f"{self.outlook.id}|{len(self.race.played)}|{digest_of(self.what_if)}"
        return zlib.crc32(question.encode())


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated table."""

    simulations: int
    seed: int
    seconds: float
    """That the simulation itself took."""
    rows: list[dict[str, Any]]
    """By expected points: `team_id`, points, places and their sums."""


def check_simulations(simulations: int, field: str) -> int:
    """The number, when it can be asked for; raises Invalid."""
    if not FEWEST <= simulations <= MOST:
        raise Invalid(field, f"must be from {FEWEST} to {MOST}")
    return simulations


def digest_of(what_if: Sequence[Assumed]) -> str:
    """What was assumed as a short text; equal for equal assumptions in any order."""
    plain = sorted((each.match_id, each.home_goals, each.away_goals) for each in what_if)
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:32]


def check_assumed(what_if: Sequence[Assumed], matches: Sequence[Played], as_of: datetime, field: str) -> None:
    """Raise Invalid, naming its place below `field`, for results that cannot be assumed of a season at an instant."""
    if len(what_if) > MOST_ASSUMED:
        raise Invalid(field, f"at most {MOST_ASSUMED} results can be assumed")
    own = {match.id: match for match in matches}
    seen: set[int] = set()
    for place, each in enumerate(what_if):
        where, match = f"{field}.{place}", own.get(each.match_id)
        if match is None:
            raise Invalid(f"{where}.matchId", "must be a match of this season")
        if match.is_off or _is_known(match, as_of):
            raise Invalid(f"{where}.matchId", "must be a match that is left: its result is known, or it was called off")
        if match.id in seen:
            raise Invalid(f"{where}.matchId", "a match can end in one way only: it is assumed twice")
        for name, goals in (("homeGoals", each.home_goals), ("awayGoals", each.away_goals)):
            if not 0 <= goals <= MOST_GOALS:
                raise Invalid(f"{where}.{name}", f"must be from 0 to {MOST_GOALS}")
        seen.add(match.id)


def start_of(
    outlook: Outlook,
    matches: Sequence[Played],
    format: Format,
    as_of: datetime,
    what_if: Sequence[Assumed] = (),
    field: str = "whatIf",
) -> Start | None:
    """The season at an instant, with results of `check_assumed`; None when nothing is left to play.

    Raises Invalid where a result is assumed of a match that the outlook does not hold.
    """
    entries = _open_entries(outlook, matches, as_of)
    if not entries:
        return None
    assumed = _placed(what_if, {match: place for place, match in enumerate(entries.values()) if match}, field)
    teams = sorted({team for match in matches for team in (match.home_team_id, match.away_team_id)})
    index = {team: place for place, team in enumerate(teams)}
    known = [match for match in matches if _is_known(match, as_of)]
    race = Race(len(teams), _results(known, index), _left(outlook, list(entries), index), format.tie_rule)
    points = tuple(race.points().tolist())
    if assumed:
        race = race.assume(*zip(*assumed, strict=True))
    unannounced = sum(match is None for match in entries.values())
    return Start(outlook, format, as_of, tuple(what_if), tuple(teams), points, race, unannounced)


def simulation_of(start: Start) -> Simulation:
    """The start's simulation, not begun."""
    return Simulation(start.race, np.random.default_rng(start.seed))


def simulate(start: Start, simulations: int) -> Simulated:
    """A simulated table at once; the same question gets the same answer."""
    simulation = simulation_of(start)
    began = time.perf_counter()
    simulation.run(simulations)
    return told(start, simulation.table(), time.perf_counter() - began)


def told(start: Start, table: FinalTable, seconds: float) -> Simulated:
    """A table as it is stored and shown."""
    columns = (
        start.teams,
        start.points,
        table.expected_points.tolist(),
        table.points_at(0.05).tolist(),
        table.points_at(0.95).tolist(),
        table.places.tolist(),
        table.top(TOP).tolist(),
        table.bottom(start.format.relegated).tolist(),
        table.bottom(start.format.playoff, above=start.format.relegated).tolist(),
    )
    names = ("team_id", "points", "expected", "lower", "upper", "places", "top", "relegation", "playoff")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    rows.sort(key=lambda row: (-row["expected"], row["team_id"]))
    return Simulated(table.simulations, start.seed, seconds, rows)


def _is_known(match: Played, as_of: datetime) -> bool:
    return match.known_at is not None and match.known_at <= as_of


def _open_entries(outlook: Outlook, matches: Sequence[Played], as_of: datetime) -> dict[int, int | None]:
    """Places of the outlook that are still left, with their match; None for one that was not announced."""
    told = {(match.home_team_id, match.away_team_id, match.leg): match for match in matches}
    found: dict[int, int | None] = {}
    for place, key in enumerate(zip(outlook.home_team_ids, outlook.away_team_ids, outlook.legs, strict=True)):
        match = told.get(key)
        if match is None or not (match.is_off or _is_known(match, as_of)):
            found[place] = None if match is None else match.id
    return found


def _placed(what_if: Sequence[Assumed], places: Mapping[int, int], field: str) -> list[tuple[int, int, int]]:
    """Place among what is left and goals of each assumed result; raises Invalid."""
    for place, each in enumerate(what_if):
        if each.match_id not in places:
            raise Invalid(
                f"{field}.{place}.matchId", "must be a match that the model has forecast: it was just announced"
            )
    return [(places[each.match_id], each.home_goals, each.away_goals) for each in what_if]


def _results(known: Sequence[Played], index: Mapping[int, int]) -> Results:
    rows = [
        (index[match.home_team_id], index[match.away_team_id], match.home_goals, match.away_goals) for match in known
    ]
    return Results(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def _left(outlook: Outlook, places: Sequence[int], index: Mapping[int, int]) -> Left:
    home, away = (
        np.array([index[teams[place]] for place in places], dtype=np.int64)
        for teams in (outlook.home_team_ids, outlook.away_team_ids)
    )
    numbers = (
        np.array([values[place] for place in places], dtype=np.float64)
        for values in (outlook.home_mean, outlook.away_mean, outlook.rho)
    )
    return Left(home, away, *numbers)
