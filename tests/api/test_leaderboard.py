"""The leaderboard: every model and the market on the same matches, in order, and a verdict only where it is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from api.leaderboard import MARKET_NAME
from api.nodes import global_id
from tests.api.client import Client, operation
from tests.domain.grades.world import Said, close, grade, played, predict, season
from tests.factories import Factory
from touchline import OVER_25, RESULT

BOARD = """query($market: MarketKind, $leagues: [ID!], $metric: LeaderboardMetric, $least: Int, $first: Int,
    $after: String, $last: Int, $before: String) {
  leaderboard(market: $market, leagueIds: $leagues, metric: $metric, minSampleSize: $least, first: $first,
      after: $after, last: $last, before: $before) {
    matchCount leftOutMatchCount leftOutModels { key sampleSize } totalCount
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor }
    nodes { rank name isMarket model { key } modelVersion { codeVersion }
      scorecard { sampleSize closingSampleSize logLoss skillVsClosing skillInterval { lower upper } verdict } } } }"""

COUNT = 240


async def field(factory: Factory) -> list[int]:
    """Three models: one that knows the truth, one that says a third almost always, one with few matches of its own.

    The closing prices are the truth with noise.
    """
    league = await factory.league("england-premier-league")
    matches, truth, _ = await season(factory, league, COUNT)
    rng = np.random.default_rng(5)
    noisy = truth * np.exp(rng.normal(0, 0.7, truth.shape))
    noisy /= noisy.sum(axis=1, keepdims=True)
    noisy = 0.9 * noisy + 0.1 / 3
    for model, said, some in (
        ("touchline.wise", truth, matches),
        ("touchline.flat", 0.2 * truth + 0.8 / 3, matches[:-10]),
        ("touchline.young", truth, matches[:50]),
    ):
        await predict(factory, Said(model, RESULT, dict(zip(some, said.tolist(), strict=False))))
    await close(factory, {match: 0.97 / row for match, row in zip(matches[20:], noisy[20:], strict=True)})
    await grade(factory, limit=COUNT + 1)
    return matches


async def test_models_and_market_are_ranked_on_the_same_matches(client: Client, factory: Factory) -> None:
    await field(factory)
    answer = await client.ask(BOARD)
    assert answer.errors == []
    assert answer.statements == 3  # what was said; the models of the rows and their versions
    board = answer.data["leaderboard"]
    shared = COUNT - 10 - 20
    assert (board["matchCount"], board["leftOutMatchCount"]) == (shared, 30)
    assert board["leftOutModels"] == [{"key": "touchline.young", "sampleSize": 50}]
    assert board["totalCount"] == 3
    rows = board["nodes"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert [row["name"] for row in rows] == ["touchline.wise", MARKET_NAME, "touchline.flat"]
    assert {row["scorecard"]["sampleSize"] for row in rows} == {shared}
    assert {row["scorecard"]["closingSampleSize"] for row in rows} == {shared}
    losses = [row["scorecard"]["logLoss"] for row in rows]
    assert losses == sorted(losses)
    wise, market, flat = rows
    assert (market["isMarket"], market["model"], market["modelVersion"]) == (True, None, None)
    assert (market["scorecard"]["skillVsClosing"], market["scorecard"]["verdict"]) == (0, "UNDECIDED")
    assert (wise["model"], wise["modelVersion"]) == ({"key": "touchline.wise"}, {"codeVersion": "1"})
    for row in (wise, flat):
        card = row["scorecard"]
        lower, upper = card["skillInterval"]["lower"], card["skillInterval"]["upper"]
        told = "BEATS_MARKET" if lower > 0 else "TRAILS_MARKET" if upper < 0 else "UNDECIDED"
        assert card["verdict"] == told
    assert wise["scorecard"]["verdict"] == "BEATS_MARKET"


async def test_fewer_matches_are_needed_where_fewer_are_asked_for(client: Client, factory: Factory) -> None:
    await field(factory)
    board = (await client.data(BOARD, least=30))["leaderboard"]
    assert (board["matchCount"], board["leftOutModels"]) == (30, [])  # fifty, twenty of them without a closing price
    assert {row["name"] for row in board["nodes"]} == {
        "touchline.wise",
        "touchline.flat",
        "touchline.young",
        MARKET_NAME,
    }
    nobody = (await client.data(BOARD, least=COUNT + 1))["leaderboard"]
    assert (nobody["nodes"], nobody["matchCount"], len(nobody["leftOutModels"])) == ([], 0, 3)
    assert (await client.error(BOARD, least=0))["extensions"]["argument"] == "minSampleSize"


async def test_models_of_different_leagues_do_not_empty_the_board(client: Client, factory: Factory) -> None:
    leagues = [await factory.league(slug) for slug in ("england-premier-league", "spain-la-liga")]
    for model, league, count in zip(("touchline.one", "touchline.two"), leagues, (40, 30), strict=True):
        matches = await played(factory, league, [(1, 0)] * count)
        await predict(factory, Said(model, RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
        await close(factory, dict.fromkeys(matches, (2.0, 3.5, 4.0)))
    await grade(factory)
    board = (await client.data(BOARD, least=20))["leaderboard"]
    assert (board["matchCount"], board["leftOutModels"]) == (40, [{"key": "touchline.two", "sampleSize": 30}])
    of_spain = (await client.data(BOARD, least=20, leagues=[global_id("League", leagues[1])]))["leaderboard"]
    assert (of_spain["matchCount"], of_spain["leftOutModels"]) == (30, [])


FIGURES = {
    "RANKED_PROBABILITY_SCORE": ("rankedProbabilityScore", 1),
    "CALIBRATION_ERROR": ("calibrationError", 1),
    "SKILL_VS_CLOSING": ("skillVsClosing", -1),
    "CLOSING_LINE_VALUE": ("averageClosingLineValue", -1),
    "FLAT_STAKE_ROI": ("flatStakeRoi", -1),
}
"""What each measure sorts by, and whether more is worse."""


async def test_every_measure_sorts(client: Client, factory: Factory) -> None:
    matches = await field(factory)
    await close(factory, dict.fromkeys(matches, (2.9, 3.9, 3.4)), book="corner")
    for metric, (figure, sign) in FIGURES.items():
        answer = await client.ask(f"{{ leaderboard(metric: {metric}) {{ nodes {{ scorecard {{ {figure} }} }} }} }}")
        shown = [sign * row["scorecard"][figure] for row in answer.data["leaderboard"]["nodes"]]
        assert len(set(shown)) == 3
        assert shown == sorted(shown), metric
        assert answer.statements <= 2  # what was said, and bets where they are asked for


async def test_pages_go_both_ways(client: Client, factory: Factory) -> None:
    await field(factory)

    async def page(**variables: Any) -> tuple[list[int], dict[str, Any]]:
        board = (await client.data(BOARD, **variables))["leaderboard"]
        return [row["rank"] for row in board["nodes"]], board["pageInfo"]

    ranks, info = await page(first=2)
    assert (ranks, info["hasNextPage"], info["hasPreviousPage"]) == ([1, 2], True, False)
    rest, info = await page(first=2, after=info["endCursor"])
    assert (rest, info["hasNextPage"], info["hasPreviousPage"]) == ([3], False, True)
    back, info = await page(last=1, before=info["startCursor"])
    assert (back, info["hasPreviousPage"]) == ([2], True)
    other = await client.error(BOARD, metric="CALIBRATION_ERROR", after=info["endCursor"])
    assert other["extensions"]["argument"] == "after"


async def test_a_market_is_ranked_once_somebody_priced_it(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await played(factory, league, [(1, 0)] * 3)
    await predict(factory, Said("touchline.goals", OVER_25, dict.fromkeys(matches, (0.5, 0.5))))
    await grade(factory)
    board = (await client.data(BOARD, market="TOTAL_GOALS", least=1))["leaderboard"]
    assert board["nodes"] == []
    assert board["leftOutModels"] == [{"key": "touchline.goals", "sampleSize": 3}]
    await close(factory, dict.fromkeys(matches, (1.9, 2.0)), market=OVER_25)
    await factory.db.execute("update current_prediction set graded_at = null")
    await grade(factory)
    assert len((await client.data(BOARD, market="TOTAL_GOALS", least=1))["leaderboard"]["nodes"]) == 2
    assert (await client.data(operation("Board")))["leaderboard"]["nodes"] == []  # of 200 matches at least
