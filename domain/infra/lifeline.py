"""A pipe whose end tells a Python child that its supervisor is gone.

Linux has a signal for this (workers/stack/deathsig.py); this works everywhere and costs one blocked thread.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "TOUCHLINE_LIFELINE_FD"
"""Environment variable with the number of the pipe's read end; unset when nobody supervises."""


def watch_lifeline() -> None:
    """End this process, and its own process group, as soon as its supervisor is gone.

    Call it once at the start of a `__main__`. Does nothing without a supervisor.
    """
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return
    threading.Thread(target=_wait, args=(int(number),), name="lifeline", daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass  # nothing is ever written; only the end of the pipe counts
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
