"""The guard of a child: it ends every process that a plugin starts, wherever that hides.

A plugin's process may fork, and what it forks may leave its group and session. On Linux the child therefore divides
itself before it runs any foreign code: one process stays behind as the guard and the other one, the runner, goes on.
Whatever the runner starts belongs to the guard once its parents are gone (PR_SET_CHILD_SUBREAPER, prctl(2)), so the
guard is done when it has no child any more. It dies with the worker that asked, and takes all of them with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

MOST_PROCESSES: Final = 32
"""Processes that a plugin may have at once."""

_PAUSE: Final = 0.1
"""Seconds between two looks at how many there are."""
_SET_PARENT_DEATH_SIGNAL: Final = 1
_SET_CHILD_SUBREAPER: Final = 36


def divide(parent: int, folder: str, tell: Callable[[str], None]) -> None:
    """Return in the runner. The guard stays here, and ends as the runner ended once nothing of it is left.

    `parent` is the process that asked, and `folder` the child's own, which goes with it. `tell` gets one sentence when
    there are more processes than a plugin may have.
    Elsewhere than on Linux there is no guard: the caller goes on as it is.
    """
    if sys.platform != "linux":
        return
    _die_with(parent, signal.SIGTERM)
    _control(_SET_CHILD_SUBREAPER, 1)
    heard = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    guard = os.getpid()
    runner = os.fork()
    if runner:
        status = _watch(runner, heard, tell)
        shutil.rmtree(folder, ignore_errors=True)
        _leave(status)
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
    _die_with(guard, signal.SIGKILL)


def _die_with(parent: int, number: signal.Signals) -> None:
    """Ask the kernel for a signal when the parent dies; it may have died before we asked."""
    _control(_SET_PARENT_DEATH_SIGNAL, number)
    if os.getppid() != parent:
        os._exit(1)


def _control(option: int, value: int) -> None:
    import ctypes  # only here: nothing else in the child needs it

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _watch(runner: int, heard: set[signal.Signals], tell: Callable[[str], None]) -> int:
    """Wait for the runner's end, for SIGTERM, or for too many processes; answers its wait status, or what to tell."""
    before = _tasks()
    while True:
        received = signal.sigtimedwait(heard, _PAUSE)
        if received is not None and received.si_signo == signal.SIGTERM:
            end_descendants()
            return int(signal.SIGTERM)
        status = _reaped(runner)
        if status is not None:
            end_descendants()
            return status
        if _tasks() - before > MOST_PROCESSES and len(descendants()) > MOST_PROCESSES:
            end_descendants()
            tell(f"It had more than {MOST_PROCESSES} processes at once.")
            return 0


def _reaped(runner: int) -> int | None:
    """Take note of everybody who ended; answers the runner's wait status if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                break
            if process == runner:
                found = status
    return found


def end_descendants() -> None:
    """Kill everything below this process, until it has no child any more."""
    while True:
        for process in descendants():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def descendants() -> list[int]:
    """Processes below this one that still run, and those that were left to it."""
    parents = {process: parent for process, parent in map(_with_parent, _processes()) if parent}
    found: list[int] = []
    new = {os.getpid()}
    while new:
        new = {process for process, parent in parents.items() if parent in new}
        found += new
    return found


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # no such folder: then the worker ends this process, and its runner with it
        return []


def _with_parent(process: int) -> tuple[int, int]:
    """A process and its parent; 0 for one that is gone or ended."""
    try:
        state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return process, 0
    return process, 0 if state in "ZX" else int(parent)


def _tasks() -> int:
    """Tasks of the whole machine, which costs one look: only where they grew are our own counted.

    0 where the kernel does not tell.
    """
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except OSError:
        return 0


def _leave(status: int) -> None:
    """End as the runner ended."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
