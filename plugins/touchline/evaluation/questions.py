"""What is asked of every model, and what the answer turned out to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline.types import BTTS, CORNERS_95, OVER_25, RESULT, Floats, History, Ints, MarketKey

NOT_KNOWN: Final = -1
"""Outcome of a match whose source does not tell."""


@dataclass(frozen=True, slots=True)
class Question:
    """A market that is evaluated."""

    key: str
    title: str
    market: MarketKey
    truth: Callable[[History], Ints]
    """(n,) index of what happened, `NOT_KNOWN` where the source has no number."""
    from_half_time: bool = False
    """Asked at half time, knowing the score."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes in their customary order."""
        return self.market.outcomes


def _result(past: History) -> Ints:
    return np.asarray(1 - np.sign(past.home_goals - past.away_goals), dtype=np.int64)


def _over(line: float, home: Floats, away: Floats) -> Ints:
    total = home + away
    return np.where(np.isnan(total), NOT_KNOWN, np.where(total > line, 0, 1))


def _over_goals(past: History) -> Ints:
    return _over(2.5, past.home_goals, past.away_goals)


def _over_corners(past: History) -> Ints:
    return _over(9.5, past.home_corners, past.away_corners)


def _both_score(past: History) -> Ints:
    return np.where((past.home_goals > 0) & (past.away_goals > 0), 0, 1)


def _result_from_half_time(past: History) -> Ints:
    is_known = np.isfinite(past.half_time_home_goals) & np.isfinite(past.half_time_away_goals)
    return np.where(is_known, _result(past), NOT_KNOWN)


FULL_RESULT: Final = Question("result", "Match result", RESULT, _result)
OVER: Final = Question("over_2.5", "Over 2.5 goals", OVER_25, _over_goals)
BOTH_SCORE: Final = Question("both_teams_to_score", "Both teams to score", BTTS, _both_score)
CORNERS: Final = Question("corners_over_9.5", "Over 9.5 corners", CORNERS_95, _over_corners)
HALF_TIME: Final = Question("result_from_half_time", "Result from half time", RESULT, _result_from_half_time, True)

QUESTIONS: Final = (FULL_RESULT, OVER, BOTH_SCORE, CORNERS, HALF_TIME)
