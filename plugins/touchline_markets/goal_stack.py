"""Every goal market from a regression of goals on filters: no price anywhere, neither to forecast nor to learn.

    log l = (t + s) / 2,  log m = (t - s) / 2            l, m: expected goals of home and away
    t, s = weighted sums of what the filters say          goals at three speeds; goals with shots on target at two;
                                                          shots on target; shots at two speeds; corners
    goals ~ Poisson(l), Poisson(m), low scores corrected by tau(rho)

The filters are state-space ratings of each league (`touchline.filters.engine`); rest days and how new a club is stand
beside them. The weights are one Poisson regression over the past seasons of every league, with a Gaussian prior
(`touchline.filters.stacks`, `touchline.stack`); rho is the likeliest value around its means (Dixon & Coles 1997). Where
a history has expected goals, four filters on them join. Settings and what they were chosen on: TUNING.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from touchline import Fixtures, Floats, Forecasts, History, MarketKey, Model, OddsUse, Reach, State, hookimpl
from touchline.filters.cross_league import MARKETS
from touchline.filters.engine import FilterSettings
from touchline.filters.observations import Blend, Sources
from touchline.filters.panel import Member
from touchline.filters.series import Series
from touchline.filters.stacks import Stacked, StackSettings, Watched, fit_stack
from touchline.forecasting import SCORE_GRID
from touchline.grid import ScoreGrid, limit_rho
from touchline.stack import fit_rho

API = 1

BASE: Final = FilterSettings(
    walk=7.5e-5,
    walk_correlation=0.27,
    summer=0.016,
    summer_correlation=0.27,
    early=1.6,
    early_weeks=6.0,
    level_walk=1e-6,
    home_walk=5e-6,
    new_variance=0.016,
    new_correlation=0.0,
    new_attack=-0.09,
    new_defence=0.0,
)
"""Settings that the filters start from."""

RED_CARD: Final = 0.3
"""How much wider a red card makes what is seen of its match."""

_GOALS: Final = Blend(goals=1.0, red_card=RED_CARD)
_SHOTS: Final = Blend(shots=1.0, noise=0.375, red_card=RED_CARD)

MEMBERS: Final = (
    Member("mix", Blend(goals=0.62, shots_on_target=0.38, noise=0.5, red_card=RED_CARD), replace(BASE, walk=3.2e-4)),
    Member("mix_fast", Blend(goals=0.5, shots_on_target=0.5, noise=0.7, red_card=RED_CARD), replace(BASE, walk=4.2e-4)),
    Member("goals", _GOALS, BASE),
    Member("goals_fast", _GOALS, replace(BASE, walk=4.3e-4)),
    Member("goals_slow", _GOALS, replace(BASE, walk=6.4e-6, summer=0.0016)),
    Member("target", Blend(shots_on_target=1.0, noise=0.1, red_card=RED_CARD), replace(BASE, walk=5.8e-4)),
    Member("shots", _SHOTS, replace(BASE, walk=4.5e-4, new_variance=0.16)),
    Member("shots_fast", _SHOTS, replace(BASE, walk=9.6e-4, new_variance=0.16)),
    Member("corners", Blend(corners=1.0, noise=0.1, red_card=RED_CARD), replace(BASE, walk=2e-4, new_variance=0.16)),
)
"""Filters on results and statistics that most sources have."""

_XG: Final = Blend(goals=0.42, xg=0.46, shots_on_target=0.12, noise=0.6, red_card=RED_CARD)
EXPECTED: Final = (
    Member("xg", _XG, replace(BASE, walk=1.5e-4)),
    Member("xg_fast", replace(_XG, goals=0.3, xg=0.56, shots_on_target=0.14), replace(BASE, walk=6e-4)),
    Member("xg_slow", _XG, replace(BASE, walk=4e-5)),
    Member("xg_only", replace(_XG, goals=0.02, xg=0.93, shots_on_target=0.05), replace(BASE, walk=1.5e-4)),
)
"""Filters on expected goals, for a history that knows some."""


STACK: Final = StackSettings(
    start=(("mix", 0.4), ("goals", 0.2), ("goals_slow", 0.3), ("target", 0.1), ("shots_fast", 0.2)),
    half_life=12.0,
    total_precision=16.0,
    supremacy_precision=8.0,
)

REACH: Final = Reach(every_league=True, days=7300)


@dataclass(frozen=True, slots=True)
class GoalStackSettings:
    """Choices of the model."""

    members: tuple[Member, ...] = MEMBERS
    expected: tuple[Member, ...] = EXPECTED
    stack: StackSettings = STACK
    rho: float = -0.06
    """Prior mean of rho."""
    rho_precision: float = 200.0

    def watch(self, history: History, series: Series) -> list[Watched]:
        """The filters for a history and what they are told."""
        has_xg = bool(np.isfinite(history.home_xg).any())
        sources = Sources(history, series)
        members = (*self.members, *(self.expected if has_xg else ()))
        return [Watched(one.name, sources.observe(one.blend), one.settings) for one in members]

    def tail(self, means: Floats, goals: Floats, weight: Floats) -> float:
        """rho around the means of the training matches."""
        (home_mean, away_mean), (home_goals, away_goals) = means.T, goals.T
        return fit_rho(
            home_mean, away_mean, home_goals, away_goals, weight, prior=self.rho, precision=self.rho_precision
        )


@dataclass(frozen=True, slots=True)
class FittedGoalStack:
    """The stack, ready to forecast."""

    chosen: GoalStackSettings
    stacked: Stacked

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order; a club new to its league gets the prior and says so."""
        means, places = self.stacked.means(fixtures)
        home_mean, away_mean = np.ascontiguousarray(means.T)
        rho = limit_rho(home_mean, away_mean, self.stacked.tail)
        return Forecasts(
            probabilities=ScoreGrid(home_mean, away_mean, rho).markets(MARKETS),
            basis=places.basis(),
            family=SCORE_GRID,
            parameters={"home_mean": home_mean, "away_mean": away_mean, "rho": rho},
        )

    def advance(self, history: History, rng: np.random.Generator) -> FittedGoalStack:  # noqa: ARG002 - the contract's
        """What a fit on the longer history gives, bit for bit; one that does not go on from ours is fitted anew."""
        return _fit(self.chosen, history, self.stacked)

    def ratings(self, clubs: Sequence[str]) -> Mapping[str, Floats]:
        """(c,) attack and defence as the stack weighs them, logs of goals; NaN for a club never seen."""
        return self.stacked.ratings(clubs)

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        return self.stacked.state()


def _fit(chosen: GoalStackSettings, history: History, before: Stacked | None = None) -> FittedGoalStack:
    goals = np.stack([history.home_goals, history.away_goals], axis=1)
    return FittedGoalStack(chosen, fit_stack(history, chosen.watch, goals, chosen.stack, chosen.tail, before))


@dataclass(frozen=True, slots=True)
class GoalStack:
    """The model of goals without prices."""

    chosen: GoalStackSettings = GoalStackSettings()
    key: str = "touchline.goal_stack"
    version: str = "1"
    markets: tuple[MarketKey, ...] = MARKETS
    odds_use: OddsUse = OddsUse.NONE
    reach: Reach = REACH

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name; `recipe` changes with any setting of any filter."""
        chosen = self.chosen
        return {
            "filters": " ".join(one.name for one in (*chosen.members, *chosen.expected)),
            "half_life": chosen.stack.half_life,
            "total_precision": chosen.stack.total_precision,
            "supremacy_precision": chosen.stack.supremacy_precision,
            "rho": chosen.rho,
            "recipe": hashlib.sha256(repr(chosen).encode()).hexdigest()[:12],
        }

    def fit(self, history: History, rng: np.random.Generator) -> FittedGoalStack:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random. Raises `touchline.rates.FitError`."""
        return _fit(self.chosen, history)

    def restore(self, history: History, state: State) -> FittedGoalStack:
        """The fitted model of a saved state."""
        return FittedGoalStack(self.chosen, Stacked.restore(history, state))


@hookimpl
def models() -> list[Model]:
    """The goal stack."""
    return [GoalStack()]
