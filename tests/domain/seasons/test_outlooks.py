"""What is kept of a model's word on the rest of a season, and which of it answers a question."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain.forecasting.service import prepare
from domain.forecasting.versions import latest_version
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.seasons.queries import outlooks, rating_history, ratings, simulating_models, stored_tables
from domain.seasons.rules import Assumed, Start, digest_of, simulate, told
from domain.seasons.service import Asked, answered, open_starts, store_table
from tests.factories import NOW, Factory, Fixture
from tests.season_world import KEY, PLAYED, SeasonWorld, make_season, pairs, speak
from touchline import RESULT
from touchline.dixon_coles import GoalModel

DAY = timedelta(days=1)


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def world(factory: Factory) -> SeasonWorld:
    return await make_season(factory)


async def count(world: SeasonWorld, table: str) -> int:
    return int(await world.database.pool.fetchval(f"select count(*) from {table}"))


async def start(world: SeasonWorld, now: Any = NOW, **asked: Any) -> Start | None:
    """The season ready to be simulated; fails where no model has spoken."""
    pool = world.database.pool
    question = Asked(world.season, 1000, **asked)
    return (await open_starts(pool, [world.season], question, now, await simulating_models(pool)))[world.season]


async def test_one_fit_says_of_the_rest_once(factory: Factory, world: SeasonWorld) -> None:
    version = await speak(factory, world)
    again = await speak(factory, world, job="job-again")
    assert again == version
    row = await world.database.pool.fetchrow("select * from season_outlook")
    assert row is not None
    assert (row["model_version_id"], row["data_cutoff_at"], row["made_at"]) == (version, NOW, NOW)
    assert len(row["home_team_ids"]) == len(row["legs"]) == len(row["rho"]) == 15
    for mean in (*row["home_mean"], *row["away_mean"]):
        assert 0.2 < mean < 5
    assert await count(world, "season_outlook") == 1
    # Another match of the season: the same version is asked about it, and says.
    await factory.matches([Fixture(world.league, "Leeds", "Arsenal", NOW + 3 * DAY)])
    assert await speak(factory, world, job="job-third") == version
    assert await count(world, "season_outlook") == 2


async def test_only_what_comes_soon_is_forecast(factory: Factory, world: SeasonWorld) -> None:
    await world.database.pool.execute("update match set kickoff_at = $1 where id = $2", NOW + 30 * DAY, world.coming[5])
    await speak(factory, world)
    rows = await world.database.pool.fetch("select match_id from prediction order by match_id")
    assert [row["match_id"] for row in rows] == list(world.coming[:5])


async def test_the_shown_model_answers_unless_it_fell_silent(factory: Factory, world: SeasonWorld) -> None:
    other = "touchline.aaa"
    await speak(factory, world, key=other)
    shown = await speak(factory, world)
    pool = world.database.pool
    models = [KEY, other]
    found = (await outlooks(pool, [world.season], models, NOW))[world.season]
    assert (found.model_key, found.model_version_id) == (KEY, shown)
    later = NOW + 1 * DAY + timedelta(hours=2)
    await world.end(world.coming[0], 2, 0, later)
    await set_clock(pool, match=later, speed=0)
    fresh = await speak(factory, world, key=other, now=later, job="job-later")
    # A week long it may be that the first only waits for its round to end.
    found = (await outlooks(pool, [world.season], models, later + 6 * DAY))[world.season]
    assert found.model_key == KEY
    found = (await outlooks(pool, [world.season], models, later + 8 * DAY))[world.season]
    assert (found.model_key, found.model_version_id) == (other, fresh)
    assert (await outlooks(pool, [world.season], [KEY], later + 8 * DAY)) == {}
    assert (await outlooks(pool, [world.season], models, NOW - DAY)) == {}


async def test_what_was_played_since_counts_and_is_not_simulated(factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    later = NOW + 2 * DAY
    await world.end(world.coming[0], 5, 0, later)
    # A pair that nobody had told of is announced and played before the model speaks again.
    home, away = pairs()[-1]
    new = await factory.matches([Fixture(world.league, home, away, NOW + DAY, goals=(1, 1))])
    began = await start(world, later)
    assert began is not None
    assert len(began.race.left) == 13
    assert len(began.race.played) == PLAYED + 2
    assert began.unannounced == 8
    as_before = await start(world, later, as_of=NOW)
    assert as_before is not None
    assert (len(as_before.race.left), as_before.unannounced) == (15, 8)
    assumed = await start(world, later, as_of=NOW, what_if=(Assumed(new[0], 0, 3),))
    assert assumed is not None
    assert (len(assumed.race.left), assumed.points) == (14, as_before.points)
    assert assumed.seed != as_before.seed


async def test_awarded_matches_count_and_called_off_ones_are_not_simulated(
    factory: Factory, world: SeasonWorld
) -> None:
    await speak(factory, world)
    await world.end(world.coming[0], 0, 2, NOW)
    pool = world.database.pool
    await pool.execute("update match set status = 'AWARDED' where id = $1", world.coming[0])
    await pool.execute("update match set status = 'CANCELLED' where id = $1", world.coming[1])
    began = await start(world)
    assert began is not None
    assert (len(began.race.left), len(began.race.played)) == (13, PLAYED + 1)


async def test_a_stored_table_answers_the_same_question_only(factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    pool = world.database.pool
    what_if = (Assumed(world.coming[1], 1, 0), Assumed(world.coming[0], 2, 2))
    began = await start(world, what_if=what_if)
    assert began is not None
    async with world.database.transaction() as session:
        await store_table(await connection_of(session), began, simulate(began, 2000), "job", is_current=True)
    asked = Asked(world.season, 2000, what_if=tuple(reversed(what_if)))

    async def holds(question: Asked, now: Any = NOW) -> bool:
        return bool(await answered(pool, [world.season], question, now, [KEY]))

    assert await holds(asked)
    assert await holds(replace(asked, simulations=100))
    assert await holds(replace(asked, model_version_id=began.outlook.model_version_id))
    for other in (
        replace(asked, simulations=2001),
        replace(asked, what_if=()),
        replace(asked, what_if=what_if[:1]),
        replace(asked, as_of=NOW),
        replace(asked, model_version_id=began.outlook.model_version_id + 1),
    ):
        assert not await holds(other)
    # Another result came: what was assumed beside the old ones is no answer any more.
    await world.end(world.coming[2], 0, 0, NOW + DAY)
    assert await holds(asked, NOW + DAY - timedelta(seconds=1))
    assert not await holds(asked, NOW + DAY)


async def test_tables_and_outlooks_cannot_be_changed(factory: Factory, world: SeasonWorld) -> None:
    await speak(factory, world)
    began = await start(world)
    assert began is not None
    async with world.database.transaction() as session:
        await store_table(await connection_of(session), began, simulate(began, 100), "job", is_current=True)
    for table in ("season_outlook", "simulated_table", "team_rating"):
        for statement in (f"update {table} set id = id", f"delete from {table}"):
            with pytest.raises(asyncpg.RaiseError, match="append-only"):
                await world.database.pool.execute(statement)


async def test_a_table_holds_what_it_was_made_from(factory: Factory, world: SeasonWorld) -> None:
    version = await speak(factory, world)
    began = await start(world, what_if=(Assumed(world.coming[0], 1, 0),))
    assert began is not None
    simulated = simulate(began, 300)
    assert simulate(began, 300).rows == simulated.rows
    async with world.database.transaction() as session:
        await store_table(await connection_of(session), began, simulated, "job-7", is_current=False)
    row = await world.database.pool.fetchrow("select * from simulated_table")
    assert row is not None
    assert (row["model_key"], row["model_version_id"], row["as_of"], row["job_id"]) == (KEY, version, NOW, "job-7")
    assert row["what_if"] == [{"match_id": world.coming[0], "home_goals": 1, "away_goals": 0}]
    assert row["what_if_digest"] == digest_of(began.what_if) != digest_of(())
    assert (row["simulations"], row["matches_left"], row["unannounced"]) == (300, 14, 9)
    assert {each["team_id"] for each in row["rows"]} == set(world.clubs.values())
    empty = await stored_tables(world.database.pool, [world.season], [KEY], None, None, digest_of(()), 100, NOW)
    assert empty == {}
    assert told(began, _table(began), 0.5).seconds == 0.5


def _table(began: Start) -> Any:
    from domain.seasons.rules import simulation_of

    simulation = simulation_of(began)
    simulation.run(10)
    return simulation.table()


async def test_ratings_are_kept_with_every_fit(factory: Factory, world: SeasonWorld) -> None:
    version = await speak(factory, world)
    later = NOW + 31 * DAY
    await world.end(world.coming[0], 6, 0, later)
    await set_clock(world.database.pool, match=later, speed=0)
    await speak(factory, world, now=later, job="job-later")
    pool = world.database.pool
    assert await count(world, "team_rating") == 2 * 2 * 6
    home = await pool.fetchval("select home_team_id from match where id = $1", world.coming[0])
    assert await ratings(pool, [home, home], None, later) == await ratings(pool, [home], None, later)
    now_rows = await ratings(pool, [home], None, later)
    assert [row["system"] for row in now_rows] == [f"{KEY}.attack", f"{KEY}.defence"]
    then = await ratings(pool, [home], [f"{KEY}.attack"], NOW)
    assert (then[0]["as_of"], then[0]["change_30_days"]) == (NOW, None)
    assert now_rows[0]["change_30_days"] == pytest.approx(now_rows[0]["value"] - then[0]["value"])
    assert now_rows[0]["value"] > then[0]["value"]
    points = await rating_history(pool, [home], f"{KEY}.attack", None, None, later, 500)
    assert [row["as_of"] for row in points] == [NOW, later]
    newest = await rating_history(pool, [home], f"{KEY}.attack", NOW, later + DAY, later, 1)
    assert [row["as_of"] for row in newest] == [later]
    assert await rating_history(pool, [home], f"{KEY}.attack", None, NOW, later, 9) == []
    stored = await pool.fetchval("select distinct model_version_id from team_rating where as_of = $1", NOW)
    assert stored == version


async def test_a_fit_for_an_instant_of_the_past_is_never_in_force(factory: Factory, world: SeasonWorld) -> None:
    version = await speak(factory, world)
    await world.database.pool.execute(
        """insert into model_version (model_key, code_version, league_id, fitted_at, data_cutoff_at, training_matches,
               fit_seconds, settings, seed, state, state_size, state_digest, inputs_digest, job_id, is_retrospective)
           select model_key, code_version, league_id, fitted_at, $2, training_matches, fit_seconds, settings, seed,
               state, state_size, state_digest, inputs_digest, job_id, true from model_version where id = $1""",
        version,
        NOW - 9 * DAY,
    )
    newest = await latest_version(world.database.pool, KEY, world.league)
    assert newest is not None
    assert newest.id == version
    question = await prepare(world.database.pool, GoalModel(KEY, (RESULT,)), world.league, NOW)
    assert question.version is not None
    assert question.version.id == version
