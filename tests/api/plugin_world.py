"""A plugin of somebody else beside ours, and three people who look: nobody, a user and an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from domain.forecasting.plugin_states import PLATFORM, NewState, PluginStatus, change_state, write_states
from domain.infra.database import connection_of
from tests.api.betting import betting
from tests.api.client import Client
from tests.factories import NOW, Factory
from touchline import MarketKey

NEW = "New: it is graded and shown to nobody until an operator enables it."
DARK = "acme.dark"
"""A model of the plugin `dark`."""

People = Mapping[str, Client]


@asynccontextmanager
async def three(client: Client) -> AsyncIterator[People]:
    """Clients by who they are, each of the same API."""
    async with AsyncExitStack() as stack:
        user = await stack.enter_async_context(betting(client.app, "user@example.com"))
        support = await stack.enter_async_context(betting(client.app, "support@example.com", role="SUPPORT"))
        admin = await stack.enter_async_context(betting(client.app, "admin@example.com", role="ADMIN"))
        yield {"nobody": client, "user": user, "support": support, "admin": admin}


async def outside(
    factory: Factory,
    key: str = DARK,
    markets: Sequence[MarketKey] = (),
    *,
    kind: str = "model",
    status: PluginStatus = PluginStatus.SHADOW,
) -> str:
    """A model or strategy of a plugin of its own that came with somebody else's distribution; the plugin's key."""
    plugin = key.rpartition(".")[2]
    await factory.model(key, markets, kind=kind)
    await factory.db.execute("update plugin set distribution = 'acme-football', api = 1 where key = $1", plugin)
    async with factory.database.transaction() as session:
        change = NewState(plugin, status, NEW, PLATFORM, "0.1.0")
        await write_states(await connection_of(session), [change], NOW)
    return plugin


async def change(
    factory: Factory, plugin: str, status: PluginStatus, reason: str = "An operator's word.", *, now: datetime = NOW
) -> None:
    """Have an operator change the state of a plugin."""
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        await change_state(connection, plugin, status, reason=reason, by="account 7", now=now)
