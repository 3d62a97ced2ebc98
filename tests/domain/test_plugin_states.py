"""The life of a plugin: its first state, refusals, quarantine and what opens it again, operators, and its health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import asyncpg
import pytest

from domain.forecasting.installed import note_plugins
from domain.forecasting.plugin_states import (
    Health,
    PluginStatus,
    change_state,
    forget_calls,
    health,
    model_runs,
    note_call,
    states,
)
from domain.forecasting.serving import offered_models
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound
from tests.factories import NOW, hours
from tests.workers.fickle import KEY, registry
from touchline import Facts, MarketKey, Verdict
from touchline.markets import Lines
from touchline.outputs import Fault
from touchline.plugins import Plugin, Registry, Status

T = TypeVar("T")

NEW = "New: it is graded and shown to nobody until an operator enables it."


@dataclass(frozen=True)
class House:
    """A database with plugins in it."""

    database: Database

    async def do(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with self.database.transaction() as session:
            return await work(await connection_of(session))

    async def note(self, found: Registry, hour: float = 0) -> None:
        await self.do(lambda connection: note_plugins(connection, found, hours(hour)))

    async def change(self, status: PluginStatus, reason: str = "It is good.", key: str = "fickle") -> None:
        await self.do(lambda connection: change_state(connection, key, status, reason=reason, by="account 7", now=NOW))

    async def call(self, fault: Fault | None = None, *, hour: float = 0, thing: str = KEY, ms: float = 10) -> bool:
        error, milliseconds = (None, ms) if fault is None else (f"It {fault}.", None)
        return await self.do(
            lambda connection: note_call(
                connection, thing, fault=fault, error=error, milliseconds=milliseconds, now=hours(hour), job_id="job-1"
            )
        )

    async def asked(self) -> set[str]:
        """Models that are asked at all."""
        requests = await model_runs(self.database.pool, "test", league_ids=[1])
        return {request.arguments["model_key"] for request in requests}

    async def told(self, key: str = "fickle") -> tuple[str, str, str]:
        """Status, reason and who changed it."""
        state = (await states(self.database.pool))[key]
        return state.status, state.reason, state.by

    async def written(self, key: str = "fickle") -> list[tuple[str, str]]:
        """Every state that a plugin was given, with the version that it was for."""
        rows = await self.database.pool.fetch(
            "select status, version from plugin_state where plugin_key = $1 order by id", key
        )
        return [(row["status"], row["version"]) for row in rows]


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def acme(version: str = "1") -> Registry:
    """The plugins of tests as somebody else's."""
    return registry("steady", distribution="acme", version=version)


def refused(found: Registry, reason: str) -> Registry:
    """The same, where the first plugin cannot be loaded."""
    first = replace(found.plugins[0], status=Status.REFUSED, reason=reason, models=())
    return replace(found, plugins=(first, *found.plugins[1:]), models={})


async def test_ours_begins_active_and_anybody_elses_in_the_shadow(house: House) -> None:
    await house.note(registry("steady"))
    assert await house.told() == ("ACTIVE", "It comes with Touchline.", "platform")
    await house.note(registry("steady"), 5)
    assert await house.written() == [("ACTIVE", "1")]  # seen again, nothing new
    state = (await states(house.database.pool))["fickle"]
    assert (state.changed_at, state.version, state.failures_in_row) == (NOW, "1", 0)


async def test_what_is_new_runs_and_is_not_offered_to_be_shown(house: House) -> None:
    await house.note(acme())
    assert await house.told() == ("SHADOW", NEW, "platform")
    assert await house.asked() == {KEY}
    assert await offered_models(house.database.pool) == []


async def test_a_plugin_that_cannot_be_loaded_has_its_state_back_when_it_can(house: House) -> None:
    await house.note(acme())
    await house.change(PluginStatus.ACTIVE)
    await house.note(refused(acme("2"), "Importing fickle failed."), 1)
    assert await house.told() == ("REFUSED", "Importing fickle failed.", "platform")
    assert await house.asked() == set()
    await house.note(acme("3"), 2)
    assert await house.told() == ("ACTIVE", "It is good.", "account 7")
    assert await house.written() == [("SHADOW", "1"), ("ACTIVE", "1")]
    await house.note(Registry(), 3)
    assert (await house.told())[:2] == ("REFUSED", "It is no longer installed.")
    assert await house.asked() == set()


async def test_a_plugin_that_could_never_be_loaded_gets_its_first_state_when_it_can(house: House) -> None:
    await house.note(refused(acme(), "It needs sklearn."))
    assert await house.told() == ("REFUSED", "It needs sklearn.", "platform")
    assert await house.written() == []
    await house.note(acme(), 1)
    assert await house.told() == ("SHADOW", NEW, "platform")


async def test_another_distribution_does_not_inherit_a_state(house: House) -> None:
    await house.note(acme())
    await house.change(PluginStatus.ACTIVE)
    other = registry("steady", distribution="evil")
    await house.note(refused(other, "Broken."), 1)
    await house.note(other, 2)
    status, reason, by = await house.told()
    assert (status, by) == ("SHADOW", "platform")
    assert reason == f"It comes from evil and came from acme. {NEW}"


async def test_plugins_of_one_name_are_listed_apart(house: House) -> None:
    found = registry("steady")
    taken = Plugin("fickle", "other", "acme", "2", Status.REFUSED, "Another plugin is already called 'fickle'.")
    await house.note(replace(found, plugins=(*found.plugins, taken)))
    assert (await house.told())[0] == "ACTIVE"
    assert await house.told("fickle@acme") == ("REFUSED", taken.reason, "platform")


async def test_a_model_that_its_plugin_gave_up_is_not_asked_any_more(house: House) -> None:
    found = registry("steady")
    await house.note(found)
    assert [model.key for model in await offered_models(house.database.pool)] == [KEY]
    without = replace(found, plugins=(replace(found.plugins[0], models=()), found.plugins[1]), models={})
    await house.note(without)
    assert await offered_models(house.database.pool) == []
    assert await house.asked() == set()
    await house.note(found)
    assert await house.asked() == {KEY}


async def test_three_failures_in_a_row_quarantine_a_plugin(house: House) -> None:
    await house.note(acme())
    outcomes = [Fault.RAISED, Fault.TIMED_OUT, None, Fault.DIED, Fault.RAISED]
    assert [await house.call(fault) for fault in outcomes] == [False] * 5
    assert (await states(house.database.pool))["fickle"].failures_in_row == 2
    assert await house.call(Fault.INVALID_OUTPUT)
    status, reason, by = await house.told()
    assert (status, by) == ("QUARANTINED", "platform")
    assert reason == "Three failures in a row; the last: It invalid_output."
    assert await house.asked() == set()
    assert await house.database.pool.fetch("select 1 from outbox where job = 'show_best'")
    assert not await house.call(Fault.RAISED)  # what was on its way is counted and changes nothing
    assert await house.written() == [("SHADOW", "1"), ("QUARANTINED", "1")]
    row = await house.database.pool.fetchrow("select call_count, failure_count from plugin where key = 'fickle'")
    assert row is not None
    assert tuple(row) == (7, 6)


async def test_a_new_version_opens_a_quarantined_plugin_where_it_was(house: House) -> None:
    await house.note(acme())
    await house.change(PluginStatus.ACTIVE)
    for _ in range(3):
        await house.call(Fault.RAISED)
    await house.note(acme(), 1)
    assert (await house.told())[0] == "QUARANTINED"  # the same code again
    await house.note(acme("2"), 2)
    status, reason, by = await house.told()
    assert (status, by) == ("ACTIVE", "platform")
    assert reason == "Version 2 is there; it was quarantined with version 1."
    assert (await states(house.database.pool))["fickle"].failures_in_row == 0
    assert not await house.call(Fault.RAISED)


async def test_a_new_version_forgets_failures_and_leaves_an_operators_word(house: House) -> None:
    await house.note(acme())
    await house.change(PluginStatus.DISABLED, "It lies.")
    await house.note(acme("2"), 1)
    assert await house.told() == ("DISABLED", "It lies.", "account 7")
    await house.change(PluginStatus.SHADOW)
    assert [await house.call(Fault.RAISED) for _ in range(2)] == [False] * 2
    await house.note(acme("3"), 2)
    assert [await house.call(Fault.RAISED) for _ in range(3)] == [False, False, True]


async def test_an_operator_opens_a_quarantined_plugin(house: House) -> None:
    await house.note(acme())
    for _ in range(3):
        await house.call(Fault.DIED)
    await house.change(PluginStatus.SHADOW, "Mended.")
    assert await house.told() == ("SHADOW", "Mended.", "account 7")
    assert [await house.call(Fault.RAISED) for _ in range(3)] == [False, False, True]


async def test_a_call_of_a_market_counts_for_its_plugin(house: House) -> None:
    @dataclass(frozen=True)
    class Cards:
        key: str = "acme.cards"
        title: str = "Cards"
        outcomes: tuple[str, ...] = ("over", "under")
        lines: Lines = Lines.HALF

        def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
            raise NotImplementedError

    plugin = Plugin("cards", "cards", "acme", "1", Status.LOADED, markets=("acme.cards",), api=1)
    await house.note(Registry((plugin,), markets={"acme.cards": Cards()}))
    assert [await house.call(Fault.RAISED, thing="acme.cards") for _ in range(3)] == [False, False, True]
    assert (await house.told("cards"))[0] == "QUARANTINED"
    assert await house.database.pool.fetchval("select api from plugin where key = 'cards'") == 1
    with pytest.raises(NotFound, match=r"acme\.nothing"):
        await house.call(thing="acme.nothing")


_SENSELESS: list[tuple[str, PluginStatus, str, type[Exception], str]] = [
    ("nobody", PluginStatus.ACTIVE, "Why not.", NotFound, "no plugin 'nobody'; there are fickle, trusting"),
    ("fickle", PluginStatus.SHADOW, "Why not.", Conflict, "is SHADOW since 2026-03-14 12:00 UTC already: New"),
    ("fickle", PluginStatus.ACTIVE, "  ", Invalid, "1 to 1000"),
    ("fickle", PluginStatus.ACTIVE, "x" * 1001, Invalid, "1 to 1000"),
    ("fickle", PluginStatus.QUARANTINED, "Why not.", Invalid, "ACTIVE, SHADOW, DISABLED"),
    ("fickle", PluginStatus.REFUSED, "Why not.", Invalid, "ACTIVE, SHADOW, DISABLED"),
]


async def test_a_change_that_makes_no_sense_is_refused(house: House) -> None:
    await house.note(acme())
    for key, status, reason, error, words in _SENSELESS:
        with pytest.raises(error, match=words):
            await house.change(status, reason, key)
    assert await house.written() == [("SHADOW", "1")]


async def test_a_refused_plugin_cannot_be_enabled_and_says_why(house: House) -> None:
    await house.note(refused(acme(), "It needs sklearn."))
    with pytest.raises(Conflict, match=r"fickle cannot be used, whatever its state: It needs sklearn\."):
        await house.change(PluginStatus.ACTIVE)
    assert await house.written() == []


async def test_states_are_a_record_that_nobody_edits(house: House) -> None:
    await house.note(acme())
    for statement in ("update plugin_state set reason = ''", "delete from plugin_state"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await house.database.pool.execute(statement)


async def test_models_of_others_are_asked_by_a_job_of_their_own(house: House) -> None:
    await house.note(acme())
    requests = await model_runs(house.database.pool, "test", league_ids=[3, 4])
    assert [(one.job, one.arguments["league_id"]) for one in requests] == [
        ("run_outside_model", 3),
        ("run_outside_model", 4),
    ]
    assert await model_runs(house.database.pool, "test", league_ids=[3], model_keys=["other"]) == []
    await house.change(PluginStatus.DISABLED)
    assert await model_runs(house.database.pool, "test", league_ids=[3]) == []


async def test_a_change_of_a_strategys_plugin_has_value_worked_out_anew(house: House) -> None:
    await house.note(acme())
    for status in (PluginStatus.ACTIVE, PluginStatus.DISABLED):
        await house.database.pool.execute("delete from outbox")
        await house.change(status, key="trusting")
        assert [row["job"] for row in await house.database.pool.fetch("select job from outbox")] == ["refresh_value"]


async def test_health_tells_of_the_last_24_hours(house: House) -> None:
    await house.note(acme())
    await house.call(Fault.RAISED, hour=-25)
    await house.call(hour=-24, ms=9_999)  # the instant itself no longer counts
    for milliseconds in range(1, 101):
        await house.call(hour=-1, ms=milliseconds)
    await house.call(Fault.TIMED_OUT, hour=-0.5)
    await house.call(Fault.INVALID_OUTPUT)
    await house.call(hour=1)  # later than what is asked about
    told = await health(house.database.pool, ["fickle", "trusting", "nobody"], NOW)
    assert told == {
        "fickle": Health("fickle", 102, 2, 1, 50.5, 95.05, "It invalid_output.", NOW),
        "trusting": Health("trusting", 0, 0, 0, None, None, None, None),
    }


async def test_old_calls_are_forgotten(house: House) -> None:
    await house.note(acme())
    for days in (31, 30, 1):
        await house.call(hour=-24 * days)
    assert await house.do(lambda connection: forget_calls(connection, NOW)) == 1
    rows = await house.database.pool.fetch("select called_at from plugin_call order by called_at")
    assert [NOW - row["called_at"] for row in rows] == [timedelta(days=30), timedelta(days=1)]
