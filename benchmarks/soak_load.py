"""Who uses the product during a soak: people who look, people who bet, and subscriptions that come, go and break."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.api.client import operation
from workers.demo_people import ADDRESSES, PASSWORD

MATCHES = """{ matches(filter: {window: NEXT_3_DAYS, statuses: [SCHEDULED], hasMarkets: [MATCH_RESULT]}, first: 40) {
  nodes { id bestOdds(market: MATCH_RESULT) { id price { decimal } } } } }"""
PLUGINS = "{ plugins(first: 50) { nodes { key } } }"
LOGIN = "mutation($input: LoginInput!) { login(input: $input) { tokens { accessToken } errors { __typename } } }"
LOGOUT = "mutation { logout(input: {}) { errors { __typename } } }"
PURSE = """mutation($input: CreateBankrollInput!) { createBankroll(input: $input) {
  bankroll { id } errors { __typename } } }"""
OPERATIONS = ("Today", "Today", "Filtered", "OddsBoard", "OddsBoard", "OddsBoard", "MyModel", "Board")
"""What somebody who is not signed in asks for; what stands here twice is asked for twice as often."""
DOCUMENTS = {name: operation(name) for name in {*OPERATIONS, "LiveOdds", "Record", "Value", "Place"}}
LOOK_AGAIN = 20.0
"""Seconds after which the matches that are chosen from are read anew."""
VISIT = (15.0, 60.0)
"""Seconds between two visits of somebody with an account."""
STAY = (120.0, 900.0)
"""Seconds that a subscription lives."""
TUNNEL = (60.0, 240.0)
"""Seconds that a socket lives before it breaks without a goodbye."""
CHOSEN = 2
"""Matches that a subscription follows."""


@dataclass
class Told:
    """What everybody was answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    """Of the errors of GraphQL answers."""
    operations: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """Of live messages."""
    broken: Counter[str] = field(default_factory=Counter)
    """Connections that ended otherwise than by the client's will."""
    changes: int = 0
    bets: int = 0
    sockets: int = 0
    streams: int = 0

    @property
    def server_errors(self) -> int:
        """Answers with a status of 500 or above, and masked errors."""
        return sum(count for status, count in self.statuses.items() if status >= 500) + self.codes["INTERNAL"]


@dataclass
class Load:
    """Everybody at once, on one address."""

    url: str
    source: random.Random
    told: Told = field(default_factory=Told)
    matches: list[dict[str, Any]] = field(default_factory=list)
    plugins: list[str] = field(default_factory=list)

    def choice(self) -> list[str]:
        """Ids of a few matches to follow."""
        return [match["id"] for match in self.source.sample(self.matches, min(CHOSEN, len(self.matches)))]

    @asynccontextmanager
    async def running(self, *, subscribers: int, sockets: int, streams: int, rate: float) -> AsyncIterator[None]:
        """Use the product while the block runs: `rate` questions a second, `streams` of the subscriptions over SSE."""
        limits = httpx.Limits(max_connections=None)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, limits=limits))
            await self._look(client)
            shares = [len(range(n, subscribers - streams, sockets)) for n in range(sockets)]
            tasks = [
                asyncio.create_task(self._keep_looking(client)),
                asyncio.create_task(self._ask(client, rate)),
                *(asyncio.create_task(self._visit(client, tier)) for tier in ADDRESSES),
                *(asyncio.create_task(Phone(self, share).live()) for share in shares if share),
                *(asyncio.create_task(self._stream(client)) for _ in range(streams)),
            ]
            try:
                yield
                for task in tasks:
                    if task.done():
                        task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def post(
        self, client: httpx.AsyncClient, name: str, document: str, *, token: str = "", **variables: Any
    ) -> Any:
        """The data of one answer, counted; None when there is none."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.told.operations[name] += 1
        try:
            answer = await client.post(self.url, json={"query": document, "variables": variables}, headers=headers)
        except httpx.HTTPError as error:
            self.told.broken[f"http {type(error).__name__}"] += 1
            return None
        self.told.statuses[answer.status_code] += 1
        body = orjson.loads(answer.content)
        for fault in body.get("errors", ()):
            self.told.codes[fault.get("extensions", {}).get("code", "NONE")] += 1
        return body.get("data")

    async def _look(self, client: httpx.AsyncClient) -> None:
        if data := await self.post(client, "Matches", MATCHES):
            self.matches = data["matches"]["nodes"] or self.matches
        if data := await self.post(client, "Plugins", PLUGINS):
            self.plugins = [node["key"] for node in data["plugins"]["nodes"]]

    async def _keep_looking(self, client: httpx.AsyncClient) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            await self._look(client)

    async def _ask(self, client: httpx.AsyncClient, rate: float) -> None:
        """Questions one after the other, as many a second as are wanted or as the server manages."""
        while True:
            began, name = time.monotonic(), self.source.choice(OPERATIONS)
            given: dict[str, Any] = {}
            if name == "OddsBoard":
                given = {"id": self.source.choice(self.matches)["id"]}
            elif name == "MyModel":
                given = {"key": self.source.choice(self.plugins)}
            await self.post(client, name, DOCUMENTS[name], **given)
            await asyncio.sleep(max(0.0, self.source.expovariate(rate) - (time.monotonic() - began)))

    async def _visit(self, client: httpx.AsyncClient, tier: str) -> None:
        """One of the demo's visitors, now and then: signs in, looks at the record, bets, signs out."""
        credentials, purse = {"email": ADDRESSES[tier], "password": PASSWORD}, ""
        while True:
            data = await self.post(client, "Login", LOGIN, input=credentials)
            if data and data["login"]["tokens"]:
                token = data["login"]["tokens"]["accessToken"]
                purse = purse or await self._purse(client, token, tier)
                await self._stay(client, token, purse)
            await asyncio.sleep(self.source.uniform(*VISIT))

    async def _purse(self, client: httpx.AsyncClient, token: str, tier: str) -> str:
        amount = {"amount": "100000.00", "currencyCode": "EUR"}
        given = {"name": f"Soak {tier}", "startingBalance": amount, "isPaper": True}
        made = await self.post(client, "CreateBankroll", PURSE, token=token, input=given)
        return str(made["createBankroll"]["bankroll"]["id"]) if made else ""

    async def _stay(self, client: httpx.AsyncClient, token: str, purse: str) -> None:
        await self.post(client, "Record", DOCUMENTS["Record"], token=token)
        if purse:
            await self.post(client, "Value", DOCUMENTS["Value"], token=token, bankroll=purse)
            await self._bet(client, token, purse)
        await self.post(client, "Logout", LOGOUT, token=token)

    async def _bet(self, client: httpx.AsyncClient, token: str, purse: str) -> None:
        quotes = self.source.choice(self.matches)["bestOdds"]
        if not quotes:
            return
        quote = self.source.choice(quotes)
        given = {
            "bankrollId": purse,
            "legs": [{"quoteId": quote["id"], "decimalOdds": quote["price"]["decimal"]}],
            "stake": {"amount": "1.00", "currencyCode": "EUR"},
            "maxSlippage": 0.9,
            "idempotencyKey": f"{self.source.getrandbits(64):x}",
        }
        data = await self.post(client, "Place", DOCUMENTS["Place"], token=token, input=given)
        self.told.bets += bool(data and data["placeBet"]["bet"])

    async def _stream(self, client: httpx.AsyncClient) -> None:
        """One subscription over SSE after the other."""
        while True:
            self.told.streams += 1
            variables = {"ids": self.choice()}
            body = {"query": DOCUMENTS["LiveOdds"], "variables": variables, "operationName": "LiveOdds"}
            headers = {"accept": "text/event-stream"}
            try:
                async with asyncio.timeout(self.source.uniform(*STAY)):
                    async with client.stream("POST", self.url, json=body, headers=headers) as answer:
                        self.told.statuses[answer.status_code] += 1
                        async for line in answer.aiter_lines():
                            if line.startswith("data: {"):
                                self.take(orjson.loads(line.removeprefix("data: ")), Line())
            except TimeoutError:
                continue
            except httpx.HTTPError as error:
                self.told.broken[f"sse {type(error).__name__}"] += 1
            await asyncio.sleep(1)

    def take(self, payload: dict[str, Any], line: Line) -> None:
        """Count one live message."""
        for error in payload.get("errors") or ():
            self.told.codes[error.get("extensions", {}).get("code", "NONE")] += 1
        if not payload.get("data"):
            return
        update = payload["data"]["oddsChanged"]
        self.told.kinds[update["kind"]] += 1
        self.told.changes += len(update["changes"])
        line.cursor = update["cursor"]


@dataclass
class Line:
    """One subscription."""

    ids: Sequence[str] = ()
    ends: float = 0.0
    cursor: str | None = None


class Phone:
    """A socket with a number of subscriptions; each is ended after a while and another one begun."""

    def __init__(self, load: Load, size: int) -> None:
        self._load = load
        self._size = size
        self._lines: dict[str, Line] = {}
        self._count = 0

    async def live(self) -> None:
        """Be online for ever; what broke goes on after its last cursor."""
        while True:
            self._load.told.sockets += 1
            try:
                async with connect(
                    self._load.url.replace("http", "ws", 1),
                    subprotocols=[Subprotocol("graphql-transport-ws")],
                    max_size=None,
                    close_timeout=1,
                ) as socket:
                    await self._connected(socket)
            except ConnectionClosed as error:
                self._load.told.broken[f"closed {error.rcvd.code if error.rcvd else 1006}"] += 1
            except (OSError, InvalidHandshake, EOFError) as error:
                self._load.told.broken[type(error).__name__] += 1
            await asyncio.sleep(1)

    async def _connected(self, socket: ClientConnection) -> None:
        await socket.send('{"type":"connection_init"}')
        await socket.recv()
        held, self._lines = list(self._lines.values()), {}
        for line in held:
            await self._begin(socket, line)
        ends = time.monotonic() + self._load.source.uniform(*TUNNEL)
        while time.monotonic() < ends:
            await self._turn_over(socket)
            try:
                async with asyncio.timeout(1):
                    message = orjson.loads(await socket.recv())
            except TimeoutError:
                continue
            await self._take(socket, message)
        socket.transport.abort()

    async def _turn_over(self, socket: ClientConnection) -> None:
        now = time.monotonic()
        for name in [name for name, line in self._lines.items() if line.ends < now]:
            await socket.send(orjson.dumps({"id": name, "type": "complete"}).decode())
            del self._lines[name]
        while len(self._lines) < self._size:
            await self._begin(socket, Line(self._load.choice(), now + self._load.source.uniform(*STAY)))

    async def _begin(self, socket: ClientConnection, line: Line) -> None:
        self._count += 1
        name = str(self._count)
        self._lines[name] = line
        variables = {"ids": line.ids, "after": line.cursor}
        payload = {"query": DOCUMENTS["LiveOdds"], "variables": variables, "operationName": "LiveOdds"}
        await socket.send(orjson.dumps({"id": name, "type": "subscribe", "payload": payload}).decode())

    async def _take(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        kind = message["type"]
        line = self._lines.get(message.get("id", ""))
        if kind == "ping":
            await socket.send('{"type":"pong"}')
        elif kind == "next" and line is not None:
            self._load.take(message["payload"], line)
        elif kind == "error":
            for error in message["payload"]:
                self._load.told.codes[error.get("extensions", {}).get("code", "NONE")] += 1
            self._lines.pop(message["id"], None)
