"""Operators enable, shadow and disable plugins and set their models: who may, what happens at once, what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.infra.database import Database
from tests.api.client import Client
from tests.api.plugin_world import DARK, People, outside, three
from tests.factories import Factory, Fixture, hours
from touchline import OVER_25, RESULT
from touchline.settings import Setting, schema_of

CONFIGURE = """mutation($input: ConfigurePluginInput!) { configurePlugin(input: $input) {
  plugin { key status statusReason stateChanges { status reason changedBy operator } }
  model { key isShadow settings }
  errors { __typename ... on UserError { code path message } ... on ForbiddenError { requires } } } }"""
SETTINGS = [
    Setting("prior", 4.0, "Matches that the prior counts for.", low=0.0),
    Setting("half_life_days", 365, low=1, high=4000),
    Setting("is_eager", False),
]
REASON = "Its record of 400 matches is good."


@pytest.fixture
async def people(client: Client, factory: Factory) -> AsyncIterator[People]:
    """Beside a plugin in shadow with one model, whose league has a match to come."""
    league = await factory.league("england-premier-league")
    await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(3))])
    await outside(factory, markets=[RESULT])
    defaults = {one.name: one.default for one in SETTINGS}
    await factory.db.execute(
        "update model set settings_schema = $1, settings = $2 where key = $3", schema_of(SETTINGS), defaults, DARK
    )
    async with three(client) as found:
        yield found


async def configure(client: Client, **given: Any) -> Any:
    given = {"pluginKey": "dark", "reason": REASON} | given
    return (await client.data(CONFIGURE, input=given))["configurePlugin"]


async def failure(client: Client, **given: Any) -> tuple[str, str, str]:
    """Code, path and sentence of the one error, after which nothing was done."""
    payload = await configure(client, **given)
    assert (payload["plugin"], payload["model"]) == (None, None)
    [error] = payload["errors"]
    return error["code"], ".".join(error["path"]), error["message"]


async def log(database: Database) -> list[tuple[str, str, str, Any]]:
    rows = await database.pool.fetch("select action, entity_type, entity_id, details from audit_entry order by id")
    return [tuple(row) for row in rows if row["action"].startswith("plugin.")]


async def test_an_operator_enables_a_plugin_and_disables_it(people: People, database: Database) -> None:
    admin = people["admin"]
    enabled = await configure(admin, status="ENABLED", reason=f"  {REASON} ")
    assert (enabled["errors"], enabled["model"]) == ([], None)
    assert (enabled["plugin"]["status"], enabled["plugin"]["statusReason"]) == ("ENABLED", REASON)
    [newest, first] = enabled["plugin"]["stateChanges"]
    account = await database.pool.fetchval("select id from account where role = 'ADMIN'")
    assert newest == {
        "status": "ENABLED",
        "reason": REASON,
        "changedBy": "OPERATOR",
        "operator": f"account {account}",
    }
    assert (first["status"], first["changedBy"]) == ("SHADOW", "PLATFORM")
    disabled = await configure(admin, status="DISABLED", reason="It was a mistake.")
    assert disabled["plugin"]["status"] == "DISABLED"
    assert await log(database) == [
        ("plugin.state", "Plugin", "dark", {"before": "SHADOW", "after": "ENABLED", "reason": REASON}),
        ("plugin.state", "Plugin", "dark", {"before": "ENABLED", "after": "DISABLED", "reason": "It was a mistake."}),
    ]
    assert await database.pool.fetchval("select count(*) from outbox where job like 'run%model'") == 1  # when enabled


async def test_an_operator_sets_a_model_and_gives_it_back_its_defaults(people: People, database: Database) -> None:
    admin = people["admin"]
    changed = await configure(admin, settings={"prior": 6, "is_eager": True})
    assert changed["errors"] == []
    assert changed["plugin"]["status"] == "SHADOW"
    settings = {"prior": 6.0, "half_life_days": 365, "is_eager": True}
    assert changed["model"] == {"key": DARK, "isShadow": True, "settings": settings}
    back = await configure(admin, modelKey=DARK, settings={"is_eager": None}, reason="Too eager.")
    assert back["model"]["settings"] == settings | {"is_eager": False}
    entries = await log(database)
    assert [entry[:3] for entry in entries] == [("plugin.settings", "Model", DARK)] * 2
    defaults = {one.name: one.default for one in SETTINGS}
    assert entries[0][3] == {"before": defaults, "after": settings, "reason": REASON}
    shown = await people["nobody"].data("{ models { nodes { settings } } }")
    assert shown["models"]["nodes"] == [{"settings": settings | {"is_eager": False}}]


async def test_both_are_done_or_neither(people: People, database: Database) -> None:
    admin = people["admin"]
    code, path, words = await failure(admin, status="ENABLED", settings={"prior": -1})
    assert (code, path) == ("INVALID", "input.settings.prior")
    assert words == "must be at least 0 and is -1.0"
    state = '{ plugin(key: "dark") { status stateChanges { status } } }'
    assert (await admin.data(state))["plugin"] == {"status": "SHADOW", "stateChanges": [{"status": "SHADOW"}]}
    assert await log(database) == []
    done = await configure(admin, status="ENABLED", settings={"prior": 1})
    assert (done["plugin"]["status"], done["model"]["settings"]["prior"]) == ("ENABLED", 1.0)
    assert done["model"]["isShadow"] is False
    assert [entry[0] for entry in await log(database)] == ["plugin.state", "plugin.settings"]


@pytest.mark.parametrize("who", ["user", "support"])
async def test_only_operators_may(people: People, database: Database, who: str) -> None:
    payload = await configure(people[who], status="ENABLED")
    [error] = payload["errors"]
    assert (error["__typename"], error["code"], error["requires"]) == ("ForbiddenError", "FORBIDDEN", "ADMIN")
    assert payload["plugin"] is None
    assert await database.pool.fetchval("select status from plugin where key = 'dark'") == "SHADOW"
    answer = await people["nobody"].error(CONFIGURE, input={"pluginKey": "dark", "status": "ENABLED", "reason": "x"})
    assert answer["extensions"]["code"] == "UNAUTHENTICATED"


REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "INVALID", "input.status", "nothing would change"),
    ({"status": "QUARANTINED"}, "INVALID", "input.status", "one of ENABLED, SHADOW, DISABLED"),
    ({"status": "INCOMPATIBLE"}, "INVALID", "input.status", "the platform's own word"),
    ({"status": "SHADOW"}, "CONFLICT", "", "already"),
    ({"status": "ENABLED", "reason": " "}, "INVALID", "input.reason", "1 to 1000 signs"),
    ({"settings": {"prior": 1}, "reason": ""}, "INVALID", "input.reason", "1 to 1000 signs"),
    ({"pluginKey": "nobody's", "status": "ENABLED"}, "NOT_FOUND", "input.pluginKey", "`plugins` lists them"),
    ({"settings": [1]}, "INVALID", "input.settings", "an object of settings by name"),
    ({"settings": {}}, "INVALID", "input.settings", "there are prior, is_eager, half_life_days"),
    ({"settings": {"color": 1}}, "INVALID", "input.settings.color", "there are prior, is_eager, half_life_days"),
    ({"settings": {"half_life_days": 2.5}}, "INVALID", "input.settings.half_life_days", "whole number"),
    ({"settings": {"is_eager": "yes"}}, "INVALID", "input.settings.is_eager", "true or false"),
    ({"settings": {"prior": 4}}, "CONFLICT", "", "Nothing changes"),
    ({"settings": {"prior": 1}, "modelKey": "touchline.goals"}, "INVALID", "input.modelKey", f"dark has {DARK}"),
]
"""Inputs with the code, the path and words of the error."""


async def test_what_cannot_be_done_is_refused_with_a_remedy(people: People, factory: Factory) -> None:
    await factory.model("touchline.goals", [OVER_25])
    for given, *told, words in REFUSED:
        code, path, sentence = await failure(people["admin"], **given)
        assert [code, path] == told, given
        assert words in sentence, given


async def test_of_several_models_the_one_that_is_meant_is_named(people: People, factory: Factory) -> None:
    await factory.model("acme.other", [OVER_25], plugin="dark")
    code, path, words = await failure(people["admin"], settings={"prior": 1})
    assert (code, path, words) == (
        "INVALID",
        "input.modelKey",
        f"must say whose settings are meant: dark has {DARK}, acme.other",
    )
    assert (await configure(people["admin"], modelKey=DARK, settings={"prior": 1}))["errors"] == []
    await factory.plugin("empty")
    code, path, words = await failure(people["admin"], pluginKey="empty", settings={"prior": 1})
    assert words.endswith("empty has no model and no strategy")


async def test_a_refused_plugin_stays_refused(people: People, factory: Factory) -> None:
    await factory.db.execute("update plugin set status = 'REFUSED', reason = 'Made for interface 2.'")
    for given in ({"status": "ENABLED"}, {"settings": {"prior": 1}}):
        code, _, words = await failure(people["admin"], **given)
        assert code == "CONFLICT"
        assert "Made for interface 2." in words
