"""A match day with bettors, for tests of settlement: bets are placed, matches are played, bets are settled.

day = await match_day(database)
bet = await day.bet((0, "total_goals:2.5:ft/over", "1.90"))
await day.play(0, "2-1")
await day.settle()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.settlement import Settled, settle_by_hand, settle_due
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.markets.service import Dictionary
from tests.bettors import make_bankroll
from tests.factories import MARKETS, Factory, Fixture, hours
from tests.people import person
from touchline import MarketKey

PLACED = hours(-1)
KICKOFF = hours(1)
OVER = hours(3)
"""When results are known, and when bets are settled unless a test says otherwise."""
LATER = hours(4)

FIXTURES = (("Arsenal", "Chelsea"), ("Everton", "Fulham"), ("Leeds", "Burnley"))
ODD_MARKETS = ("total_goals:2.25:ft", "total_goals:2:ft", "asian_handicap:-0.75:ft", "total_goals:1.5:h1")

LegAsked = tuple[int | None, str, str]
"""Match by its place, or None for a leg that only its owner can settle; `market/outcome` or words; price."""


@dataclass
class MatchDay:
    """Three matches at `KICKOFF`, a person with a bankroll of 1000.00 EUR, and what can be bet on."""

    database: Database
    factory: Factory
    words: Dictionary
    matches: list[int]
    account: int
    bankroll: int

    async def bettor(self, email: str) -> tuple[int, int]:
        """Another person and their bankroll."""
        account = await person(self.database, email)
        return account, await make_bankroll(self.database.pool, account)

    async def bankroll_in(self, currency: str, deposit: int) -> int:
        """Another bankroll of the person."""
        return await make_bankroll(self.database.pool, self.account, currency=currency, deposit=deposit)

    async def bet(self, *legs: LegAsked, stake: int = 1000, owner: tuple[int, int] | None = None, **told: Any) -> int:
        """A bet placed before kick-off; answers its id."""
        (bet_id,) = await self.bets([PastBet(PLACED, stake, [self.leg(*leg) for leg in legs], **told)], owner=owner)
        return bet_id

    def leg(self, match: int | None, outcome: str, price: str, result: str | None = None) -> PastLeg:
        if match is None:
            return PastLeg(Decimal(price), outcome, result=result)
        market, _, key = outcome.rpartition("/")
        selection = self.words.selection_id(MarketKey.parse(market), key)
        return PastLeg(Decimal(price), match_id=self.matches[match], selection_id=selection, result=result)

    async def bets(self, bets: Sequence[PastBet], *, owner: tuple[int, int] | None = None) -> list[int]:
        """Bets by one statement; answers their ids."""
        account, bankroll = owner or (self.account, self.bankroll)
        async with self.database.transaction() as session:
            return await record_past(
                await connection_of(session),
                account,
                bankroll,
                bets,
                now=PLACED,
                machine=machine_now(),
                source="MANUAL",
            )

    async def play(
        self,
        match: int,
        score: str | None,
        *,
        half: str | None = None,
        corners: str | None = None,
        status: str = "FINISHED",
        at: datetime = OVER,
    ) -> None:
        """Let a source tell of a match at match time `at`."""
        counts = [_pair(text) for text in (score, half, corners)]
        await self.database.pool.execute(
            """update match set status = $2, home_goals = $3, away_goals = $4, half_time_home_goals = $5,
                   half_time_away_goals = $6, home_corners = $7, away_corners = $8, updated_at = $9, result_at = $9
               where id = $1""",
            self.matches[match],
            status,
            *(count for pair in counts for count in pair),
            at,
        )

    async def move(self, match: int, kickoff: datetime, *, status: str = "SCHEDULED", at: datetime = OVER) -> None:
        """Let a source tell of another kick-off at match time `at`."""
        await self.database.pool.execute(
            "update match set kickoff_at = $2, status = $3, updated_at = $4 where id = $1",
            self.matches[match],
            kickoff,
            status,
            at,
        )

    async def settle(self, at: datetime = OVER, *, limit: int = 2000, job_id: str = "job") -> Settled:
        """Settle what is due in one transaction."""
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            return await settle_due(connection, now=at, machine=machine_now(), job_id=job_id, limit=limit)

    async def settle_by_hand(
        self, bet: int, *results: str, version: int = 1, at: datetime = OVER, account: int | None = None
    ) -> None:
        async with self.database.transaction() as session:
            await settle_by_hand(
                await connection_of(session),
                account or self.account,
                bet,
                version,
                results,
                now=at,
                machine=machine_now(),
            )

    async def row(self, bet: int) -> asyncpg.Record:
        """A bet."""
        row = await self.database.pool.fetchrow("select * from bet where id = $1", bet)
        assert row is not None
        return row

    async def state(self, bet: int) -> tuple[str, int | None]:
        """Status and payout of a bet."""
        row = await self.row(bet)
        return row["status"], row["payout"]

    async def legs(self, bet: int) -> list[asyncpg.Record]:
        return await self.database.pool.fetch("select * from bet_leg where bet_id = $1 order by position", bet)

    async def verdicts(self, bet: int) -> list[asyncpg.Record]:
        """Settlements of a bet, oldest first."""
        return await self.database.pool.fetch("select * from settlement where bet_id = $1 order by id", bet)

    async def entries(self, bet: int) -> list[tuple[str, int]]:
        """Kinds and amounts of a bet's entries, oldest first."""
        rows = await self.database.pool.fetch(
            "select kind, amount from bankroll_entry where bet_id = $1 order by id", bet
        )
        return [(row["kind"], row["amount"]) for row in rows]

    async def balance(self, bankroll: int | None = None) -> int:
        """A balance, after checking that it is the sum of the entries."""
        row = await self.database.pool.fetchrow(
            """select balance, (select sum(amount) from bankroll_entry e where e.bankroll_id = r.id)::bigint as total
               from bankroll r where id = $1""",
            bankroll or self.bankroll,
        )
        assert row is not None
        assert row["balance"] == row["total"]
        balance: int = row["balance"]
        return balance


async def match_day(database: Database) -> MatchDay:
    """The day before its first bet."""
    factory = Factory(database)
    await factory.clock()
    league = await factory.league("england-premier-league", code="E0")
    matches = await factory.matches([Fixture(league, home, away, KICKOFF) for home, away in FIXTURES])
    words = await factory.markets(*MARKETS, *map(MarketKey.parse, ODD_MARKETS))
    await database.pool.execute("update match set updated_at = $1", hours(-24))
    account = await person(database)
    return MatchDay(database, factory, words, matches, account, await make_bankroll(database.pool, account))


def _pair(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    home, _, away = text.partition("-")
    return int(home), int(away)
