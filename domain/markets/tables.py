"""Markets and their selections: a dictionary shared by all matches.

`total_goals:2.5:ft` is one row for every match that anybody prices it for. A market *of a match* is
the pair (match, market), which is how the graph names it.
"""

from __future__ import annotations

from sqlalchemy import SmallInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from domain.infra.columns import identity, reference, words


class Market(SQLModel, table=True):
    """Something that can be bet on, by canonical key."""

    __tablename__ = "market"

    id: int | None = identity()
    key: str = words(unique=True)
    kind: str = words()
    line: float | None = None
    period: str = words()


class Selection(SQLModel, table=True):
    """One outcome of a market; `position` is its customary order."""

    __tablename__ = "selection"
    __table_args__ = (UniqueConstraint("market_id", "key"),)

    id: int | None = identity()
    market_id: int = reference("market.id")
    key: str = words()
    position: int = Field(sa_type=SmallInteger)
