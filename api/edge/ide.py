"""What browsers are given: the front page with its odds board, GraphiQL, the schema as text, and the files of both.

The files lie in `api/web/` as they are served: no build step, nothing of others, no request to another host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.staticfiles import StaticFiles

from api.export import schema_text
from api.reference import reference_page
from domain.infra.settings import Settings

WEB = Path(__file__).parents[1] / "web"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
"""Content-Security-Policy of every page: our own files and our own graph, no script or style inside the page."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # asked for again each time: a new page must not meet modules of the old one
}


def add_ide(app: FastAPI, settings: Settings) -> None:
    """Add the pages to an application, before its graph: a browser that opens the graph's address gets GraphiQL."""

    @app.get("/")
    async def home() -> Response:
        """The front page."""
        return _file("front/index.html")

    @app.get("/schema.graphql")
    async def schema(request: Request) -> Response:
        """The SDL, for whoever may read the schema."""
        return _schema_as(schema_text, "text/plain", request) if settings.introspection else _not_public()

    @app.get("/reference")
    async def reference(request: Request) -> Response:
        """The schema as a page to read, for the same people."""
        return _schema_as(_reference, "text/html", request) if settings.introspection else _not_public()

    app.mount("/web/front", _Files(directory=WEB / "front"))
    app.mount("/web/reference", _Files(directory=WEB / "reference"))
    if settings.graphiql:
        _add_graphiql(app, settings.example_accounts or {})


@cache
def _reference() -> str:
    return reference_page(schema_text())


def _schema_as(make: Callable[[], str], media_type: str, request: Request) -> Response:
    """A text made of the schema, or that it is the one a client has."""
    text = make()
    headers = {"etag": f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"', **HEADERS}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(text, media_type=media_type, headers=headers)


def _not_public() -> Response:
    return PlainTextResponse("The schema of this deployment is not public.\n", status_code=404)


def _add_graphiql(app: FastAPI, accounts: dict[str, str]) -> None:
    async def page(_: Request) -> Response:
        return _file("graphiql/index.html", vary="accept")

    async def operations(_: Request) -> Response:
        return _file("operations.graphql", media_type="text/plain")

    async def example_accounts(_: Request) -> Response:
        return JSONResponse(accounts, headers=HEADERS)

    app.routes.append(_BrowserRoute("/graphql", page, methods=["GET"]))
    app.routes.append(Route("/web/graphiql/operations.graphql", operations))
    app.routes.append(Route("/web/graphiql/accounts.json", example_accounts))
    app.mount("/web/graphiql", _Files(directory=WEB / "graphiql"))


def _file(name: str, *, media_type: str | None = None, **headers: str) -> Response:
    return FileResponse(WEB / name, media_type=media_type, headers=HEADERS | headers)


class _Files(StaticFiles):
    """The files of a page."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers.update(HEADERS)
        return response


class _BrowserRoute(Route):
    """A page at an address whose other callers want JSON: they are left to the routes after it."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        match, found = super().matches(scope)
        if match is Match.FULL and _wants_page(Request(scope).headers.get("accept", "")):
            return match, found
        return Match.NONE, {}


def _wants_page(accept: str) -> bool:
    """Whether an `Accept` header names HTML, and likes no kind of JSON as much."""
    liked = dict(map(_liking, accept.lower().split(",")))
    return liked.get("text/html", 0.0) > max((liked[name] for name in liked if name.endswith("json")), default=0.0)


def _liking(choice: str) -> tuple[str, float]:
    """A media type and how much it is liked, from 0 to 1."""
    name, *parameters = (part.strip() for part in choice.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0
