"""Versions in force: when a model is fitted anew, and what an operator's promotion does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import asyncpg
import numpy as np
import pytest

from domain.forecasting.installed import note_plugins
from domain.forecasting.pins import in_force, promote, release
from domain.forecasting.service import Fit, Stored, prepare, store_answer
from domain.infra.clock import match_now, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound
from tests.small_league import NOON, NOW, SmallLeague, make_league
from tests.workers.fickle import KEY, Fickle, registry
from touchline import Reach
from touchline.wire import digest, unpack_state

SATURDAY = NOON + timedelta(days=2)
"""The second coming match; the first is on Friday, the third on Sunday."""


@dataclass(frozen=True)
class World:
    """A league, and a model that is asked without a child process."""

    database: Database
    league: SmallLeague
    model: Fickle = field(default_factory=lambda: Fickle("steady"))

    async def run(self, job_id: str) -> Stored:
        """One run of the model at the present."""
        now = await match_now(self.database.pool)
        question = await prepare(self.database.pool, self.model, self.league.league_id, now)
        fitted = (
            self.model.fit(question.past.history, np.random.default_rng(question.seed))
            if question.version is None
            else self.model.restore(question.past.history, unpack_state(question.version.state))
        )
        fit = None if question.version else Fit(fitted.state(), digest(fitted.state()), 0.0)
        async with self.database.transaction() as session:
            stored = await store_answer(
                await connection_of(session), question, fit, fitted.predict(question.coming.fixtures), 1.0, job_id
            )
        assert stored is not None
        return stored

    async def promote(self, version_id: int, reason: str = "The last fit went astray.") -> None:
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            await promote(connection, version_id, reason=reason, by="account 7", now=await match_now(connection))

    async def release(self, version_id: int) -> None:
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            await release(connection, version_id, reason="Mended.", by="account 7", now=await match_now(connection))

    async def said(self) -> dict[int, asyncpg.Record]:
        """The standing prediction of each match."""
        rows = await self.database.pool.fetch(
            """select c.match_id, p.probabilities, p.model_version_id, p.data_cutoff_at, c.is_served
               from current_prediction c join prediction p on p.id = c.prediction_id"""
        )
        return {row["match_id"]: row for row in rows}


@pytest.fixture
async def world(database: Database) -> World:
    league = await make_league(database)
    async with database.transaction() as session:
        await note_plugins(await connection_of(session), registry("steady"), NOW)
    return World(database, league)


def full_time(number: int) -> datetime:
    return NOON + timedelta(days=number + 1, minutes=115)


async def test_a_promoted_version_says_what_it_said_bit_for_bit(world: World) -> None:
    first = await world.run("job-1")
    before = await world.said()
    await world.league.play(0, 5, 0, full_time(0))
    second = await world.run("job-2")
    between = await world.said()
    assert between[world.league.coming[1]]["probabilities"] != before[world.league.coming[1]]["probabilities"]

    assert first.version_id is not None
    await world.database.pool.execute("delete from outbox")
    await world.promote(first.version_id)
    asked = await world.database.pool.fetch("select job, arguments->>'model_key' as model from outbox")
    assert [tuple(row) for row in asked] == [("run_model", KEY)]
    third = await world.run("job-3")
    assert (third.version_id, third.new) == (first.version_id, 2)
    after = await world.said()
    for match in world.league.coming[1:]:
        assert after[match]["probabilities"] == before[match]["probabilities"]
        assert after[match]["data_cutoff_at"] == before[match]["data_cutoff_at"] == NOW
        assert after[match]["is_served"]

    await world.league.play(1, 0, 4, full_time(1))
    assert (await world.run("job-4")).version_id == first.version_id  # whatever becomes known
    await world.release(first.version_id)
    fifth = await world.run("job-5")
    assert fifth.version_id not in (first.version_id, second.version_id, None)


async def test_an_answer_that_was_overtaken_by_a_promotion_is_not_stored(world: World) -> None:
    first = await world.run("job-1")
    await world.league.play(0, 5, 0, full_time(0))
    pool = world.database.pool
    question = await prepare(pool, world.model, world.league.league_id, full_time(0))
    assert question.version is None
    assert first.version_id is not None
    await world.promote(first.version_id)
    fitted = world.model.fit(question.past.history, np.random.default_rng(1))
    async with world.database.transaction() as session:
        stored = await store_answer(
            await connection_of(session),
            question,
            Fit(fitted.state(), "d", 0.0),
            fitted.predict(question.coming.fixtures),
            1.0,
            "job-2",
        )
    assert stored is not None
    assert stored.is_superseded
    assert await pool.fetchval("select count(*) from model_version") == 1


async def test_a_version_of_other_code_or_settings_is_refused(world: World) -> None:
    stored = await world.run("job-1")
    assert stored.version_id is not None
    await world.promote(stored.version_id)
    newer = replace(world, model=Fickle("steady", version="2"))
    words = rf"Version 1\+{stored.version_id} of test.fickle was made by the code 1; 2 is installed"
    with pytest.raises(Conflict, match=f"{words}.*release it"):
        await newer.run("job-2")
    await world.release(stored.version_id)
    await newer.run("job-3")
    await world.database.pool.execute("update model set version = '2' where key = $1", KEY)
    with pytest.raises(Conflict, match=words):
        await world.promote(stored.version_id)
    await world.database.pool.execute("""update model set version = '1', settings = '{"a": 1}' where key = $1""", KEY)
    with pytest.raises(Conflict, match="other settings"):
        await world.promote(stored.version_id)
    assert not (await in_force(world.database.pool, KEY, world.league.league_id)).is_pinned


async def test_what_cannot_be_pinned_or_released_is_told(world: World) -> None:
    stored = await world.run("job-1")
    assert stored.version_id is not None
    with pytest.raises(NotFound, match="no fit with the id 999"):
        await world.promote(999)
    with pytest.raises(Invalid, match="reason"):
        await world.promote(stored.version_id, "  ")
    with pytest.raises(Conflict, match="is not pinned"):
        await world.release(stored.version_id)
    await world.database.pool.execute("update plugin set status = 'REFUSED'")
    with pytest.raises(Conflict, match="No active plugin"):
        await world.promote(stored.version_id)
    assert await world.database.pool.fetchval("select count(*) from model_pin") == 0


async def test_pins_are_a_record_that_nobody_edits(world: World) -> None:
    stored = await world.run("job-1")
    assert stored.version_id is not None
    await world.promote(stored.version_id)
    await world.release(stored.version_id)
    rows = await world.database.pool.fetch("select model_version_id, reason, pinned_by, pinned_at from model_pin")
    assert [tuple(row) for row in rows] == [
        (stored.version_id, "The last fit went astray.", "account 7", NOW),
        (None, "Mended.", "account 7", NOW),
    ]
    for statement in ("update model_pin set reason = ''", "delete from model_pin"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await world.database.pool.execute(statement)


async def test_a_model_of_its_own_league_is_fitted_anew_with_every_result(world: World) -> None:
    first = await world.run("job-1")
    await world.league.play(0, 5, 0, full_time(0))
    assert (await world.run("job-2")).version_id != first.version_id


async def test_a_model_of_every_league_waits_until_the_round_is_over(world: World) -> None:
    wide = replace(world, model=Fickle("steady", reach=Reach(every_league=True)))
    first = await wide.run("job-1")
    await world.league.play(0, 5, 0, full_time(0))
    assert (await wide.run("job-2")).version_id == first.version_id  # Saturday and Sunday are still to come
    await world.league.play(1, 1, 1, full_time(1))
    await world.league.play(2, 1, 1, full_time(2))
    second = await wide.run("job-3")
    assert second.version_id != first.version_id
    await set_clock(world.database.pool, match=full_time(5), speed=0)
    assert (await wide.run("job-4")).version_id == second.version_id


async def test_a_round_that_is_never_finished_is_over_when_its_days_are(world: World) -> None:
    wide = replace(world, model=Fickle("steady", reach=Reach(every_league=True)))
    first = await wide.run("job-1")
    await world.league.play(0, 5, 0, full_time(0))
    tuesday = NOON.replace(hour=0) + timedelta(days=5)
    for at, is_new in ((tuesday - timedelta(seconds=1), False), (tuesday, True)):
        await set_clock(world.database.pool, match=at, speed=0)
        assert ((await wide.run(f"job-{at}")).version_id != first.version_id) is is_new
