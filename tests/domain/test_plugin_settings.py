"""Settings that operators change: checked, recorded, in force in the next run, and kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import numpy as np
import pytest

from domain.forecasting.installed import note_plugins
from domain.forecasting.pins import promote, release
from domain.forecasting.plugin_settings import set_settings, settings_in_force, with_settings
from domain.forecasting.service import Fit, Question, prepare, store_answer
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound
from tests.small_league import NOW, SmallLeague, make_league
from tests.workers.tunable import KEY, Tunable, registry
from touchline import Model, setting
from touchline.wire import digest
from touchline_markets.value import SharpConsensus


@dataclass(frozen=True)
class Narrow(Tunable):
    """A later version, which takes less."""

    version: str = "2"
    home: float = setting(1.0, low=0.5, high=2.0)


@dataclass(frozen=True)
class World:
    """A league, a model and a strategy."""

    database: Database
    league: SmallLeague
    model: Tunable = field(default_factory=Tunable)

    async def set(self, values: Mapping[str, Any], *, key: str = KEY, reason: str = "It looks better.") -> Any:
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            return await set_settings(connection, key, values, reason=reason, by="account 7", now=NOW)

    async def install(self, model: Model) -> None:
        async with self.database.transaction() as session:
            await note_plugins(await connection_of(session), registry(model), NOW)

    async def ask(self) -> Question:
        return await prepare(self.database.pool, self.model, self.league.league_id, NOW)

    async def run(self, job_id: str) -> int:
        """One run of the model; answers its version."""
        question = await self.ask()
        fitted = question.model.fit(question.past.history, np.random.default_rng(1))
        fit = None if question.version else Fit(fitted.state(), digest(fitted.state()), 0.0)
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            forecasts = fitted.predict(question.coming.fixtures)
            stored = await store_answer(connection, question, fit, forecasts, 1.0, job_id)
        assert stored is not None
        assert stored.version_id is not None
        return stored.version_id

    async def shown(self, key: str = KEY) -> Any:
        return await self.database.pool.fetchval("select settings from model where key = $1", key)

    async def asked(self) -> list[tuple[str, str | None]]:
        """Jobs that wait, with the reason they were asked for; they are forgotten."""
        rows = await self.database.pool.fetch(
            "delete from outbox where job <> 'price_value' returning job, arguments->>'reason' as reason"
        )
        return [(row["job"], row["reason"]) for row in rows]


@pytest.fixture
async def world(database: Database) -> World:
    made = World(database, await make_league(database))
    await made.install(made.model)
    return made


async def test_what_is_set_is_in_force_and_kept_with_the_next_fit(world: World) -> None:
    first = await world.run("job-1")
    assert (await world.ask()).version is not None  # nothing new: restored
    await world.asked()
    assert await world.set({"home": 2}) == {"fixed": 3, "home": 2.0, "mood": "calm"}
    assert await world.asked() == [("run_model", "settings")]
    question = await world.ask()
    assert (question.version, question.values) == (None, {"home": 2.0})
    second = await world.run("job-2")
    rows = await world.database.pool.fetch("select id, settings, inputs_digest from model_version order by id")
    assert [(row["id"], row["settings"]["home"]) for row in rows] == [(first, 1.0), (second, 2.0)]
    assert rows[0]["inputs_digest"] != rows[1]["inputs_digest"]
    said = await world.database.pool.fetch(
        """select p.probabilities from current_prediction c join prediction p on p.id = c.prediction_id
           where c.is_served"""
    )
    assert [row["probabilities"] for row in said] == [pytest.approx([0.5, 0.25, 0.25])] * 3
    assert await world.shown() == {"fixed": 3, "home": 2.0, "mood": "calm"}


async def test_settings_add_up_and_go_back_to_their_defaults(world: World) -> None:
    await world.set({"home": 2.0})
    await world.set({"mood": "wild"}, reason="Let it.")
    assert await settings_in_force(world.database.pool) == {KEY: {"home": 2.0, "mood": "wild"}}
    assert await world.set({"home": None}) == {"fixed": 3, "home": 1.0, "mood": "wild"}
    await world.set({"mood": "calm"})
    assert await settings_in_force(world.database.pool) == {KEY: {}}
    rows = await world.database.pool.fetch("select values, reason, changed_by from plugin_setting order by id")
    assert tuple(rows[1]) == ({"home": 2.0, "mood": "wild"}, "Let it.", "account 7")
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await world.database.pool.execute("update plugin_setting set reason = ''")


_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"home": 0}, "input.values.home", r"^must be at least 0\.5 and is 0\.0$"),
    ({"home": 11}, "input.values.home", r"^must be at most 10 and is 11\.0$"),
    ({"home": "2"}, "input.values.home", r"^must be a number and is '2'$"),
    ({"home": float("inf")}, "input.values.home", "^must be a finite number"),
    ({"home": True}, "input.values.home", "^must be a number and is True$"),
    ({"mood": "sour"}, "input.values.mood", "^must be one of 'calm', 'wild' and is 'sour'$"),
    ({"home": 2, "luck": 1}, "input.values.luck", "^is no setting; there are home, mood$"),
    ({"fixed": 4}, "input.values.fixed", "^is no setting"),
    ({}, "input.values", "^must name a setting; there are home, mood$"),
]


async def test_a_value_that_a_setting_does_not_take_is_refused(world: World) -> None:
    for values, field_, words in _REFUSED:
        with pytest.raises(Invalid) as refused:
            await world.set(values)
        assert refused.value.field == field_
        refused.match(words.replace("^", f"^{field_}: "))
    assert await settings_in_force(world.database.pool) == {}


async def test_what_cannot_be_set_is_told(world: World) -> None:
    with pytest.raises(NotFound, match=r"'acme\.x'; there are touchline\.tunable, touchline\.value"):
        await world.set({"home": 2}, key="acme.x")
    with pytest.raises(Invalid, match="1 to 1000"):
        await world.set({"home": 2}, reason=" ")
    with pytest.raises(Conflict, match=r"Nothing changes: touchline\.tunable has home = 1\.0 already"):
        await world.set({"home": 1})
    await world.database.pool.execute("update plugin set status = 'REFUSED', reason = 'Broken.'")
    with pytest.raises(Conflict, match=r"cannot be changed: Broken\."):
        await world.set({"home": 2})


async def test_settings_wait_for_a_pin_to_be_released(world: World) -> None:
    version = await world.run("job-1")
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await promote(connection, version, reason="The best.", by="account 7", now=NOW)
    with pytest.raises(Conflict, match=r"pinned in england-premier-league, with its own settings: release it first"):
        await world.set({"home": 2})
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await release(connection, version, reason="Enough.", by="account 7", now=NOW)
    await world.set({"home": 2})


async def test_an_upgrade_keeps_what_it_still_takes_and_says_what_not(world: World) -> None:
    await world.set({"home": 5, "mood": "wild"})
    with pytest.raises(Conflict, match=r"none of its installed code: home must be at most 2"):
        await with_settings(world.database.pool, Narrow())
    await world.install(Narrow())
    assert await world.shown() == {"fixed": 3, "home": 1.0, "mood": "wild"}
    row = await world.database.pool.fetchrow(
        "select values, reason, changed_by from plugin_setting order by id desc limit 1"
    )
    assert row is not None
    assert tuple(row) == (
        {"mood": "wild"},
        "Version 2 does not take what was set: home must be at most 2 and is 5.0.",
        "platform",
    )
    count = await world.database.pool.fetchval("select count(*) from plugin_setting")
    await world.install(Narrow())  # told once
    assert await world.database.pool.fetchval("select count(*) from plugin_setting") == count


async def test_a_strategy_is_set_and_value_is_worked_out_anew(world: World) -> None:
    assert await world.set({"model_weight": 1}, key="touchline.value") == {"model_weight": 1.0}
    assert await world.asked() == [("refresh_value", None)]
    strategy, values = await with_settings(world.database.pool, SharpConsensus())
    assert (strategy.model_weight, values) == (1.0, {"model_weight": 1.0})
    schema = await world.database.pool.fetchval("select settings_schema from model where key = 'touchline.value'")
    assert schema["properties"]["model_weight"] == {
        "type": "number",
        "default": 0.25,
        "minimum": 0.0,
        "maximum": 1.0,
        "description": "Share of the model in the belief, in logits; the rest is the consensus.",
    }
