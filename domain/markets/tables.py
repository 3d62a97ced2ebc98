"""Markets and their selections: a dictionary shared by all matches.

`total_goals:2.5:ft` is one row for every match that anybody prices it for. A market *of a match* is
the pair (match, market), which is how the graph names it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, SmallInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, labels, reference, words


class Market(SQLModel, table=True):
    """Something that can be bet on, by canonical key."""

    __tablename__ = "market"

    id: int | None = identity()
    key: str = words(unique=True)
    kind: str = words()
    """A `touchline.Kind`, or the key of a `MarketKind`."""
    line: float | None = None
    period: str = words()


class MarketKind(SQLModel, table=True):
    """A plugin's own market, by which lines it has and what its outcomes are; `market.kind` of its lines is its key."""

    __tablename__ = "market_kind"

    key: str = words(primary_key=True)
    plugin_key: str = words()
    title: str = words()
    """`{line}` stands for the line."""
    outcomes: list[str] = labels()
    """In their customary order."""
    lines: str = words()
    """One of `touchline.Lines`."""


class MarketResult(SQLModel, table=True):
    """What a plugin said became of one of its markets in a match, by the facts of that time. Append-only."""

    __tablename__ = "market_result"
    __table_args__ = (UniqueConstraint("match_id", "market_id", "revision"),)

    id: int | None = identity()
    match_id: int = reference("match.id")
    market_id: int = reference("market.id", index=True)
    revision: int = Field(sa_type=SmallInteger)
    """From 1; corrected facts, and another answer, add one."""
    facts: dict[str, Any] = document()
    """What is known of the match, by the names of `touchline.Facts`: what the answer rests on."""
    results: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    """One `touchline.BetResult` for each outcome; None where the facts do not say."""
    sentences: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    """Why, one sentence for each outcome."""
    reason: str | None = words(nullable=True)
    """Why there are no results."""
    plugin_version: str = words()
    settled_at: datetime = instant()
    """Match time."""
    job_id: str = words()


class Selection(SQLModel, table=True):
    """One outcome of a market; `position` is its customary order."""

    __tablename__ = "selection"
    __table_args__ = (UniqueConstraint("market_id", "key"),)

    id: int | None = identity()
    market_id: int = reference("market.id")
    key: str = words()
    position: int = Field(sa_type=SmallInteger)
