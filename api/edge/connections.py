"""One connection of a client: the head of a request has a size, and a time within which it must have come.

Uvicorn bounds neither, so that one client could fill the memory with a single header, and many could hold connections
open that never say anything. What comes after the head is bounded where it is read, see `api.edge.bodies`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    _head: int | None = 0
    """Bytes of the head so far; None once it is complete."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._head
        super().data_received(data)
        if before is None or self._head is None or self.transport.is_closing():
            return
        self._head = before + len(data)
        if self._head > LARGEST_HEAD:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._wait()

    def on_headers_complete(self) -> None:
        self._head = None
        self._stop_waiting()
        super().on_headers_complete()

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
