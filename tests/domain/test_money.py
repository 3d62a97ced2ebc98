"""Money in minor units, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import money
from domain.money import MoneyError


@pytest.mark.parametrize(("currency", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("ISK", 0), ("CLF", 4)])
def test_decimals_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert money.exponent(currency) == decimals


@pytest.mark.parametrize("currency", ["", "eur", "XXQ", "XAU", "EURO"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(MoneyError, match="is not a currency"):
        money.exponent(currency)


@given(st.integers(-money.LARGEST, money.LARGEST), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_there_and_back(units: int, currency: str) -> None:
    assert money.minor(money.major(units, currency), currency) == units


@pytest.mark.parametrize(
    ("amount", "currency", "says"),
    [
        ("1.005", "EUR", "at most 2 decimals"),
        ("1.5", "JPY", "no decimals"),
        ("1e30", "EUR", "at most 10000000000000"),
        ("NaN", "EUR", "finite"),
        ("Infinity", "EUR", "finite"),
    ],
)
def test_what_a_currency_cannot_hold_is_refused(amount: str, currency: str, says: str) -> None:
    with pytest.raises(MoneyError, match=says):
        money.minor(Decimal(amount), currency)


def test_returns_are_rounded_half_to_even_once() -> None:
    assert money.times(1, Decimal("2.5")) == 2
    assert money.times(3, Decimal("2.5")) == 8
    assert money.times(1000, Decimal("1.9091")) == 1909


def test_written_with_the_currencys_decimals() -> None:
    assert money.written(1250, "EUR") == "12.50 EUR"
    assert money.written(1250, "JPY") == "1250 JPY"
