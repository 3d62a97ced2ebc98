"""Models for tests of the evaluation: one that forgets nothing, some that look ahead, one that breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from touchline import RESULT, Basis, Fixtures, Floats, Forecasts, History, MarketKey, OddsUse, Reach, State
from touchline.evaluation.dataset import Dataset


@dataclass(frozen=True)
class Told:
    """The same three probabilities for every match, and what it was fitted on."""

    row: Floats
    seen: list[tuple[int, int, float]] = field(default_factory=list)
    advanced: int = 0

    def predict(self, fixtures: Fixtures) -> Forecasts:
        basis = [Basis.LEAGUE_PRIOR if self.advanced == 0 else Basis.MODEL] * len(fixtures)
        return Forecasts({RESULT: np.tile(self.row, (len(fixtures), 1))}, basis)

    def state(self) -> dict[str, Floats]:
        return {"row": self.row}


class Growing(Told):
    """A fitted model that can advance."""

    def advance(self, history: History, rng: np.random.Generator) -> Growing:
        return Growing(_shares(history), [*self.seen, _seen(history)], self.advanced + 1)


@dataclass(frozen=True)
class Shares:
    """Shares of results so far. It notes what it is given: matches, leagues, days of the oldest."""

    key: str = "test.shares"
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)
    settings: Mapping[str, float | str | bool] = field(default_factory=dict)
    every_league: bool = False
    days: int = 1460
    is_growing: bool = False
    odds_use: OddsUse = OddsUse.NONE
    notes: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def reach(self) -> Reach:
        return Reach(self.every_league, self.days)

    def fit(self, history: History, rng: np.random.Generator) -> Told:
        self.notes.append(_seen(history))
        return Growing(_shares(history), [_seen(history)]) if self.is_growing else Told(_shares(history))

    def restore(self, history: History, state: State) -> Told:
        return Told(state["row"])


@dataclass(frozen=True)
class Breaking(Shares):
    """Fails once it has seen so many matches."""

    key: str = "test.breaking"
    after: int = 30

    def fit(self, history: History, rng: np.random.Generator) -> Told:
        if len(history) > self.after:
            raise ArithmeticError("it cannot count further")
        return super().fit(history, rng)


@dataclass(frozen=True)
class Prophet(Shares):
    """Keeps a reference to all matches and reads the share of home wins off it."""

    key: str = "test.prophet"
    world: Dataset | None = None

    def fit(self, history: History, rng: np.random.Generator) -> Told:
        assert self.world is not None
        return Told(_shares(self.world.history))


@dataclass(frozen=True)
class Behind(Shares):
    """Reads on behind the array that it is given."""

    key: str = "test.behind"

    def fit(self, history: History, rng: np.random.Generator) -> Told:
        whole = history.home_goals.base
        assert whole is not None
        return Told(_of_mean(float(np.nanmean(np.asarray(whole)))))


@dataclass(frozen=True)
class SameDay(Shares):
    """Honest about goals, but its basis follows the closing prices behind its array."""

    key: str = "test.same_day"

    def fit(self, history: History, rng: np.random.Generator) -> Told:
        whole = np.asarray(history.closing_result.base)
        return Told(np.array([0.4, 0.3, 0.3]), advanced=int(whole[-1].sum() * 100) % 2)


def _shares(history: History) -> Floats:
    goals = history.home_goals - history.away_goals
    counts = np.array([np.sum(goals > 0), np.sum(goals == 0), np.sum(goals < 0)]) + np.array([4.0, 2.0, 3.0])
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _of_mean(goals: float) -> Floats:
    home = goals / (goals + 3)
    return np.array([home, (1 - home) / 2, (1 - home) / 2])


def _seen(history: History) -> tuple[int, int, float]:
    return len(history), len(history.leagues), float(history.days_ago.max(initial=0.0))
