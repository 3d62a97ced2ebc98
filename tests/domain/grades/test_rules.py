"""What happened in a market, and what it cost to have said otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from domain.grades.rules import BAD_CLOSING, Closing, Happened, NotGraded, counted, happened, score, without_margin
from touchline import BTTS, CORNERS_95, OVER_25, RESULT, Facts, MarketKey
from touchline.types import Kind

PLAYED = Facts("FINISHED", 2, 1, 0, 1, 7, 4)


@pytest.mark.parametrize(
    ("market", "place", "facts"),
    [
        ("match_result::ft", 0, "2-1"),
        ("match_result::h1", 2, "0-1 at half-time"),
        ("match_result::h2", 0, "2-1 after 0-1 at half-time"),
        ("total_goals:2.5:ft", 0, "2-1"),
        ("total_goals:3.5:ft", 1, "2-1"),
        ("both_teams_to_score::ft", 0, "2-1"),
        ("total_corners:10.5:ft", 0, "11 corners"),
        ("asian_handicap:-0.5:ft", 0, "2-1"),
        ("asian_handicap:-1.5:ft", 1, "2-1"),
    ],
)
def test_what_happened_is_what_a_bet_is_settled_by(market: str, place: int, facts: str) -> None:
    key = MarketKey.parse(market)
    assert happened(key, PLAYED) == Happened(place, key.outcomes[place], facts)


@pytest.mark.parametrize(
    ("market", "facts", "reason"),
    [
        (RESULT, Facts("AWARDED", 3, 0), "the result was awarded and not played"),
        (RESULT, Facts("ABANDONED", 1, 0), "the match was abandoned"),
        (RESULT, Facts("CANCELLED"), "the match was cancelled"),
        (RESULT, Facts("POSTPONED"), "the match is not over"),
        (RESULT, Facts("LIVE", 1, 0), "the match is not over"),
        (MarketKey(Kind.TOTAL_GOALS, 3.0), PLAYED, "the count fell on the line, so that stakes came back"),
        (MarketKey(Kind.TOTAL_GOALS, 2.75), PLAYED, "the count fell on the line, so that stakes came back"),
        (CORNERS_95, Facts("FINISHED", 2, 1), "corners are not known yet"),
        (MarketKey(Kind.MATCH_RESULT, None, "h1"), Facts("FINISHED", 2, 1), "the half-time score is not known yet"),
        (MarketKey(Kind.CUSTOM), PLAYED, "custom::ft is settled by hand"),
    ],
)
def test_why_nothing_is_graded(market: MarketKey, facts: Facts, reason: str) -> None:
    with pytest.raises(NotGraded, match=reason):
        happened(market, facts)


def test_one_corner_is_no_plural() -> None:
    assert counted(CORNERS_95, Facts("FINISHED", 0, 0, 0, 0, 1, 0)) == "1 corner"


def test_scores_are_those_of_the_definitions() -> None:
    scores = score(Kind.MATCH_RESULT, np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]), np.array([0, 1]))
    np.testing.assert_allclose(scores.log_loss, [-math.log(0.5), -math.log(0.3)])
    np.testing.assert_allclose(scores.brier, [0.25 + 0.09 + 0.04, 0.04 + 0.49 + 0.25])
    np.testing.assert_allclose(scores.ranked, [(0.25 + 0.04) / 2, (0.04 + 0.25) / 2])
    assert scores.is_hit.tolist() == [1, 0]
    assert not np.isnan(score(Kind.BOTH_TEAMS_TO_SCORE, np.array([[0.6, 0.4]]), np.array([1])).ranked).any()


def test_outcomes_without_an_order_have_no_ranked_score() -> None:
    assert np.isnan(score(Kind.CORRECT_SCORE, np.array([[0.5, 0.3, 0.2]]), np.array([0])).ranked).all()


def test_certainty_that_was_wrong_costs_without_end() -> None:
    assert score(BTTS.kind, np.array([[1.0, 0.0]]), np.array([1])).log_loss.tolist() == [math.inf]


def test_closing_prices_lose_their_margin() -> None:
    found = without_margin(
        {
            (1, str(RESULT)): ("pinnacle", (2.10, 3.40, 3.80)),
            (1, str(OVER_25)): ("Avg", (1.90, 2.00)),
            (2, str(RESULT)): ("pinnacle", (2.10, 3.40, 1.0)),
        }
    )
    fair = found[1, str(RESULT)]
    assert fair.probabilities is not None
    np.testing.assert_allclose(fair.probabilities, [0.4639, 0.2834, 0.2527], atol=5e-5)
    assert (fair.source, fair.reason) == ("pinnacle", None)
    assert found[1, str(OVER_25)].source == "Avg"
    assert found[2, str(RESULT)] == Closing(None, None, BAD_CLOSING)
    assert without_margin({}) == {}
