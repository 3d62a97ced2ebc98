"""Plugins, models and their versions: what made the rows, and how healthy it is."""

from __future__ import annotations

from datetime import timedelta

from api.nodes import global_id
from tests.api.client import Client
from tests.factories import NOW, Factory, Fixture, hours

PLUGINS = """query($statuses: [PluginStatus!], $market: MarketKind) { plugins(statuses: $statuses, market: $market) {
  totalCount nodes { key name version distribution isBuiltIn status statusReason markets
    health { callCount failureCount lastError lastErrorAt }
    models { key kind markets marketKeys codeVersion settings champion { version } currentVersions {
      version codeVersion stage trainedAt trainingSeconds trainingMatchCount trainingDataCutoffAt
      artifactBytes artifactDigest hyperparameters jobId league { slug } } } } } }"""


async def five_plugins(factory: Factory) -> list[int]:
    league = await factory.league("england-premier-league")
    matches = await factory.matches([Fixture(league, "A", "B", hours(2))])
    versions = await factory.forecasts(matches)
    await factory.model("touchline.value", [], kind="strategy")
    await factory.version("touchline.value", None)
    return versions


async def test_plugins_say_what_made_their_rows(client: Client, factory: Factory) -> None:
    await five_plugins(factory)
    shown = (await client.data(PLUGINS))["plugins"]
    assert shown["totalCount"] == 5
    plugins = {plugin["key"]: plugin for plugin in shown["nodes"]}
    assert list(plugins) == ["both_teams_to_score", "match_result", "total_corners", "total_goals", "value"]
    goals = plugins["total_goals"]
    assert goals["status"] == "ENABLED"
    assert goals["isBuiltIn"] is True
    assert goals["markets"] == ["TOTAL_GOALS"]
    assert goals["health"] == {"callCount": 7, "failureCount": 1, "lastError": None, "lastErrorAt": None}
    (model,) = goals["models"]
    assert (model["kind"], model["codeVersion"]) == ("MODEL", "1")
    assert model["marketKeys"] == ["total_goals:2.5:ft"]
    (version,) = model["currentVersions"]
    assert version == {
        "version": model["champion"]["version"],
        "codeVersion": "1",
        "stage": "CHAMPION",
        "trainedAt": "2026-03-14T12:00:00Z",
        "trainingSeconds": 0.25,
        "trainingMatchCount": 380,
        "trainingDataCutoffAt": "2026-03-14T12:00:00Z",
        "artifactBytes": 2048,
        "artifactDigest": "abc",
        "hyperparameters": {"half_life_days": 365},
        "jobId": "job-fit",
        "league": {"slug": "england-premier-league"},
    }
    strategy = plugins["value"]["models"][0]
    assert strategy["kind"] == "STRATEGY"
    assert strategy["currentVersions"][0]["league"] is None
    assert strategy["currentVersions"][0]["jobId"] == "job-fit"


async def test_plugins_by_status_and_market(client: Client, factory: Factory) -> None:
    await five_plugins(factory)
    await factory.plugin("broken", status="REFUSED", reason="made for interface 2, this is 1")

    async def keys(**variables: object) -> list[str]:
        return [plugin["key"] for plugin in (await client.data(PLUGINS, **variables))["plugins"]["nodes"]]

    assert await keys(statuses=["INCOMPATIBLE"]) == ["broken"]
    assert "broken" not in await keys(statuses=["ENABLED"])
    assert await keys(market="TOTAL_CORNERS") == ["total_corners"]
    assert await keys(statuses=["QUARANTINED"]) == []
    one = await client.data('{ plugin(key: "broken") { status statusReason } no: plugin(key: "x") { key } }')
    assert one == {
        "plugin": {"status": "INCOMPATIBLE", "statusReason": "made for interface 2, this is 1"},
        "no": None,
    }


async def test_versions_are_newest_first(client: Client, factory: Factory) -> None:
    versions = await five_plugins(factory)
    league = await factory.db.fetchval("select id from league")
    await factory.version("touchline.match_result", league, cutoff=NOW + timedelta(hours=1))
    query = """{ models(market: MATCH_RESULT) { totalCount nodes { key isInPlayCapable plugin { key }
      versions(first: 1) { totalCount pageInfo { hasNextPage } nodes { stage } }
      champion { trainingDataCutoffAt } } } }"""
    (model,) = (await client.data(query))["models"]["nodes"]
    assert model["key"] == "touchline.match_result"
    assert model["versions"] == {"totalCount": 2, "pageInfo": {"hasNextPage": True}, "nodes": [{"stage": "CHAMPION"}]}
    assert model["champion"] == {"trainingDataCutoffAt": "2026-03-14T13:00:00Z"}
    old = await client.data(
        "query($id: ID!) { node(id: $id) { ... on ModelVersion { stage } } }",
        id=global_id("ModelVersion", versions[0]),
    )
    assert old["node"] == {"stage": "RETIRED"}
    assert (await client.data("{ models { totalCount } }"))["models"]["totalCount"] == 5
