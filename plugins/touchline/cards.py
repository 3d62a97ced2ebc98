"""What a plugin of others offers, told by its own process: data that satisfies the contract's Protocols.

A card says what its thing says of itself. Models and markets are then run by `touchline.sandbox`; strategies and
providers ask their process themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

from touchline.markets import Lines
from touchline.outputs import Fault, PluginError
from touchline.plain import from_plain, list_from_plain, to_plain
from touchline.plugins import Offered
from touchline.processes import OUTSIDE_NICE, Limits, Warm, ask_once
from touchline.settings import Elsewhere, settings_declared, settings_of
from touchline.settlement import Facts
from touchline.types import (
    Assessment,
    History,
    MarketKey,
    Model,
    OddsUse,
    Offer,
    Reach,
    Rejected,
    SourceMatch,
    State,
    Strategy,
    odds_use_of,
    reach_of,
)

STRATEGY_NICE = 10
"""How far a strategy's process stands back: less than a model's, since it answers within seconds or not at all."""

ASSESS = Limits(seconds=3.0, memory_mb=2048, file_mb=16, nice=STRATEGY_NICE)
"""What a strategy's process may use, and how long it may think about one market."""

OPENING_SECONDS = 30.0
"""How long a strategy's process may take to open its plugin."""

READ = Limits(nice=OUTSIDE_NICE)
"""What a provider's process may use for one list of files or one file."""

Card = TypeVar("Card")


@dataclass(frozen=True, slots=True)
class ModelCard(Elsewhere):
    """A model that runs in a child process."""

    key: str
    version: str
    markets: tuple[MarketKey, ...]
    reach: Reach
    odds_use: OddsUse | None

    def fit(self, history: History, rng: np.random.Generator) -> NoReturn:  # noqa: ARG002 - the contract's
        raise self._elsewhere()

    def restore(self, history: History, state: State) -> NoReturn:  # noqa: ARG002 - the contract's
        raise self._elsewhere()

    def _elsewhere(self) -> RuntimeError:
        return RuntimeError(f"{self.key} runs in a child process only: ask touchline.sandbox")


@dataclass(frozen=True, slots=True)
class MarketCard:
    """A market whose bets are settled in a child process."""

    key: str
    title: str
    outcomes: tuple[str, ...]
    lines: Lines

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> NoReturn:  # noqa: ARG002 - the contract's
        raise RuntimeError(f"{self.key} is settled in a child process only: ask touchline.sandbox")


@dataclass(frozen=True, slots=True)
class StrategyCard(Elsewhere):
    """What a strategy says of itself."""

    key: str
    version: str


@dataclass(frozen=True, slots=True)
class RemoteStrategy(StrategyCard):
    """A strategy that thinks in a process of its plugin, which is kept; ask it from a thread that may wait."""

    process: Warm

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> list[Assessment]:
        """Its assessments of offers among those given; raises PluginError."""
        answer = self.process.ask(
            {
                "thing": self.key,
                "settings": {one.name: self.settings[one.name] for one in self.declared},
                "market": str(market),
                "probabilities": dict(probabilities),
                "offers": to_plain(list(offers)),
            }
        )
        return [_assessment(row, offers) for row in _listed(answer, "assessments")]


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """What a provider says of itself."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoteProvider(ProviderCard):
    """A provider that reads in a process of its own, one for each call."""

    entry: str
    limits: Limits = READ

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> list[str]:
        """Names of what can be read; raises OSError, also where the plugin fails, and ValueError as it does."""
        answer = self._ask("files", origin, leagues=list(leagues), seasons=list(seasons))
        return self._taken(str, answer, "files")

    def read(self, origin: str, file: str) -> tuple[list[SourceMatch], list[Rejected]]:
        """Matches of one file and what had to be left out; raises as `files` does."""
        answer = self._ask("read", origin, file=file)
        return self._taken(SourceMatch, answer, "matches"), self._taken(Rejected, answer, "rejected")

    def _ask(self, ask: str, origin: str, **body: Any) -> dict[str, Any]:
        place = origin if "://" in origin else os.path.abspath(origin)  # the child works in a folder of its own
        question = {"ask": ask, "entry": self.entry, "thing": self.key, "origin": place, **body}
        try:
            answer = ask_once(question, {}, self.limits)[0]
        except PluginError as error:
            raise OSError(f"The provider {self.key} failed: {error.sentence}") from error
        if "refused" in answer:
            raise (ValueError if answer["refused"] == "ValueError" else OSError)(str(answer.get("words")))
        return answer

    def _taken(self, kind: type[Card], answer: Mapping[str, Any], name: str) -> list[Card]:
        try:
            return list_from_plain(kind, answer.get(name), name)
        except ValueError as error:
            raise OSError(f"The provider {self.key} gave what cannot be used: {error}.") from error


def cards_out(offered: Offered) -> dict[str, Any]:
    """What a plugin offers, as plain values."""
    cards = {
        "models": [_model_card(model) for model in offered.models],
        "markets": [MarketCard(one.key, one.title, one.outcomes, one.lines) for one in offered.markets],
        "strategies": [_strategy_card(strategy) for strategy in offered.strategies],
        "providers": [ProviderCard(one.key, one.name) for one in offered.providers],
    }
    return {kind: to_plain(found) for kind, found in cards.items()}


def cards_in(plain: Mapping[str, Any], entry: str) -> Offered:
    """The inverse of `cards_out`: what stands for the things of a plugin. Raises ValueError for what does not fit."""
    warm = Warm(entry, ASSESS, OPENING_SECONDS)
    return Offered(
        models=tuple(list_from_plain(ModelCard, plain.get("models"), "models")),
        markets=tuple(list_from_plain(MarketCard, plain.get("markets"), "markets")),
        strategies=tuple(
            RemoteStrategy(one.settings, one.declared, one.key, one.version, warm)
            for one in list_from_plain(StrategyCard, plain.get("strategies"), "strategies")
        ),
        providers=tuple(
            RemoteProvider(one.key, one.name, entry)
            for one in list_from_plain(ProviderCard, plain.get("providers"), "providers")
        ),
    )


def _model_card(model: Model) -> ModelCard:
    return ModelCard(
        settings=settings_of(model),
        declared=settings_declared(model),
        key=model.key,
        version=model.version,
        markets=model.markets,
        reach=reach_of(model),
        odds_use=odds_use_of(model),
    )


def _strategy_card(strategy: Strategy) -> StrategyCard:
    return StrategyCard(settings_of(strategy), settings_declared(strategy), strategy.key, strategy.version)


def _listed(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: it has no {name}.")
    return found


def _assessment(row: Any, offers: Sequence[Offer]) -> Assessment:
    """An assessment on its arrival: of an offer that was asked about, in numbers."""
    try:
        place, *numbers, recommendation = row
        probability, edge, kelly = (from_plain(float, number, "assessment") for number in numbers)
        number = from_plain(int, place, "assessment")
        if not 0 <= number < len(offers):
            raise IndexError("it is of an offer that was not asked about")
        return Assessment(offers[number], probability, edge, kelly, from_plain(str, recommendation, "assessment"))
    except (TypeError, ValueError, IndexError) as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"assess() returned what cannot be read: {error}.") from error
