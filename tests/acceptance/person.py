"""Somebody and their program: GraphQL over HTTP and a socket, as whoever they are signed in as."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import websockets

ERRORS = "errors { __typename ... on UserError { code message path } }"


def told(what: str, **figures: object) -> None:
    """One line of the report."""
    print(f"{what:<12}" + "  ".join(f"{name} {value}" for name, value in figures.items()), flush=True)


@dataclass
class Person:
    """Somebody and their program."""

    url: str
    email: str
    http: httpx.AsyncClient
    token: str = ""
    bankroll: str = ""
    stakes: Decimal = field(default=Decimal(0))

    @property
    def headers(self) -> dict[str, str]:
        """What signs a request."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = {"query": document, "variables": variables}
        answer = (await self.http.post(self.url, json=body, headers=self.headers)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def do(self, name: str, shown: str, /, **given: Any) -> Any:
        """What a mutation answers, its errors too."""
        kind = name[0].upper() + name[1:]
        document = f"mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ {shown} {ERRORS} }} }}"
        return (await self.ask(document, input=given))[name]

    async def done(self, name: str, shown: str, /, **given: Any) -> Any:
        """What a mutation answers that must go well."""
        payload = await self.do(name, shown, **given)
        assert payload["errors"] == [], payload["errors"]
        return payload


@asynccontextmanager
async def subscribed(person: Person, document: str) -> AsyncIterator[AsyncIterator[Any]]:
    """A signed-in socket with one subscription; iterates the `data` of its messages."""
    protocol = websockets.Subprotocol("graphql-transport-ws")
    async with websockets.connect(person.url.replace("http", "ws", 1), subprotocols=[protocol]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": person.headers}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": document}}))
        yield _messages(socket)


async def _messages(socket: websockets.ClientConnection) -> AsyncIterator[Any]:
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "ping":
            await socket.send(json.dumps({"type": "pong"}))
            continue
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message["payload"]["errors"]
        yield message["payload"]["data"]
