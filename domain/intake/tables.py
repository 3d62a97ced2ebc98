"""Feeds that play matches and prices against the clock: the simulated league, or files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from domain.infra.columns import document, instant, words


class Feed(SQLModel, table=True):
    """A source that is a function of match time; everything up to `position` has been recorded."""

    __tablename__ = "feed"

    name: str = words(primary_key=True)
    kind: str = words()
    """`simulator` or `files`."""
    settings: dict[str, Any] = document()
    position: datetime = instant()
    next_at: datetime | None = instant(nullable=True)
    """Match time of the next event; None when the feed has ended."""
