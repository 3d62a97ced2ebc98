"""The life of a plugin: whether it runs, whether it is shown, and how it fares.

REFUSED while it cannot be loaded, whatever its state; else what its newest row of `plugin_state` says. What runs are
the things of SHADOW and ACTIVE plugins; what is shown are models of ACTIVE ones. Three failures in a row make a plugin
QUARANTINED; a new version of its distribution takes it back to where it was, and so does an operator.

Whoever changes a state locks leagues first, then the row of the plugin: a job that stores predictions does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import asyncpg

from domain.forecasting.requests import run_request
from domain.forecasting.serving import RUNNABLE, checked_reason, lock_coming, serve_coming
from domain.infra.database import Reader
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.infra.outbox import Request, ask
from touchline.outputs import Fault
from touchline.plugins import OURS

PLATFORM = "platform"
"""Who changed a state, where no operator did."""
FAILURES_IN_ROW = 3
"""Failures one after the other by which a plugin is quarantined."""
HEALTH = timedelta(hours=24)
"""Match time of which a plugin's health is told."""
CALLS_KEPT = timedelta(days=30)
"""Match time for which single calls are kept."""
LONGEST_ERROR = 2000


class PluginStatus(StrEnum):
    """States of a plugin as `plugin.status` and `plugin_state.status` hold them."""

    REFUSED = "REFUSED"
    """It cannot be loaded."""
    SHADOW = "SHADOW"
    """It runs, is stored and graded, and is shown to nobody."""
    ACTIVE = "ACTIVE"
    QUARANTINED = "QUARANTINED"
    """Stopped by the platform after failures in a row."""
    DISABLED = "DISABLED"
    """Stopped by an operator."""


CHOSEN = (PluginStatus.ACTIVE, PluginStatus.SHADOW, PluginStatus.DISABLED)
"""States that an operator can give a plugin."""


@dataclass(frozen=True, slots=True)
class PluginState:
    """Where a plugin stands, since when and why."""

    plugin_key: str
    status: PluginStatus
    reason: str
    by: str
    """`platform`, or the operator who changed it."""
    changed_at: datetime
    """Match time."""
    version: str
    """Version of the distribution that it was changed for."""
    failures_in_row: int


@dataclass(frozen=True, slots=True)
class Health:
    """How a plugin fared in the last 24 hours of match time, and what it last failed with whenever that was."""

    plugin_key: str
    calls: int
    failures: int
    invalid_outputs: int
    """Answers that the contract does not allow; among the failures."""
    p50_milliseconds: float | None
    """Median time of a call, of those that were measured; None without any."""
    p95_milliseconds: float | None
    last_error: str | None
    last_error_at: datetime | None


async def states(reader: Reader) -> dict[str, PluginState]:
    """Where each plugin stands, by key."""
    rows = await reader.fetch(
        f"""select p.key as plugin_key, p.status, p.failures_in_row, coalesce(p.reason, s.reason, '') as reason,
                   case when {_IS_OVERLAID} then '{PLATFORM}' else s.changed_by end as by,
                   case when {_IS_OVERLAID} then p.seen_at else s.changed_at end as changed_at,
                   case when {_IS_OVERLAID} then p.version else s.version end as version
            from plugin p left join lateral ({_NEWEST}) s on true order by p.key"""
    )
    return {row["plugin_key"]: PluginState(**{**row, "status": PluginStatus(row["status"])}) for row in rows}


_NEWEST = "select * from plugin_state n where n.plugin_key = p.key order by n.id desc limit 1"
_IS_OVERLAID = "(p.status = 'REFUSED' or s.id is null)"


async def status_of(reader: Reader, model_key: str) -> PluginStatus:
    """Where the plugin of a model or strategy stands; raises NotFound for a key that nobody has."""
    status = await reader.fetchval(
        "select p.status from model m join plugin p on p.key = m.plugin_key where m.key = $1", model_key
    )
    if status is None:
        raise NotFound(f"No installed plugin has the model {model_key}.")
    return PluginStatus(status)


async def model_runs(
    reader: Reader, reason: str, *, league_ids: Sequence[int], model_keys: Sequence[str] | None = None
) -> list[Request]:
    """Have the models that run, or those named of them, forecast leagues: the requests, league by league."""
    rows = await reader.fetch(
        """select m.key, p.distribution = $2 as is_ours from model m join plugin p on p.key = m.plugin_key
           where m.kind = 'model' and m.is_installed and p.status = any($1::text[])
             and ($3::text[] is null or m.key = any($3)) order by not (p.distribution = $2), m.key""",
        list(RUNNABLE),
        OURS,
        None if model_keys is None else list(model_keys),
    )
    return [
        run_request(row["key"], league_id, reason, is_ours=row["is_ours"]) for league_id in league_ids for row in rows
    ]


async def coming_leagues(reader: Reader, now: datetime) -> list[int]:
    """The leagues that have matches to come."""
    rows = await reader.fetch(
        "select distinct league_id from match where status = 'SCHEDULED' and kickoff_at > $1 order by 1", now
    )
    return [row["league_id"] for row in rows]


async def ask_anew(connection: asyncpg.Connection, keys: Sequence[str], reason: str, now: datetime) -> None:
    """Ask for what models and strategies say: runs wherever matches come, as far as they run, and value bets."""
    leagues = await coming_leagues(connection, now)
    await ask(connection, await model_runs(connection, reason, league_ids=leagues, model_keys=keys))
    strategies = await connection.fetchval(
        "select count(*) from model where kind = 'strategy' and key = any($1::text[])", list(keys)
    )
    if strategies:
        await ask(connection, [_REVALUE])


_REVALUE = Request("refresh_value", {}, dedupe_key="refresh_value")


async def change_state(
    connection: asyncpg.Connection, plugin_key: str, status: PluginStatus, *, reason: str, by: str, now: datetime
) -> PluginState:
    """Have an operator enable, shadow or disable a plugin, in the open transaction; it takes effect at once.

    What is shown is chosen anew, what a stopped plugin said last is stale, and one that runs is asked for everything
    that comes. Raises NotFound for a plugin that is not there, Invalid without a reason or for a status that is not the
    operators' to give, and Conflict when the plugin is refused or has the status already.
    """
    if status not in CHOSEN:
        raise Invalid("status", f"must be one of {', '.join(CHOSEN)}: the platform itself refuses and quarantines")
    words = checked_reason(reason)
    coming = await lock_coming(connection, now)
    plugin = await connection.fetchrow("select key, version from plugin where key = $1 for update", plugin_key)
    known = await states(connection)
    if plugin is None:
        raise NotFound(f"There is no plugin {plugin_key!r}; there are {', '.join(known) or 'none'}.", field="key")
    _check_change(known[plugin_key], status)
    await write_states(connection, [NewState(plugin_key, status, words, by, plugin["version"])], now)
    await serve_coming(connection, coming, now)
    await ask_anew(connection, await _things_of(connection, plugin_key), f"plugin {status.lower()}", now)
    return (await states(connection))[plugin_key]


async def _things_of(connection: asyncpg.Connection, plugin_key: str) -> list[str]:
    rows = await connection.fetch("select key from model where plugin_key = $1 order by key", plugin_key)
    return [row["key"] for row in rows]


def _check_change(state: PluginState, status: PluginStatus) -> None:
    """Raise Conflict where an operator's change makes no sense."""
    if state.status is PluginStatus.REFUSED:
        raise Conflict(f"The plugin {state.plugin_key} cannot be used, whatever its state: {state.reason}")
    if state.status is status:
        since = f"{state.changed_at:%Y-%m-%d %H:%M} UTC"
        raise Conflict(f"The plugin {state.plugin_key} is {status} since {since} already: {state.reason}")


@dataclass(frozen=True, slots=True)
class NewState:
    """A state that a plugin gets."""

    plugin_key: str
    status: PluginStatus
    reason: str
    by: str
    version: str


async def write_states(connection: asyncpg.Connection, changes: Sequence[NewState], now: datetime) -> None:
    """Write states down and let them count, in the open transaction; one that is REFUSED stays so until it is loaded.

    What is shown is not touched: that is `serving.serve_coming`.
    """
    await connection.execute(
        """insert into plugin_state (plugin_key, status, reason, changed_by, changed_at, version)
           select key, status, reason, changed_by, $6, version
           from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                as t(key, status, reason, changed_by, version)""",
        [change.plugin_key for change in changes],
        [change.status for change in changes],
        [change.reason for change in changes],
        [change.by for change in changes],
        [change.version for change in changes],
        now,
    )
    await connection.execute(
        """update plugin p set status = t.status, reason = t.reason, failures_in_row = 0
           from unnest($1::text[], $2::text[], $3::text[]) as t(key, status, reason)
           where p.key = t.key and p.status <> 'REFUSED'""",
        [change.plugin_key for change in changes],
        [change.status for change in changes],
        [change.reason for change in changes],
    )


async def note_call(
    connection: asyncpg.Connection,
    thing_key: str,
    *,
    fault: Fault | None,
    error: str | None,
    milliseconds: float | None,
    now: datetime,
    job_id: str,
) -> bool:
    """Count one call of a plugin's model, strategy or market. Last in a transaction: it locks the plugin's row.

    With the third failure in a row the plugin is quarantined, and a job is asked for that shows what others say;
    answers whether it was. Raises NotFound for a key that nobody has.
    """
    plugin = await connection.fetchrow(
        """update plugin set call_count = call_count + 1, failure_count = failure_count + ($2::text is not null)::int,
                  failures_in_row = case when $2::text is null then 0 else failures_in_row + 1 end,
                  last_error = case when $2::text is null then last_error else $3 end,
                  last_error_at = case when $2::text is null then last_error_at else $4 end
           where key = coalesce((select plugin_key from model where key = $1),
                                (select plugin_key from market_kind where key = $1))
           returning key, status, version, failures_in_row""",
        thing_key,
        fault,
        None if fault is None else (error or str(fault))[:LONGEST_ERROR],
        now,
    )
    if plugin is None:
        raise NotFound(f"No plugin has {thing_key}.")
    await connection.execute(
        """insert into plugin_call (plugin_key, thing, called_at, milliseconds, fault, job_id)
           values ($1, $2, $3, $4, $5, $6)""",
        plugin["key"],
        thing_key,
        now,
        milliseconds,
        fault,
        job_id,
    )
    if plugin["failures_in_row"] < FAILURES_IN_ROW or plugin["status"] not in RUNNABLE:
        return False
    await _quarantine(connection, plugin, error or str(fault), now)
    return True


async def _quarantine(connection: asyncpg.Connection, plugin: asyncpg.Record, error: str, now: datetime) -> None:
    """Stop a plugin whose row is locked. What is shown of other leagues, which are not locked, is left to a job."""
    reason = f"Three failures in a row; the last: {error}"[:LONGEST_ERROR]
    change = NewState(plugin["key"], PluginStatus.QUARANTINED, reason, PLATFORM, plugin["version"])
    await write_states(connection, [change], now)
    await ask(connection, [Request("show_best", {}, dedupe_key="show_best")])
    await ask_anew(connection, await _things_of(connection, plugin["key"]), "quarantine", now)


async def health(reader: Reader, plugin_keys: Sequence[str], now: datetime) -> dict[str, Health]:
    """How plugins fared until `now`, by key; one statement for all of them."""
    rows = await reader.fetch(
        """select p.key as plugin_key, count(c.id) as calls, count(c.fault) as failures,
                  count(*) filter (where c.fault = $4) as invalid_outputs,
                  percentile_cont(0.5) within group (order by c.milliseconds) as p50_milliseconds,
                  percentile_cont(0.95) within group (order by c.milliseconds) as p95_milliseconds,
                  p.last_error, p.last_error_at
           from plugin p left join plugin_call c on c.plugin_key = p.key and c.called_at > $2 and c.called_at <= $3
           where p.key = any($1::text[]) group by p.key""",
        list(plugin_keys),
        now - HEALTH,
        now,
        Fault.INVALID_OUTPUT,
    )
    return {row["plugin_key"]: Health(**row) for row in rows}


async def forget_calls(connection: asyncpg.Connection, now: datetime) -> int:
    """Delete single calls older than `CALLS_KEPT`; answers how many."""
    deleted: int = await connection.fetchval(
        """with gone as (delete from plugin_call where called_at < $1 returning 1) select count(*) from gone""",
        now - CALLS_KEPT,
    )
    return deleted
