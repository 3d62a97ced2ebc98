"""One connection of a client: the head of a request has a size, and a time within which it must have come.

Uvicorn bounds neither, so that one client could fill the memory with a single header, and many could hold connections
open that never say anything. The body is bounded where it is read, see `api.edge.bodies`; what comes beside it and
after it, as trailers do, counts as the head does. A WebSocket keeps nothing for a client that does not read.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of the request line and all headers; a persisted query by GET has its variables there."""
HEAD_WITHIN = 20.0
"""Seconds from the first byte of a request, or from the opening of the connection, to the end of its head."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 34\r\nconnection: close\r\n\r\nThe head of the request is too big."
)


class Connection(HttpToolsProtocol):
    """Uvicorn's own, with both bounds."""

    _unread = 0
    """Bytes that were neither of a body nor of a message that is over."""
    _is_head = True
    """Whether the next bytes are of a head."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unread > LARGEST_HEAD:
            if self._is_head:
                self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._is_silent():
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_head = True
        self._wait()

    def on_headers_complete(self) -> None:
        self._is_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        super().on_message_complete()

    def _is_silent(self) -> bool:
        """Whether nothing would end the connection: an empty line stops uvicorn's clock and begins no request."""
        is_answered = bool(self.cycle) and self.cycle.response_complete
        return is_answered and self._timer is None and self.timeout_keep_alive_task is None

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(HEAD_WITHIN, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """Uvicorn's WebSocket, which keeps no answers to pings for a client that does not read, and lets go of one that is
    silent for too long with all that was meant for it."""

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # the pong is dropped

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()
