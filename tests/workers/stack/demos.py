"""A `touchline demo` in a process of its own, as an operator runs it, and what is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

READY = "Touchline is ready"


@dataclass(frozen=True)
class Demo:
    """A demo that said it is ready."""

    process: subprocess.Popen[str]
    folder: Path
    seconds: float
    """From the command to `ready`."""

    @property
    def told(self) -> dict[str, Any]:
        """What run.json says."""
        told: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return told

    def family(self) -> list[psutil.Process]:
        """Every process the demo has started, whatever its command line."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self, *others: str) -> None:
        """`kill -9` of the supervisor, and at the same moment of the named children."""
        pids = [self.told["pids"][name] for name in others]
        for pid in (self.process.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to stop; answers the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=40)


@contextmanager
def running_demo(
    command: Sequence[str], folder: Path, *, environment: Mapping[str, str], seconds: float = 60.0
) -> Iterator[Demo]:
    """Start a demo on a folder, on any free port, and wait until it is ready; stopped at the end if it still runs."""
    began = time.monotonic()
    words = [*command, "--data-dir", str(folder), "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(environment)
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != READY:
                process.terminate()
                raise AssertionError(f"it did not get ready: {process.communicate()[1]}")
            took = time.monotonic() - began
            assert took < seconds
            yield Demo(process, folder, took)
        finally:
            if process.poll() is None:
                process.terminate()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Living processes whose command line names the folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if any(str(folder) in word for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def left_after(seconds: float, folder: Path, family: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
    """Who of the family, or of the folder's processes, is still alive after at most so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        left = [*processes_of(folder), *(process for process in family if _lives(process))]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
