"""The scheduler: one leads, feeds and schedule are asked for in time, a stepped clock moves from event to event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from dramatiq.brokers.redis import RedisBroker

from domain.infra.clock import match_now, set_clock
from domain.infra.database import Database
from domain.infra.schedule import put_schedule
from domain.infra.settings import Settings
from tests.workers.conftest import Starter, until
from workers.scheduler import LEADER, Scheduler, run_scheduler, step_clock

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_scheduler(settings, stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


async def _leaders(database: Database) -> list[int]:
    """Server processes that hold this database's lock of the leader."""
    rows = await database.pool.fetch(
        """select pid from pg_locks where locktype = 'advisory' and objid = $1 and granted
             and database = (select oid from pg_database where datname = current_database())""",
        LEADER,
    )
    return [row["pid"] for row in rows]


async def _feed(database: Database, next_at: datetime | None) -> None:
    await database.pool.execute(
        """insert into feed (name, kind, settings, position, next_at) values ('one', 'files', '{}', $1, $2)
           on conflict (name) do update set next_at = $2""",
        NOON,
        next_at,
    )


async def _done(database: Database) -> None:
    """Everything that was asked for and sent is done."""
    await database.pool.execute("update outbox set sent_at = now() where sent_at is null")
    await database.pool.execute("update job set status = 'DONE'")


async def test_a_stepped_clock_waits_for_the_queue_and_never_passes_an_event(
    database: Database, broker: RedisBroker, settings: Settings
) -> None:
    await set_clock(database.pool, match=NOON, speed=0)
    await put_schedule(database.pool, "retention", 3 * HOUR, NOON + 3 * HOUR)
    assert not await step_clock(database)  # no feed
    await _feed(database, NOON + HOUR)
    assert await step_clock(database)
    assert await match_now(database.pool) == NOON + HOUR
    scheduler = Scheduler(database, broker)
    await scheduler.round()
    row = await database.pool.fetchrow("select name, arguments, status from job")
    assert tuple(row or ()) == ("tick_feed", {"name": "one"}, "QUEUED")
    for status in ("QUEUED", "RUNNING", "RETRYING"):
        await database.pool.execute("update job set status = $1", status)
        await scheduler.round()
        assert await match_now(database.pool) == NOON + HOUR
    await _feed(database, NOON + 7 * HOUR)
    await _done(database)
    await scheduler.round()
    assert await match_now(database.pool) == NOON + 3 * HOUR  # the schedule comes before the feed
    await scheduler.round()
    assert await database.pool.fetchval("select count(*) from job where name = 'retention'") == 1
    await _feed(database, None)
    await _done(database)
    await scheduler.round()
    assert await match_now(database.pool) == NOON + 3 * HOUR  # the feed has ended


async def test_a_running_clock_is_left_alone(database: Database) -> None:
    await set_clock(database.pool, match=NOON, speed=60)
    await _feed(database, NOON + HOUR)
    assert not await step_clock(database)


async def test_a_feed_is_asked_for_when_it_is_due_and_never_twice(
    database: Database, broker: RedisBroker, settings: Settings
) -> None:
    await set_clock(database.pool, match=NOON, speed=1)
    scheduler = Scheduler(database, broker)
    await _feed(database, NOON + HOUR)
    await scheduler.round()
    assert await database.pool.fetchval("select count(*) from outbox") == 0
    await _feed(database, NOON - HOUR)
    for _ in range(3):
        await scheduler.round()
    assert await database.pool.fetchval("select count(*) from outbox") == 1


async def test_a_second_scheduler_waits_and_takes_over(database: Database, settings: Settings, start: Starter) -> None:
    await set_clock(database.pool, match=NOON, speed=1)
    first = start("scheduler")

    async def leads() -> bool:
        return bool(await _leaders(database))

    async def is_sent() -> bool:
        return not await database.pool.fetchval("select exists (select 1 from outbox where sent_at is null)")

    async def ask() -> None:
        await database.pool.execute(
            "insert into outbox (job, arguments, due_at, created_at) values ('nap', '{}', now(), now())"
        )

    await until(leads)
    async with _running(settings):
        await ask()
        await until(is_sent)
        first.kill()
        first.wait()
        await ask()
        assert await until(is_sent) < 4


async def test_a_lost_connection_ends_leadership_and_it_is_sought_again(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await set_clock(database.pool, match=NOON, speed=1)

    async def leads() -> bool:
        return bool(await _leaders(database))

    async with _running(settings):
        await until(leads)
        (leader,) = await _leaders(database)
        await database.pool.fetchval("select pg_terminate_backend($1)", leader)

        async def leads_again() -> bool:
            leaders = await _leaders(database)
            return bool(leaders) and leader not in leaders

        await until(leads_again)
    assert "a server is away" in caplog.text
