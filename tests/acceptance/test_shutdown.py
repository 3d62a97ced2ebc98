"""Processes told to stop, from outside: what is in hand is finished, nobody is cut off in the middle, exit code 0."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from dramatiq.brokers.redis import RedisBroker

from api.nodes import global_id
from domain.infra.database import Database
from domain.infra.jobs import Message
from domain.infra.settings import Settings
from tests.acceptance.product import running
from tests.factories import Factory
from tests.serving import socket
from tests.workers.conftest import Starter, until
from tests.workers.conftest import broker as broker
from tests.workers.conftest import settings as settings
from tests.workers.conftest import start as start
from workers.relay import send_new
from workers.stack.processes import environment_of

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[2]
BOUND = 20
"""Seconds within which every process must be gone; a supervisor kills after 15."""
SLOW = """select count(*) from pg_locks
          where not granted and database = (select oid from pg_database where datname = current_database())"""


@contextmanager
def _api(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`python -m api` on a free port, and that port; killed at the end where it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api"],
        cwd=ROOT,
        env=environment_of(settings) | {"TOUCHLINE_PORT": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"serving http://[^:]+:(\d+)/", line):
            break
    else:
        raise AssertionError("".join(said))
    rest = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    rest.start()
    try:
        yield process, int(found[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        rest.join(10)
        process.stderr.close()
    assert "Traceback" not in "".join(said)


@asynccontextmanager
async def _locked(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A table that a query waits for until the block ends."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("begin; lock table country in access exclusive mode")
    try:
        yield connection
    finally:
        await connection.close()


async def _is_asked(connection: asyncpg.Connection, count: int) -> None:
    async def waits() -> bool:
        return bool(await connection.fetchval(SLOW) >= count)

    await until(waits)


async def test_an_api_told_to_stop_answers_first(settings: Settings, database: Database) -> None:
    factory = Factory(database)
    await factory.clock()
    league = global_id("League", await factory.league("england-premier-league"))
    document = "subscription ($ids: [ID!]) { oddsChanged(leagueIds: $ids) { kind } }"
    asked = {"query": document, "variables": {"ids": [league]}}
    with _api(settings) as (process, port):
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
            socket(port) as live,
            http.stream("POST", "/graphql", json=asked, headers={"accept": "text/event-stream"}) as stream,
        ):
            await live.subscribe(document, asked["variables"])  # type: ignore[arg-type]
            assert (await live.event("oddsChanged"))["kind"] == "SNAPSHOT"
            lines = stream.aiter_lines()
            while await anext(lines) != "event: next":
                pass
            assert (await http.get("/readyz")).status_code == 200
            async with _locked(settings.database_url) as connection:
                slow = [
                    asyncio.create_task(http.post("/graphql", json={"query": "{ countries { name } }"})) for _ in "ab"
                ]
                await _is_asked(connection, 2)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert await live.closed() == (1012, "")
                assert [line async for line in lines if line == "event: complete"] == []
                assert (await http.get("/readyz")).status_code == 503
                assert (await http.get("/healthz")).status_code == 200
                assert process.poll() is None
            answers = await asyncio.gather(*slow)
        assert await asyncio.to_thread(process.wait, BOUND) == 0
        print(f"\nAPI: 1012, 503, {len(answers)} answers, exit 0 after {time.monotonic() - began:.1f} s")
    assert [answer.json() for answer in answers] == [{"data": {"countries": [{"name": "England"}]}}] * 2


async def test_an_api_goes_though_a_query_never_ends(settings: Settings, database: Database) -> None:
    with _api(settings) as (process, port):
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
            _locked(settings.database_url) as connection,
        ):
            slow = asyncio.create_task(http.post("/graphql", json={"query": "{ countries { name } }"}))
            await _is_asked(connection, 1)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, BOUND) == 0
            assert (await slow).status_code == 503


async def test_a_worker_finishes_its_job(
    settings: Settings, database: Database, broker: RedisBroker, start: Starter
) -> None:
    process = start("worker")
    await send_new(database, broker, Message("mine", "nap", {"seconds": 3}))
    await _is(database, "mine", "RUNNING")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, BOUND) == 0
    row = await database.pool.fetchrow("select status, attempts from job where id = 'mine'")
    assert row is not None
    assert tuple(row) == ("DONE", 1)


async def test_a_job_that_takes_longer_than_a_worker_may_is_done_by_another_one(
    settings: Settings, database: Database, broker: RedisBroker, start: Starter
) -> None:
    first = start("worker")
    await send_new(database, broker, Message("long", "nap", {"seconds": 25}))
    await _is(database, "long", "RUNNING")
    start("scheduler")
    start("worker")
    first.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait, BOUND) == 0
    await _is(database, "long", "DONE", seconds=90)
    row = await database.pool.fetchrow("select attempts, error from job where id = 'long'")
    assert row is not None
    assert row["attempts"] == 2


async def _is(database: Database, job: str, status: str, *, seconds: float = 30) -> None:
    async def has() -> bool:
        return bool(await database.pool.fetchval("select status = $2 from job where id = $1", job, status))

    await until(has, seconds=seconds)


async def test_a_scheduler_stops_at_once(settings: Settings, database: Database, start: Starter) -> None:
    process = start("scheduler")

    async def leads() -> bool:
        return bool(await database.pool.fetchval("select exists (select 1 from schedule)"))

    await until(leads, seconds=30)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, BOUND) == 0


def test_a_stack_stops_the_last_first_and_leaves_nothing() -> None:
    with running(["demo", "--speed", "60"], seconds=240) as product:
        pids = product.run_file()["pids"]
        logs = product.data_dir / "logs"
        began = time.monotonic()
        assert product.stop(signal.SIGTERM) == 0
        print(f"\nstack: stopped in {time.monotonic() - began:.1f} s")
        texts = {name: (logs / f"{name}.log").read_text() for name in ("api", "worker", "scheduler")}
        ended = {name: _instant(texts[name], "stopped") for name in ("api", "worker")}
        assert ended["api"] <= ended["worker"]
        assert all("Traceback" not in text for text in texts.values())
        assert not [pid for pid in pids.values() if Path(f"/proc/{pid}").exists() and pid != os.getpid()]


def _instant(log: str, message: str) -> str:
    """Time of the last line with a message, as it is logged."""
    return [line for line in log.splitlines() if line.endswith(f" {message}")][-1][:23]
