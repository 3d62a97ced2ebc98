"""A small model that keeps every promise, for others to break one at a time: clubs' goals, shrunk towards the league's.

log l = level_home + attack_i - defence_j,  log m = level_away + attack_j - defence_i
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from touchline import (
    BTTS,
    OVER_25,
    RESULT,
    Basis,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Kind,
    MarketKey,
    Model,
    OddsUse,
    State,
    hookimpl,
    setting,
)
from touchline.grid import ScoreGrid
from touchline.names import codes, positions

OVER_15, OVER_35 = MarketKey(Kind.TOTAL_GOALS, 1.5), MarketKey(Kind.TOTAL_GOALS, 3.5)
MARKETS = (RESULT, OVER_15, OVER_25, OVER_35, BTTS)


@dataclass(frozen=True)
class SteadyFitted:
    """Levels and clubs' strengths."""

    club: Floats
    """(c,) codes of the clubs' names."""
    level: Floats
    """(2,) log goals of home and away sides."""
    strength: Floats
    """(2, c) attack and defence."""
    matches: Floats
    weight: float

    def predict(self, fixtures: Fixtures) -> Forecasts:
        place = positions(codes(fixtures.clubs), self.club)
        home, away = place[fixtures.home], place[fixtures.away]
        attack, defence = np.column_stack([self.strength, np.zeros(2)])
        seen = np.append(self.matches, 0.0)
        means = (
            np.exp(self.level[0] + attack[home] - defence[away]),
            np.exp(self.level[1] + attack[away] - defence[home]),
        )
        basis = [Basis.MODEL if min(pair) else Basis.LEAGUE_PRIOR for pair in zip(seen[home], seen[away], strict=True)]
        parameters = {"home_mean": means[0], "away_mean": means[1], "rho": np.zeros(len(home))}
        return Forecasts(ScoreGrid(*means, 0.0).markets(MARKETS), basis, "score_grid", parameters)

    def ratings(self, clubs: Sequence[str]) -> Mapping[str, Floats]:
        place = positions(codes(clubs), self.club)
        known = np.append(self.matches, 0.0)[place] > 0
        values = np.column_stack([self.strength, np.zeros(2)])[:, place]
        return {name: np.where(known, row, np.nan) for name, row in zip(("attack", "defence"), values, strict=True)}

    def advance(self, history: History, rng: np.random.Generator) -> SteadyFitted:
        return fit(history, self.weight)

    def state(self) -> dict[str, Floats]:
        return {"club": self.club, "level": self.level, "strength": self.strength, "matches": self.matches}


def fit(history: History, weight: float) -> SteadyFitted:
    """Shares of goals with a prior of so many matches."""
    goals = np.array([history.home_goals.sum() + 14.0, history.away_goals.sum() + 11.0])
    level = np.log(goals / (len(history) + 10.0))
    clubs = len(history.clubs)
    scored, conceded = (
        np.bincount(history.home, one, clubs) + np.bincount(history.away, other, clubs)
        for one, other in (
            (history.home_goals, history.away_goals),
            (history.away_goals, history.home_goals),
        )
    )
    matches = history.matches_of().astype(np.float64)
    expected = matches * np.exp(level).mean()
    strength = np.stack(
        [np.log((scored + weight) / (expected + weight)), np.log((expected + weight) / (conceded + weight))]
    )
    return SteadyFitted(codes(history.clubs), level, strength, matches, weight)


@dataclass(frozen=True)
class Steady:
    """A model that passes every check."""

    key: str = "good.steady"
    version: str = "1"
    markets: tuple[MarketKey, ...] = MARKETS
    odds_use: OddsUse | None = OddsUse.NONE
    weight: float = setting(20.0, low=1.0, high=200.0, help="Goals that the prior counts for.")

    def fit(self, history: History, rng: np.random.Generator) -> SteadyFitted:
        return fit(history, self.weight)

    def restore(self, history: History, state: State) -> SteadyFitted:
        return SteadyFitted(state["club"], state["level"], state["strength"], state["matches"], self.weight)


@hookimpl
def models() -> list[Model]:
    return [Steady()]
