"""Jobs that people asked for: imports of bets and exports, with their progress, and the files they made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry

from api.batch import batch, derived, live
from api.files import address_of
from api.nodes import Node, key_of
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, read_page
from api.rows import Rows, in_order, rows_of
from api.scalars import described
from domain.accounts.desk import Desk
from domain.accounts.people import Viewer
from domain.infra.errors import NotFound
from domain.infra.news import News, task_topic
from domain.tasks import queries
from domain.tasks.service import UNFINISHED, Kind, Status

if TYPE_CHECKING:
    from api.accounts import User

JOB_ORDER = Order("jobs", queries.NEWEST.sql, "t.id", is_descending=True)
NO_JOB = "there is no such job among yours"

JobKind = Kind
described(
    "Kinds of job.",
    name="JobKind",
    IMPORT="Import bets.",
    EXPORT="Export data.",
    SIMULATION="Simulate a final table.",
)(Kind)

JobStatus = Status
described(
    "States of a job.",
    name="JobStatus",
    QUEUED="Waiting.",
    RUNNING="Running.",
    SUCCEEDED="Done.",
    PARTIAL="Done, some steps failed.",
    FAILED="Failed.",
    CANCELED="Stopped by the user.",
)(Status)


@strawberry.type(description="A failed step of a job.")
class JobFailure:
    line: int = strawberry.field(description="Line of the file, from 1.")
    message: str = strawberry.field(description="Reason.")


@strawberry.type(description="A piece of background work with progress. Nobody sees it but who asked for it.")
class Job(Node):
    key: strawberry.Private[int]
    failures_json: strawberry.Private[str]
    result_json: strawberry.Private[str | None]
    file_expires_at: strawberry.Private[datetime | None]
    revision: strawberry.Private[int]
    kind: JobKind = strawberry.field(description="Kind.")
    status: JobStatus = strawberry.field(description="Status.")
    stage: str | None = strawberry.field(description="What it does now, for a progress bar.")
    completed_count: int = strawberry.field(description="Steps done, count.")
    total_count: int | None = strawberry.field(description="Steps in all, count; null while unknown.")
    failure_count: int = strawberry.field(description="Steps that failed, count.")
    error: str | None = strawberry.field(description="Why it failed.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Job | None]:
        if db.account_id is None:
            return [None] * len(keys)
        found = rows_of(cls, await queries.tasks(db, keys, db.account_id))
        return in_order(keys, found, lambda job: job.key)

    @derived
    def progress(self) -> float:
        """Done, fraction."""
        if self.status in (Status.SUCCEEDED, Status.PARTIAL):
            return 1.0
        return min(1.0, self.completed_count / self.total_count) if self.total_count else 0.0

    @derived
    def failures(self) -> list[JobFailure]:
        """The first 1,000 steps that failed, with the reason; the rest still counts."""
        return [JobFailure(line=each["line"], message=each["message"]) for each in orjson.loads(self.failures_json)]

    @derived
    def result(self) -> strawberry.scalars.JSON | None:
        """What it came to; of an import how the file was understood, counts and totals, also while it runs."""
        return None if self.result_json is None else orjson.loads(self.result_json)

    @batch
    @staticmethod
    async def eta_seconds(jobs: Sequence[Job], machine: datetime) -> list[float | None]:
        """Seconds left, estimated from the steps so far; null unless it runs."""
        return [_seconds_left(job, machine) for job in jobs]

    @batch
    @staticmethod
    async def download_url(jobs: Sequence[Job], desk: Desk, viewer: Viewer, machine: datetime) -> list[str | None]:
        """Address of the result file at this API, for exports; whoever has it can fetch the file. Ends after 24
        hours."""
        del viewer  # a job is known to nobody else
        return [
            None
            if job.file_expires_at is None or job.file_expires_at <= machine
            else address_of(desk.vault, job.key, job.file_expires_at)
            for job in jobs
        ]


def _seconds_left(job: Job, machine: datetime) -> float | None:
    if job.status != Status.RUNNING or job.started_at is None or not job.completed_count or job.total_count is None:
        return None
    spent = (machine - job.started_at).total_seconds()
    return max(0.0, spent / job.completed_count * (job.total_count - job.completed_count))


@strawberry.type(description="A page of jobs.")
class JobConnection(Connection[Job]):
    pass


async def job(
    db: Rows, viewer: Viewer, id: Annotated[strawberry.ID, strawberry.argument(description="ID.")]
) -> Job | None:
    """A job of the viewer; null when there is none of this ID."""
    del viewer  # `db` answers only theirs
    return (await db.find(Job, [key_of("Job", id)]))[0]


async def user_jobs(
    users: Sequence[User],
    db: Rows,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[JobConnection]:
    """Imports and exports the user asked for, newest first."""
    page, keys = read_page(JOB_ORDER, first, after, last, before), [user.key for user in users]
    rows = rows_of(Job, await queries.task_page(db, keys, page))
    return connect_each(JobConnection, page, keys, rows, Counts(partial(queries.task_counts, account_ids=keys)))


@live
async def job_progressed(
    db: Rows,
    viewer: Viewer,
    news: News,
    id: Annotated[strawberry.ID, strawberry.argument(description="Job.")],
) -> AsyncGenerator[Job, None]:
    """A job of the viewer as it is now, then each time that it has changed; ends with the job."""
    key = key_of("Job", id)
    shown = await _own(db, viewer, key)
    if key is None or shown is None:
        raise NotFound(f"id: {NO_JOB}", field="id")
    rounds: Any = news.rounds(task_topic(key))
    revision = -1
    try:
        async for _ in rounds:
            shown = await _own(db, viewer, key)
            if shown is not None and shown.revision != revision:
                revision = shown.revision
                yield shown
            if shown is None or shown.status not in UNFINISHED:
                return
    finally:
        await rounds.aclose()


async def _own(db: Rows, viewer: Viewer, key: int | None) -> Job | None:
    """A job as it stands, read anew."""
    rows = [] if key is None else await queries.tasks(db, [key], viewer.account_id)
    return rows_of(Job, rows)[0] if rows else None
