"""A league of six clubs half-way through its season: fifteen matches played, six announced, nine without a date.

A real model speaks of all that is left, in this process: `speak`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import numpy as np

from domain.forecasting.service import Fit, prepare, store_answer
from domain.infra.database import Database, connection_of
from domain.seasons.queries import rated_clubs
from domain.seasons.service import note_answer
from tests.factories import NOW, Factory, Fixture
from touchline import RESULT, Model
from touchline.dixon_coles import GoalModel
from touchline.wire import digest

CLUBS = ("Arsenal", "Brentford", "Chelsea", "Everton", "Fulham", "Southampton")
KEY = "touchline.match_result"
PLAYED, ANNOUNCED = 15, 6
VERSION = "select id from model_version order by id desc limit 1"


@dataclass(frozen=True)
class SeasonWorld:
    """Ids of what is there."""

    database: Database
    league: int
    season: int
    played: tuple[int, ...]
    """Oldest first, a day apart, the last two days before `NOW`."""
    coming: tuple[int, ...]
    """A day apart, from tomorrow on."""
    clubs: dict[str, int]

    async def end(self, match: int, home: int, away: int, at: datetime) -> None:
        """Let a match end, with its result known at an instant."""
        await self.database.pool.execute(
            "update match set status = 'FINISHED', home_goals = $2, away_goals = $3, result_at = $4 where id = $1",
            match,
            home,
            away,
            at,
        )


def pairs() -> list[tuple[str, str]]:
    """Every pair at both grounds, in an order of no meaning."""
    every = list(permutations(CLUBS, 2))
    return [every[place] for place in np.random.default_rng(3).permutation(len(every))]


async def make_season(factory: Factory, slug: str = "england-premier-league", code: str = "E0") -> SeasonWorld:
    """The season, with match time standing at `NOW`."""
    league = await factory.league(slug, code=code)
    rng = np.random.default_rng(7)
    fixtures = [
        Fixture(
            league, home, away, NOW - timedelta(days=PLAYED + 1 - day), goals=tuple(rng.poisson((1.6, 1.1)).tolist())
        )
        for day, (home, away) in enumerate(pairs()[:PLAYED])
    ]
    fixtures += [
        Fixture(league, home, away, NOW + timedelta(days=1 + day))
        for day, (home, away) in enumerate(pairs()[PLAYED : PLAYED + ANNOUNCED])
    ]
    ids = await factory.matches(fixtures)
    season = await factory.db.fetchval("select id from season where league_id = $1", league)
    clubs = await factory.teams(CLUBS)
    return SeasonWorld(factory.database, league, season, tuple(ids[:PLAYED]), tuple(ids[PLAYED:]), clubs)


async def speak(
    factory: Factory, world: SeasonWorld, *, key: str = KEY, now: datetime = NOW, job: str = "job-speak"
) -> int:
    """Have a model forecast the league as a worker would; answers its version."""
    model: Model = GoalModel(key, (RESULT,))
    await factory.model(key, [RESULT])
    question = await prepare(world.database.pool, model, world.league, now)
    clubs = await rated_clubs(world.database.pool, world.league, now)
    fitted: Any = model.fit(question.past.history, np.random.default_rng(0))
    fit = Fit(fitted.state(), digest(fitted.state()), 0.1, fitted.ratings(tuple(clubs)))
    forecasts = fitted.predict(question.coming.fixtures)
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        stored = await store_answer(
            connection, question, None if question.version else fit, forecasts, 1.0, f"{job}-{key}"
        )
        assert stored is not None
        assert stored.version_id is not None
        ratings = {} if question.version else fit.ratings
        await note_answer(connection, question, stored.version_id, forecasts, ratings, clubs, job)
    return stored.version_id
