"""What was used of the limits, and that nobody gets past them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from domain.bets.legs import LegWanted
from domain.bets.placing import PlaceBet, place
from domain.bets.usage import check, moves_of, room, usage_of
from domain.care.activity import touch
from domain.care.check import Wanted
from domain.care.errors import LimitReached
from domain.care.queries import standing_of
from domain.care.rules import Kind, Period
from domain.care.service import set_limit, take_break
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound, SelfExcluded
from tests.bettors import Wager, make_bankroll, make_bets, move_money
from tests.people import person

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
"""Machine time: a Saturday."""


def ago(**past: float) -> datetime:
    return NOW - timedelta(**past)


def wager(stake: int, status: str = "PENDING", *, at: datetime = NOW, settled: datetime = NOW) -> Wager:
    return Wager(status, stake, placed_at=at, settled_at=settled)


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database)


async def limited(database: Database, account: int, kind: Kind, value: int, period: Period = Period.DAY) -> int:
    async with database.transaction() as session:
        connection = await connection_of(session)
        currency = "EUR" if kind.is_money else ""
        return await set_limit(connection, account, kind, period, value, currency, machine=ago(days=300))


async def used(database: Database, account: int, at: datetime = NOW) -> dict[tuple[str, str], int]:
    """By kind and period, for the limits in force."""
    standing = await standing_of(database.pool, account, machine=at)
    usage = await usage_of(database.pool, account, standing, machine=at)
    return {(limit.kind, limit.period): usage.of(limit) for limit in standing.limits}


async def asked(database: Database, account: int, wanted: Wanted, at: datetime = NOW) -> None:
    async with database.transaction() as session:
        await check(await connection_of(session), account, wanted, machine=at)


async def test_stakes_count_in_their_day_week_and_month(database: Database, ann: int) -> None:
    for period in Period:
        await limited(database, ann, Kind.STAKE, 10_000, period)
        await limited(database, ann, Kind.BET_COUNT, 10, period)
    bankroll = await make_bankroll(database.pool, ann)
    when = (ago(hours=1), ago(hours=13), ago(days=6), ago(days=14, hours=1))  # this day, week, month, and none
    await make_bets(database.pool, bankroll, [wager(10**place, at=at) for place, at in enumerate(when)])
    assert await used(database, ann) == {
        ("STAKE", "DAY"): 1,
        ("STAKE", "WEEK"): 11,
        ("STAKE", "MONTH"): 111,
        ("BET_COUNT", "DAY"): 1,
        ("BET_COUNT", "WEEK"): 2,
        ("BET_COUNT", "MONTH"): 3,
    }


async def test_only_real_money_that_was_bet_counts(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.STAKE, 10_000)
    await limited(database, ann, Kind.LOSS, 10_000)
    await limited(database, ann, Kind.BET_COUNT, 10)
    bankroll = await make_bankroll(database.pool, ann)
    kept, taken_back, imported = await make_bets(database.pool, bankroll, [wager(1), wager(10), wager(100)])
    await database.pool.execute("update bet set deleted_at = $2 where id = $1", taken_back, NOW)
    await database.pool.execute(
        """insert into bankroll_entry (bankroll_id, kind, amount, bet_id, occurred_at, recorded_at)
           values ($1, 'REVERSAL', 10, $2, $3, $3)""",
        bankroll,
        taken_back,
        NOW,
    )
    await database.pool.execute("update bet set source = 'IMPORT' where id = $1", imported)
    for account, is_paper, currency in (
        (ann, True, "EUR"),
        (ann, False, "USD"),
        (await person(database, "b@x.example"), False, "EUR"),
    ):
        other = await make_bankroll(database.pool, account, is_paper=is_paper, currency=currency)
        await make_bets(database.pool, other, [wager(1000, at=ago(minutes=1))])
    assert kept
    assert await used(database, ann) == {("STAKE", "DAY"): 1, ("LOSS", "DAY"): 1, ("BET_COUNT", "DAY"): 2}


async def test_a_loss_is_what_was_staked_less_what_came_back(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.LOSS, 10_000)
    bankroll = await make_bankroll(database.pool, ann)
    await make_bets(database.pool, bankroll, [wager(3000), wager(1000, "LOST"), wager(500, "WON"), wager(200, "PUSH")])
    assert await used(database, ann) == {("LOSS", "DAY"): 3000 + 1000 - 500}
    before = [wager(5000, "WON", at=ago(days=2)), wager(700, "LOST", at=ago(days=2))]
    await make_bets(database.pool, bankroll, before)
    assert await used(database, ann) == {("LOSS", "DAY"): 0}, "what came back today counts, staked whenever"


async def test_deposits_count_whatever_was_withdrawn(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.DEPOSIT, 10_000)
    bankroll = await make_bankroll(database.pool, ann, deposit=300, at=ago(hours=2))
    await make_bankroll(database.pool, ann, deposit=9000, is_paper=True, at=ago(hours=2))
    await move_money(database.pool, bankroll, 40, at=NOW, recorded_at=NOW)
    await move_money(database.pool, bankroll, -340, kind="WITHDRAWAL", at=NOW, recorded_at=NOW)
    await move_money(database.pool, bankroll, 1000, kind="BONUS", at=NOW, recorded_at=NOW)
    await move_money(database.pool, bankroll, 5, at=NOW, recorded_at=ago(days=1))
    assert await used(database, ann) == {("DEPOSIT", "DAY"): 340}


async def test_a_day_is_the_persons_own_also_when_the_clocks_change(database: Database) -> None:
    ann = await person(database, "ann@madrid.example", time_zone="Europe/Madrid")
    await limited(database, ann, Kind.STAKE, 10_000)
    bankroll = await make_bankroll(database.pool, ann)
    # The 29th of March lasts from 23:00 UTC of the day before until 22:00 UTC.
    begins, ends = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    second = timedelta(seconds=1)
    stakes = {begins - second: 1, begins: 10, ends - second: 100}
    await make_bets(database.pool, bankroll, [wager(stake, at=at) for at, stake in stakes.items()])
    assert await used(database, ann, at=ends - second) == {("STAKE", "DAY"): 110}
    await make_bets(database.pool, bankroll, [wager(1000, at=ends)])
    assert await used(database, ann, at=ends) == {("STAKE", "DAY"): 1000}


async def test_time_is_minutes_of_the_days(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.TIME, 6)
    await limited(database, ann, Kind.TIME, 60, Period.WEEK)
    for at in (ago(days=1), ago(days=1, minutes=-4)):
        await touch(database.pool, ann, machine=at, zone=ZoneInfo("UTC"))
    for minutes in (6, 3, 0):
        await touch(database.pool, ann, machine=ago(minutes=minutes), zone=ZoneInfo("UTC"))
    assert await used(database, ann) == {("TIME", "DAY"): 6, ("TIME", "WEEK"): 10}
    with pytest.raises(LimitReached, match="6 minutes of use a day; 0 minutes left until 2026-03-15 00:00"):
        await asked(database, ann, Wanted())
    await asked(database, ann, Wanted(), at=NOW + timedelta(hours=12))


async def test_a_break_stops_everything(database: Database, ann: int) -> None:
    async with database.transaction() as session:
        await take_break(await connection_of(session), ann, NOW + timedelta(days=2), machine=NOW)
    with pytest.raises(SelfExcluded):
        await asked(database, ann, Wanted())
    assert await room(database.pool, ann, "EUR", machine=NOW) == 0
    await asked(database, ann, Wanted(), at=NOW + timedelta(days=2))


async def test_nobody_can_do_nothing(database: Database) -> None:
    with pytest.raises(NotFound, match="account"):
        await asked(database, 12345, Wanted())


async def test_room_is_what_the_tightest_limit_leaves(database: Database, ann: int) -> None:
    assert await room(database.pool, ann, "EUR", machine=NOW) is None
    await limited(database, ann, Kind.DEPOSIT, 1)
    await limited(database, ann, Kind.TIME, 600)
    await limited(database, ann, Kind.BET_COUNT, 2)
    assert await room(database.pool, ann, "EUR", machine=NOW) is None
    await limited(database, ann, Kind.STAKE, 5000)
    await limited(database, ann, Kind.LOSS, 1500, Period.WEEK)
    assert await room(database.pool, ann, "EUR", machine=NOW) == 1500
    assert await room(database.pool, ann, "USD", machine=NOW) is None
    bankroll = await make_bankroll(database.pool, ann)
    await make_bets(database.pool, bankroll, [wager(400)])
    assert await room(database.pool, ann, "EUR", machine=NOW) == 1100
    await make_bets(database.pool, bankroll, [wager(1, "WON")])
    assert await room(database.pool, ann, "EUR", machine=NOW) == 0, "no bet is left"


class Counted:
    """A connection that counts its statements."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        self.statements += name in ("fetch", "fetchrow", "fetchval", "execute")
        return getattr(self._connection, name)


async def test_a_check_is_at_most_three_statements(database: Database, ann: int) -> None:
    for kind in Kind:
        await limited(database, ann, kind, 10_000, Period.MONTH)
    await make_bets(database.pool, await make_bankroll(database.pool, ann), [wager(1)] * 20)
    async with database.transaction() as session:
        counted: Any = Counted(await connection_of(session))
        await check(counted, ann, Wanted(stake=1, currency="EUR", bets=1), machine=NOW)
    assert counted.statements == 3


async def test_bets_at_once_pass_no_limit_together(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.STAKE, 3500)
    bankrolls = [await make_bankroll(database.pool, ann, name=name) for name in ("One", "Two")]

    async def bet(place: int) -> bool:
        async with database.transaction() as session:
            connection = await connection_of(session)
            try:
                await check(connection, ann, Wanted(stake=1000, currency="EUR", bets=1), machine=NOW)
            except LimitReached:
                return False
            await connection.execute(
                """insert into bet (account_id, bankroll_id, kind, status, stake, price, source, tags,
                       is_settled_by_hand, placed_at, recorded_at, version)
                   values ($1, $2, 'SINGLE', 'PENDING', 1000, 2, 'MANUAL', '{}', false, $3, $3, 1)""",
                ann,
                bankrolls[place % 2],
                NOW,
            )
            return True

    assert sum(await asyncio.gather(*map(bet, range(12)))) == 3
    assert await used(database, ann) == {("STAKE", "DAY"): 3000}


async def test_moves_are_those_of_seven_days_with_real_money(database: Database, ann: int) -> None:
    bankroll = await make_bankroll(database.pool, ann)
    paper = await make_bankroll(database.pool, ann, is_paper=True, deposit=5, at=NOW)
    await make_bets(database.pool, paper, [wager(1, "LOST")])
    first = datetime(2026, 3, 8, tzinfo=UTC)
    wagers = [
        wager(100, at=first - timedelta(seconds=1)),
        wager(200, "LOST", at=first - timedelta(days=1), settled=first),
        wager(300, "HALF_LOST", at=first, settled=ago(hours=1)),
        wager(400, "WON", at=ago(hours=2), settled=ago(hours=1)),
    ]
    await make_bets(database.pool, bankroll, wagers)
    await move_money(database.pool, bankroll, 50, at=NOW, recorded_at=NOW)
    moves = await moves_of(database.pool, ann, ZoneInfo("UTC"), machine=NOW)
    assert [(move.kind, move.amount, move.at) for move in moves] == [
        ("LOST", 200, first),
        ("STAKE", 300, first),
        ("STAKE", 400, ago(hours=2)),
        ("LOST", 300, ago(hours=1)),
        ("DEPOSIT", 50, NOW),
    ]


def by_hand(bankroll: int, stake: str) -> PlaceBet:
    """A bet on something that the platform does not hold."""
    legs = [LegWanted(Decimal("2.00"), description="A dog race", bookmaker_name="Round the corner")]
    return PlaceBet(bankroll, legs, Decimal(stake), "EUR")


async def placed(database: Database, account: int, wanted: PlaceBet) -> bool:
    async with database.transaction() as session:
        try:
            await place(await connection_of(session), account, wanted, now=NOW, machine=NOW)
        except LimitReached:
            return False
        return True


async def test_bets_placed_at_once_stop_at_every_limit(database: Database, ann: int) -> None:
    await limited(database, ann, Kind.STAKE, 10_000)
    await limited(database, ann, Kind.LOSS, 3500)
    await limited(database, ann, Kind.BET_COUNT, 5)
    one, two = [await make_bankroll(database.pool, ann, name=name) for name in ("One", "Two")]
    wishes = [by_hand(bankroll, "10.00") for bankroll in (one, two) for _ in range(6)]
    assert sum(await asyncio.gather(*(placed(database, ann, wish) for wish in wishes))) == 3
    assert await used(database, ann) == {("STAKE", "DAY"): 3000, ("LOSS", "DAY"): 3000, ("BET_COUNT", "DAY"): 3}
    assert sum(await asyncio.gather(*(placed(database, ann, by_hand(one, "1.00")) for _ in range(6)))) == 2
    assert await used(database, ann) == {("STAKE", "DAY"): 3200, ("LOSS", "DAY"): 3200, ("BET_COUNT", "DAY"): 5}


async def test_on_paper_only_a_break_and_time_stop_bets(database: Database, ann: int) -> None:
    for kind in (Kind.STAKE, Kind.LOSS, Kind.BET_COUNT):
        await limited(database, ann, kind, 0)
    paper = await make_bankroll(database.pool, ann, is_paper=True)
    assert await placed(database, ann, by_hand(paper, "10.00"))
    async with database.transaction() as session:
        await take_break(await connection_of(session), ann, NOW + timedelta(days=2), machine=NOW)
    with pytest.raises(SelfExcluded):
        await placed(database, ann, by_hand(paper, "10.00"))
