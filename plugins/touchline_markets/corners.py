"""Total corners: over and under 9.5; any other line from the stored mean and dispersion.

    log l = (t + s) / 2,  log m = (t - s) / 2            l, m: expected corners of home and away
    t, s = weighted sums of what the filters say          corners at three speeds, corners with shots at two; shots at
                                                          two speeds, shots on target, goals; corners in goals
    corners ~ Poisson(l), Poisson(m)                      to learn the weights
    total ~ NegativeBinomial(mean l + m, dispersion k)    variance = mean + mean²/k

The filters are state-space ratings of each league (`touchline.filters.engine`). The weights are one regression over
the past seasons of every league, with a Gaussian prior (`touchline.filters.stacks`, `touchline.stack`); k is the
likeliest value around its means, with a prior (`touchline.counts`). The corners of the two sides correlate at -0.26
(8,955 matches of the top five leagues), so the total is modelled and not two independent sides; its variance, 11.5 at
a mean of 9.75, is above Poisson's. A club's corners change slowly: the slow filters matter most. Settings and what they
were chosen on: TUNING.md.

Matches without corners are left out altogether, and do not count for the basis of a forecast.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from touchline import (
    CORNERS_95,
    Fixtures,
    Floats,
    Forecasts,
    History,
    MarketKey,
    Model,
    OddsUse,
    Reach,
    State,
    hookimpl,
)
from touchline.counts import fit_dispersion, over_push_under
from touchline.filters.engine import FilterSettings, Observation
from touchline.filters.observations import Sources
from touchline.filters.series import Series, kernel
from touchline.filters.stacks import Stacked, StackSettings, Watched, fit_stack
from touchline.forecasting import NEGATIVE_BINOMIAL
from touchline_markets.goal_stack import MEMBERS

API = 1

UNIT: Final = 0.262
"""Goals for one corner. Filters start from the level of goals: so scaled, a league never seen has 9.8 corners."""

PER_SHOT: Final = (0.42, 300.0)
"""Corners for one shot before any match of a league was seen, and how many shots that knowledge weighs."""
KEEP: Final = 0.999
"""What a match still counts in a league's corners per shot one match later."""


@dataclass(frozen=True, slots=True)
class CornerFilter:
    """A filter on corners, or on corners and shots."""

    name: str
    walk: float
    """Variance a week of the logs of a club's corners for and against."""
    share: float = 1.0
    """Weight of corners; the rest is on shots."""
    noise: float = 1.3
    """As a multiple of Poisson's."""


@dataclass(frozen=True, slots=True)
class CornerSettings:
    """Choices of the model."""

    filters: tuple[CornerFilter, ...]
    base: FilterSettings
    stack: StackSettings
    others: tuple[str, ...] = ("shots", "shots_fast", "target", "goals", "corners")
    """Filters of the goal stack that stand beside them."""
    summer: float = 30.0
    """Weeks of walking that a summer is worth."""
    red_card: float = 0.4
    dispersion: float = 70.0
    dispersion_spread: float = 0.5
    """Standard deviation of the prior of log k."""

    def watch(self, history: History, series: Series) -> list[Watched]:
        """The filters for a history and what they are told."""
        seen = _Seen(history, series)
        own = [
            Watched(
                one.name,
                seen.observe(one, self.red_card),
                replace(self.base, walk=one.walk, summer=self.summer * one.walk),
            )
            for one in self.filters
        ]
        sources = Sources(history, series)
        others = [one for one in MEMBERS if one.name in self.others]
        return [*own, *(Watched(one.name, sources.observe(one.blend), one.settings) for one in others)]

    def tail(self, means: Floats, corners: Floats, weight: Floats) -> float:
        """Dispersion of the total around the means of the training matches."""
        total, mean = corners.sum(axis=1), means.sum(axis=1)
        return fit_dispersion(total, mean, weight, prior=self.dispersion, spread=self.dispersion_spread)


CHOSEN: Final = CornerSettings(
    filters=(
        CornerFilter("slow", 1e-5),
        CornerFilter("steady", 5e-5),
        CornerFilter("fast", 3e-4),
        CornerFilter("mixed", 1e-4, share=0.6, noise=1.0),
        CornerFilter("mixed_fast", 2.5e-4, share=0.6, noise=1.0),
    ),
    base=FilterSettings(
        walk_correlation=0.0,
        summer_correlation=0.0,
        early=0.5,
        level_walk=3e-5,
        home_walk=2e-5,
        new_variance=0.012,
        new_attack=0.0,
        new_defence=0.0,
    ),
    stack=StackSettings(
        start=(("slow", 0.5), ("mixed", 0.5)),
        half_life=12.0,
        total_precision=40.0,
        supremacy_precision=20.0,
        has_calendar=False,
        level=-2 * math.log(UNIT),
    ),
)

REACH: Final = Reach(every_league=True, days=7300)


@dataclass(frozen=True, slots=True)
class FittedCorners:
    """The stack and the dispersion of totals, ready to forecast."""

    chosen: CornerSettings
    stacked: Stacked

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order; a club without corners gets the prior and says so."""
        means, places = self.stacked.means(fixtures)
        home_mean, away_mean = np.ascontiguousarray(means.T)
        dispersion = np.full(len(home_mean), self.stacked.tail)
        total = over_push_under(home_mean + away_mean, dispersion, 9.5)
        return Forecasts(
            probabilities={CORNERS_95: total[:, [0, 2]]},
            basis=places.basis(),
            family=NEGATIVE_BINOMIAL,
            parameters={
                "mean": home_mean + away_mean,
                "dispersion": dispersion,
                "home_mean": home_mean,
                "away_mean": away_mean,
            },
        )

    def advance(self, history: History, rng: np.random.Generator) -> FittedCorners:  # noqa: ARG002 - the contract's
        """What a fit on the longer history gives, bit for bit; one that does not go on from ours is fitted anew."""
        return _fit(self.chosen, history, self.stacked)

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        return self.stacked.state()


@dataclass(frozen=True, slots=True)
class Corners:
    """The model of total corners."""

    chosen: CornerSettings = CHOSEN
    key: str = "touchline.corners"
    version: str = "2"
    markets: tuple[MarketKey, ...] = (CORNERS_95,)
    odds_use: OddsUse = OddsUse.NONE
    reach: Reach = REACH

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name; `recipe` changes with any setting of any filter."""
        chosen = self.chosen
        return {
            "filters": " ".join((*(one.name for one in chosen.filters), *chosen.others)),
            "half_life": chosen.stack.half_life,
            "total_precision": chosen.stack.total_precision,
            "supremacy_precision": chosen.stack.supremacy_precision,
            "dispersion": chosen.dispersion,
            "recipe": hashlib.sha256(repr((chosen, MEMBERS)).encode()).hexdigest()[:12],
        }

    def fit(self, history: History, rng: np.random.Generator) -> FittedCorners:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random. Raises `touchline.rates.FitError`."""
        return _fit(self.chosen, history)

    def restore(self, history: History, state: State) -> FittedCorners:
        """The fitted model of a saved state."""
        return FittedCorners(self.chosen, Stacked.restore(history, state))


def _fit(chosen: CornerSettings, history: History, before: Stacked | None = None) -> FittedCorners:
    known = _with_corners(history)
    corners = np.stack([known.home_corners, known.away_corners], axis=1)
    return FittedCorners(chosen, fit_stack(known, chosen.watch, corners, chosen.stack, chosen.tail, before))


def _with_corners(history: History) -> History:
    """The matches whose corners are known."""
    is_known = np.isfinite(history.home_corners + history.away_corners)
    if is_known.all():
        return history
    columns = (one.name for one in fields(history) if one.name not in ("as_of", "clubs", "leagues"))
    return replace(history, **{name: getattr(history, name)[is_known] for name in columns})


class _Seen:
    """Corners and shots of a history in the filters' unit."""

    def __init__(self, history: History, series: Series) -> None:
        self._corners = np.stack([history.home_corners, history.away_corners], axis=1)
        shots = np.stack([history.home_shots, history.away_shots], axis=1)
        share, weight = PER_SHOT
        start = np.tile([share * weight, weight], (len(series.leagues), 1))
        per_shot = kernel().running_ratio(
            series.order, series.league, series.day, self._corners.sum(axis=1), shots.sum(axis=1), start, KEEP
        )
        self._shots = shots * per_shot[:, None]
        self._reds = np.nan_to_num(history.home_red_cards) + np.nan_to_num(history.away_red_cards)

    def observe(self, one: CornerFilter, red_card: float) -> Observation:
        """What a filter is told; where shots are not known, corners alone."""
        mixed = one.share * self._corners + (1 - one.share) * self._shots
        values = np.where(np.isfinite(mixed), mixed, self._corners) if one.share < 1 else self._corners
        noise = UNIT * one.noise * (1 + red_card * self._reds)
        return Observation(UNIT * values, noise, np.zeros(len(noise), np.int64))


@hookimpl
def models() -> list[Model]:
    """The model of total corners."""
    return [Corners()]
