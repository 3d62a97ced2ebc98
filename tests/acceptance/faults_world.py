"""People who use the product while its servers fail, and what they write down: every answer, bet and price change."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from api.nodes import global_id
from domain.infra.outbox import Request, ask
from tests.acceptance.product import Product
from workers.demo_people import ADDRESSES, PASSWORD

SUBSCRIBERS = 12
FOLLOWED = 4
"""Matches of each subscriber."""
STAKE = "1.00"
BROKEN = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError, TimeoutError)

LOGIN = """mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } errors { __typename } } }"""
PURSE = """mutation ($input: CreateBankrollInput!) { createBankroll(input: $input) {
  bankroll { id } errors { __typename } } }"""
PLACE = """mutation ($input: PlaceBetInput!) { placeBet(input: $input) {
  bet { id } errors { __typename ... on UserError { code message path } } } }"""
LOOKS = (
    """{ matches(filter: {window: NEXT_3_DAYS, statuses: [SCHEDULED]}, first: 10) { nodes {
      id kickoffAt forecast { predictedAt result { home } }
      bestOdds(market: MATCH_RESULT) { price { decimal } } } } }""",
    "{ status { level clock { now } } leagues { nodes { id name } } }",
    "{ valueBets(filter: {minEdge: 0.01}, first: 5) { totalCount nodes { edge } } }",
)
STREAM = """subscription ($ids: [ID!], $after: String, $hasSnapshot: Boolean) {
  oddsChanged(matchIds: $ids, after: $after, hasSnapshot: $hasSnapshot) { kind cursor isConflated
    changes { sequence quote { id price { decimal } isAvailable bookmaker { id } selection { id } } } } }"""
INSIDE = re.compile(
    r"traceback|asyncpg|redis|sqlalchemy|postgres|refused|\.sock\b|\.py\b|/tmp/|/var/|\berrno\b|select .+from",
    re.IGNORECASE,
)
"""What no client may be told."""


@dataclass(frozen=True)
class Trouble:
    """An answer over HTTP that was not good, or none."""

    began: float
    """Seconds of the monotonic clock."""
    ended: float
    status: int
    """0 when the connection broke."""
    body: str


@dataclass
class Line:
    """One subscription, over as many connections as it takes, and what it was told."""

    cursor: str | None = None
    sequences: list[int] = field(default_factory=list)
    """Of every change, in the order of arrival."""
    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    """Sequence of the last change by selection and bookmaker."""
    losses: list[str] = field(default_factory=list)
    """Cursors of the messages that say that something was lost."""
    conflated: int = 0

    def take(self, update: dict[str, Any]) -> None:
        """Write one message down."""
        if update["kind"] in ("GAP", "SNAPSHOT"):
            self.losses.append(update["cursor"])
        self.conflated += update["isConflated"]
        for change in update["changes"]:
            quote = change["quote"]
            self.sequences.append(change["sequence"])
            self.newest[quote["selection"]["id"], quote["bookmaker"]["id"]] = change["sequence"]
        self.cursor = update["cursor"]


@dataclass
class Reader:
    """A socket with subscriptions of the same matches, which go on after their cursors when it breaks."""

    url: str
    ids: list[str]
    lines: list[Line]
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while nothing is read from the socket."""
    codes: list[int] = field(default_factory=list)
    """With which the server closed."""

    async def follow(self, room: int = 0) -> None:
        """Listen for ever; `room` is the size of the socket's buffer, bytes, 0 for the system's own choice."""
        self.reads.set()
        while True:
            try:
                await self._connected(room)
            except ConnectionClosed as error:
                self.codes.append(error.rcvd.code if error.rcvd else 1006)
            except BROKEN:
                pass
            await asyncio.sleep(0.2)

    async def _connected(self, room: int) -> None:
        address = urlsplit(self.url)
        raw = socket.socket()
        if room:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
        options: dict[str, Any] = {"compression": None, "max_size": None, "max_queue": 1, "ping_interval": None}
        async with connect(
            self.url.replace("http", "ws", 1),
            subprotocols=[Subprotocol("graphql-transport-ws")],
            sock=raw,
            close_timeout=0.2,
            **options,
        ) as opened:
            await opened.send('{"type":"connection_init"}')
            await opened.recv()
            for number, line in enumerate(self.lines):
                variables = {"ids": self.ids, "after": line.cursor, "hasSnapshot": False}
                payload = {"query": STREAM, "variables": variables}
                await opened.send(orjson.dumps({"id": str(number), "type": "subscribe", "payload": payload}).decode())
            while True:
                await self.reads.wait()
                text = str(await opened.recv())
                message = orjson.loads(text)
                if message["type"] == "ping":
                    await opened.send('{"type":"pong"}')
                elif message["type"] == "next" and message["payload"].get("data"):
                    self.lines[int(message["id"])].take(message["payload"]["data"]["oddsChanged"])
                elif message["type"] in ("error", "complete", "next"):
                    assert not INSIDE.search(text), text
                    return  # what cannot go on is asked for again


@dataclass
class Bettor:
    """A visitor of the demo who asks for each bet until it is there, always under the same key."""

    email: str
    token: str = ""
    purse: str = ""
    placed: dict[str, set[str]] = field(default_factory=dict)
    """Ids of the bets that were answered, by idempotency key."""
    tries: int = 0


@dataclass
class Crowd:
    """Everybody at once."""

    product: Product
    database_url: str
    client: httpx.AsyncClient
    readers: list[Reader]
    """With one subscription each."""
    bettors: list[Bettor]
    offers: list[asyncpg.Record]
    """Prices of finished matches as they stood an hour before kick-off: bets on them are settled at once."""
    answered: int = 0
    troubles: list[Trouble] = field(default_factory=list)
    errands: list[str] = field(default_factory=list)
    """Jobs that were asked for and committed."""

    @property
    def lines(self) -> list[Line]:
        """The subscriptions of the readers."""
        return [line for reader in self.readers for line in reader.lines]

    async def post(self, document: str, *, token: str = "", **variables: Any) -> dict[str, Any] | None:
        """The data of a good answer; anything else is written down and is None."""
        began = time.monotonic()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables}
        try:
            answer = await self.client.post(self.product.url, json=body, headers=headers)
        except httpx.HTTPError as error:
            self.troubles.append(Trouble(began, time.monotonic(), 0, repr(error)))
            return None
        good = orjson.loads(answer.content) if answer.status_code == 200 else {}
        if answer.status_code != 200 or good.get("errors"):
            self.troubles.append(Trouble(began, time.monotonic(), answer.status_code, answer.text))
            return None
        self.answered += 1
        data: dict[str, Any] = good["data"]
        return data

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Use the product while the block runs; whoever is answered what must not be ends it."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                *(group.create_task(reader.follow()) for reader in self.readers),
                *(group.create_task(self._bet(bettor)) for bettor in self.bettors),
                *(group.create_task(self._look(document)) for document in LOOKS),
                group.create_task(self._run_errands()),
            ]
            yield
            for task in tasks:
                task.cancel()

    async def _look(self, document: str) -> None:
        while True:
            await self.post(document)
            await asyncio.sleep(0.4)

    async def _bet(self, bettor: Bettor) -> None:
        for number in itertools.count(len(bettor.placed)):
            offer = self.offers[number % len(self.offers)]
            given = {
                "bankrollId": bettor.purse,
                "legs": [_leg(offer)],
                "stake": {"amount": STAKE, "currencyCode": "EUR"},
                "placedAt": (offer["kickoff_at"] - timedelta(hours=1)).isoformat(),
                "idempotencyKey": f"{bettor.purse} {number}",
            }
            answers = bettor.placed.setdefault(given["idempotencyKey"], set())
            while not answers:
                bettor.tries += 1
                if data := await self.post(PLACE, token=bettor.token, input=given):
                    assert data["placeBet"]["errors"] == [], data
                    answers.add(data["placeBet"]["bet"]["id"])
                await asyncio.sleep(0.2)
            if number % 3 == 0 and (data := await self.post(PLACE, token=bettor.token, input=given)):
                answers.add(data["placeBet"]["bet"]["id"])  # as after a lost answer

    async def _run_errands(self) -> None:
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self.run_errand()
            await asyncio.sleep(1.5)

    async def run_errand(self) -> None:
        """Ask for jobs in a transaction of the database: a settlement, and a nap that a restart may catch asleep."""
        connection = await asyncpg.connect(self.database_url, timeout=2)
        try:
            wanted = [Request("settle_bets", {}), Request("nap", {"seconds": 0.5})]
            async with connection.transaction():
                await ask(connection, wanted)
                ids = await connection.fetch("select id from outbox order by id desc limit $1", len(wanted))
            self.errands += [f"outbox-{row['id']}" for row in ids]
        finally:
            await connection.close(timeout=1)


def _leg(offer: asyncpg.Record) -> dict[str, Any]:
    return {
        "selectionId": global_id("Selection", offer["match_id"], offer["selection_id"]),
        "bookmakerId": global_id("Bookmaker", offer["bookmaker_id"]),
        "decimalOdds": float(offer["price"]),
    }


OFFERS = """
select distinct on (m.kickoff_at, m.id, s.id)
  m.id as match_id, m.kickoff_at, s.id as selection_id, c.bookmaker_id, c.price
from match m join quote_change c on c.match_id = m.id and c.observed_at <= m.kickoff_at - interval '1 hour'
join selection s on s.id = c.selection_id join market k on k.id = s.market_id and k.key = 'match_result::ft'
where m.status = 'FINISHED' order by m.kickoff_at desc, m.id, s.id, c.observed_at desc limit 100
"""


@asynccontextmanager
async def gathered(product: Product) -> AsyncIterator[Crowd]:
    """A crowd in front of a running demo, each bettor signed in and with a bankroll of their own."""
    database_url = product.run_file()["database_url"]
    database = await asyncpg.connect(database_url)
    try:
        offers = await database.fetch(OFFERS)
        coming = await database.fetch(
            """select match.id from match where status = 'SCHEDULED' and exists (
                 select 1 from quote where match_id = match.id) order by kickoff_at desc limit 40"""
        )
    finally:
        await database.close()
    assert len(coming) >= FOLLOWED
    ids = [global_id("Match", row["id"]) for row in coming]
    readers = [
        Reader(product.url, [ids[(FOLLOWED * n + k) % len(ids)] for k in range(FOLLOWED)], [Line()])
        for n in range(SUBSCRIBERS)
    ]
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(keepalive_expiry=1)) as client:
        crowd = Crowd(product, database_url, client, readers, [], offers)
        for email in ADDRESSES.values():
            bettor = Bettor(email)
            signed_in = await crowd.post(LOGIN, input={"email": email, "password": PASSWORD})
            assert signed_in is not None
            bettor.token = signed_in["login"]["tokens"]["accessToken"]
            start = {"amount": "10000.00", "currencyCode": "EUR"}
            given = {"name": f"Drill {time.time_ns()}", "startingBalance": start, "isPaper": True}
            made = await crowd.post(PURSE, token=bettor.token, input=given)
            assert made is not None
            bettor.purse = made["createBankroll"]["bankroll"]["id"]
            crowd.bettors.append(bettor)
        yield crowd


async def until(holds: Callable[[], Awaitable[bool]], seconds: float, what: str) -> float:
    """Wait for a condition; answers how long it took. Fails naming `what` when it takes longer than `seconds`."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds, f"after {seconds:g} s still not so: {what}"
        await asyncio.sleep(0.1)
    return time.monotonic() - began
