"""A small world with moving prices: two leagues, four matches, three bookmakers, two markets.

`World.put` records prices as a worker does and publishes them after the commit, unless told not to.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from domain.infra.bus import Bus
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.markets.service import dictionary
from domain.matches.service import record_matches
from domain.odds.service import NewBookmaker, Recorded, Tick, bookmakers, record
from touchline import OVER_25, RESULT, MarketKey, SourceMatch
from touchline.types import Kind

OVER_35 = MarketKey(Kind.TOTAL_GOALS, 3.5)
BOOKS = [
    NewBookmaker("pinnacle", "Pinnacle", "SHARP"),
    NewBookmaker("corner", "Corner Shop"),
    NewBookmaker("village", "Village Bets"),
]
FIXTURES = [
    ("E0", "Arsenal", "Chelsea"),
    ("E0", "Everton", "Fulham"),
    ("SP1", "Sevilla", "Betis"),
    ("SP1", "Getafe", "Girona"),
]


@dataclass
class World:
    """Ids of what exists, and the writer of prices."""

    database: Database
    bus: Bus
    matches: list[int]
    leagues: list[int]
    books: list[int]
    outcomes: dict[str, int]
    """Selections by `market key/outcome`: `match_result::ft/home`."""
    now: datetime
    clock: timedelta = field(default_factory=timedelta)
    """Match time since `now`: every price is a second younger than the last."""

    def tick(
        self, price: float, *, match: int = 0, book: int = 0, outcome: str = "match_result::ft/home", open: bool = True
    ) -> Tick:
        """A price seen a second after the last one."""
        self.clock += timedelta(seconds=1)
        return Tick(
            self.matches[match],
            self.outcomes[outcome],
            self.books[book],
            price,
            self.now + self.clock,
            is_available=open,
        )

    async def put(self, *ticks: Tick, is_published: bool = True, is_history: bool = False) -> Recorded:
        """Record prices in one transaction."""
        async with self.database.transaction() as session:
            recorded = await record(session, ticks, source="test", is_history=is_history)
        if is_published:
            await self.bus.publish_odds(recorded.changes)
        return recorded

    async def open_books(self, *, match: int = 0) -> None:
        """Every bookmaker's first price of every outcome of a match, in one transaction."""
        await self.put(
            *(
                self.tick(2.0 + 0.1 * book + 0.01 * position, match=match, book=book, outcome=outcome)
                for book in range(len(self.books))
                for position, outcome in enumerate(self.outcomes)
            )
        )

    def random_ticks(self, source: random.Random, count: int) -> list[Tick]:
        """Prices of random outcomes by random bookmakers."""
        return [
            self.tick(
                round(source.uniform(1.2, 6.0), 2),
                match=source.randrange(len(self.matches)),
                book=source.randrange(len(self.books)),
                outcome=source.choice(list(self.outcomes)),
                open=source.random() > 0.05,
            )
            for _ in range(count)
        ]

    async def history(self) -> list[asyncpg.Record]:
        """The rows of quote history, in order."""
        return await self.database.pool.fetch(
            """select sequence, match_id, selection_id, bookmaker_id, price::float8, previous_price::float8,
                      observed_at, is_available from quote_change order by sequence"""
        )


async def make_world(database: Database, bus: Bus) -> World:
    """The world before its first price: kick-offs are a day ahead, the first price comes an hour ago."""
    now = machine_now().replace(microsecond=0)
    kickoff = now + timedelta(days=1)
    async with database.transaction() as session:
        found = await record_matches(
            session,
            "football-data",
            [SourceMatch(league, now.year, home, away, kickoff) for league, home, away in FIXTURES],
            now=now,
        )
        connection = await connection_of(session)
        words = await dictionary(connection, [RESULT, OVER_25, OVER_35])
        books = await bookmakers(connection, BOOKS)
        matches = [found.ids[league, now.year, home, away, 1] for league, home, away in FIXTURES]
        leagues = [await connection.fetchval("select league_id from match where id = $1", id_) for id_ in matches]
    return World(
        database,
        bus,
        matches,
        list(dict.fromkeys(leagues)),
        [books[book.key] for book in BOOKS],
        {
            f"{market}/{key}": id_
            for market in (RESULT, OVER_25, OVER_35)
            for key, id_ in words.selection_ids[market].items()
        },
        now - timedelta(hours=1),
    )


@asynccontextmanager
async def odds_bus(redis_url: str, stream: str) -> AsyncIterator[Bus]:
    """A bus on a stream of the test's own."""
    bus = Bus.connect(redis_url, stream=stream)
    try:
        yield bus
    finally:
        await bus.close()


async def until(holds: Callable[[], bool], *, seconds: float = 5) -> float:
    """How long it took until something held; fails after `seconds`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - began
