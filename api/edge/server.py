"""Uvicorn as this API runs it: it says where it serves, and stops without cutting anybody off in the middle."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import uvicorn

from api.edge.requests import Traffic

log = logging.getLogger("touchline.api")

STOP_WITHIN = 5.0
"""Seconds that running requests have when the process is told to stop."""
HANG_UP_WITHIN = 1
"""Seconds that connections have after that."""


class Server(uvicorn.Server):
    """The server of a process; `traffic` knows what is being answered."""

    def __init__(self, config: uvicorn.Config, traffic: Traffic) -> None:
        config.timeout_graceful_shutdown = HANG_UP_WITHIN
        super().__init__(config)
        self._traffic = traffic

    async def startup(self, sockets: Any = None) -> None:
        """Say in one line where it serves, also when it chose the port itself."""
        await super().startup(sockets=sockets)
        for server in self.servers:
            for socket in server.sockets:
                host, port = socket.getsockname()[:2]
                log.info("serving http://%s:%s/", host, port)

    async def shutdown(self, sockets: Any = None) -> None:
        """Turn balancers away, hang up on sockets and streams, answer what was asked, and only then stop listening.

        Clients of sockets are told 1012, service restart, and connect again; a stream ends without the word that it
        is complete, which tells its client the same.
        """
        log.info("stopping")
        self._traffic.stop()
        for connection in [*self.server_state.connections]:
            if isinstance(connection, self.config.ws_protocol_class or ()):
                connection.shutdown()
        self._traffic.end_streams()
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await self._traffic.quiet()
        except TimeoutError:
            self._traffic.end_all()
        await super().shutdown(sockets=sockets)
        log.info("stopped")
