"""The dictionary of markets, their names and order, and how prices are written."""

from __future__ import annotations

import asyncio
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.infra.database import Database
from domain.infra.errors import Invalid, NotFound
from domain.markets.rules import MarketStatus, market_name, market_order, market_status, outcome_name
from domain.markets.service import dictionary, read_dictionary
from domain.matches.rules import Status
from domain.odds.rules import CUSTOMARY, american, fractional, implied, overround, stored_price
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Kind, MarketKey

HANDICAP = MarketKey(Kind.ASIAN_HANDICAP, -0.75)


async def test_the_dictionary_adds_what_is_missing_and_knows_the_rest(database: Database) -> None:
    async with database.pool.acquire() as connection:
        first = await dictionary(connection, [RESULT, OVER_25])
        second = await dictionary(connection, [OVER_25, HANDICAP])
    assert [first.selections[number] for number in sorted(first.selections)] == [
        (RESULT, "home"),
        (RESULT, "draw"),
        (RESULT, "away"),
        (OVER_25, "over"),
        (OVER_25, "under"),
    ]
    assert second.selection_id(OVER_25, "under") == first.selection_id(OVER_25, "under")
    assert second.market(second.market_id(HANDICAP)) == HANDICAP
    assert second.selection(second.selection_id(HANDICAP, "away")) == (HANDICAP, "away")
    assert await read_dictionary(database.pool) == second


async def test_the_dictionary_names_what_it_does_not_know(database: Database) -> None:
    found = await read_dictionary(database.pool)
    with pytest.raises(NotFound, match=r"total_goals:2\.5:ft"):
        found.market_id(OVER_25)
    with pytest.raises(NotFound, match="outcome home"):
        found.selection_id(RESULT, "home")
    with pytest.raises(NotFound):
        found.market(7)
    with pytest.raises(NotFound):
        found.selection(7)


async def test_a_market_without_fixed_outcomes_is_refused(database: Database) -> None:
    async with database.pool.acquire() as connection:
        with pytest.raises(Invalid, match="correct_score"):
            await dictionary(connection, [MarketKey(Kind.CORRECT_SCORE)])
    assert await database.pool.fetchval("select count(*) from market") == 0


async def test_many_may_add_the_same_markets_at_once(database: Database) -> None:
    markets = [MarketKey(Kind.TOTAL_GOALS, line / 2) for line in range(1, 12)]

    async def add(order: list[MarketKey]) -> None:
        async with database.pool.acquire() as connection, connection.transaction():
            await dictionary(connection, order)

    await asyncio.gather(*(add(markets[n:] + markets[:n]) for n in range(4)))
    assert await database.pool.fetchval("select count(*) from selection") == 22


@pytest.mark.parametrize(
    ("market", "name"),
    [
        (RESULT, "Match result"),
        (OVER_25, "Over/Under 2.5 goals"),
        (BTTS, "Both teams to score"),
        (CORNERS_95, "Over/Under 9.5 corners"),
        (HANDICAP, "Asian handicap -0.75"),
        (MarketKey(Kind.ASIAN_HANDICAP, 0.0), "Asian handicap 0"),
        (MarketKey(Kind.TOTAL_GOALS, 1.0, "h1"), "Over/Under 1 goals, 1st half"),
    ],
)
def test_markets_have_names_for_people(market: MarketKey, name: str) -> None:
    assert market_name(market) == name


def test_outcomes_have_names_for_people() -> None:
    assert outcome_name(RESULT, "home", home="Arsenal") == "Arsenal"
    assert outcome_name(RESULT, "draw") == "Draw"
    assert outcome_name(OVER_25, "over") == "Over 2.5"
    assert outcome_name(BTTS, "yes") == "Yes"
    assert outcome_name(HANDICAP, "home", home="Arsenal") == "Arsenal -0.75"
    assert outcome_name(HANDICAP, "away", away="Chelsea") == "Chelsea +0.75"


def test_markets_stand_in_the_customary_order() -> None:
    minus, even, plus = (MarketKey(Kind.ASIAN_HANDICAP, line) for line in (-1.0, 0.0, 0.5))
    first_half = MarketKey(Kind.TOTAL_GOALS, 1.5, "h1")
    over_15 = MarketKey(Kind.TOTAL_GOALS, 1.5)
    mixed = [plus, minus, first_half, BTTS, even, OVER_25, RESULT, over_15]
    ordered = [RESULT, over_15, OVER_25, first_half, BTTS, even, plus, minus]
    assert sorted(mixed, key=market_order) == ordered


def test_every_status_of_a_match_gives_its_markets_one() -> None:
    by_status = {status: market_status(status) for status in Status}
    assert by_status[Status.SCHEDULED] is MarketStatus.OPEN
    assert by_status[Status.LIVE] is by_status[Status.SUSPENDED] is MarketStatus.CLOSED
    assert by_status[Status.FINISHED] is MarketStatus.SETTLED
    assert by_status[Status.AWARDED] is by_status[Status.ABANDONED] is MarketStatus.VOID


# https://www.bettingonline.org/reference/odds-conversion/, read on 2026-11-22: moneyline, decimal, fraction
PUBLISHED = """
    -110 1.91 10/11   -120 1.83 5/6   -150 1.67 2/3   -200 1.50 1/2   -300 1.33 1/3   -400 1.25 1/4   -500 1.20 1/5
    -600 1.17 1/6     -700 1.14 1/7   -800 1.12 1/8   -900 1.11 1/9   -1000 1.10 1/10 +100 2.00 1/1   +105 2.05 21/20
    +110 2.10 11/10   +120 2.20 6/5   +150 2.50 3/2   +200 3.00 2/1   +300 4.00 3/1   +400 5.00 4/1   +500 6.00 5/1
    +600 7.00 6/1     +700 8.00 7/1   +800 9.00 8/1   +900 10.00 9/1  +1000 11.00 10/1
"""


@pytest.mark.parametrize(("moneyline", "price", "fraction"), re.findall(r"(\S+) +(\S+) +(\S+)", PUBLISHED))
def test_prices_are_written_as_in_a_published_table(moneyline: str, price: str, fraction: str) -> None:
    exact = 1 + float(Fraction(fraction))
    assert round(exact, 2) == pytest.approx(float(price), abs=0.0051)
    assert american(exact) == int(moneyline)
    assert CUSTOMARY[fractional(float(price))] == Fraction(fraction)


def test_fractions_are_the_customary_ones() -> None:
    assert [fractional(price) for price in (1.67, 2.0, 2.5, 2.375, 3.125)] == ["4/6", "Evens", "6/4", "11/8", "85/40"]


def test_every_customary_fraction_is_its_own_nearest() -> None:
    for step, profit in CUSTOMARY.items():
        assert CUSTOMARY.get(fractional(1 + float(profit))) == profit, step


def test_fractions_beyond_the_ladder_are_whole() -> None:
    assert fractional(2501.0) == "2500/1"
    assert fractional(1.001) == "1/1000"


@given(st.floats(1.0001, 9999))
def test_a_moneyline_stands_for_nearly_the_same_price(price: float) -> None:
    line = american(price)
    back = 1 + line / 100 if line > 0 else 1 - 100 / line
    assert abs(line) >= 100
    assert back == pytest.approx(price, rel=0.005)


def test_the_margin_is_what_implied_probabilities_exceed_one_by() -> None:
    prices = [2.0, 3.5, 4.0]
    assert implied(4.0) == 0.25
    assert overround(prices) == pytest.approx(1 / 2 + 2 / 7 + 1 / 4 - 1, abs=1e-15)


@pytest.mark.parametrize(
    ("price", "kept"),
    [
        (1.5, 1.5),
        (1.23456, 1.2346),
        (1.00004, None),
        (1.0, None),
        (float("nan"), None),
        (1e6, None),
        (999_999.0, 999_999.0),
    ],
)
def test_prices_are_kept_to_four_places(price: float, kept: float | None) -> None:
    assert stored_price(price) == kept
