"""Recurring jobs: when they are due, and that none overtakes itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.infra.database import Database, connection_of
from domain.infra.schedule import ask_due, next_due, next_event, put_schedule

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def _ask(database: Database, now: datetime) -> list[str]:
    async with database.transaction() as session:
        return await ask_due(await connection_of(session), now)


async def _due(database: Database) -> datetime:
    due: datetime = await database.pool.fetchval("select due_at from schedule")
    return due


def test_next_time_is_on_the_grid_after_now() -> None:
    assert next_due(NOON, HOUR, NOON - HOUR) == NOON
    assert next_due(NOON, HOUR, NOON) == NOON + HOUR
    assert next_due(NOON, HOUR, NOON + timedelta(minutes=59)) == NOON + HOUR
    assert next_due(NOON, HOUR, NOON + 100 * HOUR) == NOON + 101 * HOUR


async def test_what_was_missed_is_asked_for_once(database: Database) -> None:
    await put_schedule(database.pool, "retention", HOUR, NOON)
    assert await _ask(database, NOON - timedelta(seconds=1)) == []
    assert await _ask(database, NOON + 5 * HOUR) == ["retention"]
    assert await _ask(database, NOON + 5 * HOUR) == []
    assert await _due(database) == NOON + 6 * HOUR
    assert await database.pool.fetchval("select last_sent_at from schedule") == NOON + 5 * HOUR
    assert await database.pool.fetchval("select count(*) from outbox") == 1


async def test_a_run_that_still_waits_is_not_asked_for_again(database: Database) -> None:
    await put_schedule(database.pool, "retention", HOUR, NOON)
    assert await _ask(database, NOON) == ["retention"]
    assert await _ask(database, NOON + HOUR) == []
    await database.pool.execute("update outbox set sent_at = now()")
    await database.pool.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at)
           values ('outbox-1', 'retention', '{}', 'RUNNING', 1, now())"""
    )
    assert await _ask(database, NOON + 2 * HOUR) == []
    await database.pool.execute("update job set status = 'DEAD'")
    assert await _ask(database, NOON + 3 * HOUR) == ["retention"]


async def test_another_pace_keeps_the_sooner_time(database: Database) -> None:
    await put_schedule(database.pool, "retention", HOUR, NOON)
    await put_schedule(database.pool, "retention", 2 * HOUR, NOON + HOUR)
    assert await _due(database) == NOON
    await put_schedule(database.pool, "retention", HOUR, NOON - HOUR)
    assert await _due(database) == NOON - HOUR


async def test_next_event_is_the_sooner_of_feeds_and_schedule(database: Database) -> None:
    assert await next_event(database.pool) is None
    await put_schedule(database.pool, "retention", HOUR, NOON)
    assert await next_event(database.pool) is None  # the schedule alone moves no clock
    await database.pool.execute(
        "insert into feed (name, kind, settings, position, next_at) values ('one', 'files', '{}', $1, $2)",
        NOON - HOUR,
        NOON + HOUR,
    )
    assert await next_event(database.pool) == NOON
    await database.pool.execute("update feed set next_at = $1", NOON - HOUR)
    assert await next_event(database.pool) == NOON - HOUR
    await database.pool.execute("update feed set next_at = null")
    assert await next_event(database.pool) is None
