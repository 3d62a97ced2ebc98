"""The operations a frontend really writes: unchanged, with few statements, whatever the number of matches."""

from __future__ import annotations

import pytest

from api.nodes import global_id
from tests.api.client import Client, operation
from tests.factories import Bet, Factory, Figures, Fixture, card, hours, told_of
from touchline.types import RESULT

FIFTY = operation("Today").replace("first: 20", "first: 50")


async def test_today_runs_unchanged(client: Client, factory: Factory) -> None:
    matches = await card(factory, 3)
    shown = (await client.data(operation("Today")))["matches"]
    assert shown["totalCount"] == 3
    assert shown["truncation"] is None
    assert shown["pageInfo"]["hasNextPage"] is False
    first = shown["nodes"][0]
    assert first["id"] == global_id("Match", matches[0])
    assert first["kickoffAt"] == "2026-03-14T13:00:00Z"
    assert first["status"] == "SCHEDULED"
    assert first["isBigMatch"] is True
    assert first["league"]["slug"] == "england-premier-league"
    assert first["homeTeam"]["shortName"] == "HOM"
    assert first["forecast"]["basis"] == "MODEL"
    assert first["forecast"]["predictedAt"] == "2026-03-14T12:00:00Z"
    assert [quote["selection"]["key"] for quote in first["bestOdds"]] == ["home", "draw", "away"]
    assert first["bestOdds"][0]["bookmaker"]["name"] == "Village Bets"
    assert first["bestOdds"][0]["price"] == {
        "decimal": 2.7,
        "american": 170,
        "fractional": "7/4",
        "impliedProbability": pytest.approx(1 / 2.7),
    }
    assert [bet["edge"] for bet in first["valueBets"]] == [0.06]
    assert first["valueBets"][0]["recommendation"] == "SLIGHT"


async def test_probabilities_sum_to_1(client: Client, factory: Factory) -> None:
    await card(factory, 5)
    shown = (await client.data(operation("Today")))["matches"]["nodes"]
    assert len(shown) == 5
    for match in shown:
        forecast = match["forecast"]
        for name in ("result", "bothTeamsToScore"):
            assert sum(forecast[name].values()) == pytest.approx(1, abs=1e-9)
        for name in ("over25", "corners"):
            assert forecast[name]["over"] + forecast[name]["under"] == pytest.approx(1, abs=1e-9)


async def test_the_forecast_is_the_stored_one(client: Client, factory: Factory) -> None:
    figures = Figures(1.9, 0.7, 9.0)
    league = await factory.league("spain-la-liga", country="ES")
    (match,) = await factory.matches([Fixture(league, "Sevilla", "Betis", hours(2))])
    await factory.forecasts([match], figures)
    query = "query($id: ID!) { match(id: $id) { forecast { result { home draw away } confidence { score band } } } }"
    forecast = (await client.data(query, id=global_id("Match", match)))["match"]["forecast"]
    home, draw, away = told_of(RESULT, figures)[0]
    assert forecast["result"] == {"home": home, "draw": draw, "away": away}
    assert forecast["confidence"] == {"score": round(100 * home), "band": "MEDIUM"}


async def test_fifty_matches_cost_as_few_statements_as_one(client: Client, factory: Factory) -> None:
    await card(factory, 50)
    fifty = await client.ask(FIFTY)
    one = await client.ask(FIFTY.replace("first: 50", "first: 1"))
    assert len(fifty.data["matches"]["nodes"]) == 50
    assert len(one.data["matches"]["nodes"]) == 1
    assert fifty.errors == one.errors == []
    assert fifty.statements == one.statements
    assert fifty.statements <= 12


async def test_filtered_runs_unchanged(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league", is_big=True)
    other = await factory.league("england-national-league")
    wanted, late, small, dull, poor = await factory.matches(
        [
            Fixture(league, "A", "B", hours(1)),
            Fixture(league, "C", "D", hours(7)),
            Fixture(other, "E", "F", hours(1)),
            Fixture(league, "G", "H", hours(1)),
            Fixture(league, "I", "J", hours(1)),
        ]
    )
    sure = Figures(3.6, 0.3)
    await factory.forecasts([wanted, late, small, poor], sure)
    await factory.forecasts([dull], Figures(1.9, 0.2))
    await factory.prices([wanted, late, small, dull, poor])
    await factory.value_bets([Bet(wanted, 0.12), Bet(late, 0.12), Bet(small, 0.12), Bet(dull, 0.12), Bet(poor, 0.09)])
    shown = (await client.data(operation("Filtered")))["matches"]["nodes"]
    assert [match["id"] for match in shown] == [global_id("Match", wanted)]
    assert shown[0]["forecast"]["confidence"]["score"] >= 80


async def test_the_odds_board_runs_unchanged(client: Client, factory: Factory) -> None:
    (match,) = await card(factory, 1)
    board = (await client.data(operation("OddsBoard"), id=global_id("Match", match)))["match"]["oddsBoard"]
    assert [row["bookmaker"]["name"] for row in board["rows"]] == ["Pinnacle", "Corner Shop", "Village Bets"]
    assert sum(outcome["probability"] for outcome in board["fairPrice"]["outcomes"]) == pytest.approx(1, abs=1e-9)
