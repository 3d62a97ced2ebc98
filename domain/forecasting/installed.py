"""The installed plugins as rows: who is there, who was refused and why, in which state, and what they offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting.plugin_settings import Applied, applied, give_back, settings_in_force
from domain.forecasting.plugin_states import PLATFORM, NewState, PluginStatus, ask_anew, write_states
from domain.markets.service import note_market_kinds
from touchline import Model, Strategy, odds_use_of
from touchline.plugins import Plugin, Registry, Status
from touchline.settings import settings_of, settings_schema

GONE = "It is no longer installed."
OURS_AT_FIRST = "It comes with Touchline."
NEW = "New: it is graded and shown to nobody until an operator enables it."


async def note_plugins(connection: asyncpg.Connection, registry: Registry, now: datetime) -> None:
    """Bring the rows of plugins, states, models and markets up to what is installed, in the open transaction.

    A plugin that is seen for the first time gets its first state, and one that was quarantined gets the former one back
    with a new version. Rows of what is gone stay, refused: stored predictions name them.
    """
    await connection.execute("select pg_advisory_xact_lock(hashtext('installed plugins'))")
    plugins = _told_apart(registry.plugins)
    known = await _read_known(connection)
    changes = [change for plugin in plugins if (change := _new_state(plugin, known.get(plugin.key))) is not None]
    await _write_plugins(connection, plugins, now)
    await write_states(connection, changes, now)
    await _write_models(connection, registry, now)
    await note_market_kinds(connection, registry)
    changed = {change.plugin_key for change in changes}
    outside = [plugin for plugin in plugins if plugin.key in changed and not plugin.is_ours]
    await ask_anew(connection, [key for one in outside for key in (*one.models, *one.strategies)], "plugin", now)


def _told_apart(plugins: Iterable[Plugin]) -> list[Plugin]:
    """The plugins by different keys: one whose key is taken is refused, and listed with its distribution's name."""
    seen: dict[str, Plugin] = {}
    for plugin in plugins:
        key = plugin.key if plugin.key not in seen else f"{plugin.key}@{plugin.distribution}"
        seen[key] = replace(plugin, key=key)
    return list(seen.values())


@dataclass(frozen=True, slots=True)
class _Known:
    """A plugin as it was written down before."""

    distribution: str
    status: str | None
    """Of its newest state; None while it never had one."""
    version: str | None
    """For which it got that state."""
    before_quarantine: str | None


async def _read_known(connection: asyncpg.Connection) -> dict[str, _Known]:
    rows = await connection.fetch(
        """select p.key, p.distribution, s.status, s.version,
                  (select b.status from plugin_state b where b.plugin_key = p.key and b.status <> 'QUARANTINED'
                   order by b.id desc limit 1) as before_quarantine
           from plugin p left join lateral (
             select n.status, n.version from plugin_state n where n.plugin_key = p.key order by n.id desc limit 1
           ) s on true"""
    )
    return {row["key"]: _Known(**{name: row[name] for name in _Known.__slots__}) for row in rows}


def _new_state(plugin: Plugin, known: _Known | None) -> NewState | None:
    """The state that a plugin gets by being found: its first one, or after a quarantine that of before."""
    is_loaded = plugin.status is Status.LOADED
    if known is None or known.status is None:
        return _first_state(plugin, NEW) if is_loaded else None
    if known.distribution != plugin.distribution:
        return _first_state(plugin, f"It comes from {plugin.distribution} and came from {known.distribution}. {NEW}")
    if known.status == PluginStatus.QUARANTINED and is_loaded and known.version != plugin.version:
        reason = f"Version {plugin.version} is there; it was quarantined with version {known.version}."
        before = PluginStatus(known.before_quarantine or PluginStatus.SHADOW)
        return NewState(plugin.key, before, reason, PLATFORM, plugin.version)
    return None


def _first_state(plugin: Plugin, reason: str) -> NewState:
    if plugin.is_ours:
        return NewState(plugin.key, PluginStatus.ACTIVE, OURS_AT_FIRST, PLATFORM, plugin.version)
    return NewState(plugin.key, PluginStatus.SHADOW, reason, PLATFORM, plugin.version)


async def _write_plugins(connection: asyncpg.Connection, plugins: Sequence[Plugin], now: datetime) -> None:
    """Write plugins as they were found: REFUSED, or in the newest state that they have so far."""
    await connection.execute(
        """insert into plugin (key, name, distribution, version, status, reason, api, seen_at, call_count,
               failure_count)
           select t.key, name, distribution, t.version, coalesce(t.status, s.status, 'SHADOW'),
                  case when t.status is null then s.reason else t.reason end, api, $8, 0, 0
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
                as t(key, name, distribution, version, status, reason, api)
           left join lateral (select n.status, n.reason from plugin_state n where n.plugin_key = t.key
                              order by n.id desc limit 1) s on true
           on conflict (key) do update
           set name = excluded.name, distribution = excluded.distribution, version = excluded.version,
               status = excluded.status, reason = excluded.reason, api = excluded.api, seen_at = excluded.seen_at,
               failures_in_row = case when plugin.version = excluded.version then plugin.failures_in_row else 0 end""",
        [plugin.key for plugin in plugins],
        [_name(plugin.key) for plugin in plugins],
        [plugin.distribution for plugin in plugins],
        [plugin.version for plugin in plugins],
        [None if plugin.status is Status.LOADED else PluginStatus.REFUSED for plugin in plugins],
        [plugin.reason for plugin in plugins],
        [plugin.api for plugin in plugins],
        now,
    )
    await connection.execute(
        """update plugin set status = 'REFUSED', reason = $2
           where key <> all($1::text[]) and (status, reason) is distinct from ('REFUSED', $2)""",
        [plugin.key for plugin in plugins],
        GONE,
    )


def _name(key: str) -> str:
    return key.partition("@")[0].replace("_", " ").capitalize()


async def _write_models(connection: asyncpg.Connection, registry: Registry, now: datetime) -> None:
    """Write what the loaded plugins offer, with the settings in force; what one does not offer any more stays, gone."""
    values = await settings_in_force(connection)
    things: list[Model | Strategy] = [*registry.models.values(), *registry.strategies.values()]
    offered = [applied(thing, values.get(thing.key, {})) for thing in things]
    owners = {key: plugin.key for plugin in registry.plugins for key in (*plugin.models, *plugin.strategies)}
    rows = [(one.thing.key, owners[one.thing.key], *_columns(one, registry)) for one in offered]
    await connection.execute(
        """insert into model (key, plugin_key, kind, version, markets, settings, settings_schema, odds_use)
           select key, plugin_key, kind, version, markets::jsonb, settings::jsonb, schema::jsonb, odds_use
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                as t(key, plugin_key, kind, version, markets, settings, schema, odds_use)
           on conflict (key) do update set plugin_key = excluded.plugin_key, kind = excluded.kind,
               version = excluded.version, markets = excluded.markets, settings = excluded.settings,
               settings_schema = excluded.settings_schema, odds_use = excluded.odds_use, is_installed = true""",
        *([row[column] for row in rows] for column in range(8)),
    )
    await connection.execute(
        """update model set is_installed = false where is_installed and key <> all($1::text[])
             and plugin_key = any($2::text[])""",
        [row[0] for row in rows],
        [plugin.key for plugin in registry.plugins if plugin.status is Status.LOADED],
    )
    await give_back(connection, offered, now)


def _columns(one: Applied, registry: Registry) -> tuple[str, str, str, str, str, str | None]:
    """Kind, version, markets, settings, their schema and the use of odds of a model or strategy."""
    model = registry.models.get(one.thing.key)
    use = None if model is None else odds_use_of(model)
    return (
        "strategy" if model is None else "model",
        one.thing.version,
        orjson.dumps([] if model is None else [str(market) for market in model.markets]).decode(),
        orjson.dumps(settings_of(one.thing)).decode(),
        orjson.dumps(settings_schema(one.thing)).decode(),
        None if use is None else str(use),
    )
