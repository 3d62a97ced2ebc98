"""Installed plugins and how healthy they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

import strawberry

from api.batch import batch, derived
from api.models import Model, kinds_of
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_rows, read_page
from api.plugin_parts import (
    LONGEST_TOLD,
    PluginHealth,
    PluginMarket,
    PluginStateChange,
    PluginStatus,
    change_of,
    health_of,
)
from api.rows import Key, Rows, grouped, in_order, rows_of
from api.scalars import MarketKind
from domain.accounts.people import Viewer
from domain.forecasting import plugin_queries as queries
from domain.forecasting import plugin_states
from domain.forecasting.queries import models_of_plugins
from domain.infra.errors import Invalid
from touchline.outputs import one_line
from touchline.plugins import OURS

PLUGIN_ORDER = Order("plugins", queries.PLUGIN_ORDER.sql, "g.key")

MOST_CHANGES = 100


@strawberry.type(description="An installed package that adds market models, data sources or other hooks.")
class Plugin(Node):
    key: strawberry.Private[str]
    plugin_key: str = strawberry.field(name="key", description="Key from its entry point, for example `goals`.")
    state: strawberry.Private[str]
    call_count: strawberry.Private[int]
    failure_count: strawberry.Private[int]
    last_error: strawberry.Private[str | None]
    last_error_at: strawberry.Private[datetime | None]
    name: str = strawberry.field(description="Name.")
    distribution: str = strawberry.field(description="Python distribution name.")
    version: str = strawberry.field(description="Installed version.")
    reason: strawberry.Private[str | None]
    api_version: int | None = strawberry.field(
        description="Number of the plugin interface that it was made for; null where it could not be loaded."
    )
    status_changed_at: datetime | None = strawberry.field(
        description="Since when it has this status, match time; null for one that is refused."
    )
    seen_at: datetime = strawberry.field(description="When a worker last loaded it, match time.")

    @classmethod
    def read_key(cls, key: str) -> Key | None:
        return key

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[Plugin | None]:
        return in_order(keys, rows_of(cls, await queries.plugins(db, keys)), lambda row: row.key)

    @derived
    def status(self) -> PluginStatus:
        """Status."""
        return PluginStatus.of(self.state)

    @derived
    def is_built_in(self) -> bool:
        """Whether it ships with the platform."""
        return self.distribution == OURS

    @derived
    def status_reason(self) -> str | None:
        """Why it has this status."""
        return self.reason and one_line(self.reason, LONGEST_TOLD)

    @batch
    @staticmethod
    async def health(plugins: Sequence[Plugin], db: Rows, now: datetime) -> list[PluginHealth]:
        """Health."""
        found = await plugin_states.health(db, [plugin.key for plugin in plugins], now)
        return [health_of(plugin, found[plugin.key]) for plugin in plugins]

    @batch
    @staticmethod
    async def state_changes(
        plugins: Sequence[Plugin],
        db: Rows,
        visitor: Viewer | None,
        first: Annotated[int | None, strawberry.argument(description="How many, 1-100.")] = 20,
    ) -> list[list[PluginStateChange]]:
        """How its status came about, newest first."""
        most = 20 if first is None else first
        if not 1 <= most <= MOST_CHANGES:
            raise Invalid("first", f"must be between 1 and {MOST_CHANGES}")
        keys = [plugin.key for plugin in plugins]
        is_told = visitor is not None and visitor.is_operator
        rows = await queries.plugin_changes(db, keys, most)
        return [[change_of(row, is_told) for row in each] for each in grouped(keys, rows, lambda row: row["owner"])]

    @batch
    @staticmethod
    async def models(plugins: Sequence[Plugin], db: Rows) -> list[list[Model]]:
        """Its models and strategies."""
        return await models_of(db, plugins)

    @batch
    @staticmethod
    async def markets(plugins: Sequence[Plugin], db: Rows) -> list[list[MarketKind]]:
        """Markets that it prices, and CUSTOM where it declares markets of its own."""
        models = await models_of(db, plugins)
        priced = [[kind for model in each for kind in kinds_of(model)] for each in models]
        declared = [[MarketKind.CUSTOM] * bool(own) for own in await _own_markets(db, plugins)]
        return [list(dict.fromkeys([*kinds, *own])) for kinds, own in zip(priced, declared, strict=True)]

    @batch
    @staticmethod
    async def market_kinds(plugins: Sequence[Plugin], db: Rows) -> list[list[PluginMarket]]:
        """Markets of its own, whoever prices them."""
        return await _own_markets(db, plugins)

    @batch
    @staticmethod
    async def settings_schema(plugins: Sequence[Plugin], db: Rows) -> list[strawberry.scalars.JSON]:
        """JSON Schema of the settings of each of its models and strategies, by their keys."""
        models = await models_of(db, plugins)
        return [strawberry.scalars.JSON({model.key: model.settings_schema for model in each}) for each in models]


@strawberry.type(description="A page of plugins.")
class PluginConnection(Connection[Plugin]):
    pass


async def models_of(db: Rows, plugins: Sequence[Plugin]) -> list[list[Model]]:
    """The models of each plugin."""
    keys = [plugin.key for plugin in plugins]
    rows = rows_of(Model, await models_of_plugins(db, keys))
    return grouped(keys, rows, lambda model: model.plugin_key)


async def _own_markets(db: Rows, plugins: Sequence[Plugin]) -> list[list[PluginMarket]]:
    """The markets that each plugin declares."""
    keys = [plugin.key for plugin in plugins]
    rows = await queries.markets_of_plugins(db, keys)
    return [rows_of(PluginMarket, each) for each in grouped(keys, rows, lambda row: row["owner"])]


async def plugins(
    db: Rows,
    statuses: Annotated[list[PluginStatus] | None, strawberry.argument(description="Only these states.")] = None,
    market: Annotated[MarketKind | None, strawberry.argument(description="Only plugins that price this.")] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PluginConnection:
    """Installed plugins."""
    page = read_page(PLUGIN_ORDER, first, after, last, before)
    states = None if statuses is None else [status.stored for status in statuses]
    where = queries.plugins_where(states, market.stored if market else None)
    rows = rows_of(Plugin, await queries.plugin_page(db, where, page))
    return connect_rows(PluginConnection, page, rows, Counts.of(partial(queries.plugin_count, where=where)))


async def plugin(db: Rows, key: Annotated[str, strawberry.argument(description="Key.")]) -> Plugin | None:
    """One plugin."""
    return (await db.find(Plugin, [key]))[0]
