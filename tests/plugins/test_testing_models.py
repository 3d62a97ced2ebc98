"""The checks of a model: ours and a small one pass them, and for each there is a model that fails it and only it."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from tests.plugins.bad_models import forgetful, steady
from tests.plugins.bad_models.models import BAD, Bad, Hoards, RemembersTheLongest
from touchline.testing import Limits, Result, checks_for
from touchline.testing.checks import run_check
from touchline.testing.models import ModelCase
from touchline.testing.models.case import Worlds
from touchline.types import Fixtures, Forecasts, Kind, MarketKey, Model

FRESH = {
    "restores_in_a_fresh_process": r"^In a fresh process: restore\(\) raised KeyError: 29\.0",
    "fits_the_same_in_a_fresh_process": r"^Fitted in a fresh process it says something else at .*PYTHONHASHSEED",
}
"""Checks whose bad models must be importable in another process: `forgetful.py`, in this order."""


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    """The leagues, made once for all models."""
    return Worlds()


def results_of(model: Model, worlds: Worlds, entry: str = "", limits: Limits | None = None) -> dict[str, Result]:
    case = ModelCase(model, entry, limits=limits or Limits(), worlds=worlds)
    return {check.name: run_check(check, case) for check in checks_for("model")}


def failed(results: dict[str, Result]) -> dict[str, str]:
    return {name: result.reason for name, result in results.items() if result.status == "failed"}


def test_there_are_many_checks_and_each_has_its_bad_model() -> None:
    names = [check.name for check in checks_for("model")]
    assert len(names) == len(set(names)) == 50
    assert set(names) == {*BAD, *FRESH}
    assert all(check.title.endswith(".") for check in checks_for("model"))


def test_a_small_model_passes_every_check(worlds: Worlds) -> None:
    results = results_of(steady.Steady(), worlds, "tests.plugins.bad_models.steady")
    assert {(result.status, result.reason) for result in results.values()} == {("passed", "")}


@pytest.mark.parametrize("check", BAD)
def test_a_bad_model_fails_its_check_and_no_other(check: str, worlds: Worlds) -> None:
    bad = BAD[check]
    found = failed(results_of(bad.model, worlds, limits=Limits(**bad.limits)))
    Hoards.kept_back.clear()
    RemembersTheLongest.longest.clear()
    assert set(found) == {check, *bad.also}
    assert re.search(bad.sentence, found[check]), found[check]


@pytest.mark.parametrize(("nth", "check"), list(enumerate(FRESH)))
def test_a_model_that_lives_in_its_process_is_found_in_a_fresh_one(nth: int, check: str, worlds: Worlds) -> None:
    model = forgetful.models()[nth]
    found = failed(results_of(model, worlds, "tests.plugins.bad_models.forgetful"))
    assert set(found) == {check}
    assert re.search(FRESH[check], found[check]), found[check]


@pytest.mark.parametrize(("share", "is_good"), [(0.3, True), (0.6, False)])
def test_a_start_of_more_goals_never_makes_a_side_less_likely(share: float, is_good: bool, worlds: Worlds) -> None:
    starts = {MarketKey(Kind.ASIAN_HANDICAP, -1.5): share, MarketKey(Kind.ASIAN_HANDICAP, -0.5): 0.5}

    def told(forecasts: Forecasts, _: Fixtures) -> Forecasts:
        rows = {key: np.tile([home, 1 - home], (len(forecasts.basis), 1)) for key, home in starts.items()}
        return replace(forecasts, probabilities={**forecasts.probabilities, **rows})

    found = failed(results_of(Bad(change=told, markets=(*steady.MARKETS, *starts)), worlds))
    said = "asian_handicap:-1.5:ft has 0.6 and asian_handicap:-0.5:ft has 0.5: take all lines from one distribution."
    assert [*found] == ([] if is_good else ["monotone_in_the_line"])
    assert is_good or found["monotone_in_the_line"].endswith(said)


def test_what_cannot_be_tried_is_skipped_with_the_reason(worlds: Worlds) -> None:
    results = results_of(steady.Steady(), worlds)
    skipped = {name: result.reason for name, result in results.items() if result.status == "skipped"}
    reason = "The entry point is not known: name it (entry='acme_model') to try another process."
    assert skipped == dict.fromkeys(FRESH, reason)


OURS = (
    "match_result",
    "goals",
    "both_teams_to_score",
    "corners",
    "state_space",
    "goal_stack",
    "supremacy",
    "market_memory",
)


@pytest.mark.parametrize("name", ["match_result", "market_memory"])
def test_our_models_keep_their_own_contract(name: str, worlds: Worlds) -> None:
    assert failed(results_of_ours(name, worlds)) == {}


@pytest.mark.acceptance
@pytest.mark.parametrize("name", OURS)
def test_every_model_of_ours_keeps_its_own_contract(name: str, worlds: Worlds) -> None:
    results = results_of_ours(name, worlds)
    assert failed(results) == {}
    assert {results[check].status for check in FRESH} == {"passed"}


def results_of_ours(name: str, worlds: Worlds) -> dict[str, Result]:
    entry = f"touchline_markets.{name}"
    (model,) = import_module(entry).models()
    return results_of(model, worlds, entry)
