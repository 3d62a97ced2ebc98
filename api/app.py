"""The application: what it opens at its start, its few addresses, and its end."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version

from fastapi import FastAPI
from redis.asyncio import Redis

from api import files, oauth
from api.auth import Guests
from api.context import Doors
from api.edge.middleware import add_middleware
from api.edge.pages import add_pages
from api.edge.router import graph_router
from api.export import schema_text
from api.hub import OddsHub
from api.schema import build_schema
from api.status import About
from domain.accounts.desk import Desk
from domain.accounts.vault import Vault
from domain.infra.bus import Bus
from domain.infra.clock import Clock
from domain.infra.database import Database
from domain.infra.news import News
from domain.infra.settings import Settings


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
    app.include_router(graph_router(schema, settings), prefix="/graphql")
    app.include_router(oauth.router)
    app.include_router(files.router)
    add_pages(app)
    add_middleware(app, settings)
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
