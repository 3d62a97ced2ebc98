"""What a plugin hands back, checked before anyone believes it.

Nothing is repaired: a probability above 1, a row that does not sum to 1, a missing market or a NaN is the plugin's
error, told in one sentence that names the market and the row. So is a settlement with two winners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from touchline.markets import Lines, possible_results_at
from touchline.settlement import BetResult
from touchline.types import OUTCOMES, Basis, Floats, Forecasts, Kind, MarketKey

TOLERANCE = 1e-9
"""How far a row of probabilities may be from summing to 1."""

LONGEST_SENTENCE = 600
"""Characters that are kept of what a plugin's failure is told with."""
LONGEST_TEXT = 300
"""Characters that are kept of any other text of a plugin."""


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
        self.kind = kind
        self.sentence = one_line(sentence, LONGEST_SENTENCE)
        super().__init__(f"{kind}: {self.sentence}")


def one_line(text: str, most: int = LONGEST_TEXT) -> str:
    """A stranger's text as one line of at most so many characters, without any that steer a terminal or a page."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def check_forecasts(
    forecasts: object,
    markets: Sequence[MarketKey],
    matches: int,
    outcomes: Mapping[str, int] | None = None,
    lines: Mapping[str, Lines] | None = None,
) -> Forecasts:
    """The same forecasts, when they keep the contract for so many matches; raises PluginError INVALID_OUTPUT.

    `outcomes` says how many outcomes each plugin's own market has, and `lines` where it is offered, by name: a market
    that is not among them is nobody's. Without them plugins' own markets may have any.
    """
    if not isinstance(forecasts, Forecasts) or not isinstance(forecasts.probabilities, Mapping):
        raise _invalid(f"predict() must return Forecasts and returned {type(forecasts).__name__}.")
    for key in markets:
        if key not in forecasts.probabilities:
            raise _invalid(f"The market {key} is promised by the model and missing from its forecasts.")
    for key, rows in forecasts.probabilities.items():
        _check_market(key, rows, matches, _outcomes_of(key, outcomes, lines))
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


def _outcomes_of(key: object, outcomes: Mapping[str, int] | None, lines: Mapping[str, Lines] | None) -> int | None:
    """How many outcomes a market has; None where anything goes."""
    if not isinstance(key, MarketKey):
        raise _invalid(f"Probabilities are keyed by MarketKey; one key is {key!r}.")
    if key.kind is not Kind.CUSTOM:
        return len(OUTCOMES[key.kind]) if key.kind in OUTCOMES else None
    if outcomes is not None and key.name not in outcomes:
        raise _invalid(f"The forecasts hold {key}, a market that no installed plugin declares.")
    if lines is not None and key.name in lines and not lines[key.name].has(key.line):
        raise _invalid(f"The forecasts hold {key}, and that market's lines are {lines[key.name]}.")
    return None if outcomes is None else outcomes[key.name]


def _check_market(key: MarketKey, rows: object, matches: int, outcomes: int | None) -> None:
    if not isinstance(rows, np.ndarray) or rows.dtype.kind != "f":
        raise _invalid(f"The probabilities of {key} must be an array of floats.")
    if rows.ndim == 2 and len(rows) != matches:
        raise _invalid(f"{key} has {len(rows)} rows for {matches} fixtures: one row for each, in their order.")
    if rows.ndim != 2 or (outcomes is not None and rows.shape[1] != outcomes):
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


def check_settled(market: MarketKey, lines: Lines, results: Sequence[object]) -> tuple[BetResult, ...]:
    """Results of all outcomes of a plugin's own market of one match, in their order; raises PluginError INVALID_OUTPUT.

    One is WON and the rest LOST, or every one PUSH, or of two one HALF_WON and the other HALF_LOST; and each is
    possible at the line.
    """
    for result in results:
        if result not in tuple(BetResult):
            raise _invalid(f"{market}: a result must be a touchline.BetResult and is {result!r}.")
    found = tuple(BetResult(str(result)) for result in results)
    told = ", ".join(found)
    if not _is_exclusive(found):
        raise _invalid(f"{market} must have one winner, or return every stake; its outcomes came to {told}.")
    possible = possible_results_at(lines, market.line)
    if not possible.issuperset(found):
        raise _invalid(f"{market} cannot come to {told}: its lines are {lines}.")
    return found


def _is_exclusive(results: tuple[BetResult, ...]) -> bool:
    """Whether exactly the stakes of the losers are won, so that bets on all outcomes cancel out."""
    losers = len(results) - 1
    return sorted(results) in (
        sorted([BetResult.WON, *[BetResult.LOST] * losers]),
        [BetResult.PUSH] * len(results),
        sorted([BetResult.HALF_WON, BetResult.HALF_LOST]),
    )


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
