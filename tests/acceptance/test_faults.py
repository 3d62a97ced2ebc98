"""Servers that fail under people who look, bet and listen: soon afterwards all is as it must be; see `pytest -s`.

The crowd waits `TOUCHLINE_FAULT_SECONDS` (4 by default) before and after each fault, and the reader that stops does so
for `TOUCHLINE_PAUSE_SECONDS` (20).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
import redis

from tests.acceptance.faults_facts import (
    is_shaped,
    jobs_in_trouble,
    money_is_right,
    pending_bets,
    prices_have_no_hole,
    standing_prices,
    was_told_everything,
)
from tests.acceptance.faults_world import Crowd, Line, Reader, gathered, until
from tests.acceptance.person import told
from tests.acceptance.product import Product, running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

CALM = float(os.environ.get("TOUCHLINE_FAULT_SECONDS", "4"))
PAUSE = float(os.environ.get("TOUCHLINE_PAUSE_SECONDS", "20"))
HUNG = 20
"""Subscriptions on the socket that nobody reads."""
MOST_GROWTH = 20.0
"""MiB by which the API may grow meanwhile."""
BOUND = 30.0
"""Seconds after which everything must be as it was before."""
SETTINGS = {"TOUCHLINE_ADDRESS_POINTS": "0", "TOUCHLINE_VIEWER_POINTS": "0", "TOUCHLINE_SUBSCRIBER_BUFFER": "300"}
COMING = """{ matches(filter: {window: NEXT_24_HOURS, statuses: [SCHEDULED]}, first: 50) { nodes {
  id forecast { isStale predictedAt result { home draw away } } } } status { level } }"""


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with running(["demo", "--speed", "60"], seconds=240, **SETTINGS) as demo:
        demo.until(COMING, _all_forecast, seconds=180)
        yield demo


def _all_forecast(data: dict[str, Any]) -> bool:
    nodes = data["matches"]["nodes"]
    return bool(nodes) and all(node["forecast"] and not node["forecast"]["isStale"] for node in nodes)


@pytest.fixture
async def crowd(product: Product) -> AsyncIterator[Crowd]:
    async with gathered(product) as people:
        yield people


def kill_postgres(product: Product) -> None:
    """`kill -9` of PostgreSQL's first process: the others notice, and the next start replays the log."""
    os.kill(product.run_file()["pids"]["postgres"], signal.SIGKILL)


def stop_postgres(product: Product) -> None:
    """A fast shutdown by somebody who does not know of the supervisor: sessions are ended, a checkpoint is made."""
    os.kill(product.run_file()["pids"]["postgres"], signal.SIGINT)


def kill_redis(product: Product) -> None:
    """`kill -9` of Redis: up to a second of its file is lost."""
    os.kill(product.run_file()["pids"]["redis"], signal.SIGKILL)


def flush_redis(product: Product) -> None:
    """FLUSHALL: queues, streams and counters are gone at once, and Redis is there."""
    with redis.Redis.from_url(product.run_file()["redis_url"]) as client:
        client.flushall()


def kill_both(product: Product) -> None:
    """PostgreSQL and Redis at the same moment."""
    pids = product.run_file()["pids"]
    for name in ("postgres", "redis"):
        os.kill(pids[name], signal.SIGKILL)


@dataclass(frozen=True)
class Outage:
    """When a fault began, and when both servers and the API were there again; seconds of the monotonic clock."""

    began: float
    ended: float


FAULTS = [kill_postgres, stop_postgres, kill_redis, flush_redis, kill_both]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_everything_is_right_again(product: Product, crowd: Crowd, fault: Callable[[Product], None]) -> None:
    async with crowd.busy():
        await _is_lively(crowd)
        since = [line.cursor or "" for line in crowd.lines]
        await asyncio.sleep(CALM)
        before = product.run_file()["pids"]
        began = time.monotonic()
        await asyncio.to_thread(fault, product)
        outage = Outage(began, began + await _recovery(product))
        await asyncio.sleep(CALM)
        await _is_lively(crowd, [len(line.sequences) for line in crowd.lines])
    database = await asyncpg.connect(crowd.database_url)
    try:
        await _wait_for_work(database, crowd, outage)
        bets = await money_is_right(database, crowd.bettors)
        await prices_have_no_hole(database)
        changes = [
            await was_told_everything(database, reader.ids, reader.lines[0], cursor)
            for reader, cursor in zip(crowd.readers, since, strict=True)
        ]
    finally:
        await database.close()
    assert all(changes)
    product.until(COMING, _all_forecast, seconds=BOUND)
    _say(fault.__name__, product, before, crowd, outage, bets, sum(changes))
    for trouble in crowd.troubles:
        is_shaped(trouble)
    late = [each for each in crowd.troubles if each.began > outage.ended or each.ended < outage.began]
    assert late == [], "an answer failed outside of the outage"


async def _is_lively(crowd: Crowd, marks: list[int] | None = None) -> None:
    """Wait until every subscriber has heard of a change, since its mark if there is one, and every bettor has bet."""
    floors, bets = marks or [0] * len(crowd.lines), [len(bettor.placed) for bettor in crowd.bettors]

    async def holds() -> bool:
        heard = all(len(line.sequences) > floor for line, floor in zip(crowd.lines, floors, strict=True))
        return heard and all(len(each.placed) > count for each, count in zip(crowd.bettors, bets, strict=True))

    await until(holds, BOUND, "every subscriber hears of prices, and everybody bets")


async def _recovery(product: Product) -> float:
    """Seconds until the API says that it can answer, with both servers behind it."""
    url = product.url.removesuffix("/graphql") + "/readyz"
    run = product.run_file()

    async def is_ready() -> bool:
        try:
            connection = await asyncpg.connect(run["database_url"], timeout=1)
            await connection.close(timeout=1)
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(url)).status_code == 200
        except (OSError, TimeoutError, asyncpg.PostgresError, httpx.HTTPError):
            return False

    return await until(is_ready, BOUND, "the API is ready")


async def _wait_for_work(database: asyncpg.Connection, crowd: Crowd, outage: Outage) -> None:
    """Wait, at most until the bound, for all bets to be settled and all jobs to be done."""
    trouble: list[str] = []
    await crowd.run_errand()  # for what was bet after the last settlement

    async def is_done() -> bool:
        trouble[:] = await jobs_in_trouble(database, crowd.errands)
        if count := await pending_bets(database, crowd.bettors):
            trouble.append(f"{count} bets are pending")
        return not trouble

    try:
        await until(is_done, max(10.0, outage.ended + BOUND - time.monotonic()), "all work is done")
    except AssertionError:
        raise AssertionError(f"{BOUND:g} s after the outage: {trouble[:10]}") from None


def _say(
    name: str, product: Product, before: dict[str, int], crowd: Crowd, outage: Outage, bets: int, changes: int
) -> None:
    after = product.run_file()["pids"]
    told(
        f"{name.replace('_', ' ')}  ",
        outage=f"{outage.ended - outage.began:.1f} s",
        restarted=",".join(part for part in after if before.get(part) != after[part]) or "nothing",
        answers=crowd.answered,
        failed=len(crowd.troubles),
        statuses=sorted({each.status for each in crowd.troubles}),
        bets=bets,
        tries=sum(bettor.tries for bettor in crowd.bettors),
        jobs=len(crowd.errands),
        changes=changes,
        told_twice=sum(len(line.sequences) - len(set(line.sequences)) for line in crowd.lines),
        losses=sum(len(line.losses) for line in crowd.lines),
    )


async def test_a_reader_that_stops_reading_costs_little(product: Product, crowd: Crowd) -> None:
    api = psutil.Process(product.run_file()["pids"]["api"])
    every = sorted({match for reader in crowd.readers for match in reader.ids})
    slow = Reader(product.url, every, [Line() for _ in range(HUNG)])
    async with crowd.busy(), _listening(slow):
        await _is_lively(crowd)
        await _heard(slow.lines, [0] * HUNG)
        before = await _peak(api, CALM)
        slow.reads.clear()
        others = [len(line.sequences) for line in crowd.lines]
        during = await _peak(api, PAUSE)
        assert all(len(line.sequences) > count for line, count in zip(crowd.lines, others, strict=True))
        database = await asyncpg.connect(crowd.database_url)
        try:
            standing = await standing_prices(database, every)
        finally:
            await database.close()
        slow.reads.set()
        await _catches_up(slow, standing)
    conflated, losses = (sum(line.conflated for line in slow.lines), sum(len(line.losses) for line in slow.lines))
    told("stopped", grown=f"{during - before:.1f} MiB", codes=slow.codes, conflated=conflated, losses=losses)
    assert conflated or losses or slow.codes, "it was never slow"
    assert not [line for line in crowd.lines if line.conflated or line.losses], "others were slowed down"
    assert crowd.troubles == []
    assert during - before < MOST_GROWTH


@asynccontextmanager
async def _listening(reader: Reader) -> AsyncIterator[None]:
    """A reader whose socket has next to no room while the block runs."""
    task = asyncio.create_task(reader.follow(room=4096))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _heard(lines: Sequence[Line], floors: Sequence[int]) -> None:
    async def holds() -> bool:
        return all(len(line.sequences) > floor for line, floor in zip(lines, floors, strict=True))

    await until(holds, BOUND, "every subscription hears of prices")


async def _catches_up(reader: Reader, standing: Mapping[tuple[str, str], int]) -> None:
    """Wait until every subscription was told the standing price, or a later one, of all that changed in its time."""

    def lacks(line: Line) -> bool:
        begun = min(line.sequences)
        return any(sequence >= begun and line.newest.get(quote, 0) < sequence for quote, sequence in standing.items())

    async def holds() -> bool:
        return not any(lacks(line) for line in reader.lines)

    await until(holds, BOUND + 3 * PAUSE, "the reader that had stopped knows every price")


async def _peak(process: psutil.Process, seconds: float) -> float:
    """The largest resident memory within a time, MiB."""
    largest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        largest = max(largest, process.memory_info().rss / 2**20)
        await asyncio.sleep(0.2)
    return largest
