"""How well probabilities agree with what happened: a logistic regression of outcomes on log-odds.

    logit P(happened) = intercept + slope * logit(p)

A calibrated forecaster has intercept 0 and slope 1; a slope below 1 says that its probabilities are
too extreme. Cox (1958), "Two further applications of a model for binary regression", Biometrika 45.
Needs statsmodels (the extra `models`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchline.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibration line; intervals are 95 %."""

    count: int
    """Pairs of probability and outcome."""
    slope: float
    slope_interval: tuple[float, float]
    intercept: float
    p_value: float
    """Of the hypothesis that slope is 1 and intercept 0 (likelihood ratio, two degrees of freedom)."""


def calibration(probabilities: Floats, outcomes: Ints) -> Calibration:
    """Calibration of `(n, k)` probabilities against `(n,)` indices of what happened, one outcome against the rest.

    Raises ValueError when there is nothing to learn from (no rows, or an outcome that never varies).
    """
    import statsmodels.api as sm
    from scipy.special import logit
    from scipy.stats import chi2

    if len(probabilities) == 0:
        raise ValueError("calibration needs at least one graded prediction")
    happened = np.zeros_like(probabilities)
    happened[np.arange(len(outcomes)), outcomes] = 1.0
    if happened.min() == happened.max():
        raise ValueError("calibration needs outcomes that vary")
    score = logit(np.clip(probabilities, 1e-9, 1 - 1e-9)).ravel()
    target = happened.ravel()
    fit = sm.GLM(target, sm.add_constant(score), family=sm.families.Binomial()).fit()
    intercept, slope = (float(value) for value in fit.params)
    lower, upper = (float(value) for value in fit.conf_int()[1])
    p = np.clip(probabilities, 1e-12, 1 - 1e-12).ravel()
    as_told = float(np.sum(target * np.log(p) + (1 - target) * np.log1p(-p)))
    statistic = max(0.0, 2 * (float(fit.llf) - as_told))
    return Calibration(len(outcomes), slope, (lower, upper), intercept, float(chi2.sf(statistic, 2)))


def log_loss(probabilities: Floats, outcomes: Ints) -> float:
    """Mean negative log probability of what happened, natural logarithm."""
    chosen = probabilities[np.arange(len(outcomes)), outcomes]
    return float(-np.log(np.clip(chosen, 1e-15, 1.0)).mean())
