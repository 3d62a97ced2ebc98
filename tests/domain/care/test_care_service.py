"""Limits, breaks and time as rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from domain.accounts.people import Caller
from domain.care.activity import touch
from domain.care.queries import standing_of
from domain.care.rules import Kind, Period, Setting
from domain.care.service import set_limit, take_break
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.money import LARGEST
from tests.people import person

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
CALLER = Caller("192.0.2.1", "Test")
MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database, time_zone="Europe/Madrid")


async def limited(
    database: Database,
    account: int,
    value: int | None,
    *,
    kind: Kind = Kind.STAKE,
    period: Period = Period.DAY,
    currency: str = "EUR",
    at: datetime = NOW,
) -> int:
    async with database.transaction() as session:
        connection = await connection_of(session)
        return await set_limit(connection, account, kind, period, value, currency, machine=at, caller=CALLER)


async def away(database: Database, account: int, until: datetime, *, at: datetime = NOW) -> str:
    async with database.transaction() as session:
        return await take_break(await connection_of(session), account, until, machine=at, caller=CALLER)


async def in_force(database: Database, account: int, at: datetime = NOW) -> list[tuple[str, str, str, int]]:
    standing = await standing_of(database.pool, account, machine=at)
    return [(limit.kind, limit.period, limit.currency, limit.value) for limit in standing.limits]


async def test_limits_stand_side_by_side(database: Database, ann: int) -> None:
    await limited(database, ann, 90, kind=Kind.TIME, period=Period.MONTH, currency="")
    await limited(database, ann, 5000, period=Period.WEEK)
    await limited(database, ann, 700, currency="JPY")
    await limited(database, ann, 1000)
    await limited(database, await person(database, "bob@example.com"), 1)
    assert await in_force(database, ann) == [
        ("STAKE", "DAY", "EUR", 1000),
        ("STAKE", "DAY", "JPY", 700),
        ("STAKE", "WEEK", "EUR", 5000),
        ("TIME", "MONTH", "", 90),
    ]


async def test_a_limit_is_one_row_that_loosens_after_a_day(database: Database, ann: int) -> None:
    first = await limited(database, ann, 1000)
    assert await limited(database, ann, 3000) == first
    [limit] = (await standing_of(database.pool, ann, machine=NOW)).limits
    assert limit.setting == Setting(1000, 3000, NOW + timedelta(hours=24))
    assert await in_force(database, ann, NOW + timedelta(hours=24)) == [("STAKE", "DAY", "EUR", 3000)]
    assert await limited(database, ann, 500, at=NOW + timedelta(hours=1)) == first
    assert await in_force(database, ann, NOW + timedelta(hours=30)) == [("STAKE", "DAY", "EUR", 500)]


async def test_a_removed_limit_is_gone_after_a_day_and_can_be_set_anew(database: Database, ann: int) -> None:
    first = await limited(database, ann, 1000)
    await limited(database, ann, None)
    [row] = await database.pool.fetch("select value, pending_is_removal, pending_from from care_limit")
    assert tuple(row) == (1000, True, NOW + timedelta(hours=24))
    gone = NOW + timedelta(hours=24)
    assert await in_force(database, ann, gone) == []
    with pytest.raises(NotFound):
        await limited(database, ann, None, at=gone)
    assert await limited(database, ann, 9000, at=gone) == first
    assert await in_force(database, ann, gone) == [("STAKE", "DAY", "EUR", 9000)]


@pytest.mark.parametrize(
    ("kind", "currency", "value", "field"),
    [
        (Kind.STAKE, "EUR", -1, "input.amount.amount"),
        (Kind.STAKE, "EUR", LARGEST + 1, "input.amount.amount"),
        (Kind.STAKE, "XXQ", 1, "input.amount.currencyCode"),
        (Kind.BET_COUNT, "", -1, "input.count"),
        (Kind.TIME, "EUR", 10, "input.amount"),
    ],
)
async def test_what_is_no_limit_is_refused(
    database: Database, ann: int, kind: Kind, currency: str, value: int, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await limited(database, ann, value, kind=kind, currency=currency)
    assert refused.value.field == field
    assert await in_force(database, ann) == []


async def test_whoever_is_gone_has_no_limits(database: Database, ann: int) -> None:
    await database.pool.execute("delete from account")
    with pytest.raises(NotFound, match="account does not exist"):
        await limited(database, ann, 1)
    with pytest.raises(NotFound, match="account does not exist"):
        await standing_of(database.pool, ann, machine=NOW)


async def test_a_break_holds_to_its_end_and_only_grows(database: Database, ann: int) -> None:
    end = NOW + timedelta(days=2)
    assert await away(database, ann, end) == "BREAK"
    with pytest.raises(Conflict, match=r"lasts until 2026-03-16 13:00 \(Europe/Madrid\)"):
        await away(database, ann, end - timedelta(hours=1))
    assert await away(database, ann, NOW + timedelta(days=200)) == "SELF_EXCLUSION"
    for day, until in ((1, 200), (3, 200), (199, 200), (200, None)):
        standing = await standing_of(database.pool, ann, machine=NOW + timedelta(days=day))
        assert standing.excluded_until == (None if until is None else NOW + timedelta(days=until))
    assert await away(database, ann, NOW + timedelta(days=210), at=NOW + timedelta(days=200)) == "BREAK"


async def test_nothing_shortens_a_break_in_the_database_either(database: Database, ann: int) -> None:
    await away(database, ann, NOW + timedelta(days=2))
    for statement in ("update care_break set until = begins_at + interval '1 hour'", "delete from care_break"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await database.pool.execute(statement)


async def test_what_was_set_is_in_the_audit_log(database: Database, ann: int) -> None:
    limit = await limited(database, ann, 1000)
    await away(database, ann, NOW + timedelta(days=2))
    rows = await database.pool.fetch("select action, entity_id, details, ip_address from audit_entry order by id")
    assert [tuple(row) for row in rows] == [
        ("limit.set", str(limit), {"kind": "STAKE", "period": "DAY", "currency": "EUR", "value": 1000}, "192.0.2.1"),
        ("break.begin", None, {"kind": "BREAK", "until": "2026-03-16T12:00:00+00:00"}, "192.0.2.1"),
    ]


async def test_wishes_at_once_are_answered_one_by_one(database: Database, ann: int) -> None:
    values = [900, 200, 500, 100, 300, 800]
    await asyncio.gather(*(limited(database, ann, value) for value in values))
    assert await database.pool.fetchval("select value from care_limit") == 100, "the strictest holds, whoever came last"


Here = Callable[..., Awaitable[bool]]


@pytest.fixture
def here(database: Database, ann: int) -> Here:
    def seen(**after: float) -> Awaitable[bool]:
        return touch(database.pool, ann, machine=NOW + timedelta(**after), zone=MADRID)

    return seen


async def seconds(database: Database) -> dict[date, int]:
    return {row["day"]: row["seconds"] for row in await database.pool.fetch("select * from care_activity")}


async def test_time_is_what_passed_between_moments_less_than_five_minutes_apart(database: Database, here: Here) -> None:
    for minutes in (0, 2, 5, 9.5):
        assert await here(minutes=minutes)
    await here(minutes=14.5)  # five minutes of silence are an absence
    await here(minutes=15.5)
    assert await seconds(database) == {date(2026, 3, 14): 570 + 60}


async def test_it_is_written_once_a_minute(database: Database, here: Here) -> None:
    written = [await here(seconds=second) for second in range(0, 301, 10)]
    assert sum(written) == 6
    assert await seconds(database) == {date(2026, 3, 14): 300}


async def test_processes_count_a_minute_once(database: Database, here: Here) -> None:
    await here()
    assert sum(await asyncio.gather(*(here(seconds=90) for _ in range(8)))) == 1
    assert await seconds(database) == {date(2026, 3, 14): 90}


async def test_days_are_those_of_the_person(database: Database, here: Here) -> None:
    for minutes in range(-3, 6, 2):
        await here(hours=11, minutes=minutes)  # midnight in Madrid
    assert await seconds(database) == {date(2026, 3, 14): 120, date(2026, 3, 15): 360}
