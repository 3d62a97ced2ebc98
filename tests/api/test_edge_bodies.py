"""What a request may carry, and how long it may take to: counted on the wire, of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from api.edge import bodies, connections
from domain.accounts.sessions import SignedIn
from domain.infra.database import Database
from tests.people import open_desk, person, signed_in
from tests.serving import Api, serving, socket

HELLO = b'{"query": "{ __typename }"}'
JSON = {"content-type": "application/json"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def api(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url) as running:
        yield running


@pytest.fixture
async def ann(database: Database, redis_url: str) -> AsyncIterator[SignedIn]:
    async with open_desk(database, redis_url) as desk:
        yield await signed_in(desk, await person(desk))


def padded(size: int) -> bytes:
    """A question of so many bytes."""
    return HELLO + b" " * (size - len(HELLO))


async def post(api: Api, content: Any, *, to: str = "/graphql", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=30) as client:
        return await client.post(to, content=content, headers=JSON | headers)


async def in_parts(content: bytes) -> AsyncIterator[bytes]:
    """Sent in chunks: no header says how much it will be."""
    for at in range(0, len(content), 50_000):
        yield content[at : at + 50_000]


@pytest.mark.parametrize("is_announced", [True, False])
async def test_nobody_may_send_so_much_and_no_more(api: Api, is_announced: bool) -> None:
    def sent(size: int) -> Any:
        return padded(size) if is_announced else in_parts(padded(size))

    assert (await post(api, sent(bodies.ANONYMOUS_BYTES))).json() == {"data": {"__typename": "Query"}}
    refused = await post(api, sent(bodies.ANONYMOUS_BYTES + 1))
    assert refused.status_code == 413
    (error,) = refused.json()["errors"]
    assert error["extensions"] == {"code": "PAYLOAD_TOO_LARGE"}
    assert "262,144 bytes" in error["message"]
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize("is_announced", [True, False])
async def test_who_is_signed_in_may_send_a_file(api: Api, ann: SignedIn, is_announced: bool) -> None:
    content = padded(bodies.SIGNED_IN_BYTES)
    sent: Any = content if is_announced else in_parts(content)
    answer = await post(api, sent, authorization=f"Bearer {ann.access_token}")
    assert answer.json() == {"data": {"__typename": "Query"}}
    more: Any = content + b" " if is_announced else in_parts(content + b" ")
    assert (await post(api, more, authorization=f"Bearer {ann.access_token}")).status_code == 413


async def test_a_token_that_is_worth_nothing_allows_nothing_more(api: Api) -> None:
    answer = await post(api, padded(bodies.ANONYMOUS_BYTES + 1), authorization="Bearer swordfish")
    assert answer.status_code == 401


@pytest.mark.parametrize("said", [b"999999999999", b"262145"])
async def test_what_a_header_announces_is_not_waited_for(
    api: Api, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(bodies, "LINGERED", 0.1)
    head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: " + said
    answer = await _raw(api, head + b"\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"PAYLOAD_TOO_LARGE" in answer


@pytest.mark.parametrize(("to", "form"), [("/graphql", "application/json"), ("/oauth/token", FORM)])
async def test_a_body_that_does_not_end_ends_its_connection_alone(
    api: Api, monkeypatch: pytest.MonkeyPatch, to: str, form: str
) -> None:
    monkeypatch.setattr(bodies, "SENT_WITHIN", 0.2)
    head = f"POST {to} HTTP/1.1\r\nhost: a\r\ncontent-type: {form}\r\ncontent-length: 1000\r\n\r\n".encode()
    slow = [asyncio.create_task(_raw(api, head + b"{")) for _ in range(20)]
    assert (await post(api, HELLO)).json() == {"data": {"__typename": "Query"}}  # meanwhile
    for answer in await asyncio.gather(*slow):
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()


async def test_a_client_that_goes_away_leaves_nothing(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n")
    writer.write(b"content-length: 1000\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await post(api, HELLO)).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_head_has_a_size(api: Api) -> None:
    for beginning in (b"GET /healthz?", b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        sent = 0
        writer.write(beginning)
        with suppress(ConnectionError):
            while sent < 50 * 2**20:
                writer.write(b"a" * 2**18)
                await writer.drain()
                sent += 2**18
        assert sent < 10 * 2**20
        with suppress(ConnectionError):
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{api.port}/healthz?{'a' * 50_000}")).status_code == 200


@pytest.mark.parametrize("beginning", [b"", b"POST /graphql HTTP/1.1\r\nhost: a\r\n"])
async def test_a_connection_that_does_not_ask_is_closed(
    api: Api, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(beginning)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_what_comes_after_a_body_is_bounded_as_a_head_is(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n")
    sent = 0
    async with asyncio.timeout(20):
        with suppress(ConnectionError):
            while sent < 64 * connections.LARGEST_HEAD and not reader.at_eof():
                writer.write(b"a: " + b"x" * 1000 + b"\r\n")
                await writer.drain()
                sent += 1000
                await asyncio.sleep(0)
            await reader.read()
    assert sent < 64 * connections.LARGEST_HEAD
    writer.close()


async def test_an_empty_line_after_an_answer_holds_no_connection_open(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.1)
        writer.write(b"\r\n")
        began = asyncio.get_running_loop().time()
        await reader.read()
    assert asyncio.get_running_loop().time() - began < 3  # uvicorn's own clock would have run for five
    writer.close()


async def test_a_socket_outlives_the_time_of_a_head(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.2)
    async with socket(api.port) as opened:
        closing = asyncio.create_task(opened.closed())
        await asyncio.wait([closing], timeout=0.6)
        assert not closing.done()
        closing.cancel()


async def _raw(api: Api, request: bytes) -> bytes:
    """What the server says until it hangs up, or has said one whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            answer += await reader.readexactly(size)
            if b"connection: close" in answer.lower():
                assert await reader.read() == b""
            return answer
    finally:
        writer.close()


def test_a_file_to_import_fits() -> None:
    assert bodies.SIGNED_IN_BYTES > 5 * 1024 * 1024 * 4 / 3, "in base64"
