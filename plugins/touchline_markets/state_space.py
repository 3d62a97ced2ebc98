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

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from touchline import Floats, History, MarketKey, Model, OddsUse, Reach, State, hookimpl
from touchline.filters.cross_league import MARKETS, FittedFilters, Recipe, fit_filters, restore_filters
from touchline.filters.observations import Blend
from touchline.filters.panel import MIX, XG

API = 1

RECIPE: Final = Recipe(members=(XG, MIX), has_head=False)
REACH: Final = Reach(every_league=True, days=3650)

STRETCH: Final = (("shots_on_target", 0.25), ("xg", 0.15))
"""How much wider strengths are than y tells them, for each source if it were all of y."""
YEAR: Final = 365 * 86_400
"""Seconds back from a league's last match in which the sources are counted."""


@dataclass(frozen=True, slots=True)
class FittedStateSpace(FittedFilters):
    """The filter's last means, stretched."""

    def advance(self, history: History, rng: np.random.Generator) -> FittedStateSpace:  # noqa: ARG002 - the contract's
        """What a fit on the longer history gives, bit for bit; one that does not go on from ours is fitted anew."""
        return _stretched(fit_filters(self.recipe, history, self.trace), history)


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
        return self.recipe.settings() | {f"stretch_{source}": by for source, by in STRETCH}

    def fit(self, history: History, rng: np.random.Generator) -> FittedStateSpace:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random."""
        return _stretched(fit_filters(self.recipe, history), history)

    def restore(self, history: History, state: State) -> FittedStateSpace:
        """The fitted model of a saved state, in which strengths are stretched already."""
        return _own(restore_filters(self.recipe, history, state))


def _own(fitted: FittedFilters) -> FittedStateSpace:
    return FittedStateSpace(**{one.name: getattr(fitted, one.name) for one in fields(fitted)})


def _stretched(fitted: FittedFilters, history: History) -> FittedStateSpace:
    """The same with every club farther from the average of its league. The filter itself goes on as it was."""
    (strengths,) = fitted.strengths
    (member,) = fitted.recipe.filters(history)
    by = _narrowing(history, member.blend)[fitted.roster.pair_league]
    more = by * (strengths.attack + strengths.defence) / 2
    wider = replace(strengths, attack=strengths.attack + more, defence=strengths.defence + more)
    return _own(replace(fitted, strengths=(wider,)))


def _narrowing(history: History, blend: Blend) -> Floats:
    """(leagues,) the factor of the module's last step, by what is known of the matches of the league's last year."""
    weights = np.stack([getattr(blend, source) * _known(history, source) for source, _ in STRETCH])
    narrowed = np.array([by for _, by in STRETCH]) @ weights / (blend.goals + weights.sum(axis=0))
    kickoff = history.kickoff_seconds()
    last = np.full(len(history.leagues), kickoff.min(initial=0))
    np.maximum.at(last, history.league, kickoff)
    is_recent = kickoff > last[history.league] - YEAR
    matches = np.bincount(history.league, weights=is_recent, minlength=len(last))
    total = np.bincount(history.league, weights=is_recent * narrowed, minlength=len(last))
    return np.asarray(total / np.maximum(matches, 1), dtype=np.float64)


def _known(history: History, source: str) -> Floats:
    """(n,) 1 where both sides have the source."""
    both: Floats = getattr(history, f"home_{source}") + getattr(history, f"away_{source}")
    return np.isfinite(both).astype(np.float64)


@hookimpl
def models() -> list[Model]:
    """The state-space model."""
    return [StateSpace()]
