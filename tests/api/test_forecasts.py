"""Forecasts: any line from what was stored, time travel, versions, confidence, staleness."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from api.forecast_sheets import Sheet
from api.nodes import global_id
from tests.api.client import Client
from tests.factories import MARKETS, NOW, Factory, Figures, Fixture, hours, told_of
from touchline import forecasting as sdk
from touchline.forecasting import SIDE_DISPERSION
from touchline.in_play import FIRST_HALF_SHARE, result_from
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


RHO = told_of(RESULT, Figures())[1]["rho"]
EVERYTHING = """basis result { home draw away } bothTeamsToScore { yes no } confidence { score }
    goals(line: 2.5) { over push under expectedTotal expectedHome } home: goals(line: 1.5, team: HOME) { over }
    asianHandicap(line: -0.75) { homePrice { decimal } awayPrice { decimal } }
    topScores(first: 3) { home away probability } scoreGrid(maxGoals: 6) { probabilities }
    corners(line: 9.5) { over under expectedTotal expectedHome } firstHalf { result { home } }"""


async def test_a_scenario_is_repriced_in_every_market(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    state = "minute: 60, homeGoals: 1, awayGoals: 0, awayRedCards: 1, homeCorners: 4, awayCorners: 3"
    shown = await forecast(client, match, EVERYTHING, f"(scenario: {{{state}}})")
    ((home, draw, away),) = result_from(np.array([1.7]), np.array([1.2]), RHO, 60, 1, 0, 0, 1).tolist()
    assert shown["basis"] == "SCENARIO"
    assert shown["confidence"] is None
    assert shown["firstHalf"] is None
    assert shown["result"] == pytest.approx({"home": home, "draw": draw, "away": away})
    cells = np.array(shown["scoreGrid"]["probabilities"])
    assert cells[0].sum() == 0  # one goal is scored already
    goals = np.arange(7)
    assert np.tril(cells, -1).sum() == pytest.approx(home, abs=1e-6)
    assert cells[1:, 1:].sum() == pytest.approx(shown["bothTeamsToScore"]["yes"], abs=1e-6)
    assert cells[goals[:, None] + goals > 2].sum() == pytest.approx(shown["goals"]["over"], abs=1e-6)
    assert cells[2:].sum() == pytest.approx(shown["home"]["over"], abs=1e-6)
    assert (shown["topScores"][0]["home"], shown["topScores"][0]["away"]) == (1, 0)
    assert 1 + 1.7 * 0.4 < shown["goals"]["expectedHome"] < 1 + 1.7 * 0.5  # against ten men
    assert shown["goals"]["expectedTotal"] < shown["goals"]["expectedHome"] + 1.2 * 0.3
    assert shown["asianHandicap"]["homePrice"]["decimal"] < shown["asianHandicap"]["awayPrice"]["decimal"]
    assert 7 + 10.4 * 0.3 < shown["corners"]["expectedTotal"] < 7 + 10.4 * 0.4
    assert shown["corners"]["expectedHome"] is None
    before = await forecast(client, match, EVERYTHING)
    assert before["result"]["home"] < shown["result"]["home"]
    assert shown["goals"]["over"] < before["goals"]["over"]


async def test_the_scenario_of_kickoff_is_the_forecast_itself(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    fields = EVERYTHING.replace("confidence { score }", "").replace("firstHalf { result { home } }", "")
    start = "(scenario: {minute: 0, homeGoals: 0, awayGoals: 0, homeRedCards: null})"
    assert await forecast(client, match, fields, start) == {
        **await forecast(client, match, fields),
        "basis": "SCENARIO",
    }


async def test_corners_of_a_scenario_need_those_so_far(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    fields = "corners(line: 9.5) { over } result { home }"
    shown = await forecast(client, match, fields, "(scenario: {minute: 30, homeGoals: 0, awayGoals: 0})")
    assert shown["corners"] is None
    assert shown["result"] is not None


IMPOSSIBLE = {
    "minute: 121, homeGoals: 0, awayGoals: 0": "minute",
    "minute: -1, homeGoals: 0, awayGoals: 0": "minute",
    "minute: 60, homeGoals: 21, awayGoals: 0": "homeGoals",
    "minute: 60, homeGoals: 0, awayGoals: -1": "awayGoals",
    "minute: 60, homeGoals: 0, awayGoals: 0, awayRedCards: 5": "awayRedCards",
    "minute: 60, homeGoals: 0, awayGoals: 0, homeCorners: 41, awayCorners: 0": "homeCorners",
    "minute: 60, homeGoals: 0, awayGoals: 0, homeCorners: 3": "awayCorners",
}


async def test_an_impossible_scenario_is_refused_by_its_field(client: Client, match: int) -> None:
    for state, field in IMPOSSIBLE.items():
        error = await client.error(f"{{ matches {{ nodes {{ forecast(scenario: {{{state}}}) {{ basis }} }} }} }}")
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": f"scenario.{field}"}


async def test_scenarios_cost_no_statement_more(client: Client, factory: Factory) -> None:
    league = await factory.league("spain-la-liga")
    matches = await factory.matches([Fixture(league, f"Home {n}", f"Away {n}", hours(5)) for n in range(8)])
    await factory.forecasts(matches)
    query = "{ matches(first: 8) { nodes { %s } } }"
    plain = await client.ask(query % f"forecast {{ {EVERYTHING} }}")
    state = "(scenario: {minute: 60, homeGoals: 1, awayGoals: 0, homeCorners: 2, awayCorners: 2})"
    scenario = await client.ask(query % f"forecast{state} {{ {EVERYTHING} }}")
    assert not scenario.errors
    assert scenario.statements == plain.statements
    both = await client.ask(query % f"forecast {{ basis }} then: forecast{state} {{ {EVERYTHING} }}")
    assert both.statements == plain.statements + 1


async def test_half_time_has_its_share_of_the_goals(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2))
    fields = """firstHalf { result { home draw away } goals { line over under expectedTotal expectedHome }
        more: goals(line: 1.5) { over } bothTeamsToScore { yes no } } result { draw } bothTeamsToScore { yes }"""
    shown = await forecast(client, match, fields)
    half = shown["firstHalf"]
    assert sum(half["result"].values()) == pytest.approx(1, abs=1e-9)
    assert half["goals"]["line"] == 0.5
    assert half["goals"]["expectedTotal"] == pytest.approx(FIRST_HALF_SHARE * 2.9)
    assert half["goals"]["expectedHome"] == pytest.approx(FIRST_HALF_SHARE * 1.7)
    assert half["goals"]["over"] > half["more"]["over"]
    assert half["result"]["draw"] > shown["result"]["draw"]
    assert half["bothTeamsToScore"]["yes"] < shown["bothTeamsToScore"]["yes"]


async def test_a_model_of_fixed_lines_tells_no_half_and_no_scenario(
    client: Client, factory: Factory, match: int
) -> None:
    await factory.forecasts([match])
    await factory.db.execute("alter table prediction disable trigger user")
    await factory.db.execute("update prediction set family = '', parameters = '{}'")
    shown = await forecast(client, match, "firstHalf { result { home } } result { home } goals { over }")
    assert shown["firstHalf"] is None
    assert shown["result"] is not None
    fields = "basis result { home } goals { over } scoreGrid { maxGoals } topScores { home }"
    assert await forecast(client, match, fields, "(scenario: {minute: 60, homeGoals: 1, awayGoals: 0})") == {
        "basis": "SCENARIO",
        "result": None,
        "goals": None,
        "scoreGrid": None,
        "topScores": [],
    }


async def test_every_market_of_one_grid_agrees(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2))
    shown = await forecast(
        client,
        match,
        """scoreGrid(maxGoals: 12) { probabilities } o05: goals(line: 0.5) { over } o7: goals(line: 7) { over push }
           away: goals(line: 2, team: AWAY) { over push under } bothTeamsToScore { yes }
           quarter: asianHandicap(line: -0.75) { homePrice { decimal } }
           plus: asianHandicap(line: 1.25) { awayPrice { decimal } } topScores(first: 20) { home away probability }""",
    )
    cells = np.array(shown["scoreGrid"]["probabilities"])
    goals = np.arange(13)
    total, margin = goals[:, None] + goals, goals[:, None] - goals
    assert shown["o05"]["over"] == pytest.approx(1 - cells[0, 0], abs=1e-8)
    assert shown["o7"]["push"] == pytest.approx(cells[total == 7].sum(), abs=1e-8)
    assert shown["o7"]["over"] == pytest.approx(cells[total > 7].sum(), abs=1e-8)
    sides = [cells[:, goals > 2].sum(), cells[:, 2].sum(), cells[:, :2].sum()]
    assert [shown["away"][part] for part in ("over", "push", "under")] == pytest.approx(sides, abs=1e-8)
    assert shown["bothTeamsToScore"]["yes"] == pytest.approx(cells[1:, 1:].sum(), abs=1e-8)
    won = cells[margin > 1].sum() + cells[margin == 1].sum() / 2
    fair = 1 + cells[margin < 1].sum() / won
    assert shown["quarter"]["homePrice"]["decimal"] == pytest.approx(fair, abs=1e-6)
    given = cells[margin >= 0].sum() + cells[margin == -1].sum() / 2
    fair = 1 + given / cells[margin < -1].sum()
    assert shown["plus"]["awayPrice"]["decimal"] == pytest.approx(fair, abs=1e-6)
    for score in shown["topScores"]:
        assert score["probability"] == pytest.approx(cells[score["home"], score["away"]], abs=1e-8)


async def test_corners_of_one_team_where_the_model_tells_them(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.7, 1.2, 10.4))
    await factory.db.execute("alter table prediction disable trigger user")
    await factory.db.execute(
        """update prediction set parameters = parameters || '{"home_mean": 6.0, "away_mean": 4.4}'
           where model_key = 'touchline.total_corners'"""
    )
    fields = f"""home: corners(line: 5, team: HOME) {LINE} away: corners(line: 5, team: AWAY) {LINE}
        total: corners(line: 10.5) {LINE}"""
    shown = await forecast(client, match, fields)
    wide = stats.nbinom(SIDE_DISPERSION, SIDE_DISPERSION / (SIDE_DISPERSION + 6.0))
    assert shown["home"] == pytest.approx(
        {
            "line": 5,
            "over": wide.sf(5),
            "push": wide.pmf(5),
            "under": wide.cdf(4),
            "expectedTotal": 6.0,
            "expectedHome": 6.0,
            "expectedAway": 4.4,
        }
    )
    assert shown["away"]["expectedTotal"] == 4.4
    assert shown["away"]["over"] < shown["home"]["over"]
    assert (shown["total"]["expectedTotal"], shown["total"]["expectedHome"]) == (10.4, 6.0)
    state = "(scenario: {minute: 45, homeGoals: 0, awayGoals: 0, homeCorners: 6, awayCorners: 0})"
    later = await forecast(client, match, fields, state)
    assert later["home"]["under"] == 0
    assert later["home"]["expectedTotal"] > 6 + 6 / 2
    assert later["away"]["expectedTotal"] < 4.4 / 2


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
