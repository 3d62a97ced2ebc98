"""A model that misbehaves in the way its key says; a plugin that nobody should write."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
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


class Scrambled(BaseException):
    """An error that is no Exception and cannot tell itself."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


def flee(depth: int) -> None:
    """Leave a process behind that has left its group, its session and its parents."""
    if os.fork() == 0:
        os.setsid()
        if depth < 2:
            flee(depth + 1)
            os._exit(0)
        while True:
            time.sleep(1)


def multiply() -> None:
    """Fork and fork again, far slower than it could: 200 processes if nobody stops it."""
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(60)
        time.sleep(0.005)


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
    if way == "burns":
        while time.process_time() < 1.5:
            pass
    if way == "forks":
        child = os.fork()
        while True:
            time.sleep(0.01 + child * 0)
    if way == "prints":
        print("hello from a plugin")
        os.write(1, b"raw bytes on the answer's descriptor\n" * 1000)
    if way == "flees":
        flee(0)
    if way == "flees_and_loops":
        flee(0)
        misbehave("loops", history)
    if way == "flees_far":
        subprocess.Popen(["sleep", "4242.5"], start_new_session=True, env={})
    if way == "multiplies":
        multiply()
    if way == "comes_back_twice":
        os.fork()
    if way == "grows":
        np.ones(2**33)
    if way == "litters":
        for place in (".", tempfile.gettempdir()):
            tempfile.mkdtemp(dir=place)
    if way == "shouts":
        while True:
            os.write(2, b"x" * 2**16)
    if way == "scrambles":
        raise Scrambled
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
        if self.way == "long":
            rows = np.full((m + 1, 3), 1 / 3)
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
        if self.way == "heavy":
            return {"drawn": np.zeros(2**18)}
        told = {"drawn": self.drawn, "secret": np.array([float("STRIPE_SECRET" in os.environ)])}
        return told | {"nice": np.array([float(os.nice(0))]), "core": np.array(float(core_limit()))}


def core_limit() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[0]


WAYS = (
    "behaves",
    "raises",
    "exits",
    "vanishes",
    "loops",
    "burns",
    "forks",
    "flees",
    "flees_and_loops",
    "flees_far",
    "multiplies",
    "comes_back_twice",
    "prints",
    "litters",
    "shouts",
    "scrambles",
    "heavy",
    "long",
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
