"""Pages beside the graph: what is here, and whether it is alive and can answer."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from redis.exceptions import RedisError
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from api.auth import UNREACHABLE
from api.context import Doors
from domain.infra import queries
from domain.migrations.runner import head

WEB = Path(__file__).parents[1] / "web"


def add_pages(app: FastAPI) -> None:
    """Add them to an application whose state has `doors`."""
    newest = head()

    @app.get("/")
    async def home() -> Response:
        return HTMLResponse((WEB / "index.html").read_bytes())

    @app.get("/healthz")
    async def healthz() -> Response:
        """Whether the process is alive."""
        return PlainTextResponse("alive\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        """Whether it can answer: the database is at the newest migration, and Redis speaks."""
        problem = await _problem(app.state.doors, newest)
        return PlainTextResponse("ready\n") if problem is None else PlainTextResponse(f"{problem}\n", status_code=503)


async def _problem(doors: Doors, newest: str) -> str | None:
    """One sentence on why the API cannot answer; None when it can."""
    try:
        revision = await queries.revision(doors.reader)
    except UNREACHABLE as error:
        return f"PostgreSQL does not answer: {error}"
    if revision != newest:
        return f"the database is at migration {revision}, the code at {newest}: run the migrations"
    try:
        await doors.redis.ping()
    except (OSError, RedisError) as error:
        return f"Redis does not answer: {error}"
    return None
