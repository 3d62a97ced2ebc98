"""Forecasts: any line from what was stored, time travel, versions, confidence, staleness."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.forecasts import Sheet
from api.nodes import global_id
from tests.api.client import Client
from tests.factories import MARKETS, NOW, Factory, Figures, Fixture, hours, told_of
from touchline import forecasting as sdk
from touchline.types import RESULT, Kind


@pytest.fixture
async def match(factory: Factory) -> int:
    league = await factory.league("england-premier-league")
    (made,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(5))])
    return made


async def forecast(client: Client, match: int, fields: str, arguments: str = "") -> Any:
    query = f"query($id: ID!) {{ match(id: $id) {{ forecast{arguments} {{ {fields} }} }} }}"
    return (await client.data(query, id=global_id("Match", match)))["match"]["forecast"]


async def test_no_forecast_is_null_and_not_a_default(client: Client, match: int) -> None:
    assert await forecast(client, match, "result { home }") is None


LINE = "{ line over push under expectedTotal expectedHome expectedAway }"


async def test_every_line_comes_from_the_stored_parameters(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    shown = await forecast(
        client,
        match,
        f"""half: goals(line: 3.5) {LINE} whole: goals(line: 3) {LINE} quarter: goals(line: 2.75) {LINE}
            home: goals(line: 1.5, team: HOME) {LINE} away: goals(line: 0.5, team: AWAY) {LINE}
            corners(line: 11) {LINE} team: corners(line: 5.5, team: HOME) {LINE} null: goals(line: null) {LINE}""",
    )
    assert shown["half"]["over"] + shown["half"]["under"] == pytest.approx(1, abs=1e-9)
    assert shown["half"]["expectedTotal"] == pytest.approx(2.9)
    assert shown["half"]["expectedHome"] == pytest.approx(1.7)
    whole = shown["whole"]
    assert whole["over"] + whole["push"] + whole["under"] == pytest.approx(1, abs=1e-9)
    assert whole["push"] > 0.15
    assert whole["over"] == pytest.approx(shown["half"]["over"])
    assert shown["quarter"] is None
    assert shown["home"]["expectedTotal"] == pytest.approx(1.7)
    assert shown["away"]["expectedTotal"] == pytest.approx(1.2)
    assert shown["corners"]["expectedTotal"] == pytest.approx(10.4)
    assert shown["corners"]["expectedHome"] is None
    assert shown["team"] is None
    assert shown["null"]["line"] == 2.5


async def test_the_score_grid_and_what_is_read_from_it_agree(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2))
    shown = await forecast(
        client,
        match,
        """result { home draw away } topScores(first: 2) { home away probability }
           scoreGrid(maxGoals: 5) { maxGoals probabilities } asianHandicap(line: -0.5) { line homePrice { decimal }
           awayPrice { decimal } } never: asianHandicap(line: 40) { line }""",
    )
    cells = shown["scoreGrid"]["probabilities"]
    assert [len(row) for row in cells] == [6] * 6
    assert sum(map(sum, cells)) == pytest.approx(1, abs=1e-9)
    best = shown["topScores"][0]
    assert best["probability"] == pytest.approx(cells[best["home"]][best["away"]], rel=1e-6)
    assert shown["asianHandicap"]["homePrice"]["decimal"] == pytest.approx(1 / shown["result"]["home"])
    assert shown["never"] is None


@pytest.mark.parametrize(
    ("field", "argument"),
    [("topScores(first: 21) { home }", "first"), ("scoreGrid(maxGoals: 2) { maxGoals }", "maxGoals")],
)
async def test_bad_arguments_are_named(client: Client, factory: Factory, match: int, field: str, argument: str) -> None:
    await factory.forecasts([match])
    error = await client.error(f"{{ matches {{ nodes {{ forecast {{ {field} }} }} }} }}")
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


async def test_time_travel_knows_nothing_later(client: Client, factory: Factory, match: int) -> None:
    early, late = NOW - timedelta(hours=20), NOW - timedelta(hours=2)
    await factory.forecasts([match], Figures(1.2, 1.2), at=early)
    await factory.forecasts([match], Figures(2.2, 0.9), at=late)
    fields = "result { home } predictedAt dataCutoffAt confirmedAt isStale modelVersions { version model { key } }"

    async def at(instant: str) -> Any:
        return await forecast(client, match, fields, f'(asOf: "{instant}")')

    assert await at("2026-03-13T15:59:59Z") is None
    then = await at("2026-03-13T16:00:00Z")
    assert then["result"]["home"] == told_of(RESULT, Figures(1.2, 1.2))[0][0]
    assert then["predictedAt"] == then["dataCutoffAt"] == then["confirmedAt"] == "2026-03-13T16:00:00Z"
    now = await forecast(client, match, fields)
    assert now["result"]["home"] == told_of(RESULT, Figures(2.2, 0.9))[0][0]
    assert now == await at("2026-03-14T12:00:00Z")
    assert {version["model"]["key"] for version in now["modelVersions"]} == {f"touchline.{m.kind}" for m in MARKETS}


async def test_one_model_version(client: Client, factory: Factory, match: int) -> None:
    versions = await factory.forecasts([match], Figures(1.2, 1.2), at=NOW - timedelta(hours=3))
    await factory.forecasts([match], Figures(2.2, 0.9))
    old = f'(modelVersionId: "{global_id("ModelVersion", versions[0])}")'
    shown = await forecast(client, match, "result { home } bothTeamsToScore { yes }", old)
    assert shown == {"result": {"home": told_of(RESULT, Figures(1.2, 1.2))[0][0]}, "bothTeamsToScore": None}
    assert await forecast(client, match, "result { home }", '(modelVersionId: "nonsense")') is None


async def test_confidence_of_each_market(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(2.9, 0.4, 10.0))
    shown = await forecast(
        client, match, "confidence { score band matchResult goals corners bothTeamsToScore historicalHitRate }"
    )
    points = [round(100 * max(told_of(market, Figures(2.9, 0.4, 10.0))[0])) for market in MARKETS]
    assert shown["confidence"] == {
        "score": points[0],
        "band": "HIGH",
        "matchResult": points[0],
        "goals": points[1],
        "corners": points[2],
        "bothTeamsToScore": points[3],
        "historicalHitRate": None,
    }
    assert points[0] >= 80


async def test_a_fallback_and_a_stale_part_are_visible(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match])
    assert await forecast(client, match, "basis isStale") == {"basis": "MODEL", "isStale": False}
    await factory.db.execute("update current_prediction set is_stale = true where model_key = 'touchline.total_goals'")
    await factory.db.execute("alter table prediction disable trigger user")
    await factory.db.execute("update prediction set basis = 'league_prior' where model_key = 'touchline.total_corners'")
    assert await forecast(client, match, "basis isStale") == {"basis": "LEAGUE_PRIOR", "isStale": True}


async def test_a_scenario_is_not_answered_by_the_plain_forecast(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match])
    assert await forecast(client, match, "basis", "(scenario: {minute: 60, homeGoals: 1, awayGoals: 0})") is None


async def test_predictions_say_everything_about_themselves(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.2, 1.2), at=NOW - timedelta(hours=3))
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    await factory.forecasts([match], Figures(1.0, 1.0), is_served=False, prefix="acme")
    await factory.prices([match])
    query = """query($id: ID!, $markets: [MarketKind!], $keys: [String!], $shadow: Boolean) { match(id: $id) {
      predictions(markets: $markets, modelKeys: $keys, includeShadow: $shadow) {
        market { key kind } modelVersion { version model { key } } confidence confidenceBand basis family parameters
        jobId isStale isServed predictedAt expectedValue inputsDigest grade { isHit } supersededBy { id }
        outcomes { key probability fairPrice { decimal } selection { key market { key } } } topOutcome { key }
        edges(minEdge: 0.1) { edge kellyFraction outcome { key }
          quote { price { decimal } bookmaker { key } } } } } }"""
    shown = (await client.data(query, id=global_id("Match", match)))["match"]["predictions"]
    assert {prediction["market"]["key"] for prediction in shown} == {str(market) for market in MARKETS}
    result = next(prediction for prediction in shown if prediction["market"]["kind"] == "MATCH_RESULT")
    probabilities = told_of(RESULT, Figures(1.7, 1.2))[0]
    assert [outcome["probability"] for outcome in result["outcomes"]] == probabilities
    assert [outcome["selection"]["key"] for outcome in result["outcomes"]] == ["home", "draw", "away"]
    assert result["topOutcome"] == {"key": "home"}
    assert result["outcomes"][0]["fairPrice"]["decimal"] == pytest.approx(1 / probabilities[0])
    assert result["jobId"] == "job-predict"
    assert result["parameters"]["home_mean"] == 1.7
    assert result["supersededBy"] is None
    (edge,) = result["edges"]
    assert edge["outcome"] == {"key": "home"}
    assert edge["edge"] == pytest.approx(probabilities[0] * 2.7 - 1)
    assert edge["quote"] == {"price": {"decimal": 2.7}, "bookmaker": {"key": "village"}}
    only = await client.data(query, id=global_id("Match", match), markets=["TOTAL_CORNERS"])
    assert [each["expectedValue"] for each in only["match"]["predictions"]] == [10.4]
    shadow = await client.data(query, id=global_id("Match", match), shadow=True, markets=["MATCH_RESULT"])
    assert [each["isServed"] for each in shadow["match"]["predictions"]] == [True, False]
    named = await client.data(query, id=global_id("Match", match), shadow=True, keys=["acme.match_result"])
    assert [each["modelVersion"]["model"]["key"] for each in named["match"]["predictions"]] == ["acme.match_result"]


async def test_the_history_of_a_prediction(client: Client, factory: Factory, match: int) -> None:
    for age, home in ((9, 1.2), (6, 1.4), (3, 1.6)):
        await factory.forecasts([match], Figures(home, 1.2), at=NOW - timedelta(hours=age))
    query = """query($id: ID!, $market: MarketKind!, $after: String) { match(id: $id) {
      predictionHistory(market: $market, first: 2, after: $after) { totalCount pageInfo { endCursor hasNextPage }
        nodes { predictedAt supersededBy { predictedAt } } } } }"""
    page = (await client.data(query, id=global_id("Match", match), market="TOTAL_GOALS"))["match"]["predictionHistory"]
    assert page["totalCount"] == 3
    assert [each["predictedAt"][11:13] for each in page["nodes"]] == ["03", "06"]
    assert page["nodes"][0]["supersededBy"] == {"predictedAt": page["nodes"][1]["predictedAt"]}
    after = page["pageInfo"]["endCursor"]
    rest = await client.data(query, id=global_id("Match", match), market="TOTAL_GOALS", after=after)
    assert [each["predictedAt"][11:13] for each in rest["match"]["predictionHistory"]["nodes"]] == ["09"]


def test_a_sheet_asks_the_sdk_once_for_all_matches() -> None:
    calls: list[int] = []

    def counted(forecasts: Any, line: float) -> list[sdk.Line | None]:
        calls.append(len(forecasts))
        return sdk.total_goals_all(forecasts, line)

    row = {"family": "score_grid", "parameters": told_of(RESULT, Figures())[1], "market_key": "x", "probabilities": []}
    sheet = Sheet([{Kind.TOTAL_GOALS: [row]}, {}, {Kind.TOTAL_GOALS: [row]}])
    answers = [sheet.ask(Kind.TOTAL_GOALS, counted, 2.5)[at] for at in range(3)]
    assert calls == [3]
    assert answers[0] == answers[2]
    assert answers[1] is None
