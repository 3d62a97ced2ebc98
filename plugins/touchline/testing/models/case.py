"""A model under test: the leagues it is tried on, one fit that most checks share, and asking it without a crash."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from touchline.outputs import Fault, PluginError, check_forecasts, check_state
from touchline.plugins import describe, open_entry
from touchline.settings import Value, settings_declared
from touchline.testing.checks import Failed, Limits, Skipped, guarded, is_a, needs
from touchline.testing.columns import PRICES, copied, match_of, within, without
from touchline.testing.league import World, simulated
from touchline.types import (
    OUTCOMES,
    Fitted,
    Fixtures,
    Floats,
    Forecasts,
    History,
    MarketKey,
    Model,
    OddsUse,
    Reach,
)
from touchline.wire import pack_state, unpack_state

SEED: Final = 20_240_811
"""Of the simulated leagues and of every fit."""
CLOSE: Final = 1e-9
"""How far two forecasts that must be the same may differ."""


class Worlds:
    """The simulated leagues that models are tried on; made once and shared by the checks."""

    @cached_property
    def league(self) -> World:
        """Twenty clubs, three seasons and a half: 1,330 matches."""
        return simulated(SEED, 4)

    @cached_property
    def small(self) -> World:
        """Eight clubs, two seasons and a half: 140 matches."""
        return simulated(SEED, 3, clubs=8)

    @cached_property
    def pair(self) -> World:
        """Two leagues of eight clubs."""
        return simulated(SEED, 3, clubs=8, leagues=2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One fit and its forecasts, or why there are none."""

    error: str = ""
    fitted: Fitted | None = None
    told: Any = None
    """What predict() returned, as it is."""
    fit_seconds: float = 0.0
    """Processor time."""
    warned: tuple[str, ...] = ()
    """What was warned of, each with its place."""


@dataclass
class ModelCase:
    """A model and what its checks share."""

    model: Model
    entry: str = ""
    origin: str = ""
    limits: Limits = field(default_factory=Limits)
    worlds: Worlds = field(default_factory=Worlds)

    @cached_property
    def history(self) -> History:
        """The league's past, as the model is given it."""
        return self.given(self.worlds.league.history)

    @cached_property
    def fixtures(self) -> Fixtures:
        """The next two weeks of the league: 20 matches."""
        return self.worlds.league.fixtures

    @cached_property
    def small(self) -> tuple[History, Fixtures]:
        """A short past and what follows, for checks that fit often."""
        return self.given(self.worlds.small.history), self.worlds.small.fixtures

    def given(self, history: History) -> History:
        """A history as a worker would give it: within the model's reach, without prices for one that uses none."""
        reach = getattr(self.model, "reach", Reach())
        days = reach.days if isinstance(reach, Reach) else Reach().days
        use = getattr(self.model, "odds_use", None)
        seen = without(history, PRICES) if use is OddsUse.NONE else history
        return within(seen, days)

    def attempt(
        self, history: History, fixtures: Fixtures, model: Model | None = None, *, copies: bool = True
    ) -> Attempt:
        """Fit a model, on copies unless it is told otherwise, and ask it."""
        past, coming = (copied(history), copied(fixtures)) if copies else (history, fixtures)
        with warnings.catch_warnings(record=True) as caught, fixed_chance():
            warnings.simplefilter("always")
            started = time.process_time()
            try:
                fitted = (model or self.model).fit(past, np.random.default_rng(SEED))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - recorded: it is what the checks tell
                return Attempt(f"fit() raised {describe(error)}")
            seconds = time.process_time() - started
            try:
                told = fitted.predict(coming)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - recorded: it is what the checks tell
                return Attempt(f"predict() raised {describe(error)}", fitted, None, seconds)
        return Attempt("", fitted, told, seconds, tuple(_warned(caught)))

    @cached_property
    def first(self) -> Attempt:
        """The fit on the league that most checks share."""
        return self.attempt(self.history, self.fixtures)

    @cached_property
    def told(self) -> Forecasts:
        """What it says of the league's fixtures, right or wrong; Skipped when it says nothing."""
        if self.first.error or not isinstance(self.first.told, Forecasts):
            raise Skipped("It needs forecasts, and there are none: see fits_and_forecasts.")
        return self.first.told

    @cached_property
    def forecasts(self) -> Forecasts:
        """Its forecasts of the league's fixtures, once they keep the contract; else Skipped."""
        try:
            return self._checked(self.told, len(self.fixtures))
        except PluginError as error:
            raise Skipped(f"It needs forecasts that keep the contract: {error.sentence}") from None

    @property
    def fitted(self) -> Fitted:
        """The fit on the league, once its forecasts keep the contract; else Skipped."""
        needs(self.forecasts)
        assert self.first.fitted is not None
        return self.first.fitted

    @property
    def known_entry(self) -> str:
        """The entry point's value; Skipped where it is not known."""
        if not self.entry:
            raise Skipped("The entry point is not known: name it (entry='acme_model') to try another process.")
        return self.entry

    @property
    def settings(self) -> dict[str, Value]:
        """Values of its declared settings, which another process needs to make it again."""
        return {one.name: getattr(self.model, one.name) for one in settings_declared(self.model)}

    @cached_property
    def steady(self) -> Fitted:
        """The fit on the league, once it answers the same when it is asked again; else Skipped."""
        again = self.fitted.predict(copied(self.fixtures))
        if not is_a(again, Forecasts) or difference(self.forecasts, again, self.fixtures, 0.0):
            raise Skipped("It needs a model that answers the same twice: see predicts_the_same_twice.")
        return self.fitted

    @cached_property
    def repeatable(self) -> Forecasts:
        """Forecasts after the short past, once a second fit gives the same; else Skipped."""
        past, coming = self.small
        told, again = (self.expect("On a short history", past, coming, "") for _ in range(2))
        if difference(told, again, coming, 0.0):
            raise Skipped("It needs a model that is fitted the same twice: see same_seed_same_forecasts.")
        return told

    @cached_property
    def restored(self) -> Forecasts:
        """What it says of the league's fixtures after being restored from its state; else Skipped."""
        try:
            told = self.restore("", self.history, "").predict(copied(self.fixtures))
            return self._checked(told, len(self.fixtures))
        except (Exception, SystemExit):  # noqa: BLE001 - the check of that name tells it
            raise Skipped("It needs a model that can be restored: see restores_from_its_state.") from None

    def restore(self, situation: str, history: History, remedy: str) -> Fitted:
        """The model restored from its state beside a history; raises Failed."""
        state = self.state
        try:
            return self.model.restore(copied(history, writable=False), state)
        except (Exception, SystemExit) as error:
            raise Failed(f"{situation}: restore() raised {describe(error)} {remedy}") from error

    @cached_property
    def state(self) -> dict[str, Floats]:
        """Its state as it comes back from being stored; Skipped when it cannot be."""
        fitted = self.fitted
        try:
            return unpack_state(pack_state(check_state(guarded("state()", fitted.state))))
        except (PluginError, Failed) as error:
            raise Skipped(f"It needs a state that can be stored: see state_is_plain_arrays ({error}).") from None

    @cached_property
    def outcomes(self) -> Mapping[str, tuple[str, ...]]:
        """Outcomes of the markets that the same plugin declares, by key; empty without an entry point."""
        return {market.key: market.outcomes for market in open_entry(self.entry).markets} if self.entry else {}

    def outcomes_of(self, key: MarketKey) -> tuple[str, ...]:
        """Outcomes of a market; empty where only another plugin knows them."""
        return OUTCOMES.get(key.kind) or self.outcomes.get(key.name, ())

    def expect(
        self, situation: str, history: History, fixtures: Fixtures, remedy: str, model: Model | None = None
    ) -> Forecasts:
        """Forecasts that keep the contract in some situation; raises Failed."""
        needs(self.forecasts)
        attempt = self.attempt(history, fixtures, model)
        if attempt.error:
            raise Failed(f"{situation}: {attempt.error} {remedy}")
        return self.sound(situation, attempt.told, fixtures, remedy)

    def sound(self, situation: str, told: object, fixtures: Fixtures, remedy: str) -> Forecasts:
        """The same forecasts, when they keep the contract; raises Failed."""
        try:
            return self._checked(told, len(fixtures))
        except PluginError as error:
            raise Failed(f"{situation}: {error.sentence} {remedy}") from None

    def ask(self, situation: str, fitted: Fitted, fixtures: Fixtures, remedy: str) -> Forecasts:
        """Forecasts of a fitted model that keep the contract in some situation; raises Failed."""
        try:
            told = fitted.predict(copied(fixtures))
        except (Exception, SystemExit) as error:
            raise Failed(f"{situation}: predict() raised {describe(error)} {remedy}") from error
        return self.sound(situation, told, fixtures, remedy)

    def _checked(self, told: object, matches: int) -> Forecasts:
        checked = check_forecasts(told, self.model.markets, matches)
        for key, rows in checked.probabilities.items():
            wanted = len(self.outcomes_of(key))
            if wanted and rows.shape[1] != wanted:
                sentence = (
                    f"The probabilities of {key} must have the shape ({matches}, {wanted}) and have {rows.shape}."
                )
                raise PluginError(Fault.INVALID_OUTPUT, sentence)
        return checked


@contextmanager
def fixed_chance(seed: int = 0) -> Iterator[None]:
    """Nobody's global random numbers are left to chance in here, and everybody's are as before afterwards."""
    was_random, was_numpy = random.getstate(), np.random.get_state()
    reseed(seed)
    try:
        yield
    finally:
        random.setstate(was_random)
        np.random.set_state(was_numpy)


def reseed(seed: int = 0) -> None:
    """Set everybody's global random numbers."""
    random.seed(seed)
    np.random.seed(seed)


def difference(one: Forecasts, other: Forecasts, fixtures: Fixtures, tolerance: float = CLOSE) -> str:
    """Where two forecasts of the same fixtures differ by more than so much, for a sentence; empty where nowhere."""
    for key, rows in one.probabilities.items():
        there = other.probabilities.get(key)
        if there is None or there.shape != rows.shape:
            return f"{key} is not the same market in both"
        gap = np.abs(rows - there).max(axis=1, initial=0.0)
        if (gap > tolerance).any():
            row = int(np.argmax(gap > tolerance))
            return f"{key}, row {row} ({match_of(fixtures, row)}): {numbers(rows[row])} and {numbers(there[row])}"
    return ""


def numbers(row: Sequence[float] | Floats) -> str:
    """A row of probabilities for a sentence."""
    return ", ".join(f"{float(value):.6g}" for value in row)


def _warned(caught: Sequence[warnings.WarningMessage]) -> Iterator[str]:
    """Warnings about numbers, each in a sentence; those about old spellings are not the model's fault."""
    for one in caught:
        if issubclass(one.category, RuntimeWarning) or "Convergence" in one.category.__name__:
            place = one.filename.replace("\\", "/").rpartition("/")[2]
            yield f"{one.category.__name__}: {' '.join(str(one.message).split())[:200]} ({place}, line {one.lineno})"
