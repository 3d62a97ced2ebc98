"""What the state of a plugin does to its runs and to what is shown, with real child processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import asyncpg
import pytest

from domain.forecasting.plugin_settings import set_settings
from domain.forecasting.plugin_states import PluginStatus, change_state, health, note_call, states
from domain.forecasting.service import Fit, prepare, store_answer
from domain.forecasting.versions import refit
from domain.infra.clock import match_now
from domain.infra.database import Database, connection_of
from domain.infra.settings import Settings, read_settings
from tests.small_league import NOW, SmallLeague, make_league, run_all
from tests.workers import tunable
from tests.workers.fickle import KEY, registry
from touchline.outputs import Fault
from workers.boot import Boot, booted
from workers.forecasts import refresh_predictions, run_model
from workers.upkeep import retention

NEXT = "test.zeal"
"""A model of another plugin that says the same."""


@dataclass(frozen=True)
class Life:
    """A league, and somebody else's model that is asked about it."""

    boot: Boot
    league: SmallLeague

    @property
    def pool(self) -> asyncpg.Pool:
        return self.boot.database.pool

    async def run(self, job_id: str, temper: str = "steady") -> str | None:
        """Run the model; answers the state for which it was skipped."""
        boot = replace(self.boot, registry=registry(temper, distribution="acme"))
        await run_model(boot, job_id, model_key=KEY, league_id=self.league.league_id)
        skipped: str | None = await self.pool.fetchval("select result->>'skipped' from job where id = $1", job_id)
        return skipped

    async def change(self, status: PluginStatus) -> None:
        async with self.boot.database.transaction() as session:
            connection = await connection_of(session)
            await change_state(connection, "fickle", status, reason="As it is.", by="account 7", now=NOW)

    async def add_next(self) -> None:
        """Let another plugin, which comes after it, have said the same."""
        await self.pool.execute(
            """insert into plugin (key, name, distribution, version, status, seen_at, call_count, failure_count)
               values ('zeal', 'Zeal', 'acme', '1', 'ACTIVE', now(), 0, 0);
               insert into model (key, plugin_key, kind, version, markets, settings)
               select 'test.zeal', 'zeal', kind, version, markets, settings from model where key = 'test.fickle';
               insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served,
                                               is_stale)
               select match_id, market_id, 'test.zeal', prediction_id, confirmed_at, false, false
               from current_prediction"""
        )

    async def shown(self) -> set[tuple[int, str, bool]]:
        """Match, model and whether it is stale, of all that is shown."""
        rows = await self.pool.fetch("select match_id, model_key, is_stale from current_prediction where is_served")
        return {tuple(row) for row in rows}

    def everywhere(self, model: str, *, is_stale: bool = False) -> set[tuple[int, str, bool]]:
        """One model shown for every match."""
        return {(match, model, is_stale) for match in self.league.coming}

    async def confidence(self) -> list[int | None]:
        """By which lists are sorted."""
        return [row[0] for row in await self.pool.fetch("select confidence from match_outlook order by match_id")]

    async def asked(self) -> list[str]:
        """Jobs that wait, once each; they are forgotten."""
        rows = await self.pool.fetch("delete from outbox returning job")
        return sorted({row["job"] for row in rows})


@pytest.fixture
async def life(database_url: str, redis_url: str, database: Database) -> AsyncIterator[Life]:
    settings: Settings = read_settings(database_url=database_url, redis_url=redis_url)
    league = await make_league(database)
    async with booted(settings, lambda: registry("steady", distribution="acme")) as boot:
        yield Life(boot, league)


async def test_a_plugin_in_the_shadow_is_stored_and_shown_to_nobody(life: Life) -> None:
    assert await life.asked() == ["refresh_value", "run_outside_model"]  # it is asked as soon as it is seen
    assert await life.run("job-1") is None
    rows = await life.pool.fetch("select is_stale, is_served from current_prediction")
    assert [tuple(row) for row in rows] == [(False, False)] * 3
    assert await life.pool.fetchval("select count(*) from served_prediction") == 0
    assert await life.confidence() == []

    await life.change(PluginStatus.ACTIVE)
    assert await life.shown() == life.everywhere(KEY)  # at once, without another run
    assert all(one is not None for one in await life.confidence())
    assert await life.asked() == ["price_value", "run_outside_model"]

    await life.change(PluginStatus.SHADOW)
    assert await life.shown() == set()
    assert await life.confidence() == [None] * 3
    rows = await life.pool.fetch("select match_id, prediction_id is null as hidden from served_prediction order by id")
    assert [row["hidden"] for row in rows] == [False] * 3 + [True] * 3


async def test_a_disabled_plugin_is_not_asked_and_its_last_word_is_stale(life: Life) -> None:
    await life.run("job-1")
    await life.change(PluginStatus.ACTIVE)
    await life.asked()
    await life.change(PluginStatus.DISABLED)
    assert await life.shown() == life.everywhere(KEY, is_stale=True)  # nobody else speaks
    assert await life.asked() == []  # what is shown is what was shown
    assert await life.run("job-2") == "DISABLED"
    assert await life.pool.fetchval("select call_count from plugin where key = 'fickle'") == 1
    await refresh_predictions(life.boot, "job-3")
    assert await life.asked() == []

    await life.add_next()
    await life.change(PluginStatus.ACTIVE)
    assert await life.shown() == life.everywhere(NEXT)  # until it has spoken again
    await life.run("job-4")
    assert await life.shown() == life.everywhere(KEY)


async def test_three_failed_runs_stop_a_plugin_and_the_next_best_is_shown(life: Life) -> None:
    await life.run("job-0")
    await life.change(PluginStatus.ACTIVE)
    await life.add_next()
    for number, temper in enumerate(("raising", "lying", "raising")):
        await life.run(f"job-{number + 1}", temper)
    state = (await states(life.pool))["fickle"]
    assert (state.status, state.by) == (PluginStatus.QUARANTINED, "platform")
    assert state.reason.startswith("Three failures in a row; the last: predict() raised RuntimeError: no mood today")
    assert await life.shown() == life.everywhere(NEXT)
    assert await life.run("job-4") == "QUARANTINED"
    faults = await life.pool.fetch("select fault, milliseconds is null as lost from plugin_call order by id")
    assert [tuple(row) for row in faults] == [
        (None, False),
        ("raised", True),
        ("invalid_output", True),
        ("raised", True),
    ]
    told = (await health(life.pool, ["fickle"], NOW))["fickle"]
    assert (told.calls, told.failures, told.invalid_outputs) == (4, 3, 1)
    assert told.p50_milliseconds == told.p95_milliseconds > 0  # type: ignore[operator]  # one call was measured


async def test_a_quarantine_shows_the_next_best_wherever_the_plugin_spoke(life: Life) -> None:
    await life.run("job-0")
    await life.change(PluginStatus.ACTIVE)
    await life.add_next()
    await life.asked()
    async with life.boot.database.transaction() as session:
        connection = await connection_of(session)
        for _ in range(3):  # of another league, whose run locks only that
            fault = {"fault": Fault.DIED, "error": "It ended.", "milliseconds": None}
            await note_call(connection, KEY, now=NOW, job_id="job-1", **fault)  # type: ignore[arg-type]
    assert await life.shown() == life.everywhere(KEY)
    assert await run_all(life.boot, only=("show_best",)) == ["show_best"]
    assert await life.shown() == life.everywhere(NEXT)
    stale = await life.pool.fetchval("select bool_and(is_stale) from current_prediction where model_key = $1", KEY)
    assert stale


async def test_an_answer_of_a_plugin_that_was_stopped_meanwhile_is_not_stored(life: Life) -> None:
    model = life.boot.registry.models[KEY]
    question = await prepare(life.pool, model, life.league.league_id, await match_now(life.pool))
    fitted = model.fit(question.past.history, None)  # type: ignore[arg-type]
    await life.change(PluginStatus.DISABLED)
    async with life.boot.database.transaction() as session:
        connection = await connection_of(session)
        forecasts = fitted.predict(question.coming.fixtures)
        fit = Fit(dict(fitted.state()), "d", 0.5)
        stored = await store_answer(connection, question, fit, forecasts, 1.0, "job-1")
    assert stored is not None
    assert (stored.skipped, stored.version_id) == ("DISABLED", None)
    assert await life.pool.fetchval("select count(*) from prediction") == 0
    assert await life.pool.fetchval("select milliseconds from plugin_call") == 501.0  # the fit and the forecast


async def test_a_new_version_is_asked_as_soon_as_it_opens_a_quarantined_plugin(life: Life) -> None:
    for number in range(3):
        await life.run(f"job-{number}", "raising")
    await life.asked()
    again = registry("steady", distribution="acme", version="2")
    async with booted(life.boot.settings, lambda: again):
        assert (await states(life.pool))["fickle"].status is PluginStatus.SHADOW
    assert await life.asked() == ["run_outside_model"]
    assert await life.run("job-4") is None


async def test_old_calls_are_swept(life: Life) -> None:
    await life.run("job-1")
    await life.pool.execute("update plugin_call set called_at = called_at - interval '31 days'")
    await retention(life.boot, "job-2")
    assert await life.pool.fetchval("select (result->'calls')::int from job where id = 'job-2'") == 1
    assert await life.pool.fetchval("select count(*) from plugin_call") == 0


async def test_settings_reach_the_child_and_a_fit_is_made_again_with_its_own(
    database_url: str, redis_url: str, database: Database
) -> None:
    league = await make_league(database)
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    async with booted(settings, lambda: tunable.registry(tunable.Tunable())) as boot:
        await run_model(boot, "job-1", model_key=tunable.KEY, league_id=league.league_id)
        async with database.transaction() as session:
            connection = await connection_of(session)
            await set_settings(connection, tunable.KEY, {"home": 3}, reason="Try it.", by="account 7", now=NOW)
        assert await run_all(boot, only=("run_model",)) == ["run_model"]
        rows = await database.pool.fetch(
            """select v.id, v.settings->'home' as home, min(p.probabilities) as said from model_version v
               join prediction p on p.model_version_id = v.id group by v.id order by v.id"""
        )
        assert [(row["home"], row["said"]) for row in rows] == [
            (1.0, pytest.approx([1 / 3, 1 / 3, 1 / 3])),
            (3.0, pytest.approx([0.6, 0.2, 0.2])),
        ]
        for row in rows:
            made = await refit(database.pool, boot.registry, row["id"])
            assert (made.is_same, made.reasons) == (True, [])
        await database.pool.execute("delete from outbox")
        await run_model(boot, "job-3", model_key=tunable.KEY, league_id=league.league_id)  # restored, and the same
    assert await database.pool.fetchval("select count(*) from model_version") == 2
    assert await database.pool.fetchval("select count(*) from prediction") == 6
