"""The job table: a message delivered twice has one effect, and what fails for good is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest
import redis
from sqlalchemy.exc import DBAPIError

from domain.infra import jobs
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import MOST_STARTS, WAITING, JobStatus, Message
from workers.jobs import MOST_RETRIES, MOST_RETRIES_IN_OUTAGE, worth_another

NAP = Message("job-1", "nap", {"seconds": 0})


async def _status(database: Database, job_id: str = "job-1") -> tuple[str, int]:
    row = await database.pool.fetchrow("select status, attempts from job where id = $1", job_id)
    assert row is not None
    return row["status"], row["attempts"]


async def _queue(database: Database, *messages: Message) -> None:
    async with database.transaction() as session:
        await jobs.note_queued(await connection_of(session), messages)


async def test_a_job_goes_from_queued_to_done(database: Database) -> None:
    await _queue(database, NAP)
    assert await _status(database) == ("QUEUED", 0)
    assert await jobs.begin(database.pool, NAP)
    assert await _status(database) == ("RUNNING", 1)
    assert await jobs.finish(database.pool, "job-1", {"count": 3})
    assert await _status(database) == ("DONE", 1)
    assert await database.pool.fetchval("select result from job") == {"count": 3}
    assert await database.pool.fetchval("select arguments from job") == {"seconds": 0}


async def test_what_is_done_does_not_begin_or_finish_again(database: Database) -> None:
    assert await jobs.begin(database.pool, NAP)
    assert await jobs.finish(database.pool, "job-1", {"run": 1})
    assert not await jobs.begin(database.pool, NAP)
    assert not await jobs.finish(database.pool, "job-1", {"run": 2})
    await _queue(database, NAP)
    assert await _status(database) == ("DONE", 1)
    assert await database.pool.fetchval("select result from job") == {"run": 1}


async def test_of_many_runs_at_once_one_has_its_effect(database: Database) -> None:
    async def effect() -> bool:
        async with database.transaction() as session:
            connection = await connection_of(session)
            if not await jobs.finish(connection, "job-1"):
                return False
            await connection.execute(
                "insert into schedule (name, every_seconds, due_at) values (gen_random_uuid()::text, 1, now())"
            )
            return True

    assert sum(await asyncio.gather(*(effect() for _ in range(8)))) == 1
    assert await database.pool.fetchval("select count(*) from schedule") == 1


async def test_an_effect_that_fails_leaves_its_job_undone(database: Database) -> None:
    assert await jobs.begin(database.pool, NAP)

    async def effect() -> None:
        async with database.transaction() as session:
            assert await jobs.finish(await connection_of(session), "job-1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await effect()
    assert await _status(database) == ("RUNNING", 1)


@pytest.mark.parametrize("failures", [0, 3])
async def test_a_job_that_kills_every_worker_is_given_up(
    database: Database, caplog: pytest.LogCaptureFixture, failures: int
) -> None:
    for done in range(failures):
        assert await jobs.begin(database.pool, NAP, failures=done)
        await jobs.note_failure(database.pool, "job-1", "broken", dead=False)
    for _ in range(MOST_STARTS):
        assert await jobs.begin(database.pool, NAP, failures=failures)
    assert not caplog.records
    assert not await jobs.begin(database.pool, NAP, failures=failures)
    assert (await _status(database))[0] == "DEAD"
    assert "without an end" in await database.pool.fetchval("select error from job")
    assert not await jobs.begin(database.pool, NAP, failures=failures)
    [told] = caplog.records
    assert (told.levelname, told.getMessage()) == (
        "ERROR",
        f"nap was given up: it was started {MOST_STARTS + 1} times and never ended",
    )


async def test_an_outage_is_waited_for_as_long_as_promised(database: Database) -> None:
    for done in range(MOST_RETRIES_IN_OUTAGE):
        assert await jobs.begin(database.pool, NAP, failures=done)
        await jobs.note_failure(database.pool, "job-1", "the mail server is away", dead=False)
    for _ in range(2):  # the worker is killed at the last try, and another one makes it
        assert await jobs.begin(database.pool, NAP, failures=MOST_RETRIES_IN_OUTAGE)
    assert await _status(database) == ("RUNNING", MOST_RETRIES_IN_OUTAGE + 2)


async def test_what_is_sent_anew_counts_its_failures_anew(database: Database) -> None:
    for done in range(MOST_STARTS + 5):
        assert await jobs.begin(database.pool, NAP, failures=done)
        await jobs.note_failure(database.pool, "job-1", "the mail server is away", dead=False)
    async with database.transaction() as session:
        assert await jobs.queue_again(await connection_of(session), ["job-1"], WAITING) == {"job-1"}
    assert await jobs.begin(database.pool, NAP)
    assert await _status(database) == ("RUNNING", 1)


async def test_dead_letters_are_listed_and_queued_again(database: Database) -> None:
    await _queue(database, NAP, Message("job-2", "nap"))
    await jobs.begin(database.pool, NAP)
    await jobs.note_failure(database.pool, "job-1", "broken", dead=False)
    assert await _status(database) == ("RETRYING", 1)
    await jobs.note_failure(database.pool, "job-1", "broken", dead=True)
    assert await jobs.dead_letters(database.pool) == [NAP]
    assert await jobs.dead_letters(database.pool, ["job-2"]) == []
    assert not await jobs.begin(database.pool, NAP)
    async with database.transaction() as session:
        assert await jobs.queue_again(await connection_of(session), ["job-1"], {JobStatus.DEAD}) == {"job-1"}
    assert await _status(database) == ("QUEUED", 0)
    assert await jobs.begin(database.pool, NAP)


async def test_a_failure_does_not_undo_what_is_done(database: Database) -> None:
    await jobs.finish(database.pool, "job-1")
    await jobs.note_failure(database.pool, "job-1", "too late", dead=True)
    assert (await _status(database))[0] == "DONE"


async def test_a_failure_does_not_bring_back_what_was_given_up(database: Database) -> None:
    assert await jobs.begin(database.pool, NAP)
    await jobs.note_failure(database.pool, "job-1", "broken", dead=True)
    await jobs.note_failure(database.pool, "job-1", "the other one that had it in hand", dead=False)
    assert (await _status(database))[0] == "DEAD"
    assert await database.pool.fetchval("select error from job") == "broken"


async def test_the_done_are_forgotten_and_the_dead_kept(database: Database) -> None:
    await database.pool.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at, finished_at)
           values ('outbox-1', 'nap', '{}', 'DONE', 1, now(), now() - interval '2 hours'),
                  ('outbox-2', 'tick_feed', '{}', 'DONE', 1, now(), now() - interval '2 minutes'),
                  ('outbox-3', 'nap', '{}', 'DEAD', 1, now(), now() - interval '2 hours'),
                  ('outbox-4', 'nap', '{}', 'DONE', 1, now(), now())"""
    )
    await database.pool.execute(
        """insert into outbox (id, job, arguments, due_at, created_at, sent_at)
           select n, case n when 2 then 'tick_feed' else 'nap' end, '{}', now(), now(),
                  now() - case n when 4 then interval '0' when 2 then interval '2 minutes' else interval '2 hours' end
           from generate_series(1, 4) n"""
    )
    now = machine_now()
    hour_ago, minute_ago = now - timedelta(hours=1), now - timedelta(minutes=1)
    assert await jobs.forget_done(database.pool, before=hour_ago, ticks_before=minute_ago) == 2
    for table, column in (("job", "id"), ("outbox", "'outbox-' || id")):
        rows = await database.pool.fetch(f"select {column} as id from {table} order by 1")
        assert [row["id"] for row in rows] == ["outbox-3", "outbox-4"]


def test_retries_are_bounded_and_an_outage_is_waited_for() -> None:
    assert worth_another(MOST_RETRIES - 1, ValueError())
    assert not worth_another(MOST_RETRIES, ValueError())
    cut_off = DBAPIError("select 1", None, Exception())
    cut_off.__cause__ = asyncpg.ConnectionDoesNotExistError()
    assert not worth_another(MOST_RETRIES, DBAPIError("select 1", None, Exception()))
    for outage in (ConnectionRefusedError(), asyncpg.CannotConnectNowError(), redis.ConnectionError(), cut_off):
        assert worth_another(MOST_RETRIES, outage)
        assert not worth_another(MOST_RETRIES_IN_OUTAGE, outage)
