"""What a plugin hands back, checked before anyone believes it.

Nothing is repaired: a probability above 1, a row that does not sum to 1, a missing market or a NaN is the plugin's
error, told in one sentence that names the market and the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from touchline.types import OUTCOMES, Basis, Floats, Forecasts, MarketKey

TOLERANCE = 1e-9
"""How far a row of probabilities may be from summing to 1."""


class Fault(StrEnum):
    """How a plugin failed."""

    RAISED = "raised"
    """It raised an error, or could not be loaded."""
    TIMED_OUT = "timed_out"
    """It was stopped when its time was up."""
    DIED = "died"
    """Its process ended without an answer."""
    INVALID_OUTPUT = "invalid_output"
    """It answered with something that the contract does not allow."""


class PluginError(Exception):
    """A plugin failed; `kind` says how and `sentence` tells its author what to look at."""

    def __init__(self, kind: Fault, sentence: str) -> None:
        super().__init__(f"{kind}: {sentence}")
        self.kind = kind
        self.sentence = sentence


def check_forecasts(forecasts: object, markets: Sequence[MarketKey], matches: int) -> Forecasts:
    """The same forecasts, when they keep the contract for so many matches; raises PluginError INVALID_OUTPUT."""
    if not isinstance(forecasts, Forecasts):
        raise _invalid(f"predict() must return Forecasts and returned {type(forecasts).__name__}.")
    for key in markets:
        if key not in forecasts.probabilities:
            raise _invalid(f"The market {key} is promised by the model and missing from its forecasts.")
    for key, rows in forecasts.probabilities.items():
        _check_market(key, rows, matches)
    _check_basis(forecasts.basis, matches)
    _check_parameters(forecasts.family, forecasts.parameters, matches)
    return forecasts


def check_state(state: object) -> dict[str, Floats]:
    """The state as float64 arrays by name; raises PluginError INVALID_OUTPUT."""
    if not isinstance(state, Mapping):
        raise _invalid(f"state() must return named arrays and returned {type(state).__name__}.")
    arrays: dict[str, Floats] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not name:
            raise _invalid(f"state() must name its arrays with strings; one is called {name!r}.")
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise _invalid(f"The state's array {name!r} must hold numbers and holds {array.dtype}.")
        arrays[name] = array.astype(np.float64)
    return arrays


def check_ratings(ratings: object, clubs: int) -> dict[str, Floats]:
    """Ratings of so many clubs by system, NaN for a club never seen; raises PluginError INVALID_OUTPUT."""
    if not isinstance(ratings, Mapping):
        raise _invalid(f"ratings() must return named arrays and returned {type(ratings).__name__}.")
    found: dict[str, Floats] = {}
    for name, values in ratings.items():
        if not isinstance(name, str) or not name:
            raise _invalid(f"ratings() must name its systems with strings; one is called {name!r}.")
        if not isinstance(values, np.ndarray) or values.shape != (clubs,) or values.dtype.kind != "f":
            raise _invalid(f"The ratings {name!r} must be an array of floats of the shape ({clubs},).")
        if np.isinf(values).any():
            raise _invalid(f"The ratings {name!r}, row {_first(np.isinf(values))}, are not a finite number.")
        found[name] = values.astype(np.float64)
    return found


def _check_market(key: object, rows: object, matches: int) -> None:
    if not isinstance(key, MarketKey):
        raise _invalid(f"Probabilities are keyed by MarketKey; one key is {key!r}.")
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        raise _invalid(f"The probabilities of {key} must be an array of floats.")
    outcomes = len(OUTCOMES[key.kind]) if key.kind in OUTCOMES else None
    if rows.ndim != 2 or len(rows) != matches or (outcomes is not None and rows.shape[1] != outcomes):
        wanted = f"({matches}, {outcomes or 'outcomes'})"
        raise _invalid(f"The probabilities of {key} must have the shape {wanted} and have {rows.shape}.")
    _check_rows(key, rows)


def _check_rows(key: MarketKey, rows: Floats) -> None:
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise _invalid(f"{key}, row {_first(~finite)}: a probability is not a finite number.")
    inside = ((rows >= 0) & (rows <= 1)).all(axis=1)
    if not inside.all():
        row = _first(~inside)
        raise _invalid(f"{key}, row {row}: probabilities must lie from 0 to 1 and are {_numbers(rows[row])}.")
    off = np.abs(rows.sum(axis=1) - 1) > TOLERANCE
    if off.any():
        row = _first(off)
        raise _invalid(f"{key}, row {row}: probabilities must sum to 1 and sum to {float(rows[row].sum())!r}.")


def _check_basis(basis: object, matches: int) -> None:
    if not isinstance(basis, Sequence) or isinstance(basis, str) or len(basis) != matches:
        raise _invalid(f"The basis must be a list of {matches}, one for each fixture.")
    for row, one in enumerate(basis):
        if one not in tuple(Basis):
            raise _invalid(f"The basis of row {row} must be a touchline.Basis and is {one!r}.")


def _check_parameters(family: object, parameters: object, matches: int) -> None:
    if not isinstance(family, str) or not isinstance(parameters, Mapping):
        raise _invalid("The family must be a string and its parameters named arrays.")
    for name, values in parameters.items():
        _check_parameter(name, values, matches)
    if family == "score_grid":
        _check_positive(family, parameters, ("home_mean", "away_mean"))
        _check_correction(parameters)
    elif family == "negative_binomial":
        _check_positive(family, parameters, ("mean", "dispersion"))


def _check_parameter(name: object, values: object, matches: int) -> None:
    if not isinstance(values, np.ndarray) or values.shape != (matches,) or values.dtype.kind != "f":
        raise _invalid(f"The parameter {name!r} must be an array of floats of the shape ({matches},).")
    if not np.isfinite(values).all():
        raise _invalid(f"The parameter {name!r}, row {_first(~np.isfinite(values))}, is not a finite number.")


def _check_positive(family: str, parameters: Mapping[str, Floats], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in parameters:
            raise _invalid(f"The family {family} needs the parameter {name!r}.")
        if not (parameters[name] > 0).all():
            raise _invalid(f"The parameter {name!r}, row {_first(parameters[name] <= 0)}, must be above 0.")


def _check_correction(parameters: Mapping[str, Floats]) -> None:
    """The Dixon-Coles correction may not make a score's probability negative."""
    if "rho" not in parameters:
        raise _invalid("The family score_grid needs the parameter 'rho'; 0 is independence.")
    home, away, rho = parameters["home_mean"], parameters["away_mean"], parameters["rho"]
    lowest = np.minimum(np.minimum(1 - home * away * rho, 1 - rho), np.minimum(1 + home * rho, 1 + away * rho))
    negative = lowest < -1e-12
    if negative.any():
        raise _invalid(f"The parameter 'rho', row {_first(negative)}, makes the probability of a score negative.")


def _first(rows: ArrayLike) -> int:
    """The first row that is marked."""
    return int(np.argmax(rows))


def _numbers(row: Floats) -> str:
    return ", ".join(f"{float(value):.6g}" for value in row)


def _invalid(sentence: str) -> PluginError:
    return PluginError(Fault.INVALID_OUTPUT, sentence)
