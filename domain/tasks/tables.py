"""Long work that a person asked for: imports and exports with their progress and files. Machine time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, reference, words


class Task(SQLModel, table=True):
    """A job as its owner sees it: QUEUED, RUNNING, SUCCEEDED, PARTIAL, FAILED or CANCELED."""

    __tablename__ = "task"
    __table_args__ = (Index("task_of_account", "account_id", "id"),)

    id: int | None = identity()
    account_id: int = reference("account.id")
    kind: str = words()
    """IMPORT, EXPORT or SIMULATION."""
    status: str = words()
    arguments: dict[str, Any] = document()
    stage: str | None = words(nullable=True)
    completed_count: int = 0
    total_count: int | None = None
    failures: list[dict[str, Any]] = document()
    """`{"line": 12, "message": "…"}` each; at most `service.MOST_FAILURES`."""
    failure_count: int = 0
    result: dict[str, Any] | None = document(nullable=True)
    error: str | None = words(nullable=True)
    created_at: datetime = instant()
    started_at: datetime | None = instant(nullable=True)
    finished_at: datetime | None = instant(nullable=True)
    revision: int = 0
    """Counts changes, so that who watches sees each state once."""


class TaskFile(SQLModel, table=True):
    """A part of what a task reads (INPUT) or made (OUTPUT); the file is its parts in order."""

    __tablename__ = "task_file"

    task_id: int = reference("task.id", primary_key=True)
    role: str = words(primary_key=True)
    part: int = Field(default=0, primary_key=True)
    name: str = words()
    media_type: str = words()
    body: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = instant()
