"""What a bet may be, and how an edge becomes a stake."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.rules import (
    Method,
    Staking,
    bet_edge,
    check_placed_at,
    clean_notes,
    clean_tags,
    clean_text,
    described,
    leg_price,
    slippage_of,
    stake_of,
    suggested_stake,
    total_price,
)
from domain.infra.errors import Invalid
from tests.factories import NOW
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Kind, MarketKey
from touchline.value import kelly

QUARTER = Staking()
FULL = Staking(kelly_multiplier=1.0, max_stake_share=1.0)


def suggested(
    edge: float,
    price: str = "2.00",
    balance: int = 100_000,
    staking: Staking = FULL,
    commission: str = "0",
    multiplier: float | None = None,
    room: int | None = None,
) -> int:
    return suggested_stake(
        balance=balance,
        edge=edge,
        price=Decimal(price),
        commission=Decimal(commission),
        staking=staking,
        kelly_multiplier=multiplier,
        room=room,
    )


def test_a_quarter_of_kelly_is_the_default() -> None:
    assert suggested(0.10, staking=QUARTER) == 2500  # 0.25 · 0.10 / 1.00 of 1000.00
    assert suggested(0.10, price="2.20", balance=120_000, staking=QUARTER) == 2500  # exactly, not 24.99


def test_a_commission_makes_the_same_edge_worth_a_larger_share() -> None:
    assert suggested(0.07, price="2.20", commission="0.05") == 6140  # 0.07 / 1.14 of 1000.00 is 61.40


def test_a_stake_is_rounded_down() -> None:
    assert suggested(0.10, price="4.00", balance=1000) == 33  # 33.33
    assert suggested(0.02, price="3.00", balance=99) == 0


@pytest.mark.parametrize("edge", [0.0, -0.2, float("nan")])
@pytest.mark.parametrize("method", list(Method))
def test_without_an_edge_nothing_is_staked(edge: float, method: Method) -> None:
    assert suggested(edge, staking=Staking(method, flat_stake=500, percent=0.02)) == 0


def test_no_stake_is_above_the_largest_share_or_what_limits_leave() -> None:
    assert suggested(0.5, staking=QUARTER) == 5000
    assert suggested(0.5, staking=QUARTER, room=1200) == 1200
    assert suggested(0.5, staking=QUARTER, room=0) == 0
    assert suggested(0.5, staking=QUARTER, room=-300) == 0
    assert suggested(0.5, staking=replace(QUARTER, max_stake_share=0.01)) == 1000
    assert suggested(0.5, staking=Staking(Method.FLAT, flat_stake=9000)) == 5000


def test_flat_and_percent_ask_only_whether_there_is_an_edge() -> None:
    assert suggested(0.01, staking=Staking(Method.FLAT, flat_stake=500)) == 500
    assert suggested(0.9, staking=Staking(Method.PERCENT, percent=0.02)) == 2000


def test_a_multiplier_asks_for_kelly_whatever_the_method() -> None:
    flat = Staking(Method.FLAT, flat_stake=500, max_stake_share=1.0)
    assert suggested(0.10, staking=flat, multiplier=0.5) == 5000
    assert suggested(0.10, staking=FULL, multiplier=0.5) == 5000


def test_an_empty_bankroll_stakes_nothing() -> None:
    assert suggested(0.5, balance=0) == 0
    assert suggested(0.5, balance=-200, staking=Staking(Method.FLAT, flat_stake=500)) == 0


@given(
    probability=st.floats(0.01, 0.99),
    price=st.integers(101, 50_000).map(lambda hundredths: Decimal(hundredths) / 100),
    commission=st.sampled_from(["0", "0.02", "0.05"]),
    balance=st.integers(0, 10**13),
    multiplier=st.floats(0.01, 1.0),
    room=st.none() | st.integers(-100, 10**9),
)
def test_a_suggestion_is_kellys_and_within_every_cap(
    probability: float, price: Decimal, commission: str, balance: int, multiplier: float, room: int | None
) -> None:
    edge = probability * (1 + (float(price) - 1) * (1 - float(commission))) - 1
    staking = Staking(kelly_multiplier=multiplier)
    stake = suggested_stake(
        balance=balance, edge=edge, price=price, commission=Decimal(commission), staking=staking, room=room
    )
    assert isinstance(stake, int)
    caps = [balance * 0.05, multiplier * kelly(probability, float(price), float(commission)) * balance]
    caps += [] if room is None else [max(0, room)]
    wish = min(caps)
    assert wish - 1 - 1e-9 * balance <= stake <= wish + 1e-9 * balance
    assert stake <= Fraction(balance, 20)


@pytest.mark.parametrize(
    ("staking", "field"),
    [
        (Staking(Method.FLAT), "input.staking.flatStake"),
        (Staking(Method.FLAT, flat_stake=0), "input.staking.flatStake.amount"),
        (Staking(Method.PERCENT), "input.staking.percent"),
        (Staking(Method.PERCENT, percent=1.01), "input.staking.percent"),
        (Staking(kelly_multiplier=0.0), "input.staking.kellyMultiplier"),
        (Staking(kelly_multiplier=float("nan")), "input.staking.kellyMultiplier"),
        (Staking(max_stake_share=-0.1), "input.staking.maxStakeShare"),
    ],
)
def test_staking_that_is_none_is_refused(staking: Staking, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        staking.checked()
    assert refused.value.field == field


def test_staking_survives_the_table() -> None:
    staking = Staking(Method.PERCENT, percent=0.015, max_stake_share=0.2).checked()
    assert Staking.from_json(staking.to_json()) == staking
    assert staking.to_json()["method"] == "PERCENT"
    assert Staking.from_json({"method": "KELLY"}) == Staking()


@pytest.mark.parametrize(
    ("amount", "currency", "field"),
    [
        ("0", "EUR", "input.stake.amount"),
        ("-5", "EUR", "input.stake.amount"),
        ("1e30", "EUR", "input.stake.amount"),
        ("0.001", "EUR", "input.stake.amount"),
        ("1.5", "JPY", "input.stake.amount"),
        ("NaN", "EUR", "input.stake.amount"),
        ("Infinity", "EUR", "input.stake.amount"),
    ],
)
def test_a_stake_that_is_none_is_refused(amount: str, currency: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        stake_of(Decimal(amount), currency, currency)
    assert refused.value.field == field


def test_a_stake_in_another_currency_is_refused() -> None:
    with pytest.raises(Invalid, match="EUR") as refused:
        stake_of(Decimal(5), "USD", "EUR")
    assert refused.value.field == "input.stake.currencyCode"


def test_a_stake_is_whole_minor_units() -> None:
    assert stake_of(Decimal("12.50"), "EUR", "EUR") == 1250
    assert stake_of(Decimal(500), "JPY", "JPY") == 500
    assert stake_of(Decimal("0.125"), "KWD", "KWD") == 125


@pytest.mark.parametrize("price", ["1", "1.0", "0.5", "-2", "1000.0001", "NaN", "sNaN", "Infinity", "1e30"])
def test_a_price_of_a_leg_lies_above_1_and_up_to_1000(price: str) -> None:
    with pytest.raises(Invalid, match="1000") as refused:
        leg_price(Decimal(price), "input.legs.0.decimalOdds")
    assert refused.value.field == "input.legs.0.decimalOdds"


def test_a_price_has_four_decimals_at_most() -> None:
    assert leg_price(Decimal("1.0001"), "x") == Decimal("1.0001")
    assert str(leg_price(Decimal("2.50000000"), "x")) == "2.5000"
    with pytest.raises(Invalid, match="4 decimals"):
        leg_price(Decimal("2.00001"), "x")


@given(st.lists(st.integers(10_001, 20_000).map(lambda units: Decimal(units) / 10_000), min_size=1, max_size=19))
def test_the_total_price_is_the_exact_product_rounded_once(prices: list[Decimal]) -> None:
    exact = Fraction(1)
    for price in prices:
        exact *= Fraction(price)
    assert abs(Fraction(total_price(prices)) - exact) <= Fraction(1, 20_000)
    assert total_price(prices) == total_price(prices[::-1])


def test_a_total_price_above_a_million_is_refused() -> None:
    assert total_price([Decimal(1000), Decimal(1000)]) == 1_000_000
    with pytest.raises(Invalid, match="1,000,000") as refused:
        total_price([Decimal(1000), Decimal(1000), Decimal("1.0001")])
    assert refused.value.field == "input.legs"


def test_an_edge_multiplies_over_the_legs() -> None:
    assert bet_edge([(0.5, Decimal("2.20"), Decimal(0))]) == pytest.approx(0.10)
    assert bet_edge([(0.5, Decimal("2.20"), Decimal("0.05"))]) == pytest.approx(0.07)
    two = [(0.5, Decimal("2.20"), Decimal(0)), (0.25, Decimal("5.00"), Decimal(0))]
    assert bet_edge(two) == pytest.approx(0.125 * 11.0 - 1)
    assert bet_edge([*two, (None, Decimal(2), Decimal(0))]) is None


def test_labels_are_clean_and_each_stands_once() -> None:
    assert clean_tags([" Cup ", "value", "CUP", "Value", "late"]) == ["Cup", "value", "late"]
    assert len(clean_tags([str(n) for n in range(10)])) == 10
    for bad, field in [(["ok", " "], "input.tags.1"), (["x" * 31], "input.tags.0"), (["a\0b"], "input.tags.0")]:
        with pytest.raises(Invalid) as refused:
            clean_tags(bad)
        assert refused.value.field == field
    with pytest.raises(Invalid, match="10 labels"):
        clean_tags([str(n) for n in range(11)])


def test_notes_may_have_lines_and_nothing_is_none() -> None:
    assert clean_notes(" first\nsecond\t ") == "first\nsecond"
    assert clean_notes("  \n") is None
    assert clean_notes(None) is None
    for bad in ("x" * 2001, "a\0b", "\ud800"):
        with pytest.raises(Invalid) as refused:
            clean_notes(bad)
        assert refused.value.field == "input.notes"
    with pytest.raises(Invalid):
        clean_text("two\nlines", "input.name", 60)


def test_a_bet_was_placed_in_the_last_two_years() -> None:
    check_placed_at(NOW, NOW)
    check_placed_at(NOW - timedelta(days=730), NOW)
    for bad in (NOW + timedelta(seconds=1), NOW - timedelta(days=730, seconds=1)):
        with pytest.raises(Invalid) as refused:
            check_placed_at(bad, NOW)
        assert refused.value.field == "input.placedAt"


@pytest.mark.parametrize("fraction", [-0.01, 1.0, float("nan")])
def test_a_slippage_is_a_fraction(fraction: float) -> None:
    with pytest.raises(Invalid):
        slippage_of(fraction)
    assert slippage_of(0.02) == Decimal("0.02")


@pytest.mark.parametrize(
    ("market", "outcome", "words"),
    [
        (RESULT, "home", "Arsenal v Chelsea: Arsenal"),
        (RESULT, "draw", "Arsenal v Chelsea: Draw"),
        (MarketKey(Kind.MATCH_RESULT, None, "h1"), "away", "Arsenal v Chelsea: Chelsea, 1st half"),
        (OVER_25, "over", "Arsenal v Chelsea: Over 2.5 goals"),
        (MarketKey(Kind.TOTAL_GOALS, 1.0, "h1"), "under", "Arsenal v Chelsea: Under 1 goals, 1st half"),
        (CORNERS_95, "under", "Arsenal v Chelsea: Under 9.5 corners"),
        (BTTS, "yes", "Arsenal v Chelsea: Both teams to score: Yes"),
        (MarketKey(Kind.ASIAN_HANDICAP, -0.75), "away", "Arsenal v Chelsea: Chelsea +0.75"),
        (MarketKey(Kind.CORRECT_SCORE), "2-1", "Arsenal v Chelsea: Correct score: 2-1"),
        (MarketKey(Kind.CUSTOM), "first_goal_before_10", "Arsenal v Chelsea: Other: First goal before 10"),
    ],
)
def test_a_leg_is_said_in_words(market: MarketKey, outcome: str, words: str) -> None:
    assert described("Arsenal", "Chelsea", market, outcome) == words
