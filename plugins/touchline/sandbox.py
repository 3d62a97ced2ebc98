"""Running a model's code in a child process: with a wall clock, a memory limit, one thread and no secrets.

One plugin, one process. A plugin that raises, loops, dies or answers nonsense costs its own forecast and is told so
(`PluginError`); nobody else notices. This isolates faults; it is no wall against a plugin that means harm.

The same history, settings and seed give the same state, bit for bit, on the same machine. On Linux the child dies with
the thread that asked for it, so ask from a thread that waits for the answer.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, Any

from touchline import wire
from touchline.outputs import Fault, PluginError, check_forecasts, check_ratings, check_state
from touchline.types import Fixtures, Floats, Forecasts, History, MarketKey, State

__all__ = [
    "TIMEOUT",
    "Fault",
    "FitResult",
    "PluginError",
    "PredictResult",
    "run_fit",
    "run_fit_and_predict",
    "run_predict",
]

TIMEOUT = 120.0
"""Seconds that a child may take, start-up included."""

MEMORY_MB = 4096
"""Address space of a child, in MiB."""

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR"),
    "NUMBA_CACHE_DIR",
)
"""The only variables of the worker that a child sees; the last one says where compiled code is kept for the next."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fitted model: what to store of it."""

    state: dict[str, Floats]
    seconds: float
    """Time in `fit` alone, without the child's start-up."""
    digest: str
    """SHA-256 of the state."""
    settings: Mapping[str, float | str | bool]
    version: str
    ratings: Mapping[str, Floats] = field(default_factory=dict)
    """(c,) ratings of the clubs asked for, by system; none of a model that does not rate clubs."""


@dataclass(frozen=True, slots=True)
class PredictResult:
    """Checked forecasts and what they took."""

    forecasts: Forecasts
    milliseconds: float
    """Time in `predict` alone."""


def run_fit(
    entry: str,
    model_key: str,
    history: History,
    *,
    seed: int = 0,
    timeout: float = TIMEOUT,
    memory_mb: int | None = MEMORY_MB,
) -> FitResult:
    """Fit a model of the plugin behind `entry` (an entry point's value); raises PluginError."""
    body, arrays = _request(entry, model_key, history, None, None, seed)
    return _fit_result(*_ask(body, arrays, timeout, memory_mb))


def run_predict(
    entry: str,
    model_key: str,
    history: History,
    state: State,
    fixtures: Fixtures,
    *,
    markets: tuple[MarketKey, ...] = (),
    timeout: float = TIMEOUT,
    memory_mb: int | None = MEMORY_MB,
) -> PredictResult:
    """Forecasts of a model restored from its state; `markets` are those that must be among them. Raises PluginError."""
    body, arrays = _request(entry, model_key, history, state, fixtures, 0)
    return _predict_result(*_ask(body, arrays, timeout, memory_mb), markets, len(fixtures))


def run_fit_and_predict(
    entry: str,
    model_key: str,
    history: History,
    fixtures: Fixtures,
    *,
    markets: tuple[MarketKey, ...] = (),
    clubs: Sequence[str] = (),
    seed: int = 0,
    timeout: float = TIMEOUT,
    memory_mb: int | None = MEMORY_MB,
) -> tuple[FitResult, PredictResult]:
    """Both in one child, which saves its start-up, and the ratings of `clubs`; raises PluginError."""
    body, arrays = _request(entry, model_key, history, None, fixtures, seed)
    answer, tables = _ask(body | {"clubs": list(clubs)}, arrays, timeout, memory_mb)
    ratings = check_ratings(wire.under("ratings", tables), len(clubs))
    return replace(_fit_result(answer, tables), ratings=ratings), _predict_result(
        answer, tables, markets, len(fixtures)
    )


def _request(
    entry: str, model_key: str, history: History, state: State | None, fixtures: Fixtures | None, seed: int
) -> tuple[dict[str, Any], wire.Arrays]:
    past, past_arrays = wire.columns_out(history)
    body: dict[str, Any] = {
        "entry": entry,
        "model": model_key,
        "seed": seed,
        "history": past,
        "restore": state is not None,
    }
    arrays = wire.prefixed("history", past_arrays)
    if state is not None:
        arrays |= wire.prefixed("state", state)
    if fixtures is not None:
        body["fixtures"], coming = wire.columns_out(fixtures)
        arrays |= wire.prefixed("fixtures", coming)
    return body, arrays


def _fit_result(answer: Mapping[str, Any], tables: wire.Arrays) -> FitResult:
    state = check_state(wire.under("state", tables))
    return FitResult(state, answer["seconds"], wire.digest(state), answer["settings"], answer["version"])


def _predict_result(
    answer: Mapping[str, Any], tables: wire.Arrays, markets: tuple[MarketKey, ...], matches: int
) -> PredictResult:
    try:
        forecasts = wire.forecasts_in(answer["forecasts"], tables)
    except (KeyError, TypeError, ValueError) as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The forecasts cannot be read: {error}.") from error
    return PredictResult(check_forecasts(forecasts, markets, matches), answer["milliseconds"])


def _ask(
    body: dict[str, Any], arrays: wire.Arrays, timeout: float, memory_mb: int | None
) -> tuple[dict[str, Any], wire.Arrays]:
    """The child's answer. Files without a name carry the messages: nothing to clean up, no pipe to fill."""
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as reply, tempfile.TemporaryFile() as notes:
        request.write(wire.pack(body | {"memory_mb": memory_mb}, arrays))
        request.seek(0)
        status = _run(request, reply, notes, timeout)
        reply.seek(0)
        message = reply.read()
        if status != 0 or not message:
            raise PluginError(Fault.DIED, f"Its process ended {_ending(status)} without an answer.{_last_line(notes)}")
    return _answer(message)


def _answer(message: bytes) -> tuple[dict[str, Any], wire.Arrays]:
    try:
        answer, tables = wire.unpack(message)
    except ValueError as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: {error}.") from error
    if "error" in answer:
        raise PluginError(Fault(answer["error"]), answer["sentence"])
    return answer, tables


def _run(request: IO[bytes], reply: IO[bytes], notes: IO[bytes], timeout: float) -> int:
    """Run the child to its end or to the end of its time; its whole process group ends with it."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "touchline.child", str(os.getpid())],
        stdin=request,
        stdout=reply,
        stderr=notes,
        env=_environment(),
        cwd=tempfile.gettempdir(),
        start_new_session=True,
    )
    try:
        if not _ends_within(process, timeout):
            raise PluginError(Fault.TIMED_OUT, f"It was stopped after {timeout:g} seconds.")
    finally:
        _end(process)
    return process.returncode


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    path = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    return kept | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _ends_within(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Whether the child ends in time. A pid descriptor tells at once, where `wait` would look every 50 ms."""
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:  # an old kernel, or a sandbox of its own
            pass
        else:
            try:
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                return bool(poll.poll(timeout * 1000))
            finally:
                os.close(descriptor)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the child's group, then reap it: until then its number belongs to nobody else."""
    if sys.platform == "win32":
        process.kill()
    elif process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # nobody left
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def _last_line(notes: IO[bytes]) -> str:
    """The last thing that the child said, for the author."""
    size = notes.seek(0, os.SEEK_END)
    notes.seek(max(0, size - 2000))
    lines = notes.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f" It last said: {said[-1][:300]}" if said else ""
