"""Smaller answers for clients that say how: zstd, brotli or gzip. A stream is never held up for it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type, remove_compress_type

from api.edge.negotiation import GRAPHQL_JSON, MULTIPART, SSE

LEAST = 1000
"""Bytes of an answer that is worth it; below, it fits into one packet as it is."""


def add_compression(app: FastAPI) -> None:
    """Add it to an application."""
    add_compress_type(GRAPHQL_JSON)
    remove_compress_type(SSE)  # events are small, and a compressor for each client is not
    remove_compress_type(MULTIPART)
    app.add_middleware(CompressMiddleware, minimum_size=LEAST, zstd_level=1, brotli_quality=1, gzip_level=1)
    app.add_middleware(WeakTags)


class WeakTags:
    """Says of a compressed answer that its tag is weak: the bytes are others than those that it was made from."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def weaken(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                tag = headers.get("etag")
                if tag is not None and "content-encoding" in headers and not tag.startswith("W/"):
                    headers["etag"] = f"W/{tag}"
            await send(message)

        await self.app(scope, receive, weaken if scope["type"] == "http" else send)
