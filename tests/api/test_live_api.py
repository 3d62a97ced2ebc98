"""`oddsChanged` through the real server: the protocol, the arguments, the fields of an event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncpg import Record

from api.live_buffer import Cursor
from api.nodes import global_id
from api.rows import Rows
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.odds_world import World, make_world, until
from tests.serving import Api, Socket, serving, socket

LIVE = """
subscription LiveOdds($ids: [ID!]!, $after: String) {
  oddsChanged(matchIds: $ids, markets: [MATCH_RESULT, TOTAL_GOALS], after: $after, conflateMilliseconds: 250) {
    kind cursor sentAt
    changes { isBest move match { id } market { id }
      quote { id price { decimal } isAvailable observedAt bookmaker { id } selection { id key } } }
  }
}
"""
EXACT = """
subscription Exact($ids: [ID!], $leagues: [ID!], $after: String, $hasSnapshot: Boolean, $markets: [MarketKind!],
                   $books: [ID!], $isBestOnly: Boolean, $minMove: Float, $conflate: Int) {
  oddsChanged(matchIds: $ids, leagueIds: $leagues, after: $after, hasSnapshot: $hasSnapshot, markets: $markets,
              bookmakerIds: $books, isBestOnly: $isBestOnly, minMove: $minMove, conflateMilliseconds: $conflate) {
    kind cursor isConflated
    changes { sequence isBest move previousPrice { decimal }
      quote { id price { decimal } isAvailable observedAt confirmedAt replacedAt isStale isEstimated source
              changeSinceOpen bookmaker { name } selection { key name } }
      market { id key name line kind } match { id homeTeam { name } } }
  }
}
"""


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


@pytest.fixture
async def api(world: World, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=0.5) as running:
        yield running


@pytest.fixture
async def live(api: Api) -> AsyncIterator[Socket]:
    async with socket(api.port) as opened:
        yield opened


def ids(world: World) -> list[str]:
    return [global_id("Match", id_) for id_ in world.matches]


async def test_operation_of_a_frontend_runs_unchanged(world: World, live: Socket) -> None:
    await world.open_books()
    await live.subscribe(LIVE, {"ids": ids(world)})
    snapshot = await live.event("oddsChanged")
    assert (snapshot["kind"], snapshot["cursor"], len(snapshot["changes"])) == ("SNAPSHOT", str(Cursor(21)), 21)
    await asyncio.sleep(0.05)
    await world.put(world.tick(4.0), world.tick(4.2, book=1), world.tick(1.9, outcome="total_goals:2.5:ft/over"))
    delta = await live.event("oddsChanged")
    assert (delta["kind"], delta["cursor"]) == ("DELTA", str(Cursor(24)))
    first = delta["changes"][0]
    assert first["quote"]["id"] == global_id("OddsQuote", 22)
    assert first["quote"]["price"] == {"decimal": 4.0}
    assert first["quote"]["selection"]["key"] == "home"
    assert (first["isBest"], first["move"]) == (False, pytest.approx(1.0))
    assert first["match"]["id"] == ids(world)[0]


async def test_event_holds_everything_about_a_quote(world: World, live: Socket) -> None:
    await world.open_books()
    await live.subscribe(EXACT, {"ids": ids(world), "hasSnapshot": False})
    assert (await live.event("oddsChanged"))["kind"] == "HEARTBEAT"
    await world.put(world.tick(2.5, outcome="total_goals:2.5:ft/over"))
    (change,) = (await live.event("oddsChanged"))["changes"]
    observed = (world.now + world.clock).isoformat().replace("+00:00", "Z")
    assert change["quote"] == {
        "id": global_id("OddsQuote", 22),
        "price": {"decimal": 2.5},
        "isAvailable": True,
        "observedAt": observed,
        "confirmedAt": observed,
        "replacedAt": None,
        "isStale": False,
        "isEstimated": False,
        "source": "test",
        "changeSinceOpen": pytest.approx(2.5 / 2.03 - 1),
        "bookmaker": {"name": "Pinnacle"},
        "selection": {"key": "over", "name": "Over 2.5"},
    }
    assert change["market"]["key"] == "total_goals:2.5:ft"
    assert (change["market"]["kind"], change["market"]["line"]) == ("TOTAL_GOALS", 2.5)
    assert (change["sequence"], change["previousPrice"]["decimal"]) == (22, 2.03)
    assert change["match"]["homeTeam"]["name"] == "Arsenal"


async def test_every_event_is_read_anew(world: World, live: Socket) -> None:
    await live.subscribe(EXACT, {"ids": ids(world)})
    await live.event("oddsChanged")
    for name in ("Gunners", "Arsenals", "Invincibles"):
        await world.database.pool.execute("update team set name = $1 where slug = 'arsenal'", name)
        await world.put(world.tick(2.0 + len(name)))
        (change,) = (await live.event("oddsChanged"))["changes"]
        assert change["match"]["homeTeam"]["name"] == name


async def test_event_of_many_changes_takes_few_statements(
    world: World, live: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = []
    fetch = Rows.fetch

    async def counted(self: Rows, query: str, *args: Any) -> list[Record]:
        statements.append(query)
        return await fetch(self, query, *args)

    await live.subscribe(EXACT, {"ids": ids(world)})
    await live.event("oddsChanged")
    monkeypatch.setattr(Rows, "fetch", counted)
    await world.put(*(world.tick(2.0 + n / 100, match=n % 4, book=n % 3) for n in range(100)))
    assert len((await live.event("oddsChanged"))["changes"]) == 100
    assert len(statements) <= 6, "bookmakers, selections, matches, teams, and what a change does not hold of a quote"


async def test_board_and_stream_meet_without_a_window(world: World, api: Api, live: Socket) -> None:
    await world.open_books()
    board = await api.ask("query($id: ID!) { match(id: $id) { oddsBoard { cursor } } }", id=ids(world)[0])
    await world.put(world.tick(3.0))
    await live.subscribe(EXACT, {"ids": ids(world), "after": board["data"]["match"]["oddsBoard"]["cursor"]})
    assert [change["sequence"] for change in (await live.event("oddsChanged"))["changes"]] == [22]


async def test_silent_stream_beats(world: World, live: Socket) -> None:
    await live.subscribe(EXACT, {"ids": ids(world)})
    kinds = [(await live.event("oddsChanged"))["kind"] for _ in range(3)]
    assert kinds == ["SNAPSHOT", "HEARTBEAT", "HEARTBEAT"]


@pytest.mark.parametrize(
    ("variables", "argument"),
    [
        ({}, "matchIds"),
        ({"ids": [], "leagues": []}, "matchIds"),
        ({"ids": [global_id("Match", n) for n in range(1, 202)]}, "matchIds"),
        ({"leagues": [global_id("League", n) for n in range(1, 52)]}, "leagueIds"),
        ({"ids": [global_id("League", 1)]}, "matchIds"),
        ({"ids": [global_id("Match", 1)], "books": ["nonsense"]}, "bookmakerIds"),
        ({"ids": [global_id("Match", 1)], "minMove": -0.1}, "minMove"),
        ({"ids": [global_id("Match", 1)], "conflate": 5001}, "conflateMilliseconds"),
        ({"ids": [global_id("Match", 1)], "conflate": -1}, "conflateMilliseconds"),
        ({"ids": [global_id("Match", 1)], "after": "nonsense"}, "after"),
        ({"ids": [global_id("Match", 1)], "after": str(Cursor(99))}, "after"),
    ],
)
async def test_bad_argument_is_named(live: Socket, variables: dict[str, Any], argument: str) -> None:
    await live.subscribe(EXACT, variables)
    message = await live.receive()
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert errors[0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
    assert argument in errors[0]["message"]


async def test_subscriptions_leave_the_hub_when_they_end(world: World, api: Api) -> None:
    hub = api.state.doors.hub
    async with socket(api.port) as opened:
        names = [await opened.subscribe(EXACT, {"ids": ids(world)}) for _ in range(3)]
        for _ in names:
            await opened.receive()
        await until(lambda: hub.listener_count == 3)
        await opened.stop(names[0])
        await until(lambda: hub.listener_count == 2)
    await until(lambda: hub.listener_count == 0)


async def test_two_subscriptions_of_one_socket_do_not_disturb_each_other(world: World, live: Socket) -> None:
    names = [await live.subscribe(EXACT, {"ids": [id_]}) for id_ in ids(world)[:2]]
    for _ in names:
        await live.receive()
    for n in range(20):
        await world.put(world.tick(2.0 + n / 100, match=n % 2))
    heard: dict[str, list[int]] = {name: [] for name in names}
    while any(len(found) < 10 for found in heard.values()):
        message = await live.receive()
        heard[message["id"]].extend(
            change["sequence"] for change in message["payload"]["data"]["oddsChanged"]["changes"]
        )
    assert heard == {names[0]: list(range(1, 21, 2)), names[1]: list(range(2, 21, 2))}


async def test_change_arrives_soon(world: World, live: Socket) -> None:
    await live.subscribe(EXACT, {"ids": ids(world)})
    await live.event("oddsChanged")
    took = []
    for n in range(50):
        await asyncio.sleep(0.01)
        recorded = await world.put(world.tick(2.0 + n / 100), is_published=False)
        began = time.perf_counter()
        await world.bus.publish_odds(recorded.changes)
        assert (await live.event("oddsChanged"))["kind"] == "DELTA"
        took.append(time.perf_counter() - began)
    took.sort()
    print(f"publish to client: median {took[25] * 1e3:.1f} ms, 98th percentile {took[48] * 1e3:.1f} ms")
    assert took[25] < 0.1
