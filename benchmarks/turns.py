"""Ways of doing one thing that take turns, and what came of it as a line.

Times are CPU seconds of the process that does the work, on one thread: what else the machine does shows least in them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 5
"""Runs of each way by default."""


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds by way, one a round: each way in each round, one after the other, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(way())
    return seconds


def seconds_each(times: int, work: Callable[[], object]) -> Callable[[], float]:
    """A way that does something short `times` times over and answers the CPU seconds of one."""

    def run() -> float:
        began = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - began) / times

    return run


def faster(seconds: Mapping[str, list[float]], ours: str, theirs: str) -> str:
    """Both medians and the ratio: how many times as fast ours is, the median over the rounds and their range."""
    pairs = zip(seconds[theirs], seconds[ours], strict=True)
    ratios = [slow / quick for slow, quick in pairs]
    return (
        f"{statistics.median(ratios):7.1f}x  ({min(ratios):.1f} to {max(ratios):.1f})   "
        f"{ours} {_told(statistics.median(seconds[ours]))}, {theirs} {_told(statistics.median(seconds[theirs]))}"
    )


def _told(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
