"""A model of ours that an operator can set, beside the value strategy: to test settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.workers.fickle import FickleFitted
from touchline import RESULT, History, MarketKey, Model, State, hookimpl, setting
from touchline.plugins import OURS, Plugin, Registry, Status
from touchline_markets.value import SharpConsensus

KEY = "touchline.tunable"
"""Of a model whose home wins count for more, the more `home` is."""


@dataclass(frozen=True)
class Tunable:
    """Says the same of every match, as it is set."""

    key: str = KEY
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)
    home: float = setting(1.0, low=0.5, high=10.0, help="Weight of home wins.")
    mood: str = setting("calm", choices=("calm", "wild"))

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        return {"fixed": 3}

    def fit(self, history: History, rng: np.random.Generator) -> FickleFitted:
        row = np.array([self.home, 1.0, 1.0])
        return FickleFitted(row / row.sum(), "steady")

    def restore(self, history: History, state: State) -> FickleFitted:
        return FickleFitted(state["row"], "steady")


@hookimpl
def models() -> list[Model]:
    """The model, as its entry point offers it."""
    return [Tunable()]


def registry(model: Model) -> Registry:
    """A registry made by hand: this model, and the value strategy."""
    return Registry(
        (
            Plugin("tunable", "tests.workers.tunable", OURS, model.version, Status.LOADED, models=(KEY,)),
            Plugin("value", "touchline_markets.value", OURS, "1", Status.LOADED, strategies=("touchline.value",)),
        ),
        models={KEY: model},
        strategies={"touchline.value": SharpConsensus()},
    )
