"""Serve the API: `python -m api [--data-dir FOLDER]`, all else from the environment."""

from __future__ import annotations

import argparse
import logging
import logging.config
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from api.app import create_app
from domain.infra.errors import SettingsError
from domain.infra.settings import Settings, read_settings

STOP_WITHIN = 5
"""Seconds that running requests have when the process is told to stop."""


class Server(uvicorn.Server):
    """Uvicorn that says in one line where it serves, also when it chose the port itself."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        for server in self.servers:
            for socket in server.sockets:
                host, port = socket.getsockname()[:2]
                logging.getLogger("touchline.api").info("serving http://%s:%s/", host, port)


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the GraphQL API.")
    parser.add_argument("--data-dir", type=Path, help="folder of the embedded servers")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(**({"data_dir": given.data_dir} if given.data_dir else {}))
        app = create_app(settings, is_long_lived=True)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.config.dictConfig(log_config(settings))
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="auto",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # an address that a client claims would let it slip out of every limit
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)  # uvicorn stops on both, and then raises them again for whoever was there before
    server.run()
    return 0 if server.started else 1


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


def log_config(settings: Settings) -> dict[str, Any]:
    """Everything to standard error, one line each."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": settings.log_level.upper(), "handlers": ["stderr"]},
    }


if __name__ == "__main__":
    sys.exit(main())
