"""Calibration recovers what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from touchline.calibration import calibration, log_loss


def test_calibrated_probabilities_have_slope_one() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([4.0, 2.0, 3.0], size=4000)
    outcomes = np.array([rng.choice(3, p=row) for row in probabilities])
    found = calibration(probabilities, outcomes)
    assert found.slope_interval[0] < 1 < found.slope_interval[1]
    assert found.p_value > 0.01
    assert found.count == 4000


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
