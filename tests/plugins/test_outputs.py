"""What a plugin hands back is checked: the rules that no misbehaving model of the sandbox's tests breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from touchline import BTTS, RESULT, Basis, Forecasts, Kind, Lines, MarketKey
from touchline.grid import limit_rho
from touchline.outputs import Fault, PluginError, check_forecasts, check_settled, check_state

FINE = Forecasts({RESULT: np.full((2, 3), 1 / 3)}, [Basis.MODEL, Basis.LEAGUE_PRIOR])


def goals(home: float, away: float, rho: float) -> dict[str, Any]:
    return {"home_mean": np.full(2, home), "away_mean": np.full(2, away), "rho": np.full(2, rho)}


def test_good_forecasts_pass_as_they_are() -> None:
    assert check_forecasts(FINE, (RESULT,), 2) is FINE


def test_a_market_beyond_the_promise_is_checked_too() -> None:
    custom = MarketKey(Kind.CUSTOM)
    more = replace(FINE, probabilities={**FINE.probabilities, custom: np.full((2, 5), 0.2)})
    assert check_forecasts(more, (RESULT,), 2) is more
    worse = replace(FINE, probabilities={**FINE.probabilities, BTTS: np.full((2, 2), 0.4)})
    with pytest.raises(PluginError, match="both_teams_to_score::ft, row 0: probabilities must sum to 1"):
        check_forecasts(worse, (RESULT,), 2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"probabilities": {"match_result": np.ones((2, 1))}}, "promised by the model and missing"),
        ({"probabilities": {RESULT: np.ones((2, 3), dtype=int)}}, "must be an array of floats"),
        ({"probabilities": {RESULT: [[1.0, 0.0, 0.0]] * 2}}, "must be an array of floats"),
        ({"basis": ["model", "guess"]}, "The basis of row 1 must be a touchline.Basis and is 'guess'"),
        ({"basis": None}, "The basis must be a list of 2"),
        ({"family": None}, "The family must be a string"),
        ({"parameters": {"x": np.ones(3)}}, "of the shape"),
        ({"parameters": {"x": np.array([1.0, np.inf])}}, "'x', row 1, is not a finite number"),
        ({"family": "score_grid"}, "needs the parameter 'home_mean'"),
        ({"family": "score_grid", "parameters": goals(3.0, 1.0, -0.5)}, "'rho', row 0, makes the probability"),
        ({"family": "negative_binomial", "parameters": {"mean": np.ones(2)}}, "needs the parameter 'dispersion'"),
    ],
)
def test_broken_rules_are_named(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence) as caught:
        check_forecasts(replace(FINE, **changes), (RESULT,), 2)
    assert caught.value.kind == Fault.INVALID_OUTPUT


CARDS = MarketKey.parse("acme.cards:4.5")


@pytest.mark.parametrize(
    ("key", "columns", "sentence"),
    [
        ("acme.cards:4.5", 3, "must have the shape"),
        ("acme.cards:4.25", 2, "The forecasts hold acme.cards:4.25:ft, and that market's lines are half."),
        ("acme.cards", 2, "and that market's lines are half"),
        ("acme.cards:inf", 2, "and that market's lines are half"),
        ("acme.fouls:4.5", 2, "The forecasts hold acme.fouls:4.5:ft, a market that no installed plugin declares."),
    ],
)
def test_markets_of_plugins_are_checked_by_what_they_declare(key: str, columns: int, sentence: str) -> None:
    def forecasts(key: MarketKey, columns: int) -> Forecasts:
        return replace(FINE, probabilities={**FINE.probabilities, key: np.full((2, columns), 1 / columns)})

    declared: tuple[dict[str, int], dict[str, Lines]] = ({"acme.cards": 2}, {"acme.cards": Lines.HALF})
    fine = forecasts(CARDS, 2)
    assert check_forecasts(fine, (RESULT, CARDS), 2, *declared) is fine
    with pytest.raises(PluginError, match=sentence):
        check_forecasts(forecasts(MarketKey.parse(key), columns), (RESULT,), 2, *declared)


@pytest.mark.parametrize(
    ("line", "results"),
    [
        (4.5, ("WON", "LOST")),
        (4.5, ("LOST", "WON", "LOST")),
        (5.0, ("PUSH", "PUSH")),
        (4.75, ("HALF_LOST", "HALF_WON")),
    ],
)
def test_good_settlements_pass(line: float, results: tuple[str, ...]) -> None:
    key = MarketKey(Kind.CUSTOM, line, name="acme.cards")
    assert check_settled(key, Lines.QUARTER, results) == results


@pytest.mark.parametrize(
    ("line", "results", "sentence"),
    [
        (4.5, ("LOST", "LOST"), "must have one winner"),
        (4.5, ("WON", "LOST", "WON"), "must have one winner"),
        (5.0, ("PUSH", "LOST"), "must have one winner"),
        (5.0, ("VOID", "VOID"), "must have one winner"),
        (4.75, ("HALF_WON", "HALF_LOST", "LOST"), "must have one winner"),
        (4.5, ("PUSH", "PUSH"), "cannot come to PUSH, PUSH: its lines are quarter"),
        (5.0, ("HALF_WON", "HALF_LOST"), "cannot come to HALF_WON, HALF_LOST"),
        (4.5, ("won", "lost"), "a result must be a touchline.BetResult and is 'won'"),
        (4.5, (None, "WON"), "a result must be a touchline.BetResult and is None"),
    ],
)
def test_bad_settlements_are_named(line: float, results: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(PluginError, match=sentence) as caught:
        check_settled(MarketKey(Kind.CUSTOM, line, name="acme.cards"), Lines.QUARTER, results)
    assert caught.value.kind == Fault.INVALID_OUTPUT


def test_a_market_without_lines_may_return_every_stake() -> None:
    assert check_settled(MarketKey(Kind.CUSTOM, name="acme.cards"), Lines.NONE, ("PUSH", "PUSH"))


def test_a_sentence_is_one_line_of_printable_signs() -> None:
    error = PluginError(Fault.RAISED, "a\x1b[2J\nb\u202ec\x00 d" + "!" * 9999)
    assert error.sentence.startswith("a [2J b c d!!!")
    assert (len(error.sentence), error.sentence[-1]) == (600, "…")


@pytest.mark.parametrize("mean", [1.0, 7.3, 11.1, 39.7])
def test_a_limited_rho_passes(mean: float) -> None:
    for wanted in (-1.0, 1.0):
        rho = float(limit_rho(np.array([mean]), np.array([0.9]), wanted)[0])
        check_forecasts(replace(FINE, family="score_grid", parameters=goals(mean, 0.9, rho)), (RESULT,), 2)


@pytest.mark.parametrize("state", [None, {1: np.ones(2)}, {"x": np.array(["a"])}, {"x": np.array([None])}])
def test_a_state_holds_named_numbers(state: object) -> None:
    with pytest.raises(PluginError, match="state"):
        check_state(state)


def test_a_state_becomes_float64() -> None:
    assert check_state({"x": np.array([1, 2])})["x"].dtype == np.float64
