"""Pages beside the graph: whether it is alive and can answer."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from redis.exceptions import RedisError
from starlette.responses import PlainTextResponse, Response

from api.context import Doors
from api.errors import UNREACHABLE
from domain.infra import queries
from domain.migrations.runner import head

log = logging.getLogger("touchline.api")

STOPPING = "the process stops"


def add_pages(app: FastAPI) -> None:
    """Add them to an application whose state has `doors` and `traffic`."""
    newest = head()

    @app.get("/healthz")
    @app.head("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        """Whether the process is alive."""
        return PlainTextResponse("alive\n")

    @app.get("/readyz")
    @app.head("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Whether it can answer: it does not stop, the database is at the newest migration, and Redis speaks."""
        problem = STOPPING if app.state.traffic.is_stopping else await _problem(app.state.doors, newest)
        return PlainTextResponse("ready\n") if problem is None else PlainTextResponse(f"{problem}\n", status_code=503)


async def _problem(doors: Doors, newest: str) -> str | None:
    """One sentence on why the API cannot answer, for everybody to read; None when it can."""
    try:
        revision = await queries.revision(doors.reader)
    except UNREACHABLE as error:
        log.warning("PostgreSQL does not answer: %s: %s", type(error).__name__, error)
        return "PostgreSQL does not answer"
    if revision != newest:
        return f"the database is at migration {revision}, the code at {newest}: run the migrations"
    try:
        await doors.redis.ping()
    except (OSError, RedisError) as error:
        log.warning("Redis does not answer: %s: %s", type(error).__name__, error)
        return "Redis does not answer"
    return None
