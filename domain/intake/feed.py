"""Feeds: sources that are a function of match time, and how a stretch of one is recorded.

A feed knows what its source says in any window of time, so nothing but a position is kept: stopped and
started again, on another machine or days later, it goes on where it was. Windows are open at the
beginning and closed at the end: what happens at the very instant `until` is in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import Reader, connection_of
from domain.infra.errors import NotFound
from domain.infra.outbox import Request, ask
from domain.markets.service import dictionary
from domain.matches.rules import Status
from domain.matches.service import key_of, record_matches
from domain.odds.service import Change, NewBookmaker, Tick, bookmakers, record
from touchline import SourceMatch
from touchline.ticks import PriceTick

LONGEST_WINDOW = timedelta(hours=6)
"""Match time recorded in one transaction; after a standstill a feed catches up piece by piece."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """How a match stands while it is played. Goals are None where the source does not tell them."""

    league: str
    season: int
    home: str
    away: str
    leg: int
    minute: int
    is_half_time: bool
    home_goals: int | None = None
    away_goals: int | None = None


class Feed(Protocol):
    """What a source says in a window of match time."""

    @property
    def source(self) -> str:
        """Key of the provider whose names the feed speaks in."""
        ...

    @property
    def bookmakers(self) -> Sequence[NewBookmaker]: ...

    def fixtures(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        """Matches that become known."""
        ...

    def ticks(self, begins: datetime, until: datetime) -> Sequence[PriceTick]:
        """Prices that change, oldest first."""
        ...

    def live(self, at: datetime) -> Sequence[LiveState]:
        """How the matches stand that are played at an instant."""
        ...

    def results(self, begins: datetime, until: datetime) -> Sequence[SourceMatch]:
        """Matches whose result becomes known."""
        ...

    def next_after(self, at: datetime) -> datetime | None:
        """The next instant worth a look; None when the source has ended."""
        ...


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed as it is stored."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    position: datetime


@dataclass(slots=True)
class Feeds:
    """The feeds of a process, each made once for its settings."""

    makers: Mapping[str, Callable[[Mapping[str, Any]], Feed]]
    """By kind."""
    _made: dict[bytes, Feed] = field(default_factory=dict)

    def open(self, row: FeedRow) -> Feed:
        """The feed of a row. May read files; raises OSError, and NotFound for a kind that nobody makes."""
        key = orjson.dumps([row.kind, row.settings], option=orjson.OPT_SORT_KEYS)
        if key not in self._made:
            if row.kind not in self.makers:
                raise NotFound(f"There is no kind of feed called {row.kind}.")
            self._made[key] = self.makers[row.kind](row.settings)
        return self._made[key]


@dataclass(slots=True)
class Advanced:
    """What a step of a feed came to."""

    position: datetime
    changes: list[Change]
    """For the bus, after the commit."""
    matches: int = 0
    results: int = 0
    prices: int = 0

    def summary(self) -> dict[str, Any]:
        """What the job's row keeps."""
        return {"until": self.position, "matches": self.matches, "results": self.results, "prices": self.prices}


async def read_feed(reader: Reader, name: str, *, lock: bool = False) -> FeedRow:
    """A feed's row, locked on demand; raises NotFound."""
    row = await reader.fetchrow(
        f"select name, kind, settings::text as settings, position from feed where name = $1 {'for update' * lock}", name
    )
    if row is None:
        raise NotFound(f"There is no feed called {name}.")
    return FeedRow(row["name"], row["kind"], orjson.loads(row["settings"]), row["position"])


async def known_until(reader: Reader, now: datetime) -> datetime:
    """Up to when everything that sources told is recorded: `now`, or where a feed that still runs stands."""
    position: datetime | None = await reader.fetchval("select min(position) from feed where next_at is not null")
    return now if position is None else min(now, position)


async def put_feed(
    writer: Reader, name: str, kind: str, settings: Mapping[str, Any], position: datetime, next_at: datetime | None
) -> None:
    """Add a feed; one that exists gets the settings and keeps its position."""
    await writer.fetchval(
        """insert into feed (name, kind, settings, position, next_at) values ($1, $2, $3::text::jsonb, $4, $5)
           on conflict (name) do update set kind = excluded.kind, settings = excluded.settings returning true""",
        name,
        kind,
        orjson.dumps(settings).decode(),
        position,
        next_at,
    )


async def advance_feed(session: AsyncSession, feed: Feed, name: str, job_id: str) -> Advanced | None:
    """Record what a feed says from its position to now, in the open transaction.

    At most `LONGEST_WINDOW` at once, or up to the next event where nothing happens for longer. None when
    another run of the job already did. The caller publishes the changes after the commit.
    """
    connection = await connection_of(session)
    row = await read_feed(connection, name, lock=True)
    if not await jobs.finish(connection, job_id):
        return None
    now = await match_now(connection)
    until = min(now, max(row.position + LONGEST_WINDOW, feed.next_after(row.position) or now))
    if until <= row.position:
        return Advanced(row.position, [])
    advanced = await record_window(session, feed, row.position, until)
    await connection.execute(
        "update feed set position = $2, next_at = $3 where name = $1",
        name,
        until,
        until if until < now else feed.next_after(until),
    )
    await jobs.note_result(connection, job_id, advanced.summary())
    return advanced


async def record_window(session: AsyncSession, feed: Feed, begins: datetime, until: datetime) -> Advanced:
    """Record one window of a feed in the open transaction: matches, results, states of play, and last prices."""
    connection = await connection_of(session)
    results = feed.results(begins, until)
    told = {key_of(match): match for match in (*feed.fixtures(begins, until), *results)}
    recorded = await record_matches(session, feed.source, list(told.values()), now=until)
    live = feed.live(until)
    ticks = feed.ticks(begins, until)
    started = await _note_live(connection, feed.source, live, until)
    if started or results:
        await ask(connection, [Request("expire_value", {}, dedupe_key="expire_value")])
    changes = await record_prices(session, feed, ticks)
    return Advanced(until, changes, len(recorded.new), len(results), len(changes))


async def record_prices(session: AsyncSession, feed: Feed, ticks: Sequence[PriceTick]) -> list[Change]:
    """Record prices in the open transaction, last of all; answers what subscribers are told after the commit."""
    if not ticks:
        return []
    connection = await connection_of(session)
    ids = await _match_ids(connection, feed.source, set(map(_key, ticks)))
    prices = await _ticks(connection, feed, ticks, ids)
    return (await record(session, prices, source=feed.source)).changes


_Key = tuple[str, int, str, str, int]


def _key(told: LiveState | PriceTick) -> _Key:
    return told.league, told.season, told.home, told.away, told.leg


async def _match_ids(connection: asyncpg.Connection, source: str, keys: set[_Key]) -> dict[_Key, int]:
    """Ids of matches by the names that a source gives them; unknown ones are missing."""
    if not keys:
        return {}
    rows = await connection.fetch(
        """select k.league, k.season, k.home, k.away, k.leg, m.id
           from unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::int[]) as k(league, season, home, away, leg)
           join league_alias la on la.source = $1 and la.code = k.league
           join league l on l.id = la.league_id
           join season s on s.league_id = l.id and s.start_year = k.season
           join team_alias h on h.source = $1 and h.country_id = l.country_id and h.name = k.home
           join team_alias a on a.source = $1 and a.country_id = l.country_id and a.name = k.away
           join match m on m.season_id = s.id and m.home_team_id = h.team_id and m.away_team_id = a.team_id
             and m.leg = k.leg""",
        source,
        *(list(column) for column in zip(*sorted(keys), strict=True)),
    )
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}


async def _note_live(connection: asyncpg.Connection, source: str, live: Sequence[LiveState], at: datetime) -> int:
    """Write how matches stand that are being played; answers how many of them have just begun."""
    ids = await _match_ids(connection, source, set(map(_key, live)))
    known = [(ids[_key(state)], state) for state in live if _key(state) in ids]
    if not known:
        return 0
    rows = await connection.fetch(
        """with told as (
             select * from unnest($1::bigint[], $2::text[], $3::smallint[], $4::smallint[], $5::smallint[])
                      as t(id, status, minute, home_goals, away_goals)),
           before as (
             select m.id, m.status from match m join told using (id)
             where m.status = any($7::text[]) order by m.id for no key update of m)
           update match m set status = t.status, minute = t.minute, updated_at = $6,
                  home_goals = coalesce(t.home_goals, m.home_goals), away_goals = coalesce(t.away_goals, m.away_goals)
           from told t join before b using (id)
           where m.id = t.id and (m.status, m.minute, m.home_goals, m.away_goals)
             is distinct from (t.status, t.minute, coalesce(t.home_goals, m.home_goals),
                               coalesce(t.away_goals, m.away_goals))
           returning b.status""",
        [match_id for match_id, _ in known],
        [Status.HALF_TIME if state.is_half_time else Status.LIVE for _, state in known],
        [state.minute for _, state in known],
        [state.home_goals for _, state in known],
        [state.away_goals for _, state in known],
        at,
        [Status.SCHEDULED, Status.LIVE, Status.HALF_TIME],
    )
    return sum(row["status"] == Status.SCHEDULED for row in rows)


async def _ticks(
    connection: asyncpg.Connection, feed: Feed, ticks: Sequence[PriceTick], ids: Mapping[_Key, int]
) -> list[Tick]:
    """Prices of a feed by ids; of a match that is not known there are none."""
    markets = await dictionary(connection, {tick.market for tick in ticks})
    books = await bookmakers(connection, feed.bookmakers)
    return [
        Tick(
            ids[_key(tick)],
            markets.selection_id(tick.market, outcome),
            books[tick.bookmaker],
            price,
            tick.at,
            tick.is_estimated,
        )
        for tick in ticks
        if _key(tick) in ids
        for outcome, price in zip(markets.outcomes(tick.market), tick.prices, strict=True)
        if price is not None
    ]
