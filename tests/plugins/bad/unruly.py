"""A model that misbehaves in the way its key says; a plugin that nobody should write."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from touchline import RESULT, Basis, Fixtures, Floats, Forecasts, History, MarketKey, Model, State, hookimpl

API = 1


@dataclass(frozen=True)
class Unruly:
    """Even chances, unless it misbehaves."""

    way: str
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)

    @property
    def key(self) -> str:
        return f"bad.{self.way}"

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        return {"way": self.way}

    def fit(self, history: History, rng: np.random.Generator) -> UnrulyFitted:
        misbehave(self.way, history)
        return UnrulyFitted(self.way, rng.random(3))

    def restore(self, history: History, state: State) -> UnrulyFitted:
        return UnrulyFitted(self.way, np.array(state["drawn"]))


def misbehave(way: str, history: History) -> None:
    if way == "raises":
        raise RuntimeError("no idea\nhow to fit this")
    if way == "exits":
        sys.exit(3)
    if way == "vanishes":
        os._exit(0)
    if way == "loops":
        while True:
            time.sleep(0.01)
    if way == "forks":
        child = os.fork()
        while True:
            time.sleep(0.01 + child * 0)
    if way == "prints":
        print("hello from a plugin")
        os.write(1, b"raw bytes on the answer's descriptor\n" * 1000)
    if way == "grows":
        np.ones(2**33)
    if way == "writes":
        history.home_goals[0] = 99.0


@dataclass(frozen=True)
class UnrulyFitted:
    """The misbehaving model after fitting."""

    way: str
    drawn: Floats

    def predict(self, fixtures: Fixtures) -> Forecasts:
        m = len(fixtures)
        rows = np.full((m, 3), 1 / 3)
        basis: list[Basis] = [Basis.MODEL] * m
        parameters: dict[str, Floats] = {}
        if self.way == "above_one":
            rows[1] = [1.1, -0.05, -0.05]
        if self.way == "not_finite":
            rows[1, 0] = np.nan
        if self.way == "off":
            rows[1, 0] += 1e-6
        if self.way == "short":
            rows = rows[1:]
        if self.way == "short_basis":
            basis = basis[1:]
        if self.way == "nothing":
            return None  # type: ignore[return-value]
        if self.way == "elsewhere":
            return Forecasts({}, basis)
        if self.way == "negative_mean":
            parameters = {"home_mean": np.full(m, -1.0), "away_mean": np.ones(m), "rho": np.zeros(m)}
            return Forecasts({RESULT: rows}, basis, "score_grid", parameters)
        return Forecasts({RESULT: rows}, basis)

    def state(self) -> dict[str, Floats]:
        if self.way == "state_of_text":
            return {"drawn": np.array(["a", "b"])}
        return {"drawn": self.drawn, "secret": np.array([float("STRIPE_SECRET" in os.environ)])}


WAYS = (
    "behaves",
    "raises",
    "exits",
    "vanishes",
    "loops",
    "forks",
    "prints",
    "grows",
    "writes",
    "above_one",
    "not_finite",
    "off",
    "short",
    "short_basis",
    "nothing",
    "elsewhere",
    "negative_mean",
    "state_of_text",
)


@hookimpl
def models() -> list[Model]:
    """One model for each way."""
    return [Unruly(way) for way in WAYS]
