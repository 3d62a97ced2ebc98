"""The application: what it opens at its start, its few addresses, and its end."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from api import files, oauth
from api.auth import UNREACHABLE, Guest, Guests, admit, caller_of, sent_on_socket, visitor_of
from api.context import Context, Doors
from api.export import schema_text
from api.hub import OddsHub
from api.schema import build_schema
from api.status import About
from domain.accounts.desk import Desk
from domain.accounts.vault import Vault
from domain.infra import queries
from domain.infra.bus import Bus
from domain.infra.clock import Clock
from domain.infra.database import Database
from domain.infra.errors import BadCredentials
from domain.infra.news import News
from domain.infra.settings import Settings
from domain.migrations.runner import head

WEB = Path(__file__).parent / "web"
MOST_SUBSCRIPTIONS = 50
"""Per WebSocket."""
GREETING_WITHIN = timedelta(seconds=10)
"""How long a WebSocket may take to say `connection_init`."""


class Router(GraphQLRouter[Context, None]):
    """Strawberry's router that knows who asks, with a faster JSON."""

    graphql_transport_ws_handler_class = Guest
    temporal_response: Response

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """Answer a request, or serve a socket; a request whose token is worth nothing runs nothing."""
        if not self.is_websocket_request(request):
            answer = self.temporal_response  # strawberry keeps it on the router: another request may come meanwhile
            refusal = await admit(context, request.headers.get("authorization"))
            if refusal is not None:
                return refusal
            self.temporal_response = answer
        return await super().run(request=request, context=context, root_value=root_value)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Greet a socket, signed in if it sent a token; one that is worth nothing closes it with 4403."""
        try:
            if (authorization := sent_on_socket(context)) is not None:
                context.visitor = await visitor_of(context.doors.desk.vault, context.doors.reader, authorization)
        except BadCredentials:
            raise ConnectionRejectionError from None
        return await super().on_ws_connect(context)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()  # text: a WebSocket would send bytes as a binary frame

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


def create_app(settings: Settings, *, is_long_lived: bool = False) -> FastAPI:
    """The API of a deployment; raises SettingsError without a signing key.

    `is_long_lived` spares what is there after start-up from garbage collection.
    """
    vault = Vault(settings)
    schema = build_schema()
    about = About(version("touchline"), _digest())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, about, vault) as doors:
            app.state.doors = doors
            if is_long_lived:
                _spare_garbage_collection()
            yield

    app = FastAPI(title="Touchline", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(_graphql(schema, settings), prefix="/graphql")
    app.include_router(oauth.router)
    app.include_router(files.router)
    _add_pages(app)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["POST"], allow_headers=["*"]
        )
    return app


@cache
def _digest() -> str:
    """SHA-256 of the schema as text, counted once in a process."""
    return hashlib.sha256(schema_text().encode()).hexdigest()


def _spare_garbage_collection() -> None:
    """Leave what start-up made out of every collection, and collect less often: a request makes many short-lived
    objects and few rings, and a full collection would walk the schema (measured at half of a request's time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@asynccontextmanager
async def _opened(settings: Settings, about: About, vault: Vault) -> AsyncIterator[Doors]:
    database = await Database.connect(settings.database_url, size=settings.database_pool)
    redis, bus = Redis.from_url(settings.redis_url), Bus.connect(settings.redis_url)
    hub, news = OddsHub(database.pool, bus), News(settings.redis_url)
    desk, guests = Desk.open(database, settings, vault), Guests(database.pool)
    try:
        await hub.start()
        await news.start()
        await guests.start()
        yield Doors(
            reader=database.pool,
            database=database,
            clock=Clock(database.pool),
            settings=settings,
            redis=redis,
            hub=hub,
            about=about,
            desk=desk,
            news=news,
            guests=guests,
        )
    finally:
        await guests.stop()
        await hub.stop()
        await news.stop()
        await desk.close()
        await bus.close()
        await redis.aclose()
        await database.close()


def _graphql(schema: Any, settings: Settings) -> Router:
    async def context(connection: HTTPConnection) -> Context:
        return Context(connection.app.state.doors, caller_of(connection))

    return Router(
        schema,
        context_getter=context,
        graphql_ide=None,
        allow_queries_via_get=False,
        subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        max_subscriptions_per_connection=MOST_SUBSCRIPTIONS,
        connection_init_wait_timeout=GREETING_WITHIN,
        allowed_origins=settings.allowed_origins,
    )


def _add_pages(app: FastAPI) -> None:
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
