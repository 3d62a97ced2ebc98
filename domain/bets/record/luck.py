"""Skill or luck: what settled bets say about the edge of whoever placed them. Pure.

A bet of stake s at decimal odds d with the edge e wins with probability (1 + e)/d. Its profit then has the mean
s·e and the variance s²(1 + e)(d - 1 - e). Without an edge the price taken was fair: mean 0, variance s²(d - 1).

- The **chance** of a profit P is the probability of at least P without an edge. Up to 200 bets it is counted in
  9,999 seeded simulations of the same bets; beyond, it is the normal approximation with its first correction
  for skewness, w = z - γ(z² - 1)/6 (Cornish & Fisher, Revue de l'Institut International de Statistique 5, 1938).
- The **interval** of the yield holds every e that P does not contradict: |P - e·Σs| ≤ c·√Var(e). With one stake
  and one price it is Wilson's interval of a hit rate (JASA 22, 1927), read as a yield. c is 1.96, or the critical
  value of the chance where that is larger: few bets at long odds say less than a normal curve believes.
- So the interval leaves out 0 exactly where the **verdict** is not UNDECIDED, and without an edge either verdict
  is wrong in at most 2.5 of 100 records.
- **Bets needed**: n = ((1.96 + 0.84)·σ/e)² for a power of 80 %, σ the standard deviation of a bet's return
  without an edge. A bettor who wins 55 % at -110 (d = 1.909, e = 0.05) needs 2,855; the 1,400 that is often told
  has a power of 50 %, 1.96²·σ²/e² = 1,397.

A bet that can be half won or returned is judged as if it could only be won or lost. That overstates its
variance, and errs on the side of UNDECIDED.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf, isfinite, sqrt

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from touchline import Floats

TAIL = 0.025
"""Either side of a 95 % interval."""
POWER = 0.8
MOST_SIMULATED = 200
"""Bets up to which the chance is simulated."""
DRAWS = 9_999
MOST_NEEDED = 100_000
"""Bets; nobody should wait for more to be told."""
USUAL_EDGE = 0.05
"""What a good bettor's yield is taken to be where there is none to look at."""

_SEED = 20260314
_Z = float(ndtri(1 - TAIL))


class Verdict(StrEnum):
    """What a record shows of its owner's edge."""

    SKILL = "SKILL"
    """An edge above 0."""
    NO_EDGE = "NO_EDGE"
    """An edge below 0: worse than fair prices."""
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a profit says about the edge behind it."""

    chance: float
    """Of at least this profit without an edge."""
    lower: float
    """Of the yield that the bettor would have in the long run, 95 %, fraction."""
    upper: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Null:
    """The profit without an edge, in its standard deviations: how often it is reached, and where its tails begin."""

    chance: float
    low: float
    high: float


def judge(stakes: Floats, prices: Floats, profit: int) -> Judgement | None:
    """The judgement on bets `(n,)` whose profits sum to `profit`, in minor units; None without a bet."""
    if not len(stakes):
        return None
    deviation = sqrt(float(np.sum(stakes**2 * (prices - 1))))
    null = (_simulated if len(stakes) <= MOST_SIMULATED else _approximated)(stakes, prices, profit, deviation)
    high, low = max(_Z, null.high), min(-_Z, null.low)
    shown = profit / float(stakes.sum())  # rounded to minor units, a tiny stake can bring more than its odds
    lower = min(shown, max(-1.0, _yield_at(stakes, prices, profit, high, -1)))
    upper = max(shown, _yield_at(stakes, prices, profit, low, 1))
    if profit > high * deviation:
        return Judgement(null.chance, max(lower, 0.0), upper, Verdict.SKILL)
    if profit < low * deviation:
        return Judgement(null.chance, lower, min(upper, 0.0), Verdict.NO_EDGE)
    return Judgement(null.chance, min(lower, 0.0), max(upper, 0.0), Verdict.UNDECIDED)


def _simulated(stakes: Floats, prices: Floats, profit: int, deviation: float) -> _Null:
    """By simulation; the order of the bets changes nothing, nor does asking again."""
    order = np.lexsort((prices, stakes))
    stakes, prices = stakes[order], prices[order]
    returns = np.rint(stakes * np.rint(prices * 10_000) / 10_000)  # half to even, as bets are paid
    draws = np.random.default_rng(_SEED).random((DRAWS, len(stakes)), dtype=np.float32)
    is_won = draws < (1 / prices).astype(np.float32)
    profits = np.sort(is_won.astype(np.float64) @ returns) - stakes.sum()
    reached = DRAWS - int(np.searchsorted(profits, profit, side="left"))
    tail = int(TAIL * (DRAWS + 1))
    return _Null((1 + reached) / (1 + DRAWS), float(profits[tail - 1]) / deviation, float(profits[-tail]) / deviation)


def _approximated(stakes: Floats, prices: Floats, profit: int, deviation: float) -> _Null:
    """By the normal curve and its first correction, which holds up to z = 3/γ."""
    skewness = float(np.sum(stakes**3 * (prices - 1) * (prices - 2))) / deviation**3
    z = min(profit / deviation, 3 / skewness if skewness > 0 else inf)
    shift = skewness * (_Z**2 - 1) / 6
    return _Null(float(ndtr(-(z - skewness * (z**2 - 1) / 6))), -_Z + shift, _Z + shift)


def _yield_at(stakes: Floats, prices: Floats, profit: int, critical: float, side: int) -> float:
    """The lower (side -1) or upper (side 1) yield e that solves profit - e·Σs = critical·√Var(e)."""
    turnover, squares = float(stakes.sum()), stakes**2 * critical**2
    a = turnover**2 + float(squares.sum())
    b = 2 * profit * turnover + float(np.sum(squares * (prices - 2)))
    c = float(profit) ** 2 - float(np.sum(squares * (prices - 1)))
    return (b + side * sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a)


def bets_needed(stakes: Floats, prices: Floats, edge: float, *, power: float = POWER) -> int | None:
    """How many bets of this kind show an edge of this size, above or below 0; None for more than 100,000.

    `power` is how often that many bets do show it, at 2.5 % on the edge's side.
    """
    if not len(stakes) or edge == 0:
        return None
    variance = len(stakes) * float(np.sum(stakes**2 * (prices - 1))) / float(stakes.sum()) ** 2
    needed = (_Z + float(ndtri(power))) ** 2 * variance / edge**2
    return ceil(needed) if isfinite(needed) and needed <= MOST_NEEDED else None


def luck_deviation(stakes: Floats, prices: Floats, probabilities: Floats) -> float:
    """Standard deviation of the profit, in the unit of the stakes, when these probabilities of winning are right."""
    certain = np.clip(probabilities, 0.0, 1.0)
    return sqrt(float(np.sum(stakes**2 * prices**2 * certain * (1 - certain))))


def mean_interval(values: Floats) -> tuple[float, float] | None:
    """95 % interval of the mean by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    middle = float(values.mean())
    half = float(stdtrit(len(values) - 1, 1 - TAIL)) * float(values.std(ddof=1)) / sqrt(len(values))
    return middle - half, middle + half
