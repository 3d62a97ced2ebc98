"""What comes back of a bet: whole minor units, whatever the order of its legs, as if void legs were not there."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bets.returns import factor, net_price, returned
from touchline import BetResult

prices = st.decimals(Decimal("1.0001"), Decimal(1000), places=4)
legs = st.lists(st.tuples(prices, st.sampled_from(list(BetResult))), min_size=1, max_size=20)
stakes = st.integers(1, 10**15)
commissions = st.decimals(0, Decimal("0.9999"), places=4)


@pytest.mark.parametrize(
    ("result", "expected"),
    [("WON", "2.10"), ("HALF_WON", "1.55"), ("PUSH", "1"), ("HALF_LOST", "0.5"), ("LOST", "0"), ("VOID", "1")],
)
def test_factors(result: str, expected: str) -> None:
    assert factor(Decimal("2.10"), result) == Decimal(expected)


@settings(deadline=None)
@given(stakes, prices, commissions)
def test_a_commission_takes_its_share_of_the_winnings_and_nothing_else(
    stake: int, price: Decimal, commission: Decimal
) -> None:
    net = net_price(price, commission)
    winnings = stake * (Fraction(price) - 1)
    kept = winnings * Fraction(commission)
    assert returned(stake, [(net, "WON")])[1] == round(stake + winnings - kept)
    assert returned(stake, [(net, "HALF_WON")])[1] == round(stake + (winnings - kept) / 2)
    for result in ("PUSH", "VOID", "HALF_LOST", "LOST"):
        assert returned(stake, [(net, result)]) == returned(stake, [(price, result)])


@given(prices, commissions, commissions)
def test_a_net_price_wins_something_and_less_the_higher_the_commission(
    price: Decimal, one: Decimal, other: Decimal
) -> None:
    dear, cheap = max(one, other), min(one, other)
    assert 1 < net_price(price, dear) <= net_price(price, cheap) <= price
    assert net_price(price, Decimal(0)) == price


def test_a_word_that_is_no_result_is_refused() -> None:
    with pytest.raises(ValueError, match="CASHED_OUT"):
        returned(100, [(Decimal(2), "CASHED_OUT")])


@settings(deadline=None)
@given(stakes, legs)
def test_the_payout_is_the_exact_product_rounded_half_to_even(stake: int, legs: list[tuple[Decimal, str]]) -> None:
    product = Fraction(1)
    for price, result in legs:
        product *= Fraction(factor(price, result))
    _, payout = returned(stake, legs)
    assert payout == round(stake * product)
    assert payout >= 0
    assert isinstance(payout, int)


@settings(deadline=None)
@given(stakes, legs, st.randoms(use_true_random=False))
def test_the_order_of_the_legs_does_not_matter(stake: int, legs: list[tuple[Decimal, str]], random: Random) -> None:
    shuffled = list(legs)
    random.shuffle(shuffled)
    assert returned(stake, shuffled) == returned(stake, legs)


@settings(deadline=None)
@given(stakes, legs, prices, st.integers(0, 20))
def test_a_void_leg_is_as_good_as_none(stake: int, legs: list[tuple[Decimal, str]], price: Decimal, place: int) -> None:
    with_void = [*legs[:place], (price, "VOID"), *legs[place:]]
    assert returned(stake, with_void) == returned(stake, legs)


@settings(deadline=None)
@given(stakes, prices, st.sampled_from(list(BetResult)))
def test_a_single_has_the_result_of_its_leg(stake: int, price: Decimal, result: BetResult) -> None:
    assert returned(stake, [(price, result)])[0] == result


@settings(deadline=None)
@given(stakes, legs)
def test_a_status_says_whether_more_or_less_than_the_stake_comes_back(
    stake: int, legs: list[tuple[Decimal, str]]
) -> None:
    status, payout = returned(stake, legs)
    results = {result for _, result in legs}
    assert (status == "LOST") == ("LOST" in results)
    assert (status == "VOID") == (results == {"VOID"})
    if status == "LOST":
        assert payout == 0
    elif status == "HALF_LOST":
        assert payout <= stake
    elif status in ("PUSH", "VOID"):
        assert payout == stake
    else:
        assert payout >= stake
        assert (status == "HALF_WON") == bool(results & {"HALF_WON", "HALF_LOST"})
