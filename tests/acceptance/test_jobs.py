"""Killing what runs the jobs: every one is done all the same, and its effect happens once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker

from domain.infra.database import Database, connection_of
from domain.infra.jobs import Message
from domain.infra.outbox import Request, ask
from domain.infra.settings import Settings, read_settings
from tests.small_league import SmallLeague, make_league
from workers.broker import NAMESPACE, open_broker
from workers.relay import send_new
from workers.stack.processes import environment_of

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]
JOBS = 40


@dataclass
class Drill:
    """A deployment whose processes are started and killed by hand."""

    settings: Settings
    database: Database
    broker: RedisBroker
    running: list[subprocess.Popen[bytes]]

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """`python -m workers.<name>`, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"workers.{name}"],
            cwd=ROOT,
            env=environment_of(self.settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    async def naps(self, count: int, seconds: float) -> None:
        """Queue jobs that sleep."""
        for number in range(count):
            await send_new(self.database, self.broker, Message(f"nap-{number}", "nap", {"seconds": seconds}))

    async def count(self, status: str) -> int:
        found: int = await self.database.pool.fetchval("select count(*) from job where status = $1", status)
        return found


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of a process group that `start` made."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> float:
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds, f"still not after {seconds:g} s"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def _all_killed(running: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in running:
            if process.poll() is None:
                kill(process)


@pytest.fixture
async def drill(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Drill]:
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    client = redis.Redis.from_url(redis_url)
    for key in client.scan_iter(f"{NAMESPACE}:*"):
        client.delete(key)
    running: list[subprocess.Popen[bytes]] = []
    with _all_killed(running):
        yield Drill(settings, database, open_broker(redis_url), running)


async def test_forty_jobs_survive_kill_9_of_their_worker(
    drill: Drill, record_property: Callable[[str, object], None]
) -> None:
    await drill.naps(JOBS, 0.3)
    first = drill.start("worker")

    async def half_way() -> bool:
        return await drill.count("RUNNING") >= 4 and await drill.count("DONE") >= 8

    await until(half_way, 20)
    kill(first)
    drill.start("worker")

    async def is_done() -> bool:
        return await drill.count("DONE") == JOBS

    seconds = await until(is_done, 20)
    twice = await drill.database.pool.fetchval("select count(*) from job where attempts > 1")
    record_property("seconds", round(seconds, 1))
    record_property("started twice", twice)
    assert twice >= 1  # some were in hand


async def test_effects_happen_once_however_often_workers_are_killed(drill: Drill, league: SmallLeague) -> None:
    for number in range(JOBS):
        async with drill.database.transaction() as session:
            match_id = league.coming[number % len(league.coming)]
            await ask(await connection_of(session), [Request("price_value", {"match_id": match_id})])
    drill.start("scheduler")
    for wanted in (8, 16, 24):
        worker = drill.start("worker")

        async def is_far_enough(wanted: int = wanted) -> bool:
            return await drill.count("DONE") >= wanted

        await until(is_far_enough, 30)
        kill(worker)
    drill.start("worker")

    async def is_done() -> bool:
        return await drill.count("DONE") == JOBS

    await until(is_done, 30)
    revisions = await drill.database.pool.fetchval("select sum(value_revision) from match_outlook")
    assert revisions == JOBS


async def test_effects_happen_once_while_the_database_throws_everybody_out(drill: Drill, league: SmallLeague) -> None:
    for number in range(JOBS):
        async with drill.database.transaction() as session:
            match_id = league.coming[number % len(league.coming)]
            await ask(await connection_of(session), [Request("price_value", {"match_id": match_id})])
    drill.start("scheduler")
    drill.start("worker")
    admin = await asyncpg.connect(drill.settings.database_url)
    for _ in range(50):  # from before they are up
        await asyncio.sleep(0.1)
        await admin.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )

    async def is_done() -> bool:
        count: int = await admin.fetchval("select count(*) from job where status = 'DONE'")
        return count >= JOBS

    await until(is_done, 90)
    assert await admin.fetchval("select sum(value_revision) from match_outlook") == JOBS
    await admin.close()


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


async def test_a_flushed_redis_loses_no_job(drill: Drill) -> None:
    await drill.naps(JOBS, 0.05)
    await drill.database.pool.execute("update job set queued_at = now() - interval '1 minute'")
    drill.broker.client.flushall()
    drill.start("worker")
    drill.start("scheduler")

    async def is_done() -> bool:
        return await drill.count("DONE") == JOBS

    await until(is_done, 30)


async def test_a_killed_relay_sends_everything_after_all(drill: Drill) -> None:
    async with drill.database.transaction() as session:
        await ask(await connection_of(session), [Request("nap", {"seconds": 0.01}) for _ in range(300)])
    first = drill.start("scheduler")

    async def has_begun() -> bool:
        return bool(await drill.database.pool.fetchval("select count(*) > 0 from job"))

    drill.start("worker")
    await until(has_begun, 20)
    kill(first)
    drill.start("scheduler")

    async def is_done() -> bool:
        return await drill.count("DONE") == 300

    await until(is_done, 90)
    assert await drill.database.pool.fetchval("select count(*) from outbox where sent_at is null") == 0


def _touchline(settings: Settings, *arguments: str) -> str:
    """What a command prints."""
    command = [str(Path(sys.executable).with_name("touchline")), *arguments]
    environment = environment_of(settings)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


async def test_an_impossible_job_ends_as_a_dead_letter_and_runs_again(drill: Drill) -> None:
    drill.start("worker")
    await send_new(drill.database, drill.broker, Message("impossible", "price_value", {"match_id": 999_999}))

    async def is_dead() -> bool:
        return await drill.count("DEAD") == 1

    await until(is_dead, 60)
    row = await drill.database.pool.fetchrow("select attempts, error from job")
    assert row is not None
    assert row["attempts"] == 6
    assert "ForeignKeyViolation" in row["error"]
    assert "impossible" in await asyncio.to_thread(_touchline, drill.settings, "queue", "dead")
    assert await asyncio.to_thread(_touchline, drill.settings, "queue", "requeue", "impossible") == "1 sent again.\n"

    async def runs_again() -> bool:
        return await drill.count("RETRYING") == 1

    await until(runs_again, 20)
