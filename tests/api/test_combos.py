"""Several selections of one match together: joint price, what is refused, and what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from api.nodes import global_id
from tests.api.client import Client
from tests.factories import Factory, Figures, Fixture, hours, told_of
from touchline.grid import ScoreGrid
from touchline.types import CORNERS_95, RESULT

QUERY = """query($id: ID!, $legs: [ComboLegInput!]!) { comboPrice(matchId: $id, legs: $legs) {
    probability fairPrice { decimal } independentProbability correlationFactor independentLegs } }"""


@pytest.fixture
async def match(factory: Factory) -> int:
    league = await factory.league("england-premier-league")
    (made,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(5))])
    return made


def leg(market: str, key: str, line: float | None = None) -> dict[str, Any]:
    return {"market": market, "selectionKey": key, **({} if line is None else {"line": line})}


WIN, OVER, CORNERS = leg("MATCH_RESULT", "home"), leg("TOTAL_GOALS", "over", 2.5), leg("TOTAL_CORNERS", "over", 9.5)


async def price(client: Client, match: int, *legs: dict[str, Any]) -> Any:
    return (await client.data(QUERY, id=global_id("Match", match), legs=list(legs)))["comboPrice"]


async def test_legs_of_one_grid_know_of_each_other(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.8, 1.1))
    shown = await price(client, match, WIN, OVER)
    cells = ScoreGrid(np.array([1.8]), np.array([1.1]), told_of(RESULT, Figures())[1]["rho"]).cells[0]
    goals = np.arange(len(cells))
    win, over = goals[:, None] > goals, goals[:, None] + goals > 2.5
    both = cells[win & over].sum()
    assert shown["probability"] == pytest.approx(both, abs=1e-9)
    assert shown["fairPrice"]["decimal"] == pytest.approx(1 / both)
    assert shown["independentProbability"] == pytest.approx(cells[win].sum() * cells[over].sum(), abs=1e-9)
    assert shown["correlationFactor"] == pytest.approx(both / (cells[win].sum() * cells[over].sum()))
    assert shown["correlationFactor"] > 1.1
    assert shown["independentLegs"] == []


async def test_corners_are_independent_and_named(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match], Figures(1.8, 1.1, 10.4))
    shown = await price(client, match, WIN, CORNERS)
    over = told_of(CORNERS_95, Figures(1.8, 1.1, 10.4))[0][0]
    single = (await price(client, match, WIN, leg("TOTAL_GOALS", "over", 0.5), leg("DOUBLE_CHANCE", "home_or_draw")))[
        "probability"
    ]
    assert shown["probability"] == pytest.approx(single * over, rel=1e-6)
    assert shown["correlationFactor"] == pytest.approx(1)
    assert shown["independentLegs"] == ["Over 9.5 corners"]


async def test_legs_that_exclude_each_other_have_no_price(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match])
    shown = await price(client, match, WIN, leg("MATCH_RESULT", "away"))
    assert shown["independentProbability"] > 0.05
    assert {**shown, "independentProbability": None} == {
        "probability": 0,
        "fairPrice": None,
        "independentProbability": None,
        "correlationFactor": 0,
        "independentLegs": [],
    }


REFUSED: list[tuple[list[dict[str, Any]], str, str]] = [
    ([WIN], "legs", "2 to 6"),
    ([WIN, *(leg("TOTAL_GOALS", "over", line + 0.5) for line in range(6))], "legs", "2 to 6"),
    ([WIN, OVER, WIN], "legs.2", "repeats leg 0"),
    ([WIN, leg("TOTAL_GOALS", "over", 2)], "legs.1.line", "1.5 or 2.5"),
    ([WIN, leg("ASIAN_HANDICAP", "home", -0.75)], "legs.1.line", "-1.5 or -0.5"),
    ([WIN, leg("TOTAL_GOALS", "over")], "legs.1.line", "must be given"),
    ([leg("MATCH_RESULT", "home", 1.5), OVER], "legs.0.line", "left out"),
    ([WIN, leg("TOTAL_GOALS", "home", 2.5)], "legs.1.selectionKey", "over, under"),
    ([WIN, leg("CORRECT_SCORE", "two-one")], "legs.1.selectionKey", "2-1"),
    ([WIN, leg("TOTAL_CARDS", "over", 3.5)], "legs.1.market", "TEAM_TOTAL_GOALS"),
    ([WIN, leg("DRAW_NO_BET", "home")], "legs.1.market", "MATCH_RESULT"),
]


async def test_a_leg_that_cannot_be_priced_is_named(client: Client, match: int) -> None:
    for legs, argument, words in REFUSED:
        error = await client.error(QUERY, id=global_id("Match", match), legs=legs)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
        assert words in error["message"]


async def test_what_nobody_forecasts_has_no_price(client: Client, factory: Factory, match: int) -> None:
    assert await price(client, match, WIN, OVER) is None
    assert (await client.data(QUERY, id="nonsense", legs=[WIN, OVER]))["comboPrice"] is None
    await factory.forecasts([match])
    await factory.db.execute(
        "update current_prediction set is_served = false where model_key = 'touchline.total_corners'"
    )
    assert await price(client, match, WIN, CORNERS) is None
    assert await price(client, match, WIN, OVER) is not None


async def test_a_combo_is_one_statement(client: Client, factory: Factory, match: int) -> None:
    await factory.forecasts([match])
    two = await client.ask(QUERY, {"id": global_id("Match", match), "legs": [WIN, OVER]})
    six = [WIN, OVER, CORNERS, *(leg("TOTAL_GOALS", "under", line + 0.5) for line in range(3, 6))]
    assert (await client.ask(QUERY, {"id": global_id("Match", match), "legs": six})).statements == two.statements == 1
