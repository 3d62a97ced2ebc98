"""Amounts, odds, results and labels as people write them."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.bets.importing.values import (
    MarkSurvey,
    amount_of,
    guarded,
    labels_of,
    looks_american,
    odds_of,
    result_of,
    unguarded,
    written_labels,
)
from domain.infra.errors import Invalid
from domain.money import major


@pytest.mark.parametrize(
    ("cell", "mark", "expected"),
    [
        ("10", None, 1000),
        ("10.5", None, 1050),
        ("10,50 €", None, 1050),
        ("€10.50", ".", 1050),
        ("1.234,56", ",", 123456),
        ("1,234.56", ".", 123456),
        ("1 234,56", ",", 123456),
        ("1'234.56", ".", 123456),
        ("1,234", ".", 123400),
        ("1.234", ",", 123400),
        ("-5.00", ".", -500),
        ("−5", None, -500),
        ("(5.00)", ".", -500),
        ("-€5", None, -500),
        ("EUR 7", None, 700),
        ("7eur", None, 700),
        ("0", None, 0),
    ],
)
def test_an_amount_is_read_exactly(cell: str, mark: str | None, expected: int) -> None:
    assert amount_of(cell, mark, "EUR") == expected


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("£10", "not in EUR"),
        ("10 USD", "not in EUR"),
        ("$10", "not in EUR"),
        ("2u", "not in EUR"),
        ("3%", "not in EUR"),
        ("ten", "not an amount"),
        ("10.005", "more decimals than EUR"),
        ("1,23,456.00", "not a number"),
        ("99999999999999999", "at most"),
    ],
)
def test_what_is_no_amount_of_the_bankroll_says_so(cell: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        amount_of(cell, ".", "EUR")


def test_signs_stand_for_several_currencies() -> None:
    assert amount_of("$10", None, "MXN") == 1000
    assert amount_of("US$10", None, "USD") == 1000
    assert amount_of("¥1,000", ".", "JPY") == 1000
    assert amount_of("1.5 kr.", None, "NOK") == 150


@pytest.mark.parametrize(
    ("cell", "american", "expected"),
    [
        ("2.10", False, "2.1"),
        ("2,10", False, "2.1"),
        ("@1.95", False, "1.95"),
        ("3", False, "3"),
        ("150", False, "150"),
        ("150", True, "2.5"),
        ("2.5", True, "2.5"),
        ("+110", False, "2.1"),
        ("-110", False, "1.9091"),
        ("−200", False, "1.5"),
        ("+1,100", False, "12"),
        ("11/10", False, "2.1"),
        ("4 / 6", False, "1.6667"),
        ("EVS", False, "2"),
        ("Evens", False, "2"),
    ],
)
def test_odds_are_what_they_look_like(cell: str, american: bool, expected: str) -> None:
    assert odds_of(cell, None, is_american=american).price == Decimal(expected)


@pytest.mark.parametrize(
    "cell", ["1", "1.00", "0", "1001", "abc", "5/0", "1.2.3", "0/5", "11-Oct", "2.1 or so", "100000/1"]
)
def test_what_is_no_price_says_so(cell: str) -> None:
    with pytest.raises(ValueError, match="is not a price"):
        odds_of(cell, None)


def test_rounding_explains_half_of_the_last_written_place() -> None:
    assert odds_of("2.10", None).slack == odds_of("2", None).slack == Decimal("0.005")
    assert odds_of("2.125", None).slack == Decimal("0.0005")
    assert odds_of("-110", None).slack == odds_of("10/11", None).slack == Decimal("0.00005")


def test_only_signed_odds_must_be_american() -> None:
    assert looks_american("+110")
    assert looks_american("-110.0")
    assert not looks_american("110")
    assert not looks_american("-2.5")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Won", "WON"),
        ("W", "WON"),
        ("ganada", "WON"),
        ("LOST", "LOST"),
        ("Perdida", "LOST"),
        ("push", "PUSH"),
        ("Void", "VOID"),
        ("anulada", "VOID"),
        ("HALF_WON", "HALF_WON"),
        ("half-won", "HALF_WON"),
        ("1/2 Won", "HALF_WON"),
        ("medio perdida", "HALF_LOST"),
        ("Pending", None),
        ("pendiente", None),
        ("-", None),
    ],
)
def test_results_are_known_in_two_languages(cell: str, expected: str | None) -> None:
    assert result_of(cell) == expected


@pytest.mark.parametrize("cell", ["P", "cashed out", "✓", "maybe", "2-1"])
def test_an_unknown_result_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="write won, lost, void, push, half won, half lost or pending"):
        result_of(cell)


def marks(*cells: str, prices: tuple[str, ...] = ()) -> str | None:
    survey = MarkSurvey()
    for line, cell in enumerate(cells, start=2):
        survey.see(cell, line)
    for line, cell in enumerate(prices, start=2):
        survey.see(cell, line, is_price=True)
    return survey.decide(None)


def test_the_whole_file_decides_what_the_comma_is() -> None:
    assert marks("1.234", "10,50") == ","
    assert marks("1,234", "10.5") == "."
    assert marks("1.234.567") == ","
    assert marks("1.234", prices=("2,1",)) == ","
    assert marks(prices=("1.909",)) == "."
    assert marks("0.500") == "."
    assert marks("10", "20") is None
    assert marks("10,50", "10.50") is None


def test_a_file_that_does_not_tell_is_refused_with_the_remedy() -> None:
    with pytest.raises(Invalid, match=r'line 2 .*"decimalMark"') as refused:
        marks("1.234", "2.000")
    assert refused.value.field == "input.mapping.decimalMark"
    survey = MarkSurvey()
    survey.see("1.234", 2)
    assert survey.decide(",") == ","
    with pytest.raises(Invalid):
        survey.decide("'")


@given(st.integers(0, 10**12), st.sampled_from([("EUR", ","), ("EUR", "."), ("JPY", "."), ("KWD", ",")]))
def test_what_is_written_with_thousands_is_read_again(units: int, written: tuple[str, str]) -> None:
    currency, mark = written
    text = f"{major(units, currency):,f}"
    swapped = text if mark == "." else text.translate(str.maketrans(",.", ".,"))
    assert amount_of(swapped, mark, currency) == units
    assert amount_of(f"-{swapped} {currency}", mark, currency) == -units


@given(st.text(max_size=30))
def test_what_is_guarded_is_read_again_and_never_calculated(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in tuple("=+-@\t\r\n＝＋－＠")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)))
def test_labels_are_read_as_they_were_written(labels: list[str]) -> None:
    assert labels_of(written_labels(labels)) == labels
    assert labels_of(unguarded(guarded(written_labels(labels)))) == labels


def test_labels_of_other_programs_are_split() -> None:
    assert labels_of("a, b;c | d,,") == ["a", "b", "c", "d"]
    assert labels_of("") == []


@given(st.text(max_size=20))
@example("²")
@example("1.²")
def test_any_text_is_a_value_or_says_why_not(text: str) -> None:
    for read in (lambda: amount_of(text, None, "EUR"), lambda: odds_of(text, None), lambda: result_of(text)):
        with suppress(ValueError):
            read()
