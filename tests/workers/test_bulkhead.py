"""What others wrote is run apart from ours: queues and threads of its own, and only where it is active."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from domain.forecasting.plugin_states import PluginStatus, change_state
from domain.forecasting.requests import run_request
from domain.infra import jobs
from domain.infra.database import Database, connection_of
from domain.infra.jobs import Message, Queue, queue_of
from domain.infra.settings import Settings, read_settings
from tests.small_league import NOW, SmallLeague, make_league, run_all
from tests.workers.fickle import KEY, TRUSTING, registry
from touchline.cards import RemoteStrategy
from touchline.discovery import discover_plugins
from touchline.plugins import Registry
from touchline.processes import Limits, Warm
from workers.boot import Boot, booted
from workers.forecasts import run_model, run_outside_model
from workers.value import price_outside_value, price_value
from workers.worker import thread_groups


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return read_settings(database_url=database_url, redis_url=redis_url)


def _registry() -> Registry:
    """A model that passes for ours and somebody else's strategy."""
    usual = registry("steady")
    return replace(usual, plugins=(usual.plugins[0], replace(usual.plugins[1], distribution="acme")))


@pytest.fixture
async def boot(settings: Settings, league: SmallLeague) -> AsyncIterator[Boot]:
    """A worker whose matches are forecast and whose prices are worth a bet."""
    async with booted(settings, _registry) as opened:
        await run_model(opened, "forecast", model_key=KEY, league_id=league.league_id)
        await league.price(0, "corner", NOW, home=2.2)
        await opened.database.pool.execute("delete from outbox")
        yield opened


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


async def _enable(boot: Boot) -> None:
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        await change_state(connection, "trusting", PluginStatus.ACTIVE, reason="tried", by="Ann", now=NOW)
        await connection.execute("delete from outbox")


async def _bets(boot: Boot) -> list[str]:
    return [row["strategy_key"] for row in await boot.database.pool.fetch("select strategy_key from value_bet")]


def test_models_of_others_have_a_queue_of_their_own() -> None:
    jobs = [run_request("acme.any", 1, "test", is_ours=is_ours) for is_ours in (True, False)]
    assert [queue_of(request.job) for request in jobs] == [Queue.MODELS, Queue.OUTSIDE]
    assert jobs[0].dedupe_key == jobs[1].dedupe_key


def test_every_queue_has_threads_and_those_of_others_share_none(settings: Settings) -> None:
    groups = [queues for queues, threads in thread_groups(settings) if threads > 0]
    assert sorted(queue for queues in groups for queue in queues) == sorted(Queue)
    assert {Queue.OUTSIDE} in groups
    assert {Queue.OUTSIDE_VALUE} in groups


async def test_what_was_asked_again_while_others_waited_is_done_once(boot: Boot, league: SmallLeague) -> None:
    pool = boot.database.pool
    asked: dict[str, Any] = {"model_key": KEY, "league_id": league.league_id}
    for number in range(3):
        async with boot.database.transaction() as session:
            message = Message(f"job-{number}", "run_outside_model", asked)
            await jobs.note_queued(await connection_of(session), [message])
    for number in range(3):
        await jobs.begin(pool, Message(f"job-{number}", "run_outside_model", asked))
        await run_outside_model(boot, f"job-{number}", **asked)
    rows = await pool.fetch(
        "select status, result->>'skipped' is not null as skipped from job where id like 'job-%' order by id"
    )
    assert [tuple(row) for row in rows] == [("DONE", False), ("DONE", True), ("DONE", True)]
    assert await pool.fetchval("select count(*) from plugin_call where job_id like 'job-%'") == 1


async def test_a_strategy_in_the_shadow_is_not_asked(boot: Boot, league: SmallLeague) -> None:
    await price_value(boot, "job-1", match_id=league.coming[0])
    assert await boot.database.pool.fetchval("select count(*) from outbox where job = 'price_outside_value'") == 0
    await price_outside_value(boot, "job-2", match_id=league.coming[0])
    assert await _bets(boot) == []


async def test_strategies_of_others_are_asked_by_a_job_of_their_own(boot: Boot, league: SmallLeague) -> None:
    await _enable(boot)
    await price_value(boot, "job-1", match_id=league.coming[0])
    assert await _bets(boot) == []
    assert await run_all(boot, only=("price_outside_value",)) == ["price_outside_value"]
    assert await _bets(boot) == [TRUSTING]


async def test_a_strategy_that_hangs_is_stopped_and_ends_in_quarantine(boot: Boot, league: SmallLeague) -> None:
    await _enable(boot)
    hanging = RemoteStrategy({}, (), TRUSTING, "1", Warm("tests.workers.hanging", Limits(seconds=0.2), 20.0))
    theirs = replace(boot, registry=replace(boot.registry, strategies={TRUSTING: hanging}))
    for number in range(4):
        await price_outside_value(theirs, f"job-{number}", match_id=league.coming[0])
    hanging.process.close()
    row = await boot.database.pool.fetchrow(
        "select status, call_count, failure_count, last_error from plugin where key = 'trusting'"
    )
    assert tuple(row or ()) == ("QUARANTINED", 3, 3, "It was stopped after 0.2 seconds.")


async def test_a_plugin_of_others_runs_without_ever_being_imported(settings: Settings, league: SmallLeague) -> None:
    point = EntryPoint("whole", "tests.plugins.whole_plugin", "touchline")
    async with booted(settings, lambda: discover_plugins([point])) as boot:
        await run_model(boot, "job-1", model_key="whole.shares", league_id=league.league_id)
        rows = await boot.database.pool.fetch(
            """select k.key, p.probabilities, c.is_served from current_prediction c
               join prediction p on p.id = c.prediction_id join market k on k.id = c.market_id order by k.key"""
        )
        markets = {row["key"] for row in rows}
        assert (markets, len(rows)) == ({"match_result::ft", "whole.total_cards:4.5:ft"}, 2 * len(league.coming))
        assert not any(row["is_served"] for row in rows)
        cards = [row["probabilities"] for row in rows if row["key"].startswith("whole")]
        assert cards == [[0.6, 0.4]] * len(league.coming)
        plugin = await boot.database.pool.fetchrow("select status, failure_count from plugin")
        assert tuple(plugin or ()) == ("SHADOW", 0)
