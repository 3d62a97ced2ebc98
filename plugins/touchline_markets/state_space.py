"""Every goal market from one state-space filter: goals with shots on target, and expected goals where they are known.

    log l = level + home + attack_i - defence_j        l: expected goals of the home side i
    log m = level        + attack_j - defence_i        m: expected goals of the away side j
    y = 0.66 · goals + 0.34 · shots on target in goals             (with expected goals 0.455, 0.468 and 0.077 of y)

Strengths move from week to week as random walks and are learned match by match by an extended Kalman filter; formulas
and sources (Koopman & Lit 2015, Fahrmeir 1992) in `touchline.filters.engine`, settings in `touchline.filters.panel`.
The score grid corrects low scores with rho (Dixon & Coles 1997). No price is used anywhere: class A. A league learns
from its own matches only; those of other leagues say whether a club came up or down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline import History, MarketKey, Model, OddsUse, Reach, State, hookimpl
from touchline.filters.cross_league import MARKETS, FittedFilters, Recipe, fit_filters, restore_filters
from touchline.filters.panel import MIX, XG

API = 1

RECIPE: Final = Recipe(members=(XG, MIX), has_head=False)
REACH: Final = Reach(every_league=True, days=3650)


@dataclass(frozen=True, slots=True)
class StateSpace:
    """One filter, no head."""

    recipe: Recipe = RECIPE
    key: str = "touchline.state_space"
    version: str = "1"
    markets: tuple[MarketKey, ...] = MARKETS
    odds_use: OddsUse = OddsUse.NONE
    reach: Reach = REACH

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name."""
        return self.recipe.settings()

    def fit(self, history: History, rng: np.random.Generator) -> FittedFilters:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random."""
        return fit_filters(self.recipe, history)

    def restore(self, history: History, state: State) -> FittedFilters:
        """The fitted model of a saved state."""
        return restore_filters(self.recipe, history, state)


@hookimpl
def models() -> list[Model]:
    """The state-space model."""
    return [StateSpace()]
