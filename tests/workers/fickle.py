"""A model of three tempers behind three entry points, with one key and version, and a strategy: to test failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from touchline import (
    RESULT,
    Assessment,
    Basis,
    Fixtures,
    Floats,
    Forecasts,
    History,
    MarketKey,
    Model,
    OddsUse,
    Offer,
    Reach,
    State,
    hookimpl,
)
from touchline.plugins import OURS, Plugin, Registry, Status
from touchline.value import edge, kelly, recommendation

KEY = "test.fickle"
TRUSTING = "test.trusting"


@dataclass(frozen=True)
class FickleFitted:
    """Says the same of every match: the share of home wins, draws and away wins."""

    row: Floats
    temper: str

    def predict(self, fixtures: Fixtures) -> Forecasts:
        if self.temper == "raises":
            raise RuntimeError("no mood today")
        row = self.row * (1.1 if self.temper == "lies" else 1.0)
        return Forecasts({RESULT: np.tile(row, (len(fixtures), 1))}, [Basis.MODEL] * len(fixtures))

    def state(self) -> dict[str, Floats]:
        return {"row": self.row}


@dataclass(frozen=True)
class Fickle:
    """The model."""

    temper: str
    key: str = KEY
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)
    reach: Reach = field(default_factory=Reach)
    odds_use: OddsUse | None = None

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        return {}

    def fit(self, history: History, rng: np.random.Generator) -> FickleFitted:
        sign = np.sign(history.home_goals - history.away_goals)
        counts = np.array([(sign > 0).sum(), (sign == 0).sum(), (sign < 0).sum()], dtype=np.float64) + 1
        return FickleFitted(counts / counts.sum(), self.temper)

    def restore(self, history: History, state: State) -> FickleFitted:
        return FickleFitted(state["row"], self.temper)


@dataclass(frozen=True)
class FicklePlugin:
    """What an entry point stands for."""

    temper: str

    @hookimpl
    def models(self) -> list[Model]:
        return [Fickle(self.temper)]


steady = FicklePlugin("steady")
raising = FicklePlugin("raises")
lying = FicklePlugin("lies")


@dataclass(frozen=True)
class Trusting:
    """Believes in even chances at home and a quarter each for draw and away."""

    is_broken: bool = False
    key: str = TRUSTING
    version: str = "1"
    settings: Mapping[str, float | str | bool] = field(default_factory=dict)
    asked: list[tuple[MarketKey, int]] = field(default_factory=list)

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        if self.is_broken:
            raise ZeroDivisionError("a strategy's own mistake")
        self.asked.append((market, len(offers)))
        believed = {"home": 0.5, "draw": 0.25, "away": 0.25}
        return [
            Assessment(
                offer,
                believed[offer.outcome],
                edge(believed[offer.outcome], offer.price, offer.commission),
                kelly(believed[offer.outcome], offer.price, offer.commission),
                str(recommendation(edge(believed[offer.outcome], offer.price, offer.commission))),
            )
            for offer in offers
        ]


def registry(temper: str, *, distribution: str = OURS, version: str = "1") -> Registry:
    """A registry made by hand: the model in this temper (`steady`, `raising`, `lying`), and the strategy.

    Both pass for ours, so that they are shown from the first moment; another distribution is somebody else's.
    """
    return Registry(
        (
            Plugin("fickle", f"tests.workers.fickle:{temper}", distribution, version, Status.LOADED, models=(KEY,)),
            Plugin("trusting", "none", distribution, version, Status.LOADED, strategies=(TRUSTING,)),
        ),
        models={KEY: Fickle(temper)},
        strategies={TRUSTING: Trusting()},
    )
