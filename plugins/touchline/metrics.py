"""How good probabilities were: scores of single matches, and what is made of many.

With p the probabilities of the outcomes in their order, o = 1 for what happened and 0 for the rest, K outcomes:

    log loss   -ln p(happened)
    RPS        1 / (K - 1) · sum over i < K of (p1 + ... + pi - o1 - ... - oi)²
    Brier      sum of (p - o)²; of two outcomes only the first counts, as is the custom

Lower is better. Epstein (1969), "A Scoring System for Probability Forecasts of Ranked Categories", Journal of Applied
Meteorology 8; Brier (1950), "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78.
Probabilities are (n, K), outcomes (n,) indices. Nothing is clipped: what had probability 0 and happened costs an
infinite loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from touchline.types import Floats, Ints

BINS = 20
NORMAL_95 = 1.959963984540054


def log_losses(probabilities: Floats, outcomes: Ints) -> Floats:
    """(n,) negative log probability of what happened, natural logarithm."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(probabilities[np.arange(len(outcomes)), outcomes]), dtype=np.float64)


def ranked_scores(probabilities: Floats, outcomes: Ints) -> Floats:
    """(n,) ranked probability scores; outcomes are in an order that means something."""
    ranks = np.arange(probabilities.shape[1] - 1)
    happened = (outcomes[:, None] <= ranks).astype(np.float64)
    off = np.cumsum(probabilities, axis=1)[:, :-1] - happened
    return np.asarray((off**2).sum(axis=1) / len(ranks), dtype=np.float64)


def brier_scores(probabilities: Floats, outcomes: Ints) -> Floats:
    """(n,) Brier scores."""
    off = (probabilities - happened(probabilities, outcomes)) ** 2
    return np.asarray(off[:, 0] if off.shape[1] == 2 else off.sum(axis=1), dtype=np.float64)


def hits(probabilities: Floats, outcomes: Ints) -> Floats:
    """(n,) 1 where the likeliest outcome happened, else 0; of equals the first."""
    return np.asarray(probabilities.argmax(axis=1) == outcomes, dtype=np.float64)


def happened(probabilities: Floats, outcomes: Ints) -> Floats:
    """(n, K) 1 for what happened, 0 for the rest."""
    table = np.zeros(probabilities.shape)
    table[np.arange(len(outcomes)), outcomes] = 1.0
    return table


@dataclass(frozen=True, slots=True)
class Bin:
    """Probabilities of one range and how often what they were given to happened."""

    lower: float
    upper: float
    count: int
    mean: float
    """Of the probabilities."""
    share: float
    """That happened."""
    interval: tuple[float, float]
    """95 %, Wilson, of the share."""


def reliability(probabilities: Floats, outcomes: Ints, bins: int = BINS) -> list[Bin]:
    """Ranges of equal width that hold something, each outcome against the rest; of two outcomes only the first."""
    told, came = _one_against_rest(probabilities, outcomes)
    place = np.minimum((told * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    sums, came_sums = np.bincount(place, told, bins), np.bincount(place, came, bins)
    return [
        Bin(
            lower=index / bins,
            upper=(index + 1) / bins,
            count=int(counts[index]),
            mean=float(sums[index] / counts[index]),
            share=float(came_sums[index] / counts[index]),
            interval=wilson(int(came_sums[index]), int(counts[index])),
        )
        for index in np.flatnonzero(counts).tolist()
    ]


def calibration_error(probabilities: Floats, outcomes: Ints, bins: int = BINS) -> float:
    """Mean distance between probability and share over ranges of equal width, weighted by how many are in each.

    The expected calibration error of Naeini, Cooper & Hauskrecht (2015), AAAI 29. NaN when there is nothing.
    """
    parts = reliability(probabilities, outcomes, bins)
    total = sum(part.count for part in parts)
    return sum(part.count * abs(part.mean - part.share) for part in parts) / total if total else math.nan


def wilson(successes: int, count: int, z: float = NORMAL_95) -> tuple[float, float]:
    """Interval of a share, 95 % without another z; (0, 1) when nothing was counted.

    Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22.
    """
    if count == 0:
        return 0.0, 1.0
    share = successes / count
    middle = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    scale = 1 + z**2 / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def skill_share(baseline: float, model: float, best: float) -> float:
    """(baseline - model) / (baseline - best): 0 as bad as the baseline, 1 as good as the best known.

    NaN where the best is not better than the baseline: there is nothing to have a share of.
    """
    return (baseline - model) / (baseline - best) if baseline > best else math.nan


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of one row of losses minus another's on the same matches; below 0 the first is better."""

    count: int
    mean: float
    error: float
    """Standard error of the mean; NaN below two matches."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return self.mean - NORMAL_95 * self.error, self.mean + NORMAL_95 * self.error


def paired(losses: Floats, others: Floats) -> Difference:
    """The difference of two (n,) losses of the same matches; both infinite on a match differ by nothing there."""
    both = np.isposinf(losses) & np.isposinf(others)
    apart = np.where(both, 0.0, losses) - np.where(both, 0.0, others)
    n = len(apart)
    mean = float(apart.mean()) if n else math.nan
    error = float(apart.std(ddof=1) / math.sqrt(n)) if n > 1 and np.isfinite(apart).all() else math.nan
    return Difference(n, mean, error)


def _one_against_rest(probabilities: Floats, outcomes: Ints) -> tuple[Floats, Floats]:
    """Probabilities and whether they came true, flattened."""
    came = happened(probabilities, outcomes)
    if probabilities.shape[1] == 2:
        return probabilities[:, 0], came[:, 0]
    return probabilities.ravel(), came.ravel()
