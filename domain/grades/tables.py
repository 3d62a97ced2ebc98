"""What became of predictions: grades that are never changed, and the newest of each match, market and model."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ARRAY, DOUBLE_PRECISION, Index, SmallInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from domain.infra.columns import identity, instant, reference, words


class Grade(SQLModel, table=True):
    """A prediction against the result and the closing price. Never changed; a corrected result adds a revision."""

    __tablename__ = "grade"
    __table_args__ = (UniqueConstraint("prediction_id", "revision"),)

    id: int | None = identity()
    prediction_id: int = reference("prediction.id")
    revision: int = Field(sa_type=SmallInteger)
    """1 for the first grade of the prediction."""
    facts: str = words()
    """What was counted, for example `2-1` or `11 corners`."""
    outcome_key: str = words()
    is_hit: bool
    """Whether the likeliest outcome happened."""
    log_loss: float
    """Natural logarithm."""
    brier: float
    """Sum over the outcomes, 0 to 2."""
    ranked_probability_score: float | None = None
    """0 to 1; None where the outcomes have no order."""
    closing_probabilities: list[float] | None = Field(default=None, sa_type=ARRAY(DOUBLE_PRECISION))
    """Margin-free, in the market's outcome order."""
    closing_source: str | None = words(nullable=True)
    """Key of the bookmaker, or the name of the average; None without a closing price."""
    closing_reason: str | None = words(nullable=True)
    """Why there is no closing price."""
    closing_log_loss: float | None = None
    graded_at: datetime = instant()
    """Match time."""
    job_id: str = words()


class CurrentGrade(SQLModel, table=True):
    """The newest grade of a model's last prediction before kick-off: what scorecards are counted from."""

    __tablename__ = "current_grade"
    __table_args__ = (
        Index("current_grade_of_market", "market_id", "kickoff_at"),
        Index("current_grade_of_model", "model_key", "market_id", "kickoff_at"),
    )

    match_id: int = reference("match.id", primary_key=True)
    market_id: int = reference("market.id", primary_key=True)
    model_key: str = words(primary_key=True)
    grade_id: int = reference("grade.id")
    prediction_id: int = reference("prediction.id")
    league_id: int = reference("league.id")
    kickoff_at: datetime = instant()
    code_version: str = words()
    outcome: int = Field(sa_type=SmallInteger)
    """Place of what happened in the market's outcome order."""
    probabilities: list[float] = Field(sa_type=ARRAY(DOUBLE_PRECISION))
    closing_probabilities: list[float] | None = Field(default=None, sa_type=ARRAY(DOUBLE_PRECISION))
    log_loss: float
    brier: float
    ranked_probability_score: float | None = None
    closing_log_loss: float | None = None
    confidence: int = Field(sa_type=SmallInteger)
    is_hit: bool
    is_served: bool
    """Whether the graph showed it before kick-off."""
