"""A value bet's life: found, followed, expired; one revision a job."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import asyncpg
import numpy as np
import pytest

from domain.forecasting.service import Fit, prepare, store_answer
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.settings import read_settings
from domain.value.service import Priced, expire_started, price_match, weigh_match
from tests.small_league import NOON, NOW, SmallLeague, make_league
from tests.workers.fickle import KEY, TRUSTING, Trusting, registry
from touchline import RESULT, Assessment, MarketKey, Offer, Strategy
from touchline.plugins import Registry
from workers.boot import Boot, booted

OTHER = "test.other"


@dataclass(frozen=True)
class Boundless(Trusting):
    """Finds an edge without end."""

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        return [replace(one, edge=float("inf")) for one in super().assess(market, probabilities, offers)]


@dataclass(frozen=True)
class Where(Trusting):
    """Remembers which threads it was asked in."""

    threads: list[int] = field(default_factory=list)

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        self.threads.append(threading.get_ident())
        return super().assess(market, probabilities, offers)


def _registry() -> Registry:
    """The usual one with a second strategy."""
    usual = registry("steady")
    second = replace(usual.plugins[1], key="second", strategies=(OTHER,))
    return replace(usual, plugins=(*usual.plugins, second), strategies={**usual.strategies, OTHER: Trusting(key=OTHER)})


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
async def boot(database_url: str, redis_url: str, league: SmallLeague) -> AsyncIterator[Boot]:
    """Forecasts of all coming matches are there."""
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    async with booted(settings, _registry) as opened:
        question = await prepare(opened.database.pool, opened.registry.models[KEY], league.league_id, NOW)
        fitted = question.model.fit(question.past.history, np.random.default_rng(0))
        forecasts = fitted.predict(question.coming.fixtures)
        async with opened.database.transaction() as session:
            fit = Fit(fitted.state(), "digest", 0.0)
            await store_answer(await connection_of(session), question, fit, forecasts, 1.0, "forecast")
        yield opened


async def _price(
    boot: Boot, league: SmallLeague, job_id: str, *strategies: Strategy, max_edge: float = 0.5
) -> Priced | None:
    pool, match_id = boot.database.pool, league.coming[0]
    views = await weigh_match(pool, match_id, strategies or [Trusting()], max_edge=max_edge)
    async with boot.database.transaction() as session:
        return await price_match(await connection_of(session), match_id, views, job_id=job_id)


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
    priced = await _price(boot, league, "job-1", strategy)
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


async def test_what_a_strategy_in_shadow_finds_is_kept_and_is_no_edge_that_users_see(
    boot: Boot, league: SmallLeague
) -> None:
    await league.price(0, "corner", NOW, home=2.2, draw=3.9, away=3.8)
    await boot.database.pool.execute(
        "update plugin set status = 'SHADOW' where key = (select plugin_key from model where key = $1)", Trusting().key
    )
    priced = await _price(boot, league, "job-1")
    assert priced is not None
    assert (priced.opened, priced.best_edge) == (1, None)
    assert [bet["edge"] for bet in await _bets(boot.database)] == [pytest.approx(0.10)]
    assert (await _outlook(boot.database, league.coming[0]))["best_edge"] is None


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
    priced = await _price(boot, league, "job-2", Trusting(is_broken=True))
    assert priced is not None
    (error,) = priced.errors
    assert error.startswith("assess() raised ZeroDivisionError: a strategy's own mistake (fickle.py, line ")
    assert [(bet["outcome"], bet["status"]) for bet in await _bets(boot.database)] == [
        ("home", "OPEN"),
        ("draw", "EXPIRED"),
    ]
    plugin = await boot.database.pool.fetchrow(
        "select call_count, failure_count, last_error from plugin where key = 'trusting'"
    )
    assert tuple(plugin or ()) == (2, 1, error)


async def test_a_failing_strategy_costs_only_its_own_word(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    other = Trusting(key=OTHER)
    priced = await _price(boot, league, "job-1", Trusting(is_broken=True), other)
    assert priced is not None
    assert (priced.opened, len(priced.errors)) == (1, 1)
    assert await boot.database.pool.fetchval("select strategy_key from value_bet") == OTHER
    counted = await boot.database.pool.fetch(
        "select thing, fault from plugin_call where job_id = 'job-1' order by thing"
    )
    assert [tuple(row) for row in counted] == [(OTHER, None), (TRUSTING, "raised")]


async def test_what_a_strategy_may_not_answer_is_its_failure(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    priced = await _price(boot, league, "job-1", Boundless())
    assert priced is not None
    assert priced.opened == 0
    assert priced.errors[0].startswith(
        "What assess() returned cannot be used: edge, Kelly share and probability must be numbers"
    )
    assert await boot.database.pool.fetchval("select fault from plugin_call where job_id = 'job-1'") == "invalid_output"


async def test_strategies_think_outside_of_the_event_loop(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    strategy = Where()
    await _price(boot, league, "job-1", strategy)
    assert strategy.threads
    assert threading.get_ident() not in strategy.threads


async def test_a_price_that_moves_while_strategies_think_is_passed_over(boot: Boot, league: SmallLeague) -> None:
    await league.price(0, "corner", NOW, home=2.2, draw=4.4)
    views = await weigh_match(boot.database.pool, league.coming[0], [Trusting()], max_edge=0.5)
    await league.price(0, "corner", NOW + timedelta(minutes=1), draw=4.2)
    async with boot.database.transaction() as session:
        priced = await price_match(await connection_of(session), league.coming[0], views, job_id="job-1")
    assert priced is not None
    assert priced.opened == 1
    assert [bet["outcome"] for bet in await _bets(boot.database)] == ["home"]


@pytest.mark.parametrize(("status", "left"), [("SHADOW", "EXPIRED"), ("DISABLED", "EXPIRED"), ("QUARANTINED", "OPEN")])
async def test_bets_of_a_strategy_that_is_not_asked_any_more(
    boot: Boot, league: SmallLeague, status: str, left: str
) -> None:
    await league.price(0, "corner", NOW, home=2.2)
    await _price(boot, league, "job-1")
    await boot.database.pool.execute("update plugin set status = $1 where key = 'trusting'", status)
    async with boot.database.transaction() as session:
        await price_match(await connection_of(session), league.coming[0], [], job_id="job-2")
    assert [bet["status"] for bet in await _bets(boot.database)] == [left]


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
    await _price(boot, league, "job-2", replace(Trusting(), version="2"))
    versions = await boot.database.pool.fetch(
        "select code_version, data_cutoff_at, job_id from model_version where model_key = 'test.trusting' order by id"
    )
    assert [tuple(row) for row in versions] == [("1", NOW, "job-1"), ("2", NOW, "job-2")]


async def test_a_match_that_does_not_exist_is_an_error(boot: Boot) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with boot.database.transaction() as session:
            await price_match(await connection_of(session), 999_999, [], job_id="job-1")
    assert await boot.database.pool.fetchval("select count(*) from job where id = 'job-1'") == 0
