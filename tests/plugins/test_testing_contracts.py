"""The contracts as pytest classes, the simulated league that models are tried on, and what importing the kit costs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugins.bad_models.markets import Cards
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Kind, Lines, Market, MarketKey
from touchline.evaluation.rounds import rounds
from touchline.metrics import log_losses
from touchline.testing import (
    Check,
    MarketContract,
    ModelContract,
    ProviderContract,
    Result,
    StrategyContract,
    World,
    checks_for,
    run_checks,
    simulated,
)

SEASON = 8 * 7
"""Matches of a season of eight clubs."""


@pytest.fixture(scope="module")
def world() -> World:
    return simulated(3, 3, clubs=8)


class OfAMarketWithoutATitle(MarketContract):
    def market(self) -> Market:
        return Cards(title="", lines=Lines.NONE)


@pytest.mark.parametrize(
    ("contract", "count"), [(ModelContract, 50), (MarketContract, 16), (StrategyContract, 17), (ProviderContract, 15)]
)
def test_a_contract_has_a_test_for_each_check(contract: Any, count: int) -> None:
    tests = [name for name in dir(contract) if name.startswith("test_")]
    checks = checks_for(contract.kind)
    assert len(checks) == count
    assert sorted(tests) == sorted(f"test_{check.name}" for check in checks)
    for check in checks:
        assert getattr(contract, f"test_{check.name}").__doc__ == check.title


def test_a_test_passes_fails_with_the_sentence_or_is_skipped_with_the_reason() -> None:
    one: Any = OfAMarketWithoutATitle()
    one.test_names_itself()
    with pytest.raises(pytest.fail.Exception, match=r"^The title is '': give one line of 80 characters at most\.$"):
        one.test_has_a_title()
    with pytest.raises(pytest.skip.Exception, match=r"^It has no lines\.$"):
        one.test_a_missing_line_is_not_a_crash()
    assert OfAMarketWithoutATitle.case() is OfAMarketWithoutATitle.case()


def test_a_contract_without_its_thing_says_what_to_give() -> None:
    for contract in (ModelContract, MarketContract, StrategyContract, ProviderContract):
        with pytest.raises(NotImplementedError, match=rf"give the {contract.kind} under test from {contract.kind}\(\)"):
            contract().thing()


AUTHORS = """
from touchline import Lines, settle_total, total_of
from touchline.testing import MarketContract


class Cards:
    key = "acme.total_cards"
    title = "Over/Under {line} cards"
    outcomes = ("over", "under")
    lines = Lines.QUARTER

    def settle(self, market, outcome, facts):
        return settle_total(market, outcome, total_of(facts, "yellow_cards"), "card")


class TestCards(MarketContract):
    def market(self):
        return Cards()


class TestUntitled(MarketContract):
    def market(self):
        cards = Cards()
        cards.title = "Cards"
        return cards
"""


def test_an_author_inherits_and_runs_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_cards.py").write_text(AUTHORS)
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]
    wide = {**os.environ, "COLUMNS": "200"}
    run = subprocess.run(command, cwd=tmp_path, env=wide, capture_output=True, text=True)
    assert run.returncode == 1
    assert "1 failed, 29 passed, 2 skipped" in run.stdout
    assert "FAILED test_cards.py::TestUntitled::test_has_a_title - Failed: The title 'Cards' must have" in run.stdout
    assert "PASSED test_cards.py::TestCards::test_total_and_exclusive" in run.stdout
    assert "Traceback" not in run.stdout


def test_importing_the_kit_is_light() -> None:
    asked = "import sys, touchline.testing; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "touchline.testing.models" in loaded
    assert not loaded & {
        "pytest",
        "_pytest",
        "numba",
        "statsmodels",
        "matplotlib",
        "scipy.stats",
        "scipy.optimize",
        "httpx",
    }


def test_progress_is_told_before_and_after_each_check() -> None:
    told: list[tuple[str, str]] = []

    def progress(check: Check, result: Result | None) -> None:
        told.append((check.name, "begins" if result is None else result.status))

    results = run_checks("provider", object(), progress=progress)
    assert told[:2] == [("names_itself", "begins"), ("names_itself", "failed")]
    assert [name for name, what in told if what == "begins"] == [result.check for result in results]
    assert results[0].reason == (
        "Asking for `key` raised AttributeError: 'object' object has no attribute 'key' (checks.py, line "
        f"{results[0].reason.rpartition(' ')[2]}"
    )


def test_a_world_is_always_the_same(world: World) -> None:
    again = simulated(3, 3, clubs=8)
    assert again.dataset.digest == world.dataset.digest
    np.testing.assert_array_equal(again.means, world.means)
    assert simulated(4, 3, clubs=8).dataset.digest != world.dataset.digest


def test_a_world_is_a_league_of_seasons_with_promoted_clubs(world: World) -> None:
    played = world.dataset.history
    assert len(played) == 3 * SEASON
    assert np.bincount(played.season - 2020).tolist() == [SEASON] * 3
    assert len(played.clubs) == 8 + 2
    for name in ("home_shots", "home_corners", "home_yellow_cards", "home_fouls", "home_xg", "half_time_home_goals"):
        assert np.isfinite(getattr(played, name)).all(), name
    assert (np.diff(world.dataset.kickoff) >= 0).all()
    assert (played.closing_result > 1).all()
    margin = (1 / played.closing_result).sum(axis=1) - 1
    assert 0.0 < margin.mean() < 0.05


def test_the_past_ends_in_the_middle_of_the_last_season_and_the_fixtures_follow(world: World) -> None:
    past, coming = world.history, world.fixtures
    assert len(past) == 2 * SEASON + SEASON // 2
    assert past.days_ago.min() > 0
    assert len(coming) == 8
    assert (coming.days_ahead >= 0).all()
    assert coming.days_ahead.max() < 14
    assert all(len(one.rows) == 4 for one in rounds(world.dataset, world.dataset.leagues[0]))


def test_the_truth_sums_to_1_and_no_forecast_beats_it(world: World) -> None:
    rows = np.arange(len(world.dataset))
    truth = world.true_probabilities(RESULT, rows)
    np.testing.assert_allclose(truth.sum(axis=1), 1.0, atol=1e-9)
    played = world.dataset.history
    happened = np.where(
        played.home_goals > played.away_goals, 0, np.where(played.home_goals == played.away_goals, 1, 2)
    )
    prices = 1 / played.closing_result
    closing = prices / prices.sum(axis=1, keepdims=True)
    average = np.tile(np.bincount(happened) / len(happened), (len(happened), 1))
    losses = [log_losses(table, happened).mean() for table in (truth, closing, average)]
    assert losses[0] < losses[1] + 0.01
    assert losses[1] < losses[2]


def test_the_truth_of_any_goal_line_is_known(world: World) -> None:
    line = MarketKey(Kind.TOTAL_GOALS, 2.5)
    np.testing.assert_allclose(world.true_probabilities(line), world.true_probabilities(OVER_25))
    low, high = (world.true_probabilities(replace(line, line=at))[:, 0] for at in (1.5, 3.5))
    assert (low > high).all()
    for market in (BTTS, CORNERS_95):
        assert world.true_probabilities(market).shape == (8, 2)
    for unknown in (
        MarketKey(Kind.ASIAN_HANDICAP, -0.5),
        MarketKey(Kind.TOTAL_GOALS, 2.0),
        MarketKey(Kind.TOTAL_GOALS, 1.5, "h1"),
    ):
        with pytest.raises(KeyError, match=str(unknown)):
            world.true_probabilities(unknown)


def test_two_leagues_share_no_club() -> None:
    world = simulated(3, 1, clubs=4, leagues=2)
    played = world.dataset.history
    first, second = (
        {*played.home[played.league == league].tolist(), *played.away[played.league == league].tolist()}
        for league in (0, 1)
    )
    assert (len(first), len(second), len(first & second)) == (4, 4, 0)
    for leagues, clubs in ((3, 4), (0, 4), (1, 5), (1, 2)):
        with pytest.raises(ValueError, match=r"leagues: 1 or 2|clubs: an even number"):
            simulated(3, 1, clubs=clubs, leagues=leagues)
