"""What the processes of a stack hold while it runs, memory and descriptors, and whether that grows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from touchline.types import Floats

BLOCKS = 20
"""Means of so many equal stretches are fitted: neighbouring samples are too alike to count as independent."""
MEGABYTE = 2**20
SURE = 2.0
"""Standard errors by which a trend must lie above its bound."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What one process of the stack may grow by in an hour, beyond what is by chance."""

    megabytes: float
    descriptors: float | None


BOUNDS: Mapping[str, Bound] = {
    "api": Bound(24.0, 10.0),
    "worker": Bound(24.0, 10.0),
    "scheduler": Bound(12.0, 10.0),
    "postgres": Bound(96.0, None),
    "redis": Bound(24.0, 10.0),
}
"""By the process's name in run.json; PostgreSQL's are of all its processes together.

A session of PostgreSQL keeps up to a thousand files open that it once touched, so their number says nothing; sessions
that pile up show in the descriptors of whoever opened them.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What one process held at one time."""

    megabytes: float
    """Resident; of PostgreSQL what its processes do not share, since shared buffers fill up to their size."""
    descriptors: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through measurements, by least squares."""

    per_hour: float
    error: float
    """Standard error of `per_hour`."""
    start: float
    end: float

    def exceeds(self, bound: float) -> bool:
        """Whether growth lies above a bound beyond what chance explains."""
        return self.per_hour - SURE * self.error > bound


@dataclass
class Samples:
    """A series of measurements of one stack."""

    folder: Path
    """Its data folder."""
    seconds: list[float] = field(default_factory=list)
    held: list[dict[str, Held]] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    """How often a process was not the one of the measurement before."""
    _began: float = field(default_factory=time.monotonic)
    _pids: dict[str, int] = field(default_factory=dict)

    def take(self) -> None:
        """Measure every process once; one that is away just now is left out."""
        pids: dict[str, int] = json.loads((self.folder / "run.json").read_text())["pids"]
        now: dict[str, Held] = {}
        for name in BOUNDS:
            if self._pids.get(name, pids[name]) != pids[name]:
                self.restarts[name] = self.restarts.get(name, 0) + 1
            self._pids[name] = pids[name]
            try:
                now[name] = _held(psutil.Process(pids[name]), is_family=name == "postgres")
            except psutil.NoSuchProcess:
                continue
        self.seconds.append(time.monotonic() - self._began)
        self.held.append(now)

    def series(self, name: str, what: str) -> tuple[Floats, Floats]:
        """Seconds and values of `megabytes` or `descriptors` of one process."""
        pairs = [
            (second, float(getattr(held[name], what)))
            for second, held in zip(self.seconds, self.held, strict=True)
            if name in held
        ]
        times, values = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
        return times, values

    def trend(self, name: str, what: str, *, after: float) -> Trend:
        """The trend of one process after a warm-up of so many seconds."""
        times, values = self.series(name, what)
        return trend_of(times[times >= after], values[times >= after])


def _held(process: psutil.Process, *, is_family: bool) -> Held:
    if not is_family:
        return Held(process.memory_info().rss / MEGABYTE, process.num_fds())
    megabytes, descriptors = 0.0, 0
    for each in (process, *process.children()):
        try:
            megabytes += each.memory_full_info().uss / MEGABYTE
            descriptors += each.num_fds()
        except psutil.NoSuchProcess:  # a session that has just ended
            continue
    return Held(megabytes, descriptors)


def trend_of(seconds: Floats, values: Floats) -> Trend:
    """The line through the means of equal stretches of time; raises ValueError for fewer than three stretches."""
    stretches = [part for part in np.array_split(np.arange(len(seconds)), min(BLOCKS, len(seconds))) if len(part)]
    if len(stretches) < 3:
        raise ValueError(f"{len(seconds)} measurements make no trend: let it run longer")
    hours = np.array([seconds[part].mean() for part in stretches]) / 3600
    means = np.array([values[part].mean() for part in stretches])
    design = np.column_stack([np.ones_like(hours), hours])
    coefficients, *_ = np.linalg.lstsq(design, means, rcond=None)
    residuals = means - design @ coefficients
    variance = float(residuals @ residuals) / (len(means) - 2)
    error = float(np.sqrt(variance / ((hours - hours.mean()) ** 2).sum()))
    return Trend(float(coefficients[1]), error, float(means[0]), float(means[-1]))


def draw(samples: Samples, path: Path, *, after: float, title: str) -> None:
    """Memory and descriptors over time with their trends; the format is that of the file's name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, what, label in ((upper, "megabytes", "memory, MiB"), (lower, "descriptors", "open descriptors")):
        for name in BOUNDS:
            _draw_series(axes, samples, name, what, after)
        axes.axvspan(0, after / 60, color="0.93", zorder=0)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", fontsize=8)
    lower.set_xlabel("minutes; grey is the warm-up")
    upper.set_title(title)
    figure.savefig(path)


def _draw_series(axes: Any, samples: Samples, name: str, what: str, after: float) -> None:  # matplotlib has no types
    times, values = samples.series(name, what)
    trend = samples.trend(name, what, after=after)
    (line,) = axes.plot(
        times / 60, values, linewidth=0.8, label=f"{name} ({trend.per_hour:+.1f} ± {trend.error:.1f} an hour)"
    )
    kept = times[times >= after]
    middle = float(values[times >= after].mean())
    fitted = middle + trend.per_hour * (kept - kept.mean()) / 3600
    axes.plot(kept / 60, fitted, linewidth=1.5, linestyle="--", color=line.get_color())


def growing(samples: Samples, *, after: float) -> Sequence[str]:
    """One sentence for each process that grows beyond its bound."""
    found = []
    for name, bound in BOUNDS.items():
        for what, most in (("megabytes", bound.megabytes), ("descriptors", bound.descriptors)):
            trend = samples.trend(name, what, after=after)
            if most is not None and trend.exceeds(most):
                found.append(
                    f"{name} grows by {trend.per_hour:.1f} ± {trend.error:.1f} {what} an hour; {most:g} are allowed"
                )
    return found
