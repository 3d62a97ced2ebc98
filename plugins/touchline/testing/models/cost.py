"""What a model takes: processor time, memory, and whether it computes without warnings."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, ParamSpec

import numpy as np

from touchline.testing.checks import Failed, guarded, needs
from touchline.testing.columns import copied, pairings, scored, taken
from touchline.testing.models.case import SEED, ModelCase, fixed_chance

P = ParamSpec("P")
MEGABYTE: Final = 2**20
ROUNDS: Final = 5
"""Fits and forecasts after which memory must be where it was."""


def computes_without_warnings(case: ModelCase) -> None:
    """Nothing is divided by 0 and no fit fails to converge, on a league, on one match and on none."""
    needs(case.forecasts)
    past, coming = case.small
    one = scored(("Amberwick", "Brackholt"), [(0, 1, 1, 0)], datetime(2023, 8, 12, tzinfo=UTC))
    for situation, attempt in (
        ("On a league", case.first),
        ("On one match", case.attempt(one, pairings(one, [("Brackholt", "Amberwick")]))),
        ("On no match", case.attempt(taken(past, np.arange(0)), coming)),
    ):
        if attempt.warned:
            raise Failed(f"{situation} it warns of {attempt.warned[0]}: handle the case, or raise an error.")


def fits_in_time(case: ModelCase) -> None:
    """A fit on three and a half seasons of a league stays far from the worker's limit."""
    needs(case.forecasts)
    limit, seconds = case.limits.fit_seconds, case.first.fit_seconds
    if seconds > limit:  # the first one may have compiled something
        with fixed_chance():
            seconds = _processor("fit()", case.model.fit, copied(case.history), np.random.default_rng(SEED))
    if seconds > limit:
        raise Failed(
            f"A fit of {len(case.history):,} matches took {seconds:.3g} seconds of processor time; {limit:g} are "
            "allowed here, and a worker stops it after 120."
        )


def predicts_in_time(case: ModelCase) -> None:
    """A whole season is forecast in a moment."""
    fitted, world = case.fitted, case.worlds.league
    rows = np.flatnonzero(world.dataset.history.season == world.dataset.history.season.max())
    season = world.dataset.fixtures(rows, world.instant)
    limit = case.limits.predict_seconds
    seconds = min(_processor("predict()", fitted.predict, copied(season)) for _ in range(2))
    if seconds > limit:
        raise Failed(
            f"Forecasting a season of {len(season)} matches took {seconds:.3g} seconds of processor time; {limit:g} "
            "are allowed: compute with columns, not match by match."
        )


def fits_in_memory(case: ModelCase) -> None:
    """A fit holds no more memory at a time than it may."""
    needs(case.forecasts)
    past, limit = copied(case.history), case.limits.fit_megabytes
    with fixed_chance(), _traced():
        before = tracemalloc.get_traced_memory()[0]
        guarded("fit()", case.model.fit, past, np.random.default_rng(SEED))
        held = (tracemalloc.get_traced_memory()[1] - before) / MEGABYTE
    if held > limit:
        raise Failed(
            f"A fit of {len(past):,} matches held {held:,.0f} MiB at a time; {limit:g} are allowed here, and a worker "
            "gives 4096 with everything that is imported."
        )


def leaves_no_memory_behind(case: ModelCase) -> None:
    """Fitted and asked again and again it does not grow."""
    needs(case.forecasts)

    def once() -> None:
        attempt = case.attempt(*case.small)
        if attempt.error:
            raise Failed(f"On a short history: {attempt.error}")

    once()
    with _traced():
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(ROUNDS):
            once()
        gc.collect()
        left = (tracemalloc.get_traced_memory()[0] - before) / MEGABYTE
    if left > case.limits.growth_megabytes:
        raise Failed(
            f"{ROUNDS} fits and forecasts left {left:.1f} MiB behind; {case.limits.growth_megabytes:g} are allowed: "
            "keep nothing on the model, its class or its module."
        )


def _processor(what: str, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """Processor time of a call, in seconds."""
    started = time.process_time()
    guarded(what, call, *args, **kwargs)
    return time.process_time() - started


@contextmanager
def _traced() -> Iterator[None]:
    """Memory is counted in here, from now on."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    try:
        yield
    finally:
        if not was_tracing:
            tracemalloc.stop()
