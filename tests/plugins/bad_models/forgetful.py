"""What is one thing here and another in a fresh process: two models and a market."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.plugins.bad_models.markets import Cards
from tests.plugins.bad_models.models import Bad
from tests.plugins.bad_models.steady import Steady, SteadyFitted
from touchline import (
    Facts,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Market,
    MarketKey,
    Model,
    State,
    Verdict,
    hookimpl,
    settle_total,
    total_of,
)

DRAWERS: dict[float, SteadyFitted] = {}


@dataclass(frozen=True)
class InADrawer:
    inner: SteadyFitted

    def predict(self, fixtures: Fixtures) -> Forecasts:
        return self.inner.predict(fixtures)

    def state(self) -> dict[str, Floats]:
        number = float(len(self.inner.club))
        DRAWERS[number] = self.inner
        return {"drawer": np.array([number])}


@dataclass(frozen=True)
class Forgetful(Steady):
    key: str = "bad.forgetful"

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        return InADrawer(super().fit(history, rng))

    def restore(self, history: History, state: State) -> Any:
        return InADrawer(DRAWERS[float(state["drawer"][0])])


@dataclass(frozen=True)
class CountsItsProcess(Bad):
    """Its forecasts follow from the number of the process that it is fitted in."""

    key: str = "bad.counts_its_process"

    def fit(self, history: History, rng: np.random.Generator) -> Any:
        fitted, drawn = super().fit(history, rng), np.random.default_rng(os.getpid()).normal()
        return replace(fitted, inner=replace(fitted.inner, level=fitted.inner.level + 0.1 * drawn))


@dataclass(frozen=True)
class RedCardsByVariable(Cards):
    """How much a red card counts stands in a variable, which nobody hands to a child process."""

    key: str = "bad.red_cards"

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        reds = int(os.environ.get("BAD_RED_CARDS", "1")) * total_of(facts, "red_cards")
        return settle_total(market, outcome, total_of(facts, "yellow_cards") + reds, "card")


@hookimpl
def models() -> list[Model]:
    return [Forgetful(), CountsItsProcess()]


@hookimpl
def markets() -> list[Market]:
    return [RedCardsByVariable()]
