"""Subscriptions over HTTP: server-sent events (graphql-sse, distinct connections) and Apollo's multipart protocol.

One task follows the operation to its end, or until the client goes away: then it is cancelled, and what it follows is
closed. A client that reads slowly holds the task up, and so nothing gathers here; what it misses meanwhile is told to
it in the way of the subscription. While nothing happens, a beat keeps proxies from closing the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.edge.answers import formatted, unexpected
from api.edge.negotiation import MULTIPART, SSE, content_type
from api.errors import UNAUTHENTICATED

if TYPE_CHECKING:
    from api.context import Context

CANCEL_AGAIN_AFTER = 0.1
"""Seconds."""
Results = AsyncGenerator[dict[str, Any], None]


class Form(Protocol):
    """How results become bytes."""

    content_type: str
    opening: bytes
    """Sent at once, so that the client knows that it is connected."""
    beat: bytes
    """Says that the stream is alive."""
    ending: bytes

    def result(self, result: Mapping[str, Any]) -> bytes:
        """One result."""


class Events:
    """Server-sent events, with LF line ends: a widely used client splits them at an empty LF line only."""

    content_type = content_type(SSE)
    opening = b":\n\n"
    beat = b":\n\n"
    ending = b"event: complete\ndata:\n\n"

    def result(self, result: Mapping[str, Any]) -> bytes:
        return b"event: next\ndata: " + orjson.dumps(result) + b"\n\n"


class Parts:
    """Parts of one answer, as Apollo's clients read subscriptions."""

    content_type = f'{MULTIPART};boundary="graphql";subscriptionSpec=1.0'
    opening = b"--graphql\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"
    beat = b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"
    ending = b"--\r\n"

    def result(self, result: Mapping[str, Any]) -> bytes:
        payload = orjson.dumps({"payload": result})
        return b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n" + payload + b"\r\n--graphql"


FORMS: Mapping[str, Form] = {SSE: Events(), MULTIPART: Parts()}


class Stream(Response):
    """Results of one operation as they come, to one client."""

    def __init__(self, results: Results, media_type: str, context: Context) -> None:
        """`media_type` is one of `FORMS`; the longest silence is that of the setting `heartbeat_seconds`."""
        self._form = FORMS[media_type]
        self._context = context
        self._results = results
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._following: asyncio.Task[None] | None = None
        self._farewell = b""
        headers = {
            "content-type": self._form.content_type,
            "cache-control": "no-cache, no-transform",
            "x-accel-buffering": "no",  # a proxy would collect events until it has a page of them
            "vary": "Accept",
        }
        super().__init__(headers=headers)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        guests, visitor = self._context.doors.guests, self._context.visitor
        if visitor is not None:
            guests.enter(self, visitor)
        self._following = asyncio.create_task(self._follow(), name="stream")
        tasks = [self._following, asyncio.create_task(self._tell(send)), asyncio.create_task(_goes_away(receive))]
        try:
            await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
        finally:
            guests.leave(self)
            await _end(tasks)

    async def hang_up(self, reason: str) -> None:
        """End the stream of somebody who is signed in no more, and say why."""
        if self._following is None or self._following.done():
            return
        await _end([self._following])
        error = {"message": f"This stream has ended: {reason}.", "extensions": {"code": UNAUTHENTICATED}}
        self._farewell = self._form.result({"errors": [error]})
        if self._chunks.full():
            self._chunks.get_nowait()
        self._chunks.put_nowait(None)

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send(_part(self._form.opening))
        while (chunk := await self._next()) is not None:
            await send(_part(chunk))
        await send(_part(self._farewell + self._form.ending))
        await send({"type": "http.response.body", "body": b""})

    async def _next(self) -> bytes | None:
        """The next result, a beat after too long a silence, or None at the end."""
        try:
            async with asyncio.timeout(self._context.doors.settings.heartbeat_seconds):
                return await self._chunks.get()
        except TimeoutError:
            return self._form.beat

    async def _follow(self) -> None:
        try:
            async with aclosing(self._results):
                async for result in self._results:
                    await self._chunks.put(self._form.result(result))
        except Exception as error:  # noqa: BLE001 - the boundary: logged, and told with its id
            await self._chunks.put(self._form.result(formatted(unexpected(error))))
        await self._chunks.put(None)


def _part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _goes_away(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until they are done, and raise what one of them raised."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()  # again and again: some libraries swallow one that comes while they connect
        await asyncio.wait(running, timeout=CANCEL_AGAIN_AFTER)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
