"""The real API on a real port, and a client of graphql-transport-ws that can be cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.app import create_app
from api.edge.connections import Connection, SocketConnection
from api.edge.sockets import LARGEST_MESSAGE
from domain.infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Api:
    """A running API."""

    port: int
    state: Any

    async def ask(self, query: str, *, token: Any = None, **variables: Any) -> dict[str, Any]:
        """The answer to a query over HTTP, as whoever's access token is given."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60, headers=headers) as client:
            answer = await client.post("/graphql", json={"query": query, "variables": variables})
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def serving(database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Api]:
    """The API under uvicorn on loopback, in this event loop."""
    app = create_app(Settings(database_url=database_url, redis_url=redis_url, **settings))
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=Connection,
        ws=SocketConnection,
        log_config=None,
        lifespan="on",
        proxy_headers=False,
        ws_max_size=LARGEST_MESSAGE,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the API did not start"
        await asyncio.sleep(0.01)
    try:
        yield Api(server.servers[0].sockets[0].getsockname()[1], app.state)
    finally:
        server.should_exit = True
        await task


class Socket:
    """One WebSocket that speaks graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._count = 0

    async def greet(self, payload: object = None) -> None:
        """Say `connection_init`."""
        await self._send({"type": "connection_init"} | ({} if payload is None else {"payload": payload}))

    async def subscribe(self, query: str, variables: Mapping[str, Any]) -> str:
        """Begin an operation; answers its id."""
        return await self.begin({"query": query, "variables": dict(variables)})

    async def begin(self, payload: object) -> str:
        """Begin an operation with any payload; answers its id."""
        self._count += 1
        name = str(self._count)
        await self._send({"id": name, "type": "subscribe", "payload": payload})
        return name

    async def stop(self, name: str) -> None:
        """End an operation."""
        await self._send({"id": name, "type": "complete"})

    async def receive(self) -> dict[str, Any]:
        """The next message; raises websockets.ConnectionClosed when there is none."""
        async with asyncio.timeout(60):
            text = await self._connection.recv()
        assert isinstance(text, str), "graphql-transport-ws is spoken in text"
        message: dict[str, Any] = orjson.loads(text)
        return message

    async def event(self, field: str) -> dict[str, Any]:
        """What the next `next` message holds of a field."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert not message["payload"].get("errors"), message
        found: dict[str, Any] = message["payload"]["data"][field]
        return found

    async def closed(self) -> tuple[int, str]:
        """Code and reason with which the server closes, whatever it says before; fails when it does not."""
        async with asyncio.timeout(30):
            with suppress(ConnectionClosed):
                while True:
                    await self._connection.recv()
        assert self._connection.close_code is not None
        return self._connection.close_code, self._connection.close_reason or ""

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._connection.send(orjson.dumps(message).decode())


@asynccontextmanager
async def socket(port: int, *, token: str | None = None, **options: Any) -> AsyncIterator[Socket]:
    """A greeted WebSocket, signed in where an access token is given."""
    payload = {"authorization": f"Bearer {token}"} if token else None
    async with greeting(port, payload, **options) as opened:
        assert (await opened.receive())["type"] == "connection_ack"
        yield opened


@asynccontextmanager
async def greeting(port: int, payload: object = None, **options: Any) -> AsyncIterator[Socket]:
    """A WebSocket that has sent `connection_init` with a payload, and not yet heard what comes of it."""
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"], compression=None, **options) as connection:  # type: ignore[list-item]
        opened = Socket(connection)
        await opened.greet(payload)
        yield opened
