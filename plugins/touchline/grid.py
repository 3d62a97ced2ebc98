"""Joint distributions of both sides' goals: the single source of every goal market.

    P(i, j) = tau(i, j) · Poisson(i; l) · Poisson(j; m)          l, m: expected goals of home and away
    tau(0,0) = 1 - l·m·rho    tau(0,1) = 1 + l·rho
    tau(1,0) = 1 + m·rho      tau(1,1) = 1 - rho                 elsewhere 1

Dixon & Coles, "Modelling Association Football Scores and Inefficiencies in the Football Betting Market", Applied
Statistics 46 (1997). tau moves probability among the four low scores and leaves both marginals Poisson: negative rho
makes 0-0 and 1-1 likelier. All markets of one grid agree with each other by construction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from touchline.types import Floats, Ints, Kind, MarketKey

SMALLEST = 16
"""Cells per side at least: 0 to 14 goals, and 15 or more."""

TAIL = 1e-9
"""Probability of the last cell above which a grid is made larger."""

HIGHEST_MEAN = 40.0
"""Expected goals of a side above which a number is no forecast of this game."""


class ScoreGrid:
    """Score distributions of `n` matches.

    The last cell of a side holds "that many goals or more", so nothing is cut off; without `size` the grid is as
    large as its largest mean needs for a last cell below 1e-9. Raises ValueError for means that are not positive and
    for a rho that makes a score's probability negative (see `limit_rho`).
    """

    __slots__ = ("_cells", "_factors", "away_mean", "home_mean", "rho")

    home_mean: Floats
    """(n,) expected goals of the home side."""
    away_mean: Floats
    """(n,) expected goals of the away side."""
    rho: Floats
    """(n,) dependence of low scores."""
    _cells: Floats | None
    _factors: tuple[Floats, Floats, Floats] | None
    """(n, size) of home goals, (n, size) of away goals, and what rho adds to 0-0, 0-1, 1-0 and 1-1, (n, 4)."""

    def __init__(self, home_mean: Floats, away_mean: Floats, rho: ArrayLike = 0.0, size: int | None = None) -> None:
        self.home_mean = _means("home_mean", home_mean)
        self.away_mean = _means("away_mean", away_mean)
        if self.home_mean.shape != self.away_mean.shape:
            raise ValueError("home_mean and away_mean must be of one length")
        self.rho = np.broadcast_to(np.asarray(rho, dtype=np.float64), self.home_mean.shape)
        cells = size or size_for(max(self.home_mean.max(initial=0.0), self.away_mean.max(initial=0.0)))
        home, away = poisson(self.home_mean, cells), poisson(self.away_mean, cells)
        low = home[:, [0, 0, 1, 1]] * away[:, [0, 1, 0, 1]]
        self._factors = home, away, low * (_taus(self.home_mean, self.away_mean, self.rho).T - 1)
        self._cells = None

    @classmethod
    def of_cells(cls, cells: Floats, home_mean: Floats, away_mean: Floats, rho: Floats) -> ScoreGrid:
        """A grid of scores whose probabilities are known, (n, size, size), with each side's expected goals."""
        grid = cls.__new__(cls)
        grid.home_mean, grid.away_mean, grid.rho = home_mean, away_mean, rho
        grid._cells, grid._factors = cells, None
        return grid

    def __len__(self) -> int:
        return len(self.home_mean)

    @property
    def cells(self) -> Floats:
        """(n, size, size) probability of each score, home goals first; each match sums to 1. Made when asked for."""
        if self._cells is None:
            self._cells = joint(self.home_mean, self.away_mean, self.rho, self.size)
        return self._cells

    @property
    def size(self) -> int:
        """Cells per side."""
        return int((self.cells if self._factors is None else self._factors[0]).shape[1])

    def mass(self, scores: Floats) -> Floats:
        """(n, k) probability of each of `k` sets of scores, given as weights (size, size, k): any event of a match."""
        n, size = len(self), self.size
        if self._factors is None:
            return self.cells.reshape(n, size**2) @ scores.reshape(size**2, -1)
        # Summed over away goals and then over home goals: the cells themselves are never needed.
        home, away, added = self._factors
        sets = scores.reshape(size, size, -1)
        by_home = (away @ sets.swapaxes(0, 1).reshape(size, -1)).reshape(n, size, sets.shape[2])
        low = sets[[0, 0, 1, 1], [0, 1, 0, 1]]
        return np.asarray((home[:, None] @ by_home)[:, 0] + added @ low, dtype=np.float64)

    def markets(self, keys: Sequence[MarketKey]) -> dict[MarketKey, Floats]:
        """(n, outcomes) of each market in its customary order, all in one matrix product.

        Knows the match result, both teams to score and total goals at half lines; ValueError for another one.
        """
        weights = [self._weights(key) for key in keys]
        edges = np.cumsum([weight.shape[2] for weight in weights])[:-1]
        parts = np.split(self.mass(np.concatenate(weights, axis=2)), edges, axis=1)
        return {key: part / part.sum(axis=1, keepdims=True) for key, part in zip(keys, parts, strict=True)}

    def result(self) -> Floats:
        """(n, 3) home win, draw, away win."""
        return self.mass(_three_way(self._margin))

    def total(self, line: float) -> Floats:
        """(n, 3) over, push, under of all goals at a half or whole line; ValueError for a quarter line."""
        return self.mass(_three_way(2 * self._sum - halves(line)))

    def team_total(self, line: float, *, home: bool) -> Floats:
        """(n, 3) over, push, under of one side's goals at a half or whole line."""
        goals = np.arange(self.size)
        side = np.broadcast_to(goals[:, None] if home else goals[None, :], (self.size, self.size))
        return self.mass(_three_way(2 * side - halves(line)))

    def both_teams_to_score(self) -> Floats:
        """(n, 2) yes, no."""
        return self.mass(self._weights(MarketKey(Kind.BOTH_TEAMS_TO_SCORE)))

    def asian_handicap(self, line: float) -> Floats:
        """(n, 3) shares of a stake on the home side that are won, returned and lost.

        `line` is the goals given to the home side, in quarters. A quarter line splits the stake over its two
        neighbours. Fair decimal odds are `1 + lost / won`.
        """
        quarters = _steps(line, 4)
        lower, upper = quarters // 2, -(-quarters // 2)
        return self.mass((_three_way(2 * self._margin + lower) + _three_way(2 * self._margin + upper)) / 2)

    def top_scores(self, count: int) -> tuple[Ints, Ints, Floats]:
        """Home goals, away goals and probability of the likeliest scores, (n, count) each, likeliest first."""
        flat = self.cells.reshape(len(self), self.size**2)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :count]
        return order // self.size, order % self.size, np.take_along_axis(flat, order, axis=1)

    def expected_total(self) -> Floats:
        """(n,) expected goals of both sides."""
        return self.home_mean + self.away_mean

    @property
    def _margin(self) -> Ints:
        goals = np.arange(self.size)
        return goals[:, None] - goals[None, :]

    @property
    def _sum(self) -> Ints:
        goals = np.arange(self.size)
        return goals[:, None] + goals[None, :]

    def _weights(self, key: MarketKey) -> Floats:
        if key.period == "ft" and key.kind is Kind.MATCH_RESULT:
            return _three_way(self._margin)
        if key.period == "ft" and key.kind is Kind.TOTAL_GOALS and key.line is not None and halves(key.line) % 2:
            return _three_way(2 * self._sum - halves(key.line))[:, :, [0, 2]]
        if key.period == "ft" and key.kind is Kind.BOTH_TEAMS_TO_SCORE:
            goals = np.arange(self.size)
            both = (goals[:, None] > 0) & (goals[None, :] > 0)
            return np.stack([both, ~both], axis=2).astype(np.float64)
        raise ValueError(f"a grid of full-time scores has no two- or three-way market {key}")


def limit_rho(home_mean: Floats, away_mean: Floats, rho: ArrayLike) -> Floats:
    """(n,) rho brought into the range where no score's probability is negative (Dixon & Coles 1997, section 4).

    Between `-1 / max(l, m, 1)` and `min(1 / (l·m), 1)`; it binds only where a side expects seven goals or more.
    """
    lowest = -1 / np.maximum(np.maximum(home_mean, away_mean), 1.0)
    highest = np.minimum(1 / (home_mean * away_mean), 1.0)
    return np.clip(np.asarray(rho, dtype=np.float64), lowest, highest)


def halves(line: float) -> int:
    """A line in half goals; ValueError when it is not a multiple of one half."""
    return _steps(line, 2)


def _steps(line: float, per_goal: int) -> int:
    steps = line * per_goal
    if not np.isfinite(steps) or abs(steps - round(steps)) > 1e-9:
        raise ValueError(f"the line {line:g} is not a multiple of 1/{per_goal}")
    return round(steps)


def _means(name: str, values: Floats) -> Floats:
    means = np.asarray(values, dtype=np.float64)
    if means.ndim != 1:
        raise ValueError(f"{name} must be of the shape (n,) and is {means.shape}")
    if not ((means > 0) & (means <= HIGHEST_MEAN)).all():
        raise ValueError(f"{name} must be above 0 and at most {HIGHEST_MEAN:g}")
    return means


def size_for(mean: float) -> int:
    """Cells per side that a mean needs."""
    size = SMALLEST
    while poisson(np.array([mean]), size)[0, -1] > TAIL:
        size += 4
    return size


def poisson(means: Floats, size: int) -> Floats:
    """(n, size) probability of 0, 1, ... goals; the last cell holds its number or more. A mean may be 0.

    Raises ValueError for fewer than three cells.
    """
    if size < 3:
        raise ValueError("a grid needs three cells per side at least")
    cells = np.empty((len(means), size))
    cells[:, 0] = np.exp(-means)
    for goals in range(1, size - 1):
        cells[:, goals] = cells[:, goals - 1] * means / goals
    cells[:, -1] = np.maximum(0.0, 1 - cells[:, :-1].sum(axis=1))
    return cells


def joint(home_mean: Floats, away_mean: Floats, rho: Floats, size: int) -> Floats:
    """(n, size, size) probability of each score; means may be 0. ValueError where rho makes one negative."""
    cells = poisson(home_mean, size)[:, :, None] * poisson(away_mean, size)[:, None, :]
    # tau takes from some of these cells what it gives to others: the sum stays 1.
    cells[:, [0, 0, 1, 1], [0, 1, 0, 1]] *= _taus(home_mean, away_mean, rho).T
    return cells


def _taus(home_mean: Floats, away_mean: Floats, rho: Floats) -> Floats:
    """(4, n) correction of 0-0, 0-1, 1-0 and 1-1. ValueError where rho makes one negative."""
    low = np.stack([1 - home_mean * away_mean * rho, 1 + home_mean * rho, 1 + away_mean * rho, 1 - rho])
    if not (low >= -1e-12).all():
        raise ValueError("rho makes the probability of a low score negative")
    return np.maximum(low, 0.0)


def _three_way(excess: Ints) -> Floats:
    """Weights (size, size, 3): where a whole number is above, at and below 0."""
    return np.stack([excess > 0, excess == 0, excess < 0], axis=2).astype(np.float64)
