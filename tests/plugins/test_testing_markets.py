"""The checks of a market: a market of cards passes them, and for each there is a market that fails it and only it."""

from __future__ import annotations

import re

import pytest

from tests.plugins.bad_models import forgetful
from tests.plugins.bad_models.markets import BAD, HALF_TIME, Cards
from touchline import Lines
from touchline.settlement import FINISHED
from touchline.testing import Limits, checks_for, run_checks
from touchline.testing.markets import plausible_facts

FRESH = "settles_in_a_fresh_process"


def test_each_check_has_its_bad_market() -> None:
    assert {check.name for check in checks_for("market")} == {*BAD, FRESH}
    assert all(check.title.endswith(".") for check in checks_for("market"))


@pytest.mark.parametrize(
    ("market", "skipped"),
    [
        (Cards(), {FRESH}),
        (Cards(lines=Lines.HALF), {FRESH}),
        (HALF_TIME, {FRESH, "monotone_in_the_line", "a_missing_line_is_not_a_crash"}),
    ],
    ids=["quarter", "half", "none"],
)
def test_a_good_market_passes(market: Cards, skipped: set[str]) -> None:
    results = run_checks("market", market)
    assert [result.reason for result in results if result.status == "failed"] == []
    assert {result.check for result in results if result.status == "skipped"} == skipped


@pytest.mark.parametrize("check", BAD)
def test_a_bad_market_fails_its_check_and_no_other(check: str) -> None:
    bad = BAD[check]
    results = run_checks("market", bad.market, limits=Limits(**bad.limits))
    found = {result.check: result.reason for result in results if result.status == "failed"}
    assert set(found) == {check}
    assert re.search(bad.sentence, found[check]), found[check]


def test_a_market_is_settled_in_a_fresh_process_as_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    (market,), entry = forgetful.markets(), "tests.plugins.bad_models.forgetful"
    assert {result.status for result in run_checks("market", market, entry=entry)} == {"passed"}
    monkeypatch.setenv("BAD_RED_CARDS", "2")
    found = {result.check: result.reason for result in run_checks("market", market, entry=entry) if result.reason}
    assert set(found) == {FRESH}
    assert re.search(r"^bad\.red_cards:.*WON, .*LOST here and .*WON in a fresh process: a verdict", found[FRESH])


def test_the_matches_are_plausible() -> None:
    facts = plausible_facts()
    assert facts == plausible_facts()
    assert {(one.home_goals, one.away_goals) for one in facts} >= {(0, 0), (5, 5), (9, 0)}
    for one in facts:
        values = [getattr(one, name) for name in one.__slots__ if name != "status"]
        assert one.status == FINISHED
        assert min(values) >= 0
        assert one.half_time_home_goals is not None
        assert one.home_goals is not None
        assert one.half_time_home_goals <= one.home_goals
