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

from touchline import Model, OddsUse, hookimpl
from touchline.filters.cross_league import FilterModel, Recipe
from touchline.filters.panel import EXPECTED, PLAYED

API = 1

RECIPE = Recipe(members=(*EXPECTED, *PLAYED))


@hookimpl
def models() -> list[Model]:
    """The supremacy model."""
    return [FilterModel("touchline.supremacy", RECIPE, OddsUse.TRAINING)]
