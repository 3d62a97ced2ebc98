"""Serve the API: `python -m api [--data-dir FOLDER]`, all else from the environment."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from api.app import create_app
from api.edge.connections import Connection, SocketConnection
from api.edge.server import Server
from api.edge.sockets import LARGEST_MESSAGE
from domain.infra.errors import SettingsError
from domain.infra.lifeline import watch_lifeline
from domain.infra.logs import configure
from domain.infra.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the GraphQL API.")
    parser.add_argument("--data-dir", type=Path, help="folder of the embedded servers")
    given = parser.parse_args(arguments)
    watch_lifeline()
    try:
        settings = read_settings(**({"data_dir": given.data_dir} if given.data_dir else {}))
        configure(settings, "api")
        app = create_app(settings, is_long_lived=True)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="auto",
            http=Connection,
            ws=SocketConnection,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # `api.edge.proxies` believes those that the settings name, and no others
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
        ),
        app.state.traffic,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)  # uvicorn stops on both, and then raises them again for whoever was there before
    server.run()
    return 0 if server.started else 1


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


if __name__ == "__main__":
    sys.exit(main())
