"""The worker process itself: runs jobs, keeps what fails, stops clean."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

from dramatiq.brokers.redis import RedisBroker

from domain.infra.database import Database
from domain.infra.jobs import JobStatus, Message, dead_letters
from tests.workers.conftest import Starter, until
from workers.relay import send_again, send_new


async def _send(database: Database, broker: RedisBroker, *messages: Message) -> None:
    for message in messages:
        await send_new(database, broker, message)


async def _all(database: Database, status: str, ids: Sequence[str]) -> bool:
    count = await database.pool.fetchval(
        "select count(*) from job where status = $1 and id = any($2::text[])", status, list(ids)
    )
    return bool(count == len(ids))


async def test_jobs_run_fail_for_good_and_run_again(database: Database, broker: RedisBroker, start: Starter) -> None:
    start("worker")
    await _send(
        database,
        broker,
        Message("good", "nap", {"seconds": 0.01}),
        Message("impossible", "run_model", {"nonsense": True}),
        Message("unknown", "no_such_job", {}),
    )
    await until(lambda: _all(database, "DONE", ["good"]))
    await until(lambda: _all(database, "DEAD", ["unknown"]))

    async def is_retrying() -> bool:
        return bool(await database.pool.fetchval("select attempts > 1 from job where id = 'impossible'"))

    await until(is_retrying)
    await database.pool.execute("update job set status = 'DEAD' where id = 'impossible'")  # as after its last retry
    letters = await dead_letters(database.pool)
    assert {letter.id for letter in letters} == {"impossible", "unknown"}
    errors = await database.pool.fetch("select id, error from job where status = 'DEAD' order by id")
    assert "nonsense" in errors[0]["error"]
    assert errors[1]["error"] == "no job is called no_such_job"
    # An operator mends what was wrong and sends it again.
    await database.pool.execute("""update job set name = 'nap', arguments = '{"seconds": 0}' where status = 'DEAD'""")
    assert await send_again(database, broker, await dead_letters(database.pool), {JobStatus.DEAD}) == 2
    await until(lambda: _all(database, "DONE", ["impossible", "unknown"]))


async def test_a_worker_asked_to_stop_finishes_what_it_has_in_hand(
    database: Database, broker: RedisBroker, start: Starter
) -> None:
    process = start("worker")
    ids = [f"nap-{number}" for number in range(8)]
    await _send(database, broker, *(Message(id_, "nap", {"seconds": 0.6}) for id_ in ids))

    async def is_busy() -> bool:
        return bool(await database.pool.fetchval("select count(*) >= 4 from job where status = 'RUNNING'"))

    await until(is_busy)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert await asyncio.to_thread(process.wait, 12) == 0
    assert time.monotonic() - began < 6
    rows = await database.pool.fetch("select status, count(*) from job group by status")
    statuses = {row["status"]: row["count"] for row in rows}
    assert statuses["DONE"] >= 4
    assert "RUNNING" not in statuses
    start("worker")  # the others went back to their queue
    await until(lambda: _all(database, "DONE", ids))
    assert await database.pool.fetchval("select max(attempts) from job") == 1
