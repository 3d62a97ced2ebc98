"""A bet settles once, whoever settles at the same time and whoever dies of it."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy.exc import SQLAlchemyError

from domain.bets.due import due_bets
from domain.bets.ledger import lock_bankrolls
from domain.bets.past import PastBet, PastLeg
from domain.bets.settlement import Settled, settle_due
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict
from tests.domain.bets.settling import LATER, OVER, PLACED, MatchDay, match_day
from tests.factories import hours

HOME = "match_result::ft/home"


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def waiting(day: MatchDay, count: int) -> list[int]:
    """Process ids of so many transactions that wait for a lock, once there are as many."""
    for _ in range(1000):
        rows = await day.database.pool.fetch(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        if len(rows) >= count:
            return [row["pid"] for row in rows]
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count} transactions never waited at once")


async def test_of_several_at_once_one_settles(day: MatchDay) -> None:
    bets = [await day.bet((match, HOME, "2.00")) for match in (0, 0, 1)]
    for match in (0, 1):
        await day.play(match, "1-0")
    async with day.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [day.bankroll])
        rounds = [asyncio.create_task(day.settle(job_id=f"job-{n}")) for n in range(4)]
        await waiting(day, 4)
    settled = await asyncio.gather(*rounds)
    assert sorted(one.count for one in settled) == [0, 0, 0, 3]
    assert sorted(len(one.accounts) for one in settled) == [0, 0, 0, 1]
    for bet in bets:
        assert (await day.state(bet), len(await day.verdicts(bet))) == (("WON", 2000), 1)
    assert await day.balance() == 103_000
    assert await day.database.pool.fetchval("select position from bettor") == 3


async def test_a_correction_counts_once_too(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")
    await day.settle()
    await day.play(0, "1-1", at=LATER)
    async with day.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [day.bankroll])
        rounds = [asyncio.create_task(day.settle(LATER)) for _ in range(3)]
        await waiting(day, 3)
    assert sorted(one.count for one in await asyncio.gather(*rounds)) == [0, 0, 1]
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 2000), ("REVERSAL", -2000)]


async def test_what_fails_half_way_leaves_nothing(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")

    async def fail() -> None:
        async with day.database.transaction() as session:
            connection = await connection_of(session)
            settled = await settle_due(connection, now=OVER, machine=machine_now(), job_id="job")
            assert settled.count == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await day.state(bet), await day.verdicts(bet)) == (("PENDING", None), [])
    assert (await day.legs(bet))[0]["judged_at"] is None
    assert await day.balance() == 99_000
    assert (await day.settle()).count == 1
    assert [verdict["sequence"] for verdict in await day.verdicts(bet)] == [1]


async def test_a_killed_connection_leaves_nothing(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")
    async with day.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [day.bankroll])
        killed = asyncio.create_task(day.settle())
        [pid] = await waiting(day, 1)
        assert await day.database.pool.fetchval("select pg_terminate_backend($1)", pid)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)):
            await killed
    assert await day.state(bet) == ("PENDING", None)
    assert (await day.settle()).count == 1
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 2000)]


async def test_facts_that_come_while_one_waits_count(day: MatchDay) -> None:
    """Facts are read under the locks, so a verdict is never older than what it is written after."""
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")
    async with day.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [day.bankroll])
        settling = asyncio.create_task(day.settle(LATER))
        await waiting(day, 1)
        await day.play(0, "1-1", at=LATER)
    await settling
    assert (await day.state(bet), len(await day.verdicts(bet))) == (("LOST", 0), 1)
    assert (await day.settle(LATER)).count == 0


async def test_its_owner_and_the_facts_at_once(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")
    async with day.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [day.bankroll])
        both = [asyncio.create_task(day.settle_by_hand(bet, "VOID")), asyncio.create_task(day.settle())]
        await waiting(day, 2)
    by_hand, settled = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(settled, Settled)
    if isinstance(by_hand, Conflict):
        assert (by_hand.current_version, await day.state(bet)) == (2, ("WON", 2000))
    else:
        assert (by_hand, await day.state(bet)) == (None, ("VOID", 1000))
        assert [(one["cause"], one["is_effective"]) for one in await day.verdicts(bet)] == [
            ("BY_HAND", True),
            ("RESULT", False),
        ]
    await day.balance()


async def test_an_account_erased_meanwhile_is_left_out(day: MatchDay) -> None:
    other = await day.bettor("bob@example.com")
    mine, theirs = await day.bet((0, HOME, "2.00")), await day.bet((0, HOME, "2.00"), owner=other)
    await day.play(0, "1-0")
    async with day.database.transaction() as session:
        connection = await connection_of(session)
        await connection.execute("select set_config('touchline.erasing', 'on', true)")
        await connection.execute("delete from account where id = $1", other[0])
        settling = asyncio.create_task(day.settle())
        await waiting(day, 1)
    assert (await settling).accounts == {day.account}
    assert await day.state(mine) == ("WON", 2000)
    assert await day.database.pool.fetchval("select count(*) from bet where id = $1", theirs) == 0


async def test_many_workers_small_rounds_and_corrections(day: MatchDay) -> None:
    """Whatever the order, in the end bets are what the last facts say, and balances the sums of their entries."""
    source = random.Random(20260314)
    owners = [(day.account, day.bankroll), *[await day.bettor(f"bettor-{n}@example.com") for n in range(5)]]
    outcomes = [HOME, "total_goals:2.25:ft/over", "asian_handicap:-0.75:ft/away"]

    def some_legs() -> list[PastLeg]:
        matches = source.sample(range(3), source.choice((1, 1, 2, 3)))
        return [
            day.leg(match, source.choice(outcomes), str(source.randint(110, 400) / Decimal(100))) for match in matches
        ]

    for owner in owners:
        await day.bets([PastBet(PLACED, source.randint(1, 5000), some_legs()) for _ in range(15)], owner=owner)
    for match in range(3):
        await day.play(match, "2-0")

    async def work(seed: int) -> None:
        has_more = True
        while has_more:
            has_more = (await day.settle(LATER, limit=7, job_id=f"worker-{seed}")).has_more

    async def correct() -> None:
        for n, score in enumerate(("1-1", "0-3", "2-1")):
            await day.play(n, score, at=hours(3.5 + n / 10))
            await asyncio.sleep(0.02)

    await asyncio.gather(correct(), *(work(n) for n in range(4)))
    await work(9)
    assert (await day.settle(LATER)).count == 0
    await _check(day, owners)


async def _check(day: MatchDay, owners: list[tuple[int, int]]) -> None:
    pool = day.database.pool
    rows = await pool.fetch("select id, status, payout from bet")
    before = {row["id"]: (row["status"], row["payout"]) for row in rows}
    for account, bankroll in owners:
        await day.balance(bankroll)
        sequences = await pool.fetch("select sequence from settlement where account_id = $1 order by id", account)
        assert sorted(row["sequence"] for row in sequences) == list(range(1, len(sequences) + 1))
    wrong = await pool.fetchval(
        """select count(*) from bet b where payout <> (
             select coalesce(sum(amount), 0) from bankroll_entry e
             where e.bet_id = b.id and kind in ('RETURN', 'REVERSAL'))"""
    )
    assert wrong == 0
    # The same bets judged at one stroke, from nothing but the facts as they are now.
    await pool.execute("update bet_leg set result = null, judged_at = null")
    await pool.execute("update bet set status = 'PENDING', payout = null")
    await day.settle(LATER)
    rows = await pool.fetch("select id, status, payout from bet")
    assert {row["id"]: (row["status"], row["payout"]) for row in rows} == before


async def test_nothing_due_is_found_without_looking_at_bets(day: MatchDay) -> None:
    """While nothing ended the search reads the index of open legs, not the legs of every bet."""
    await day.bets([PastBet(PLACED, 100, [day.leg(n % 3, HOME, "2.00")]) for n in range(300)])
    await day.database.pool.execute("vacuum analyze bet_leg")
    async with day.database.transaction() as session:
        connection = await connection_of(session)
        assert (await due_bets(connection, now=OVER, limit=2000)).bets == []
        read = await connection.fetchval("select pg_stat_get_xact_tuples_fetched('bet_leg'::regclass)")
        scanned = await connection.fetchval("select pg_stat_get_xact_tuples_returned('bet_leg'::regclass)")
    assert read + scanned < 10
