"""The application: what it opens at its start, its few addresses, and its end."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from redis.asyncio import BlockingConnectionPool, Redis

from api import files, oauth
from api.context import Doors
from api.edge.ide import add_ide
from api.edge.metrics import add_metrics
from api.edge.middleware import add_middleware
from api.edge.pages import add_pages
from api.edge.requests import RequestId, Traffic
from api.edge.router import graph_router
from api.edge.sockets import Guests
from api.export import schema_text
from api.hub import OddsHub
from api.schema import build_schema
from api.status import About
from domain.accounts.desk import Desk
from domain.accounts.vault import Vault
from domain.infra.bus import Bus
from domain.infra.clock import Clock
from domain.infra.database import Database
from domain.infra.leases import Leases
from domain.infra.news import News
from domain.infra.settings import Settings
from domain.infra.telemetry import open_tracing

if TYPE_CHECKING:
    from domain.infra.traces import Tracing

REDIS_CONNECTIONS = 16
"""For what is asked and answered; whoever finds none free waits."""


def create_app(settings: Settings, *, is_long_lived: bool = False) -> FastAPI:
    """The API of a deployment; raises SettingsError without a signing key.

    `is_long_lived` spares what is there after start-up from garbage collection.
    """
    vault = Vault(settings)
    schema = build_schema()
    tracing = open_tracing(settings, "api")
    about = About(version("touchline"), _digest())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _opened(settings, about, vault, tracing) as doors:
            app.state.doors = doors
            if is_long_lived:
                _spare_garbage_collection()
            yield

    app = FastAPI(
        title="Touchline",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=_spans_of_requests(tracing),
    )
    app.state.traffic = Traffic()
    add_ide(app, settings)
    app.include_router(graph_router(schema, settings), prefix="/graphql")
    app.include_router(oauth.router)
    app.include_router(files.router)
    add_pages(app)
    add_metrics(app, settings)
    add_middleware(app, settings)
    app.add_middleware(RequestId, traffic=app.state.traffic)  # what is added last is passed first
    return app


def _spans_of_requests(tracing: Tracing | None) -> TelemetryConfig:
    """FastAPI has a span for each request and socket; nothing else that it would tell is wanted."""
    told = TelemetryConfig(metrics=False, logs=False, operation_spans=False, auto_configure=False, exclude=_is_probe)
    if tracing is None:
        return told | TelemetryConfig(tracing=False)
    return told | TelemetryConfig(tracing=True, tracer_provider=tracing.provider)


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope["path"] in {"/healthz", "/readyz", "/metrics"}


@cache
def _digest() -> str:
    """SHA-256 of the schema as text, counted once in a process."""
    return hashlib.sha256(schema_text().encode()).hexdigest()


def _spare_garbage_collection() -> None:
    """Leave what start-up made out of every collection, and collect less often: a request makes many short-lived
    objects and few rings, and a full collection would walk the schema (measured at half of a request's time).
    What a subscription leaves behind when it ends is in rings, and so old that full ones alone find it: Python makes
    one when a quarter of what the last one kept has come on top, so the last one must be after the start-up was left
    out; else hundreds of them wait for it."""
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(20_000, 10, 5)


@asynccontextmanager
async def _opened(settings: Settings, about: About, vault: Vault, tracing: Tracing | None) -> AsyncIterator[Doors]:
    database = await Database.connect(settings.database_url, size=settings.database_pool)
    waiting = BlockingConnectionPool.from_url(settings.redis_url, max_connections=REDIS_CONNECTIONS, timeout=5)
    redis, bus = Redis.from_pool(waiting), Bus.connect(settings.redis_url)
    hub, news = OddsHub(database.pool, bus), News(settings.redis_url)
    desk, guests = Desk.open(database, settings, vault), Guests(database.pool)
    leases = Leases(redis)
    try:
        await hub.start()
        await news.start()
        await guests.start()
        await leases.start()
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
            leases=leases,
            tracing=tracing,
        )
    finally:
        await guests.stop()
        await leases.stop()
        await hub.stop()
        await news.stop()
        await desk.close()
        await bus.close()
        await redis.aclose()
        await database.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)
