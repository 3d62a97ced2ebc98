"""Reads of tasks and of the files they made. Machine time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window

TASK = """t.id as key, t.account_id, t.kind, t.status, t.stage, t.completed_count, t.total_count,
    t.failures::text as failures_json, t.failure_count, t.result::text as result_json, t.error, t.created_at,
    t.started_at, t.finished_at, t.revision,
    (select max(f.expires_at) from task_file f where f.task_id = t.id and f.role = 'OUTPUT'
     and t.status in ('SUCCEEDED', 'PARTIAL')) as file_expires_at"""

NEWEST = SortKey("t.id")


async def tasks(db: Reader, ids: Sequence[int], account_id: int) -> list[Record]:
    """Tasks of an account by id; those of others are left out."""
    return await db.fetch(
        f"select {TASK} from task t where t.id = any($1::bigint[]) and t.account_id = $2", list(ids), account_id
    )


async def revision(db: Reader, task_id: int) -> int | None:
    """How often a task has changed; None when it is gone."""
    found: int | None = await db.fetchval("select revision from task where id = $1", task_id)
    return found


async def task_page(db: Reader, account_ids: Sequence[int], window: Window) -> list[Record]:
    """A page of each account's tasks, newest first, with `owner`."""
    condition, ordering, arguments = Where(list(account_ids)).paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {TASK}, {NEWEST.sql} as sort_key from task t
              where t.account_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def task_counts(db: Reader, account_ids: Sequence[int]) -> dict[int, int]:
    """How many tasks each account has; one without any is missing."""
    rows = await db.fetch(
        "select account_id, count(*) from task where account_id = any($1::bigint[]) group by 1", list(account_ids)
    )
    return {row[0]: row[1] for row in rows}


async def output(db: Reader, task_id: int, machine: datetime) -> Record | None:
    """Name, media type, parts and size in bytes of a finished task's file; None where it has expired."""
    return await db.fetchrow(
        """select min(f.name) as name, min(f.media_type) as media_type, count(*)::int as parts,
               sum(length(f.body))::bigint as size
           from task_file f join task t on t.id = f.task_id
           where f.task_id = $1 and f.role = 'OUTPUT' and f.expires_at > $2 and t.status in ('SUCCEEDED', 'PARTIAL')
           having count(*) > 0""",
        task_id,
        machine,
    )


async def output_parts(db: Reader, task_id: int, parts: int) -> AsyncIterator[bytes]:
    """The parts of a task's file, one at a time; raises LookupError where it expires meanwhile."""
    for part in range(parts):
        body: bytes | None = await db.fetchval(
            "select body from task_file where task_id = $1 and role = 'OUTPUT' and part = $2", task_id, part
        )
        if body is None:
            raise LookupError(f"part {part} of the file of task {task_id} is gone")
        yield body
