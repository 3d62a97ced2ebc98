"""Tasks: made with their job, moved on in batches, ended once, kept for a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.tasks import queries, service
from domain.tasks.service import MOST_FAILURES, Failure, FileName, Kind, Overtaken, Step
from tests.people import person

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
FILE = FileName("bets.csv", "text/csv; charset=utf-8")


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with database.transaction() as session:
        yield await connection_of(session)


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database)


async def make(database: Database, account: int, body: bytes | None = b"a,b") -> int:
    async with writing(database) as connection:
        return await service.create(connection, account, Kind.IMPORT, {"n": 1}, body, machine=AT)


async def row(database: Database, task_id: int) -> dict[str, Any]:
    found = await database.pool.fetchrow("select * from task where id = $1", task_id)
    assert found is not None
    return dict(found)


async def files(database: Database) -> list[tuple[str, int]]:
    rows = await database.pool.fetch("select role, part from task_file order by task_id, role, part")
    return [(each["role"], each["part"]) for each in rows]


async def test_a_task_and_the_request_for_its_job_are_one_transaction(database: Database, ann: int) -> None:

    async def make_and_fail() -> None:
        async with writing(database) as connection:
            await service.create(connection, ann, Kind.IMPORT, {}, b"x", machine=AT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make_and_fail()
    assert await database.pool.fetchval("select count(*) from outbox") == 0
    assert await files(database) == []
    task = await make(database, ann)
    assert await database.pool.fetchval("select arguments from outbox where job = 'run_task'") == {"task_id": task}
    found = await row(database, task)
    assert (found["status"], found["arguments"], found["revision"]) == ("QUEUED", {"n": 1}, 0)
    assert await service.read_input(database.pool, task) == b"a,b"


async def test_three_may_be_unfinished_however_many_ask_at_once(database: Database, ann: int) -> None:
    bob = await person(database, email="bob@example.com")
    asked = await asyncio.gather(*(make(database, ann) for _ in range(6)), return_exceptions=True)
    refused = [each for each in asked if isinstance(each, Invalid)]
    tasks = [each for each in asked if isinstance(each, int)]
    assert (len(tasks), len(refused)) == (3, 3)
    assert refused[0].field == "input"
    assert "3 of your jobs" in refused[0].message
    await make(database, bob)
    async with writing(database) as connection:
        await service.cancel(connection, ann, tasks[0], machine=AT)
    await make(database, ann)


async def test_a_task_goes_on_in_batches_and_counts_its_changes(database: Database, ann: int) -> None:
    task = await make(database, ann)
    revisions: list[int | None] = []
    async with writing(database) as connection:
        begun = await service.begin(connection, task, machine=AT)
        assert begun is not None
        assert (begun.account_id, begun.kind, begun.arguments, begun.completed_count) == (ann, "IMPORT", {"n": 1}, 0)
    revisions.append(await queries.revision(database.pool, task))
    async with writing(database) as connection:
        await service.enter(connection, task, "Recording", total=10)
    revisions.append(await queries.revision(database.pool, task))
    async with writing(database) as connection:
        assert await service.hold(connection, task, 0)
        await service.advance(connection, task, Step(4, [Failure(3, "no")], {"recorded": 3}))
    revisions.append(await queries.revision(database.pool, task))
    async with writing(database) as connection:
        again = await service.begin(connection, task, machine=AT + timedelta(minutes=1))
        assert again is not None
        assert (again.completed_count, again.failure_count, again.result) == (4, 1, {"recorded": 3})
    found = await row(database, task)
    assert (found["status"], found["stage"], found["total_count"]) == ("RUNNING", "Recording", 10)
    assert (found["failures"], found["started_at"]) == ([{"line": 3, "message": "no"}], AT)
    async with writing(database) as connection:
        assert await service.finish(connection, task, {"recorded": 9}, machine=AT)
        assert not await service.finish(connection, task, {"recorded": 0}, machine=AT)
        assert not await service.fail(connection, task, "too late", machine=AT)
        assert await service.begin(connection, task, machine=AT) is None
    found = await row(database, task)
    assert (found["status"], found["result"], found["finished_at"]) == ("PARTIAL", {"recorded": 9}, AT)
    assert revisions == [1, 2, 3]
    assert await files(database) == []


async def test_the_first_thousand_failures_are_kept_and_all_are_counted(database: Database, ann: int) -> None:
    task = await make(database, ann)
    async with writing(database) as connection:
        await service.begin(connection, task, machine=AT)
        for first in range(0, 1500, 300):
            failures = [Failure(line, "bad") for line in range(first, first + 300)]
            await service.advance(connection, task, Step(first + 300, failures))
    found = await row(database, task)
    assert found["failure_count"] == 1500
    assert [each["line"] for each in found["failures"]] == list(range(MOST_FAILURES))


async def test_a_batch_that_another_worker_did_is_not_done_again(database: Database, ann: int) -> None:
    task = await make(database, ann)
    async with writing(database) as connection:
        await service.begin(connection, task, machine=AT)

    async def batch() -> str:
        async with writing(database) as connection:
            try:
                held = await service.hold(connection, task, 0)
            except Overtaken:
                return "overtaken"
            await asyncio.sleep(0.02)
            await service.advance(connection, task, Step(5))
            return str(held)

    assert sorted(await asyncio.gather(*(batch() for _ in range(3)))) == ["True", "overtaken", "overtaken"]
    assert (await row(database, task))["completed_count"] == 5


async def test_one_run_waits_for_the_end_of_another(database: Database) -> None:
    order: list[str] = []

    async def run(name: str) -> None:
        async with database.pool.acquire() as connection, service.alone(connection, 1):
            order.append(f"{name} begins")
            await asyncio.sleep(0.02)
            order.append(f"{name} ends")

    await asyncio.gather(run("a"), run("b"))
    assert order in (["a begins", "a ends", "b begins", "b ends"], ["b begins", "b ends", "a begins", "a ends"])
    pool = database.pool
    async with pool.acquire() as one, pool.acquire() as other, service.alone(one, 1), service.alone(other, 2):
        order.append("two tasks at once")


async def test_a_cancellation_waits_for_the_batch_in_hand_and_nothing_follows(database: Database, ann: int) -> None:
    task = await make(database, ann)
    async with writing(database) as connection:
        await service.begin(connection, task, machine=AT)
    is_held = asyncio.Event()

    async def batch() -> None:
        async with writing(database) as connection:
            assert await service.hold(connection, task, 0)
            is_held.set()
            await asyncio.sleep(0.05)
            await service.advance(connection, task, Step(5, result={"recorded": 5}))

    async def cancel() -> None:
        await is_held.wait()
        async with writing(database) as connection:
            await service.cancel(connection, ann, task, machine=AT)

    await asyncio.gather(batch(), cancel())
    found = await row(database, task)
    assert (found["status"], found["completed_count"], found["result"]) == ("CANCELED", 5, {"recorded": 5})
    async with writing(database) as connection:
        assert not await service.hold(connection, task, 5)
        await service.cancel(connection, ann, task, machine=AT)
    assert (await row(database, task))["revision"] == found["revision"]
    assert await files(database) == []


async def test_only_ones_own_unfinished_tasks_are_canceled(database: Database, ann: int) -> None:
    bob, task = await person(database, email="bob@example.com"), await make(database, ann)
    for account, missing in ((bob, task), (ann, task + 1)):
        with pytest.raises(NotFound):
            async with writing(database) as connection:
                await service.cancel(connection, account, missing, machine=AT)
    async with writing(database) as connection:
        assert await service.fail(connection, task, "It cannot be.", machine=AT)
    with pytest.raises(Conflict, match="has ended"):
        async with writing(database) as connection:
            await service.cancel(connection, ann, task, machine=AT)
    found = await row(database, task)
    assert (found["status"], found["error"]) == ("FAILED", "It cannot be.")


async def test_a_file_is_there_once_its_task_has_ended_well_and_for_a_day(database: Database, ann: int) -> None:
    task = await make(database, ann)
    async with writing(database) as connection:
        await service.begin(connection, task, machine=AT)
        await service.add_output(connection, task, 0, FILE, b"one\n", machine=AT)
        await service.add_output(connection, task, 1, FILE, b"two\n", machine=AT)
    assert await queries.output(database.pool, task, AT) is None
    async with writing(database) as connection:
        await service.finish(connection, task, {}, machine=AT)
    found = await queries.output(database.pool, task, AT)
    assert found is not None
    assert dict(found) == {"name": "bets.csv", "media_type": FILE.media_type, "parts": 2, "size": 8}
    assert [part async for part in queries.output_parts(database.pool, task, 2)] == [b"one\n", b"two\n"]
    [listed] = await queries.tasks(database.pool, [task], ann)
    assert listed["file_expires_at"] == AT + timedelta(hours=24)
    assert await queries.output(database.pool, task, AT + timedelta(hours=24)) is None


async def test_what_has_expired_is_purged(database: Database, ann: int) -> None:
    task = await make(database, ann)
    async with writing(database) as connection:
        assert await service.purge(connection, machine=AT + timedelta(hours=23)) == 0
        assert await service.purge(connection, machine=AT + timedelta(hours=24)) == 1
    assert await service.read_input(database.pool, task) is None


async def test_a_task_whose_job_was_given_up_is_given_up(database: Database, ann: int) -> None:
    dead, retrying = await make(database, ann), await make(database, ann)
    for job, task, status in (("a", dead, "DEAD"), ("b", retrying, "RETRYING")):
        await database.pool.execute(
            """insert into job (id, name, arguments, status, attempts, queued_at)
               values ($1, 'run_task', $2, $3, 12, now())""",
            job,
            {"task_id": task},
            status,
        )
    async with writing(database) as connection:
        assert await service.purge(connection, machine=AT) == 1
    assert [(await row(database, each))["status"] for each in (dead, retrying)] == ["FAILED", "QUEUED"]
    assert (await row(database, dead))["error"] == service.GIVEN_UP
    assert await service.read_input(database.pool, dead) is None


async def test_lists_are_of_one_account(database: Database, ann: int) -> None:
    bob, task = await person(database, email="bob@example.com"), await make(database, ann)
    assert [each["key"] for each in await queries.tasks(database.pool, [task], ann)] == [task]
    assert await queries.tasks(database.pool, [task], bob) == []
    assert await queries.task_counts(database.pool, [ann, bob]) == {ann: 1}
