"""Recording prices: what changed, under which sequence, and what has to happen next.

`record` comes once in a transaction, and last: `domain/odds/locks.py` says in which order writers wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from domain.infra.clock import machine_now
from domain.infra.database import connection_of
from domain.infra.outbox import Request, ask
from domain.matches.rules import Status
from domain.odds.best import choose_best
from domain.odds.bookmakers import NewBookmaker, bookmakers
from domain.odds.changes import append_changes, past_changes
from domain.odds.locks import lock_prices, take_sequences
from domain.odds.partitions import make_partitions
from domain.odds.quotes import confirm_quotes, insert_quotes, move_quotes, standing_quotes
from domain.odds.ticks import Batch, Change, PricedMatch, Recorded, Tick, before_kickoff, judge, sorted_ticks

__all__ = ["Change", "NewBookmaker", "Recorded", "Tick", "bookmakers", "record"]

VALUE_DELAY: Final = timedelta(seconds=0.5)
"""Machine time in which a burst of prices of a match becomes one job."""


async def record(
    session: AsyncSession, ticks: Sequence[Tick], *, source: str, now: datetime | None = None, is_history: bool = False
) -> Recorded:
    """Record prices in the open transaction; the caller publishes `changes` after the commit.

    A price that is not above 1, one observed after kick-off and one older than the standing price fall
    out and are counted. With `is_history` prices of the past are compared with what stood at their own
    instant instead, and late is only what ends before the standing price was last seen. `now` is machine
    time, by default this moment.
    """
    recorded = Recorded()
    if not ticks:
        return recorded
    connection = await connection_of(session)
    by_key = sorted_ticks(ticks, recorded)
    match_ids = sorted({key[0] for key in by_key})
    await make_partitions(connection, (tick.observed_at for found in by_key.values() for tick in found))
    await lock_prices(connection, match_ids)
    matches = await _matches(connection, match_ids)
    by_key = before_kickoff(by_key, matches, recorded)
    standing = await standing_quotes(connection, list(by_key))
    past = await past_changes(connection, matches, standing) if is_history else {}
    batch = judge(by_key, standing, past, recorded)
    await confirm_quotes(connection, batch.confirmed)
    if batch.changes:
        await _write(connection, batch, matches, recorded, source, now or machine_now())
    return recorded


async def _matches(connection: asyncpg.Connection, match_ids: Sequence[int]) -> dict[int, PricedMatch]:
    rows = await connection.fetch(
        "select id, league_id, kickoff_at, status = any($2::text[]) from match where id = any($1::bigint[])",
        match_ids,
        [str(status) for status in _OVER],
    )
    return {row[0]: PricedMatch(*row) for row in rows}


_OVER: Final = (Status.FINISHED, Status.AWARDED, Status.CANCELLED, Status.ABANDONED)


async def _write(
    connection: asyncpg.Connection,
    batch: Batch,
    matches: Mapping[int, PricedMatch],
    recorded: Recorded,
    source: str,
    now: datetime,
) -> None:
    """Write changes, quotes and best quotes, the position's lock taken as late as can be."""
    await _ask_for_value(connection, batch, matches)
    first, last = await take_sequences(connection, len(batch.changes))
    recorded.changed, recorded.first_sequence, recorded.last_sequence = len(batch.changes), first, last
    sequences = {id(tick): number for number, (tick, _) in enumerate(batch.changes, first)}
    await append_changes(connection, batch.changes, first, source, now)
    await insert_quotes(connection, batch.new, sequences, source)
    await move_quotes(connection, batch.moved, sequences, source)
    best = await choose_best(connection, {(key[0], key[1]) for quotes in (batch.new, batch.moved) for key in quotes})
    recorded.changes = list(_told(batch, first, matches, best))


async def _ask_for_value(connection: asyncpg.Connection, batch: Batch, matches: Mapping[int, PricedMatch]) -> None:
    """One job per match that can still be bet on, in ascending order."""
    changed = {tick.match_id for tick, _ in batch.changes}
    alive = sorted(match_id for match_id in changed if match_id in matches and not matches[match_id].is_over)
    await ask(
        connection,
        [
            Request("price_value", {"match_id": match_id}, dedupe_key=f"price_value:{match_id}", delay=VALUE_DELAY)
            for match_id in alive
        ],
    )


def _told(
    batch: Batch,
    first: int,
    matches: Mapping[int, PricedMatch],
    best: Mapping[tuple[int, int], tuple[int, int]],
) -> Iterable[Change]:
    """The changes that somebody may be waiting for."""
    for sequence, (tick, replaced) in enumerate(batch.changes, first):
        match = matches[tick.match_id]
        if not match.is_over:
            yield Change(
                sequence,
                tick.match_id,
                tick.selection_id,
                tick.bookmaker_id,
                tick.price,
                replaced,
                tick.observed_at,
                tick.is_available,
                best.get((tick.match_id, tick.selection_id)) == (tick.bookmaker_id, sequence),
                match.league_id,
            )
