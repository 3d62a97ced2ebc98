"""Expected goals that margin-free prices imply: the inverse of a score grid.

    result (home, draw, away) and over 2.5  →  log l, log m      l, m: expected goals of home and away

The pair whose grid (`touchline.grid`, with its rho) comes closest: least squares over the four probabilities. Of a
match without a price on over 2.5 the result alone decides. Sums run over one side's goals, never over a whole grid:

    P(home) = sum_i p(i; l) F(i - 1; m) + rho·l·m·e^(-l-m)       p, F: Poisson probability and distribution function
    P(draw) = sum_i p(i; l) p(i; m) - 2·rho·l·m·e^(-l-m)         rho moves 1-0 and 0-1 against 0-0 and 1-1
    P(over 2.5) = 1 - F(2; l + m)                                and so leaves three goals and more alone

Solved by Gauss-Newton with halved steps (Nocedal & Wright, "Numerical Optimization", 2006,
ch. 10); every row is solved by itself, so an answer does not depend on its neighbours.
"""

from __future__ import annotations

import numpy as np

from touchline.types import Floats

RHO = -0.06
"""Usual dependence of low scores in the top five leagues."""

GOALS = 26
"""Terms of the sums over one side's goals: beyond them lies less than 1e-7 at the largest mean."""

MAX_STEPS = 60
CONVERGED = 1e-11
"""Length of a step after which a row is solved."""
LONGEST = 0.5
"""Change of a log mean in one step at most."""
FARTHEST = 0.06
"""Probability by which an answer may miss; half of all rows miss by 0.007, one in a hundred by 0.032."""
BLOCK = 512
"""Rows solved at once: their sums stay in the processor's cache."""
LARGEST_MEAN = 7.0
"""Expected goals of a side above which prices are no prices of this game."""


def implied_rates(result: Floats, over: Floats, rho: float = RHO) -> Floats:
    """(n, 2) logs of both sides' expected goals from margin-free probabilities of the result, (n, 3), and of over 2.5
    goals, (n,).

    A row of NaN stays NaN; where only `over` is NaN the result decides. A row is NaN too when no expectation up to 7
    goals a side comes within 0.06 of each of its probabilities: such prices hold an error, or a draw that was agreed.
    Raises ValueError for probabilities outside 0 and 1.
    """
    result, over = np.asarray(result, dtype=np.float64), np.asarray(over, dtype=np.float64)
    if result.ndim != 2 or result.shape[1] != 3 or over.shape != (len(result),):
        raise ValueError(f"result and over must be (n, 3) and (n,) and are {result.shape} and {over.shape}")
    known = np.isfinite(result).all(axis=1)
    asked = np.column_stack([result, over])[known]
    if not ((np.nan_to_num(asked, nan=0.5) > 0) & (np.nan_to_num(asked, nan=0.5) < 1)).all():
        raise ValueError("result and over must be probabilities between 0 and 1")
    answer = np.full((len(result), 2), np.nan)
    solved = [_solved(asked[start : start + BLOCK], rho) for start in range(0, len(asked), BLOCK)]
    answer[known] = np.concatenate([np.empty((0, 2)), *solved])
    return answer


def _solved(asked: Floats, rho: float) -> Floats:
    """(k, 2) log means of rows of home, draw, away, over; NaN where nothing comes close."""
    here = _start(asked)
    off, slopes = _gap(here, asked, rho)
    shorten = np.ones(len(asked))
    unsolved = np.arange(len(asked))
    for _ in range(MAX_STEPS):
        step = shorten[unsolved, None] * _step(off[unsolved], slopes[unsolved])
        there = here[unsolved] + step
        new_off, new_slopes = _gap(there, asked[unsolved], rho)
        is_better = (new_off**2).sum(axis=1) <= (off[unsolved] ** 2).sum(axis=1) + 1e-18
        moved = unsolved[is_better]
        here[moved], off[moved], slopes[moved] = there[is_better], new_off[is_better], new_slopes[is_better]
        shorten[moved] = 1.0
        shorten[unsolved[~is_better]] /= 2
        unsolved = unsolved[np.abs(step).max(axis=1) > CONVERGED]
        if not len(unsolved):
            break
    here[unsolved] = np.nan
    here[np.abs(off).max(axis=1) > FARTHEST] = np.nan
    here[np.exp(here).max(axis=1) > LARGEST_MEAN] = np.nan
    return here


def _start(asked: Floats) -> Floats:
    """Total from the log-odds of over 2.5, supremacy from those of the result: straight lines through usual matches."""
    over = np.where(np.isfinite(asked[:, 3]), asked[:, 3], 0.5)
    total = np.minimum(2.65 * np.exp(0.36 * np.log(over / (1 - over))), LARGEST_MEAN)
    half = np.clip(0.35 * np.log(asked[:, 0] / asked[:, 2]) / np.sqrt(total / 2.65), -1.5, 1.5)
    each: Floats = np.log(total / (2 * np.cosh(half)))
    return np.stack([each + half, each - half], axis=1)


def _step(off: Floats, slopes: Floats) -> Floats:
    """(k, 2) Gauss-Newton steps, no longer than one half in either log mean."""
    a, c, b = (slopes[:, :, 0] ** 2).sum(axis=1), (slopes[:, :, 1] ** 2).sum(axis=1), slopes.prod(axis=2).sum(axis=1)
    u, v = (slopes[:, :, 0] * off).sum(axis=1), (slopes[:, :, 1] * off).sum(axis=1)
    step = np.column_stack([b * v - c * u, b * u - a * v]) / (a * c - b * b)[:, None]
    return np.asarray(step / np.maximum(np.abs(step).max(axis=1, keepdims=True) / LONGEST, 1.0), dtype=np.float64)


def _gap(here: Floats, asked: Floats, rho: float) -> tuple[Floats, Floats]:
    """(k, 4) probabilities at log means less those asked for, and (k, 4, 2) slopes; 0 where nothing is asked."""
    l, m = np.exp(here).T  # noqa: E741 - the letters of the formulas
    goals = np.arange(GOALS)
    p, q = _poisson(l), _poisson(m)
    below = np.cumsum(q, axis=1) - q
    low = rho * l * m * np.exp(-l - m)
    by_l = (goals - l[:, None]) * p
    home, draw = (p * below).sum(axis=1) + low, (p * q).sum(axis=1) - 2 * low
    beyond = np.exp(-l - m) * (l + m) ** 2 / 2
    over = 1 - np.exp(-l - m) * (1 + l + m) - beyond
    home_by = [(by_l * below).sum(axis=1) + low * (1 - l), low * (1 - m) - m * (p[:, 1:] * q[:, :-1]).sum(axis=1)]
    draw_by = [
        (by_l * q).sum(axis=1) - 2 * low * (1 - l),
        ((goals - m[:, None]) * p * q).sum(axis=1) - 2 * low * (1 - m),
    ]
    away_by = [-home_by[0] - draw_by[0], -home_by[1] - draw_by[1]]
    values = np.column_stack([home, draw, 1 - home - draw, over])
    slopes = np.stack([np.column_stack(by) for by in (home_by, draw_by, away_by, [beyond * l, beyond * m])], axis=1)
    is_asked = np.isfinite(asked)
    return np.where(is_asked, values - asked, 0.0), np.where(is_asked[:, :, None], slopes, 0.0)


def _poisson(mean: Floats) -> Floats:
    """(k, GOALS) probability of 0, 1, ... goals."""
    cells = np.empty((len(mean), GOALS))
    cells[:, 0] = np.exp(-mean)
    for goals in range(1, GOALS):
        cells[:, goals] = cells[:, goals - 1] * mean / goals
    return cells
