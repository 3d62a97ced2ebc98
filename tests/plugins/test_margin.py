"""Margin removal against published numbers, and rows on which a method has no answer.

Golden table: penaltyblog 1.13.1, its Shin equal to that of the `shin` package to 1e-8.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.margin import Flag, Method, overround, remove_margin

M, A, P, S, O = Method.MULTIPLICATIVE, Method.ADDITIVE, Method.POWER, Method.SHIN, Method.ODDS_RATIO  # noqa: E741

GOLDEN = [
    ([2.7, 2.3, 4.4], M, [0.35873804, 0.42112726, 0.22013470], None),
    ([2.7, 2.3, 4.4], A, [0.35956180, 0.42397404, 0.21646416], None),
    ([2.7, 2.3, 4.4], P, [0.35917110, 0.42373075, 0.21709815], 1.03091324),
    ([2.7, 2.3, 4.4], S, [0.35934392, 0.42324385, 0.21741223], 0.01623644),
    ([2.7, 2.3, 4.4], O, [0.35881036, 0.42256142, 0.21862822], 1.05116913),
    ([4.2, 3.7, 1.95], M, [0.23315560, 0.26466311, 0.50218129], None),
    ([4.2, 3.7, 1.95], A, [0.23103323, 0.26320826, 0.50575851], None),
    ([4.2, 3.7, 1.95], P, [0.23114098, 0.26306409, 0.50579493], 1.02065588),
    ([4.2, 3.7, 1.95], S, [0.23157196, 0.26357450, 0.50485354], 0.01060806),
    ([4.2, 3.7, 1.95], O, [0.23200453, 0.26364130, 0.50435418], 1.03445648),
    ([2.05, 3.2, 3.8], M, [0.45869483, 0.29385138, 0.24745379], None),
    ([2.05, 3.2, 3.8], A, [0.46665062, 0.29134574, 0.24200364], None),
    ([2.05, 3.2, 3.8], P, [0.46671132, 0.29089944, 0.24238924], 1.06158),
    ([2.05, 3.2, 3.8], S, [0.46458614, 0.29197942, 0.24343444], 0.03181278),
    ([2.05, 3.2, 3.8], O, [0.46344188, 0.29190268, 0.24465544], 1.10263607),
    ([1.19, 7.0, 14.0], M, [0.79681275, 0.13545817, 0.06772908], None),
    ([1.19, 7.0, 14.0], A, [0.82212885, 0.12464986, 0.05322129], None),
    ([1.19, 7.0, 14.0], P, [0.82631535, 0.11834790, 0.05533675], 1.09672418),
    ([1.19, 7.0, 14.0], S, [0.81563122, 0.12709106, 0.05727772], 0.02883595),
    ([1.19, 7.0, 14.0], O, [0.81599424, 0.12313730, 0.06086846], 1.18683605),
    ([2.6, 2.4, 4.3], M, [0.37202596, 0.40302812, 0.22494593], None),
    ([2.6, 2.4, 4.3], P, [0.37298440, 0.40510717, 0.22190843], None),
    ([2.6, 2.4, 4.3], S, [0.37299406, 0.40477941, 0.22222653], 0.01694251),
    ([1.5, 2.74], M, [0.64622642, 0.35377358], None),
    ([1.5, 2.74], A, [0.65085158, 0.34914842], None),
    ([1.5, 2.74], P, [0.65315228, 0.34684772], 1.05050957),
    ([1.5, 2.74], S, [0.65085158, 0.34914842], 0.03172729),
    ([1.5, 2.74], O, [0.65101782, 0.34898218], None),
]


@pytest.mark.parametrize(("prices", "method", "probabilities", "parameter"), GOLDEN)
def test_published_numbers(
    prices: list[float], method: Method, probabilities: list[float], parameter: float | None
) -> None:
    fair = remove_margin(np.array([prices]), method)
    np.testing.assert_allclose(fair.probabilities[0], probabilities, atol=1e-8)
    assert fair.flags[0] == Flag.FINE
    if parameter is not None:
        assert fair.parameter[0] == pytest.approx(parameter, abs=1e-8)


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
