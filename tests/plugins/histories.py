"""Histories for tests of models: made by hand, drawn from known parameters, or read from the golden season."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from touchline import Fixtures, Floats, History, Ints
from touchline.grid import ScoreGrid, limit_rho

AS_OF = datetime(2025, 5, 1, tzinfo=UTC)


def history(
    clubs: Sequence[str],
    home: ArrayLike,
    away: ArrayLike,
    home_goals: ArrayLike,
    away_goals: ArrayLike,
    *,
    league: ArrayLike = 0,
    leagues: Sequence[str] = ("E0",),
    season: ArrayLike = 2024,
    days_ago: ArrayLike = 1.0,
    home_corners: ArrayLike = np.nan,
    away_corners: ArrayLike = np.nan,
) -> History:
    """A history with goals and corners; everything else is unknown. Single numbers count for every match."""
    n = len(np.asarray(home))

    def integers(values: ArrayLike) -> Ints:
        return np.array(np.broadcast_to(np.asarray(values, dtype=np.int64), n))

    def floats(values: ArrayLike) -> Floats:
        return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), n))

    unknown = floats(np.nan)
    return History(
        as_of=AS_OF,
        clubs=tuple(clubs),
        leagues=tuple(leagues),
        home=integers(home),
        away=integers(away),
        league=integers(league),
        season=integers(season),
        days_ago=floats(days_ago),
        home_goals=floats(home_goals),
        away_goals=floats(away_goals),
        half_time_home_goals=unknown,
        half_time_away_goals=unknown,
        home_shots=unknown,
        away_shots=unknown,
        home_shots_on_target=unknown,
        away_shots_on_target=unknown,
        home_corners=floats(home_corners),
        away_corners=floats(away_corners),
        home_red_cards=unknown,
        away_red_cards=unknown,
        closing_result=np.full((n, 3), np.nan),
        closing_total=np.full((n, 2), np.nan),
    )


def empty(clubs: Sequence[str] = ("A", "B", "C", "D")) -> History:
    """No match at all."""
    return history(clubs, [], [], [], [])


def fixtures(past: History, home: ArrayLike, away: ArrayLike, *, league: int = 0, season: int = 2024) -> Fixtures:
    """Coming matches of the clubs of a history."""
    home, away = np.asarray(home, dtype=np.int64), np.asarray(away, dtype=np.int64)
    n = len(home)
    return Fixtures(
        clubs=past.clubs,
        leagues=past.leagues,
        home=home,
        away=away,
        league=np.full(n, league),
        season=np.full(n, season),
        days_ahead=np.ones(n),
    )


def every_pairing(past: History) -> Fixtures:
    """Each club at home to each other one."""
    clubs = len(past.clubs)
    home, away = np.divmod(np.arange(clubs**2), clubs)
    return fixtures(past, home[home != away], away[home != away])


@dataclass(frozen=True)
class Truth:
    """Parameters that results were drawn from."""

    attack: Floats
    defence: Floats
    level: float = 0.1
    home: float = 0.25
    rho: float = -0.1


def drawn(rng: np.random.Generator, clubs: int = 20, rounds: int = 1, rho: float = -0.1) -> tuple[History, Truth]:
    """Double round-robins drawn from a Dixon-Coles model; corners are negative binomial around 5.4 and 4.4."""
    truth = Truth(rng.normal(0, 0.3, clubs), rng.normal(0, 0.2, clubs), rho=rho)
    home, away = np.divmod(np.arange(clubs**2), clubs)
    home, away = np.tile(home[home != away], rounds), np.tile(away[home != away], rounds)
    home_mean = np.exp(truth.level + truth.home + truth.attack[home] - truth.defence[away])
    away_mean = np.exp(truth.level + truth.attack[away] - truth.defence[home])
    grid = ScoreGrid(home_mean, away_mean, limit_rho(home_mean, away_mean, truth.rho))
    steps = np.cumsum(grid.cells.reshape(len(home), -1), axis=1)
    score = (rng.random(len(home))[:, None] > steps).sum(axis=1)
    past = history(
        [f"Club {club:02d}" for club in range(clubs)],
        home,
        away,
        score // grid.size,
        score % grid.size,
        days_ago=rng.integers(1, 700, len(home)),
        home_corners=rng.negative_binomial(38, 38 / (38 + 5.4), len(home)),
        away_corners=rng.negative_binomial(32, 32 / (32 + 4.4), len(home)),
    )
    return past, truth


def shuffled(past: History, rng: np.random.Generator) -> History:
    """The same matches in another order."""
    order = rng.permutation(len(past))
    return history(
        past.clubs,
        past.home[order],
        past.away[order],
        past.home_goals[order],
        past.away_goals[order],
        league=past.league[order],
        leagues=past.leagues,
        season=past.season[order],
        days_ago=past.days_ago[order],
        home_corners=past.home_corners[order],
        away_corners=past.away_corners[order],
    )


def golden_season(recorded: Path, name: str) -> History:
    """A season that others documented their fits with; it travels with the recorded data."""
    with (recorded / "golden" / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clubs = sorted({row["HomeTeam"] for row in rows})
    place = {club: position for position, club in enumerate(clubs)}
    return history(
        clubs,
        [place[row["HomeTeam"]] for row in rows],
        [place[row["AwayTeam"]] for row in rows],
        [float(row["FTHG"]) for row in rows],
        [float(row["FTAG"]) for row in rows],
    )
