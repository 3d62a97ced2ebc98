"""What is asked of every model, and what the answer turned out to be.

Five questions are asked of everyone. `question_of` asks any other market whose bets can be settled from the columns of
a history, by its own rule: that of `touchline.settle`, or of the plugin that declares it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline.evaluation.winners import NOT_KNOWN, Settle, Winners, columns_of
from touchline.markets import Market
from touchline.settlement import settle
from touchline.types import (
    BTTS,
    CORNERS_95,
    OUTCOMES,
    OVER_25,
    RESULT,
    Floats,
    History,
    Ints,
    Kind,
    MarketKey,
)

__all__ = ["NOT_KNOWN", "QUESTIONS", "NotAsked", "Question", "question_of"]


class NotAsked(Exception):
    """A market that cannot be evaluated; the message says why."""


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
    names: tuple[str, ...] = ()
    """Outcomes of a market whose plugin says them."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Outcomes in their customary order."""
        return self.names or self.market.outcomes


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


@dataclass(frozen=True, slots=True)
class Settled:
    """The truth of a market by how its bets are settled; a match whose stakes come back is not known."""

    winners: Winners

    def __call__(self, past: History) -> Ints:
        """(n,) index of the outcome that won. Raises Unsettled."""
        return self.winners.of(columns_of(past))


def question_of(key: MarketKey, declared: Market | None = None) -> Question:
    """What is asked about a market; `declared` is the plugin's market for a key of its own. Raises NotAsked."""
    for question in QUESTIONS:
        if question.market == key and not question.from_half_time:
            return question
    if key.line is not None and key.line % 0.5:
        raise NotAsked(f"{key} is not scored: at a quarter line a stake is split, and no outcome simply wins")
    if key.kind is Kind.CUSTOM:
        if declared is None:
            raise NotAsked(f"{key} is not scored: no plugin here declares the market")
        title = declared.title.format(line=f"{key.line:g}" if key.line is not None else "")
        return _settled(
            key, title if key.period == "ft" else f"{title} ({key.period})", declared.outcomes, declared.settle
        )
    if key.kind not in OUTCOMES:
        raise NotAsked(f"{key} is not scored: it has no fixed list of outcomes")
    line = "" if key.line is None else f" {key.line:g}"
    period = "" if key.period == "ft" else f" ({key.period})"
    return _settled(key, f"{key.kind.replace('_', ' ').capitalize()}{line}{period}", key.outcomes, settle)


def _settled(key: MarketKey, title: str, outcomes: tuple[str, ...], rule: Settle) -> Question:
    name = str(key).replace("::", "_").replace(":", "_").removesuffix("_ft")
    return Question(name, title, key, Settled(Winners(key, outcomes, rule)), names=outcomes)
