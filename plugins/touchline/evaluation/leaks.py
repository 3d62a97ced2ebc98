"""Does a model look ahead? Every value at or after an instant is overwritten with noise, and nothing may change.

    leaks(lambda world: model, dataset, "E0", instants)       # [] when the model sees only the past

The model is made anew in each world, so that one that keeps a reference to the matches, or reads on behind the arrays
that it is given, reads the noise there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline.evaluation.dataset import Dataset
from touchline.evaluation.rounds import rounds
from touchline.types import Fixtures, Floats, Forecasts, History, Ints, Model, reach_of

GOALS: Final = ("home_goals", "away_goals", "half_time_home_goals", "half_time_away_goals")
COUNTS: Final = (
    "home_shots",
    "away_shots",
    "home_shots_on_target",
    "away_shots_on_target",
    "home_corners",
    "away_corners",
    "home_fouls",
    "away_fouls",
    "home_yellow_cards",
    "away_yellow_cards",
    "home_red_cards",
    "away_red_cards",
)
PRICES: Final = ("closing_result", "closing_total")
EXPECTED: Final = ("home_xg", "away_xg")


@dataclass(frozen=True, slots=True)
class Leak:
    """A forecast that depends on what was not known."""

    instant: int
    what: str
    """A market's key, a parameter's name, or `basis`."""
    fixtures: int
    """How many of the round's forecasts differ."""


def leaks(
    make: Callable[[Dataset], Model], dataset: Dataset, league: str, instants: Sequence[int], seed: int = 0
) -> list[Leak]:
    """What differs, in any bit, between forecasts made in the dataset and in one with noise from each instant on.

    `make` gives the model of a world. Instants are those of the league's rounds; ValueError for another one.
    """
    rows_of = {one.instant: one.rows for one in rounds(dataset, league)}
    found: list[Leak] = []
    for instant in instants:
        if instant not in rows_of:
            raise ValueError(f"no round of {league} begins at {instant}")
        world = with_noise(dataset, instant, np.random.default_rng([seed, instant]))
        told = [_forecasts(make(one), one, league, instant, rows_of[instant], seed) for one in (dataset, world)]
        found += _differences(instant, *told)
    return found


def with_noise(dataset: Dataset, instant: int, rng: np.random.Generator) -> Dataset:
    """The same matches with noise for every goal, count, price and expected goal at or after an instant."""
    later = dataset.kickoff >= instant
    past = dataset.history
    columns: dict[str, Floats | Ints] = {}
    for names, draw in ((GOALS, _goals), (COUNTS, _counts), (PRICES, _prices), (EXPECTED, _expected)):
        for name in names:
            column = np.array(getattr(past, name))
            column[later] = draw(rng, column[later].shape)
            columns[name] = column
    return dataset.with_columns(columns)


def _goals(rng: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    return rng.integers(0, 9, shape)


def _counts(rng: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    return rng.integers(0, 40, shape)


def _prices(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.uniform(1.2, 12.0, shape)


def _expected(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.uniform(0.0, 6.0, shape)


def _forecasts(model: Model, world: Dataset, league: str, instant: int, rows: Ints, seed: int) -> Forecasts:
    past, fixtures = asked(model, world, league, instant, rows)
    return model.fit(past, np.random.default_rng(seed)).predict(fixtures)


def asked(model: Model, world: Dataset, league: str, instant: int, rows: Ints) -> tuple[History, Fixtures]:
    """What a model is given at an instant, by its reach."""
    reach = reach_of(model)
    scope = None if reach.every_league else league
    return world.before(instant, scope, reach.days), world.fixtures(rows, instant, scope)


def _differences(instant: int, truly: Forecasts, noisily: Forecasts) -> list[Leak]:
    pairs = {str(market): (table, noisily.probabilities[market]) for market, table in truly.probabilities.items()}
    pairs |= {name: (values, noisily.parameters[name]) for name, values in truly.parameters.items()}
    pairs["basis"] = (np.array(truly.basis), np.array(noisily.basis))
    counts = {what: _differing(one, other) for what, (one, other) in pairs.items()}
    return [Leak(instant, what, count) for what, count in counts.items() if count]


def _differing(one: np.ndarray, other: np.ndarray) -> int:
    """Fixtures in which two answers (m,) or (m, outcomes) differ."""
    return int((one != other).reshape(len(one), -1).any(axis=1).sum())
