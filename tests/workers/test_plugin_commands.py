"""The operator's commands on plugins, called as the command line calls them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner, Result

from domain.forecasting.installed import note_plugins
from domain.forecasting.plugin_states import PluginStatus
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.settings import Settings, read_settings
from tests.factories import NOW
from tests.workers.tunable import KEY, Tunable, registry
from workers.commands.plugins import commands, listed_states

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def settings(database_url: str, redis_url: str, database: Database) -> Settings:
    """A deployment with two plugins of ours."""
    await set_clock(database.pool, match=NOW, speed=0)
    async with database.transaction() as session:
        await note_plugins(await connection_of(session), registry(Tunable()), NOW)
    return read_settings(database_url=database_url, redis_url=redis_url)


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs a command on the test's deployment."""
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    group = click.Group("plugin", {command.name: command for command in commands if command.name})

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, group, arguments, env=environment)

    return invoke


def test_touchline_finds_the_commands() -> None:
    (point,) = entry_points(group="touchline.plugin_commands")
    assert [command.name for command in point.load()] == ["enable", "shadow", "disable", "set"]


async def test_a_plugin_is_disabled_and_enabled_with_reasons(run: Run, settings: Settings) -> None:
    disabled = await run("disable", "tunable", "--reason", "It is too slow.")
    assert (disabled.exit_code, disabled.output.splitlines()) == (
        0,
        [
            "tunable is DISABLED since 2026-03-14 12:00 UTC: It is too slow.",
            f"  {KEY}  is not asked; what it said last is stale",
        ],
    )
    told = await asyncio.to_thread(listed_states, settings)
    assert {key: (state.status, state.by) for key, state in told.items()} == {
        "tunable": (PluginStatus.DISABLED, "the command line"),
        "value": (PluginStatus.ACTIVE, "platform"),
    }
    shadow = await run("shadow", "tunable", "--reason", "Let us see.")
    assert (
        shadow.output.splitlines()[1] == f"  {KEY}  is asked about everything that comes, graded, and shown to nobody"
    )
    enabled = await run("enable", "tunable", "--reason", "It is good.")
    assert enabled.output.startswith("tunable is ACTIVE since 2026-03-14 12:00 UTC: It is good.\n")
    again = await run("enable", "tunable", "--reason", "Once more.")
    assert again.exit_code == 1
    assert "The plugin tunable is ACTIVE since 2026-03-14 12:00 UTC already: It is good." in again.output


async def test_settings_are_changed_and_given_back(run: Run) -> None:
    changed = await run("set", KEY, "home=2", "mood=wild", "--reason", "It looks better.")
    assert (changed.exit_code, changed.output.splitlines()) == (0, [f"{KEY}  home = 2.0", f"{KEY}  mood = wild"])
    back = await run("set", KEY, "--default", "mood", "home=3.5", "--reason", "Calm down.")
    assert back.output.splitlines() == [f"{KEY}  home = 3.5", f"{KEY}  mood = calm"]


_REFUSED = [
    (("enable", "nobody", "--reason", "x"), 1, "There is no plugin 'nobody'; there are tunable, value."),
    (("enable", "tunable"), 2, "Missing option '--reason'"),
    (("set", KEY, "home", "--reason", "x"), 2, "'home' is no NAME=VALUE"),
    (("set", KEY, "home=1", "home=2", "--reason", "x"), 2, "home is given twice"),
    (("set", KEY, "home=2", "--default", "home", "--reason", "x"), 2, "home cannot be given a value and its"),
    (("set", KEY, "home=two", "--reason", "x"), 1, "home: must be a number and is 'two'"),
    (("set", KEY, "luck=2", "--reason", "x"), 1, "luck: is no setting; there are home, mood"),
    (("set", KEY, "--reason", "x"), 1, "must name a setting; there are home, mood"),
    (("set", "acme.x", "home=2", "--reason", "x"), 1, "There is no model or strategy 'acme.x'"),
]


async def test_what_is_asked_wrongly_is_told_in_a_sentence(run: Run) -> None:
    for arguments, code, words in _REFUSED:
        refused = await run(*arguments)
        assert refused.exit_code == code
        assert words in refused.output
