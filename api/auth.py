"""Who asks: the person of an access token, over HTTP and on a WebSocket.

A token that is sent and is not valid is never ignored: HTTP answers 401 and runs nothing, a WebSocket is closed
with 4403. A signed-in socket is closed with 4401 when its token ends, and within seconds when its session does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import asyncpg
import orjson
from graphql import GraphQLError
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message

from api.context import Context
from api.errors import INTERNAL, UNAUTHENTICATED, shown
from domain.accounts.people import Caller, Viewer
from domain.accounts.sessions import viewer_of
from domain.accounts.vault import Vault
from domain.care.activity import NOTED_EVERY, touch
from domain.infra.clock import machine_now
from domain.infra.database import Reader
from domain.infra.errors import BadCredentials

log = logging.getLogger("touchline.api")

LOOK_AGAIN_SECONDS = 5.0
"""How soon a socket is closed after its session ended."""
SIGNED_OUT = 4401
"""Close code of a socket whose token or session has ended."""
MOST_NOTED = 10_000
"""People whose last minute is remembered; when there are more, everybody is noted anew."""
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What reading raises while PostgreSQL is away."""


def caller_of(connection: HTTPConnection) -> Caller:
    """Where a request came from. The address is the connection's own: headers that claim another are not believed."""
    return Caller(connection.client.host if connection.client else None, connection.headers.get("user-agent"))


async def visitor_of(vault: Vault, reader: Reader, authorization: str) -> Viewer:
    """The person of an `Authorization` header, with one statement; raises BadCredentials when it names nobody."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise BadCredentials("Send `Authorization: Bearer …` with the access token of `login`, or leave it out.")
    viewer = await viewer_of(reader, vault.read_access_token(token.strip()))
    if viewer is None:
        raise BadCredentials("The session of this access token has ended; sign in again.")
    return viewer


async def admit(context: Context, authorization: str | None) -> Response | None:
    """Let the sender of a request be its visitor; answers what to send instead where that fails."""
    if authorization is None:
        return None
    try:
        visitor = context.visitor = await visitor_of(context.doors.desk.vault, context.db, authorization)
        await context.doors.guests.note(visitor, context.machine)
    except BadCredentials as error:
        refusal = GraphQLError(str(error), extensions={"code": UNAUTHENTICATED})
        return _answer(401, refusal, {"www-authenticate": 'Bearer error="invalid_token"'})
    except UNREACHABLE as error:
        return _answer(503, shown(GraphQLError(str(error), original_error=error), INTERNAL))
    return None


def _answer(status: int, error: GraphQLError, headers: Mapping[str, str] | None = None) -> Response:
    body = orjson.dumps({"data": None, "errors": [error.formatted]})
    return Response(body, status, headers, media_type="application/json")


def sent_on_socket(context: Context) -> str | None:
    """What `connection_init` holds as `authorization`, else the header of the handshake; raises BadCredentials for
    what is no text."""
    parameters: Mapping[str, Any] = context.connection_params or {}
    sent = parameters.get("authorization", parameters.get("Authorization"))
    if sent is None and context.request is not None:
        return context.request.headers.get("authorization")
    if sent is not None and not isinstance(sent, str):
        raise BadCredentials("`authorization` in `connection_init` must be text.")
    return sent


class Guest(BaseGraphQLTransportWSHandler[Context, None]):
    """A WebSocket. A signed-in one is known to the process's `Guests` for as long as it is open."""

    is_over = False
    """Whether it was hung up on; what still arrives is not heard."""

    async def handle(self) -> None:
        try:
            await super().handle()
        finally:
            self.context.doors.guests.leave(self)

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self.context.visitor is not None:
            self.context.doors.guests.enter(self, self.context.visitor)

    async def handle_message(self, message: Message) -> None:
        if not self.is_over:
            await super().handle_message(message)

    async def hang_up(self, reason: str) -> None:
        """End what runs on the socket, and close it."""
        self.is_over = True
        for name in [*self.operations]:
            await self.cleanup_operation(name)
        socket = cast("WebSocket", self.context.request)
        if socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(WebSocketDisconnect):  # it went by itself meanwhile
                await socket.close(SIGNED_OUT, reason)


class Guests:
    """Who is signed in at one process: their sockets, and when they were last noted to be here."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._stays: dict[Guest, _Stay] = {}
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

    def enter(self, guest: Guest, viewer: Viewer) -> None:
        """Look after a socket that has just signed in; when its token ends it is closed."""
        left = (viewer.token_expires_at - machine_now()).total_seconds()
        timer = asyncio.get_running_loop().call_later(left, self._part, guest, "token expired")
        self._stays[guest] = _Stay(viewer.session_id, timer)

    def leave(self, guest: Guest) -> None:
        """Forget a socket, if it was known."""
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

    def _part(self, guest: Guest, reason: str) -> None:
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
