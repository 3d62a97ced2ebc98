"""Calibration recovers what was put in."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from touchline.calibration import _fit_by_newton, calibration, log_loss


def test_calibrated_probabilities_have_slope_one() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([4.0, 2.0, 3.0], size=4000)
    outcomes = np.array([rng.choice(3, p=row) for row in probabilities])
    found = calibration(probabilities, outcomes)
    assert found.slope_interval[0] < 1 < found.slope_interval[1]
    assert found.p_value > 0.01
    assert found.count == 4000


@pytest.mark.parametrize(("matches", "outcomes"), [(60, 3), (900, 1), (2000, 4)])
def test_without_statsmodels_the_line_is_the_same(matches: int, outcomes: int) -> None:
    rng = np.random.default_rng(5)
    score = rng.normal(size=(matches, outcomes))
    happened = (rng.random((matches, outcomes)) < 1 / (1 + np.exp(-0.8 * score - 0.2))).astype(np.float64)
    model = sm.GLM(happened.ravel(), sm.add_constant(score.ravel()), family=sm.families.Binomial())
    groups = {"groups": np.repeat(np.arange(matches), outcomes), "use_correction": False}
    fit = model.fit(tol=1e-13, cov_type="cluster", cov_kwds=groups)
    line, covariance = _fit_by_newton(score, happened)
    assert line.tolist() == pytest.approx(fit.params.tolist(), rel=1e-9)
    assert covariance.ravel().tolist() == pytest.approx(fit.cov_params().ravel().tolist(), rel=1e-8)


@pytest.mark.parametrize("told", [[0.2, 0.3, 0.3, 0.6], [0.2, 0.3, 0.5, 0.6]])
def test_without_statsmodels_a_line_that_has_no_end_is_an_error(told: list[float]) -> None:
    score = np.log(np.array(told) / (1 - np.array(told)))[:, None]
    with pytest.raises(ValueError, match="calibration has no line"):
        _fit_by_newton(score, np.array([[0.0], [0.0], [1.0], [1.0]]))


def test_overconfident_probabilities_have_a_slope_below_one() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([4.0, 2.0, 3.0], size=4000)
    outcomes = np.array([rng.choice(3, p=row) for row in probabilities])
    sharpened = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    found = calibration(sharpened, outcomes)
    assert found.slope_interval[1] < 0.9
    assert found.p_value < 1e-6


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibration(np.empty((0, 3)), np.empty(0, dtype=np.int64))


def test_log_loss_of_certainty_and_of_a_coin() -> None:
    assert log_loss(np.array([[1.0, 0.0]]), np.array([0])) == 0.0
    assert log_loss(np.array([[0.5, 0.5]]), np.array([1])) == pytest.approx(np.log(2))
