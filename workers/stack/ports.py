"""The API's port: free, or refused before anything is started."""

from __future__ import annotations

import socket

from workers.stack.errors import StackError


def claim_port(host: str, port: int) -> int:
    """The port when it is free on `host`, or any free one for 0; raises StackError otherwise."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StackError(
            f"Port {port} of {host} cannot be used ({reason}). Name another with `--port`; `--port 0` takes a free one."
        ) from None
