"""What models of plugins in shadow say is shown to nobody but operators, by no way that leads to a prediction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.nodes import global_id
from domain.forecasting.plugin_states import FAILURES_IN_ROW, PluginStatus, note_call
from domain.forecasting.serving import choose_served
from domain.infra.database import connection_of
from tests.api.client import Client
from tests.api.plugin_world import DARK, People, change, outside, three
from tests.factories import NOW, Bet, Factory, Figures, Fixture, hours
from tests.season_world import make_season, speak
from touchline import RESULT
from touchline.outputs import Fault

PREDICTIONS = """query($id: ID!, $asOf: DateTime, $all: Boolean, $models: [String!]) { match(id: $id) {
  predictions(markets: [MATCH_RESULT], asOf: $asOf, includeShadow: $all, modelKeys: $models) {
    isServed isStale modelVersion { model { key } } outcomes { probability } } } }"""


@dataclass(frozen=True)
class World:
    """A match that is to come, which a model of ours and one in the dark forecast."""

    match: int
    dark: int
    """The dark model's version."""
    prediction: int
    """Its prediction of the result."""


@pytest.fixture
async def people(client: Client) -> AsyncIterator[People]:
    async with three(client) as found:
        yield found


@pytest.fixture
async def world(factory: Factory) -> World:
    league = await factory.league("england-premier-league")
    [match] = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(3))])
    await factory.forecasts([match])
    await outside(factory, markets=[RESULT])
    version = await factory.predicted([match], RESULT, DARK, Figures(3.0, 0.4))
    prediction = await factory.db.fetchval("select max(id) from prediction")
    return World(match, version, prediction)


async def said(client: Client, world: World, **variables: Any) -> list[str]:
    """Whose predictions of the match's result are shown."""
    found = (await client.data(PREDICTIONS, id=global_id("Match", world.match), **variables))["match"]["predictions"]
    return [each["modelVersion"]["model"]["key"] for each in found]


OURS = {"modelComparison": [{"modelVersion": {"model": {"key": "touchline.match_result"}}}]}
WAYS: dict[str, tuple[str, Any]] = {
    "predictions": ("match(id: $match) { predictions(includeShadow: true, modelKeys: [$model]) { id } }", []),
    "predictions as of": (
        'match(id: $match) { predictions(includeShadow: true, modelKeys: [$model], asOf: "2026-03-14T13:00:00Z") {'
        " id } }",
        [],
    ),
    "history": (
        "match(id: $match) { predictionHistory(market: MATCH_RESULT, modelKey: $model) { totalCount nodes { id } } }",
        {"totalCount": 0, "nodes": []},
    ),
    "comparison": ("match(id: $match) { analysis { modelComparison { modelVersion { model { key } } } } }", OURS),
    "disagreement": ("match(id: $match) { analysis { modelDisagreement } }", {"modelDisagreement": None}),
    "forecast": ("match(id: $match) { forecast(modelVersionId: $version) { result { home } } }", None),
    "node": ("node(id: $prediction) { ... on Prediction { confidence } }", None),
    "nodes": ("nodes(ids: [$prediction]) { ... on Prediction { confidence } }", [None]),
}
"""Ways to the dark prediction, and what they hold for whoever may not see it."""


async def test_no_way_leads_to_it_but_an_operators(people: People, world: World) -> None:
    variables = {
        "match": global_id("Match", world.match),
        "prediction": global_id("Prediction", world.prediction),
        "version": global_id("ModelVersion", world.dark),
        "model": DARK,
    }
    types = {"match": "ID", "prediction": "ID", "version": "ID", "model": "String"}
    for way, (body, nothing) in WAYS.items():
        used = ", ".join(f"${name}: {kind}!" for name, kind in types.items() if f"${name}" in body)
        answers = {who: await client.ask(f"query({used}) {{ {body} }}", variables) for who, client in people.items()}
        assert [answer.errors for answer in answers.values()] == [[]] * len(answers), way
        shown = {who: _within(answer.data) for who, answer in answers.items()}
        assert shown["nobody"] == shown["user"] == shown["support"] == nothing, way
        assert shown["admin"] not in (nothing, None, [], [None]), way
        counts = {who: answer.statements - (who != "nobody") for who, answer in answers.items()}  # less who asks
        assert len(set(counts.values())) == 1, way


def _within(data: dict[str, Any]) -> Any:
    """What the innermost named field of a way holds."""
    [value] = data.values()
    return next(iter(value.values())) if isinstance(value, dict) and "confidence" not in value else value


async def test_unserved_models_of_enabled_plugins_are_for_everybody(
    people: People, factory: Factory, world: World
) -> None:
    ours = "touchline.match_result"
    for who, client in people.items():
        assert await said(client, world) == [ours]
        assert await said(client, world, all=True) == ([ours, DARK] if who == "admin" else [ours])
        assert await said(client, world, models=[DARK]) == []
    await change(factory, "dark", PluginStatus.ACTIVE)
    for client in people.values():
        assert await said(client, world) == [ours]
        assert await said(client, world, all=True) == [ours, DARK]
        history = "query($id: ID!) { node(id: $id) { id } }"
        assert (await client.data(history, id=global_id("Prediction", world.prediction)))["node"] is not None


async def test_what_was_shown_stays_in_the_past_as_it_was_shown(people: People, factory: Factory, world: World) -> None:
    """Taken back into shadow a model speaks no more; bets and looks back rest on what it said."""
    await factory.db.execute("update plugin set status = 'DISABLED' where key = 'match_result'")
    await change(factory, "dark", PluginStatus.ACTIVE)
    nobody = people["nobody"]
    assert await said(nobody, world) == [DARK]
    await factory.clock(hours(1))
    await change(factory, "dark", PluginStatus.SHADOW, now=hours(1))
    later = await factory.predicted([world.match], RESULT, DARK, Figures(0.3, 2.0), at=hours(1))
    fresh = await factory.db.fetchval("select max(id) from prediction")
    for who, client in people.items():
        assert await said(client, world) == ["touchline.match_result"]  # the last word of one that is disabled
        assert await said(client, world, all=True, models=[DARK]) == ([DARK] if who == "admin" else [])
        assert await said(client, world, asOf=NOW.isoformat()) == [DARK]
        ids = [global_id("Prediction", key) for key in (world.prediction, fresh)]
        nodes = (await client.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids))["nodes"]
        assert [node is not None for node in nodes] == [True, who == "admin"]
        history = """query($id: ID!, $model: String) { match(id: $id) {
          predictionHistory(market: MATCH_RESULT, modelKey: $model) { totalCount nodes { id } } } }"""
        found = await client.data(history, id=global_id("Match", world.match), model=DARK)
        assert found["match"]["predictionHistory"]["totalCount"] == (2 if who == "admin" else 1)
        forecast = """query($id: ID!, $version: ID!) { match(id: $id) {
          forecast(modelVersionId: $version) { result { home } } } }"""
        asked = {"id": global_id("Match", world.match), "version": global_id("ModelVersion", later)}
        assert ((await client.data(forecast, **asked))["match"]["forecast"] is None) == (who != "admin")


async def quarantined(factory: Factory, model: str) -> None:
    """Let a model fail until its plugin is stopped, and what others say be shown."""
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        for _ in range(FAILURES_IN_ROW):
            await note_call(
                connection, model, fault=Fault.RAISED, error="No goals.", milliseconds=None, now=NOW, job_id="job-1"
            )
    async with factory.database.transaction() as session:
        await choose_served(await connection_of(session), NOW)


@pytest.mark.parametrize("is_disabled", [True, False])
async def test_the_last_word_of_a_stopped_plugin_is_stale_and_shown_where_nobody_is_fresh(
    people: People, factory: Factory, world: World, is_disabled: bool
) -> None:
    if is_disabled:
        await change(factory, "match_result", PluginStatus.DISABLED)
    else:
        await quarantined(factory, "touchline.match_result")
    query = """query($id: ID!) { match(id: $id) { forecast { isStale }
      predictions(markets: [MATCH_RESULT]) { isStale modelVersion { stage model { key } } } } }"""
    stopped = {"stage": "RETIRED", "model": {"key": "touchline.match_result"}}
    for client in people.values():
        shown = (await client.data(query, id=global_id("Match", world.match)))["match"]
        assert shown == {"forecast": {"isStale": True}, "predictions": [{"isStale": True, "modelVersion": stopped}]}
    await change(factory, "dark", PluginStatus.ACTIVE)
    fresh = {"stage": "CHAMPION", "model": {"key": DARK}}
    for client in people.values():
        [shown] = (await client.data(query, id=global_id("Match", world.match)))["match"]["predictions"]
        assert shown == {"isStale": False, "modelVersion": fresh}


VALUE = """query($id: ID!, $bet: ID!) { match(id: $id) { valueBets { strategyKey } }
  valueBets { totalCount nodes { strategyKey } } node(id: $bet) { ... on ValueBet { edge } }
 }"""


async def test_value_bets_of_a_strategy_in_shadow_are_operators(people: People, factory: Factory, world: World) -> None:
    await factory.prices([world.match])
    [bet] = await factory.value_bets([Bet(world.match, 0.3)])
    await outside(factory, "acme.tipster", kind="strategy")
    await factory.db.execute("update value_bet set strategy_key = 'acme.tipster'")
    asked = {"id": global_id("Match", world.match), "bet": global_id("ValueBet", bet)}
    for who, client in people.items():
        shown = await client.data(VALUE, **asked)
        found = [{"strategyKey": "acme.tipster"}] if who == "admin" else []
        assert shown["match"]["valueBets"] == found
        assert shown["valueBets"] == {"totalCount": len(found), "nodes": found}
        assert (shown["node"] is not None) == (who == "admin")
    await change(factory, "tipster", PluginStatus.ACTIVE)
    shown = await people["nobody"].data(VALUE, **asked)
    assert (shown["valueBets"]["totalCount"], len(shown["match"]["valueBets"])) == (1, 1)


async def test_the_return_of_value_bets_is_of_those_that_were_shown(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    [match] = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(-24), (2, 0))])
    await factory.prices([match], at=hours(-30))
    await factory.value_bets([Bet(match, 0.3, status="EXPIRED")])
    tipster = await outside(factory, "acme.tipster", kind="strategy")
    await factory.db.execute("update value_bet set strategy_key = 'acme.tipster'")
    query = "{ confidenceAnalysis { roiSampleSize } }"
    assert (await client.data(query))["confidenceAnalysis"] == {"roiSampleSize": 0}
    await change(factory, tipster, PluginStatus.ACTIVE)
    assert (await client.data(query))["confidenceAnalysis"] == {"roiSampleSize": 1}


TABLE = """query($season: ID!, $version: ID!) { node(id: $season) { ... on Season {
  tableForecast(simulations: 100, modelVersionId: $version) { matchesLeft } } } }"""
ASK = """mutation($season: ID!, $version: ID!) { requestTableForecast(
  input: {seasonId: $season, modelVersionId: $version}) { job { id } errors { __typename
    ... on UserError { path message } ... on ForbiddenError { requires } } } }"""
RATINGS = """query($system: String!) { teams(first: 1) { nodes { ratings { system }
  ratingHistory(system: $system) { value } } } }"""


async def test_tables_and_ratings_of_a_model_in_shadow_are_operators(factory: Factory, people: People) -> None:
    season = await make_season(factory)
    await outside(factory, markets=[RESULT])
    version = await speak(factory, season, key=DARK)
    asked = {"season": global_id("Season", season.season), "version": global_id("ModelVersion", version)}
    for who, client in people.items():
        answer = await client.ask(TABLE, asked)
        [team] = (await client.data(RATINGS, system=f"{DARK}.attack"))["teams"]["nodes"]
        if who == "admin":
            assert answer.data["node"]["tableForecast"]["matchesLeft"] == 15
            assert {each["system"] for each in team["ratings"]} == {f"{DARK}.attack", f"{DARK}.defence"}
            assert len(team["ratingHistory"]) == 1
        else:
            [error] = answer.errors
            assert error["extensions"]["argument"] == "simulations"
            assert team == {"ratings": [], "ratingHistory": []}
    refused = (await people["user"].data(ASK, **asked))["requestTableForecast"]
    [error] = refused["errors"]
    assert (error["__typename"], error["path"]) == ("ForbiddenError", ["input", "modelVersionId"])
    assert error["requires"] == "ADMIN"
    assert (await people["admin"].data(ASK, **asked))["requestTableForecast"]["errors"] == []
    await change(factory, "dark", PluginStatus.ACTIVE)
    table = (await people["nobody"].data(TABLE, **asked))["node"]["tableForecast"]
    assert table["matchesLeft"] == 15
