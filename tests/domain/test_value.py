"""A value bet's life: found, followed, expired; one revision a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import numpy as np
import pytest

from domain.forecasting.service import Fit, prepare, store_answer
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.settings import read_settings
from domain.value.service import Priced, expire_started, price_match
from tests.small_league import NOON, NOW, SmallLeague, make_league
from tests.workers.fickle import KEY, Trusting, registry
from touchline import RESULT
from workers.boot import Boot, booted


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
async def boot(database_url: str, redis_url: str, league: SmallLeague) -> AsyncIterator[Boot]:
    """Forecasts of all coming matches are there."""
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    async with booted(settings, lambda: registry("steady")) as opened:
        question = await prepare(opened.database.pool, opened.registry.models[KEY], league.league_id, NOW)
        fitted = question.model.fit(question.past.history, np.random.default_rng(0))
        forecasts = fitted.predict(question.coming.fixtures)
        async with opened.database.transaction() as session:
            fit = Fit(fitted.state(), "digest", 0.0)
            await store_answer(await connection_of(session), question, fit, forecasts, 1.0, "forecast")
        yield opened


async def _price(
    boot: Boot, league: SmallLeague, job_id: str, *, strategy: Trusting | None = None, max_edge: float = 0.5
) -> Priced | None:
    async with boot.database.transaction() as session:
        return await price_match(
            await connection_of(session),
            league.coming[0],
            [strategy or Trusting()],
            max_edge=max_edge,
            job_id=job_id,
        )


async def _bets(database: Database) -> list[asyncpg.Record]:
    return await database.pool.fetch(
        """select s.key as outcome, b.key as book, v.price::float8 as price, v.edge, v.kelly, v.recommendation,
                  v.status, v.found_at, v.updated_at, v.expired_at, v.sequence, v.prediction_id, v.model_version_id
           from value_bet v join selection s on s.id = v.selection_id join bookmaker b on b.id = v.bookmaker_id
           order by v.id"""
    )


async def _outlook(database: Database, match_id: int) -> dict[str, Any]:
    row = await database.pool.fetchrow(
        "select best_edge, value_revision from match_outlook where match_id = $1", match_id
    )
    assert row is not None
    return dict(row)


async def test_a_price_above_its_worth_is_found(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2, draw=3.9, away=3.8)
    await league.price(0, "exchange", NOW, home=2.1, draw=4.5, away=3.0)
    strategy = Trusting()
    priced = await _price(boot, league, "job-1", strategy=strategy)
    assert strategy.asked == [(RESULT, 6)]
    bets = await _bets(boot.database)
    assert [(bet["outcome"], bet["book"], bet["status"]) for bet in bets] == [
        ("home", "corner", "OPEN"),
        ("home", "exchange", "OPEN"),
        ("draw", "exchange", "OPEN"),
    ]
    assert bets[0]["edge"] == pytest.approx(0.10)
    assert bets[0]["kelly"] == pytest.approx(0.10 / 1.2)
    assert bets[1]["edge"] == pytest.approx(0.5 * (1 + 1.1 * 0.98) - 1)
    assert bets[0]["recommendation"] == "MODERATE"
    assert bets[0]["prediction_id"] is not None
    assert priced is not None
    assert (priced.opened, priced.updated, priced.expired) == (3, 0, 0)
    assert await _outlook(boot.database, league.coming[0]) == {
        "best_edge": pytest.approx(0.25 * (1 + 3.5 * 0.98) - 1),
        "value_revision": 1,
    }


async def test_a_bet_follows_its_price_and_expires_with_its_edge(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await _price(boot, league, "job-1")
    await set_clock(boot.database.pool, match=NOW + timedelta(minutes=1), speed=0)
    await league.price(0, "corner", NOW + timedelta(minutes=1), home=2.4)
    priced = await _price(boot, league, "job-2")
    assert priced is not None
    assert (priced.opened, priced.updated, priced.expired) == (0, 1, 0)
    (bet,) = await _bets(boot.database)
    assert (bet["price"], bet["found_at"], bet["updated_at"]) == (2.4, NOW, NOW + timedelta(minutes=1))
    await league.price(0, "corner", NOW + timedelta(minutes=2), home=1.9)
    await _price(boot, league, "job-3")
    (bet,) = await _bets(boot.database)
    assert bet["status"] == "EXPIRED"
    assert bet["expired_at"] == NOW + timedelta(minutes=1)
    assert await _outlook(boot.database, league.coming[0]) == {"best_edge": None, "value_revision": 3}


async def test_nothing_new_leaves_bets_as_they_are(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await _price(boot, league, "job-1")
    before = await _bets(boot.database)
    priced = await _price(boot, league, "job-2")
    assert priced is not None
    assert (priced.opened, priced.updated, priced.expired) == (0, 0, 0)
    assert await _bets(boot.database) == before


async def test_the_same_job_many_times_at_once_is_one_revision(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    answers = await asyncio.gather(*(_price(boot, league, "job-1") for _ in range(6)))
    assert sum(answer is not None for answer in answers) == 1
    assert (await _outlook(boot.database, league.coming[0]))["value_revision"] == 1
    assert len(await _bets(boot.database)) == 1


async def test_different_jobs_at_once_are_a_revision_each(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await asyncio.gather(*(_price(boot, league, f"job-{number}") for number in range(6)))
    assert (await _outlook(boot.database, league.coming[0]))["value_revision"] == 6
    assert len(await _bets(boot.database)) == 1
    versions = await boot.database.pool.fetch(
        "select code_version, training_matches from model_version where model_key = 'test.trusting'"
    )
    assert [tuple(row) for row in versions] == [("1", 0)]


async def test_implausible_edges_are_held_back(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2, draw=9.0)
    priced = await _price(boot, league, "job-1")
    assert priced is not None
    assert priced.held_back == 1
    assert [bet["outcome"] for bet in await _bets(boot.database)] == ["home"]


async def test_a_failing_strategy_keeps_bets_whose_price_stands(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2, draw=4.4)
    await _price(boot, league, "job-1")
    await league.price(0, "corner", NOW + timedelta(minutes=1), draw=4.2)
    priced = await _price(boot, league, "job-2", strategy=Trusting(is_broken=True))
    assert priced is not None
    assert priced.errors == ["ZeroDivisionError: a strategy's own mistake"]
    assert [(bet["outcome"], bet["status"]) for bet in await _bets(boot.database)] == [
        ("home", "OPEN"),
        ("draw", "EXPIRED"),
    ]
    plugin = await boot.database.pool.fetchrow(
        "select call_count, failure_count, last_error from plugin where key = 'trusting'"
    )
    assert tuple(plugin or ()) == (2, 1, "ZeroDivisionError: a strategy's own mistake")


async def test_bets_expire_when_the_match_kicks_off(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await _price(boot, league, "job-1")
    kickoff = NOON + timedelta(days=1)
    await set_clock(boot.database.pool, match=kickoff + timedelta(minutes=3), speed=0)
    async with boot.database.transaction() as session:
        assert await expire_started(await connection_of(session)) == 1
    (bet,) = await _bets(boot.database)
    assert (bet["status"], bet["expired_at"]) == ("EXPIRED", kickoff)
    assert (await _outlook(boot.database, league.coming[0]))["best_edge"] is None
    await _price(boot, league, "job-2")
    assert [bet["status"] for bet in await _bets(boot.database)] == ["EXPIRED"]


async def test_a_changed_strategy_gets_a_version_of_its_own(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await _price(boot, league, "job-1")
    await _price(boot, league, "job-2", strategy=replace(Trusting(), version="2"))
    versions = await boot.database.pool.fetch(
        "select code_version, data_cutoff_at, job_id from model_version where model_key = 'test.trusting' order by id"
    )
    assert [tuple(row) for row in versions] == [("1", NOW, "job-1"), ("2", NOW, "job-2")]


async def test_a_match_that_does_not_exist_is_an_error(boot: Boot) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with boot.database.transaction() as session:
            await price_match(await connection_of(session), 999_999, [], max_edge=0.5, job_id="job-1")
    assert await boot.database.pool.fetchval("select count(*) from job where id = 'job-1'") == 0
