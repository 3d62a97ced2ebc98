"""Whatever happens to bankrolls and bets, in whatever order: every cent is in the ledger, and whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bets import bankrolls, changing
from domain.bets.bankrolls import Movement
from domain.bets.changing import BetChanges
from domain.bets.legs import LegWanted
from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.placing import PlaceBet, place
from domain.bets.settlement import settle_by_hand, settle_due
from domain.infra.database import Database, connection_of
from domain.infra.errors import TouchlineError
from tests.betting_world import HOME, World, make_world
from tests.factories import NOW, Factory, Fixture, hours
from tests.people import person
from touchline import BetResult

Deed = Callable[[asyncpg.Connection, "Life"], Awaitable[None]]
AFTER = hours(30)
"""When all matches are over."""

_names = count()


@dataclass
class Life:
    """Somebody with a bankroll of 100.00 EUR, and two matches that may still be played."""

    world: World
    account: int
    bankroll: int
    matches: list[int]

    async def newest_bet(self, connection: asyncpg.Connection, back: int) -> asyncpg.Record | None:
        """One of the bets, counted from the newest."""
        return await connection.fetchrow(
            """select id, version, (select count(*) from bet_leg where bet_id = bet.id) as legs from bet
               where account_id = $1 order by id desc offset $2 limit 1""",
            self.account,
            back,
        )


def move(kind: str, amount: int) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        movement = Movement(kind, Decimal(amount) / 100, "EUR")
        await bankrolls.record_transaction(connection, life.account, life.bankroll, movement, now=NOW, machine=NOW)

    return deed


def bet(stake: int, on_matches: list[int], words: int) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        legs = [
            LegWanted(Decimal("2.37"), life.matches[n], life.world.selection(HOME), bookmaker_name="Corner café")
            for n in on_matches
        ]
        legs += [LegWanted(Decimal("1.83"), description=f"Outcome {n}") for n in range(words)]
        wanted = PlaceBet(life.bankroll, legs, Decimal(stake) / 100, "EUR")
        await place(connection, life.account, wanted, now=NOW, machine=NOW)

    return deed


def restake(back: int, stake: int) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        if (found := await life.newest_bet(connection, back)) is None:
            return
        changes = BetChanges(stake=Decimal(stake) / 100)
        await changing.update_bet(
            connection, life.account, found["id"], found["version"], changes, now=NOW, machine=NOW
        )

    return deed


def take_back(back: int) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        if (found := await life.newest_bet(connection, back)) is None:
            return
        await changing.delete_bet(connection, life.account, found["id"], now=NOW, machine=NOW)

    return deed


def say(back: int, result: BetResult) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        if (found := await life.newest_bet(connection, back)) is None:
            return
        await settle_by_hand(
            connection,
            life.account,
            found["id"],
            found["version"],
            [result] * found["legs"],
            now=AFTER,
            machine=NOW,
        )

    return deed


def play(match: int, status: str, home: int, later: int) -> Deed:
    """Let a match end, or its result be corrected, and settle what is due."""

    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        await connection.execute(
            """update match set status = $2, home_goals = $3, away_goals = 1, updated_at = $4, result_at = $4
               where id = $1""",
            life.matches[match],
            status,
            home,
            hours(4 + later),
        )
        await settle_due(connection, now=AFTER, machine=NOW, job_id="job", limit=100)

    return deed


def remember(stake: int, result: BetResult | None, payout: int | None) -> Deed:
    async def deed(connection: asyncpg.Connection, life: Life) -> None:
        told = PastBet(hours(-30), stake, [PastLeg(Decimal("3.15"), "Long ago")], result=result, payout=payout)
        await record_past(connection, life.account, life.bankroll, [told], now=NOW, machine=NOW, source="IMPORT")

    return deed


cents = st.integers(1, 15_000)
which = st.integers(0, 2)
results = st.sampled_from(BetResult)
deeds = st.one_of(
    st.builds(move, st.sampled_from(["DEPOSIT", "WITHDRAWAL", "BONUS"]), cents),
    st.builds(move, st.just("CORRECTION"), st.integers(-5000, 5000)),
    st.builds(bet, cents, st.sampled_from([[0], [1], [0, 1]]), st.integers(0, 1)),
    st.builds(bet, cents, st.just([]), st.integers(1, 2)),
    st.builds(restake, which, cents),
    st.builds(take_back, which),
    st.builds(say, which, results),
    st.builds(
        play,
        st.integers(0, 1),
        st.sampled_from(["FINISHED", "FINISHED", "ABANDONED"]),
        st.integers(0, 2),
        st.integers(0, 9),
    ),
    st.builds(remember, cents, results, st.none() | st.integers(0, 20_000)),
    st.builds(remember, cents, st.none(), st.none()),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(deeds, min_size=6, max_size=20))
async def test_every_cent_is_in_the_ledger(database: Database, life_of: list[Deed]) -> None:
    life = await new_life(database)
    for deed in life_of:
        try:
            async with database.transaction() as session:
                await deed(await connection_of(session), life)
        except TouchlineError:
            pass  # Refused, and nothing happened: that is checked like any other deed.
        await check(life)


async def new_life(database: Database) -> Life:
    """Somebody new, with matches that nobody bet on, in the one world of this database."""
    is_known = await database.pool.fetchval("select exists (select 1 from league)")
    world = await known_world(database) if is_known else await make_world(database)
    league = await database.pool.fetchval("select id from league")
    name = next(_names)
    matches = await world.factory.matches([Fixture(league, f"H{name}-{n}", f"A{name}-{n}", hours(2)) for n in range(2)])
    account = await person(database, email=f"person-{name}@example.com")
    return Life(world, account, await world.open_bankroll(account, "100.00"), matches)


async def known_world(database: Database) -> World:
    """The world of `make_world` without its people and matches."""
    factory = Factory(database)
    return World(factory, 0, 0, 0, [], await factory.markets(), await factory.books())


async def check(life: Life) -> None:
    """The balance is the sum of the entries; what a bet moved is what it stands at."""
    await life.world.balance(life.bankroll)
    wrong = await life.world.db.fetch(
        """select b.id, b.status, b.stake, b.payout, b.deleted_at, sum(e.amount)::bigint as moved
           from bet b join bankroll_entry e on e.bet_id = b.id where b.account_id = $1 group by b.id
           having sum(e.amount) <> case when b.deleted_at is not null then 0
                                        when b.status = 'PENDING' then -b.stake else b.payout - b.stake end""",
        life.account,
    )
    assert not wrong
