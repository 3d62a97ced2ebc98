"""What a forecast means, and when it counts as a new one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.forecasting import rules
from domain.forecasting.rules import ImpossibleForecast, Offered

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_probabilities_that_sum_to_one_pass_unchanged() -> None:
    assert rules.checked([0.5, 0.3, 0.2]) == [0.5, 0.3, 0.2]
    assert rules.checked([1.0, 0.0]) == [1.0, 0.0]


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.1], [1.1, -0.1], [float("nan"), 1.0], [0.5, 0.5 + 2e-9]])
def test_other_probabilities_are_refused(row: list[float]) -> None:
    with pytest.raises(ImpossibleForecast):
        rules.checked(row)


def test_confidence_is_the_likeliest_outcome_in_percent() -> None:
    assert rules.confidence([0.456, 0.3, 0.244]) == 46


def test_expected_value_is_told_by_families_that_have_one() -> None:
    assert rules.expected_value("score_grid", {"home_mean": 1.5, "away_mean": 1.25, "rho": 0.0}) == 2.75
    assert rules.expected_value("negative_binomial", {"mean": 10.5, "dispersion": 30.0}) == 10.5
    assert rules.expected_value("", {}) is None


def test_rounding_is_no_news() -> None:
    assert not rules.is_news([0.5, 0.5], [0.5 + 1e-12, 0.5 - 1e-12])
    assert rules.is_news([0.5, 0.5], [0.5001, 0.4999])
    assert rules.is_news(None, [0.5, 0.5])


def test_first_model_that_promises_a_market_is_shown() -> None:
    served = rules.served_models(
        [
            Offered("ours.goals", ("total_goals:2.5:ft",)),
            Offered("acme.all", ("total_goals:2.5:ft", "match_result::ft")),
        ]
    )
    assert served == {"total_goals:2.5:ft": "ours.goals", "match_result::ft": "acme.all"}
    # A line that nobody promises belongs to whoever is shown for its kind, else to the model itself.
    assert rules.model_serving(served, "total_goals:4.5:ft", "acme.all") == "ours.goals"
    assert rules.model_serving(served, "both_teams_to_score::ft", "acme.all") == "acme.all"


def test_seeds_differ_by_model_and_league_and_stay() -> None:
    assert rules.seed_of("a", "b") == rules.seed_of("a", "b")
    assert len({rules.seed_of("a", "b"), rules.seed_of("a", "c"), rules.seed_of("c", "b")}) == 3


def test_a_forecast_is_made_of_the_past_before_the_match() -> None:
    hour = timedelta(hours=1)
    assert rules.is_in_time(NOON, NOON, NOON)
    assert rules.is_in_time(NOON - hour, NOON, NOON + hour)
    assert not rules.is_in_time(NOON + hour, NOON, NOON + hour)
    assert not rules.is_in_time(NOON, NOON + hour, NOON)
