"""Running a plugin's code in a child process: with a wall clock, a memory limit, one thread and no secrets.

One plugin, one process. A plugin that raises, loops, dies or answers nonsense costs its own forecast and is told so
(`PluginError`); nobody else notices, and nothing that it started is left. This isolates faults; it is no wall against
a plugin that means harm.

The same history, settings and seed give the same state, bit for bit, on the same machine. On Linux the child dies with
the thread that asked for it, so ask from a thread that waits for the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from touchline import wire
from touchline.markets import Lines
from touchline.outputs import Fault, PluginError, check_forecasts, check_ratings, check_settled, check_state
from touchline.plain import from_plain, list_from_plain, to_plain
from touchline.plugins import Plugin
from touchline.processes import FILE_MB, MEMORY_MB, OUTSIDE_NICE, TIMEOUT, Limits, ask_once
from touchline.settings import Value
from touchline.settlement import BetResult, Facts
from touchline.types import Fixtures, Floats, Forecasts, History, MarketKey, State

__all__ = [
    "FILE_MB",
    "MEMORY_MB",
    "OUTSIDE_NICE",
    "TIMEOUT",
    "Fault",
    "FitResult",
    "Limits",
    "PluginError",
    "PredictResult",
    "Settled",
    "limits_of",
    "run_fit",
    "run_fit_and_predict",
    "run_predict",
    "run_settle",
]

T = TypeVar("T")

DEFAULT = Limits()
"""What a child may use unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """A fitted model: what to store of it."""

    state: dict[str, Floats]
    seconds: float
    """Time in `fit` alone, without the child's start-up."""
    digest: str
    """SHA-256 of the state."""
    settings: Mapping[str, Value]
    """Values that it was fitted with."""
    version: str
    ratings: Mapping[str, Floats] = field(default_factory=dict)
    """(c,) ratings of the clubs asked for, by system; none of a model that does not rate clubs."""


@dataclass(frozen=True, slots=True)
class PredictResult:
    """Checked forecasts and what they took."""

    forecasts: Forecasts
    milliseconds: float
    """Time in `predict` alone."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a plugin's market says became of bets on all its outcomes in one match."""

    results: tuple[BetResult, ...] | None
    """In the order of the market's outcomes; None while the facts do not say."""
    sentences: tuple[str, ...] = ()
    """Why, for each outcome."""
    reason: str = ""
    """Why nothing can be said yet."""


def limits_of(plugin: Plugin, seconds: float = TIMEOUT) -> Limits:
    """What a plugin's child may use on a server: one of others stands back when processors are short."""
    return Limits(seconds=seconds, nice=0 if plugin.is_ours else OUTSIDE_NICE)


def run_fit(
    entry: str,
    model_key: str,
    history: History,
    *,
    seed: int = 0,
    settings: Mapping[str, Value] | None = None,
    limits: Limits = DEFAULT,
) -> FitResult:
    """Fit a model of the plugin behind `entry` (an entry point's value) with an operator's `settings` in place of its
    defaults; raises PluginError.
    """
    return _fit_result(*_ask_model(entry, model_key, history, limits, seed=seed, settings=settings))


def run_predict(
    entry: str,
    model_key: str,
    history: History,
    state: State,
    fixtures: Fixtures,
    *,
    markets: tuple[MarketKey, ...] = (),
    outcomes: Mapping[str, int] | None = None,
    lines: Mapping[str, Lines] | None = None,
    settings: Mapping[str, Value] | None = None,
    limits: Limits = DEFAULT,
) -> PredictResult:
    """Forecasts of a model restored from its state; `markets` are those that must be among them. Raises PluginError.

    `outcomes` and `lines` tell of plugins' own markets, by name (`touchline.outputs.check_forecasts`).
    """
    told = _ask_model(entry, model_key, history, limits, state=state, fixtures=fixtures, settings=settings)
    return _predict_result(*told, markets, len(fixtures), outcomes, lines)


def run_fit_and_predict(
    entry: str,
    model_key: str,
    history: History,
    fixtures: Fixtures,
    *,
    markets: tuple[MarketKey, ...] = (),
    outcomes: Mapping[str, int] | None = None,
    lines: Mapping[str, Lines] | None = None,
    clubs: Sequence[str] = (),
    seed: int = 0,
    settings: Mapping[str, Value] | None = None,
    limits: Limits = DEFAULT,
) -> tuple[FitResult, PredictResult]:
    """Both in one child, which saves its start-up, and the ratings of `clubs`; raises PluginError."""
    answer, tables = _ask_model(
        entry, model_key, history, limits, fixtures=fixtures, clubs=clubs, seed=seed, settings=settings
    )
    ratings = check_ratings(wire.under("ratings", tables), len(clubs))
    fitted = replace(_fit_result(answer, tables), ratings=ratings)
    return fitted, _predict_result(answer, tables, markets, len(fixtures), outcomes, lines)


def run_settle(
    entry: str, market_key: str, questions: Sequence[tuple[MarketKey, Facts]], limits: Limits = DEFAULT
) -> list[Settled]:
    """What became of bets on a plugin's own market: of each question, a market with its line and facts of a match.

    Ask of finished matches only. Raises PluginError, also when results are not total and exclusive, or not possible at
    the line.
    """
    body = {
        "ask": "settle",
        "entry": entry,
        "thing": market_key,
        "questions": [(str(key), to_plain(facts)) for key, facts in questions],
    }
    answer = ask_once(body, {}, limits)[0]
    rows, lines = _field(list, answer, "settled"), _field(Lines, answer, "lines")
    outcomes = _texts(answer, "outcomes")
    if len(rows) != len(questions):
        raise PluginError(Fault.INVALID_OUTPUT, f"{len(questions)} matches were asked about and {len(rows)} answered.")
    return [_settled(key, lines, len(outcomes), row) for (key, _), row in zip(questions, rows, strict=True)]


def _ask_model(
    entry: str,
    model_key: str,
    history: History,
    limits: Limits,
    *,
    state: State | None = None,
    fixtures: Fixtures | None = None,
    clubs: Sequence[str] = (),
    seed: int = 0,
    settings: Mapping[str, Value] | None = None,
) -> tuple[dict[str, Any], wire.Arrays]:
    past, past_arrays = wire.columns_out(history)
    body: dict[str, Any] = {
        "ask": "model",
        "entry": entry,
        "thing": model_key,
        "seed": seed,
        "settings": dict(settings or {}),
        "history": past,
        "restore": state is not None,
        "fixtures": None,
        "clubs": list(clubs),
    }
    arrays = wire.prefixed("history", past_arrays)
    if state is not None:
        arrays |= wire.prefixed("state", state)
    if fixtures is not None:
        body["fixtures"], coming = wire.columns_out(fixtures)
        arrays |= wire.prefixed("fixtures", coming)
    return ask_once(body, arrays, limits)


def _fit_result(answer: Mapping[str, Any], tables: wire.Arrays) -> FitResult:
    state = check_state(wire.under("state", tables))
    return FitResult(
        state,
        _field(float, answer, "seconds"),
        wire.digest(state),
        _field(dict, answer, "settings"),
        _field(str, answer, "version"),
    )


def _predict_result(
    answer: Mapping[str, Any],
    tables: wire.Arrays,
    markets: tuple[MarketKey, ...],
    matches: int,
    outcomes: Mapping[str, int] | None,
    lines: Mapping[str, Lines] | None,
) -> PredictResult:
    try:
        forecasts = wire.forecasts_in(answer["forecasts"], tables)
    except (KeyError, TypeError, ValueError) as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The forecasts cannot be read: {error}.") from error
    checked = check_forecasts(forecasts, markets, matches, outcomes, lines)
    return PredictResult(checked, _field(float, answer, "milliseconds"))


def _settled(key: MarketKey, lines: Lines, outcomes: int, row: Any) -> Settled:
    """One answer on its arrival."""
    if not isinstance(row, dict):
        raise PluginError(Fault.INVALID_OUTPUT, f"{key}: the answer cannot be read.")
    if "reason" in row:
        return Settled(None, reason=_field(str, row, "reason"))
    results = check_settled(key, lines, _field(list, row, "results"))
    sentences = _texts(row, "sentences")
    if len(results) != outcomes or len(sentences) != outcomes:
        raise PluginError(Fault.INVALID_OUTPUT, f"{key} has {outcomes} outcomes and {len(results)} results.")
    return Settled(results, sentences)


def _field(kind: type[T], answer: Mapping[str, Any], name: str) -> T:
    """A value of an answer; raises PluginError when it is not there or of another type."""
    value = answer.get(name)
    try:
        if kind is list or kind is dict:
            if not isinstance(value, kind):
                raise ValueError(f"{name} is no {kind.__name__}")
            return value
        return from_plain(kind, value, name)
    except ValueError as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: {error}.") from error


def _texts(answer: Mapping[str, Any], name: str) -> tuple[str, ...]:
    try:
        return tuple(list_from_plain(str, answer.get(name), name))
    except ValueError as error:
        raise PluginError(Fault.INVALID_OUTPUT, f"The answer cannot be read: {error}.") from error
