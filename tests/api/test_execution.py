"""Many subscriptions, for long: nothing is kept of the events that are over, and few are executed at the same time."""

from __future__ import annotations

import gc
import random
from collections.abc import AsyncIterator

import pytest
from graphql.execution.collect_fields import CollectedFields

from api.execution import EVENTS_AT_ONCE
from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.odds_world import World, make_world, until
from tests.serving import serving, socket

STREAM = """subscription ($ids: [ID!]) { oddsChanged(matchIds: $ids) {
  kind changes { sequence quote { price { decimal } bookmaker { id } } } } }"""


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


async def test_events_leave_nothing_behind(world: World, database_url: str, redis_url: str) -> None:
    source, kept = random.Random(1), []
    async with serving(database_url, redis_url, heartbeat_seconds=60) as api, socket(api.port) as opened:
        await opened.subscribe(STREAM, {"ids": [global_id("Match", match) for match in world.matches]})
        assert (await opened.event("oddsChanged"))["kind"] == "SNAPSHOT"
        for _ in range(3):
            for _ in range(10):
                await world.put(*world.random_ticks(source, 3))
                assert (await opened.event("oddsChanged"))["changes"]
            gc.collect()
            kept.append(sum(type(each) is CollectedFields for each in gc.get_objects()))
    assert kept[0] == kept[1] == kept[2]


async def test_events_wait_for_their_turn(world: World, database_url: str, redis_url: str) -> None:
    await world.open_books()
    async with serving(database_url, redis_url, heartbeat_seconds=60) as api, socket(api.port) as opened:
        turns = api.state.doors.turns
        for _ in range(EVENTS_AT_ONCE):
            await turns.acquire()
        names = {
            await opened.subscribe(STREAM, {"ids": [global_id("Match", match) for match in world.matches]})
            for _ in range(3)
        }
        await until(lambda: turns._waiters is not None and len(turns._waiters) == len(names))
        turns.release()
        told = [await opened.receive() for _ in names]
        assert {message["id"] for message in told} == names
        assert all(message["payload"]["data"]["oddsChanged"]["changes"] for message in told)
        assert turns._value == 1
