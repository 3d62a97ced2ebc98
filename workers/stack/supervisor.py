"""A small supervisor: starts children in order, starts them again when they end, stops them in reverse.

One loop in the main thread, no threads of its own: the kernel ties the children to that thread
(deathsig.py). Requests to stop arrive as signals and are counted; the second one hurries.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from workers.stack.children import (
    Child,
    Process,
    bound_log,
    end,
    exit_words,
    last_words,
    log_file,
    nothing,
    spawn,
    start,
    sweep,
)
from workers.stack.errors import StackError, Stopped

_POLL_SECONDS = 0.1
_LOG_CHECK_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""A child that ran this long has recovered: its next failure counts as the first."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ignore_pids(pids: dict[str, int]) -> None:
    """Tell nobody."""
    del pids


class StopRequests:
    """How often somebody asked this process to stop."""

    def __init__(self) -> None:
        self.count = 0

    def check(self) -> None:
        """Raise Stopped when somebody asked."""
        if self.count:
            raise Stopped("stopped before everything was ready")

    def hurry(self) -> bool:
        """Whether somebody asked twice."""
        return self.count > 1

    def add(self, number: int, frame: FrameType | None) -> None:
        """Count one request; a signal handler."""
        del number, frame
        self.count += 1


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Count Ctrl-C, SIGTERM and a closed terminal while the block runs, in place of dying of them.

    A closed terminal does not count under `nohup`.
    """
    requests = StopRequests()
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, requests.add) for number in {*heard, signal.SIGINT, signal.SIGTERM}}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Kept:
    """A child under supervision."""

    child: Child
    process: Process
    began: float
    failures: int = 0
    due: float | None = None
    """When it is started again; None while it runs."""


class Supervisor:
    """Keeps children running until it is closed.

    `say` gets a sentence for whatever an operator should know; `changed` the new pids after each
    restart. Use it as a context manager: leaving the block stops all children.
    """

    def __init__(
        self,
        logs: Path,
        requests: StopRequests,
        *,
        say: Callable[[str], None],
        changed: Callable[[dict[str, int]], None] = ignore_pids,
    ) -> None:
        self._logs = logs
        self._requests = requests
        self._say = say
        self._changed = changed
        self._kept: list[_Kept] = []
        self._logs_checked = time.monotonic()
        # Children see the end of this pipe when the write end closes, which is when this process ends.
        self._lifeline, self._lifeline_end = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        os.close(self._lifeline)
        os.close(self._lifeline_end)

    @property
    def pids(self) -> dict[str, int]:
        """The running children by name."""
        return {kept.child.name: kept.process.pid for kept in self._kept if kept.due is None}

    def start(self, child: Child) -> float:
        """Start the child, wait until it is ready, and keep it running; answers the seconds it took."""
        process, seconds = start(
            child, self._logs, lifeline=self._lifeline, check=self._requests.check, hurry=self._requests.hurry
        )
        self._kept.append(_Kept(child, process, time.monotonic()))
        return seconds

    def run(self, task: Child) -> None:
        """Run a task to its end; raises StackError with the end of its log when it fails."""
        process = spawn(task, self._logs, lifeline=self._lifeline)
        try:
            while process.poll() is None:
                self._requests.check()
                time.sleep(0.02)
        finally:
            if process.returncode is None:
                end(task, process, hurry=self._requests.hurry)
            else:
                sweep(process)
        if process.returncode != 0:
            words = exit_words(process.returncode)
            raise StackError(f"{task.name} failed with {words}. {last_words(task, self._logs)}")

    def watch(self, also: Callable[[], None] = nothing) -> None:
        """Start children again as they end, until somebody asks to stop; `also` is called in every round."""
        while not self._requests.count:
            self.look()
            also()
            time.sleep(_POLL_SECONDS)

    def look(self) -> None:
        """One round of watching."""
        now = time.monotonic()
        for kept in self._kept:
            if kept.due is None and kept.process.poll() is not None:
                self._note_end(kept, now)
            elif kept.due is not None and now >= kept.due:
                self._start_again(kept, now)
        if now - self._logs_checked > _LOG_CHECK_SECONDS:
            self._logs_checked = now
            for kept in self._kept:
                bound_log(kept.child, self._logs)

    def stop(self) -> None:
        """Stop the children, the last one started first."""
        while self._kept:
            kept = self._kept[-1]
            if kept.due is None:
                end(kept.child, kept.process, hurry=self._requests.hurry)
            self._kept.pop()

    def _note_end(self, kept: _Kept, now: float) -> None:
        sweep(kept.process)
        kept.failures = 1 if now - kept.began > _STEADY_SECONDS else kept.failures + 1
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (kept.failures - 1), _LONGEST_PAUSE_SECONDS)
        kept.due = now + pause
        self._say(
            f"{kept.child.name} ended with {exit_words(kept.process.returncode)}; starting it again in {pause:g} s. "
            f"See {log_file(kept.child, self._logs)}"
        )

    def _start_again(self, kept: _Kept, now: float) -> None:
        try:
            kept.process = spawn(kept.child, self._logs, lifeline=self._lifeline)
        except (OSError, StackError) as error:
            kept.due = now + _LONGEST_PAUSE_SECONDS
            self._say(f"{kept.child.name} cannot be started: {error}")
            return
        kept.began, kept.due = now, None
        self._say(f"{kept.child.name} runs again (pid {kept.process.pid})")
        self._changed(self.pids)
