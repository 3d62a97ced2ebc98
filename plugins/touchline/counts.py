"""Totals of a count, as negative binomial or Poisson: what is known when only a total is modelled.

    P(y) = Gamma(k + y) / (Gamma(k) y!) · (k / (k + m))^k · (m / (k + m))^y        mean m, variance m + m²/k

`k` is the dispersion: the smaller, the wider; infinite k is Poisson. Evaluated by the recurrence
P(y + 1) = P(y) · (k + y) / (y + 1) · m / (k + m).
"""

from __future__ import annotations

import math

import numpy as np

from touchline.grid import halves
from touchline.types import Floats

HIGHEST = 200.0
"""Means and lines above this are no forecast of this game."""


def negative_binomial(mean: Floats, dispersion: Floats, size: int) -> Floats:
    """(n, size) probability of 0, 1, ...; the last cell holds its number or more.

    `mean` and `dispersion` are (n,). Raises ValueError when a mean is not within 0 to 200 or a dispersion not above 0.
    """
    if not ((mean > 0) & (mean <= HIGHEST)).all() or not (dispersion > 0).all():
        raise ValueError("means lie above 0 and at most at 200, dispersions above 0")
    spread = mean / dispersion
    cells = np.empty((len(mean), size))
    # k·log(1 + m/k) goes to m where k is too large to tell.
    cells[:, 0] = np.exp(-np.where(spread > 1e-12, np.log1p(spread) / np.maximum(spread, 1e-12), 1.0) * mean)
    for count in range(1, size - 1):
        ratio = mean * (1 + (count - 1) / dispersion) / (count * (1 + spread))
        cells[:, count] = cells[:, count - 1] * ratio
    cells[:, -1] = np.maximum(0.0, 1 - cells[:, :-1].sum(axis=1))
    return cells


def over_push_under(mean: Floats, dispersion: Floats, line: float) -> Floats:
    """(n, 3) over, push, under at a half or whole line from 0 to 200; ValueError for another one."""
    steps = halves(line)
    if not 0 <= line <= HIGHEST:
        raise ValueError(f"the line {line:g} does not lie from 0 to {HIGHEST:g}")
    below = (steps + 1) // 2  # counts 0 .. below - 1 lie under the line
    cells = negative_binomial(mean, dispersion, below + 2)
    under = cells[:, :below].sum(axis=1)
    push = cells[:, below] if steps % 2 == 0 else np.zeros(len(mean))
    over = np.maximum(0.0, 1 - under - push)
    parts = np.stack([over, push, under], axis=1)
    return np.asarray(parts / parts.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_dispersion(counts: Floats, means: Floats, weight: Floats, *, prior: float, spread: float) -> float:
    """The likeliest dispersion of counts around known means, all (n,), with log k ~ Normal(log prior, spread²).

    Nothing seen gives the prior. The slope is bisected within six spreads of the prior, so it cannot diverge.
    """
    tail = np.array([weight[counts > below].sum() for below in range(int(counts.max(initial=0)))])
    below = np.arange(len(tail))

    def slope(log_k: float) -> float:
        """Derivative of the log posterior by log k."""
        k = math.exp(log_k)
        bend = np.log1p(means / k) - (k + counts) * means / (k * (k + means))
        seen = -float(tail @ (below / (k + below))) - k * float(weight @ bend)
        return seen - (log_k - math.log(prior)) / spread**2

    low, high = math.log(prior) - 6 * spread, math.log(prior) + 6 * spread
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return math.exp((low + high) / 2)
