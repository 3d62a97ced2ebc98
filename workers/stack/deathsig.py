"""Processes that do not outlive the one that started them (Linux; elsewhere see domain/infra/lifeline.py).

The kernel sends the signal to *direct* children only. A child that starts processes of its own, as
the worker does for plugins, lets each of them call `die_with_parent` first.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Looked up once, before any fork: a forked child must not load libraries. PyDLL keeps the
# interpreter lock, which the forked child could otherwise wait for in vain.
_PRCTL = ctypes.PyDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(sig: int = signal.SIGKILL, parent: int | None = None) -> None:
    """Have the kernel send this process `sig` when the thread that started it ends.

    Call it first thing in the child, or as `preexec_fn=functools.partial(die_with_parent, sig, os.getpid())`.
    With `parent` a parent that died before the call is noticed too. Does nothing where there is no
    such signal. The parent must start the child from its main thread: the end of any other thread
    counts as its death.
    """
    if _PRCTL is None:
        return
    if _PRCTL(_PR_SET_PDEATHSIG, ctypes.c_ulong(sig)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
