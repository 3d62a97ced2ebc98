"""What a check is, and what comes of running one.

A check is a function that is given a case (the thing under test and what its checks share). It returns when the thing
keeps the contract, raises `Failed` with one sentence for the author (what was found, where, and what to do), or
`Skipped` with the reason why it cannot be judged. Its name is the function's, its title the docstring's first line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, ParamSpec, TypeVar

from touchline.outputs import PluginError
from touchline.plugins import describe

Answer = TypeVar("Answer")
Case = TypeVar("Case")
P = ParamSpec("P")
Status = Literal["passed", "failed", "skipped"]


class Failed(Exception):
    """The thing breaks its contract; the message is for its author."""


class Skipped(Exception):
    """The check does not apply, or cannot be judged; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a contract."""

    name: str
    title: str
    """What is promised, one sentence."""
    run: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check."""

    check: str
    """Its name."""
    status: Status
    reason: str
    """Why it failed or was skipped, for the author; empty when it passed."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a thing under test may take. A worker stops a model after 120 seconds and 4096 MiB, start-up included."""

    fit_seconds: float = 60.0
    """Processor time of one fit on three and a half seasons."""
    predict_seconds: float = 5.0
    """Processor time of forecasting a season."""
    fit_megabytes: float = 1024.0
    """Memory that a fit may hold at its highest."""
    growth_megabytes: float = 8.0
    """Memory that may be left after several fits and forecasts."""
    settle_seconds: float = 2.0
    """Processor time of a thousand settlements."""
    assess_seconds: float = 2.0
    """Processor time of assessing a thousand offers."""


def checks_of(*functions: Callable[[Any], None]) -> tuple[Check, ...]:
    """Checks by their functions, in this order."""
    return tuple(Check(one.__name__, (one.__doc__ or "").partition("\n")[0], one) for one in functions)


def run_check(check: Check, case: object) -> Result:
    """Run one check; whatever foreign code raises in it is a failure with its place."""
    started = time.perf_counter()
    status: Status = "passed"
    reason = ""
    try:
        check.run(case)
    except Skipped as skipped:
        status, reason = "skipped", str(skipped)
    except Failed as failed:
        status, reason = "failed", str(failed)
    except PluginError as error:
        status, reason = "failed", error.sentence
    except (Exception, SystemExit) as error:  # noqa: BLE001 - recorded: it is the result
        status, reason = "failed", f"It raised {describe(error)}"
    return Result(check.name, status, reason, time.perf_counter() - started)


def needs(*_: object) -> None:
    """What a check stands on: asking the case for it raises Skipped where it is missing."""


def after(check: Callable[[Case], None], case: Case) -> None:
    """Skip what follows from another check while that one fails: its author reads about the cause."""
    try:
        check(case)
    except Failed:
        raise Skipped(f"It means nothing before another check passes: see {check.__name__}.") from None


def is_a(value: object, kind: type | UnionType) -> bool:
    """Whether a stranger's value is what its type promises."""
    return isinstance(value, kind)


def guarded(what: str, call: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """What foreign code answers; whatever it raises is a failure that names the call and the place."""
    try:
        return call(*args, **kwargs)
    except (Exception, SystemExit) as error:
        raise Failed(f"{what} raised {describe(error)}") from error
