"""Recording prices: what changed, under which sequence, and what has to happen next.

One transaction per batch, in this order, so that two writers never wait for each other in a ring:
partitions, locks of the leagues, what has to be sent, and last the row of the position, which puts
sequences in the order of commits. So `record` comes once in a transaction, and last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from domain.infra.clock import machine_now
from domain.infra.database import connection_of
from domain.infra.outbox import Request, ask
from domain.matches.rules import Status
from domain.odds.rules import Outcome, Past, Standing, amend, follow, stored_price

BULK: Final = 2_000
"""Rows from which COPY is faster than arrays."""
VALUE_DELAY: Final = timedelta(seconds=0.5)
"""Machine time in which a burst of prices of a match becomes one job."""
REACH: Final = timedelta(days=370)
"""How long before a match its prices can begin: how far back its history is looked up."""

Key = tuple[int, int, int]
"""Match, selection, bookmaker."""


@dataclass(frozen=True, slots=True)
class NewBookmaker:
    """A bookmaker as a source describes it. `commission` is its share of winnings."""

    key: str
    name: str
    kind: str = "SOFT"
    commission: float = 0.0
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A price of one bookmaker for one selection of one match, as somebody saw it at match time `observed_at`."""

    match_id: int
    selection_id: int
    bookmaker_id: int
    price: float
    observed_at: datetime
    is_estimated: bool = False
    is_available: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change of a price."""

    sequence: int
    match_id: int
    selection_id: int
    bookmaker_id: int
    price: float
    previous_price: float | None
    observed_at: datetime
    is_available: bool
    is_best: bool
    """Whether the price is the selection's best once the batch is recorded."""
    league_id: int


@dataclass(slots=True)
class Recorded:
    """What became of a batch."""

    changes: list[Change] = field(default_factory=list)
    """In sequence, of matches that are not over."""
    changed: int = 0
    """Changes of all matches."""
    new: int = 0
    """Changes of bookmakers' prices for selections that had none before the batch."""
    unchanged: int = 0
    late: int = 0
    after_kickoff: int = 0
    impossible: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None


async def bookmakers(connection: asyncpg.Connection, named: Iterable[NewBookmaker]) -> Mapping[str, int]:
    """Ids of all bookmakers by key, after adding those of `named` that are missing. Existing rows stay as they are."""
    known = await _bookmaker_ids(connection)
    missing = sorted({book.key: book for book in named if book.key not in known}.values(), key=lambda book: book.key)
    if not missing:
        return known
    await connection.execute(
        _ADD_BOOKMAKERS,
        [book.key for book in missing],
        [book.name for book in missing],
        [book.kind for book in missing],
        [book.commission for book in missing],
        [book.is_simulated for book in missing],
    )
    return await _bookmaker_ids(connection)


_ADD_BOOKMAKERS = """
insert into bookmaker (key, name, kind, commission, is_simulated)
select * from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::bool[])
on conflict (key) do nothing
"""


async def _bookmaker_ids(connection: asyncpg.Connection) -> Mapping[str, int]:
    rows = await connection.fetch("select key, id from bookmaker order by key")
    return MappingProxyType({row["key"]: row["id"] for row in rows})


async def record(
    session: AsyncSession, ticks: Sequence[Tick], *, source: str, now: datetime | None = None, is_history: bool = False
) -> Recorded:
    """Record prices in the open transaction; the caller publishes `changes` after the commit.

    A price that is not above 1, one observed after kick-off and one older than the standing price fall
    out and are counted. With `is_history` prices of the past are compared with what stood at their own
    instant instead, and nothing is late. `now` is machine time, by default this moment.
    """
    recorded = Recorded()
    if not ticks:
        return recorded
    connection = await connection_of(session)
    by_key = _sorted(ticks, recorded)
    match_ids = sorted({key[0] for key in by_key})
    await make_partitions(connection, (tick.observed_at for found in by_key.values() for tick in found))
    await lock_prices(connection, match_ids)
    matches = await _matches(connection, match_ids)
    by_key = _before_kickoff(by_key, matches, recorded)
    standing = await _standing(connection, list(by_key))
    past = await _past(connection, matches, standing) if is_history else {}
    batch = _judge(by_key, standing, past, recorded)
    await _confirm(connection, batch)
    if batch.changes:
        await _write(connection, batch, matches, recorded, source, now or machine_now())
    return recorded


@dataclass(frozen=True, slots=True)
class _MatchRow:
    id: int
    league_id: int
    kickoff_at: datetime
    is_over: bool


@dataclass(slots=True)
class _Batch:
    """What has to be written."""

    changes: list[tuple[Tick, float | None]] = field(default_factory=list)
    """Accepted prices in the order of their sequences, with the price that each replaced."""
    new: dict[Key, tuple[Standing, Tick | None]] = field(default_factory=dict)
    moved: dict[Key, tuple[Standing, Tick | None]] = field(default_factory=dict)
    """Quotes to insert and to update, with the price that stands now; None where it is an earlier change's."""
    confirmed: dict[Key, datetime] = field(default_factory=dict)


def _sorted(ticks: Sequence[Tick], recorded: Recorded) -> dict[Key, list[Tick]]:
    """Possible prices by key, in the order of keys and then of time; equal instants stay as given."""
    possible = []
    for tick in ticks:
        price = stored_price(tick.price)
        if price is None:
            recorded.impossible += 1
        elif price == tick.price:
            possible.append(tick)
        else:
            possible.append(_with_price(tick, price))
    possible.sort(key=_key_and_time)
    return {key: list(found) for key, found in groupby(possible, _key)}


def _with_price(tick: Tick, price: float) -> Tick:
    return Tick(
        tick.match_id,
        tick.selection_id,
        tick.bookmaker_id,
        price,
        tick.observed_at,
        tick.is_estimated,
        tick.is_available,
    )


def _key(tick: Tick) -> Key:
    return tick.match_id, tick.selection_id, tick.bookmaker_id


def _key_and_time(tick: Tick) -> tuple[int, int, int, datetime]:
    return tick.match_id, tick.selection_id, tick.bookmaker_id, tick.observed_at


async def make_partitions(connection: asyncpg.Connection, instants: Iterable[datetime]) -> None:
    """Make the months of `quote_change` that are missing.

    Before any lock of a league's prices: a transaction that takes both waits in this order. Attaching a table takes
    a lock that lets readers and writers of the other months go on, which `create table … partition of`
    does not.
    """
    months = sorted({(day.year, day.month) for day in (instant.astimezone(UTC) for instant in set(instants))})
    names = {f"quote_change_{year:04d}_{month:02d}": (year, month) for year, month in months}
    missing = await connection.fetch(_MISSING_PARTITIONS, list(names))
    if not missing:
        return
    await connection.execute("select pg_advisory_xact_lock(hashtext('quote_change partitions'))")
    for row in await connection.fetch(_MISSING_PARTITIONS, list(names)):
        year, month = names[row["name"]]
        upper = f"{year + month // 12:04d}-{month % 12 + 1:02d}-01 00:00:00+00"
        await connection.execute(
            f"create table {row['name']} (like quote_change including all);"
            f"alter table quote_change attach partition {row['name']} "
            f"for values from ('{year:04d}-{month:02d}-01 00:00:00+00') to ('{upper}')"
        )


# By the catalogue's rows and not by to_regclass, whose cache may not have heard of another's partition yet.
_MISSING_PARTITIONS = """
select name from unnest($1::text[]) with ordinality as wanted (name, position)
where not exists (
    select from pg_class
    where relname = name and relispartition
      and relnamespace = (select relnamespace from pg_class where oid = 'quote_change'::regclass)
)
order by position
"""


async def lock_prices(connection: asyncpg.Connection, match_ids: Sequence[int]) -> None:
    """Let no other transaction record prices in the leagues of these matches until this one ends.

    The locks are numbers and not rows: nothing is written. They are taken in ascending order.
    """
    await connection.execute(_LOCK, match_ids)


_LOCK = """
select pg_advisory_xact_lock(hashtext('prices of leagues'), (league_id % 2147483647)::int4)
from (select distinct league_id from match where id = any($1::int8[]) order by league_id) as ordered
"""


async def _matches(connection: asyncpg.Connection, match_ids: Sequence[int]) -> dict[int, _MatchRow]:
    rows = await connection.fetch(
        "select id, league_id, kickoff_at, status = any($2::text[]) from match where id = any($1::bigint[])",
        match_ids,
        [str(status) for status in _OVER],
    )
    return {row[0]: _MatchRow(*row) for row in rows}


_OVER: Final = (Status.FINISHED, Status.AWARDED, Status.CANCELLED, Status.ABANDONED)


def _before_kickoff(
    by_key: dict[Key, list[Tick]], matches: Mapping[int, _MatchRow], recorded: Recorded
) -> dict[Key, list[Tick]]:
    """The prices observed up to kick-off. Where only the day is known that is its 00:00.

    A match that does not exist stays in: the foreign key refuses it.
    """
    kept = {}
    for key, ticks in by_key.items():
        match = matches.get(key[0])
        if match is not None and ticks[-1].observed_at > match.kickoff_at:
            before = [tick for tick in ticks if tick.observed_at <= match.kickoff_at]
            recorded.after_kickoff += len(ticks) - len(before)
            if not before:
                continue
            kept[key] = before
        else:
            kept[key] = ticks
    return kept


async def _standing(connection: asyncpg.Connection, keys: Sequence[Key]) -> dict[Key, Standing]:
    """The standing quotes of the keys."""
    if not keys:
        return {}
    rows = await connection.fetch(_STANDING, *(list(column) for column in zip(*keys, strict=True)))
    return {tuple(row[:3]): Standing(*row[3:]) for row in rows}


_STANDING = """
select match_id, selection_id, bookmaker_id, price::float8, previous_price::float8, opening_price::float8,
       observed_at, confirmed_at, is_available, is_estimated
from unnest($1::int8[], $2::int8[], $3::int8[]) as wanted (match_id, selection_id, bookmaker_id)
join quote using (match_id, selection_id, bookmaker_id)
"""


async def _past(
    connection: asyncpg.Connection, matches: Mapping[int, _MatchRow], standing: Mapping[Key, Standing]
) -> dict[Key, list[Past]]:
    """All recorded changes of the matches that have standing quotes, by key, in time order."""
    match_ids = sorted({key[0] for key in standing})
    if not match_ids:
        return {}
    kickoffs = [matches[match_id].kickoff_at for match_id in match_ids]
    upper = max(max(kickoffs), max(quote.observed_at for quote in standing.values()))
    past: dict[Key, list[Past]] = {}
    for row in await connection.fetch(_PAST, match_ids, min(kickoffs) - REACH, upper):
        past.setdefault(tuple(row[:3]), []).append(Past(*row[3:]))
    return past


_PAST = """
select match_id, selection_id, bookmaker_id, observed_at, price::float8, is_available, is_estimated
from quote_change
where match_id = any($1::int8[]) and observed_at >= $2 and observed_at <= $3
order by observed_at, sequence
"""


def _judge(
    by_key: Mapping[Key, Sequence[Tick]],
    standing: Mapping[Key, Standing],
    past: Mapping[Key, Sequence[Past]],
    recorded: Recorded,
) -> _Batch:
    """What has to be written for the prices of each key."""
    batch = _Batch()
    for key, ticks in by_key.items():
        before = standing.get(key)
        confirmed_at = before.confirmed_at if before is not None else None
        history = past.get(key)
        outcome = follow(before, ticks) if before is None or history is None else amend(before, history, ticks)
        recorded.late += outcome.late
        recorded.unchanged += outcome.unchanged
        recorded.new += len(outcome.changes) if before is None else 0
        _gather(batch, key, ticks, before, outcome)
        if not outcome.changes and outcome.standing.confirmed_at != confirmed_at:
            batch.confirmed[key] = outcome.standing.confirmed_at
    batch.changes.sort(key=lambda change: change[0].observed_at)
    return batch


def _gather(batch: _Batch, key: Key, ticks: Sequence[Tick], before: Standing | None, outcome: Outcome) -> None:
    if not outcome.changes:
        return
    batch.changes.extend((ticks[index], replaced) for index, replaced in outcome.changes)
    stands = outcome.standing
    quotes = batch.new if before is None else batch.moved
    quotes[key] = (stands, ticks[stands.change] if stands.change >= 0 else None)


async def _confirm(connection: asyncpg.Connection, batch: _Batch) -> None:
    if batch.confirmed:
        keys = zip(*batch.confirmed, strict=True)
        await connection.execute(_CONFIRM, *(list(column) for column in keys), list(batch.confirmed.values()))


_CONFIRM = """
update quote set confirmed_at = seen.at
from unnest($1::int8[], $2::int8[], $3::int8[], $4::timestamptz[]) as seen (match_id, selection_id, bookmaker_id, at)
where (quote.match_id, quote.selection_id, quote.bookmaker_id)
    = (seen.match_id, seen.selection_id, seen.bookmaker_id)
"""


async def _write(
    connection: asyncpg.Connection,
    batch: _Batch,
    matches: Mapping[int, _MatchRow],
    recorded: Recorded,
    source: str,
    now: datetime,
) -> None:
    """Write changes, quotes and best quotes, the position's lock taken as late as can be."""
    await _ask_for_value(connection, batch, matches)
    last = await connection.fetchval(_POSITION, len(batch.changes))
    recorded.changed = len(batch.changes)
    recorded.first_sequence, recorded.last_sequence = last - len(batch.changes) + 1, last
    sequences = {id(tick): number for number, (tick, _) in enumerate(batch.changes, recorded.first_sequence)}
    await _append(connection, batch, recorded.first_sequence, source, now)
    await _insert_quotes(connection, batch, sequences, source)
    await _update_quotes(connection, batch, sequences, source)
    best = await _choose_best(connection, {(key[0], key[1]) for quotes in (batch.new, batch.moved) for key in quotes})
    recorded.changes = list(_told(batch, recorded.first_sequence, matches, best))


_POSITION = "update odds_position set value = value + $1 where id = 1 returning value"


async def _ask_for_value(connection: asyncpg.Connection, batch: _Batch, matches: Mapping[int, _MatchRow]) -> None:
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


_CHANGE_COLUMNS: Final = (
    "sequence",
    "observed_at",
    "match_id",
    "selection_id",
    "bookmaker_id",
    "price",
    "previous_price",
    "is_available",
    "is_estimated",
    "source",
    "recorded_at",
)


async def _append(connection: asyncpg.Connection, batch: _Batch, first: int, source: str, now: datetime) -> None:
    if len(batch.changes) >= BULK:
        rows = [
            (
                sequence,
                tick.observed_at,
                tick.match_id,
                tick.selection_id,
                tick.bookmaker_id,
                exact(tick.price),
                None if replaced is None else exact(replaced),
                tick.is_available,
                tick.is_estimated,
                source,
                now,
            )
            for sequence, (tick, replaced) in enumerate(batch.changes, first)
        ]
        await connection.copy_records_to_table("quote_change", records=rows, columns=_CHANGE_COLUMNS)
        return
    ticks = [tick for tick, _ in batch.changes]
    await connection.execute(
        _APPEND,
        first,
        [tick.match_id for tick in ticks],
        [tick.selection_id for tick in ticks],
        [tick.bookmaker_id for tick in ticks],
        [tick.price for tick in ticks],
        [replaced for _, replaced in batch.changes],
        [tick.observed_at for tick in ticks],
        [tick.is_available for tick in ticks],
        [tick.is_estimated for tick in ticks],
        source,
        now,
    )


_APPEND = """
insert into quote_change (sequence, match_id, selection_id, bookmaker_id, price, previous_price, observed_at,
                          is_available, is_estimated, source, recorded_at)
select $1::int8 + position - 1, match_id, selection_id, bookmaker_id, price, previous, observed_at,
       is_available, is_estimated, $10, $11
from unnest($2::int8[], $3::int8[], $4::int8[], $5::float8[], $6::float8[], $7::timestamptz[], $8::bool[], $9::bool[])
     with ordinality as new (match_id, selection_id, bookmaker_id, price, previous, observed_at,
                             is_available, is_estimated, position)
"""

_QUOTE_COLUMNS: Final = (
    "match_id",
    "selection_id",
    "bookmaker_id",
    "price",
    "previous_price",
    "opening_price",
    "observed_at",
    "confirmed_at",
    "is_available",
    "is_estimated",
    "source",
    "sequence",
)


async def _insert_quotes(
    connection: asyncpg.Connection, batch: _Batch, sequences: Mapping[int, int], source: str
) -> None:
    """Quotes of keys that had none. The leagues are locked, so that nobody else can have made them."""
    if not batch.new:
        return
    rows = [
        (
            *key,
            exact(stands.price),
            None if stands.previous_price is None else exact(stands.previous_price),
            exact(stands.opening_price),
            stands.observed_at,
            stands.confirmed_at,
            stands.is_available,
            stands.is_estimated,
            source,
            sequences[id(tick)],
        )
        for key, (stands, tick) in batch.new.items()
    ]
    await connection.copy_records_to_table("quote", records=rows, columns=_QUOTE_COLUMNS)


async def _update_quotes(
    connection: asyncpg.Connection, batch: _Batch, sequences: Mapping[int, int], source: str
) -> None:
    if not batch.moved:
        return
    quotes = [stands for stands, _ in batch.moved.values()]
    await connection.execute(
        _UPDATE_QUOTES,
        *(list(column) for column in zip(*batch.moved, strict=True)),
        [stands.price for stands in quotes],
        [stands.previous_price for stands in quotes],
        [stands.opening_price for stands in quotes],
        [stands.observed_at for stands in quotes],
        [stands.confirmed_at for stands in quotes],
        [stands.is_available for stands in quotes],
        [stands.is_estimated for stands in quotes],
        [None if tick is None else sequences[id(tick)] for _, tick in batch.moved.values()],
        source,
    )


_UPDATE_QUOTES = """
update quote set price = new.price, previous_price = new.previous, opening_price = new.opening,
    observed_at = new.observed_at, confirmed_at = new.confirmed_at, is_available = new.is_available,
    is_estimated = new.is_estimated, sequence = coalesce(new.sequence, quote.sequence),
    source = case when new.sequence is null then quote.source else $12 end
from unnest($1::int8[], $2::int8[], $3::int8[], $4::float8[], $5::float8[], $6::float8[], $7::timestamptz[],
            $8::timestamptz[], $9::bool[], $10::bool[], $11::int8[])
     as new (match_id, selection_id, bookmaker_id, price, previous, opening, observed_at, confirmed_at,
             is_available, is_estimated, sequence)
where (quote.match_id, quote.selection_id, quote.bookmaker_id)
    = (new.match_id, new.selection_id, new.bookmaker_id)
"""


async def _choose_best(
    connection: asyncpg.Connection, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Work out the best quotes of (match, selection) pairs anew: bookmaker and sequence by pair.

    Of equal prices the older one is the best, so that a follower does not take the place.
    """
    ordered = sorted(pairs)
    if not ordered:
        return {}
    rows = await connection.fetch(_BEST, *(list(column) for column in zip(*ordered, strict=True)))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


_BEST = """
with affected as (select * from unnest($1::int8[], $2::int8[]) as pair (match_id, selection_id)),
best as (
    select distinct on (match_id, selection_id) match_id, selection_id, bookmaker_id, price, sequence
    from affected join quote using (match_id, selection_id)
    where is_available
    order by match_id, selection_id, price desc, observed_at, bookmaker_id
),
gone as (
    delete from best_quote using affected
    where (best_quote.match_id, best_quote.selection_id) = (affected.match_id, affected.selection_id)
      and not exists (
        select from best
        where (best.match_id, best.selection_id) = (best_quote.match_id, best_quote.selection_id)
      )
),
kept as (
    insert into best_quote (match_id, selection_id, bookmaker_id, price, sequence)
    select match_id, selection_id, bookmaker_id, price, sequence from best
    on conflict (match_id, selection_id) do update
    set bookmaker_id = excluded.bookmaker_id, price = excluded.price, sequence = excluded.sequence
    where (best_quote.bookmaker_id, best_quote.price, best_quote.sequence)
        is distinct from (excluded.bookmaker_id, excluded.price, excluded.sequence)
)
select match_id, selection_id, bookmaker_id, sequence from best
"""


def _told(
    batch: _Batch,
    first: int,
    matches: Mapping[int, _MatchRow],
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


@lru_cache(maxsize=8192)
def exact(price: float) -> Decimal:
    """A stored price as the database's decimal; the same few thousand come again and again."""
    return Decimal(repr(price))
