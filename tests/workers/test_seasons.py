"""Jobs of the season with the installed plugins in child processes, and what becomes of those that cannot be done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import Queue, queue_of
from domain.infra.settings import Settings, read_settings
from domain.seasons.rules import KEPT, Assumed
from domain.seasons.service import Asked, ask_for_table
from domain.tasks import service as tasks
from tests.factories import NOW, Factory
from tests.people import person
from tests.season_world import SeasonWorld, make_season
from tests.small_league import run_all
from tests.workers.fickle import KEY, registry
from touchline.plugins import Plugin, Registry, load_plugins
from workers.boot import Boot, booted
from workers.forecasts import run_model
from workers.seasons import run_simulation, simulate_table

RESULTS = "touchline.match_result"


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return read_settings(database_url=database_url, redis_url=redis_url)


@pytest.fixture
async def world(database: Database) -> SeasonWorld:
    factory = Factory(database)
    await factory.clock()
    return await make_season(factory)


def only(key: str) -> Registry:
    """The installed plugin of one model, alone: the others' child processes are not what is tested."""
    installed = load_plugins()
    owner: Plugin = installed.plugin_of(key)
    return Registry((owner,), MappingProxyType({key: installed.models[key]}))


@pytest.fixture
async def boot(settings: Settings, world: SeasonWorld) -> AsyncIterator[Boot]:
    async with booted(settings, lambda: only(RESULTS)) as opened:
        yield opened


async def ask(world: SeasonWorld, asked: Asked) -> int:
    """A task of somebody's; answers its id."""
    account = await world.database.pool.fetchval("select min(id) from account") or await person(world.database)
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        return await ask_for_table(connection, account, asked, now=NOW, machine=machine_now())


async def task(world: SeasonWorld, key: int) -> dict[str, Any]:
    row = await world.database.pool.fetchrow(
        "select status, error, stage, completed_count, total_count from task where id = $1", key
    )
    assert row is not None
    return dict(row)


async def count(world: SeasonWorld, table: str) -> int:
    return int(await world.database.pool.fetchval(f"select count(*) from {table}"))


async def test_a_fit_brings_ratings_an_outlook_and_the_table(boot: Boot, world: SeasonWorld) -> None:
    await run_model(boot, "job-1", model_key=RESULTS, league_id=world.league)
    assert await run_all(boot, only=("simulate_table",)) == ["simulate_table"]
    assert await count(world, "season_outlook") == 1
    rated = await world.database.pool.fetch("select distinct team_id from team_rating")
    assert {row["team_id"] for row in rated} == set(world.clubs.values())
    systems = await world.database.pool.fetch("select distinct system from team_rating order by system")
    assert [row["system"] for row in systems] == [f"{RESULTS}.attack", f"{RESULTS}.defence"]
    stored = await world.database.pool.fetchrow("select simulations, is_current, as_of, rows from simulated_table")
    assert stored is not None
    assert (stored["simulations"], stored["is_current"], stored["as_of"]) == (KEPT, True, NOW)
    assert sum(row["places"][0] for row in stored["rows"]) == pytest.approx(1)
    # Nothing new became known: the version is restored, and neither the rest nor the table is told again.
    await run_model(boot, "job-2", model_key=RESULTS, league_id=world.league)
    assert await run_all(boot, only=("simulate_table",)) == []
    assert await count(world, "season_outlook") == 1


async def test_a_model_without_a_grid_says_nothing_of_the_season(settings: Settings, world: SeasonWorld) -> None:
    async with booted(settings, lambda: registry("steady")) as boot:
        await run_model(boot, "job-1", model_key=KEY, league_id=world.league)
        assert await count(world, "prediction") > 0
        assert await count(world, "season_outlook") == await count(world, "team_rating") == 0
        assert await run_all(boot, only=("simulate_table",)) == []
        await simulate_table(boot, "job-2", season_id=world.season)
        assert await count(world, "simulated_table") == 0
        key = await ask(world, Asked(world.season, 2000, as_of=NOW - timedelta(days=4)))
        await run_simulation(boot, "job-3", task_id=key)
        assert (await task(world, key))["error"] == (
            f"The model {KEY} gives no score grid, which a season is simulated from."
        )
        assert await count(world, "model_version") == 1


async def test_what_a_plugin_fails_with_is_told_to_who_asked(settings: Settings, world: SeasonWorld) -> None:
    async with booted(settings, lambda: registry("steady")) as steady:
        boot = replace(steady, registry=registry("raising"))
        key = await ask(world, Asked(world.season, 2000))
        await run_simulation(boot, "job-1", task_id=key)
        found = await task(world, key)
        assert found["status"] == "FAILED"
        assert "no mood today" in found["error"]
        key = await ask(world, Asked(world.season, 2000))
        await run_simulation(replace(steady, registry=Registry()), "job-2", task_id=key)
        assert (await task(world, key))["error"] == "No model is installed that forecasts results."


async def test_what_became_impossible_meanwhile_is_told(boot: Boot, world: SeasonWorld) -> None:
    await run_model(boot, "job-1", model_key=RESULTS, league_id=world.league)
    played = await ask(world, Asked(world.season, 2000, what_if=(Assumed(world.coming[0], 1, 0),)))
    unknown = await ask(world, Asked(world.season, 2000, model_version_id=999))
    await world.end(world.coming[0], 3, 3, NOW)
    for key in (played, unknown):
        await run_simulation(boot, f"job-{key}", task_id=key)
    assert (await task(world, played))[
        "error"
    ] == "must be a match that is left: its result is known, or it was called off"
    assert (await task(world, unknown))["error"] == "This version of the model had not forecast the season by then."
    await world.database.pool.execute("update season set ends_on = $1", (NOW - timedelta(days=2)).date())
    over = await ask(world, Asked(world.season, 2000, as_of=NOW - timedelta(days=1)))
    await run_simulation(boot, "job-over", task_id=over)
    assert (await task(world, over))["error"] == "Nothing was left to play in this season."


async def test_a_job_that_comes_again_does_nothing_twice(boot: Boot, world: SeasonWorld) -> None:
    await run_model(boot, "job-1", model_key=RESULTS, league_id=world.league)
    key = await ask(world, Asked(world.season, 11_000))
    # A worker died after its second step: the simulation begins again, from the same numbers.
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        assert await tasks.begin(connection, key, machine=machine_now())
        await tasks.enter(connection, key, "Simulating", total=11_000)
        await tasks.advance(connection, key, tasks.Step(10_000))
    await run_simulation(boot, "job-2", task_id=key)
    assert await task(world, key) == {
        "status": "SUCCEEDED",
        "error": None,
        "stage": None,
        "completed_count": 11_000,
        "total_count": 11_000,
    }
    await run_simulation(boot, "job-2", task_id=key)
    again = await ask(world, Asked(world.season, 10_000))
    await run_simulation(boot, "job-3", task_id=again)
    assert (await task(world, again))["status"] == "SUCCEEDED"
    assert await count(world, "simulated_table") == 1


async def test_a_canceled_job_stores_nothing(boot: Boot, world: SeasonWorld) -> None:
    await run_model(boot, "job-1", model_key=RESULTS, league_id=world.league)
    key = await ask(world, Asked(world.season, 11_000))
    async with world.database.transaction() as session:
        account = await world.database.pool.fetchval("select account_id from task where id = $1", key)
        await tasks.cancel(await connection_of(session), account, key, machine=machine_now())
    await run_simulation(boot, "job-2", task_id=key)
    assert (await task(world, key))["status"] == "CANCELED"
    assert await count(world, "simulated_table") == 0


def test_what_may_fit_a_model_waits_with_the_models() -> None:
    assert {queue_of(name) for name in ("simulate_table", "run_simulation", "run_model")} == {Queue.MODELS}
    assert queue_of("run_task") is Queue.DEFAULT
