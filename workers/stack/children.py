"""One child process: what it is, how it starts, when it is ready, how it is stopped.

Each child leads a process group of its own, so Ctrl-C in a terminal reaches the supervisor only,
and everything a child has started can be ended with it. Start children from the main thread:
the end of any other thread would count as the parent's death (deathsig.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from domain.infra.lifeline import VARIABLE as LIFELINE
from workers.stack.accounts import Account
from workers.stack.deathsig import die_with_parent
from workers.stack.errors import StackError

Process = subprocess.Popen[bytes]

LOG_BYTES = 8_000_000
"""A log above this size is set aside as `NAME.log.1`."""
_POLL_SECONDS = 0.02
_HURRY_SECONDS = 5.0
_TAIL_BYTES = 64_000


def nothing() -> None:
    """Do nothing."""


def patient() -> bool:
    """Nobody is in a hurry."""
    return False


def once_running(pid: int) -> bool:
    """Count a child as ready when it runs."""
    return pid > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process of the stack, as its starter describes it."""

    name: str
    """Also the name of its log."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment."""
    ready: Callable[[int], bool] = once_running
    """Told the pid; asked again and again until it says yes."""
    prepare: Callable[[], None] = nothing
    """Run before every start, after the predecessor is gone: clears what a crash left behind."""
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 15.0
    """How long it may take to stop by itself."""
    hurry_signal: int = signal.SIGKILL
    """Sent when it did not."""
    death_signal: int = signal.SIGKILL
    """What the kernel sends when the supervisor is gone (Linux)."""
    ready_seconds: float = 60.0
    retry_seconds: float = 15.0
    retry_on: tuple[str, ...] = ()
    """Words in the log by which a refused start is worth another try for `retry_seconds`."""
    account: Account | None = None
    """Who it runs as; None for the starter's own account."""
    cwd: Path = Path("/")


def start(
    child: Child,
    logs: Path,
    *,
    lifeline: int | None = None,
    check: Callable[[], None] = nothing,
    hurry: Callable[[], bool] = patient,
) -> tuple[Process, float]:
    """Start the child and wait until it is ready; answers the process and the seconds it took.

    `check` is called all along and may raise to give up. Raises StackError with the end of the
    log when the child ends or does not get ready in time.
    """
    began = time.monotonic()
    process = spawn(child, logs, lifeline=lifeline)
    try:
        while not child.ready(process.pid):
            check()
            waited = time.monotonic() - began
            if process.poll() is not None:
                _refuse_unless_worth_a_retry(child, logs, process.returncode, waited)
                time.sleep(0.25)
                process = spawn(child, logs, lifeline=lifeline)
            elif waited > child.ready_seconds:
                raise StackError(f"{child.name} was not ready after {waited:.0f} s. {last_words(child, logs)}")
            time.sleep(_POLL_SECONDS)
    except BaseException:
        end(child, process, hurry=hurry)
        raise
    return process, time.monotonic() - began


def spawn(child: Child, logs: Path, *, lifeline: int | None = None) -> Process:
    """Start the child without waiting for it."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread: the kernel ends them with their thread")
    child.prepare()
    environment = dict(child.env)
    descriptors: tuple[int, ...] = ()
    if lifeline is not None:
        environment[LIFELINE] = str(lifeline)
        descriptors = (lifeline,)
    with _log_for_appending(child, logs) as log, warnings.catch_warnings():
        # Python 3.12 warns of preexec_fn in a process with threads (NumPy starts some); ours makes two
        # system calls and takes no lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(
            child.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=child.cwd,
            start_new_session=True,
            pass_fds=descriptors,
            preexec_fn=partial(die_with_parent, child.death_signal, os.getpid()),
            **identity(child.account),
        )


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that start a process as `account`, without root's groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def end(child: Child, process: Process, *, hurry: Callable[[], bool] = patient) -> None:
    """Stop the child and everything in its process group: first politely, in the end by force."""
    if not _signal_and_wait(process, child.stop_signal, child.stop_seconds, hurry):
        _signal_and_wait(process, child.hurry_signal, _HURRY_SECONDS, patient)
    sweep(process)


def sweep(process: Process) -> None:
    """Kill whatever is left of a child's process group, the child included, and wait for it."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _signal_and_wait(process: Process, number: int, seconds: float, hurry: Callable[[], bool]) -> bool:
    """Whether the process ended within `seconds` of the signal, and before somebody got in a hurry."""
    process.send_signal(number)
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > deadline or hurry():
            return False
        time.sleep(_POLL_SECONDS)
    return True


def log_file(child: Child, logs: Path) -> Path:
    """Where the child's output goes."""
    return logs / f"{child.name}.log"


def bound_log(child: Child, logs: Path) -> None:
    """Set a grown log aside as `NAME.log.1` and go on with an empty one, also under a running child.

    The child keeps its descriptor, so the file is copied and then emptied; a line written between
    the two is lost.
    """
    path = log_file(child, logs)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        aside = path.with_name(f"{path.name}.1")
        aside.write_bytes(path.read_bytes())
        aside.chmod(0o600)
        os.truncate(path, 0)


def last_words(child: Child, logs: Path) -> str:
    """The end of the child's log, as a sentence for an error message."""
    path = log_file(child, logs)
    lines = _tail(path)
    if not lines:
        return f"Its log is empty: {path}"
    return "\n  ".join([f"The end of {path}:", *lines])


def _tail(path: Path, lines: int = 6) -> list[str]:
    """The last lines, whole: a line of JSON holds a traceback, and half of one is nothing."""
    with path.open("rb") as log:
        before = max(0, path.stat().st_size - _TAIL_BYTES)
        log.seek(before)
        found = log.read().decode(errors="replace").splitlines()
    return found[1 if before and len(found) > 1 else 0 :][-lines:]


def _log_for_appending(child: Child, logs: Path) -> Any:
    bound_log(child, logs)
    descriptor = os.open(log_file(child, logs), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab")


def _refuse_unless_worth_a_retry(child: Child, logs: Path, code: int, waited: float) -> None:
    words = last_words(child, logs)
    if waited > child.retry_seconds or not any(word in words for word in child.retry_on):
        raise StackError(f"{child.name} ended with {exit_words(code)} while starting. {words}")


def exit_words(code: int) -> str:
    """An exit code as words: a negative one is a signal."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
