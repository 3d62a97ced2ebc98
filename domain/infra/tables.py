"""The deployment's own rows: its clock, its schedule, jobs and what must be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, words


class ClockTable(SQLModel, table=True):
    """One row: match time = match_anchor + (machine time - wall_anchor) * speed."""

    __tablename__ = "clock"
    __table_args__ = (
        CheckConstraint("id = 1", name="clock_is_one_row"),
        CheckConstraint("speed >= 0", name="clock_speed"),
    )

    id: int = Field(primary_key=True)
    wall_anchor: datetime = instant()
    match_anchor: datetime = instant()
    speed: float


class Schedule(SQLModel, table=True):
    """A recurring job: due at match time `due_at`, then every `every_seconds` of match time."""

    __tablename__ = "schedule"

    name: str = words(primary_key=True)
    every_seconds: float
    due_at: datetime = instant()
    last_sent_at: datetime | None = instant(nullable=True)


class Outbox(SQLModel, table=True):
    """A job to send, written in the transaction that makes it necessary.

    Rows with the same `dedupe_key` that were not sent yet are one row: bursts collapse.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_waiting_once",
            "dedupe_key",
            unique=True,
            postgresql_where=text("sent_at is null and dedupe_key is not null"),
        ),
        Index("outbox_waiting", "due_at", postgresql_where=text("sent_at is null")),
    )

    id: int | None = identity()
    job: str = words()
    """Name of the actor."""
    arguments: dict[str, Any] = document()
    dedupe_key: str | None = words(nullable=True)
    due_at: datetime = instant()
    """Machine time before which it is not sent."""
    created_at: datetime = instant()
    sent_at: datetime | None = instant(nullable=True)
    cause: dict[str, str] | None = document(nullable=True)
    """The request that made it necessary, and its span; see `domain.infra.logs.cause`."""


class Job(SQLModel, table=True):
    """One message to a worker and what became of it: QUEUED, RUNNING, RETRYING, DONE or DEAD.

    An actor sets DONE in the transaction of its effect, so that an effect happens once.
    """

    __tablename__ = "job"
    __table_args__ = (Index("job_by_status", "status", "queued_at"),)

    id: str = words(primary_key=True)
    name: str = words()
    arguments: dict[str, Any] = document()
    status: str = words()
    attempts: int = 0
    queued_at: datetime = instant()
    started_at: datetime | None = instant(nullable=True)
    finished_at: datetime | None = instant(nullable=True)
    result: dict[str, Any] | None = document(nullable=True)
    error: str | None = words(nullable=True)
    cause: dict[str, str] | None = document(nullable=True)
    """That of its outbox row."""
