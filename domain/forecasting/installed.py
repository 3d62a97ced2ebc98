"""The installed plugins as rows: who is there, who was refused and why, and which models are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting.serving import lock_coming, serve
from touchline import Model, Strategy, odds_use_of
from touchline.plugins import Plugin, Registry, Status
from touchline.settings import settings_of

GONE = "It is no longer installed."


async def note_plugins(connection: asyncpg.Connection, registry: Registry, now: datetime) -> None:
    """Bring plugin and model rows up to what is installed, in the open transaction.

    Rows of what is gone stay, refused: stored predictions name them.
    """
    await connection.execute("select pg_advisory_xact_lock(hashtext('installed plugins'))")
    await _write_plugins(connection, registry.plugins, now)
    for plugin in registry.plugins:
        for key in plugin.models:
            model = registry.models[key]
            markets = [str(market) for market in model.markets]
            await _write_model(connection, plugin, model, "model", markets, odds_use_of(model))
        for key in plugin.strategies:
            await _write_model(connection, plugin, registry.strategies[key], "strategy", [])


async def count_call(connection: asyncpg.Connection, model_key: str, error: str | None, now: datetime) -> None:
    """Count one call of a model's or strategy's plugin, with what it failed with. Last in a transaction: it locks."""
    await connection.execute(
        """update plugin set call_count = call_count + 1, failure_count = failure_count + ($2::text is not null)::int,
                  last_error = coalesce($2, last_error),
                  last_error_at = case when $2::text is null then last_error_at else $3 end
           where key = (select plugin_key from model where key = $1)""",
        model_key,
        None if error is None else error[:2000],
        now,
    )


async def _write_plugins(connection: asyncpg.Connection, plugins: Sequence[Plugin], now: datetime) -> None:
    await connection.execute(
        """insert into plugin (key, name, distribution, version, status, reason, seen_at, call_count, failure_count)
           select key, name, distribution, version, status, nullif(reason, ''), $7, 0, 0
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                as t(key, name, distribution, version, status, reason)
           on conflict (key) do update
           set name = excluded.name, distribution = excluded.distribution, version = excluded.version,
               status = excluded.status, reason = excluded.reason, seen_at = excluded.seen_at""",
        [plugin.key for plugin in plugins],
        [plugin.key.replace("_", " ").capitalize() for plugin in plugins],
        [plugin.distribution for plugin in plugins],
        [plugin.version for plugin in plugins],
        ["ACTIVE" if plugin.status is Status.LOADED else "REFUSED" for plugin in plugins],
        [plugin.reason for plugin in plugins],
        now,
    )
    await connection.execute(
        "update plugin set status = 'REFUSED', reason = $2 where key <> all($1::text[]) and status = 'ACTIVE'",
        [plugin.key for plugin in plugins],
        GONE,
    )


async def _write_model(
    connection: asyncpg.Connection,
    plugin: Plugin,
    model: Model | Strategy,
    kind: str,
    markets: list[str],
    odds_use: str | None = None,
) -> None:
    await connection.execute(
        """insert into model (key, plugin_key, kind, version, markets, settings, odds_use)
           values ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7)
           on conflict (key) do update set plugin_key = excluded.plugin_key, kind = excluded.kind,
               version = excluded.version, markets = excluded.markets, settings = excluded.settings,
               odds_use = excluded.odds_use""",
        model.key,
        plugin.key,
        kind,
        model.version,
        orjson.dumps(markets).decode(),
        orjson.dumps(settings_of(model)).decode(),
        None if odds_use is None else str(odds_use),
    )


async def choose_served(connection: asyncpg.Connection, now: datetime) -> None:
    """Mark as stale what nobody renews, and let the installed models be those that are shown.

    After `note_plugins`, in a transaction of its own: a job that stores predictions locks them and then its plugin.
    """
    coming = await lock_coming(connection, now)
    await connection.execute(
        """update current_prediction c set is_stale = true from model m join plugin p on p.key = m.plugin_key
           where m.key = c.model_key and p.status = 'REFUSED' and not c.is_stale and c.match_id = any($1::bigint[])""",
        coming,
    )
    await serve(connection, coming, now)
