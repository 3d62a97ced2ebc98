"""How well probabilities agree with what happened: a logistic regression of outcomes on log-odds.

    logit P(happened) = intercept + slope · logit(p)

A calibrated forecaster has intercept 0 and slope 1; a slope below 1 says that its probabilities are too extreme.
Cox (1958), "Two further applications of a model for binary regression", Biometrika 45. Each outcome of a match counts
once against the rest (of two outcomes, only the first); outcomes of one match hang together, so the intervals and the
test use the covariance that is clustered by match (Liang & Zeger 1986, "Longitudinal data analysis using generalized
linear models", Biometrika 73). The bare wheel has no statsmodels: there Newton's method finds the same line.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from touchline.metrics import log_losses
from touchline.types import Floats, Ints

EXTREME = 1e-9
"""A probability nearer than this to 0 or 1 has the log-odds of this: certainty has none."""
NORMAL_95 = 1.959963984540054
MOST_STEPS = 50
SMALLEST_STEP = 1e-10
"""Of the line's numbers, relative to the larger of them, at which the fit has converged."""
FARTHEST = 1e8
"""A number of the line beyond this is on its way to infinity."""
CERTAIN = 1e-8
"""Distance of every fitted probability to what happened below which the line has no end: outcomes are told apart."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibration line; intervals are 95 %."""

    count: int
    """Pairs of probability and outcome."""
    slope: float
    slope_interval: tuple[float, float]
    intercept: float
    p_value: float
    """Of the hypothesis that slope is 1 and intercept 0 (Wald); of three outcomes or more, whose probabilities sum to 1
    and so leave the intercept no choice, of the slope alone. NaN where there are too few matches to tell."""


def calibration(probabilities: Floats, outcomes: Ints) -> Calibration:
    """Calibration of `(n, k)` probabilities against `(n,)` indices of what happened, one outcome against the rest.

    Raises ValueError when there is nothing to learn from: no rows, an outcome that never varies, or probabilities that
    are all the same or tell every outcome without fail.
    """
    if len(probabilities) == 0:
        raise ValueError("calibration needs at least one graded prediction")
    happened = np.zeros_like(probabilities)
    happened[np.arange(len(outcomes)), outcomes] = 1.0
    told = np.clip(probabilities, EXTREME, 1 - EXTREME)
    if probabilities.shape[1] == 2:
        happened, told = happened[:, :1], told[:, :1]
    if happened.min() == happened.max():
        raise ValueError("calibration needs outcomes that vary")
    score = np.log(told) - np.log1p(-told)
    if np.ptp(score) < 1e-12:
        raise ValueError("calibration needs probabilities that vary")
    line, covariance = _fit(score, happened)
    intercept, slope = map(float, line)
    error = NORMAL_95 * float(np.sqrt(covariance[1, 1]))
    p_value = _p_value(line, covariance, probabilities.shape[1])
    return Calibration(len(outcomes), slope, (slope - error, slope + error), intercept, p_value)


def log_loss(probabilities: Floats, outcomes: Ints) -> float:
    """Mean negative log probability of what happened, natural logarithm; infinite where that had probability 0."""
    return float(log_losses(probabilities, outcomes).mean())


def _p_value(line: Floats, covariance: Floats, outcomes: int) -> float:
    """Wald test of both numbers, or of the slope alone; NaN where too few matches tell the numbers apart."""
    off = line - np.array([0.0, 1.0])
    if outcomes > 2:
        return math.erfc(abs(off[1]) / math.sqrt(2 * covariance[1, 1])) if covariance[1, 1] > 0 else math.nan
    if np.linalg.cond(covariance) > 1e12:
        return math.nan
    # The upper tail of chi-squared with two degrees of freedom at w is exp(-w / 2).
    return float(np.exp(-0.5 * off @ np.linalg.solve(covariance, off)))


def _fit(score: Floats, happened: Floats) -> tuple[Floats, Floats]:
    """The line of (n, k) log-odds and zeros and ones, and its covariance clustered by n."""
    try:
        import statsmodels.api as sm
        from statsmodels.tools.sm_exceptions import PerfectSeparationWarning
    except ModuleNotFoundError:
        return _fit_by_newton(score, happened)

    matches = np.repeat(np.arange(len(score)), score.shape[1])
    model = sm.GLM(happened.ravel(), sm.add_constant(score.ravel()), family=sm.families.Binomial())
    clusters = {"groups": matches, "use_correction": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            fit = model.fit(start_params=[0.0, 1.0], cov_type="cluster", cov_kwds=clusters)
        except PerfectSeparationWarning:
            raise ValueError("calibration has no line: the probabilities tell every outcome without fail") from None
    if not fit.converged:
        raise ValueError("calibration has no line: its fit did not converge")
    return np.asarray(fit.params), np.asarray(fit.cov_params())


def _fit_by_newton(score: Floats, happened: Floats) -> tuple[Floats, Floats]:
    """The same without statsmodels: the line and its covariance; raises ValueError when it does not converge."""
    x = np.stack([np.ones_like(score), score], axis=-1)
    line = np.array([0.0, 1.0])
    for _ in range(MOST_STEPS):
        slopes, bread = _curve(x, happened, line)
        with np.errstate(over="ignore", invalid="ignore"):
            step = bread @ slopes.sum(axis=0)
            line = line + step
        if not np.abs(line).max() < FARTHEST:
            break
        if np.abs(step).max() <= SMALLEST_STEP * max(1.0, float(np.abs(line).max())):
            slopes, bread = _curve(x, happened, line)
            return line, bread @ (slopes.T @ slopes) @ bread
    raise ValueError("calibration has no line: its fit did not converge")


def _curve(x: Floats, happened: Floats, line: Floats) -> tuple[Floats, Floats]:
    """(n, 2) slopes of each match's log-likelihood, and the inverse of the information of all of them."""
    with np.errstate(over="ignore"):
        told = 1 / (1 + np.exp(-(x @ line)))
    if np.abs(happened - told).max() < CERTAIN:
        raise ValueError("calibration has no line: the probabilities tell every outcome without fail")
    information = np.einsum("nki,nkj,nk->ij", x, x, told * (1 - told))
    try:
        bread = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        raise ValueError("calibration has no line: its fit did not converge") from None
    return np.einsum("nki,nk->ni", x, happened - told), bread
