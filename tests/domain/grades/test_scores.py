"""Figures of a record: what counts as better than the market, which matches are shared, whether confidence is meant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from domain.grades.bands import BandRecord, flat_value, predictability_bands
from domain.grades.scores import Verdict, field_of, scored
from domain.grades.tracks import Track
from touchline import Kind


def track(matches: list[int], said: tuple[float, ...], closing: tuple[float, ...], outcomes: list[int]) -> Track:
    """The same word and the same closing price on every match."""
    n = len(matches)
    return Track(np.array(matches), np.array(outcomes), np.tile(said, (n, 1)), np.tile(closing, (n, 1)))


def test_a_verdict_needs_thirty_matches_and_an_interval_without_zero() -> None:
    for count, verdict in ((29, Verdict.UNDECIDED), (30, Verdict.BEATS_MARKET)):
        happened = [0, 0, 1] * 10
        better = scored(Kind.TOTAL_GOALS, track(list(range(count)), (0.7, 0.3), (0.1, 0.9), happened[:count]))
        assert better is not None
        assert better.verdict is verdict
    even = scored(Kind.TOTAL_GOALS, track(list(range(40)), (0.51, 0.49), (0.49, 0.51), [0, 1] * 20))
    worse = scored(Kind.TOTAL_GOALS, track(list(range(40)), (0.01, 0.99), (0.6, 0.4), [0, 0, 0, 1] * 10))
    assert even is not None
    assert worse is not None
    assert (even.verdict, worse.verdict) == (Verdict.UNDECIDED, Verdict.TRAILS_MARKET)
    assert even.closing is not None
    lower, upper = even.closing.skill_interval or (1, -1)
    assert lower < even.closing.skill < upper


def test_what_has_no_closing_price_counts_for_itself_alone() -> None:
    closing = np.array([[0.5, 0.5], [math.nan, math.nan]])
    both = Track(np.array([1, 2]), np.array([0, 0]), np.array([[0.5, 0.5], [0.25, 0.75]]), closing)
    found = scored(Kind.TOTAL_GOALS, both)
    assert found is not None
    assert found.log_loss == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)
    assert found.closing is not None
    assert (found.closing.count, found.closing.difference, found.closing.interval) == (1, 0, None)
    assert scored(Kind.TOTAL_GOALS, both[np.array([], dtype=np.int64)]) is None


def test_the_field_shares_matches_and_says_who_is_missing() -> None:
    def of(*matches: int) -> Track:
        return track(list(matches), (0.5, 0.5), (0.5, 0.5), [0] * len(matches))

    field = field_of({"a": of(1, 2, 3, 4), "b": of(2, 3, 4, 5), "c": of(9), "d": of(6, 7, 8)}, least=3)
    assert field.matches.tolist() == [2, 3, 4]
    assert sorted(field.tracks) == ["a", "b"]
    assert {len(each) for each in field.tracks.values()} == {3}
    assert field.left_out == {"c": 1, "d": 3}
    assert field.left_out_matches == 2  # 1 and 5
    assert field_of({}, least=1).market is None


def test_tracks_of_versions_are_joined_by_match() -> None:
    first = track([3, 5], (0.6, 0.4), (0.5, 0.5), [0, 1])
    second = track([1, 4], (0.3, 0.7), (0.5, 0.5), [1, 0])
    joined = Track.joined([first, second])
    assert joined.matches.tolist() == [1, 3, 4, 5]
    assert joined.outcomes.tolist() == [1, 0, 0, 1]
    assert joined.probabilities[:, 0].tolist() == [0.3, 0.6, 0.3, 0.6]


@pytest.mark.parametrize(
    ("count", "shown", "hits", "is_calibrated"),
    [
        (1000, 65, 640, True),  # one point
        (1000, 65, 690, False),  # four points, and 2.7 standard errors
        (100, 65, 74, True),  # nine points, and 1.9 standard errors
        (10_000, 65, 6690, True),  # four standard errors, and two points
        (0, 0, 0, None),
    ],
)
def test_confidence_is_meant_within_three_points_or_two_errors(
    count: int, shown: float, hits: int, is_calibrated: bool | None
) -> None:
    assert BandRecord(count, shown, hits).is_calibrated is is_calibrated


def test_bands_add_up() -> None:
    whole = BandRecord(2, 60, 1) + BandRecord(1, 90, 1) + BandRecord()
    assert (whole.count, whole.shown, whole.hits) == (3, 70, 2)


def test_leagues_are_banded_by_thirds() -> None:
    assert predictability_bands({1: (0.2, 150)}) == {1: "MEDIUM"}
    assert predictability_bands({1: (0.2, 150), 2: (0.1, 150), 3: (0.01, 99)}) == {1: "LOW", 2: "HIGH", 3: "UNKNOWN"}
    five = predictability_bands({key: (key / 10, 100) for key in range(5)})
    assert list(five.values()) == ["HIGH", "HIGH", "MEDIUM", "LOW", "LOW"]
    assert predictability_bands({}) == {}


def _bet(
    market: str, outcome: str, price: float, *, status: str = "FINISHED", commission: float = 0.0
) -> dict[str, Any]:
    facts = {"home_goals": 2, "away_goals": 1, "half_time_home_goals": None, "half_time_away_goals": None}
    corners = {"home_corners": None, "away_corners": None}
    bet = {"market_key": market, "outcome_key": outcome, "price": price, "commission": commission}
    return {**bet, "status": status, **facts, **corners}


@pytest.mark.parametrize(
    ("bet", "profit"),
    [
        (_bet("match_result::ft", "home", 3.0), 2.0),
        (_bet("match_result::ft", "home", 3.0, commission=0.05), 1.9),
        (_bet("match_result::ft", "away", 3.0), -1.0),
        (_bet("total_goals:3:ft", "over", 1.9), 0.0),
        (_bet("total_goals:2.75:ft", "over", 1.9), 0.45),
        (_bet("total_goals:3.25:ft", "over", 1.9), -0.5),
        (_bet("match_result::ft", "home", 3.0, status="AWARDED"), None),
        (_bet("match_result::ft", "home", 3.0, status="SCHEDULED"), None),
        (_bet("total_corners:9.5:ft", "over", 1.9), None),
    ],
)
def test_value_bets_return_what_settlement_says(bet: dict[str, Any], profit: float | None) -> None:
    found = flat_value([bet], ("status", *(name for name in bet if name.endswith(("goals", "corners")))))
    assert found.count == (0 if profit is None else 1)
    assert found.profit == pytest.approx(profit or 0.0)
