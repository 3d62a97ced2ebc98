"""What a filter is told of a match: goals, or a blend with what says more about both sides than goals do.

    y = sum of w_s · c_s · s / sum of w_s       over the sources s that the match has: goals, expected goals, shots on
                                                target, shots, corners
    c_s = goals of the league's earlier days / sum of s there, so that every source counts in goals

A missing source leaves its weight to the others; a match with none but goals is seen as goals, with Poisson's noise.
A red card makes the rest of a match say less: noise times 1 + red_card · cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from touchline.filters.engine import Observation
from touchline.filters.series import Series, kernel
from touchline.types import Floats, History

KEEP: Final = 0.999
"""What a match still counts in c_s one match later."""

_FIRST: Final = {
    "xg": (1.0, 100.0),
    "shots_on_target": (0.31, 300.0),
    "shots": (0.105, 900.0),
    "corners": (0.27, 900.0),
}
"""Goals for one of each before any match of a league was seen, and how many of each that knowledge weighs."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of the sources and noise of their sum, as a multiple of Poisson's."""

    goals: float = 0.0
    xg: float = 0.0
    shots_on_target: float = 0.0
    shots: float = 0.0
    corners: float = 0.0
    noise: float = 1.0
    noise_without_xg: float = 1.0
    """Where expected goals have a weight and the match has none."""
    red_card: float = 0.0


class Sources:
    """Every source of a history in goals; what several filters share is computed once."""

    def __init__(self, history: History, series: Series) -> None:
        self._goals = np.stack([history.home_goals, history.away_goals], axis=1)
        self._reds = np.nan_to_num(history.home_red_cards) + np.nan_to_num(history.away_red_cards)
        self._history = history
        self._series = series
        self._known = {"goals": _filled(self._goals)}

    def observe(self, blend: Blend) -> Observation:
        """What a filter with this blend is told of each match."""
        total, weight = np.zeros(self._goals.shape), np.zeros(len(self._goals))
        for name in ("goals", *_FIRST):
            share = getattr(blend, name)
            if share > 0:
                values, has = self._in_goals(name)
                total += share * values
                weight += share * has
        has_any = weight > 0
        values = np.where(has_any[:, None], total / np.where(has_any, weight, 1.0)[:, None], self._goals)
        noise = self._noise(blend) * (1 + blend.red_card * self._reds)
        return Observation(values, noise, np.zeros(len(noise), np.int64))

    def _noise(self, blend: Blend) -> Floats:
        noise = np.full(len(self._goals), blend.noise)
        has = {name: self._in_goals(name)[1] for name in _FIRST if getattr(blend, name) > 0}
        if "xg" in has:
            noise[~has["xg"]] = blend.noise_without_xg
        if has:
            noise[~np.any(list(has.values()), axis=0)] = 1.0
        return noise

    def _in_goals(self, name: str) -> tuple[Floats, NDArray[np.bool_]]:
        """(n, 2) a source of both sides, scaled to goals and 0 where it is not known, and (n,) whether it is."""
        if name not in self._known:
            counts = np.stack([getattr(self._history, f"{side}_{name}") for side in ("home", "away")], axis=1)
            ratio, weight = _FIRST[name]
            start = np.tile([ratio * weight, weight], (len(self._series.leagues), 1))
            series = self._series
            scale = kernel().running_ratio(
                series.order, series.league, series.day, self._goals.sum(axis=1), counts.sum(axis=1), start, KEEP
            )
            self._known[name] = _filled(counts * scale[:, None])
        return self._known[name]


def _filled(values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    known = np.isfinite(values[:, 0] + values[:, 1])
    return np.where(known[:, None], values, 0.0), known


def log_rates(values: Floats, variance: float, correlation: float) -> Observation:
    """Logs of both sides' rates as an observation, (n, 2), for example those that closing prices imply."""
    n = len(values)
    return Observation(values, np.full(n, variance), np.ones(n, np.int64), correlation)
