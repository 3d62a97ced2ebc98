"""Subscriptions over HTTP: server-sent events and Apollo's multipart protocol, byte by byte, to their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from starlette.types import Message

from api.context import Context
from api.edge.negotiation import MULTIPART, SSE
from api.edge.streams import Stream
from api.nodes import global_id
from domain.accounts.sessions import SignedIn
from domain.infra.bus import Bus
from domain.infra.database import Database
from tests.odds_world import World, make_world, until
from tests.people import open_desk, person, signed_in
from tests.serving import Api, serving

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {SSE}, {MULTIPART}"
APOLLO = f'{MULTIPART};boundary="graphql";subscriptionSpec=1.0,{JSON}'
LIVE = "subscription($ids: [ID!]) { oddsChanged(leagueIds: $ids) { kind } }"
LEAGUE = {"ids": ["TGVhZ3VlOjE"]}
PRICES = "subscription($ids: [ID!]) { oddsChanged(matchIds: $ids, hasSnapshot: false) { kind changes { sequence } } }"
BETS = "subscription { betSettled { bet { id } } }"
SECONDS = 30


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=0.2, log_level="debug") as running:
        yield running


@asynccontextmanager
async def opened(
    api: Api, query: str, variables: Mapping[str, Any] | None = None, *, accept: str = SSE, **headers: str
) -> AsyncIterator[httpx.Response]:
    """A POST whose answer is read as it comes."""
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=SECONDS) as http,
        http.stream(
            "POST", f"http://127.0.0.1:{api.port}/graphql", json=body, headers={"accept": accept} | headers
        ) as it,
    ):
        yield it


async def pieces(answer: httpx.Response, end: bytes) -> AsyncGenerator[bytes, None]:
    """What comes, each time up to an end."""
    kept = b""
    async for chunk in answer.aiter_raw():
        *whole, kept = (kept + chunk).split(end)
        for piece in whole:
            yield piece
    if kept:
        yield kept


async def events(answer: httpx.Response) -> AsyncGenerator[tuple[str, Any], None]:
    """Server-sent events as a client that knows LF alone reads them; beats are named "beat"."""
    async with aclosing(pieces(answer, b"\n\n")) as found:
        async for piece in found:
            assert b"\r" not in piece
            if piece == b":":
                yield "beat", None
            else:
                name, data = piece.split(b"\n")
                text = data.removeprefix(b"data:").strip()
                yield name.removeprefix(b"event: ").decode(), json.loads(text) if text else None


async def anext_of(wanted: str, stream: AsyncGenerator[tuple[str, Any], None]) -> Any:
    """What the next event of a name holds."""
    async for name, body in stream:
        if name == wanted:
            return body
    raise AssertionError(f"the stream ended without {wanted}")


async def test_a_subscription_is_a_stream_of_events(api: Api) -> None:
    for accept in (SSE, URQL):
        async with opened(api, LIVE, LEAGUE, accept=accept, **{"accept-encoding": "gzip, br, zstd"}) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert "no-cache" in answer.headers["cache-control"]
            assert answer.headers["x-accel-buffering"] == "no"
            assert "content-encoding" not in answer.headers
            stream = events(answer)
            assert await anext(stream) == ("beat", None)
            assert await anext_of("next", stream) == {"data": {"oddsChanged": {"kind": "SNAPSHOT"}}}
            assert await anext_of("next", stream) == {"data": {"oddsChanged": {"kind": "HEARTBEAT"}}}


async def test_a_browser_subscribes_from_its_own_page_by_get(api: Api) -> None:
    parameters = {"query": LIVE, "variables": json.dumps(LEAGUE)}
    url = f"http://127.0.0.1:{api.port}/graphql"
    async with httpx.AsyncClient(timeout=SECONDS) as http:
        own = {"accept": SSE, "sec-fetch-site": "same-origin"}
        async with http.stream("GET", url, params=parameters, headers=own) as answer:
            assert await anext_of("next", events(answer)) == {"data": {"oddsChanged": {"kind": "SNAPSHOT"}}}
        other = await http.get(url, params=parameters, headers={"accept": SSE, "sec-fetch-site": "cross-site"})
        assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (400, "CSRF_BLOCKED")


async def test_a_query_is_a_stream_only_where_nothing_else_is_taken(api: Api) -> None:
    async with opened(api, "{ __typename }", accept=URQL) as answer:
        assert answer.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
        assert json.loads(await answer.aread()) == {"data": {"__typename": "Query"}}
    async with opened(api, "{ __typename }", accept=SSE) as answer:
        found = [event async for event in events(answer) if event[0] != "beat"]
    assert found == [("next", {"data": {"__typename": "Query"}}), ("complete", None)]
    async with opened(api, LIVE, LEAGUE, accept=GRAPHQL) as answer:
        (error,) = json.loads(await answer.aread())["errors"]
    assert answer.status_code == 400
    assert SSE in error["message"]
    assert "graphql-transport-ws" in error["message"]


async def test_what_is_wrong_is_told_in_the_stream_and_a_bad_request_as_json(api: Api) -> None:
    for query, code in (
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { oddsChanged { kind } }", "BAD_USER_INPUT"),
        (BETS, "UNAUTHENTICATED"),
    ):
        async with opened(api, query) as answer:
            assert answer.status_code == 200
            (name, body), last = [event async for event in events(answer) if event[0] != "beat"]
        assert (name, last) == ("next", ("complete", None))
        assert body["errors"][0]["extensions"]["code"] == code
    async with opened(api, LIVE, [1]) as answer:  # type: ignore[arg-type]
        assert answer.status_code == 400
        assert json.loads(await answer.aread())["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    async with opened(api, LIVE, LEAGUE, authorization="Bearer swordfish") as answer:
        assert answer.status_code == 401
        assert answer.headers["content-type"] == f"{JSON}; charset=utf-8"


async def test_a_subscription_in_parts(api: Api) -> None:
    async with opened(api, LIVE, LEAGUE, accept=APOLLO, **{"accept-encoding": "gzip, br, zstd"}) as answer:
        assert answer.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
        assert "content-encoding" not in answer.headers
        parts = pieces(answer, b"\r\n--graphql")
        first = await anext(parts)
        assert first.removeprefix(b"--graphql").split(b"\r\n\r\n") == [b"\r\ncontent-type: application/json", b"{}"]
        while (payload := (await anext(parts)).split(b"\r\n\r\n"))[1] == b"{}":
            pass
        assert payload[0].startswith(b"\r\ncontent-type: application/json")
        assert json.loads(payload[1]) == {"payload": {"data": {"oddsChanged": {"kind": "SNAPSHOT"}}}}
    async with opened(api, "subscription { nothing }", accept=APOLLO) as answer:
        *_, last, end = [piece async for piece in pieces(answer, b"\r\n--graphql")]
    assert json.loads(last.split(b"\r\n\r\n")[1])["payload"]["errors"]
    assert end == b"--\r\n"


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


async def test_a_client_that_goes_away_leaves_nothing_behind(world: World, api: Api) -> None:
    hub = api.state.doors.hub
    ids = {"ids": _ids(world)}
    for accept in (SSE, APOLLO):
        for _ in range(3):
            async with opened(api, PRICES, ids, accept=accept) as answer:
                assert answer.status_code == 200
                await until(lambda: hub.listener_count == 1)
            await until(lambda: hub.listener_count == 0)
        async with opened(api, PRICES, ids, accept=accept) as answer:
            assert answer.status_code == 200  # and gone before the subscription has begun
    await until(lambda: not [task for task in asyncio.all_tasks() if task.get_name() == "stream"])
    assert hub.listener_count == 0


async def test_events_are_read_anew_and_in_order(world: World, api: Api) -> None:
    async with opened(api, PRICES, {"ids": _ids(world)}) as answer:
        stream = events(answer)
        await anext_of("next", stream)
        heard: list[int] = []
        for number in range(10):
            await world.put(world.tick(2.0 + number / 10))
        while len(heard) < 10:
            changes = (await anext_of("next", stream))["data"]["oddsChanged"]["changes"]
            heard += [change["sequence"] for change in changes]
    assert heard == list(range(1, 11))


def _ids(world: World) -> list[str]:
    return [global_id("Match", each) for each in world.matches]


@pytest.fixture
async def ann(database: Database, redis_url: str) -> AsyncIterator[SignedIn]:
    async with open_desk(database, redis_url) as desk:
        yield await signed_in(desk, await person(desk))


async def test_a_stream_of_somebody_beats_and_ends_with_their_session(
    api: Api, ann: SignedIn, database: Database
) -> None:
    guests = api.state.doors.guests
    async with opened(api, BETS, authorization=f"Bearer {ann.access_token}") as answer:
        stream = events(answer)
        assert [await anext(stream) for _ in range(3)] == [("beat", None)] * 3
        assert len(guests) == 1
        await database.pool.execute("update session set ended_at = now() where id = $1", ann.session_id)
        await guests.look()
        found = [event async for event in stream if event[0] != "beat"]
    assert [name for name, _ in found] == ["next", "complete"]
    (error,) = found[0][1]["errors"]
    assert (error["message"], error["extensions"]) == (
        "This stream has ended: session ended.",
        {"code": "UNAUTHENTICATED"},
    )
    await until(lambda: len(guests) == 0)


async def test_what_nobody_expected_ends_a_stream_and_is_masked(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("strawberry.Schema.stream", broken)
    async with opened(api, LIVE, LEAGUE) as answer:
        (name, body), last = [event async for event in events(answer) if event[0] != "beat"]
    assert (name, last) == ("next", ("complete", None))
    (error,) = body["errors"]
    assert "swordfish" not in error["message"]
    assert error["extensions"]["id"] in caplog.text


async def test_a_client_that_reads_nothing_holds_its_stream_up_and_gathers_nothing() -> None:
    made, closed = 0, asyncio.Event()

    async def results() -> AsyncGenerator[dict[str, Any], None]:
        nonlocal made
        try:
            while True:
                made += 1
                yield {"data": made}
        finally:
            closed.set()

    stuck, gone = asyncio.Event(), asyncio.Event()
    answer = Stream(results(), SSE, _nobody())

    async def send(message: Message) -> None:
        if message.get("body", b"").startswith(b"event"):
            stuck.set()
            await asyncio.Event().wait()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    answering = asyncio.create_task(answer({"type": "http"}, receive, send))
    await asyncio.wait_for(stuck.wait(), SECONDS)
    for _ in range(100):
        await asyncio.sleep(0)
    assert made <= 4
    gone.set()
    await asyncio.wait_for(answering, SECONDS)
    await asyncio.wait_for(closed.wait(), SECONDS)


def _nobody() -> Context:
    """What a stream asks of the context of nobody's request."""
    settings = SimpleNamespace(heartbeat_seconds=SECONDS)
    doors = SimpleNamespace(guests=SimpleNamespace(leave=lambda _: None), settings=settings)
    return cast("Context", SimpleNamespace(doors=doors, visitor=None))
