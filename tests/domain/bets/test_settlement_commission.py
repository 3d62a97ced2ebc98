"""Bets at an exchange: what comes back is less its commission on the winnings, as it was when they were placed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.bets.past import PastBet
from domain.infra.database import Database
from tests.domain.bets.settling import LATER, PLACED, LegAsked, MatchDay, match_day
from tests.factories import hours

HOME = "match_result::ft/home"
QUARTER = "total_goals:2.25:ft/under"


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def at_exchange(day: MatchDay, *legs: LegAsked, commission: str = "0.05") -> int:
    """A bet of 10.00 at a bookmaker that keeps so much of the winnings, and asks for more afterwards."""
    book = (await day.factory.books())["corner"]
    await day.database.pool.execute("update bookmaker set commission = $2 where id = $1", book, Decimal(commission))
    told = [replace(day.leg(*leg), bookmaker_id=book) for leg in legs]
    (bet,) = await day.bets([PastBet(PLACED, 1000, told)])
    await day.database.pool.execute("update bookmaker set commission = 0.5 where id = $1", book)
    return bet


async def test_what_is_won_at_an_exchange_comes_back_less_its_commission(day: MatchDay) -> None:
    won = await at_exchange(day, (0, HOME, "2.10"))
    half = await at_exchange(day, (0, QUARTER, "3.00"), commission="0.025")
    lost = await at_exchange(day, (1, HOME, "2.10"))
    await day.play(0, "2-0")
    await day.play(1, "0-1")
    await day.settle()
    assert [await day.state(bet) for bet in (won, half, lost)] == [("WON", 2045), ("HALF_WON", 1975), ("LOST", 0)]
    assert [(await day.verdicts(bet))[0]["trace"][-1] for bet in (won, half, lost)] == [
        "Stake 10.00 EUR × (2.10 less 5 % commission on the winnings) = 20.45 EUR returned.",
        "Stake 10.00 EUR × ((1 + 3.00) / 2 less 2.5 % commission on the winnings) = 19.75 EUR returned.",
        "Stake 10.00 EUR × 0 = 0.00 EUR returned.",
    ]
    assert await day.entries(won) == [("STAKE", -1000), ("RETURN", 2045)]
    assert await day.balance() == 100_000 - 3000 + 2045 + 1975


async def test_a_leg_of_an_accumulator_brings_its_own_commission(day: MatchDay) -> None:
    book = (await day.factory.books())["corner"]
    await day.database.pool.execute("update bookmaker set commission = 0.05 where id = $1", book)
    legs = [replace(day.leg(0, HOME, "3.00"), bookmaker_id=book), day.leg(1, HOME, "2.00")]
    (bet,) = await day.bets([PastBet(PLACED, 1000, legs)])
    await day.play(0, "1-0")
    await day.play(1, "1-0")
    await day.settle()
    assert await day.state(bet) == ("WON", 5800)
    assert (await day.verdicts(bet))[0]["trace"][-1] == (
        "Stake 10.00 EUR × (3.00 less 5 % commission on the winnings) × 2.00 = 58.00 EUR returned."
    )


async def test_by_hand_and_corrected_it_is_the_same_commission(day: MatchDay) -> None:
    by_hand = await at_exchange(day, (None, "First throw-in to Arsenal", "1.80"))
    await day.settle_by_hand(by_hand, "WON")
    assert await day.state(by_hand) == ("WON", 1760)
    assert "(1.80 less 5 % commission on the winnings)" in (await day.verdicts(by_hand))[0]["trace"][-1]
    corrected = await at_exchange(day, (0, HOME, "2.10"))
    await day.play(0, "0-0")
    await day.settle()
    await day.play(0, "1-0", at=LATER)
    await day.settle(LATER)
    assert await day.state(corrected) == ("WON", 2045)


async def test_the_close_is_compared_with_the_price_and_profit_expected_after_commission(day: MatchDay) -> None:
    await day.factory.prices(day.matches[:1], at=hours(0.5))
    bet = await at_exchange(day, (0, HOME, "2.70"))
    await day.play(0, "0-1")
    await day.settle()
    row, [leg] = await day.row(bet), await day.legs(bet)
    probability = leg["closing_probability"]
    assert row["closing_line_value"] == pytest.approx(2.70 * probability - 1)
    assert row["expected_profit"] == pytest.approx(1000 * (probability * (1 + 1.70 * 0.95) - 1))
