"""One model walked through the rounds of some seasons: fitted on what was known, asked about what came.

A model that sees one league is walked through each league by itself. One that sees every league is walked once through
the instants of all leagues, so that it is fitted once where two leagues begin a round on the same day. A fitted model
that can advance learns what came since instead of being fitted anew; its history then goes on from where it began.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from touchline.evaluation.dataset import DAY, Dataset
from touchline.evaluation.rounds import Round, rounds
from touchline.forecasting import SCORE_GRID
from touchline.outputs import check_forecasts
from touchline.types import Advancing, Basis, Fitted, Floats, Forecasts, Ints, MarketKey, Model, reach_of

BASES: Final = tuple(Basis)
GRID: Final = ("home_mean", "away_mean", "rho")

Tick = Callable[[], None]
"""Called after each round."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What a model said of the matches that it was walked through."""

    rows: Ints
    """(m,) rows of the dataset, in the order of the rounds."""
    probabilities: Mapping[MarketKey, Floats]
    """(m, outcomes) by market."""
    grid: Mapping[str, Floats]
    """(m,) `home_mean`, `away_mean`, `rho`; empty for a model of another family."""
    basis: Ints
    """(m,) index into `BASES`."""
    fits: int
    fit_seconds: float
    predict_seconds: float
    peak_bytes: int | None
    """Most memory that the process held until the end; None where the system does not tell."""


@dataclass(slots=True)
class _Walk:
    """A walk in progress."""

    model: Model
    dataset: Dataset
    league: str | None
    seed: int
    begins: int
    """Instant before which an advancing model wants nothing."""
    fitted: Fitted | None = None
    fits: int = 0
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    outcomes: Mapping[str, int] | None = None
    rows: list[Ints] = field(default_factory=list)
    forecasts: list[Forecasts] = field(default_factory=list)

    def step(self, instant: int, rows: Ints) -> None:
        """Learn what was known at an instant and forecast the matches of these rows."""
        rng = np.random.default_rng([self.seed, _number(self.model.key), _number(self.league or ""), instant])
        started = time.perf_counter()
        self.fitted = fitted = self._learned(instant, rng)
        known = time.perf_counter()
        told = fitted.predict(self.dataset.fixtures(rows, instant, self.league))
        self.predict_seconds += time.perf_counter() - known
        self.fit_seconds += known - started
        self.fits += 1
        self.forecasts.append(check_forecasts(told, self.model.markets, len(rows), self.outcomes))
        self.rows.append(rows)

    def _learned(self, instant: int, rng: np.random.Generator) -> Fitted:
        before: object = self.fitted
        if isinstance(before, Advancing):
            return before.advance(self.dataset.before(instant, self.league, since=self.begins), rng)
        past = self.dataset.before(instant, self.league, days=reach_of(self.model).days)
        return self.model.fit(past, rng)

    def walked(self) -> Walked:
        """Everything that was said, in one piece."""
        markets = self.model.markets
        has_grid = all(told.family == SCORE_GRID for told in self.forecasts)
        return Walked(
            rows=np.concatenate(self.rows),
            probabilities={
                key: np.concatenate([told.probabilities[key] for told in self.forecasts]) for key in markets
            },
            grid={name: np.concatenate([told.parameters[name] for told in self.forecasts]) for name in GRID}
            if has_grid
            else {},
            basis=np.array([BASES.index(Basis(one)) for told in self.forecasts for one in told.basis], dtype=np.int64),
            fits=self.fits,
            fit_seconds=self.fit_seconds,
            predict_seconds=self.predict_seconds,
            peak_bytes=peak_bytes(),
        )


def walk_forward(
    model: Model,
    dataset: Dataset,
    leagues: Sequence[str],
    seasons: Sequence[int],
    seed: int = 0,
    tick: Tick | None = None,
    outcomes: Mapping[str, int] | None = None,
) -> Walked:
    """Forecasts of every match of some leagues and seasons, each from what was known before its round.

    A model that sees one league must be given one league. `outcomes` says how many outcomes plugins' own markets have,
    by name; without it they may have any. Raises PluginError for forecasts that break the contract, and whatever the
    model raises. ValueError when there is no match.
    """
    reach = reach_of(model)
    if len(leagues) > 1 and not reach.every_league:
        raise ValueError(f"{model.key} sees one league at a time: walk it through each")
    steps = list(instants(dataset, leagues, seasons))
    if not steps:
        raise ValueError(f"no match of {', '.join(leagues)} in the seasons {', '.join(map(str, seasons))}")
    begins = steps[0][0] - reach.days * DAY
    walk = _Walk(model, dataset, None if reach.every_league else leagues[0], seed, begins, outcomes=outcomes)
    for instant, rows in steps:
        walk.step(instant, rows)
        if tick:
            tick()
    return walk.walked()


def instants(dataset: Dataset, leagues: Sequence[str], seasons: Sequence[int]) -> Iterator[tuple[int, Ints]]:
    """Instants at which a round of some league begins, oldest first, and the rows of what is forecast then."""
    every = [one for league in leagues for one in rounds(dataset, league, seasons)]

    def instant_of(one: Round) -> int:
        return one.instant

    for instant, together in groupby(sorted(every, key=instant_of), instant_of):
        yield instant, np.sort(np.concatenate([one.rows for one in together]))


def peak_bytes() -> int | None:
    """Most memory that this process has held, or None on a system that does not tell."""
    try:
        # Linux hands getrusage's number on to a process that is started, and this one not.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
