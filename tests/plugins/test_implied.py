"""Prices to expected goals: the way back from a grid, least squares, and rows that no grid fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from touchline import Floats
from touchline.grid import ScoreGrid
from touchline.implied import implied_rates


def grid(log_means: Floats, rho: float) -> tuple[Floats, Floats]:
    scores = ScoreGrid(np.exp(log_means[:, 0]), np.exp(log_means[:, 1]), rho)
    return scores.result(), scores.total(2.5)[:, 0]


@pytest.mark.parametrize("rho", [-0.12, -0.06, 0.0])
def test_the_rates_of_a_grid_are_found_again(rho: float) -> None:
    told = np.log(np.random.default_rng(0).uniform(0.15, 5.0, (3_000, 2)))
    result, over = grid(told, rho)
    np.testing.assert_allclose(implied_rates(result, over, rho), told, atol=1e-7)
    np.testing.assert_allclose(implied_rates(result, np.full(3_000, np.nan), rho), told, atol=1e-6)


def test_prices_that_disagree_are_met_by_least_squares() -> None:
    rng = np.random.default_rng(1)
    told = np.log(rng.uniform(0.5, 3.0, (20, 2)))
    result, over = grid(told, -0.06)
    result = result * np.exp(rng.normal(0, 0.03, result.shape))
    result, over = result / result.sum(axis=1, keepdims=True), over + rng.normal(0, 0.01, 20)
    found = implied_rates(result, over)
    for row in range(20):

        def gap(at: Floats, row: int = row) -> Floats:
            home, more = grid(at[None], -0.06)
            return np.append(home[0] - result[row], more[0] - over[row])

        best = least_squares(gap, told[row], xtol=1e-14, ftol=1e-14, gtol=1e-14)
        np.testing.assert_allclose(found[row], best.x, atol=1e-5)


def test_a_row_is_solved_by_itself() -> None:
    told = np.log(np.random.default_rng(2).uniform(0.4, 3.5, (1_200, 2)))
    result, over = grid(told, -0.08)
    together = implied_rates(result, over)
    for row in (0, 511, 512, 1_199):
        np.testing.assert_array_equal(implied_rates(result[row : row + 1], over[row : row + 1])[0], together[row])


def test_what_is_not_known_or_cannot_be_stays_out() -> None:
    result = np.array([[np.nan] * 3, [0.2765, 0.6457, 0.0778], [0.98, 0.015, 0.005], [0.5, 0.27, 0.23]])
    over = np.array([0.5, 0.3967, 0.93, np.nan])
    found = implied_rates(result, over)
    # No price; a draw that was agreed; a price that is far from any match with so many goals; the result alone.
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
    assert np.exp(found[2]).sum() > 4
    assert len(implied_rates(np.empty((0, 3)), np.empty(0))) == 0


@pytest.mark.parametrize(
    ("result", "over", "message"),
    [
        (np.array([[1.0, 0.0, 0.0]]), np.array([0.5]), "between 0 and 1"),
        (np.array([[0.5, 0.3, 0.2]]), np.array([1.2]), "between 0 and 1"),
        (np.array([[0.5, 0.5]]), np.array([0.5]), r"are \(1, 2\) and \(1,\)"),
        (np.array([[0.5, 0.3, 0.2]]), np.array([0.5, 0.5]), r"are \(1, 3\) and \(2,\)"),
    ],
)
def test_what_is_no_probability_is_refused(result: Floats, over: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        implied_rates(result, over)
