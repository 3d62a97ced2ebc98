"""Every goal market from a ridge on filters, trained on what closing prices of past seasons implied.

    s = log l - log m = b · (1, s_k, rest, new, need, idle, early · s_k)
    t = log l + log m = c · (1, t_k, rest, new, need, idle, early, early · t_k, year)
    s_k, t_k   supremacy and total of the k-th filter: on goals, shots on target, shots, corners, and expected goals
               where they are known
    b, c       ridge on the log supremacy and log total that past closing prices imply, half-life three seasons

Formulas and sources in `touchline.filters.heads` (ridge: Hoerl & Kennard 1970; prices as a target: Egidi, Pauli &
Torelli 2018), what a club still plays for in `touchline.filters.stakes`, filters in `touchline.filters.panel`. Prices
teach the weights and are never looked at to forecast: class B. Leagues without prices use the weights that the others
taught; where no league has any, goals are the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline import History, MarketKey, Model, OddsUse, Reach, State, hookimpl
from touchline.filters.cross_league import MARKETS, FittedFilters, Recipe, fit_filters, restore_filters
from touchline.filters.panel import EXPECTED, PLAYED

API = 1

RECIPE: Final = Recipe(members=(*EXPECTED, *PLAYED))
REACH: Final = Reach(every_league=True, days=7300)


@dataclass(frozen=True, slots=True)
class Supremacy:
    """The cross-league heads on supremacy and total."""

    recipe: Recipe = RECIPE
    key: str = "touchline.supremacy"
    version: str = "1"
    markets: tuple[MarketKey, ...] = MARKETS
    odds_use: OddsUse = OddsUse.TRAINING
    reach: Reach = REACH

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name."""
        return self.recipe.settings()

    def fit(self, history: History, rng: np.random.Generator) -> FittedFilters:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random. Raises `touchline.rates.FitError`."""
        return fit_filters(self.recipe, history)

    def restore(self, history: History, state: State) -> FittedFilters:
        """The fitted model of a saved state."""
        return restore_filters(self.recipe, history, state)


@hookimpl
def models() -> list[Model]:
    """The supremacy model."""
    return [Supremacy()]
