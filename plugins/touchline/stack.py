"""A stack of forecasts: a log-linear mean of counts, weighted and penalised, and the dependence of low scores.

    counts_i ~ Poisson(mu_i),  log mu_i = x_i · b
    maximise  sum w_i · (y_i · x_i·b - exp(x_i·b))  -  1/2 sum r_k · (b_k - p_k)²

A generalised linear model with the logarithm as its link (Nelder & Wedderburn, "Generalized Linear Models", Journal of
the Royal Statistical Society A 135, 1972) and a Gaussian prior of mean p and precision r on every coefficient (ridge;
Hoerl & Kennard, Technometrics 12, 1970). The surface is concave: Newton's method finds its one top, each step damped so
that it goes up. Without the prior the coefficients are those of statsmodels' GLM within 1e-6.

rho is the dependence of low scores around known means (see `touchline.grid`): its log-likelihood is a sum of logarithms
of lines in rho, so its slope only falls, and bisecting the slope finds the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchline.rates import FitError
from touchline.types import Floats

MAX_STEPS = 60
"""Newton steps after which a fit has failed; five to eight are usual."""

CONVERGED = 1e-12
"""Expected gain, relative to the height, below which one more step ends a fit."""

LONGEST = 4.0
"""Change of a log mean that one step may make at most: an exponential is no parabola farther out."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Fitted coefficients of a stack."""

    coefficients: Floats
    """(k,) one per column of the design."""
    log_likelihood: float
    """Of the weighted counts, without the prior and without log y!."""
    steps: int
    """Newton steps taken."""


def fit_poisson(design: Floats, counts: Floats, weight: Floats, precision: Floats, prior: Floats) -> Weights:
    """Maximise the penalised likelihood of counts, (n,), at a design, (n, k), with weights (n,) of 0 or more.

    `precision` and `prior` are (k,) each; no row at all gives the prior. Counts need not be whole: their expectation
    is what is fitted. Raises ValueError for numbers that are not finite, for counts, weights or precisions below 0 and
    for columns that depend on each other without a prior; FitError when no top is found.
    """
    surface = _Surface(design, counts, weight, precision, prior)
    surface.check()
    here, log_mean = np.array(prior, dtype=np.float64), design @ prior
    height = surface.height(here, log_mean)
    gain = np.inf
    for step in range(1, MAX_STEPS + 1):
        slope, bend = surface.derivatives(here, log_mean)
        direction = _upwards(slope, bend)
        change, gain = design @ direction, float(slope @ direction)
        if gain <= CONVERGED * (1 + abs(height)):
            log_mean = log_mean + change
            return Weights(here + direction, surface.log_likelihood(log_mean), step)
        length, height = _length(surface, here, log_mean, direction, change, height, gain)
        here, log_mean = here + length * direction, log_mean + length * change
    raise FitError(f"no maximum after {MAX_STEPS} steps; the last one promised {gain:.3g}")


def fit_rho(
    home_mean: Floats,
    away_mean: Floats,
    home_goals: Floats,
    away_goals: Floats,
    weight: Floats,
    *,
    prior: float,
    precision: float,
) -> float:
    """The likeliest rho around known means, all (n,), with rho ~ Normal(prior, 1 / precision).

    Nothing seen gives the prior. It stays where no score of these matches has a negative probability.
    """
    highest = float(np.maximum(home_mean, away_mean).max(initial=1.0))
    product = float((home_mean * away_mean).max(initial=1.0))
    low = (home_goals <= 1) & (away_goals <= 1)
    l, m, x, y = (values[low] for values in (home_mean, away_mean, home_goals, away_goals))  # noqa: E741
    # tau = 1 + line · rho in each of the four cells.
    line = np.select([(x == 0) & (y == 0), (x == 0) & (y == 1), (x == 1) & (y == 0)], [-l * m, l, m], -1.0)
    seen = weight[low]

    def slope(rho: float) -> float:
        return float(seen @ (line / (1 + line * rho))) - precision * (rho - prior)

    lowest, top = -1 / highest, 1 / product
    margin = 1e-9 * (top - lowest)
    lowest, top = lowest + margin, top - margin
    for _ in range(60):
        middle = (lowest + top) / 2
        lowest, top = (middle, top) if slope(middle) > 0 else (lowest, middle)
    return (lowest + top) / 2


@dataclass(frozen=True, slots=True)
class _Surface:
    """The penalised log-likelihood as a function of the coefficients and of the log means that follow from them."""

    design: Floats
    counts: Floats
    weight: Floats
    precision: Floats
    prior: Floats

    def log_likelihood(self, log_mean: Floats) -> float:
        return float(self.weight @ (self.counts * log_mean - np.exp(log_mean)))

    def height(self, coefficients: Floats, log_mean: Floats) -> float:
        return self.log_likelihood(log_mean) - 0.5 * float(self.precision @ (coefficients - self.prior) ** 2)

    def derivatives(self, coefficients: Floats, log_mean: Floats) -> tuple[Floats, Floats]:
        """Gradient (k,) and negated matrix of second derivatives (k, k)."""
        mean = self.weight * np.exp(log_mean)
        slope = self.design.T @ (self.weight * self.counts - mean) - self.precision * (coefficients - self.prior)
        bend = (self.design * mean[:, None]).T @ self.design
        bend[np.diag_indices(len(coefficients))] += self.precision
        return slope, bend

    def check(self) -> None:
        rows, columns = self.design.shape
        if self.counts.shape != (rows,) or self.weight.shape != (rows,):
            raise ValueError(f"counts and weight must be of the shape ({rows},), one for each row")
        if self.precision.shape != (columns,) or self.prior.shape != (columns,):
            raise ValueError(
                f"precision and prior must be of the shape ({columns},), one for each column of the design"
            )
        for name in ("design", "counts", "weight", "precision", "prior"):
            values = getattr(self, name)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds a number that is not finite: leave such rows out")
            if name in ("counts", "weight", "precision") and (values < 0).any():
                raise ValueError(f"{name} holds a number below 0")


def _length(
    surface: _Surface, here: Floats, log_mean: Floats, direction: Floats, change: Floats, height: float, gain: float
) -> tuple[float, float]:
    """How far to go for a fair share of what the direction promises (Armijo's rule, halving), and how high that is."""
    length = min(1.0, LONGEST / float(np.abs(change).max(initial=LONGEST)))
    while length > 1e-10:
        reached = surface.height(here + length * direction, log_mean + length * change)
        if reached >= height + 1e-4 * length * gain:
            return length, reached
        length /= 2
    raise FitError(f"no higher point in the direction of a step that promised {gain:.3g}")


def _upwards(slope: Floats, bend: Floats) -> Floats:
    """Newton's direction. Raises ValueError where the columns leave it open."""
    try:
        np.linalg.cholesky(bend)
    except np.linalg.LinAlgError:
        raise ValueError("the design's columns depend on each other: give each a precision above 0") from None
    return np.asarray(np.linalg.solve(bend, slope), dtype=np.float64)
