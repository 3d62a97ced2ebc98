"""What a forecast says: markets, shapes, numbers, basis, and that its numbers fit each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from touchline.forecasting import (
    NEGATIVE_BINOMIAL,
    SCORE_GRID,
    StoredForecast,
    both_teams_to_score_all,
    corners_all,
    results,
    total_goals_all,
)
from touchline.outputs import TOLERANCE, check_forecasts
from touchline.simple import Predictor
from touchline.testing.checks import Failed, Skipped, is_a, needs
from touchline.testing.columns import match_of, pairings
from touchline.testing.models.case import ModelCase, numbers
from touchline.types import BTTS, RESULT, Basis, Floats, Forecasts, Kind, MarketKey

NEVER_SEEN: Final = ("Newcomers United", "Nowhere Albion")
"""Clubs without a match."""
AGREES: Final = 1e-6
"""How far a stored probability may be from the one that follows from the parameters."""
_LINES: Final[Mapping[str, tuple[Kind, Sequence[float]]]] = {
    SCORE_GRID: (Kind.TOTAL_GOALS, (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)),
    NEGATIVE_BINOMIAL: (Kind.TOTAL_CORNERS, (6.5, 7.5, 8.5, 9.5, 10.5, 11.5, 12.5)),
}
"""Lines that follow from a family, which those that are stored must fit in between."""


def fits_and_forecasts(case: ModelCase) -> None:
    """It is fitted on a league of twenty clubs and forecasts its next two weeks."""
    if case.first.error:
        raise Failed(f"On three and a half seasons of a league: {case.first.error}")
    if not isinstance(case.first.told, Forecasts):
        raise Failed(f"predict() returned {type(case.first.told).__name__}: return touchline.Forecasts.")


def promised_markets(case: ModelCase) -> None:
    """Every market that it names is in its forecasts, under its MarketKey."""
    for key in case.told.probabilities:
        if not is_a(key, MarketKey):
            raise Failed(f"Probabilities are kept under {key!r}: use the market's MarketKey.")
    for market in case.model.markets:
        if market not in case.told.probabilities:
            raise Failed(f"{market} is promised and missing from the forecasts: add it, or take it out of `markets`.")


def shape(case: ModelCase) -> None:
    """Probabilities have a row for each fixture and a column for each outcome."""
    matches = len(case.fixtures)
    for key, rows in case.told.probabilities.items():
        outcomes = case.outcomes_of(key)
        wanted = f"({matches}, {len(outcomes) or 'outcomes'})"
        try:
            found = np.shape(rows)
        except ValueError:
            raise Failed(f"{key}: rows of different lengths; give an array of the shape {wanted}.") from None
        if len(found) != 2 or found[0] != matches or found[1] < 2 or (outcomes and found[1] != len(outcomes)):
            order = f", in the order {', '.join(outcomes)}" if outcomes else ""
            raise Failed(f"{key} has the shape {found}: give {wanted}{order}.")


def dtype(case: ModelCase) -> None:
    """Probabilities are numpy arrays of float64."""
    for key, rows in case.told.probabilities.items():
        if not is_a(rows, np.ndarray):
            raise Failed(f"{key} is a {type(rows).__name__}: give a numpy array of float64.")
        if rows.dtype != np.float64:
            raise Failed(f"{key} is an array of {rows.dtype}: give float64, in which rows can sum to 1 within 1e-9.")


def finite(case: ModelCase) -> None:
    """Every probability is a number."""
    for key, rows in _tables(case):
        _first(case, key, rows, ~np.isfinite(rows).all(axis=1), "are no finite numbers: what was divided by 0?")


def from_0_to_1(case: ModelCase) -> None:
    """Every probability lies from 0 to 1."""
    for key, rows in _tables(case):
        outside = ((rows < 0) | (rows > 1)).any(axis=1)
        _first(case, key, rows, outside, "lie outside 0 to 1: do not round or extrapolate past them")


def rows_sum_to_1(case: ModelCase) -> None:
    """The probabilities of each fixture sum to 1 within 1e-9."""
    for key, rows in _tables(case):
        sums = rows.sum(axis=1)
        off = np.abs(sums - 1) > TOLERANCE
        told = float(sums[np.argmax(off)])
        _first(case, key, rows, off, f"sum to {told:.12g}: divide each row by its sum")


def basis_of_each_fixture(case: ModelCase) -> None:
    """Each fixture has a touchline.Basis."""
    check_forecasts(Forecasts({}, case.told.basis), (), len(case.fixtures))


def parameters_of_the_family(case: ModelCase) -> None:
    """The parameters are those of the family, a finite number for each fixture."""
    matches = len(case.fixtures)
    check_forecasts(replace(case.told, probabilities={}, basis=[Basis.MODEL] * matches), (), matches)
    if case.told.parameters and not case.told.family:
        raise Failed(
            f"It gives the parameters {', '.join(case.told.parameters)} and no family: name the family that they "
            "belong to (score_grid, negative_binomial), or leave them out."
        )


def says_when_it_falls_back(case: ModelCase) -> None:
    """A forecast of a club without a past match does not say that it is based on both clubs' data."""
    if isinstance(case.model, Predictor):
        raise Skipped("It learns nothing from the past, so that no match is missing.")
    needs(case.forecasts)
    known, (new, other) = case.history.clubs[0], NEVER_SEEN
    coming = pairings(case.history, [(new, known), (known, new), (new, other)])
    attempt = case.attempt(case.history, coming)
    if attempt.error or not isinstance(attempt.told, Forecasts):
        raise Skipped("It has no forecast of a club never seen: see club_never_seen.")
    for row, basis in enumerate(attempt.told.basis):
        if basis == Basis.MODEL:
            raise Failed(
                f"The forecast of {match_of(coming, row)} says Basis.MODEL, and {new} never played: "
                "say Basis.LEAGUE_PRIOR for a club without a match, so that the fallback is visible."
            )


def monotone_in_the_line(case: ModelCase) -> None:
    """A higher line is never likelier to be beaten; a larger start never makes covering less likely."""
    ladders = _ladders(case)
    if not ladders:
        raise Skipped("It gives no market at two lines.")
    for direction, steps in ladders:
        for (lower, below), (higher, above) in pairwise(steps):
            wrong = direction * (above - below) < -TOLERANCE
            if wrong.any():
                row = int(np.argmax(wrong))
                raise Failed(
                    f"Row {row} ({match_of(case.fixtures, row)}): {lower} has {below[row]:.6g} and {higher} has "
                    f"{above[row]:.6g}: take all lines from one distribution."
                )


def agrees_with_its_parameters(case: ModelCase) -> None:
    """Stored probabilities are those that follow from the family and its parameters."""
    if case.forecasts.family not in _LINES:
        raise Skipped("It names no family from which other lines follow.")
    stored = _stored(case.forecasts)
    for key, rows in case.forecasts.probabilities.items():
        computed = _computed(key, stored)
        if computed is None:
            continue
        off = np.abs(rows - computed).max(axis=1) > AGREES
        if off.any():
            row = int(np.argmax(off))
            raise Failed(
                f"{key}, row {row} ({match_of(case.fixtures, row)}): it says {numbers(rows[row])}, and from its "
                f"parameters follows {numbers(computed[row])}: a match's page shows both, so take one from the other."
            )


def _tables(case: ModelCase) -> Iterator[tuple[MarketKey, Floats]]:
    """Probabilities as arrays (m, outcomes); Skipped where they are none."""
    for key, rows in case.told.probabilities.items():
        try:
            table = np.asarray(rows, dtype=np.float64)
        except (TypeError, ValueError):
            raise Skipped(f"{key} is no table of numbers: see shape and dtype.") from None
        if table.ndim != 2 or len(table) != len(case.fixtures):
            raise Skipped(f"{key} has another shape: see shape.")
        yield key, table


def _first(case: ModelCase, key: MarketKey, rows: Floats, wrong: ArrayLike, sentence: str) -> None:
    """Fail with the first row that is wrong, if there is one."""
    if np.any(wrong):
        row = int(np.argmax(wrong))
        raise Failed(f"{key}, row {row} ({match_of(case.fixtures, row)}): {numbers(rows[row])} {sentence}.")


def _ladders(case: ModelCase) -> list[tuple[int, list[tuple[str, Floats]]]]:
    """Markets at two lines or more: where the first outcome gets likelier with the line 1, else -1; and by rising line
    the key and its column (m,)."""
    found: dict[tuple[str, str, int], dict[float, Floats]] = {}
    for key, rows in case.forecasts.probabilities.items():
        direction = _direction(key, case.outcomes_of(key))
        if key.line is not None and direction:
            found.setdefault((key.kind_key, key.period, direction), {})[key.line] = rows[:, 0]
    kind, lines = _LINES.get(case.forecasts.family, (Kind.TOTAL_GOALS, ()))
    for line in lines:
        computed = _computed(MarketKey(kind, line), _stored(case.forecasts))
        if computed is not None:
            found.setdefault((str(kind), "ft", -1), {}).setdefault(line, computed[:, 0])
    return [
        (direction, [(f"{name}:{line:g}:{period}", at[line]) for line in sorted(at)])
        for (name, period, direction), at in found.items()
        if len(at) > 1
    ]


def _direction(key: MarketKey, outcomes: Sequence[str]) -> int:
    """-1 where the first outcome is an over of the line, 1 where it is a side with a start; 0 for any other market."""
    if key.kind is Kind.ASIAN_HANDICAP:
        return 1
    return -1 if tuple(outcomes) == ("over", "under") else 0


def _stored(forecasts: Forecasts) -> list[StoredForecast]:
    """Each row as it is kept, without the probabilities themselves."""
    columns = {name: values.tolist() for name, values in forecasts.parameters.items()}
    rows = range(len(forecasts.basis))
    return [StoredForecast(forecasts.family, {name: values[row] for name, values in columns.items()}) for row in rows]


def _computed(key: MarketKey, stored: Sequence[StoredForecast]) -> Floats | None:
    """(m, outcomes) what follows from the parameters; None where nothing does."""
    told = _answer(key)
    answers = [] if told is None or key.period != "ft" else told(stored)
    if not answers or answers[0] is None:
        return None
    table = np.array([tuple(answer) for answer in answers], dtype=object)
    return np.asarray(table if key.line is None else table[:, [0, 2]], dtype=np.float64)


def _answer(key: MarketKey) -> Callable[[Sequence[StoredForecast]], Sequence[Any]] | None:
    """What answers for a market; None where nothing does, as at a whole line, where a stake can come back."""
    line = key.line
    if key == RESULT:
        return results
    if key == BTTS:
        return both_teams_to_score_all
    if line is None or line % 1 != 0.5:
        return None
    if key.kind is Kind.TOTAL_GOALS:
        return lambda stored: total_goals_all(stored, line)
    return (lambda stored: corners_all(stored, line)) if key.kind is Kind.TOTAL_CORNERS else None
