"""What a prediction was worth: its newest grade, or why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import strawberry

from api.rows import Columns, Rows, in_order
from api.scorecards import INFINITE, told
from domain.grades.queries import newest_grades
from domain.grades.rules import NotGraded, happened
from domain.markets.results import FACT_COLUMNS, own_market
from touchline import Facts, MarketKey


@strawberry.type(
    description="Score of one prediction against what happened and against the closing prices. " + INFINITE,
)
class PredictionGrade:
    outcome_key: str = strawberry.field(description="Key of the outcome that happened.")
    is_hit: bool = strawberry.field(description="Whether the top outcome happened.")
    log_loss: float = strawberry.field(description="Natural-log loss, lower is better.")
    brier: float = strawberry.field(
        description="Brier score, lower is better, 0-2; of a market with two outcomes 0-1, as only the first counts."
    )
    ranked_probability_score: float | None = strawberry.field(
        description="Ranked probability score for ordered markets, lower is better, 0-1."
    )
    closing_log_loss: float | None = strawberry.field(
        description="Log loss of the de-vigged closing prices on the same match."
    )
    beats_closing: bool | None = strawberry.field(description="Whether it beat the closing prices.")
    graded_at: datetime = strawberry.field(description="When it was graded.")
    revision: int = strawberry.field(description="Number of the grade, from 1; corrected facts add one.")
    facts: str = strawberry.field(
        description="What was counted, for example `2-1` or `11 corners`; of a plugin's market its plugin's sentence."
    )
    closing_source: str | None = strawberry.field(
        description="Whose closing prices: key of a sharp bookmaker, else of an exchange, else the name of an average."
    )
    closing_reason: str | None = strawberry.field(description="Why there are no closing prices, where there are none.")


@dataclass(frozen=True, slots=True)
class GradeOf:
    """What became of a prediction: its newest grade, or why it has none."""

    key: int
    grade: PredictionGrade | None = None
    reason: str | None = None

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[GradeOf | None]:
        return in_order(keys, [_grade_of(row) for row in await newest_grades(db, keys)], lambda row: row.key)


def _grade_of(row: Columns) -> GradeOf:
    """The newest grade, unless the facts by now leave nothing to grade."""
    try:
        facts = Facts(*(row[name] for name in FACT_COLUMNS))
        happened(MarketKey.parse(row["market_key"]), facts, own_market(row))
    except NotGraded as error:
        return GradeOf(row["key"], reason=str(error))
    if row["revision"] is None:
        return GradeOf(row["key"], reason="it waits to be graded")
    closing: float | None = row["closing_log_loss"]
    return GradeOf(
        row["key"],
        PredictionGrade(
            outcome_key=row["outcome_key"],
            is_hit=row["is_hit"],
            log_loss=told(row["log_loss"]),
            brier=row["brier"],
            ranked_probability_score=row["ranked_probability_score"],
            closing_log_loss=None if closing is None else told(closing),
            beats_closing=None if closing is None else row["log_loss"] < closing,
            graded_at=row["graded_at"],
            revision=row["revision"],
            facts=row["facts"],
            closing_source=row["closing_source"],
            closing_reason=row["closing_reason"],
        ),
    )
