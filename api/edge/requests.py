"""The outermost of what a request passes: it gets an id, is counted, and never ends in a bare traceback."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.edge import meters
from api.errors import INTERNAL
from domain.infra.logs import bound

log = logging.getLogger("touchline.api")
access = logging.getLogger("touchline.access")

HEADER = "x-request-id"
GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
STREAMS = ("text/event-stream", "multipart/mixed")
"""Media types of answers that last as long as a subscription."""
STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
"""Messages that carry the headers of an answer."""
INTERNAL_ERROR = 500
UNAVAILABLE = 503
STOPS = "The server stops, and this could not be answered in time; ask again."


class Traffic:
    """What a process is answering right now, and whether it stops."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._answering: set[_Request] = set()
        self._streams: set[_Request] = set()
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    def stop(self) -> None:
        """Answer `/readyz` with 503 from now on."""
        self.is_stopping = True

    def end_streams(self) -> None:
        """End the answers that would never end by themselves; their clients connect again elsewhere."""
        for each in [*self._streams]:
            each.end()

    async def quiet(self) -> None:
        """Wait until every request has its answer."""
        await self._is_quiet.wait()

    def end_all(self) -> None:
        """Answer whoever still waits that there will be no answer."""
        for each in [*self._answering]:
            each.end()

    def enter(self, request: _Request) -> None:
        self._answering.add(request)
        self._is_quiet.clear()

    def lasts(self, request: _Request) -> None:
        """A request turned out to be a stream."""
        self._streams.add(request)
        if self.is_stopping:
            request.end()

    def leave(self, request: _Request) -> None:
        self._answering.discard(request)
        self._streams.discard(request)
        if not self._answering:
            self._is_quiet.set()


class RequestId:
    """Gives every request an id, the client's own where it is a good one, and every answer and log line that id."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self.app = app
        self.traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        name = sent if GOOD_ID.fullmatch(sent) else secrets.token_hex(8)
        request = (_Request if scope["type"] == "http" else _Connection)(name, scope, send, self.traffic)
        with bound(request=name):
            await request.run(self.app, receive)


class _Asked:
    """What HTTP requests and WebSockets have in common."""

    def __init__(self, name: str, scope: Scope, send: Send, traffic: Traffic) -> None:
        self.name = name
        self.scope = scope
        self.traffic = traffic
        self._send = send
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Send it with the id."""
        if message["type"] in STARTS:
            message.setdefault("headers", [])
            MutableHeaders(scope=message)[HEADER] = self.name
        await self._send(message)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began


class _Request(_Asked):
    """One HTTP request."""

    status = 0
    """Of the answer; 0 before it begins."""
    is_stream = False
    is_ended = False
    """Whether the process ended the stream."""
    task: asyncio.Task[Any] | None = None

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        self.task = asyncio.current_task()
        self.traffic.enter(self)
        try:
            await app(self.scope, receive, self.send)
        except asyncio.CancelledError:
            if not self.is_ended or self.task is None:
                raise
            self.task.uncancel()
            await self._break_off()
        except Exception as error:  # noqa: BLE001 - the boundary: logged, and answered with its id
            await self._mask(error)
        finally:
            self.traffic.leave(self)
            self._note()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.is_stream = Headers(raw=message.get("headers", [])).get("content-type", "").startswith(STREAMS)
        await super().send(message)
        if self.is_stream and message["type"] == "http.response.start":
            self.traffic.lasts(self)

    def end(self) -> None:
        """End the answer where it stands."""
        if self.task is not None and not self.is_ended:
            self.is_ended = True
            self.task.cancel()

    async def _break_off(self) -> None:
        """End a stream, without the word that the subscription is complete, since it is not; or say that the process
        stops. Of another answer that is half out the server cuts the connection."""
        if self.is_stream:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self.status:
            await self._say(UNAVAILABLE, STOPS, {"code": INTERNAL})

    async def _mask(self, error: Exception) -> None:
        """Answer what nobody expected with an id that the log carries."""
        name = secrets.token_hex(6)
        meters.MASKED.inc()
        log.error("error %s at %s", name, meters.address_of(self.scope["path"]), exc_info=error)
        if self.status:
            raise error  # half an answer is out already: the server hangs up
        message = f"Something went wrong here; the log explains it under {name}."
        await self._say(INTERNAL_ERROR, message, {"code": INTERNAL, "id": name})

    async def _say(self, status: int, message: str, extensions: dict[str, str]) -> None:
        body = orjson.dumps({"errors": [{"message": message, "extensions": extensions}]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _note(self) -> None:
        address = meters.address_of(self.scope["path"])
        meters.REQUESTS.labels(address, str(self.status)).inc()
        if not self.is_stream:
            meters.REQUEST_SECONDS.labels(address).observe(self.seconds)
        if access.isEnabledFor(logging.DEBUG):
            access.debug("%s %s %d %.1f ms", self.scope["method"], address, self.status, 1000 * self.seconds)


class _Connection(_Asked):
    """One WebSocket."""

    async def run(self, app: ASGIApp, receive: Receive) -> None:
        with meters.SOCKETS.track_inprogress():
            await app(self.scope, receive, self.send)
        if access.isEnabledFor(logging.DEBUG):
            access.debug("socket %s %.1f s", meters.address_of(self.scope["path"]), self.seconds)
