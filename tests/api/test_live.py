"""One subscriber: snapshot, replay and live stream without a window, in bounded memory."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from api import live
from api.hub import OddsHub
from api.live import Subscriber
from api.live_buffer import Buffer, Cursor, Kind, Update, Wanted
from domain.infra.bus import Bus
from domain.infra.database import Database
from domain.infra.errors import BadCursor
from domain.odds.service import Change
from domain.odds.stream import Scope
from tests.odds_world import World, make_world, odds_bus, until

DAY = timedelta(hours=24)


async def test_news_in_the_turn_of_a_heartbeat_goes_first(hub: OddsHub) -> None:
    buffer = Buffer(Wanted(Scope(frozenset({1}))), hub, limit=10, floor=0)
    waiting = asyncio.create_task(buffer.wait(timedelta(seconds=0.02)))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.021, buffer.lose)
    time.sleep(0.05)  # noqa: ASYNC251 - both are due when the loop looks again
    assert await waiting


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    async with odds_bus(redis_url, f"odds:{uuid4().hex}") as opened:
        yield opened


@pytest.fixture
async def world(database: Database, bus: Bus) -> World:
    return await make_world(database, bus)


@pytest.fixture
async def hub(world: World) -> AsyncIterator[OddsHub]:
    started = OddsHub(world.database.pool, world.bus, silence=timedelta(seconds=0.3))
    await started.start()
    yield started
    await started.stop()


def subscriber(
    hub: OddsHub, wanted: Wanted, *, limit: int = 1000, heartbeat: float = 15, retention: timedelta = DAY
) -> Subscriber:
    return Subscriber(hub, wanted, limit=limit, heartbeat=timedelta(seconds=heartbeat), retention=retention)


@asynccontextmanager
async def listening(
    follower: Subscriber, after: Cursor | None = None, *, has_snapshot: bool = True
) -> AsyncIterator[Stream]:
    async with aclosing(follower.updates(after, has_snapshot=has_snapshot)) as updates:
        yield Stream(updates)


class Stream:
    """Updates as they are pulled."""

    def __init__(self, updates: AsyncIterator[Update]) -> None:
        self._updates = updates
        self.seen: list[Update] = []

    async def next(self) -> Update:
        async with asyncio.timeout(5):
            self.seen.append(await anext(self._updates))
        return self.seen[-1]

    async def until(self, sequence: int) -> list[Change]:
        """Changes of the updates up to a position."""
        changes: list[Change] = []
        while True:
            update = await self.next()
            changes.extend(update.changes)
            if update.cursor.sequence >= sequence:
                return changes


def all_of(world: World) -> Wanted:
    return Wanted(Scope(frozenset(world.matches)))


async def joined(world: World, stream: Stream) -> None:
    """Read on until the subscriber has joined the hub: one change came live."""
    await stream.next()
    coming = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0.05)
    await world.put(world.tick(1.5))
    assert (await coming).kind is Kind.DELTA


def told(changes: list[Change]) -> list[tuple[object, ...]]:
    return [
        (
            c.sequence,
            c.match_id,
            c.selection_id,
            c.bookmaker_id,
            c.price,
            c.previous_price,
            c.observed_at,
            c.is_available,
        )
        for c in changes
    ]


async def test_stream_begins_with_what_stands_and_goes_on_with_what_changes(world: World, hub: OddsHub) -> None:
    await world.open_books()
    async with listening(subscriber(hub, all_of(world))) as stream:
        snapshot = await stream.next()
        assert (snapshot.kind, len(snapshot.changes), snapshot.cursor) == (Kind.SNAPSHOT, 21, Cursor(21))
        assert sum(change.is_best for change in snapshot.changes) == 7
        await world.put(world.tick(9.0))
        delta = await stream.next()
        assert (delta.kind, [c.sequence for c in delta.changes], delta.cursor) == (Kind.DELTA, [22], Cursor(22))
    assert hub.listener_count == 0


async def test_snapshot_of_nothing_is_still_told(world: World, hub: OddsHub) -> None:
    async with listening(subscriber(hub, all_of(world))) as stream:
        update = await stream.next()
    assert (update.kind, update.cursor, len(update.changes)) == (Kind.SNAPSHOT, Cursor(0), 0)


async def test_every_change_told_is_one_row_of_history(world: World, hub: OddsHub) -> None:
    source = random.Random(4)
    async with listening(subscriber(hub, all_of(world)), has_snapshot=False) as stream:
        assert (await stream.next()).kind is Kind.HEARTBEAT
        last = 0
        for _ in range(30):
            recorded = await world.put(*world.random_ticks(source, 10), is_published=source.random() > 0.2)
            last = recorded.last_sequence or last
        changes = await stream.until(last)
    assert told(changes) == [tuple(row) for row in await world.history()]


async def test_replay_equals_what_was_told_live(world: World, hub: OddsHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PAGE", 37)
    monkeypatch.setattr(live, "MESSAGE", 10)
    source = random.Random(5)
    async with listening(subscriber(hub, all_of(world)), has_snapshot=False) as stream:
        await stream.next()
        for _ in range(20):
            recorded = await world.put(*world.random_ticks(source, 12))
        last = recorded.last_sequence or 0
        changes = await stream.until(last)
    for after in (0, 1, 36, 37, 100, last):
        async with listening(subscriber(hub, all_of(world), heartbeat=0.1), Cursor(after)) as stream:
            assert await stream.until(last) == [change for change in changes if change.sequence > after]


async def test_prices_that_move_during_a_snapshot_are_not_missed(
    world: World, hub: OddsHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MATCHES_AT_ONCE", 1)
    monkeypatch.setattr(live, "MESSAGE", 5)
    for match in range(4):
        await world.open_books(match=match)
    source = random.Random(6)
    book: dict[tuple[int, int, int], tuple[int, float, bool]] = {}
    last = 0
    async with listening(subscriber(hub, all_of(world))) as stream:
        while len(stream.seen) < 15 or stream.seen[-1].cursor.sequence < last:
            if len(stream.seen) < 15:
                last = (await world.put(*world.random_ticks(source, 6))).last_sequence or last
            for change in (await stream.next()).changes:
                book[change.match_id, change.selection_id, change.bookmaker_id] = (
                    change.sequence,
                    change.price,
                    change.is_available,
                )
        kinds = [update.kind for update in stream.seen]
        wholes = [update.cursor.is_whole for update in stream.seen if update.kind is Kind.SNAPSHOT]
    assert kinds.count(Kind.SNAPSHOT) == 20
    assert wholes == [False] * 19 + [True]
    rows = await world.database.pool.fetch(
        "select match_id, selection_id, bookmaker_id, sequence, price::float8, is_available from quote"
    )
    assert book == {tuple(row[:3]): tuple(row[3:]) for row in rows}


async def test_cursor_inside_a_snapshot_begins_it_again(world: World, hub: OddsHub) -> None:
    await world.open_books()
    async with listening(subscriber(hub, all_of(world)), Cursor(21, is_whole=False)) as stream:
        update = await stream.next()
    assert (update.kind, len(update.changes)) == (Kind.SNAPSHOT, 21)


async def test_cursor_older_than_the_retention_is_a_gap_and_a_snapshot(world: World, hub: OddsHub) -> None:
    await world.open_books()
    short = timedelta(seconds=0)
    async with listening(subscriber(hub, all_of(world), retention=short), Cursor(3), has_snapshot=False) as stream:
        updates = [await stream.next(), await stream.next()]
    assert [update.kind for update in updates] == [Kind.GAP, Kind.SNAPSHOT]
    assert (updates[0].cursor, updates[0].changes, len(updates[1].changes)) == (Cursor(3), (), 21)


async def test_old_cursor_is_good_when_nothing_happened_since(world: World, hub: OddsHub) -> None:
    await world.open_books()
    follower = subscriber(hub, all_of(world), retention=timedelta(seconds=0), heartbeat=0.05)
    async with listening(follower, Cursor(21)) as stream:
        assert (await stream.next()).kind is Kind.HEARTBEAT


async def test_cursor_from_the_future_is_refused(world: World, hub: OddsHub) -> None:
    await world.put(world.tick(2.0), is_published=False)
    follower = subscriber(hub, all_of(world))
    await follower.check(Cursor(1))  # the hub has not heard of it yet, the database has
    with pytest.raises(BadCursor, match="after"):
        await follower.check(Cursor(2))


@pytest.mark.parametrize("text", ["", "x", "b2RkczoxMg==", "b2RkczotMQ", "bm90OjE", "b2RkczphYmM", "💥", "b2RkczowMQ"])
def test_malformed_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor, match="after"):
        Cursor.read(text)


def test_cursor_survives_the_journey() -> None:
    for cursor in (Cursor(0), Cursor(12), Cursor(2**62), Cursor(5, is_whole=False)):
        assert Cursor.read(str(cursor)) == cursor


async def test_silence_is_told(world: World, hub: OddsHub) -> None:
    async with listening(subscriber(hub, all_of(world), heartbeat=0.05)) as stream:
        kinds = [(await stream.next()).kind for _ in range(3)]
        await world.put(world.tick(2.0))
        while (await stream.next()).kind is Kind.HEARTBEAT:
            pass
        assert (await stream.next()).cursor == Cursor(1)
    assert kinds == [Kind.SNAPSHOT, Kind.HEARTBEAT, Kind.HEARTBEAT]


async def test_heartbeat_moves_past_changes_that_were_not_wanted(world: World, hub: OddsHub) -> None:
    wanted = Wanted(Scope(frozenset({world.matches[3]})))
    async with listening(subscriber(hub, wanted, heartbeat=0.2)) as stream:
        await stream.next()
        await world.put(world.tick(2.0, match=0))
        await asyncio.sleep(0.1)
        assert await stream.next() == Update(Kind.HEARTBEAT, Cursor(1))


async def test_slow_reader_gets_the_newest_price_of_each_quote(world: World, hub: OddsHub) -> None:
    async with listening(subscriber(hub, all_of(world), limit=10)) as stream:
        await joined(world, stream)
        for n in range(200):
            await world.put(world.tick(2.0 + n / 100, book=n % 3))
        await until(lambda: hub.position == 201)
        update = await stream.next()
    assert update.is_conflated
    assert [change.sequence for change in update.changes] == [199, 200, 201]
    assert update.cursor == Cursor(201)


async def test_reader_that_is_too_slow_hears_of_a_gap_and_begins_anew(world: World, hub: OddsHub) -> None:
    async with listening(subscriber(hub, all_of(world), limit=10)) as stream:
        await joined(world, stream)
        await world.open_books()
        await until(lambda: hub.position == 22)
        updates = [await stream.next(), await stream.next()]
        await world.put(world.tick(8.0))
        updates.append(await stream.next())
    assert [update.kind for update in updates] == [Kind.GAP, Kind.SNAPSHOT, Kind.DELTA]
    assert (len(updates[1].changes), updates[2].cursor) == (21, Cursor(23))
    assert not updates[0].cursor.is_whole


async def test_exactness_comes_back_once_the_slow_reader_has_caught_up(world: World, hub: OddsHub) -> None:
    async with listening(subscriber(hub, all_of(world), limit=3)) as stream:
        await joined(world, stream)
        await world.put(*(world.tick(2.0 + n / 10) for n in range(10)))
        await until(lambda: hub.position == 11)
        first = await stream.next()
        await world.put(world.tick(5.0), world.tick(5.1))
        second = await stream.next()
    assert (first.is_conflated, len(first.changes)) == (True, 1)
    assert (second.is_conflated, len(second.changes)) == (False, 2)


async def test_conflation_sends_the_newest_price_per_quote(world: World, hub: OddsHub) -> None:
    wanted = Wanted(Scope(frozenset(world.matches)), conflation=timedelta(seconds=0.2))
    async with listening(subscriber(hub, wanted)) as stream:
        await joined(world, stream)
        for n in range(10):
            await world.put(world.tick(2.0 + n / 10), world.tick(3.0 + n / 10, book=1))
        await until(lambda: hub.position == 21)
        update = await stream.next()
    assert update.is_conflated
    assert [(change.sequence, change.price) for change in update.changes] == [(20, 2.9), (21, 3.9)]


async def test_amended_past_does_not_displace_a_newer_price(world: World, hub: OddsHub) -> None:
    wanted = Wanted(Scope(frozenset(world.matches)), conflation=timedelta(seconds=0.2))
    early = world.tick(7.0)
    await world.put(world.tick(2.0))
    async with listening(subscriber(hub, wanted)) as stream:
        await joined(world, stream)
        await world.put(world.tick(2.5))
        await world.put(early, is_history=True)
        await until(lambda: hub.position == 4)
        update = await stream.next()
        assert [change.price for change in update.changes] == [2.5]
    rows = await world.history()
    assert [row["price"] for row in rows] == [2.0, 1.5, 2.5, 7.0]


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"kinds": frozenset({"total_goals"})}, [3]),
        ({"kinds": frozenset({"match_result", "total_goals"})}, [1, 2, 3, 4, 5, 6]),
        ({"kinds": frozenset()}, []),
        ({"is_best_only": True}, [1, 2, 3, 4, 6]),
        ({"min_move": 0.05}, [1, 2, 3, 5, 6]),
    ],
)
async def test_filter_holds_live_and_in_replay(
    world: World, hub: OddsHub, narrowed: dict[str, object], expected: list[int]
) -> None:
    wanted = Wanted(Scope(frozenset(world.matches)), **narrowed)  # type: ignore[arg-type]
    async with listening(subscriber(hub, wanted, heartbeat=0.3)) as stream:
        await stream.next()
        await world.put(world.tick(2.0))
        await world.put(world.tick(2.2), world.tick(1.9, outcome="total_goals:2.5:ft/over"))
        await world.put(world.tick(2.18))  # 0.9 % down
        await world.put(world.tick(2.18, open=False))
        await world.put(world.tick(2.4))
        assert [change.sequence for change in await stream.until(6)] == expected
    async with listening(subscriber(hub, wanted, heartbeat=0.1), Cursor(0)) as stream:
        assert [change.sequence for change in await stream.until(6)] == expected


async def test_filter_by_bookmaker(world: World, hub: OddsHub) -> None:
    await world.open_books()
    wanted = Wanted(Scope(frozenset(world.matches)), bookmaker_ids=frozenset({world.books[1]}))
    async with listening(subscriber(hub, wanted)) as stream:
        snapshot = await stream.next()
        await world.put(world.tick(3.0), world.tick(3.1, book=1))
        delta = await stream.next()
    assert {change.bookmaker_id for change in (*snapshot.changes, *delta.changes)} == {world.books[1]}
    assert (len(snapshot.changes), len(delta.changes), delta.cursor) == (7, 1, Cursor(23))


async def test_snapshot_of_a_league_leaves_out_what_is_over(world: World, hub: OddsHub) -> None:
    await world.open_books(match=0)
    await world.open_books(match=1)
    await world.database.pool.execute("update match set status = 'FINISHED' where id = $1", world.matches[0])
    by_league = Wanted(Scope(league_ids=frozenset({world.leagues[0]})))
    async with listening(subscriber(hub, by_league)) as stream:
        assert {change.match_id for change in (await stream.next()).changes} == {world.matches[1]}
    by_match = Wanted(Scope(frozenset({world.matches[0]})))
    async with listening(subscriber(hub, by_match)) as stream:
        assert {change.match_id for change in (await stream.next()).changes} == {world.matches[0]}


async def test_slow_replay_does_not_fill_the_buffer(
    world: World, hub: OddsHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAGE", 10)
    source = random.Random(7)
    last = (await world.put(*world.random_ticks(source, 60))).last_sequence or 0
    async with listening(subscriber(hub, all_of(world), limit=2), Cursor(0)) as stream:
        changes = list((await stream.next()).changes)
        for _ in range(5):
            last = (await world.put(*world.random_ticks(source, 10))).last_sequence or last
            changes.extend((await stream.next()).changes)
        while changes[-1].sequence < last:
            changes.extend((await stream.next()).changes)
        assert not any(update.is_conflated for update in stream.seen)
    assert [change.sequence for change in changes] == list(range(1, last + 1))


async def test_no_connection_is_held_by_those_who_wait(world: World, hub: OddsHub) -> None:
    await world.open_books()
    followers = [subscriber(hub, all_of(world)).updates(None, has_snapshot=True) for _ in range(30)]
    waiting = []
    for updates in followers:
        await anext(updates)
        waiting.append(asyncio.ensure_future(anext(updates)))
    await asyncio.sleep(0.2)
    pool = world.database.pool
    assert (pool.get_idle_size(), hub.listener_count) == (pool.get_size(), 30)
    await world.put(world.tick(9.0))
    assert [(await update).cursor for update in waiting] == [Cursor(22)] * 30
    for updates in followers:
        await updates.aclose()
    assert hub.listener_count == 0


async def test_conflated_changes_of_more_than_one_message_wait_once(
    world: World, hub: OddsHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MESSAGE", 3)
    wanted = Wanted(Scope(frozenset(world.matches)), conflation=timedelta(seconds=1))
    async with listening(subscriber(hub, wanted)) as stream:
        await joined(world, stream)
        await world.open_books()
        began = asyncio.get_running_loop().time()
        changes = await stream.until(22)
        took = asyncio.get_running_loop().time() - began
    assert (len(changes), len(stream.seen)) == (21, 9)
    assert 0.8 < took < 2
