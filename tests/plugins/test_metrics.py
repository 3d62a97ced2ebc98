"""Scores against published numbers and against other programs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2, ttest_rel
from statsmodels.stats.proportion import proportion_confint

from touchline.calibration import calibration
from touchline.metrics import (
    brier_scores,
    calibration_error,
    hits,
    log_losses,
    paired,
    ranked_scores,
    reliability,
    skill_share,
    wilson,
)

HOME, DRAW, AWAY = 0, 1, 2

# Constantinou & Fenton (2012), "Solving the Problem of Inadequate Scoring Rules for Assessing Probabilistic Football
# Forecast Models", Journal of Quantitative Analysis in Sports 8, table 3.
RANKED = [
    ((1.0, 0.0, 0.0), HOME, 0.0),
    ((0.9, 0.1, 0.0), HOME, 0.005),
    ((0.8, 0.1, 0.1), HOME, 0.025),
    ((0.5, 0.25, 0.25), HOME, 0.15625),
    ((0.35, 0.3, 0.35), DRAW, 0.1225),
    ((0.6, 0.3, 0.1), DRAW, 0.185),
    ((0.6, 0.25, 0.15), HOME, 0.09125),
    ((0.6, 0.15, 0.25), HOME, 0.11125),
    ((0.57, 0.33, 0.1), HOME, 0.09745),
    ((0.6, 0.2, 0.2), HOME, 0.1),
]


def drawn(seed: int, n: int = 600, sharpen: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = rng.dirichlet([4.0, 2.0, 3.0], size=n)
    outcomes = (rng.random((n, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    told = true**sharpen
    return told / told.sum(axis=1, keepdims=True), outcomes


@pytest.mark.parametrize(("told", "happened", "score"), RANKED)
def test_ranked_scores_as_published(told: tuple[float, float, float], happened: int, score: float) -> None:
    assert ranked_scores(np.array([told]), np.array([happened]))[0] == pytest.approx(score, abs=1e-12)


def test_brier_of_three_outcomes_is_their_sum_and_of_two_that_of_one() -> None:
    assert brier_scores(np.array([[0.5, 0.3, 0.2]]), np.array([DRAW]))[0] == pytest.approx(0.25 + 0.49 + 0.04)
    assert brier_scores(np.array([[0.7, 0.3]]), np.array([0]))[0] == pytest.approx(0.09)


def test_what_was_impossible_and_happened_costs_infinitely_much() -> None:
    losses = log_losses(np.array([[0.5, 0.5, 0.0], [0.5, 0.25, 0.25]]), np.array([AWAY, DRAW]))
    assert math.isinf(losses[0])
    assert losses[1] == pytest.approx(math.log(4))


def test_of_equal_probabilities_the_first_is_the_pick() -> None:
    assert hits(np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]]), np.array([HOME, DRAW])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (5, 10), (9, 10), (10, 10), (333, 1000)])
def test_wilson_interval_is_that_of_statsmodels(successes: int, count: int) -> None:
    expected = proportion_confint(successes, count, method="wilson")
    assert wilson(successes, count) == pytest.approx(expected, abs=1e-12)


def test_wilson_interval_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_bins_hold_every_probability_once() -> None:
    told, happened = drawn(3)
    bins = reliability(told, happened, 20)
    assert sum(one.count for one in bins) == told.size
    assert all(one.lower <= one.mean <= one.upper for one in bins)
    assert sum(one.share * one.count for one in bins) == pytest.approx(len(told))
    certain = reliability(np.array([[1.0, 0.0]]), np.array([0]), 20)
    assert [(one.lower, one.count, one.share) for one in certain] == [(0.95, 1, 1.0)]


def test_calibration_error_by_hand() -> None:
    told = np.array([[0.62, 0.38]] * 4 + [[0.22, 0.78]] * 6)
    happened = np.array([0, 0, 1, 1, 0, 0, 0, 1, 1, 1])
    assert calibration_error(told, happened, 10) == pytest.approx((4 * 0.12 + 6 * 0.28) / 10)
    assert math.isnan(calibration_error(np.empty((0, 2)), np.empty(0, dtype=np.int64)))


def test_skill_share_is_a_share_of_the_way() -> None:
    assert skill_share(1.08, 1.03, 0.98) == pytest.approx(0.5)
    assert skill_share(1.08, 1.10, 0.98) == pytest.approx(-0.2)
    assert math.isnan(skill_share(0.98, 0.98, 0.99))


def test_paired_difference_is_that_of_the_t_test() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.gamma(2.0, 0.5, 200), rng.gamma(2.0, 0.55, 200)
    found = paired(one, other)
    expected = ttest_rel(one, other)
    assert found.mean / found.error == pytest.approx(expected.statistic)
    assert found.interval[0] < found.mean < found.interval[1]


def test_paired_difference_of_what_cannot_be_told() -> None:
    inf = math.inf
    both = paired(np.array([inf, 1.0, 2.0]), np.array([inf, 0.5, 1.5]))
    assert both.mean == pytest.approx(1 / 3)
    assert math.isinf(paired(np.array([inf, 1.0]), np.array([1.0, 1.0])).mean)
    assert math.isnan(paired(np.array([1.0]), np.array([0.5])).error)


@pytest.mark.parametrize("sharpen", [0.7, 1.0, 1.8])
def test_the_calibration_line_is_the_likeliest_one(sharpen: float) -> None:
    told, happened = drawn(5, sharpen=sharpen)
    found = calibration(told, happened)
    x, y = logit(told), np.eye(3)[happened]
    off = y - expit(found.intercept + found.slope * x)
    assert (off.sum(), (off * x).sum()) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert found.slope == pytest.approx(1 / sharpen, abs=0.25)


def test_two_outcomes_of_a_match_count_once() -> None:
    told, happened = drawn(6)
    home = np.stack([told[:, 0], 1 - told[:, 0]], axis=1)
    found = calibration(home, np.where(happened == HOME, 0, 1))
    x, y = logit(home[:, 0]), (happened == HOME).astype(float)
    design = np.stack([np.ones_like(x), x], axis=1)
    p = expit(found.intercept + found.slope * x)
    bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    covariance = bread @ (design.T @ (design * ((y - p) ** 2)[:, None])) @ bread
    assert found.slope_interval[1] - found.slope == pytest.approx(1.959964 * np.sqrt(covariance[1, 1]), abs=1e-6)
    off = np.array([found.intercept, found.slope - 1])
    assert found.p_value == pytest.approx(chi2.sf(off @ np.linalg.solve(covariance, off), 2))


def test_outcomes_that_hang_together_do_not_count_three_times() -> None:
    slopes, widths = [], []
    for seed in range(150):
        found = calibration(*drawn(seed, 300))
        slopes.append(found.slope)
        widths.append(found.slope_interval[1] - found.slope)
    assert np.mean(widths) / 1.96 == pytest.approx(np.std(slopes), rel=0.15)


def test_calibrated_forecasts_are_rarely_called_wrong() -> None:
    rejected = sum(calibration(*drawn(seed, 300)).p_value < 0.05 for seed in range(200))
    assert 3 <= rejected <= 20


def test_forecasts_without_a_line_are_refused() -> None:
    with pytest.raises(ValueError, match="vary"):
        calibration(np.full((50, 2), 0.5), np.arange(50) % 2)
    with pytest.raises(ValueError, match="without fail"):
        calibration(np.array([[0.9, 0.1], [0.1, 0.9]] * 20), np.array([0, 1] * 20))
