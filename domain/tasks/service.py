"""Tasks: made together with their job, moved on in batches, ended once. All instants are machine time.

QUEUED → RUNNING → SUCCEEDED, PARTIAL (some lines failed) or FAILED; CANCELED from the first two. Each batch is
one transaction: it holds the task, has its effect, and writes how far it came. So a worker that dies leaves a
task that goes on where it was, and after a cancellation nothing more happens. Whoever commits tells
`news.task_topic(id)` afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import asyncpg
import orjson

from domain.infra.database import Reader
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.infra.outbox import Request, ask

MOST_UNFINISHED = 3
"""Tasks of one account that wait or run."""
MOST_FAILURES = 1000
"""Failures that are kept with their words; all are counted."""
KEPT = timedelta(hours=24)
"""How long a file can be fetched, and how long one waits that was never worked on."""


class Kind(StrEnum):
    """What a task is."""

    IMPORT = "IMPORT"
    EXPORT = "EXPORT"
    SIMULATION = "SIMULATION"

    @property
    def job(self) -> str:
        """The job that does it. A simulation may fit a model: it goes where nothing short waits behind it."""
        return "run_simulation" if self is Kind.SIMULATION else "run_task"


class Status(StrEnum):
    """Where a task stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    """Done, and some of its lines failed."""
    FAILED = "FAILED"
    CANCELED = "CANCELED"


UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})


@dataclass(frozen=True, slots=True)
class Running:
    """A task that a worker has begun, or begun again."""

    id: int
    account_id: int
    kind: Kind
    arguments: dict[str, Any]
    completed_count: int
    """Steps done by an earlier run that did not come to its end."""
    failure_count: int
    result: dict[str, Any] | None
    """What the earlier run had come to."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed; `line` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch did."""

    completed_count: int
    """Steps done in all, this batch included."""
    failures: Sequence[Failure] = ()
    result: Mapping[str, Any] | None = None
    """What the task has come to so far; None leaves what stands."""


async def create(
    connection: asyncpg.Connection,
    account_id: int,
    kind: Kind,
    arguments: Mapping[str, Any],
    body: bytes | None = None,
    *,
    machine: datetime,
) -> int:
    """A task with what it reads, and the request for its job; answers its id.

    Raises Invalid where the account has three that have not ended.
    """
    await connection.execute("select from account where id = $1 for no key update", account_id)
    unfinished = await connection.fetchval(
        "select count(*) from task where account_id = $1 and status = any($2::text[])", account_id, list(UNFINISHED)
    )
    if unfinished >= MOST_UNFINISHED:
        raise Invalid("input", f"{unfinished} of your jobs have not ended: wait for one of them, or cancel it")
    task_id: int = await connection.fetchval(
        """insert into task (account_id, kind, status, arguments, completed_count, failures, failure_count, created_at,
               revision)
           values ($1, $2, 'QUEUED', $3::text::jsonb, 0, '[]', 0, $4, 0) returning id""",
        account_id,
        kind,
        orjson.dumps(arguments).decode(),
        machine,
    )
    if body is not None:
        await _add_part(connection, task_id, "INPUT", 0, ("input", "text/csv"), body, machine)
    await ask(connection, [Request(kind.job, {"task_id": task_id})])
    return task_id


async def begin(connection: asyncpg.Connection, task_id: int, *, machine: datetime) -> Running | None:
    """Take a task up, the first time or again; None where it has ended or is gone."""
    row = await connection.fetchrow(
        """update task set status = 'RUNNING', started_at = coalesce(started_at, $2), revision = revision + 1
           where id = $1 and status in ('QUEUED', 'RUNNING')
           returning id, account_id, kind, arguments::text, completed_count, failure_count, result::text, created_at""",
        task_id,
        machine,
    )
    if row is None:
        return None
    return Running(
        id=row["id"],
        account_id=row["account_id"],
        kind=Kind(row["kind"]),
        arguments=orjson.loads(row["arguments"]),
        completed_count=row["completed_count"],
        failure_count=row["failure_count"],
        result=None if row["result"] is None else orjson.loads(row["result"]),
        created_at=row["created_at"],
    )


async def enter(
    connection: asyncpg.Connection, task_id: int, stage: str, *, total: int | None = None, restart: bool = False
) -> None:
    """Say what a running task does now, and of how many steps; `restart` counts them from 0 again."""
    await connection.execute(
        """update task set stage = $2, total_count = coalesce($3, total_count), revision = revision + 1,
               completed_count = case when $4 then 0 else completed_count end
           where id = $1 and status = 'RUNNING'""",
        task_id,
        stage,
        total,
        restart,
    )


class Overtaken(RuntimeError):
    """Another worker, who took this one for dead, has come further with a task."""


async def hold(connection: asyncpg.Connection, task_id: int, completed: int) -> bool:
    """Lock a task for the batch behind `completed` steps; False where it was canceled or is gone.

    Raises Overtaken where another worker has done the batch.
    """
    row = await connection.fetchrow("select status, completed_count from task where id = $1 for no key update", task_id)
    if row is None or row["status"] != Status.RUNNING:
        return False
    if row["completed_count"] != completed:
        raise Overtaken(f"task {task_id} is at {row['completed_count']} and this run at {completed}")
    return True


async def advance(connection: asyncpg.Connection, task_id: int, step: Step) -> None:
    """Write what a batch did, in its transaction, under the lock of `hold`."""
    count = await connection.fetchval("select failure_count from task where id = $1", task_id)
    kept = step.failures[: max(0, MOST_FAILURES - count)]
    await connection.execute(
        """update task set completed_count = $2, failures = failures || $3::text::jsonb,
               failure_count = failure_count + $4, result = coalesce($5::text::jsonb, result), revision = revision + 1
           where id = $1""",
        task_id,
        step.completed_count,
        orjson.dumps(kept).decode(),
        len(step.failures),
        None if step.result is None else orjson.dumps(step.result).decode(),
    )


async def finish(connection: asyncpg.Connection, task_id: int, result: Mapping[str, Any], *, machine: datetime) -> bool:
    """End a running task well, PARTIAL where steps failed; False where it no longer runs."""
    ended = await connection.fetchval(
        """update task set status = case when failure_count > 0 then 'PARTIAL' else 'SUCCEEDED' end, stage = null,
               result = $2::text::jsonb, finished_at = $3, revision = revision + 1
           where id = $1 and status = 'RUNNING' returning true""",
        task_id,
        orjson.dumps(result).decode(),
        machine,
    )
    await _drop(connection, [task_id], "INPUT")
    return bool(ended)


async def fail(connection: asyncpg.Connection, task_id: int, error: str, *, machine: datetime) -> bool:
    """End a task that cannot go on, with a sentence for its owner; False where it had ended."""
    failed = await connection.fetchval(
        """update task set status = 'FAILED', stage = null, error = $2, finished_at = $3, revision = revision + 1
           where id = $1 and status in ('QUEUED', 'RUNNING') returning true""",
        task_id,
        error,
        machine,
    )
    await _drop(connection, [task_id], "INPUT", "OUTPUT")
    return bool(failed)


@asynccontextmanager
async def alone(connection: Reader, task_id: int) -> AsyncIterator[None]:
    """One run of a task at a time, over all processes: waits for another one's end.

    PostgreSQL frees the lock with the connection, so a worker that dies keeps nobody waiting.
    """
    key = await connection.fetchval(
        "select hashtextextended($1, 0) from (select pg_advisory_lock(hashtextextended($1, 0))) l", f"task:{task_id}"
    )
    try:
        yield
    finally:
        await connection.fetchval("select pg_advisory_unlock($1)", key)


async def cancel(connection: asyncpg.Connection, account_id: int, task_id: int, *, machine: datetime) -> None:
    """Stop a task; what it did stays. Waits for the batch in hand, after which nothing more happens.

    Canceling twice is canceling once. Raises NotFound where it is not the account's, Conflict where it has ended.
    """
    status = await connection.fetchval(
        "select status from task where id = $1 and account_id = $2 for no key update", task_id, account_id
    )
    if status is None:
        raise NotFound("there is no such job among yours", field="input.id")
    if status == Status.CANCELED:
        return
    if status not in UNFINISHED:
        raise Conflict("the job has ended and cannot be canceled", field="input.id")
    await connection.execute(
        """update task set status = 'CANCELED', stage = null, finished_at = $2, revision = revision + 1
           where id = $1""",
        task_id,
        machine,
    )
    await _drop(connection, [task_id], "INPUT", "OUTPUT")


async def read_input(reader: Reader, task_id: int) -> bytes | None:
    """What a task was given to read; None where it is gone."""
    body: bytes | None = await reader.fetchval(
        "select body from task_file where task_id = $1 and role = 'INPUT' and part = 0", task_id
    )
    return body


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file is called, and its media type."""

    name: str
    media_type: str


async def add_output(
    connection: asyncpg.Connection, task_id: int, part: int, file: FileName, body: bytes, *, machine: datetime
) -> None:
    """The next part of what a task makes; it can be fetched for 24 hours, once the task has ended well."""
    await _add_part(connection, task_id, "OUTPUT", part, (file.name, file.media_type), body, machine)


async def drop_output(connection: asyncpg.Connection, task_id: int) -> None:
    """Take away what an earlier run had made."""
    await _drop(connection, [task_id], "OUTPUT")


async def purge(connection: asyncpg.Connection, *, machine: datetime) -> int:
    """Delete files that have expired, and give up tasks whose job was; answers how many of both."""
    files = await connection.fetch("delete from task_file where expires_at <= $1 returning 1", machine)
    given_up = await connection.fetch(
        """update task set status = 'FAILED', stage = null, finished_at = $1, revision = revision + 1, error = $2
           where status in ('QUEUED', 'RUNNING') and exists (
             select from job where name = any($3::text[]) and status = 'DEAD'
               and (arguments->>'task_id')::bigint = task.id)
           returning id""",
        machine,
        GIVEN_UP,
        sorted({kind.job for kind in Kind}),
    )
    await _drop(connection, [row["id"] for row in given_up], "INPUT", "OUTPUT")
    return len(files) + len(given_up)


GIVEN_UP = "Something unexpected went wrong, several times. Nothing more happens by itself: please try again."
"""What the owner reads of a fault that is nobody's but ours."""


async def _add_part(
    connection: asyncpg.Connection,
    task_id: int,
    role: str,
    part: int,
    file: tuple[str, str],
    body: bytes,
    machine: datetime,
) -> None:
    name, media_type = file
    await connection.execute(
        """insert into task_file (task_id, role, part, name, media_type, body, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        task_id,
        role,
        part,
        name,
        media_type,
        body,
        machine + KEPT,
    )


async def _drop(connection: asyncpg.Connection, task_ids: Sequence[int], *roles: str) -> None:
    await connection.execute(
        "delete from task_file where task_id = any($1::bigint[]) and role = any($2::text[])", list(task_ids), roles
    )
