"""What a worker process holds: settings, servers and plugins, opened once and handed to every job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from domain.forecasting.installed import note_plugins
from domain.forecasting.serving import choose_served
from domain.infra.bus import Bus
from domain.infra.clock import match_now
from domain.infra.database import Database, connection_of
from domain.infra.settings import Settings
from domain.intake import replayed, simulated
from domain.intake.feed import Feed, Feeds
from touchline import Provider
from touchline.discovery import close_plugins, discover_plugins
from touchline.plugins import Registry

if TYPE_CHECKING:
    from domain.infra.traces import Tracing


@dataclass(frozen=True, slots=True)
class Boot:
    """A process's own things; jobs get it as their first argument."""

    settings: Settings
    database: Database
    bus: Bus
    registry: Registry
    feeds: Feeds
    tracing: Tracing | None = None
    """Spans; None where no collector is named."""


async def open_boot(
    settings: Settings, load: Callable[[], Registry] = discover_plugins, tracing: Tracing | None = None
) -> Boot:
    """Open everything and write down which plugins are installed; `tracing` stays the caller's."""
    registry = await asyncio.to_thread(load)
    database = await Database.connect(settings.database_url, size=settings.database_pool)
    try:
        await _note(database, registry)
    except BaseException:
        await database.close()
        raise
    bus, feeds = Bus.connect(settings.redis_url), Feeds(feed_makers(registry.providers))
    return Boot(settings, database, bus, registry, feeds, tracing)


async def _note(database: Database, registry: Registry) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await note_plugins(connection, registry, await match_now(connection))
    async with database.transaction() as session:
        connection = await connection_of(session)
        await choose_served(connection, await match_now(connection))


async def close_boot(boot: Boot) -> None:
    """Close what `open_boot` opened."""
    close_plugins(boot.registry)
    await boot.bus.close()
    await boot.database.close()


@asynccontextmanager
async def booted(settings: Settings, load: Callable[[], Registry] = discover_plugins) -> AsyncIterator[Boot]:
    """Everything open for the length of a block."""
    boot = await open_boot(settings, load)
    try:
        yield boot
    finally:
        await close_boot(boot)


def feed_makers(providers: Mapping[str, Provider]) -> Mapping[str, Callable[[Mapping[str, Any]], Feed]]:
    """How feeds are made, by kind."""
    return {
        simulated.KIND: simulated.SimulatedFeed.of,
        replayed.KIND: partial(replayed.ReplayedFeed.of, providers),
    }
