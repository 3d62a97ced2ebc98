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


def test_models_are_ranked_by_choice_then_by_our_order_then_as_they_come() -> None:
    goals = ("match_result::ft", "total_goals:2.5:ft", "total_goals:3.5:ft")
    offered = [
        Offered("touchline.goals", ("total_goals:2.5:ft",)),
        Offered("touchline.supremacy", goals),
        Offered("acme.b", goals),
        Offered("acme.a", ("total_corners:9.5:ft",)),
    ]
    usual = {
        "total_goals": ["touchline.supremacy", "touchline.goals", "acme.b"],
        "match_result": ["touchline.supremacy", "acme.b"],
        "total_corners": ["acme.a"],
    }
    assert rules.ranking(offered, {}) == usual
    assert rules.ranking(offered, {"match_result": "acme.b"}) == usual | {
        "match_result": ["acme.b", "touchline.supremacy"]
    }
    assert rules.ranking(offered, {"total_goals": "acme.gone", "outright": "acme.b"}) == usual


def test_our_order_names_each_model_once_and_the_goal_kinds_agree() -> None:
    assert len(set(rules.DEFAULT_ORDER)) == len(rules.DEFAULT_ORDER)
    whole = [Offered(key, ("match_result::ft", "total_goals:2.5:ft", "both_teams_to_score::ft")) for key in ("b", "a")]
    first = {kind: keys[0] for kind, keys in rules.ranking(whole, {}).items()}
    assert first == dict.fromkeys(rules.GOAL_KINDS, "b")


@pytest.mark.parametrize(
    ("kickoff", "end"),
    [
        ("2025-02-28T20:00", "2025-03-04"),  # Friday
        ("2025-03-03T20:00", "2025-03-04"),  # Monday
        ("2025-03-04T00:00", "2025-03-07"),  # Tuesday, of an unknown hour
        ("2025-03-06T23:59", "2025-03-07"),  # Thursday
    ],
)
def test_rounds_are_over_on_tuesday_and_on_friday(kickoff: str, end: str) -> None:
    ends = rules.round_end(datetime.fromisoformat(kickoff).replace(tzinfo=UTC))
    assert ends == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_seeds_differ_by_model_and_league_and_stay() -> None:
    assert rules.seed_of("a", "b") == rules.seed_of("a", "b")
    assert len({rules.seed_of("a", "b"), rules.seed_of("a", "c"), rules.seed_of("c", "b")}) == 3


def test_a_forecast_is_made_of_the_past_before_the_match() -> None:
    hour = timedelta(hours=1)
    assert rules.is_in_time(NOON, NOON, NOON)
    assert rules.is_in_time(NOON - hour, NOON, NOON + hour)
    assert not rules.is_in_time(NOON + hour, NOON, NOON + hour)
    assert not rules.is_in_time(NOON, NOON + hour, NOON)
