"""A TCP proxy that breaks connections: what lies between a phone and a server."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Hands bytes on between clients and one port, until `reset` cuts every connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.resets = 0
        self.flowing = asyncio.Event()
        """Cleared while nothing is handed on: a client that does not read."""
        self.flowing.set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def reset(self) -> int:
        """Cut all connections with RST, both ways and without a goodbye; answers how many ends there were."""
        cut = len(self._writers)
        for writer in list(self._writers):
            transport = writer.transport
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        self.resets += cut > 0
        return cut

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, behind_writer}
        try:
            await asyncio.gather(self._hand_on(reader, behind_writer), self._hand_on(behind_reader, writer))
        finally:
            self._writers -= {writer, behind_writer}
            for end in (writer, behind_writer):
                end.transport.abort()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                await self.flowing.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine."""
    made = Proxy(target)
    made._server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    try:
        yield made
    finally:
        made.flowing.set()
        made._server.close()
        made.reset()
        await asyncio.sleep(0)
