"""The Python processes of a stack: two tasks that end, and three children that stay.

Each is `python -m MODULE … --data-dir PATH`, so that `ps` shows whose it is. They learn everything
else from their environment.
"""

from __future__ import annotations

import http
import http.client
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from domain.infra.settings import Settings
from workers.stack.children import Child, once_running

APPLICATION = Path(__file__).resolve().parents[2]
"""The checkout; the children run there, so that no folder of the caller's hides one of our packages."""
EXAMPLE_ACCOUNTS = "TOUCHLINE_EXAMPLE_ACCOUNTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where a stack's processes find everything."""

    data_dir: Path
    database_url: str
    redis_url: str
    host: str
    port: int
    secret_key: str
    """Signs tokens; the same for every process."""
    example_accounts: Mapping[str, str] | None = None
    """E-mail → password of those that anybody may sign in to; None says nothing of them."""

    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may read answers and open sockets."""

    @property
    def origin(self) -> str:
        """`host:port` as a client on this machine writes it."""
        host = reachable_host(self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The environment of the Python children."""
        return os.environ | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "TOUCHLINE_SECRET_KEY": self.secret_key,
            "TOUCHLINE_DATA_DIR": str(self.data_dir),
            "TOUCHLINE_HOST": self.host,
            "TOUCHLINE_PORT": str(self.port),
            "TOUCHLINE_ALLOWED_ORIGINS": ",".join(self.allowed_origins),
            "PYTHONUNBUFFERED": "1",
            **_compiled_code(self.data_dir),
            **({} if self.example_accounts is None else {EXAMPLE_ACCOUNTS: json.dumps(dict(self.example_accounts))}),
        }


def _compiled_code(data_dir: Path) -> dict[str, str]:
    """Where plugins keep compiled code for each other: beside their own, else in the data folder."""
    code = find_spec("touchline")
    beside = code is not None and code.origin is not None and os.access(Path(code.origin).parent, os.W_OK)
    if beside or "NUMBA_CACHE_DIR" in os.environ:
        return {}
    return {"NUMBA_CACHE_DIR": str(data_dir / "cache" / "compiled")}


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of one process that is started without a supervisor."""
    named = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    if settings.secret_key is not None:
        named["TOUCHLINE_SECRET_KEY"] = settings.secret_key.get_secret_value()
    return os.environ | named


def reachable_host(host: str) -> str:
    """The address at which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def migration(deployment: Deployment) -> Child:
    """Bring the database to the newest schema."""
    return _python(deployment, "migrate", "domain.migrations")


def demo_seed(deployment: Deployment, *, seed: int, speed: float) -> Child:
    """Load the simulated league and set the clock; harmless when it is there already."""
    return _python(deployment, "seed", "workers.seed_demo", "--seed", str(seed), "--speed", f"{speed:g}")


def worker(deployment: Deployment) -> Child:
    """The process that runs the jobs."""
    return _python(deployment, "worker", "workers.worker")


def scheduler(deployment: Deployment) -> Child:
    """The process that sends jobs when they are due."""
    return _python(deployment, "scheduler", "workers.scheduler")


def api(deployment: Deployment) -> Child:
    """The process that answers GraphQL."""
    ready = partial(_api_is_ready, reachable_host(deployment.host), deployment.port)
    return _python(deployment, "api", "api", ready=ready)


def command(module: str, *arguments: str, data_dir: Path | None) -> tuple[str, ...]:
    """The command line of one of our modules, with the data folder at its end."""
    folder = () if data_dir is None else ("--data-dir", str(data_dir))
    return (sys.executable, "-m", module, *arguments, *folder)


def _python(
    deployment: Deployment,
    name: str,
    module: str,
    *arguments: str,
    ready: Callable[[int], bool] = once_running,
) -> Child:
    return Child(
        name=name,
        argv=command(module, *arguments, data_dir=deployment.data_dir),
        env=deployment.environment(),
        ready=ready,
        cwd=APPLICATION,
    )


def _api_is_ready(host: str, port: int, pid: int) -> bool:
    """`/readyz` answers 200; an API without it is asked for `/healthz`."""
    status = _status(host, port, "/readyz")
    if status == http.HTTPStatus.NOT_FOUND:
        status = _status(host, port, "/healthz")
    return pid > 0 and status == http.HTTPStatus.OK


def _status(host: str, port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
