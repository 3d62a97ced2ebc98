"""Margin removal: distributions or flags, and rows on which a method has no answer (figures: `test_goldens.py`)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.margin import Flag, Method, overround, remove_margin

prices = st.lists(st.floats(1.02, 60), min_size=2, max_size=5)


@settings(deadline=None)
@given(prices, st.sampled_from(Method))
def test_a_row_is_a_distribution_or_flagged(row: list[float], method: Method) -> None:
    fair = remove_margin(np.array([row]), method)
    if fair.flags[0] == Flag.IMPOSSIBLE:
        assert np.isnan(fair.probabilities).all()
        assert method is Method.ADDITIVE
    else:
        assert (fair.probabilities > 0).all()
        assert fair.probabilities.sum() == pytest.approx(1, abs=1e-12)
        assert (fair.flags[0] == Flag.UNDERROUND) == (fair.overround[0] < -1e-12)


@settings(deadline=None)
@given(st.floats(1.05, 20), st.floats(1.05, 20))
def test_shin_is_additive_for_two_outcomes(first: float, second: float) -> None:
    book = np.array([[first, second]])
    shin, additive = remove_margin(book, Method.SHIN), remove_margin(book, Method.ADDITIVE)
    if shin.flags[0] == Flag.FINE and additive.flags[0] == Flag.FINE:
        np.testing.assert_allclose(shin.probabilities, additive.probabilities, atol=1e-9)


@settings(deadline=None)
@given(prices, st.sampled_from([Method.POWER, Method.SHIN, Method.ODDS_RATIO]))
def test_order_of_outcomes_does_not_matter(row: list[float], method: Method) -> None:
    forwards = remove_margin(np.array([row]), method).probabilities[0]
    backwards = remove_margin(np.array([row[::-1]]), method).probabilities[0]
    np.testing.assert_allclose(forwards, backwards[::-1], atol=1e-10)


def test_additive_is_flagged_where_it_goes_below_zero() -> None:
    # The R package implied flags the same row; its other methods have an answer.
    book = 1 / np.array([[0.87, 0.2, 0.1, 0.05, 0.02, 0.01]])
    assert remove_margin(book, Method.ADDITIVE).flags.tolist() == [Flag.IMPOSSIBLE]
    assert remove_margin(book, Method.SHIN).flags.tolist() == [Flag.FINE]


def test_rows_do_not_touch_each_other() -> None:
    book = np.array([[2.7, 2.3, 4.4], [np.nan, 2.3, 4.4], [1.0, 3.0, 5.0], [3.1, 3.1, 3.1]])
    fair = remove_margin(book, Method.SHIN)
    assert fair.flags.tolist() == [Flag.FINE, Flag.IMPOSSIBLE, Flag.IMPOSSIBLE, Flag.UNDERROUND]
    np.testing.assert_allclose(fair.probabilities[0], [0.35934392, 0.42324385, 0.21741223], atol=1e-8)
    np.testing.assert_allclose(fair.probabilities[3], 1 / 3, atol=1e-12)
    assert np.isnan(fair.overround[1:3]).all()


@pytest.mark.parametrize("method", Method)
def test_a_row_has_the_same_bits_alone_and_among_others(method: Method) -> None:
    rng = np.random.default_rng(7)
    books = 1 / (rng.dirichlet([4.0, 2.5, 3.0], 200) * rng.uniform(0.98, 1.3, (200, 1)))
    together = remove_margin(books, method)
    alone = [remove_margin(books[[row]], method).probabilities[0] for row in range(len(books))]
    np.testing.assert_array_equal(together.probabilities, alone)


def test_a_book_for_which_no_parameter_is_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("touchline.margin.MAX_STEPS", 1)
    with pytest.raises(ArithmeticError, match="makes 1 books fair after 1 steps"):
        remove_margin(np.array([[2.7, 2.3, 4.4]]), Method.POWER)


@pytest.mark.parametrize("method", Method)
def test_a_fair_book_stays_as_it_is(method: Method) -> None:
    fair = remove_margin(np.array([[2.0, 4.0, 4.0]]), method)
    np.testing.assert_allclose(fair.probabilities[0], [0.5, 0.25, 0.25], atol=1e-9)
    assert fair.flags[0] == Flag.FINE


def test_extreme_favourites_are_bracketed() -> None:
    book = np.array([[1.0001, 900.0, 2000.0], [1.01, 26.0, 101.0], [1.05, 17.0, 51.0]])
    for method in (Method.POWER, Method.SHIN, Method.ODDS_RATIO):
        fair = remove_margin(book, method)
        assert np.isfinite(fair.probabilities).all()
        np.testing.assert_allclose(fair.probabilities.sum(axis=1), 1, atol=1e-12)


def test_overround_is_the_margin() -> None:
    np.testing.assert_allclose(overround(np.array([[2.0, 2.0], [1.9, 1.9]])), [0, 2 / 1.9 - 1])


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 2, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        remove_margin(np.full(shape, 2.0))
