"""Scorecards and calibration over HTTP: the figures are those of the rows, and the market is measured beside."""

from __future__ import annotations

import math

import numpy as np
import pytest

from api.nodes import global_id
from tests.api.client import Client, operation
from tests.domain.grades.world import Said, close, correct, grade, played, predict, season
from tests.factories import Factory
from touchline import CORNERS_95, OVER_25, RESULT
from touchline.calibration import calibration
from touchline.metrics import calibration_error, wilson

CARD = """query($market: MarketKind, $leagues: [ID!], $during: DateTimeRange) { models { nodes { key
  scorecard(market: $market, leagueIds: $leagues, during: $during) { sampleSize logLoss brier rankedProbabilityScore
    calibrationError hitRate closingSampleSize closingLogLoss logLossDifference skillVsClosing verdict
    skillInterval { lower upper } logLossDifferenceInterval { lower upper } } } } }"""

GRADE = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Prediction { ungradedBecause grade { outcomeKey isHit
  logLoss brier rankedProbabilityScore closingLogLoss beatsClosing gradedAt revision facts closingSource
  closingReason } } } }"""


async def test_a_prediction_shows_its_newest_grade_or_why_it_has_none(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    graded, awarded, fresh = await played(factory, league, [(1, 0), (3, 0), (0, 0)])
    await correct(factory, awarded, status="AWARDED")
    said = dict.fromkeys((graded, awarded, fresh), (0.5, 0.3, 0.2))
    ids = await predict(factory, Said("touchline.one", RESULT, said))
    corners = await predict(factory, Said("touchline.corners", CORNERS_95, {graded: (0.6, 0.4)}))
    await close(factory, {graded: (2.10, 3.40, 3.80)})
    await grade(factory, limit=2)  # the first two
    await correct(factory, graded, home_goals=0)
    await grade(factory, graded, limit=1)
    wanted = [ids[graded], ids[awarded], ids[fresh], corners[graded]]
    answer = await client.ask(GRADE, {"ids": [global_id("Prediction", key) for key in wanted]})
    assert answer.errors == []
    assert answer.statements == 2  # the predictions, and what became of them all
    shown, *others = answer.data["nodes"]
    assert shown["ungradedBecause"] is None
    closing = shown["grade"].pop("closingLogLoss")
    assert closing == pytest.approx(-math.log(0.2834), abs=2e-4)
    assert shown["grade"] == {
        "outcomeKey": "draw",
        "isHit": False,
        "logLoss": pytest.approx(-math.log(0.3)),
        "brier": pytest.approx(0.25 + 0.49 + 0.04),
        "rankedProbabilityScore": pytest.approx((0.25 + 0.04) / 2),
        "beatsClosing": True,
        "gradedAt": "2026-03-14T12:00:00Z",
        "revision": 2,
        "facts": "0-0",
        "closingSource": "pinnacle",
        "closingReason": None,
    }
    assert [each["ungradedBecause"] for each in others] == [
        "the result was awarded and not played",
        "it waits to be graded",
        "corners are not known yet",
    ]
    assert all(each["grade"] is None for each in others)


async def _season(factory: Factory, *, count: int = 240) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Matches whose closing prices are the truth, and a model that says a third almost always."""
    league = await factory.league("england-premier-league")
    matches, truth, goals = await season(factory, league, count)
    said = 0.2 * truth + 0.8 / 3
    await predict(factory, Said("touchline.one", RESULT, dict(zip(matches, said.tolist(), strict=True))))
    await close(factory, {match: tuple(0.97 / row) for match, row in zip(matches, truth, strict=True)})
    await grade(factory, limit=count + 1)
    return matches, said, np.array([1 - np.sign(home - away) for home, away in goals])


async def test_a_scorecard_is_of_the_last_word_before_kickoff_against_the_market(
    client: Client, factory: Factory
) -> None:
    _, said, outcomes = await _season(factory)
    answer = await client.ask(CARD)
    [model] = answer.data["models"]["nodes"]
    card = model["scorecard"]
    losses = -np.log(said[np.arange(len(said)), outcomes])
    assert card["sampleSize"] == card["closingSampleSize"] == 240
    assert card["logLoss"] == pytest.approx(losses.mean())
    assert card["hitRate"] == pytest.approx((said.argmax(axis=1) == outcomes).mean())
    assert card["calibrationError"] == pytest.approx(calibration_error(said, outcomes))
    assert card["logLossDifference"] == pytest.approx(card["logLoss"] - card["closingLogLoss"])
    assert card["skillVsClosing"] == pytest.approx(1 - card["logLoss"] / card["closingLogLoss"])
    lower, upper = card["skillInterval"]["lower"], card["skillInterval"]["upper"]
    assert lower < card["skillVsClosing"] < upper < 0
    assert card["logLossDifferenceInterval"]["upper"] == pytest.approx(-lower * card["closingLogLoss"])
    assert card["verdict"] == "TRAILS_MARKET"
    assert 0 < card["rankedProbabilityScore"] < card["brier"] < 1
    assert (await client.data(CARD, market="TOTAL_GOALS"))["models"]["nodes"][0]["scorecard"] is None
    mine = (await client.data(operation("MyModel"), key="one"))["plugin"]["models"][0]["champion"]
    assert mine["scorecard"]["logLoss"] == pytest.approx(card["logLoss"])
    assert mine["calibration"]["slope"] > 1.2


async def test_a_scorecard_is_narrowed_by_league_and_span(client: Client, factory: Factory) -> None:
    leagues = [await factory.league(slug) for slug in ("england-premier-league", "spain-la-liga")]
    for league, count in zip(leagues, (3, 2), strict=True):
        matches = await played(factory, league, [(1, 0)] * count)
        await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
    await factory.db.execute("update match set kickoff_at = kickoff_at - interval '366 days' where id = 1")
    await grade(factory)

    async def sample(**variables: object) -> int:
        card = (await client.data(CARD, **variables))["models"]["nodes"][0]["scorecard"]
        return 0 if card is None else int(card["sampleSize"])

    assert await sample() == 4  # the last 365 days
    assert await sample(during={}) == 5
    assert await sample(during={"from": "2025-03-01T00:00:00Z", "to": "2025-04-01T00:00:00Z"}) == 1
    assert await sample(leagues=[global_id("League", leagues[1])]) == 2
    assert await sample(leagues=[]) == 0
    card = (await client.data(CARD, during={}))["models"]["nodes"][0]["scorecard"]
    assert card["verdict"] == "UNDECIDED"
    assert card["skillVsClosing"] is None
    for variables, argument in (
        ({"market": "CORRECT_SCORE"}, "market"),
        ({"leagues": ["x"]}, "leagueIds"),
        ({"during": {"from": "2025-04-01T00:00:00Z", "to": "2025-03-01T00:00:00Z"}}, "during"),
    ):
        error = await client.error(CARD, **variables)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


async def test_a_version_has_the_record_of_its_code(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await played(factory, league, [(1, 0)] * 3)
    old, new = matches[:1], matches[1:]
    await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(old, (0.5, 0.3, 0.2))))
    version = await factory.version("touchline.one", league)
    await factory.db.execute("update model_version set code_version = '2' where id = $1", version)
    await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(new, (0.2, 0.3, 0.5)), version=version))
    await grade(factory)
    query = """{ models { nodes { scorecard { sampleSize } versions { nodes { codeVersion
      scorecard { sampleSize hitRate } calibration { matchCount slope } } } } } }"""
    answer = await client.ask(query)
    [model] = answer.data["models"]["nodes"]
    assert model["scorecard"] == {"sampleSize": 3}
    shown = [(each["codeVersion"], *each["scorecard"].values()) for each in model["versions"]["nodes"]]
    assert shown == [("2", 2, 0), ("1", 1, 1)]
    lines = [tuple(each["calibration"].values()) for each in model["versions"]["nodes"]]
    assert lines == [(2, None), (1, None)]
    assert answer.statements == 5  # models, their track, their versions, the versions' track, and once more in bins


async def test_calibration_shows_bins_and_the_line(client: Client, factory: Factory) -> None:
    _, said, outcomes = await _season(factory)
    query = """query($bins: Int) { models { nodes { calibration(bins: $bins) { slope intercept pValue sampleSize
      matchCount calibrationError slopeInterval { lower upper }
      bins { lower upper predicted observed count interval { lower upper } } } } } }"""
    [model] = (await client.data(query, bins=5))["models"]["nodes"]
    report = model["calibration"]
    line = calibration(said, outcomes)
    assert line.slope > 1.2  # it is far too shy
    assert (report["slope"], report["intercept"]) == (pytest.approx(line.slope), pytest.approx(line.intercept))
    assert report["slopeInterval"]["lower"] == pytest.approx(line.slope_interval[0])
    assert report["pValue"] == pytest.approx(line.p_value)
    assert (report["sampleSize"], report["matchCount"]) == (720, 240)
    assert sum(part["count"] for part in report["bins"]) == 720
    for part in report["bins"]:
        assert part["lower"] <= part["predicted"] <= part["upper"]
        lower, upper = wilson(round(part["observed"] * part["count"]), part["count"])
        assert part["interval"] == {"lower": pytest.approx(lower), "upper": pytest.approx(upper)}
    assert len((await client.data(query))["models"]["nodes"][0]["calibration"]["bins"]) > len(report["bins"])
    for bins in (4, 51):
        assert (await client.error(query, bins=bins))["extensions"]["argument"] == "bins"


async def test_of_two_outcomes_only_the_first_counts(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await played(factory, league, [(2, 1), (0, 0), (2, 2), (1, 0)])
    said = [(0.7, 0.3), (0.3, 0.7), (0.6, 0.4), (0.55, 0.45)]
    await predict(factory, Said("touchline.goals", OVER_25, dict(zip(matches, said, strict=True))))
    await grade(factory)
    query = "{ models { nodes { calibration(market: TOTAL_GOALS) { sampleSize bins { predicted } } } } }"
    report = (await client.data(query))["models"]["nodes"][0]["calibration"]
    assert report["sampleSize"] == 4
    assert [part["predicted"] for part in report["bins"]] == [0.3, 0.55, 0.6, 0.7]


async def test_what_was_certain_and_wrong_costs_the_largest_number(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    [match] = await played(factory, league, [(1, 0)])
    ids = await predict(factory, Said("touchline.one", RESULT, {match: (0.0, 0.5, 0.5)}))
    await close(factory, {match: (2.0, 3.5, 4.0)})
    await grade(factory)
    card = (await client.data(CARD))["models"]["nodes"][0]["scorecard"]
    largest = 1.7976931348623157e308
    assert card["logLoss"] == card["logLossDifference"] == largest
    assert card["skillVsClosing"] == -largest
    assert card["verdict"] == "UNDECIDED"
    shown = await client.data(GRADE, ids=[global_id("Prediction", ids[match])])
    assert shown["nodes"][0]["grade"]["logLoss"] == largest


async def test_flat_bets_are_on_edges_at_the_best_price_of_kickoff(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    won, lost, far, none = matches = await played(factory, league, [(1, 0), (0, 1), (1, 0), (1, 0)])
    home = {won: 0.5, lost: 0.5, far: 0.9, none: 0.48}
    said = {match: (p, (1 - p) / 2, (1 - p) / 2) for match, p in home.items()}
    await predict(factory, Said("touchline.one", RESULT, said))
    prices = dict.fromkeys(matches, (2.10, 3.40, 3.40))
    await close(factory, prices)
    await close(factory, dict.fromkeys(matches, (2.14, 3.40, 3.40)), book="corner")
    await grade(factory)
    query = "{ models { nodes { scorecard { flatStakeRoi averageClosingLineValue betCount } } } }"
    answer = await client.ask(query)
    card = answer.data["models"]["nodes"][0]["scorecard"]
    assert answer.statements == 3  # models, what was said, and the bets for all three figures
    assert card["betCount"] == 2  # 0.5 · 2.14 = 1.07 twice; 0.9 · 2.14 is beyond belief, 0.48 · 2.14 too little
    assert card["flatStakeRoi"] == pytest.approx((1.14 - 1) / 2)
    fair = await factory.db.fetchval("select closing_probabilities[1] from grade limit 1")
    assert card["averageClosingLineValue"] == pytest.approx(2.14 * fair - 1)


async def test_statements_do_not_grow_with_the_models(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await played(factory, league, [(1, 0), (0, 1)])
    counts = []
    for models in (("touchline.one",), ("touchline.two", "touchline.three", "touchline.four")):
        for model in models:
            await predict(factory, Said(model, RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
        await grade(factory)
        counts.append((await client.ask(CARD)).statements)
    assert counts == [2, 2]
