"""Installed plugins and how healthy they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto
from functools import partial
from typing import Annotated

import strawberry

from api.batch import batch, derived
from api.models import Model, kinds_of
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_rows, read_page
from api.rows import Key, Rows, grouped, in_order, rows_of
from api.scalars import MarketKind, Words, described
from domain.forecasting import queries

PLUGIN_ORDER = Order("plugins", queries.PLUGIN_ORDER.sql, "g.key")

BUILT_IN = "touchline"
"""Our own distribution."""


@described(
    "States of a plugin.",
    ENABLED="Running.",
    SHADOW="Running, but its predictions are only graded, not shown.",
    DISABLED="Switched off by an operator.",
    QUARANTINED="Switched off by the platform after repeated failures or bad output.",
    INCOMPATIBLE="Refused when it was loaded, for example since it was built for another interface version.",
)
class PluginStatus(Words):
    ENABLED = auto()
    SHADOW = auto()
    DISABLED = auto()
    QUARANTINED = auto()
    INCOMPATIBLE = auto()

    @classmethod
    def of(cls, stored: str) -> PluginStatus:
        """The status of a row of `plugin`, which says ACTIVE or REFUSED."""
        return {"ACTIVE": cls.ENABLED, "REFUSED": cls.INCOMPATIBLE}.get(stored) or cls(stored)

    @property
    def stored(self) -> str:
        """The status as `plugin.status` holds it."""
        return {"ENABLED": "ACTIVE", "INCOMPATIBLE": "REFUSED"}.get(self.value, self.value)


@strawberry.type(description="Health of a plugin since it was installed.")
class PluginHealth:
    call_count: int = strawberry.field(description="Calls, count.")
    failure_count: int = strawberry.field(description="Failed calls, rejected outputs among them, count.")
    last_error: str | None = strawberry.field(description="Message of the last failure.")
    last_error_at: datetime | None = strawberry.field(description="When it last failed, match time.")

    @derived
    def invalid_output_count(self) -> int | None:
        """Outputs rejected because probabilities were missing, negative or did not sum to 1, count; null: counted
        among the failures."""
        return None

    @derived
    def p50_milliseconds(self) -> float | None:
        """Median time per call, milliseconds; null until it is measured."""
        return None

    @derived
    def p95_milliseconds(self) -> float | None:
        """95th percentile time per call, milliseconds; null until it is measured."""
        return None


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
    status_reason: str | None = strawberry.field(description="Why it is disabled, refused or quarantined.")
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
        return self.distribution == BUILT_IN

    @derived
    def health(self) -> PluginHealth:
        """Health."""
        return PluginHealth(
            call_count=self.call_count,
            failure_count=self.failure_count,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
        )

    @batch
    @staticmethod
    async def models(plugins: Sequence[Plugin], db: Rows) -> list[list[Model]]:
        """Its models and strategies."""
        return await models_of(db, plugins)

    @batch
    @staticmethod
    async def markets(plugins: Sequence[Plugin], db: Rows) -> list[list[MarketKind]]:
        """Markets it prices."""
        models = await models_of(db, plugins)
        return [list(dict.fromkeys(kind for model in each for kind in kinds_of(model))) for each in models]


@strawberry.type(description="A page of plugins.")
class PluginConnection(Connection[Plugin]):
    pass


async def models_of(db: Rows, plugins: Sequence[Plugin]) -> list[list[Model]]:
    """The models of each plugin."""
    keys = [plugin.key for plugin in plugins]
    rows = rows_of(Model, await queries.models_of_plugins(db, keys))
    return grouped(keys, rows, lambda model: model.plugin_key)


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
