"""The hub: one reader of the stream per process, true to the database whatever happens to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from api import hub as hub_module
from api.hub import OddsHub
from domain.infra.bus import Bus
from domain.infra.database import Database
from domain.odds.service import Change
from domain.odds.stream import Scope
from tests.odds_world import World, make_world, odds_bus, until


@dataclass(eq=False)
class Ear:
    """A listener that writes down what it hears."""

    scope: Scope
    heard: list[Change] = field(default_factory=list)
    losses: int = 0

    def offer(self, change: Change) -> None:
        self.heard.append(change)

    def lose(self) -> None:
        self.losses += 1

    @property
    def sequences(self) -> list[int]:
        return [change.sequence for change in self.heard]


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    async with odds_bus(redis_url, f"odds:{uuid4().hex}") as opened:
        yield opened


@pytest.fixture
async def world(database: Database, bus: Bus) -> World:
    return await make_world(database, bus)


@pytest.fixture
async def hub(world: World) -> AsyncIterator[OddsHub]:
    started = OddsHub(world.database.pool, world.bus)
    await started.start()
    yield started
    await started.stop()


def everything(world: World) -> Ear:
    return Ear(Scope(frozenset(world.matches)))


async def test_changes_reach_those_who_follow_the_match_or_its_league_once(world: World, hub: OddsHub) -> None:
    by_match = Ear(Scope(frozenset({world.matches[0]})))
    by_league = Ear(Scope(frozenset(), frozenset({world.leagues[0]})))
    by_both = Ear(Scope(frozenset({world.matches[0]}), frozenset({world.leagues[0]})))
    for ear in (by_match, by_league, by_both):
        hub.join(ear)
    await world.put(world.tick(2.0, match=0), world.tick(2.1, match=1), world.tick(2.2, match=2))
    await until(lambda: hub.position == 3)
    assert (by_match.sequences, by_league.sequences, by_both.sequences) == ([1], [1, 2], [1, 2])


async def test_changes_off_the_stream_equal_those_from_the_database(world: World, hub: OddsHub) -> None:
    quick, slow = everything(world), everything(world)
    hub.join(quick)
    await world.put(world.tick(2.0), world.tick(2.2, book=1))
    await world.put(world.tick(2.3), world.tick(2.1, book=1), world.tick(1.9, book=2, open=False))
    await until(lambda: hub.position == 5)
    hub.leave(quick)
    hub.join(slow)
    hub.position = 0
    await hub._fill(5)
    assert slow.heard == quick.heard
    assert [change.is_best for change in quick.heard] == [False, True, True, False, False]


async def test_lost_publishes_arrive_within_two_seconds(world: World, hub: OddsHub) -> None:
    ear = everything(world)
    hub.join(ear)
    await world.put(world.tick(2.0), is_published=False)
    assert await until(lambda: ear.sequences == [1]) < 2
    await world.put(world.tick(2.1), is_published=False)
    await world.put(world.tick(2.2))
    assert await until(lambda: ear.sequences == [1, 2, 3]) < 0.5


async def test_publishes_in_the_wrong_order_arrive_in_the_right_one(world: World, hub: OddsHub) -> None:
    ear = everything(world)
    hub.join(ear)
    batches = [await world.put(world.tick(2.0 + n / 10), is_published=False) for n in range(4)]
    for batch in reversed(batches):
        await world.bus.publish_odds(batch.changes)
    await world.bus.publish_odds(batches[0].changes)
    await until(lambda: hub.position == 4)
    assert ear.sequences == [1, 2, 3, 4]


async def test_flushed_redis_costs_latency_and_nothing_else(world: World, hub: OddsHub, redis_url: str) -> None:
    ear = everything(world)
    hub.join(ear)
    await world.put(world.tick(2.0))
    await until(lambda: hub.position == 1)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
    for n in range(5):
        await world.put(world.tick(3.0 + n))
    assert await until(lambda: hub.position == 6) < 2
    assert ear.sequences == [1, 2, 3, 4, 5, 6]


async def test_dead_redis_leaves_the_database(world: World) -> None:
    async with odds_bus("unix:///nowhere/redis.sock", "odds") as dead:
        hub = OddsHub(world.database.pool, dead, silence=timedelta(seconds=0.2))
        await hub.start()
        ear = everything(world)
        hub.join(ear)
        await world.put(world.tick(2.0), world.tick(2.1, book=1))
        assert await until(lambda: ear.sequences == [1, 2]) < 2
        await hub.stop()


async def test_holes_of_matches_nobody_follows_are_skipped(world: World, hub: OddsHub) -> None:
    ear = Ear(Scope(frozenset({world.matches[3]})))
    hub.join(ear)
    await world.put(*(world.tick(2.0 + n / 100) for n in range(600)), is_published=False)
    await world.put(world.tick(5.0, match=3))
    await until(lambda: hub.position == 601)
    assert (ear.sequences, ear.losses) == ([601], 0)


async def test_hole_that_is_too_long_is_told_as_a_loss(
    world: World, hub: OddsHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LONGEST_HOLE", 1000)
    monkeypatch.setattr(hub_module, "PAGE", 200)
    ear = everything(world)
    hub.join(ear)
    for batch in range(20):
        await world.put(*(world.tick(2.0 + batch + n / 100) for n in range(100)), is_published=False)
    await world.put(world.tick(1.5))
    await until(lambda: hub.position == 2001)
    assert ear.losses == 1
    assert len(ear.heard) < 2001


async def test_restored_database_is_told_as_a_loss(world: World, hub: OddsHub) -> None:
    ear = everything(world)
    hub.join(ear)
    await world.put(world.tick(2.0), world.tick(2.1))
    await until(lambda: hub.position == 2)
    await world.database.pool.execute("update odds_position set value = 1")
    await until(lambda: ear.losses == 1)
    assert hub.position == 1


async def test_nobody_stays_registered(world: World, hub: OddsHub) -> None:
    ears = [everything(world), Ear(Scope(frozenset(), frozenset(world.leagues)))]
    for ear in ears:
        hub.join(ear)
    for ear in [*ears, *ears]:
        hub.leave(ear)
    assert (hub.listener_count, hub._by_match, hub._by_league) == (0, {}, {})


async def test_hub_holds_no_connection_while_it_waits(world: World, hub: OddsHub) -> None:
    await asyncio.sleep(0.1)
    pool = world.database.pool
    assert pool.get_idle_size() == pool.get_size()


async def test_new_market_is_learnt_on_the_way(world: World, hub: OddsHub) -> None:
    ear = everything(world)
    hub.join(ear)
    selection = await world.database.pool.fetchval(
        """with market as (insert into market (key, kind, line, period)
             values ('total_goals:4.5:ft', 'total_goals', 4.5, 'ft') returning id)
           insert into selection (market_id, key, position) select id, 'over', 0 from market returning id"""
    )
    world.outcomes["new"] = selection
    await world.put(world.tick(4.0, outcome="new"))
    await until(lambda: ear.sequences == [1])
    assert str(hub.dictionary.selection(selection)[0]) == "total_goals:4.5:ft"
