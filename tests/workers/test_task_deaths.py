"""A worker that is killed in the middle of an import, and the one that follows."""

from __future__ import annotations

import asyncio

from dramatiq.brokers.redis import RedisBroker

from domain.bets.importing.service import ask_for_import, checked_file
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import WAITING, Message
from tests.bettors import make_bankroll
from tests.people import person
from tests.workers.conftest import Starter, until
from tests.workers.desk import lines
from workers.relay import relay, send_again

COUNT = 6000


async def test_a_killed_import_is_finished_by_another_worker(
    database: Database, broker: RedisBroker, start: Starter
) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann, deposit=0)
    async with database.transaction() as session:
        connection = await connection_of(session)
        body = checked_file(lines(COUNT), {})
        await ask_for_import(connection, ann, bankroll, body, {}, is_dry_run=False, machine=machine_now())
    assert await relay(database, broker) == 1

    async def has_begun() -> bool:
        return bool(await database.pool.fetchval("select completed_count > 0 from task"))

    async def has_ended() -> bool:
        return bool(await database.pool.fetchval("select finished_at is not null from task"))

    killed = start("worker")
    await until(has_begun, seconds=60)
    killed.kill()
    await asyncio.to_thread(killed.wait)
    assert not await has_ended()
    start("worker")
    job = await database.pool.fetchrow("select id, name, arguments from job where name = 'run_task'")
    assert job is not None
    await send_again(database, broker, [Message(**job)], WAITING)  # as the relay does when it hears nothing for long
    await until(has_ended, seconds=60)
    task = await database.pool.fetchrow("select status, completed_count, failure_count, result, error from task")
    assert task is not None
    assert (task["status"], task["completed_count"], task["failure_count"]) == ("SUCCEEDED", COUNT, 0), task["error"]
    assert (task["result"]["recordedCount"], task["result"]["alreadyThereCount"]) == (COUNT, 0)
    assert await database.pool.fetchval("select count(*) from bet") == COUNT
    assert await database.pool.fetchval("select balance from bankroll") == COUNT * 1000
    assert await database.pool.fetchval("select status from job where name = 'run_task'") == "DONE"
