"""Plugins of others in the graph: where they stand and why, how they fare, what they declare and take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id
from api.plugin_parts import LONGEST_TOLD
from domain.forecasting.plugin_states import FAILURES_IN_ROW, PluginStatus, note_call
from domain.infra.database import connection_of
from tests.api.client import Client
from tests.api.plugin_world import DARK, NEW, People, change, outside, three
from tests.factories import NOW, Factory
from touchline import OVER_25, RESULT
from touchline.outputs import Fault
from touchline.settings import Setting, schema_of

STATE = """{ plugin(key: "dark") { status statusReason statusChangedAt apiVersion isBuiltIn
  stateChanges(first: %d) { status reason changedBy operator changedAt version } } }"""
HEALTH = """{ plugins { nodes { key health { callCount failureCount lastDayCallCount lastDayFailureCount
  invalidOutputCount p50Milliseconds p95Milliseconds lastError lastErrorAt } } } }"""


@pytest.fixture
async def people(client: Client) -> AsyncIterator[People]:
    async with three(client) as found:
        yield found


async def call(
    factory: Factory, milliseconds: float | None, *, fault: Fault | None = None, error: str = "", hours_ago: float = 1
) -> None:
    """One call of the model of the outside plugin."""
    async with factory.database.transaction() as session:
        await note_call(
            await connection_of(session),
            DARK,
            fault=fault,
            error=error or None,
            milliseconds=milliseconds,
            now=NOW - timedelta(hours=hours_ago),
            job_id="job-1",
        )


async def test_a_plugin_says_where_it_stands_since_when_and_why(factory: Factory, people: People) -> None:
    await outside(factory, markets=[RESULT])
    await change(factory, "dark", PluginStatus.ACTIVE, "Its record is good.")
    first = {"status": "SHADOW", "reason": NEW, "changedBy": "PLATFORM", "operator": None}
    second = {"status": "ENABLED", "reason": "Its record is good.", "changedBy": "OPERATOR"}
    same = {"changedAt": "2026-03-14T12:00:00Z", "version": "0.1.0"}
    for who, client in people.items():
        answer = await client.ask(STATE % 20)
        assert answer.errors == []
        assert answer.statements == 2 + (who != "nobody")  # the plugin, its changes, and who asks
        shown = answer.data["plugin"]
        assert (shown["status"], shown["statusReason"]) == ("ENABLED", "Its record is good.")
        assert (shown["statusChangedAt"], shown["apiVersion"]) == ("2026-03-14T12:00:00Z", 1)
        assert shown["isBuiltIn"] is False
        operator = "account 7" if who == "admin" else None
        assert shown["stateChanges"] == [second | same | {"operator": operator}, first | same]
    assert len((await people["user"].data(STATE % 1))["plugin"]["stateChanges"]) == 1
    for wrong in (0, 101):
        error = await people["user"].error(STATE % wrong)
        assert (error["extensions"]["argument"], error["message"]) == ("first", "first: must be between 1 and 100")


async def test_a_refused_plugin_tells_only_that(client: Client, factory: Factory) -> None:
    await outside(factory, markets=[RESULT])
    await factory.db.execute(
        "update plugin set status = 'REFUSED', reason = 'Made for interface 2.' where key = 'dark'"
    )
    shown = (await client.data(STATE % 20))["plugin"]
    assert (shown["status"], shown["statusReason"]) == ("INCOMPATIBLE", "Made for interface 2.")
    assert shown["statusChangedAt"] is None
    assert [each["status"] for each in shown["stateChanges"]] == ["SHADOW"]


async def test_health_is_of_the_last_day_and_counts_are_of_ever(client: Client, factory: Factory) -> None:
    await outside(factory, markets=[RESULT])
    await factory.model("touchline.goals", [OVER_25])
    await call(factory, 9000.0, hours_ago=25)
    for milliseconds in (10.0, 20.0, 30.0, 40.0, 100.0):
        await call(factory, milliseconds)
    await call(factory, None, fault=Fault.INVALID_OUTPUT, error="row 3 sums to 1.2")
    await call(factory, None, fault=Fault.RAISED, error="ValueError: no goals")
    answer = await client.ask(HEALTH)
    assert answer.errors == []
    assert answer.statements == 2  # the plugins, and the health of all of them
    dark, goals = (plugin["health"] for plugin in answer.data["plugins"]["nodes"])
    assert dark == {
        "callCount": 7 + 8,  # the factory's plugins begin with 7 calls, one of them a failure
        "failureCount": 1 + 2,
        "lastDayCallCount": 7,
        "lastDayFailureCount": 2,
        "invalidOutputCount": 1,
        "p50Milliseconds": 30.0,
        "p95Milliseconds": pytest.approx(88.0),
        "lastError": "ValueError: no goals",
        "lastErrorAt": "2026-03-14T11:00:00Z",
    }
    assert (goals["callCount"], goals["lastDayCallCount"], goals["invalidOutputCount"]) == (7, 0, 0)
    assert (goals["p50Milliseconds"], goals["p95Milliseconds"], goals["lastError"]) == (None, None, None)


async def test_what_a_plugin_said_is_one_line_that_is_not_too_long(client: Client, factory: Factory) -> None:
    await outside(factory, markets=[RESULT])
    for _ in range(FAILURES_IN_ROW):
        await call(factory, None, fault=Fault.RAISED, error="a\nb\t\x1b[31m\u202ec " + 5000 * "x")
    plugin = (await client.data('{ plugin(key: "dark") { status statusReason health { lastError } } }'))["plugin"]
    assert plugin["status"] == "QUARANTINED"
    assert plugin["health"]["lastError"].startswith("a b [31m c xxx")
    assert plugin["statusReason"].startswith("Three failures in a row; the last: a b [31m c xxx")
    for words in (plugin["statusReason"], plugin["health"]["lastError"]):
        assert len(words) == LONGEST_TOLD
        assert words.endswith("x…")
        assert words.isprintable()


async def test_plugins_are_found_by_state_and_by_markets_of_their_own(client: Client, factory: Factory) -> None:
    await outside(factory, markets=[RESULT])
    await factory.model("touchline.goals", [OVER_25])
    await factory.plugin("cards")
    await factory.db.execute(
        """insert into market_kind (key, plugin_key, title, outcomes, lines) values
           ('acme.total_cards', 'cards', 'Over/Under {line} cards', '{over,under}', 'half'),
           ('acme.first_card', 'cards', 'First card', '{home,away,none}', 'none')"""
    )

    async def found(**variables: Any) -> list[str]:
        query = """query($statuses: [PluginStatus!], $market: MarketKind) {
          plugins(statuses: $statuses, market: $market) { totalCount nodes { key } } }"""
        page = (await client.data(query, **variables))["plugins"]
        assert page["totalCount"] == len(page["nodes"])
        return [node["key"] for node in page["nodes"]]

    assert await found(statuses=["SHADOW"]) == ["dark"]
    assert await found(statuses=["ENABLED"]) == ["cards", "goals"]
    assert await found(market="CUSTOM") == ["cards"]
    assert await found(market="MATCH_RESULT") == ["dark"]
    answer = await client.ask("{ plugins { nodes { key markets marketKinds { key title outcomes lines } } } }")
    assert answer.statements == 4  # the plugins, models, and their own markets for either field
    shown = {node.pop("key"): node for node in answer.data["plugins"]["nodes"]}
    assert shown["goals"] == {"markets": ["TOTAL_GOALS"], "marketKinds": []}
    assert shown["cards"]["markets"] == ["CUSTOM"]
    assert shown["cards"]["marketKinds"] == [
        {"key": "acme.first_card", "title": "First card", "outcomes": ["home", "away", "none"], "lines": "NONE"},
        {
            "key": "acme.total_cards",
            "title": "Over/Under {line} cards",
            "outcomes": ["over", "under"],
            "lines": "HALF",
        },
    ]


async def test_models_say_what_operators_may_set_and_whether_they_are_in_shadow(
    client: Client, factory: Factory
) -> None:
    await outside(factory, markets=[RESULT])
    await factory.model("touchline.goals", [OVER_25])
    schema = schema_of([Setting("prior", 4.0, "Matches that the prior counts for.", low=0.0)])
    await factory.db.execute("update model set settings_schema = $1 where key = $2", schema, DARK)
    query = "{ models { nodes { key isShadow settings settingsSchema plugin { settingsSchema } } } }"
    answer = await client.ask(query)
    assert answer.statements == 3  # the models, their plugins, all models of these
    dark, goals = answer.data["models"]["nodes"]
    assert (dark["isShadow"], goals["isShadow"]) == (True, False)
    assert dark["settings"] == {"half_life_days": 365}
    assert dark["settingsSchema"] == schema == dark["plugin"]["settingsSchema"][DARK]
    assert schema["properties"]["prior"]["minimum"] == 0.0
    assert goals["settingsSchema"] == {}


@pytest.mark.parametrize(
    ("status", "stage", "reason"),
    [
        (PluginStatus.SHADOW, "SHADOW", f"Its plugin is in shadow: {NEW}"),
        (PluginStatus.DISABLED, "RETIRED", f"Its plugin is disabled: {NEW}"),
        (PluginStatus.QUARANTINED, "RETIRED", f"Its plugin is quarantined: {NEW}"),
    ],
)
async def test_versions_of_a_plugin_that_is_not_enabled_are_never_champions(
    client: Client, factory: Factory, status: PluginStatus, stage: str, reason: str
) -> None:
    await outside(factory, markets=[RESULT], status=status)
    league = await factory.league("england-premier-league")
    version = await factory.version(DARK, league)
    query = "query($id: ID!) { node(id: $id) { ... on ModelVersion { stage stageReason } } }"
    shown = (await client.data(query, id=global_id("ModelVersion", version)))["node"]
    assert shown == {"stage": stage, "stageReason": reason}
