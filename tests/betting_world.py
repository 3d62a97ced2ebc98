"""A small world to bet in: matches of one day with forecasts and prices, three bookmakers, two people.

`World.place` places a bet as a mutation does: in a transaction of its own, at match time `NOW` unless told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from domain.bets import bankrolls
from domain.bets.legs import LegWanted
from domain.bets.placing import PlaceBet, place
from domain.infra.database import Database, connection_of
from domain.markets.service import Dictionary
from tests.factories import NOW, Factory, Fixture, hours
from tests.people import person
from touchline import OVER_25, RESULT, MarketKey

HOME = "match_result::ft/home"
DRAW = "match_result::ft/draw"
TABLES = ("bet", "bet_leg", "bankroll_entry", "settlement", "placement", "audit_entry", "bettor")


@dataclass
class World:
    """Ids of what exists. Prices of `corner` are 2.50, 2.51, … in the order of outcomes, of `pinnacle` 0.10 more."""

    factory: Factory
    ann: int
    bob: int
    bankroll: int
    """Ann's, with 1000.00 EUR of real money."""
    matches: list[int]
    """Kick-off of match n is n + 1 hours after `NOW`."""
    words: Dictionary
    books: Mapping[str, int]

    @property
    def database(self) -> Database:
        return self.factory.database

    @property
    def db(self) -> asyncpg.Pool:
        return self.factory.db

    def selection(self, outcome: str = HOME) -> int:
        market, _, key = outcome.rpartition("/")
        return self.words.selection_id(MarketKey.parse(market), key)

    def leg(self, match: int = 0, price: str = "2.50", outcome: str = HOME, **told: Any) -> LegWanted:
        """A leg at `corner`, unless another bookmaker is told."""
        if not told.keys() & {"bookmaker_id", "bookmaker_name"}:
            told["bookmaker_id"] = self.books["corner"]
        return LegWanted(Decimal(price), self.matches[match], self.selection(outcome), **told)

    def wanted(self, *legs: LegWanted, stake: str = "10.00", **told: Any) -> PlaceBet:
        """A bet on match 0 by default, from Ann's bankroll."""
        return PlaceBet(
            told.pop("bankroll_id", self.bankroll),
            legs or (self.leg(),),
            Decimal(stake),
            told.pop("currency", "EUR"),
            **told,
        )

    async def place(
        self, *legs: LegWanted, now: datetime = NOW, machine: datetime = NOW, account: int | None = None, **told: Any
    ) -> int:
        """Place a bet, Ann's unless told; see `wanted`."""
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            owner = self.ann if account is None else account
            return await place(connection, owner, self.wanted(*legs, **told), now=now, machine=machine)

    async def open_bankroll(self, account: int, balance: str = "1000.00", **told: Any) -> int:
        """A bankroll as the product makes it."""
        async with self.database.transaction() as session:
            connection = await connection_of(session)
            wanted = bankrolls.NewBankroll("Main", told.pop("currency", "EUR"), Decimal(balance), **told)
            return await bankrolls.create(connection, account, wanted, now=hours(-48), machine=hours(-48))

    async def balance(self, bankroll: int | None = None) -> int:
        """What a bankroll holds, in minor units, after making sure that its entries add up to it."""
        row = await self.db.fetchrow(
            """select balance, (select coalesce(sum(amount), 0)::bigint from bankroll_entry where bankroll_id = r.id)
               from bankroll r where id = $1""",
            self.bankroll if bankroll is None else bankroll,
        )
        assert row is not None
        assert row[0] == row[1]
        return int(row[0])

    async def rows(self) -> dict[str, int]:
        """How many rows each table of bets has, and every balance: equal before and after a refusal."""
        counts = {table: await self.db.fetchval(f"select count(*) from {table}") for table in TABLES}
        return counts | {"balances": await self.db.fetchval("select sum(balance)::bigint from bankroll")}

    async def bet(self, bet_id: int) -> dict[str, Any]:
        """A bet's row with its legs' rows."""
        row = await self.db.fetchrow("select * from bet where id = $1", bet_id)
        assert row is not None
        legs = await self.db.fetch("select * from bet_leg where bet_id = $1 order by position", bet_id)
        return {**row, "legs": [dict(leg) for leg in legs]}


async def make_world(database: Database, *, matches: int = 4) -> World:
    """Ann with 1000.00 EUR, Bob with nothing, and a day of matches with forecasts and prices."""
    factory = Factory(database)
    await factory.clock()
    league = await factory.league("england-premier-league", code="E0")
    ids = await factory.matches([Fixture(league, f"Home {n}", f"Away {n}", hours(n + 1)) for n in range(matches)])
    await factory.forecasts(ids, at=hours(-24))
    await factory.prices(ids, markets=(RESULT, OVER_25), at=hours(-24))
    ann, bob = await person(database), await person(database, email="bob@example.com")
    world = World(factory, ann, bob, 0, ids, await factory.markets(), await factory.books())
    world.bankroll = await world.open_bankroll(ann)
    return world
