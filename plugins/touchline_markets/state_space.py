"""Every goal market from one state-space filter: goals with shots on target, and expected goals where they are known.

    log l = level + home + attack_i - defence_j        l: expected goals of the home side i
    log m = level        + attack_j - defence_i        m: expected goals of the away side j
    y = 0.66 · goals + 0.34 · shots on target in goals             (with expected goals 0.455, 0.468 and 0.077 of y)
    attack_i, defence_i += (0.25 · u + 0.15 · v) · (attack_i + defence_i) / 2         after the filter
    u, v = mean weights of shots on target and of expected goals in y, over the league's last year

Strengths move from week to week as random walks and are learned match by match by an extended Kalman filter; formulas
and sources (Koopman & Lit 2015, Fahrmeir 1992) in `touchline.filters.engine`, settings in `touchline.filters.panel`.
Good clubs also make more of a shot, so shots counted in goals tell clubs as more alike than their goals do; the last
step gives that back. It moves the supremacy, leaves the total alone, and does nothing where only goals are known.
The score grid corrects low scores with rho (Dixon & Coles 1997). No price is used anywhere: class A. A league learns
from its own matches only; those of other leagues say whether a club came up or down.
"""

from __future__ import annotations

from touchline import Model, OddsUse, Reach, hookimpl
from touchline.filters.cross_league import FilterModel, Recipe
from touchline.filters.panel import MIX, XG

API = 1

RECIPE = Recipe(members=(XG, MIX), has_head=False, stretch=(("shots_on_target", 0.25), ("xg", 0.15)))


@hookimpl
def models() -> list[Model]:
    """The state-space model."""
    return [FilterModel("touchline.state_space", RECIPE, OddsUse.NONE, Reach(every_league=True, days=3650))]
