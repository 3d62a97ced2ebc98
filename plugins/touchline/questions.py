"""What the child that runs a plugin can be asked, and its answers. Everything of a plugin's that is called is here.

look            what it offers, as cards
model           fit or restore a model, forecast fixtures, rate clubs
settle          what became of bets on its market
files, read     what its provider has
assess          what its strategy thinks of prices (of a child that is kept)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from touchline import wire
from touchline.cards import cards_out
from touchline.markets import Lines, Market
from touchline.outputs import (
    LONGEST_TEXT,
    Fault,
    PluginError,
    check_forecasts,
    check_ratings,
    check_settled,
    check_state,
    one_line,
)
from touchline.plain import from_plain, list_from_plain, to_plain
from touchline.plugins import Named, Offered, Refused, describe, open_entry
from touchline.settings import SettingError, configured, settings_of
from touchline.settlement import Facts, NotSettleable, Verdict
from touchline.types import (
    Assessment,
    Fitted,
    Fixtures,
    History,
    MarketKey,
    Model,
    Offer,
    Provider,
    Rated,
    Strategy,
)

T = TypeVar("T")
Thing = TypeVar("Thing", bound=Named)
Answer = tuple[dict[str, Any], wire.Arrays]


def answer_of(body: Mapping[str, Any], arrays: wire.Arrays) -> Answer:
    """The answer to one question; raises PluginError."""
    plugin = open_plugin(body["entry"])
    if body["ask"] == "model":
        return plugin.model(body, arrays)
    answers: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "look": lambda _: cards_out(plugin.offered),
        "settle": plugin.settle,
        "files": plugin.files,
        "read": plugin.read,
    }
    return answers[body["ask"]](body), {}


def open_plugin(entry: str) -> Opened:
    """The plugin behind an entry point's value; raises PluginError."""
    try:
        return Opened(entry, open_entry(entry))
    except Refused as refused:
        raise PluginError(Fault.RAISED, str(refused)) from refused


@dataclass(frozen=True, slots=True)
class Opened:
    """A plugin in its own process."""

    entry: str
    offered: Offered

    def model(self, body: Mapping[str, Any], arrays: wire.Arrays) -> Answer:
        """Fit or restore a model, and its forecasts and ratings where they are asked for."""
        model = _configured(self._named("model", self.offered.models, body["thing"]), body["settings"])
        history = wire.columns_in(History, body["history"], wire.under("history", arrays))
        started = time.perf_counter()
        fitted = _fitted(model, history, wire.under("state", arrays) if body["restore"] else None, body["seed"])
        answer: dict[str, Any] = {
            "version": model.version,
            "settings": settings_of(model),
            "seconds": time.perf_counter() - started,
        }
        out: wire.Arrays = {}
        if not body["restore"]:
            out |= wire.prefixed("state", check_state(_guarded("state()", fitted.state)))
        if body["fixtures"] is not None:
            fixtures = wire.columns_in(Fixtures, body["fixtures"], wire.under("fixtures", arrays))
            forecasts, answer["milliseconds"] = _forecasts(model, fitted, fixtures)
            answer["forecasts"], tables = forecasts
            out |= tables
        out |= wire.prefixed("ratings", _ratings(fitted, body["clubs"]))
        return answer, out

    def settle(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What became of bets on every outcome of a market, for each market with the facts of a match."""
        market = self._named("market", self.offered.markets, body["thing"])
        asked = [(MarketKey.parse(key), from_plain(Facts, facts)) for key, facts in body["questions"]]
        return {
            "lines": str(market.lines),
            "outcomes": list(market.outcomes),
            "settled": [_settled(market, key, facts) for key, facts in asked],
        }

    def files(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Names of the files of a provider."""
        provider: Provider = self._named("provider", self.offered.providers, body["thing"])
        return _fetched(
            "files()",
            lambda: {"files": list(provider.files(body["origin"], body["leagues"], body["seasons"]))},
        )

    def read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Matches of one file of a provider, and what had to be left out."""
        provider: Provider = self._named("provider", self.offered.providers, body["thing"])

        def read() -> dict[str, Any]:
            matches, rejected = provider.read(body["origin"], body["file"])
            return {"matches": to_plain(list(matches)), "rejected": to_plain(list(rejected))}

        return _fetched("read()", read)

    def answer_of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a strategy thinks of prices: for each assessment the number of its offer, and its own numbers."""
        strategy: Strategy = _configured(
            self._named("strategy", self.offered.strategies, body["thing"]), body["settings"]
        )
        offers = list_from_plain(Offer, body["offers"], "offers")
        market, probabilities = MarketKey.parse(body["market"]), dict(body["probabilities"])
        told = _guarded("assess()", lambda: list(strategy.assess(market, probabilities, list(offers))))
        places = {offer: place for place, offer in enumerate(offers)}
        return {"assessments": [_assessed(one, places) for one in told]}

    def _named(self, what: str, things: tuple[Thing, ...], key: str) -> Thing:
        for thing in things:
            if thing.key == key:
                return thing
        raise PluginError(Fault.RAISED, f"{self.entry} offers no {what} {key!r}.")


def _configured(thing: T, values: Mapping[str, Any]) -> T:
    try:
        return configured(thing, values)
    except SettingError as error:
        raise PluginError(Fault.RAISED, f"Its setting {error}.") from error


def _fitted(model: Model, history: History, state: wire.Arrays | None, seed: int) -> Fitted:
    if state is not None:
        return _guarded("restore()", lambda: model.restore(history, state))
    return _guarded("fit()", lambda: model.fit(history, np.random.default_rng(seed)))


def _forecasts(model: Model, fitted: Fitted, fixtures: Fixtures) -> tuple[tuple[dict[str, Any], wire.Arrays], float]:
    started = time.perf_counter()
    forecasts = _guarded("predict()", lambda: fitted.predict(fixtures))
    milliseconds = (time.perf_counter() - started) * 1000
    return wire.forecasts_out(check_forecasts(forecasts, model.markets, len(fixtures))), milliseconds


def _ratings(fitted: Fitted, clubs: list[str]) -> wire.Arrays:
    if not clubs or not isinstance(fitted, Rated) or not callable(fitted.ratings):
        return {}
    return {**check_ratings(_guarded("ratings()", lambda: fitted.ratings(clubs)), len(clubs))}


def _settled(market: Market, key: MarketKey, facts: Facts) -> dict[str, Any]:
    """Results and sentences by outcome, or the reason why there are none yet."""
    verdicts: list[Any] = []  # a stranger's: checked below
    for outcome in market.outcomes:
        try:
            verdicts.append(market.settle(key, outcome, facts))
        except NotSettleable as reason:
            return {"reason": one_line(str(reason))}
        except BaseException as error:
            raise PluginError(Fault.RAISED, f"settle() raised {describe(error)}") from error
    for verdict in verdicts:
        if not isinstance(verdict, Verdict) or not isinstance(verdict.words, str):
            told = f"settle() must return a Verdict with its words and returned {verdict!r}."
            raise PluginError(Fault.INVALID_OUTPUT, told)
    results = check_settled(key, Lines(market.lines), [verdict.result for verdict in verdicts])
    return {"results": list(results), "sentences": [one_line(verdict.words, LONGEST_TEXT) for verdict in verdicts]}


def _assessed(one: object, places: Mapping[Offer, int]) -> list[Any]:
    if not isinstance(one, Assessment):
        told = f"assess() must return Assessments and returned a {type(one).__name__}."
        raise PluginError(Fault.INVALID_OUTPUT, told)
    if one.offer not in places:
        told = f"assess() returned an assessment of an offer that was not asked about: {one.offer}."
        raise PluginError(Fault.INVALID_OUTPUT, told)
    return [places[one.offer], *to_plain([one.probability, one.edge, one.kelly, one.recommendation])]


def _fetched(what: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a provider answers; that something cannot be fetched or asked for is an answer as well."""
    try:
        return call()
    except (OSError, ValueError) as error:
        return {"refused": "OSError" if isinstance(error, OSError) else "ValueError", "words": one_line(str(error))}
    except BaseException as error:
        raise PluginError(Fault.RAISED, f"{what} raised {describe(error)}") from error


def _guarded(what: str, call: Callable[[], T]) -> T:
    """Run foreign code; whatever it raises, also what is no Exception, becomes one sentence with its place."""
    try:
        return call()
    except BaseException as error:
        raise PluginError(Fault.RAISED, f"{what} raised {describe(error)}") from error
