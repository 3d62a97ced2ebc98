"""WebSockets at their limits: how many, how large, how silent, and the codes that graphql-transport-ws closes with."""

from __future__ import annotations

import asyncio
import gc
import socket as stream
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.edge import connections, sockets
from api.edge import router as routing
from domain.accounts.sessions import SignedIn
from domain.infra import leases
from domain.infra.database import Database
from domain.infra.leases import Leases
from tests.odds_world import until
from tests.people import open_desk, person, signed_in
from tests.serving import Api, Socket, serving, socket

LIVE = 'subscription { oddsChanged(leagueIds: ["TGVhZ3VlOjE"]) { kind } }'
HELLO = "{ __typename }"
SPOKEN = ["graphql-transport-ws"]


@pytest.fixture
async def api(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=0.2, viewer_subscriptions=3) as running:
        yield running


@pytest.fixture
async def other(api: Api, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    """Another process of the same deployment, as far as Redis can tell."""
    async with serving(database_url, redis_url, heartbeat_seconds=0.2, viewer_subscriptions=3) as running:
        yield running


@pytest.fixture(autouse=True)
async def _nothing_held(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        async for key in redis.scan_iter(f"{leases.PREFIX}*"):
            await redis.delete(key)


@pytest.fixture
async def ann(database: Database, redis_url: str) -> AsyncIterator[SignedIn]:
    async with open_desk(database, redis_url) as desk:
        yield await signed_in(desk, await person(desk))


PINGS = 100_000
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)


async def test_answers_to_pings_are_not_kept_for_who_does_not_read(api: Api) -> None:
    ping = b"\x89\xfd\0\0\0\0" + bytes(125)
    own = stream.socket()
    own.setsockopt(stream.SOL_SOCKET, stream.SO_RCVBUF, 4096)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    with own:
        await loop.sock_connect(own, ("127.0.0.1", api.port))
        await loop.sock_sendall(own, UPGRADE)
        assert (await loop.sock_recv(own, 4096)).startswith(b"HTTP/1.1 101")
        for _ in range(PINGS // 1000):
            await loop.sock_sendall(own, ping * 1000)
        (served,) = [each for each in gc.get_objects() if isinstance(each, connections.SocketConnection)]
        await until(lambda: not served.writable.is_set())
        assert served.transport.get_write_buffer_size() < 1024 * 1024


async def begun(opened: Socket) -> str:
    """A subscription that has given its first event; its id."""
    name = await opened.subscribe(LIVE, {})
    while (message := await opened.receive())["id"] != name:
        pass
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return name


async def refused(opened: Socket, query: str = LIVE) -> dict[str, Any]:
    """The error of an operation that is not run."""
    name = await opened.subscribe(query, {})
    while (message := await opened.receive())["id"] != name:
        pass
    errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
    assert len(errors) == 1
    found: dict[str, Any] = errors[0]
    return found


async def test_subscriptions_are_counted_over_sockets_and_processes(api: Api, other: Api) -> None:
    async with socket(api.port) as first, socket(api.port) as second, socket(other.port) as third:
        for each in (first, second, third):
            await begun(each)
        for each in (first, third):
            error = await refused(each)
            assert error["extensions"] == {"code": "RATE_LIMITED"}
            assert "3 subscriptions already" in error["message"]
        name = await third.subscribe(HELLO, {})  # the socket is as good as before
        while (message := await third.receive())["id"] != name:
            pass
        assert message["payload"]["data"] == {"__typename": "Query"}


async def test_what_ends_makes_room(api: Api, other: Api) -> None:
    async with socket(api.port) as staying:
        async with socket(api.port) as leaving:
            await begun(leaving)
            stopped = await begun(leaving)
            await begun(staying)
            await refused(staying)
            await leaving.stop(stopped)
            await _room(staying)
        async with socket(other.port) as elsewhere:
            await _room(elsewhere)


async def _room(opened: Socket) -> None:
    """Begin a subscription as soon as there is room for it."""
    while True:
        name = await opened.subscribe(LIVE, {})
        while (message := await opened.receive())["id"] != name:
            pass
        if message["type"] == "next" and "errors" not in message["payload"]:
            return


async def test_accounts_are_counted_apart_from_their_address(api: Api, ann: SignedIn) -> None:
    async with socket(api.port) as nobody, socket(api.port, token=ann.access_token) as signed:
        for _ in range(3):
            await begun(nobody)
        await refused(nobody)
        for _ in range(3):
            await begun(signed)
        assert "Your account" in (await refused(signed))["message"]


async def test_what_a_killed_process_held_is_free_when_its_leases_end(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HELD_SECONDS", 1)
    async with Redis.from_url(redis_url) as redis:
        killed, living = Leases(redis), Leases(redis)  # neither renews anything
        assert await killed.take("seats", 1) is not None
        assert await living.take("seats", 1) is None
        await _until_true(lambda: living.take("seats", 1))


async def test_what_is_renewed_stays_and_redis_may_forget(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Redis.from_url(redis_url) as redis:
        holder, rival = Leases(redis), Leases(redis)
        held = await holder.take("seats", 1)
        assert held is not None
        await redis.delete(held.key)
        await holder.renew()
        assert await rival.take("seats", 1) is None
        assert 0 < await redis.ttl(held.key) <= leases.HELD_SECONDS
        await holder.give_back(held)
        assert await rival.take("seats", 1) is not None
        await rival.stop()
        assert await redis.zcard(held.key) == 0


async def test_a_redis_that_is_away_refuses_no_subscription() -> None:
    gone = Leases(Redis.from_url("redis://127.0.0.1:1"))
    taken = [await gone.take("seats", 1) for _ in range(2)]
    assert all(taken)
    await gone.stop()


async def _until_true(ask: Any) -> None:
    while not await ask():
        pass


async def test_sockets_of_an_address_are_bounded(api: Api, ann: SignedIn) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(socket(api.port))
        async with connect(_url(api), subprotocols=SPOKEN) as fourth:  # type: ignore[arg-type]
            assert await _close_of(fourth) == (1013, "too many sockets")
        guests = api.state.doors.guests
        assert sum(guests._counts.values()) == 3
    await until(lambda: not guests._counts)
    async with socket(api.port, token=ann.access_token):
        assert [name for name, _ in guests._counts] == ["account"]


async def test_a_message_may_be_so_large_and_no_larger(api: Api) -> None:
    async with connect(_url(api), subprotocols=SPOKEN, compression=None) as raw:  # type: ignore[arg-type]
        payload = {"query": HELLO, "variables": {"unused": "x" * (sockets.LARGEST_MESSAGE - 500)}}
        await _say(raw, {"type": "connection_init"}, {"id": "1", "type": "subscribe", "payload": payload})
        assert orjson.loads(await raw.recv())["type"] == "connection_ack"
        assert orjson.loads(await raw.recv())["type"] == "next"
        await raw.send("x" * (sockets.LARGEST_MESSAGE + 1))
        assert (await _close_of(raw))[0] == 1009


INIT = {"type": "connection_init"}
ASK = {"id": "1", "type": "subscribe", "payload": {"query": LIVE}}
LONG = {**ASK, "id": "x" * 4000}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([ASK], 4401),
        ([INIT, INIT], 4429),
        ([INIT, ASK, ASK], 4409),
        ([INIT, LONG, LONG], 4409),
        ([b"\x00\x01"], 4400),
        (["{"], 4400),
        (["[]"], 4400),
        (["null"], 4400),
        (['"connection_init"'], 4400),
        ([{}], 4400),
        ([{"type": 7}], 4400),
        ([{"type": "start", "id": "1", "payload": {"query": HELLO}}], 4400),  # of the protocol before
        ([{"type": "é" * 5000}], 4400),
        ([{"type": "connection_init", "payload": []}], 4400),
        ([INIT, {"type": "subscribe", "payload": {"query": HELLO}}], 4400),
        ([INIT, {"type": "subscribe", "id": 7, "payload": {"query": HELLO}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": 7}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": HELLO, "variables": []}}], 4400),
        ([INIT, {"type": "subscribe", "id": "1", "payload": {"query": HELLO, "operationName": 7}}], 4400),
        ([INIT, {"type": "complete"}], 4400),
    ],
)
async def test_what_breaks_the_protocol_closes_with_its_code(
    api: Api, messages: list[Any], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(_url(api), subprotocols=SPOKEN) as raw:  # type: ignore[arg-type]
        await _say(raw, *messages)
        found, reason = await _close_of(raw)
        assert found == code, reason
        assert len(reason.encode()) <= 123
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_syntax_error_ends_its_operation_and_not_the_socket(api: Api) -> None:
    async with socket(api.port) as opened:
        error = await refused(opened, "{ oh no")
        assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
        assert (await refused(opened, "{ nothing }"))["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_socket_that_does_not_greet_is_closed(
    database: Database, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "GREETING_WITHIN", timedelta(seconds=0.1))
    async with serving(database_url, redis_url) as api, connect(_url(api), subprotocols=SPOKEN) as raw:  # type: ignore[arg-type]
        assert (await _close_of(raw))[0] == 4408


@pytest.mark.parametrize("spoken", [["graphql-ws"], ["soap"], None])
async def test_only_the_one_protocol_is_spoken(api: Api, spoken: list[Any] | None) -> None:
    async with connect(_url(api), subprotocols=spoken) as raw:
        assert raw.subprotocol is None
        assert (await _close_of(raw))[0] == 4406


async def test_a_socket_runs_so_many_operations_at_once(
    database: Database, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MOST_OPERATIONS", 2)
    async with serving(database_url, redis_url, heartbeat_seconds=0.2) as api, socket(api.port) as opened:
        first = await begun(opened)
        await begun(opened)
        error = await refused(opened)
        assert error["extensions"] == {"code": "RATE_LIMITED"}
        assert "complete one first" in error["message"]
        await opened.stop(first)
        await begun(opened)


def _url(api: Api) -> str:
    return f"ws://127.0.0.1:{api.port}/graphql"


async def _say(raw: ClientConnection, *messages: Any) -> None:
    for each in messages:
        await raw.send(orjson.dumps(each).decode() if isinstance(each, dict) else each)


async def _close_of(raw: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes."""
    async with asyncio.timeout(30):
        with suppress(ConnectionClosed):
            while True:
                await raw.recv()
    assert raw.close_code is not None
    return raw.close_code, raw.close_reason or ""
