"""The child process that runs one plugin: `python -m touchline.child PARENT`, request on stdin, answer on stdout.

It holds one model's code and nothing else: no secrets in its environment, one thread, a memory limit, and it dies
with its parent. That keeps faults away from the worker; it is not a wall against a plugin that means harm.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from touchline import wire
from touchline.outputs import Fault, PluginError, check_forecasts, check_ratings, check_state
from touchline.plugins import Refused, describe, open_entry
from touchline.settings import settings_of
from touchline.types import Fitted, Fixtures, Floats, History, Model, Rated

Answer = TypeVar("Answer")

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What the worker asks for."""

    entry: str
    model: str
    history: History
    fixtures: Fixtures | None
    state: dict[str, Floats] | None
    """Restore from this instead of fitting."""
    seed: int
    clubs: tuple[str, ...]
    """Whose ratings are asked for."""


def main(parent: int) -> None:
    """Answer one request. Whatever the plugin prints goes to stderr: the answer's own descriptor is kept aside."""
    _die_with(parent)
    answer = os.dup(1)
    os.dup2(2, 1)
    message = sys.stdin.buffer.read()
    try:
        reply = _reply(message)
    except PluginError as error:
        reply = wire.pack({"error": error.kind, "sentence": error.sentence}, {})
    with os.fdopen(answer, "wb") as stream:
        stream.write(reply)
    sys.stderr.flush()
    os._exit(0)  # a plugin's threads and exit hooks do not keep the worker waiting


def _die_with(parent: int) -> None:
    """Ask the kernel for death when the worker dies; it may have died before we asked."""
    if sys.platform != "linux":
        return
    import ctypes  # only here: nothing else in the child needs it

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _reply(message: bytes) -> bytes:
    body, arrays = wire.unpack(message)
    _limit_memory(body["memory_mb"])
    request = _request(body, arrays)
    model = _model(request)
    started = time.perf_counter()
    fitted = _fitted(model, request)
    answer: dict[str, Any] = {
        "version": model.version,
        "settings": settings_of(model),
        "seconds": time.perf_counter() - started,
    }
    out: wire.Arrays = {}
    if request.state is None:
        out |= wire.prefixed("state", check_state(_guarded("state()", fitted.state)))
    if request.fixtures is not None:
        forecasts, answer["milliseconds"] = _forecasts(model, fitted, request.fixtures)
        answer["forecasts"], tables = forecasts
        out |= tables
    if request.clubs and isinstance(fitted, Rated) and callable(fitted.ratings):
        ratings = _guarded("ratings()", lambda: fitted.ratings(request.clubs))
        out |= wire.prefixed("ratings", check_ratings(ratings, len(request.clubs)))
    return wire.pack(answer, out)


def _request(body: dict[str, Any], arrays: wire.Arrays) -> Request:
    fixtures = body.get("fixtures")
    return Request(
        entry=body["entry"],
        model=body["model"],
        history=wire.columns_in(History, body["history"], wire.under("history", arrays)),
        fixtures=None if fixtures is None else wire.columns_in(Fixtures, fixtures, wire.under("fixtures", arrays)),
        state=wire.under("state", arrays) if body["restore"] else None,
        seed=body["seed"],
        clubs=tuple(body.get("clubs", ())),
    )


def _limit_memory(megabytes: int | None) -> None:
    """Bound the address space, so that a greedy plugin gets a MemoryError instead of taking the machine's memory."""
    if sys.platform == "win32" or megabytes is None:
        return
    import resource  # POSIX only

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _model(request: Request) -> Model:
    try:
        offered = open_entry(request.entry)
    except Refused as refused:
        raise PluginError(Fault.RAISED, str(refused)) from refused
    for model in offered.models:
        if model.key == request.model:
            return model
    raise PluginError(Fault.RAISED, f"{request.entry} offers no model {request.model!r}.")


def _fitted(model: Model, request: Request) -> Fitted:
    if request.state is not None:
        state = request.state
        return _guarded("restore()", lambda: model.restore(request.history, state))
    return _guarded("fit()", lambda: model.fit(request.history, np.random.default_rng(request.seed)))


def _forecasts(model: Model, fitted: Fitted, fixtures: Fixtures) -> tuple[tuple[dict[str, Any], wire.Arrays], float]:
    started = time.perf_counter()
    forecasts = _guarded("predict()", lambda: fitted.predict(fixtures))
    milliseconds = (time.perf_counter() - started) * 1000
    return wire.forecasts_out(check_forecasts(forecasts, model.markets, len(fixtures))), milliseconds


def _guarded(what: str, call: Callable[[], Answer]) -> Answer:
    """Run foreign code; whatever it raises becomes one sentence with the place where it was raised."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        raise PluginError(Fault.RAISED, f"{what} raised {describe(error)}") from error


if __name__ == "__main__":
    main(int(sys.argv[1]))
