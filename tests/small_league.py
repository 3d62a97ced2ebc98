"""A league of six clubs with a past, three coming matches and prices: enough to forecast and to find value.

`run_all` does every waiting job in this process, without a queue, the way workers would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations

import orjson

from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.jobs import outbox_message_id
from domain.markets.service import dictionary
from domain.matches.service import key_of, record_matches
from domain.odds.service import NewBookmaker, Tick, bookmakers, record
from touchline import OVER_25, RESULT, SourceMatch
from workers.actors import JOBS
from workers.boot import Boot

SOURCE = "football-data"
CLUBS = ("Arsenal", "Brentford", "Chelsea", "Everton", "Fulham", "Southampton")
NOW = datetime(2025, 2, 20, 9, tzinfo=UTC)
"""Match time of the test; the clock stands still."""
COMING = (("Arsenal", "Southampton"), ("Chelsea", "Fulham"), ("Everton", "Brentford"))
FAIR = {"home": 2.0, "draw": 4.0, "away": 4.0}


@dataclass(frozen=True)
class SmallLeague:
    """Ids of what is there."""

    database: Database
    league_id: int
    past: tuple[int, ...]
    coming: tuple[int, ...]
    """Tomorrow, in two days, in three days."""

    async def play(self, number: int, home: int, away: int, at: datetime) -> None:
        """Let a coming match end with a score at match time `at`."""
        match = coming_matches()[number]
        played = SourceMatch(
            match.league, match.season, match.home, match.away, match.kickoff, home_goals=home, away_goals=away
        )
        await set_clock(self.database.pool, match=at, speed=0)
        async with self.database.transaction() as session:
            await record_matches(session, SOURCE, [played], now=at)

    async def price(self, number: int, bookmaker: str, at: datetime, **prices: float) -> None:
        """Let a bookmaker price the result of a coming match."""
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            markets = await dictionary(connection, [RESULT])
            books = await bookmakers(connection, BOOKS)
            ticks = [
                Tick(self.coming[number], markets.selection_id(RESULT, outcome), books[bookmaker], price, at)
                for outcome, price in prices.items()
            ]
            await record(session, ticks, source=SOURCE)


BOOKS = (
    NewBookmaker("pinnacle", "Pinnacle", "SHARP"),
    NewBookmaker("corner", "Corner Shop"),
    NewBookmaker("exchange", "Exchange", "EXCHANGE", 0.02),
)


def past_matches() -> list[SourceMatch]:
    """Each pair at both grounds, one match a day up to four days before now."""
    pairs = list(permutations(range(len(CLUBS)), 2))
    first = NOON - timedelta(days=len(pairs) + 3)
    return [
        SourceMatch(
            "E0",
            2024,
            CLUBS[home],
            CLUBS[away],
            first + timedelta(days=day),
            home_goals=(home * 2 + away) % 4,
            away_goals=(home + away * 3) % 3,
            half_time_home_goals=0,
            half_time_away_goals=0,
            home_corners=5 + home % 3,
            away_corners=4 + away % 3,
        )
        for day, (home, away) in enumerate(pairs)
        if (CLUBS[home], CLUBS[away]) not in COMING
    ]


NOON = NOW.replace(hour=12)


def coming_matches() -> list[SourceMatch]:
    """The matches of COMING, one a day from tomorrow noon on."""
    return [
        SourceMatch("E0", 2024, home, away, NOON + timedelta(days=day))
        for day, (home, away) in enumerate(COMING, start=1)
    ]


async def make_league(database: Database, *, now: datetime = NOW) -> SmallLeague:
    """The league in an empty database, with the clock standing at `now` and nothing asked for."""
    await set_clock(database.pool, match=now, speed=0)
    past, coming = past_matches(), coming_matches()
    async with database.transaction() as session:
        found = await record_matches(session, SOURCE, [*past, *coming], now=now)
        connection = await connection_of(session)
        await dictionary(connection, [RESULT, OVER_25])
        await bookmakers(connection, BOOKS)
        await connection.execute("delete from outbox")
        league_id = await connection.fetchval("select id from league")
    return SmallLeague(
        database, league_id, *(tuple(found.ids[key_of(match)] for match in matches) for matches in (past, coming))
    )


async def run_all(boot: Boot, *, only: Sequence[str] = tuple(JOBS)) -> list[str]:
    """Do waiting jobs, and those that they ask for, until none is left; answers their names in order."""
    done: list[str] = []
    while True:
        rows = await boot.database.pool.fetch(
            """update outbox set sent_at = now() where sent_at is null and job = any($1::text[])
               returning id, job, arguments::text as arguments""",
            list(only),
        )
        if not rows:
            return done
        for row in sorted(rows, key=lambda row: row["id"]):
            await JOBS[row["job"]](boot, outbox_message_id(row["id"]), **orjson.loads(row["arguments"]))
            done.append(row["job"])
