"""From a result to stored predictions, with real plugins in real child processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain.forecasting.pins import promote
from domain.forecasting.rules import GOAL_KINDS, Offered, ranking
from domain.forecasting.service import Fit, prepare, store_answer
from domain.forecasting.versions import refit
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound
from domain.infra.outbox import Request, ask
from domain.infra.settings import Settings, read_settings
from tests.small_league import NOON, NOW, SmallLeague, make_league, run_all
from tests.workers.fickle import KEY, registry
from touchline import odds_use_of
from touchline.plugins import Registry, load_plugins
from workers.boot import Boot, booted
from workers.forecasts import choose_models, refresh_league, refresh_predictions, run_model

FULL_TIME = NOON + timedelta(days=1, minutes=115)


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return read_settings(database_url=database_url, redis_url=redis_url)


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
async def ours(settings: Settings, league: SmallLeague) -> AsyncIterator[Boot]:
    """The installed plugins."""
    async with booted(settings, load_plugins) as boot:
        yield boot


@pytest.fixture
async def fickle(settings: Settings, league: SmallLeague) -> AsyncIterator[Callable[[str], Boot]]:
    """The model of tests, in the temper that is asked for."""
    async with booted(settings, lambda: registry("steady")) as boot:
        yield lambda temper: replace(boot, registry=registry(temper))


async def _standing(database: Database) -> dict[int, asyncpg.Record]:
    rows = await database.pool.fetch(
        """select c.match_id, c.prediction_id, c.is_stale, c.is_served, c.confirmed_at, p.probabilities,
                  p.predicted_at, p.data_cutoff_at, p.model_version_id, p.job_id
           from current_prediction c join prediction p on p.id = c.prediction_id"""
    )
    return {row["match_id"]: row for row in rows}


async def _count(database: Database, table: str) -> Any:
    return await database.pool.fetchval(f"select count(*) from {table}")


async def test_installed_models_forecast_every_coming_match(ours: Boot, league: SmallLeague) -> None:
    models = ours.registry.models
    async with ours.database.transaction() as session:
        await ask(await connection_of(session), [Request("refresh_league", {"league_id": league.league_id})])
    done = await run_all(ours, only=("refresh_league", "run_model"))
    assert done == ["refresh_league", *["run_model"] * len(models)]
    rows = await ours.database.pool.fetch(
        """select k.key, p.match_id, p.model_key, p.probabilities, p.predicted_at, p.data_cutoff_at, m.kickoff_at,
                  c.is_served, v.training_matches, p.job_id
           from current_prediction c join prediction p on p.id = c.prediction_id join market k on k.id = c.market_id
           join match m on m.id = c.match_id join model_version v on v.id = p.model_version_id"""
    )
    promised = {(key, str(market)) for key, model in models.items() for market in model.markets}
    assert {(row["model_key"], row["key"], row["match_id"]) for row in rows} == {
        (model, market, match) for model, market in promised for match in league.coming
    }
    for row in rows:
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-9)
        assert row["data_cutoff_at"] <= row["predicted_at"] <= row["kickoff_at"]
        assert row["training_matches"] == len(league.past)
        assert row["job_id"].startswith("outbox-")
    served = {(row["key"], row["match_id"]): row for row in rows if row["is_served"]}
    assert len(served) == sum(row["is_served"] for row in rows)
    ranked = ranking([Offered(key, tuple(map(str, model.markets))) for key, model in models.items()], {})
    assert {(market.partition(":")[0], row["model_key"], match) for (market, match), row in served.items()} == {
        (kind, keys[0], match) for kind, keys in ranked.items() for match in league.coming
    }
    assert len({row["model_key"] for (market, _), row in served.items() if market.partition(":")[0] in GOAL_KINDS}) == 1
    outlook = await ours.database.pool.fetch("select confidence, expected_goals from match_outlook order by match_id")
    assert [row["confidence"] for row in outlook] == [
        round(100 * max(served["match_result::ft", match]["probabilities"])) for match in league.coming
    ]
    assert all(0.5 < row["expected_goals"] < 6 for row in outlook)


async def test_plugins_are_written_down_with_their_models(ours: Boot) -> None:
    plugins = await ours.database.pool.fetch("select key, status, reason from plugin order by key")
    assert [(row["key"], row["status"]) for row in plugins] == [
        (key, "ACTIVE") for key in sorted(plugin.key for plugin in ours.registry.plugins)
    ]
    rows = await ours.database.pool.fetch("select key, kind, odds_use from model order by key")
    told = {row["key"]: (row["kind"], row["odds_use"]) for row in rows}
    assert told == {key: ("model", odds_use_of(model)) for key, model in ours.registry.models.items()} | dict.fromkeys(
        ours.registry.strategies, ("strategy", None)
    )
    assert told["touchline.market_memory"] == ("model", "C")


async def test_what_is_gone_is_refused_and_kept(settings: Settings, ours: Boot, league: SmallLeague) -> None:
    await run_model(ours, "job-1", model_key="touchline.goals", league_id=league.league_id)
    async with booted(settings, Registry):
        rows = await ours.database.pool.fetch("select status, reason from plugin")
        assert {(row["status"], row["reason"]) for row in rows} == {("REFUSED", "It is no longer installed.")}
        assert all(row["is_stale"] for row in (await _standing(ours.database)).values())
    assert await _count(ours.database, "model") == len({**ours.registry.models, **ours.registry.strategies})


async def test_the_same_job_twice_has_one_effect(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    for _ in range(2):
        await run_model(fickle("steady"), "job-1", model_key=KEY, league_id=league.league_id)
    assert await _count(database, "prediction") == 3
    assert await _count(database, "model_version") == 1
    assert await database.pool.fetchval("select call_count from plugin where key = 'fickle'") == 1


async def test_nothing_new_is_confirmed_and_not_written(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    await run_model(boot, "job-1", model_key=KEY, league_id=league.league_id)
    before = await _standing(database)
    later = NOW + timedelta(hours=2)
    await set_clock(database.pool, match=later, speed=0)
    await run_model(boot, "job-2", model_key=KEY, league_id=league.league_id)
    after = await _standing(database)
    assert await _count(database, "prediction") == 3
    assert await _count(database, "model_version") == 1
    assert {key: row["prediction_id"] for key, row in after.items()} == {
        key: row["prediction_id"] for key, row in before.items()
    }
    assert {row["confirmed_at"] for row in after.values()} == {later}


async def test_a_result_brings_a_new_fit_and_new_predictions(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    await run_model(boot, "job-1", model_key=KEY, league_id=league.league_id)
    before = await _standing(database)
    await league.play(0, 5, 0, FULL_TIME)
    assert await run_all(boot, only=("refresh_league", "run_model")) == ["refresh_league", "run_model"]
    after = await _standing(database)
    assert await _count(database, "model_version") == 2
    assert after[league.coming[0]]["prediction_id"] == before[league.coming[0]]["prediction_id"]
    for match_id in league.coming[1:]:
        assert after[match_id]["prediction_id"] != before[match_id]["prediction_id"]
        assert after[match_id]["predicted_at"] == FULL_TIME
        assert after[match_id]["data_cutoff_at"] == FULL_TIME
    assert await _count(database, "prediction") == 5


async def test_a_corrected_past_brings_a_new_fit(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    await run_model(boot, "job-1", model_key=KEY, league_id=league.league_id)
    await database.pool.execute("update match set home_goals = 9 where id = $1", league.past[0])
    await run_model(boot, "job-2", model_key=KEY, league_id=league.league_id)
    assert await _count(database, "model_version") == 2


async def test_data_are_cut_off_where_a_feed_stands(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    behind = NOW - timedelta(minutes=10)
    await database.pool.execute(
        "insert into feed (name, kind, settings, position, next_at) values ('one', 'files', '{}', $1, $1)", behind
    )
    await run_model(fickle("steady"), "job-1", model_key=KEY, league_id=league.league_id)
    for row in (await _standing(database)).values():
        assert (row["data_cutoff_at"], row["predicted_at"]) == (behind, NOW)


async def test_predictions_cannot_be_changed(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    await run_model(fickle("steady"), "job-1", model_key=KEY, league_id=league.league_id)
    for statement in ("update prediction set confidence = 1", "delete from prediction"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await database.pool.execute(statement)
    assert await _count(database, "prediction") == 3


@pytest.mark.parametrize(("temper", "words"), [("raising", "no mood today"), ("lying", "must")])
async def test_a_failing_model_leaves_its_last_word_marked_stale(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database, temper: str, words: str
) -> None:
    await run_model(fickle("steady"), "job-1", model_key=KEY, league_id=league.league_id)
    before = await _standing(database)
    await run_model(fickle(temper), "job-2", model_key=KEY, league_id=league.league_id)
    after = await _standing(database)
    assert all(row["is_stale"] for row in after.values())
    assert {key: row["prediction_id"] for key, row in after.items()} == {
        key: row["prediction_id"] for key, row in before.items()
    }
    plugin = await database.pool.fetchrow(
        "select call_count, failure_count, last_error from plugin where key = 'fickle'"
    )
    assert plugin is not None
    assert (plugin["call_count"], plugin["failure_count"]) == (2, 1)
    assert words in plugin["last_error"]
    assert (await database.pool.fetchval("select status from job where id = 'job-2'")) == "DONE"
    await run_model(fickle("steady"), "job-3", model_key=KEY, league_id=league.league_id)
    assert not any(row["is_stale"] for row in (await _standing(database)).values())


async def test_a_failing_model_leaves_its_matches_to_the_next_best(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    await run_model(fickle("steady"), "job-1", model_key=KEY, league_id=league.league_id)
    await database.pool.execute(
        """insert into model (key, plugin_key, kind, version, markets, settings)
           select 'test.zeal', plugin_key, kind, version, markets, settings from model where key = 'test.fickle';
           insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served,
                                           is_stale)
           select match_id, market_id, 'test.zeal', prediction_id, confirmed_at, false, false from current_prediction"""
    )

    async def shown() -> set[tuple[int, str]]:
        rows = await database.pool.fetch("select match_id, model_key from current_prediction where is_served")
        return {(row["match_id"], row["model_key"]) for row in rows}

    assert await shown() == {(match, KEY) for match in league.coming}
    await run_model(fickle("raising"), "job-2", model_key=KEY, league_id=league.league_id)
    assert await shown() == {(match, "test.zeal") for match in league.coming}
    await run_model(fickle("steady"), "job-3", model_key=KEY, league_id=league.league_id)
    assert await shown() == {(match, KEY) for match in league.coming}


async def test_a_pin_that_an_upgrade_has_overtaken_stops_the_model_and_says_so(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    await run_model(boot, "job-1", model_key=KEY, league_id=league.league_id)
    version_id = await database.pool.fetchval("select id from model_version")
    async with database.transaction() as session:
        await promote(await connection_of(session), version_id, reason="The best.", by="account 7", now=NOW)
    upgraded = replace(boot.registry, models={KEY: replace(boot.registry.models[KEY], version="2")})  # type: ignore[type-var]
    await run_model(replace(boot, registry=upgraded), "job-2", model_key=KEY, league_id=league.league_id)
    assert all(row["is_stale"] for row in (await _standing(database)).values())
    assert await database.pool.fetchval("select result->>'failed' from job where id = 'job-2'") == (
        f"Version 1+{version_id} of {KEY} was made by the code 1; 2 is installed and cannot restore it. It is pinned "
        "here: release it."
    )
    plugin = await database.pool.fetchrow("select failure_count, last_error from plugin where key = 'fickle'")
    assert plugin is not None
    assert tuple(plugin) == (0, None)  # the plugin can do nothing about it


async def test_the_record_is_asked_once_which_models_are_shown(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    for _ in range(2):
        await choose_models(fickle("steady"), "job-1")
    assert await database.pool.fetchval("select result->'won' from job where id = 'job-1'") == []


async def test_what_kicks_off_while_a_model_works_is_dropped(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    model = boot.registry.models[KEY]
    question = await prepare(database.pool, model, league.league_id, NOW)
    await set_clock(database.pool, match=NOON + timedelta(days=1, seconds=1), speed=0)
    fitted = model.fit(question.past.history, None)  # type: ignore[arg-type]
    async with database.transaction() as session:
        stored = await store_answer(
            await connection_of(session),
            question,
            Fit(fitted.state(), "digest", 0.0),
            fitted.predict(question.coming.fixtures),
            1.0,
            "job-1",
        )
    assert stored is not None
    assert (stored.new, stored.dropped) == (2, 1)
    assert set(await _standing(database)) == set(league.coming[1:])


async def test_an_answer_overtaken_by_a_newer_fit_is_not_stored(
    fickle: Callable[[str], Boot], league: SmallLeague, database: Database
) -> None:
    boot = fickle("steady")
    model = boot.registry.models[KEY]
    old = await prepare(database.pool, model, league.league_id, NOW)
    await league.play(0, 5, 0, FULL_TIME)
    await run_model(boot, "job-1", model_key=KEY, league_id=league.league_id)
    fitted = model.fit(old.past.history, None)  # type: ignore[arg-type]
    async with database.transaction() as session:
        stored = await store_answer(
            await connection_of(session),
            old,
            Fit(fitted.state(), "digest", 0.0),
            fitted.predict(old.coming.fixtures),
            1.0,
            "job-2",
        )
    assert stored is not None
    assert stored.is_superseded
    assert await _count(database, "model_version") == 1


async def test_a_fit_can_be_made_again_bit_for_bit(ours: Boot, league: SmallLeague) -> None:
    await run_model(ours, "job-1", model_key="touchline.goals", league_id=league.league_id)
    await league.play(0, 5, 0, FULL_TIME)  # what came later makes no difference
    version_id = await ours.database.pool.fetchval("select max(id) from model_version")
    made = await refit(ours.database.pool, ours.registry, version_id)
    assert made.is_same
    assert made.reasons == []
    await ours.database.pool.execute("update match set home_goals = 9 where id = $1", league.past[0])
    made = await refit(ours.database.pool, ours.registry, version_id)
    assert not made.is_same
    assert made.reasons == ["matches before the cut-off were added or corrected since"]
    with pytest.raises(NotFound):
        await refit(ours.database.pool, ours.registry, 999_999)


async def test_refreshing_asks_every_model_once_for_every_league(ours: Boot, league: SmallLeague) -> None:
    for job_id in ("job-1", "job-2"):
        await refresh_predictions(ours, job_id)
    rows = await ours.database.pool.fetch("select arguments from outbox where job = 'run_model'")
    assert sorted(row["arguments"]["model_key"] for row in rows) == sorted(ours.registry.models)


async def test_a_league_or_model_that_is_not_there_is_an_error(ours: Boot, league: SmallLeague) -> None:
    with pytest.raises(NotFound):
        await refresh_league(ours, "job-1", league_id=999_999)
    with pytest.raises(NotFound):
        await run_model(ours, "job-2", model_key="acme.none", league_id=league.league_id)
