"""Value bets: prices that a strategy found too high, from found to expired."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from domain.infra.columns import decimal_price, identity, instant, reference, words


class ValueBet(SQLModel, table=True):
    """One opportunity: OPEN while its price stands and its edge is above zero, then EXPIRED."""

    __tablename__ = "value_bet"
    __table_args__ = (
        Index(
            "value_bet_open_once",
            "match_id",
            "selection_id",
            "bookmaker_id",
            "strategy_key",
            unique=True,
            postgresql_where=text("status = 'OPEN'"),
        ),
        Index("value_bet_open_by_edge", "edge", "id", postgresql_where=text("status = 'OPEN'")),
    )

    id: int | None = identity()
    match_id: int = reference("match.id")
    selection_id: int = reference("selection.id")
    bookmaker_id: int = reference("bookmaker.id")
    strategy_key: str = words()
    model_version_id: int | None = reference("model_version.id", nullable=True)
    """Of the strategy."""
    prediction_id: int | None = reference("prediction.id", nullable=True)
    price: Decimal = decimal_price()
    sequence: int = Field(sa_type=BigInteger)
    """Of the price change that it rests on."""
    probability: float
    edge: float
    kelly: float
    recommendation: str = words()
    status: str = words()
    found_at: datetime = instant()
    updated_at: datetime = instant()
    expired_at: datetime | None = instant(nullable=True)
    job_id: str = words()
