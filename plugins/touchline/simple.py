"""A model that learns nothing: numbers worked out elsewhere, or a rule, as a function of the fixtures alone.

    @hookimpl
    def models() -> list[Predictor]:
        return [Predictor("acme.home_edge", "1", (RESULT,), home_edge)]

Its state is empty, so that nothing of the past reaches a forecast: what it says of a match depends on the match and on
`version`. A rule that reads results is a `Model`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from touchline.types import Fixtures, Floats, Forecasts, History, MarketKey, State


@dataclass(frozen=True, slots=True)
class _Function:
    """A function as the fitted model that the contract asks for."""

    call: Callable[[Fixtures], Forecasts]

    def predict(self, fixtures: Fixtures) -> Forecasts:
        return self.call(fixtures)

    def state(self) -> dict[str, Floats]:
        return {}


@dataclass(frozen=True)
class Predictor:
    """A complete model made of one function, `predict(fixtures)`, whose forecasts hold every one of `markets`."""

    key: str
    """Stable name, `author.model`."""
    version: str
    """Version of the function and of the numbers in it; stored with every prediction."""
    markets: tuple[MarketKey, ...]
    predict: Callable[[Fixtures], Forecasts]

    def fit(self, history: History, rng: np.random.Generator) -> _Function:  # noqa: ARG002 - the contract's
        """The function, whatever happened."""
        return _Function(self.predict)

    def restore(self, history: History, state: State) -> _Function:  # noqa: ARG002 - the contract's
        """The function again; there is no state to restore."""
        return _Function(self.predict)
