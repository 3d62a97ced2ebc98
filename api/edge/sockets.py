"""WebSockets: who is on them, how many they may be, and what they may send.

A signed-in socket is closed with 4401 when its token ends, and within seconds when its session does. What breaks
graphql-transport-ws is closed with the code that the protocol has for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from api.context import Context
from api.edge import meters
from api.edge.allowance import Name, paid, whose
from api.edge.asked import read
from api.edge.refusals import RATE_LIMITED, Refused
from api.errors import UNREACHABLE
from domain.accounts.people import Viewer
from domain.care.activity import NOTED_EVERY, touch
from domain.infra.clock import machine_now
from domain.infra.database import Reader

if TYPE_CHECKING:
    from api.edge.documents import Documents

log = logging.getLogger("touchline.api")

LARGEST_MESSAGE = 256 * 1024
"""Bytes of one message of a client; a larger one closes its socket with 1009."""
MOST_OPERATIONS = 50
"""At once on one socket, queries and mutations included."""
LONGEST_REASON = 123
"""Bytes of the reason of a close, RFC 6455, section 5.5."""
LOOK_AGAIN_SECONDS = 5.0
"""How soon a socket is closed after its session ended."""
SIGNED_OUT = 4401
"""Close code of a socket whose token or session has ended."""
TRY_AGAIN_LATER = 1013
"""Close code of a socket that is one too many."""
MOST_NOTED = 10_000
"""People whose last minute is remembered; when there are more, everybody is noted anew."""


class Wire(ASGIWebSocketAdapter):
    """A WebSocket whose last words fit into the frame that has them, also where they hold what a client sent."""

    async def close(self, code: int, reason: str) -> None:
        await super().close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))


class Guest(BaseGraphQLTransportWSHandler[Context, None]):
    """A WebSocket. A signed-in one is known to the process's `Guests` for as long as it is open."""

    is_over = False
    """Whether it was hung up on; what still arrives is not heard."""

    async def handle(self) -> None:
        guests = self.context.doors.guests
        try:
            if not guests.arrive(self):
                await self._turn_away()
            await super().handle()
        finally:
            guests.leave(self)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.context.visitor is not None:
            guests = self.context.doors.guests
            if guests.arrive(self):
                guests.enter(self, self.context.visitor)
            else:
                await self._turn_away()

    async def handle_message(self, message: Message) -> None:
        if self.is_over:
            return
        if (fault := _fault(message)) is not None:
            await self.handle_invalid_message(fault)
            return
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        name = message["id"]
        if self.connection_acknowledged and name not in self.operations and len(self.operations) >= MOST_OPERATIONS:
            told = f"{MOST_OPERATIONS} operations run on this socket, and no more can at once; complete one first."
            error = GraphQLError(told, extensions={"code": RATE_LIMITED})
            await self._refuse(name, error.formatted)
            return
        if self.connection_acknowledged:
            try:
                message["payload"]["query"] = await self._document(message)
            except Refused as error:
                refused = await paid(self.context, error)
                meters.REFUSALS.labels(refused.code).inc()
                await self._refuse(name, refused.formatted)
                return
        await super().handle_subscribe(message)

    async def hang_up(self, reason: str, code: int = SIGNED_OUT) -> None:
        """End what runs on the socket, and close it."""
        self.is_over = True
        for name in [*self.operations]:
            await self.cleanup_operation(name)
        socket = cast("WebSocket", self.context.request)
        if socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(WebSocketDisconnect):  # it went by itself meanwhile
                await socket.close(code, reason)

    async def _refuse(self, name: str, error: Any) -> None:
        await self.send_message({"id": name, "type": "error", "payload": [error]})

    async def _document(self, message: SubscribeMessage) -> str:
        """The document that an operation means, also where only its hash is sent; raises Refused."""
        documents: Documents = cast("Any", self.view).documents
        operation = await documents.operation(read(cast("Any", message["payload"])), self.context.doors.redis)
        return operation.text

    async def _turn_away(self) -> None:
        await self.hang_up("too many sockets", TRY_AGAIN_LATER)


def _fault(message: object) -> str | None:
    """What is wrong with the shape of a message, for what strawberry takes for granted; None when nothing is."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "A message must be an object with a type"
    if message["type"] not in {"subscribe", "complete"}:
        return None
    if not isinstance(message.get("id"), str) or not message["id"]:
        return "A message about an operation must have an id"
    return _payload_fault(message.get("payload")) if message["type"] == "subscribe" else None


def _payload_fault(payload: object) -> str | None:
    if not isinstance(payload, dict):
        return "The payload of subscribe must have a query"
    try:
        read(payload)
    except Refused as refused:
        return str(refused)
    return None


class Leaver(Protocol):
    """What somebody signed in has open, and what ends when they are signed in no more."""

    async def hang_up(self, reason: str) -> None:
        """End it, and say why."""


class Guests:
    """Who is signed in at one process: their sockets, and when they were last noted to be here."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._stays: dict[Leaver, _Stay] = {}
        self._sockets: dict[Leaver, Name] = {}
        self._counts: Counter[Name] = Counter()
        self._noted: dict[int, datetime] = {}
        self._partings: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    async def note(self, viewer: Viewer, machine: datetime) -> None:
        """Note that somebody is here, for their limit of time; at most once a minute is the database asked to."""
        if (noted := self._noted.get(viewer.account_id)) is not None and machine < noted + NOTED_EVERY:
            return
        if len(self._noted) >= MOST_NOTED:
            self._noted.clear()
        self._noted[viewer.account_id] = machine
        await touch(self._reader, viewer.account_id, machine=machine, zone=viewer.zone)

    def __len__(self) -> int:
        """How many signed-in sockets there are."""
        return len(self._stays)

    async def start(self) -> None:
        """Begin to look after them."""
        self._task = asyncio.create_task(self._watch(), name="guests")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def arrive(self, guest: Guest) -> bool:
        """Count a socket for its address, or from when it has signed in for its account; answers whether there was room
        for it. A socket without a subscription is of no use, so there may be as many at each process."""
        self._uncount(guest)
        name = whose(guest.context)
        if self._counts[name] >= guest.context.doors.settings.viewer_subscriptions:
            return False
        self._sockets[guest] = name
        self._counts[name] += 1
        return True

    def enter(self, guest: Leaver, viewer: Viewer) -> None:
        """Look after a socket that has just signed in; when its token ends it is closed."""
        left = (viewer.token_expires_at - machine_now()).total_seconds()
        timer = asyncio.get_running_loop().call_later(left, self._part, guest, "token expired")
        self._stays[guest] = _Stay(viewer.session_id, timer)

    def leave(self, guest: Leaver) -> None:
        """Forget a socket, if it was known."""
        self._uncount(guest)
        if stay := self._stays.pop(guest, None):
            stay.timer.cancel()

    async def look(self) -> None:
        """Close the sockets whose session has ended; one statement for all of them."""
        if not self._stays:
            return
        ended = await self._reader.fetchval(_ENDED, list({stay.session_id for stay in self._stays.values()}))
        for guest in [guest for guest, stay in self._stays.items() if stay.session_id in ended]:
            self._part(guest, "session ended")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            try:
                await self.look()
            except UNREACHABLE as error:
                log.warning("sessions of sockets were not looked at: %s: %s", type(error).__name__, error)

    def _uncount(self, guest: Leaver) -> None:
        if (name := self._sockets.pop(guest, None)) is not None:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]

    def _part(self, guest: Leaver, reason: str) -> None:
        self.leave(guest)
        parting = asyncio.create_task(guest.hang_up(reason))
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)


class _Stay:
    """Whose a socket is, and what will close it."""

    __slots__ = ("session_id", "timer")

    def __init__(self, session_id: int, timer: asyncio.TimerHandle) -> None:
        self.session_id = session_id
        self.timer = timer


_ENDED = """
select coalesce(array_agg(wanted.id), '{}') from unnest($1::bigint[]) as wanted(id)
where not exists (select 1 from session s where s.id = wanted.id and s.ended_at is null)
"""
