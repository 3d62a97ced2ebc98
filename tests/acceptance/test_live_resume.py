"""Clients of `oddsChanged` whose connections break, stall and come back: nothing is missed."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import create_server
from typing import Any

import httpx
import psutil
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.faults import Proxy, proxy
from tests.odds_world import World, make_world, until
from tests.serving import Api, serving, socket

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

STREAM = """
subscription($ids: [ID!], $after: String, $hasSnapshot: Boolean) {
  oddsChanged(matchIds: $ids, after: $after, hasSnapshot: $hasSnapshot) {
    kind cursor isConflated
    changes { sequence previousPrice { decimal }
      quote { id price { decimal } isAvailable observedAt bookmaker { id } selection { id } } }
  }
}
"""
BOARDS = """
query($id: ID!) { match(id: $id) { markets { selections {
  id quotes { id price { decimal } isAvailable bookmaker { id } } } } } }
"""
BROKEN = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError, TimeoutError)


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


@pytest.fixture
async def api(world: World, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=1) as running:
        yield running


class Phone:
    """A client that goes on after its last cursor whenever its connection breaks."""

    def __init__(self, world: World, cursor: str | None = None) -> None:
        self.ids = [global_id("Match", id_) for id_ in world.matches]
        self.cursor = cursor
        self.told: dict[int, tuple[Any, ...]] = {}
        """What was told of each sequence."""
        self.book: dict[tuple[str, str], tuple[str, float, bool]] = {}
        """Quote id, price and availability by selection and bookmaker."""
        self.kinds: dict[str, int] = {}
        self.connections = 0
        self.repeated = 0
        self.conflated = 0

    async def follow(self, port: int) -> None:
        """Listen for ever."""
        while True:
            with suppress(*BROKEN):
                await self._connected(port)
            await asyncio.sleep(0.01)

    async def _connected(self, port: int) -> None:
        async with socket(port, open_timeout=5, close_timeout=0.1) as opened:
            self.connections += 1
            await opened.subscribe(STREAM, {"ids": self.ids, "after": self.cursor, "hasSnapshot": True})
            while True:
                self.take(await opened.event("oddsChanged"))

    def take(self, update: dict[str, Any]) -> None:
        """Bring the book up to date."""
        self.kinds[update["kind"]] = self.kinds.get(update["kind"], 0) + 1
        for change in update["changes"]:
            quote = change["quote"]
            before = change["previousPrice"] and change["previousPrice"]["decimal"]
            self.repeated += change["sequence"] in self.told
            self.told[change["sequence"]] = (quote["id"], quote["price"]["decimal"], before, quote["isAvailable"])
            held = (quote["id"], quote["price"]["decimal"], quote["isAvailable"])
            self.book[quote["selection"]["id"], quote["bookmaker"]["id"]] = held
        self.cursor = update["cursor"]
        self.conflated += update["isConflated"]


async def book_of(api: Api, world: World) -> dict[tuple[str, str], tuple[str, float, bool]]:
    """The book as the boards show it."""
    book = {}
    for match in world.matches:
        answer = await api.ask(BOARDS, id=global_id("Match", match))
        for market in answer["data"]["match"]["markets"]:
            for selection in market["selections"]:
                for quote in selection["quotes"]:
                    held = (quote["id"], quote["price"]["decimal"], quote["isAvailable"])
                    book[selection["id"], quote["bookmaker"]["id"]] = held
    return book


async def write(world: World, source: random.Random, changes: int, *, pause: float, lost: float = 0.0) -> int:
    """Record at least so many changes in small batches; a share of them is never published."""
    last = 0
    while last < changes:
        recorded = await world.put(
            *world.random_ticks(source, source.randint(1, 8)), is_published=source.random() >= lost
        )
        last = recorded.last_sequence or last
        await asyncio.sleep(pause)
    return last


async def test_twenty_resets_lose_and_double_nothing(world: World, api: Api) -> None:
    source = random.Random(1)
    async with proxy(api.port) as between:
        phone = Phone(world)
        listening = asyncio.create_task(phone.follow(between.port))
        await until(lambda: phone.kinds.get("SNAPSHOT") == 1)
        breaking = asyncio.create_task(break_often(between, random.Random(2), times=20))
        last = await write(world, source, 1000, pause=0.01, lost=0.1)
        await breaking
        await until(lambda: len(phone.told) == last, seconds=10)
        listening.cancel()
    rows = await world.history()
    assert between.resets >= 20
    assert phone.connections >= 15
    assert phone.repeated == 0
    assert phone.kinds["SNAPSHOT"] == 1
    assert "GAP" not in phone.kinds
    assert phone.told == {
        row["sequence"]: (
            global_id("OddsQuote", row["sequence"]),
            row["price"],
            row["previous_price"],
            row["is_available"],
        )
        for row in rows
    }
    assert phone.book == await book_of(api, world)


async def break_often(between: Proxy, source: random.Random, *, times: int) -> None:
    """Reset all connections so many times, a moment apart."""
    while between.resets < times:
        await asyncio.sleep(source.uniform(0.02, 0.25))
        between.reset()


async def test_a_thousand_changes_while_the_socket_is_dead(world: World, api: Api) -> None:
    await world.open_books()
    phone = Phone(world)
    async with socket(api.port) as opened:
        await opened.subscribe(STREAM, {"ids": phone.ids})
        phone.take(await opened.event("oddsChanged"))
    last = await write(world, random.Random(3), 1000, pause=0)
    listening = asyncio.create_task(phone.follow(api.port))
    await until(lambda: len(phone.told) == last, seconds=10)
    listening.cancel()
    assert set(phone.told) == set(range(1, last + 1))
    assert phone.book == await book_of(api, world)


async def test_clients_that_do_not_read_cost_little_memory(world: World, database_url: str, redis_url: str) -> None:
    source = random.Random(4)
    async with served_apart(database_url, redis_url) as (port, process), proxy(port) as between:
        phones = [Phone(world) for _ in range(10)]
        listening = [asyncio.create_task(phone.follow(between.port)) for phone in phones]
        await until(lambda: all("SNAPSHOT" in phone.kinds for phone in phones))
        await write(world, source, 500, pause=0.01)
        before, last = process.memory_info().rss, 0
        between.flowing.clear()
        for _ in range(20):
            last = (await world.put(*world.random_ticks(source, 500))).last_sequence or last
        await asyncio.sleep(2)
        grown = (process.memory_info().rss - before) / 2**20
        print(f"10 stalled subscribers, {last} changes: {grown:.1f} MiB more")
        between.flowing.set()
        book = await book_of(Api(port, None), world)
        await until(lambda: all(phone.book == book for phone in phones), seconds=20)
        for task in listening:
            task.cancel()
    assert [phone.connections for phone in phones] == [1] * len(phones)
    assert any(phone.conflated for phone in phones)
    assert grown < 20


@asynccontextmanager
async def served_apart(database_url: str, redis_url: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    """The API in a process of its own: its port and the process."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "TOUCHLINE_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "api", env=environment, stderr=DEVNULL)
    try:
        async with asyncio.timeout(20), httpx.AsyncClient() as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def test_foreign_client_reads_snapshot_and_delta(world: World, api: Api) -> None:
    await world.open_books()
    transport = WebsocketsTransport(f"ws://127.0.0.1:{api.port}/graphql", subprotocols=["graphql-transport-ws"])
    document = gql(STREAM)
    document.variable_values = {"ids": [global_id("Match", world.matches[0])]}
    kinds = []
    async with Client(transport=transport) as session:
        async for answer in session.subscribe(document):
            kinds.append((answer["oddsChanged"]["kind"], len(answer["oddsChanged"]["changes"])))
            if len(kinds) == 2:
                break
            await world.put(world.tick(5.0))
    assert kinds == [("SNAPSHOT", 21), ("DELTA", 1)]


async def test_redis_flushed_while_prices_move(world: World, api: Api) -> None:
    phone = Phone(world)
    listening = asyncio.create_task(phone.follow(api.port))
    await until(lambda: phone.kinds.get("SNAPSHOT") == 1)
    writing = asyncio.create_task(write(world, random.Random(5), 500, pause=0.005))
    for _ in range(5):
        await asyncio.sleep(0.1)
        await api.state.doors.redis.flushall()
    last = await writing
    await until(lambda: len(phone.told) == last, seconds=3)
    listening.cancel()
    assert phone.book == await book_of(api, world)
