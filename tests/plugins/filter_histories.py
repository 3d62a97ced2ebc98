"""Histories for tests of the filters and of the models on them: leagues over seasons, with all that a file can hold."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np

from benchmarks.filters import drawn_history
from touchline import Fixtures, History, Ints
from touchline.grid import ScoreGrid

DAY = 86_400


def full_history(leagues: int = 2, seasons: int = 3, seed: int = 3, clubs: int = 10) -> History:
    """Goals by clubs' strengths, statistics around them, and closing prices with a margin of four percent."""
    past = drawn_history(leagues, seasons, clubs=clubs, changes=2, seed=seed)
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, 0.3, len(past.clubs))
    means = np.exp(
        np.stack([0.35 + strength[past.home] - strength[past.away], strength[past.away] - strength[past.home]])
    )
    grid = ScoreGrid(means[0], means[1], -0.06)
    score = (rng.random(len(past))[:, None] > np.cumsum(grid.cells.reshape(len(past), -1), axis=1)).sum(axis=1)
    goals = np.stack([score // grid.size, score % grid.size]).astype(np.float64)
    columns = {"home_goals": goals[0], "away_goals": goals[1]}
    for name, scale in (("shots", 9.0), ("shots_on_target", 3.2), ("corners", 3.7), ("red_cards", 0.05)):
        columns |= {f"{side}_{name}": rng.poisson(scale * mean) * 1.0 for side, mean in zip(SIDES, means, strict=True)}
    return replace(
        past,
        **columns,
        closing_result=1 / (1.04 * grid.result()),
        closing_total=1 / (1.04 * grid.total(2.5)[:, [0, 2]]),
    )


SIDES = ("home", "away")


def with_expected_goals(past: History, seed: int = 5) -> History:
    """The same matches with expected goals around the goals."""
    rng = np.random.default_rng(seed)
    shared = {side: getattr(past, f"{side}_goals") for side in SIDES}
    return replace(past, **{f"{side}_xg": (goals + rng.gamma(2, 0.5, len(past))) / 2 for side, goals in shared.items()})


def rows_of(past: History, rows: Ints, as_of: datetime | None = None) -> History:
    """Some matches of a history, seen from an instant."""
    as_of = as_of or past.as_of
    columns = {
        column.name: getattr(past, column.name)[rows]
        for column in fields(past)
        if column.name not in ("as_of", "clubs", "leagues", "days_ago")
    }
    days = (as_of.timestamp() - past.kickoff_seconds()[rows]) / DAY
    return History(as_of=as_of, clubs=past.clubs, leagues=past.leagues, days_ago=days, **columns)


def before(past: History, match: int) -> History:
    """What was played before the day of a match."""
    day = int(past.kickoff_seconds()[match]) // DAY
    return rows_of(past, np.flatnonzero(past.kickoff_seconds() // DAY < day), datetime.fromtimestamp(day * DAY, UTC))


def as_fixtures(past: History, rows: Ints, as_of: datetime) -> Fixtures:
    """Matches of a history as coming ones."""
    return Fixtures(
        clubs=past.clubs,
        leagues=past.leagues,
        home=past.home[rows],
        away=past.away[rows],
        league=past.league[rows],
        season=past.season[rows],
        days_ahead=(past.kickoff_seconds()[rows] - as_of.timestamp()) / DAY,
    )


def every_pairing_of(past: History) -> Fixtures:
    """Each club of the last season at home to each other one of its league, four days on."""
    pairs = []
    for league in range(len(past.leagues)):
        there = (past.league == league) & (past.season == past.season.max())
        clubs = np.unique(np.concatenate([past.home[there], past.away[there]]))
        pairs += [(league, home, away) for home in clubs for away in clubs if home != away]
    at, home, away = np.array(pairs).T
    season = np.full(len(pairs), past.season.max())
    return Fixtures(past.clubs, past.leagues, home, away, at, season, np.full(len(pairs), 4.0))
