"""Confidence beside what became of it: the past hit rate of its band, a day's analysis, leagues by predictability."""

from __future__ import annotations

import pytest

from api.nodes import global_id
from tests.api.client import Client
from tests.domain.grades.world import Said, correct, grade, played, predict
from tests.factories import Bet, Factory, Fixture, hours
from touchline import BTTS, RESULT
from touchline.metrics import wilson

PAST = [(0.85, (1, 0)), (0.85, (2, 0)), (0.85, (0, 0)), (0.65, (1, 0)), (0.65, (0, 1)), (0.4, (0, 1))]
"""What was said of a home win, and the score."""
FORECAST = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Match { forecast { confidence { score band
  historicalHitRate historicalSampleSize historicalHitRateInterval { lower upper } } } } } }"""
ANALYSIS = """query($date: Date) { confidenceAnalysis(date: $date) { date averageConfidence highCount mediumCount
  lowCount predictionCount hitRate7Days hitRateSampleSize roi30Days roiSampleSize
  bands { band matchCount sampleSize averageShown hitRate hitRateInterval { lower upper } isCalibrated } } }"""


async def shown(factory: Factory, league: int) -> list[int]:
    """Graded matches with what was shown of them, and another model's word that was not."""
    matches = await played(factory, league, [goals for _, goals in PAST])
    said = {match: (p, (1 - p) / 2, (1 - p) / 2) for match, (p, _) in zip(matches, PAST, strict=True)}
    await predict(factory, Said("touchline.one", RESULT, said, is_served=True))
    await predict(factory, Said("touchline.two", RESULT, dict.fromkeys(matches, (0.9, 0.05, 0.05))))
    await grade(factory)
    return matches


async def coming(factory: Factory, league: int, *shares: float) -> list[int]:
    """Matches of this afternoon with what is shown of them."""
    matches = await factory.matches([Fixture(league, f"A{n}", f"B{n}", hours(2 + n)) for n in range(len(shares))])
    said = {match: (p, (1 - p) / 2, (1 - p) / 2) for match, p in zip(matches, shares, strict=True)}
    await predict(factory, Said("touchline.one", RESULT, said, is_served=True))
    return matches


async def test_confidence_tells_what_became_of_its_band(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    await shown(factory, league)
    matches = await coming(factory, league, 0.82, 0.61, 0.5)
    counts = []
    for some in (matches[:1], matches):
        answer = await client.ask(FORECAST, {"ids": [global_id("Match", key) for key in some]})
        counts.append(answer.statements)
    assert counts == [3, 3]  # matches, what is shown of them, and the record of all bands
    found = [node["forecast"]["confidence"] for node in answer.data["nodes"]]
    assert [(each["band"], each["historicalSampleSize"]) for each in found] == [("HIGH", 3), ("MEDIUM", 2), ("LOW", 1)]
    assert [each["historicalHitRate"] for each in found] == [pytest.approx(2 / 3), 0.5, 0]
    lower, upper = wilson(2, 3)
    assert found[0]["historicalHitRateInterval"] == {"lower": pytest.approx(lower), "upper": pytest.approx(upper)}


async def test_a_day_and_its_record(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await shown(factory, league)
    await correct(factory, matches[3], kickoff_at=hours(-20 * 24))
    await grade(factory)
    await coming(factory, league, 0.82, 0.5)
    answer = await client.ask(ANALYSIS)
    found = answer.data["confidenceAnalysis"]
    assert answer.statements == 5
    assert found["date"] == "2026-03-14"
    assert (found["highCount"], found["mediumCount"], found["lowCount"]) == (4, 1, 2)
    assert found["averageConfidence"] == pytest.approx((3 * 85 + 65 + 40 + 82 + 50) / 7)
    assert found["predictionCount"] == 12  # of two models for five of the day's matches, of one for two
    bands = {band["band"]: band for band in found["bands"]}
    assert list(bands) == ["HIGH", "MEDIUM", "LOW"]
    assert (bands["HIGH"]["matchCount"], bands["HIGH"]["sampleSize"], bands["HIGH"]["averageShown"]) == (4, 3, 85)
    assert bands["HIGH"]["hitRate"] == pytest.approx(2 / 3)
    assert bands["HIGH"]["isCalibrated"] is True  # far off, and three matches say little
    empty = (await client.data(ANALYSIS, date="2025-01-01"))["confidenceAnalysis"]
    assert empty["averageConfidence"] is empty["hitRate7Days"] is empty["roi30Days"] is None
    assert [band["isCalibrated"] for band in empty["bands"]] == [None, None, None]


async def test_the_week_forgets_what_is_older(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    matches = await shown(factory, league)
    await correct(factory, matches[0], kickoff_at=hours(-20 * 24))
    await grade(factory)
    found = (await client.data(ANALYSIS))["confidenceAnalysis"]
    assert (found["hitRateSampleSize"], found["hitRate7Days"]) == (5, pytest.approx(2 / 5))
    assert sum(band["sampleSize"] for band in found["bands"]) == 6


async def test_value_bets_of_the_month_at_the_price_they_were_found_at(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    won, lost, awarded, small = matches = await played(factory, league, [(1, 0), (0, 1), (3, 0), (1, 0)])
    await correct(factory, awarded, status="AWARDED")
    await factory.prices(matches)
    await factory.value_bets(
        [
            Bet(won, 0.2, price=2.5, status="EXPIRED"),
            Bet(won, 0.3, price=2.6, book="village", status="EXPIRED"),
            Bet(lost, 0.2, status="EXPIRED"),
            Bet(awarded, 0.2, status="EXPIRED"),
            Bet(small, 0.05, status="EXPIRED"),
        ]
    )
    found = (await client.data(ANALYSIS))["confidenceAnalysis"]
    assert found["roiSampleSize"] == 2
    price = float(await factory.db.fetchval("select price from value_bet where match_id = $1 order by edge desc", won))
    assert found["roi30Days"] == pytest.approx((price - 2) / 2)


async def test_leagues_are_predictable_by_thirds(client: Client, factory: Factory) -> None:
    shares = {"sure": (0.8, 0.1, 0.1), "middling": (0.6, 0.2, 0.2), "wild": (0.4, 0.3, 0.3), "small": (0.9, 0.05, 0.05)}
    for slug, said in shares.items():
        league = await factory.league(slug)
        matches = await played(factory, league, [(1, 0)] * (99 if slug == "small" else 100))
        await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(matches, said), is_served=True))
    await factory.league("unplayed")
    await grade(factory, limit=500)
    query = """query($market: MarketKind) { leagues { nodes { slug predictability(market: $market) { band
      rankedProbabilityScore skillVsMarket sampleSize } } } }"""
    answer = await client.ask(query)
    assert answer.statements == 2
    found = {node["slug"]: node["predictability"] for node in answer.data["leagues"]["nodes"]}
    bands = {slug: each and each["band"] for slug, each in found.items()}
    assert bands == {"sure": "HIGH", "middling": "MEDIUM", "wild": "LOW", "small": "UNKNOWN", "unplayed": None}
    assert found["sure"]["rankedProbabilityScore"] == pytest.approx((0.04 + 0.01) / 2)
    assert (found["small"]["sampleSize"], found["small"]["skillVsMarket"]) == (99, None)
    other = await client.data(query, market=BTTS.kind.upper())
    assert all(node["predictability"] is None for node in other["leagues"]["nodes"])


async def test_a_day_outside_the_calendar_is_named(client: Client) -> None:
    query = "query($date: Date) { confidenceAnalysis(date: $date) { hitRate7Days roi30Days bands { hitRate } } }"
    for day in ("0001-01-01", "1799-12-31", "3000-01-01", "9999-12-31"):
        error = await client.error(query, date=day)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "date"}
    for day in ("1800-01-01", "2999-12-31"):
        assert (await client.data(query, date=day))["confidenceAnalysis"]["hitRate7Days"] is None
