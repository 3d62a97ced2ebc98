"""Plugins that can be imported, and are a fault of their own each when they are asked."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from touchline import RESULT, Basis, Fixtures, Floats, Forecasts, History, MarketKey, Model, State, hookimpl

MEBIBYTE = 2**20
NOISE = "hostile noise"
"""What they print: it may stand nowhere."""


def honest(fixtures: Fixtures, more: int = 0) -> Forecasts:
    """What a model should answer, with some rows too many."""
    count = len(fixtures) + more
    return Forecasts({RESULT: np.tile([0.4, 0.3, 0.3], (count, 1))}, [Basis.LEAGUE_PRIOR] * count)


def nothing() -> None:
    """Learn nothing."""


@dataclass(frozen=True)
class Fitted:
    speak: Callable[[Fixtures], Forecasts]

    def predict(self, fixtures: Fixtures) -> Forecasts:
        return self.speak(fixtures)

    def state(self) -> dict[str, Floats]:
        return {}


@dataclass(frozen=True)
class Misbehaving:
    """A model of the match result that does something when it learns, and something when it speaks."""

    key: str
    learn: Callable[[], None] = nothing
    speak: Callable[[Fixtures], Forecasts] = honest
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)

    def fit(self, history: History, rng: np.random.Generator) -> Fitted:
        self.learn()
        return Fitted(self.speak)

    def restore(self, history: History, state: State) -> Fitted:
        return Fitted(self.speak)


class Plugin:
    """What an entry point names: the hook of one model."""

    def __init__(self, model: Misbehaving) -> None:
        self.model = model

    @hookimpl
    def models(self) -> Sequence[Model]:
        return [self.model]


def _raise() -> None:
    raise ArithmeticError("the coach was sacked")


def _loop() -> None:
    """One call in C that holds the lock of the interpreter, deaf to every signal that can be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    sum(range(10**15))


def _allocate() -> None:
    """Ten gigabytes, one after the other."""
    held = [bytearray(1024 * MEBIBYTE) for _ in range(10)]
    held.clear()


def _print() -> None:
    """Four megabytes on each way out, past Python's own files as well."""
    words = f"{NOISE}\n" * (4 * MEBIBYTE // (len(NOISE) + 1))
    print(words)
    print(words, file=sys.stderr)
    for descriptor in (1, 2):
        os.write(descriptor, words.encode())


def _exit() -> None:
    os._exit(0)


def _fork(*, session: bool) -> None:
    """Children that go on when their parent is done; `session`: they leave its group and its session as well."""
    for _ in range(4):
        if os.fork() == 0:
            if session:
                os.setsid()
                if os.fork():
                    os._exit(0)
            _loop()


def _nan(fixtures: Fixtures) -> Forecasts:
    return Forecasts({RESULT: np.full((len(fixtures), 3), np.nan)}, [Basis.MODEL] * len(fixtures))


fit_raises = Plugin(Misbehaving("hostile.fit_raises", _raise))
loops = Plugin(Misbehaving("hostile.loops", _loop))
allocates = Plugin(Misbehaving("hostile.allocates", _allocate))
nan = Plugin(Misbehaving("hostile.nan", speak=_nan))
prints = Plugin(Misbehaving("hostile.prints", _print))
exits = Plugin(Misbehaving("hostile.exits", _exit))
forks = Plugin(Misbehaving("hostile.forks", lambda: _fork(session=False)))
escapes = Plugin(Misbehaving("hostile.escapes", lambda: _fork(session=True)))
no_such_club = Plugin(Misbehaving("hostile.no_such_club", speak=lambda fixtures: honest(fixtures, more=1)))
