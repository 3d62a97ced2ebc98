"""Reads of plugins: where they stand and since when, what was changed, and the markets that they declare.

Each answers for many at once with one statement. `key` is the primary key, `owner` the parent.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from domain.forecasting.queries import PRICES
from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window

_REASON = "case when g.status = 'REFUSED' then g.reason else newest.reason end as reason"
PLUGIN = f"""g.key as plugin_key, g.key, g.name, g.distribution, g.version, g.api as api_version, g.status as state,
    {_REASON}, case when g.status <> 'REFUSED' then newest.changed_at end as status_changed_at,
    g.seen_at, g.call_count, g.failure_count, g.last_error, g.last_error_at"""
_PLUGINS = """plugin g left join lateral (
      select s.reason, s.changed_at from plugin_state s where s.plugin_key = g.key order by s.id desc limit 1) newest
    on true"""
PLUGIN_ORDER = SortKey("g.key")


async def plugins(db: Reader, keys: Sequence[str]) -> list[Record]:
    """Plugins by key."""
    return await db.fetch(f"select {PLUGIN} from {_PLUGINS} where g.key = any($1::text[])", keys)


def plugins_where(states: Sequence[str] | None, kind: str | None) -> Where:
    """Plugins in one of these states that price, or declare, a kind of market."""
    where = Where()
    if states is not None:
        where.add("g.status = any({}::text[])", states)
    if kind is not None:
        priced = f"exists (select 1 from model m where m.plugin_key = g.key and {PRICES})"
        declared = "{}::text = 'custom' and exists (select 1 from market_kind d where d.plugin_key = g.key)"
        where.add(f"({priced} or {declared})", kind, kind)
    return where


async def plugin_page(db: Reader, where: Where, window: Window) -> list[Record]:
    """A page of plugins by key."""
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(
        f"select {PLUGIN}, g.key as sort_key from {_PLUGINS} where {condition} {ordering}", *arguments
    )


async def plugin_count(db: Reader, where: Where) -> int:
    """Size of the whole list."""
    count: int = await db.fetchval(f"select count(*) from plugin g where {where.sql}", *where.arguments)
    return count


async def plugin_changes(db: Reader, keys: Sequence[str], most: int) -> list[Record]:
    """The newest changes of state of each plugin, with `owner`, newest first."""
    return await db.fetch(
        """select owner.key as owner, change.* from unnest($1::text[]) as owner(key) cross join lateral (
             select s.status as state, s.reason, s.changed_by, s.changed_at, s.version from plugin_state s
             where s.plugin_key = owner.key order by s.id desc limit $2) change""",
        keys,
        most,
    )


async def markets_of_plugins(db: Reader, keys: Sequence[str]) -> list[Record]:
    """The markets of their own that plugins declare, by key, with `owner`."""
    return await db.fetch(
        """select plugin_key as owner, key, title, outcomes, upper(lines) as lines from market_kind
           where plugin_key = any($1::text[]) order by key""",
        keys,
    )


async def model_states(db: Reader, keys: Sequence[str]) -> list[Record]:
    """Whether models and strategies still run: `role`, and `state` and `reason` of their plugins."""
    return await db.fetch(
        f"""select m.key, m.kind as role, g.status as state, {_REASON}
            from {_PLUGINS} join model m on m.plugin_key = g.key where m.key = any($1::text[])""",
        keys,
    )


async def newest_calls(db: Reader) -> list[Record]:
    """Every plugin with its failures, a row for each model and strategy that it offers, and the newest call of each."""
    return await db.fetch(
        f"""select {PLUGIN}, g.failures_in_row, m.key as model_key, call.called_at, call.milliseconds, call.fault
            from {_PLUGINS} left join model m on m.plugin_key = g.key and m.is_installed
              left join lateral (
                select c.called_at, c.milliseconds, c.fault from plugin_call c
                where c.plugin_key = g.key and c.thing = m.key order by c.called_at desc limit 1) call on true
            order by g.key, m.key"""
    )
