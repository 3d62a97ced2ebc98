"""The stack: coefficients of statsmodels, the prior where nothing was seen, errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from touchline import Floats
from touchline.grid import ScoreGrid
from touchline.stack import Weights, fit_poisson, fit_rho

Data = tuple[Floats, Floats, Floats]


def drawn(seed: int, rows: int = 3_000, columns: int = 6) -> Data:
    """Counts of a log-linear model with columns that hang together, and weights that fall with age."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.3, (rows, 1))
    design = np.column_stack([np.ones(rows), common + rng.normal(0, 0.1, (rows, columns - 1))])
    counts = rng.poisson(np.exp(design @ np.linspace(0.2, 0.6, columns))).astype(float)
    return design, counts, 0.5 ** (np.arange(rows)[::-1] / 1_500)


def free(data: Data) -> Weights:
    columns = data[0].shape[1]
    return fit_poisson(*data, np.zeros(columns), np.zeros(columns))


@pytest.mark.parametrize("seed", range(5))
def test_coefficients_are_those_of_statsmodels(seed: int) -> None:
    design, counts, weight = drawn(seed)
    known = GLM(counts, design, family=Poisson(), freq_weights=weight).fit(tol=1e-12)
    fitted = free((design, counts, weight))
    np.testing.assert_allclose(fitted.coefficients, known.params, atol=1e-6)
    assert fitted.steps < 12


def test_counts_that_are_not_whole_are_fitted_by_their_expectation() -> None:
    design, counts, weight = drawn(1)
    counts = counts * 0.7 + 0.11
    known = GLM(counts, design, family=Poisson(), freq_weights=weight).fit(tol=1e-12)
    np.testing.assert_allclose(free((design, counts, weight)).coefficients, known.params, atol=1e-6)


def test_a_prior_is_rows_that_pull() -> None:
    """The slope of the likelihood at the top is the pull of the prior, and no point nearby is higher."""
    design, counts, weight = drawn(2)
    precision, prior = np.array([0.0, 5, 50, 500, 5_000, 0.1]), np.linspace(-1, 1, 6)
    top = fit_poisson(design, counts, weight, precision, prior).coefficients
    slope = design.T @ (weight * (counts - np.exp(design @ top)))
    np.testing.assert_allclose(slope, precision * (top - prior), atol=1e-6)
    assert abs(top[4] - prior[4]) < abs(free((design, counts, weight)).coefficients[4] - prior[4])


def test_nothing_seen_gives_the_prior() -> None:
    prior = np.array([0.3, -0.2])
    fitted = fit_poisson(np.empty((0, 2)), np.empty(0), np.empty(0), np.ones(2), prior)
    np.testing.assert_array_equal(fitted.coefficients, prior)


def test_a_weight_of_two_is_the_row_twice() -> None:
    design, counts, weight = drawn(3, rows=200)
    rows = [np.concatenate([part, part]) for part in (design, counts, weight)]
    twice = fit_poisson(rows[0], rows[1], rows[2], np.ones(6), np.zeros(6))
    heavy = fit_poisson(design, counts, 2 * weight, np.ones(6), np.zeros(6))
    np.testing.assert_allclose(twice.coefficients, heavy.coefficients, atol=1e-9)


def test_a_start_far_from_the_top_still_arrives() -> None:
    design, counts, weight = drawn(4)
    far = fit_poisson(design, counts, weight, np.full(6, 1e-9), np.full(6, 8.0))
    np.testing.assert_allclose(far.coefficients, free((design, counts, weight)).coefficients, atol=1e-5)


def broken(change: Callable[[Data], Data]) -> Data:
    return change(drawn(0, rows=50))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (broken(lambda d: (np.column_stack([d[0], d[0][:, 1]]), *d[1:])), "give each a precision above 0"),
        (broken(lambda d: (d[0], np.where(np.arange(50) == 3, np.nan, d[1]), d[2])), "counts holds a number that is"),
        (broken(lambda d: (d[0], d[1] - 5, d[2])), "counts holds a number below 0"),
        (broken(lambda d: (d[0], d[1], d[2] - 1)), "weight holds a number below 0"),
        (broken(lambda d: (d[0], d[1][1:], d[2])), "must be of the shape"),
    ],
)
def test_bad_input_is_refused(data: Data, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        free(data)


def test_counts_of_nothing_at_all_give_a_low_level() -> None:
    """Without a prior the level would fall for ever."""
    fitted = fit_poisson(np.ones((9, 1)), np.zeros(9), np.ones(9), np.ones(1), np.zeros(1))
    assert fitted.coefficients[0] == pytest.approx(-9 * np.exp(fitted.coefficients[0]))
    assert -2 < fitted.coefficients[0] < -1


@pytest.mark.parametrize("rho", [-0.12, -0.05, 0.0, 0.06])
def test_rho_is_found_again(rho: float) -> None:
    rng = np.random.default_rng(5)
    home, away = rng.uniform(0.8, 2.4, 20_000), rng.uniform(0.5, 1.9, 20_000)
    grid = ScoreGrid(home, away, rho)
    steps = np.cumsum(grid.cells.reshape(len(home), -1), axis=1)
    score = (rng.random(len(home))[:, None] > steps).sum(axis=1)
    goals = (score // grid.size).astype(float), (score % grid.size).astype(float)
    found = fit_rho(home, away, *goals, np.ones(20_000), prior=-0.06, precision=1.0)
    assert found == pytest.approx(rho, abs=0.025)


def test_rho_stays_where_every_score_is_possible() -> None:
    home, away = np.array([9.0, 1.0]), np.array([1.0, 1.0])
    draws = fit_rho(home, away, np.ones(2), np.ones(2), np.full(2, 1e6), prior=-0.06, precision=1e-9)
    assert draws == pytest.approx(-1 / 9, rel=1e-6)
    assert fit_rho(np.empty(0), np.empty(0), *[np.empty(0)] * 3, prior=-0.06, precision=200.0) == pytest.approx(-0.06)
