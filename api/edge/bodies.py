"""Reading what a request carries: so many bytes at most, counted as they come, and within so many seconds.

What a header says about the length is only believed when it says too much: the bytes themselves are counted. A body
that dribbles in occupies one connection and nothing else; when its time is over the connection is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

from api.edge.refusals import PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, Refused

ANONYMOUS_BYTES = 256 * 1024
"""Of a request of nobody: several times the largest screen with its variables."""
SIGNED_IN_BYTES = 8 * 1024 * 1024
"""Of a request with a valid token: a file of 5 MiB in a variable, as base64 or with its quotes escaped."""
SENT_WITHIN = 20.0
"""Seconds that a client has for the whole body."""
LINGERED = 2.0
"""Seconds for which the rest of a body that is too large is read and thrown away."""
GONE = "CLIENT_GONE"
CLOSED = {"connection": "close"}
"""What is left of the body is not waited for."""


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request; `request.body()` has it from then on.

    Raises Refused: 413 for more than `most` bytes, 408 for one that took longer than SENT_WITHIN.
    """
    if _announced(request) > most:
        if "expect" not in request.headers:  # one that asks whether to send listens already
            await _linger(request.stream())
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(SENT_WITHIN):
            async for part in (parts := request.stream()):
                body += part
                if len(body) > most:
                    await _linger(parts)
                    raise _too_large(most)
    except TimeoutError:
        raise Refused(
            408,
            f"The body of a request must be sent within {SENT_WITHIN:.0f} seconds.",
            REQUEST_TIMEOUT,
            headers=CLOSED,
        ) from None
    except ClientDisconnect:
        raise Refused(400, "The request ended before its body did.", GONE, headers=CLOSED) from None
    request._body = bytes(body)  # where `Request.body` keeps what it has read
    return request._body


async def _linger(parts: AsyncGenerator[bytes, None]) -> None:
    """Read on for a moment and keep nothing: a client that sends first and listens then would find its connection
    reset, and no word of why."""
    left = SIGNED_IN_BYTES
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(LINGERED):
            async for part in parts:
                left -= len(part)
                if left < 0:
                    return


def _announced(request: Request) -> int:
    """The bytes that are to come by the request's own word; 0 where it gives none."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() and said.isascii() else 0


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        f"This request may carry {most:,} bytes at most.",
        PAYLOAD_TOO_LARGE,
        headers=CLOSED,
    )
