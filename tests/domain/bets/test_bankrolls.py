"""Making and changing bankrolls, and money that goes in and out of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from domain.bets import bankrolls
from domain.bets.bankrolls import MOST_BANKROLLS, Movement, NewBankroll
from domain.bets.errors import InsufficientFunds
from domain.bets.staking import StakingWanted
from domain.care.errors import LimitReached
from domain.care.rules import Kind, Period
from domain.care.service import set_limit, take_break
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid, NotFound, SelfExcluded, TouchlineError
from tests.bettors import make_bankroll
from tests.factories import NOW, hours
from tests.people import person

LATER = NOW + timedelta(days=9)
"""Machine time, unlike any match time of these tests."""
TABLES = ("bankroll", "bankroll_entry", "audit_entry")


@pytest.fixture
async def ann(database: Database) -> int:
    return await person(database)


async def create(database: Database, account: int, **told: Any) -> int:
    wanted = replace(NewBankroll("Main", "EUR", Decimal(100)), **told)
    async with database.transaction() as session:
        return await bankrolls.create(await connection_of(session), account, wanted, now=NOW, machine=LATER)


async def change(database: Database, account: int, bankroll: int, **told: Any) -> None:
    async with database.transaction() as session:
        await bankrolls.update(await connection_of(session), account, bankroll, **told, machine=LATER)


async def move(database: Database, account: int, bankroll: int, kind: str, amount: str, **told: Any) -> int:
    movement = replace(Movement(kind, Decimal(amount), "EUR"), **told)
    async with database.transaction() as session:
        connection = await connection_of(session)
        return await bankrolls.record_transaction(connection, account, bankroll, movement, now=hours(2), machine=LATER)


async def limit_deposits(database: Database, account: int, value: int) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, account, Kind.DEPOSIT, Period.DAY, value, currency="EUR", machine=LATER)


async def state(database: Database) -> dict[str, int | None]:
    counts = {table: await database.pool.fetchval(f"select count(*) from {table}") for table in TABLES}
    return counts | {"balances": await database.pool.fetchval("select sum(balance)::bigint from bankroll")}


async def row_of(database: Database, bankroll: int) -> asyncpg.Record:
    row = await database.pool.fetchrow("select * from bankroll where id = $1", bankroll)
    assert row is not None
    return row


async def entries_of(database: Database, bankroll: int) -> list[tuple[Any, ...]]:
    rows = await database.pool.fetch(
        "select kind, amount, reason, occurred_at, recorded_at from bankroll_entry where bankroll_id = $1 order by id",
        bankroll,
    )
    return [tuple(row) for row in rows]


async def test_a_bankroll_begins_with_its_balance(database: Database, ann: int) -> None:
    made = await create(database, ann, name=" Weekend ", starting_balance=Decimal("250.50"))
    row = await row_of(database, made)
    assert (row["account_id"], row["name"], row["currency"], row["is_paper"]) == (ann, "Weekend", "EUR", False)
    assert (row["balance"], row["created_at"]) == (25050, LATER)
    assert row["staking"] == {
        "method": "KELLY",
        "flat_stake": None,
        "percent": None,
        "kelly_multiplier": 0.25,
        "max_stake_share": 0.05,
    }
    assert await entries_of(database, made) == [("DEPOSIT", 25050, "Starting balance", NOW, LATER)]
    deed = await database.pool.fetchrow("select action, entity_type, entity_id, details from audit_entry")
    assert deed is not None
    assert tuple(deed) == (
        "bankroll.create",
        "Bankroll",
        str(made),
        {"currency": "EUR", "starting_balance": 25050, "is_paper": False},
    )


async def test_a_bankroll_may_begin_empty(database: Database, ann: int) -> None:
    made = await create(database, ann, starting_balance=Decimal(0))
    assert (await row_of(database, made))["balance"] == 0
    assert await entries_of(database, made) == []


BAD_BANKROLLS: list[tuple[dict[str, Any], str]] = [
    ({"name": "  "}, "input.name"),
    ({"name": "x" * 61}, "input.name"),
    ({"name": "a\0b"}, "input.name"),
    ({"currency": "EURO"}, "input.startingBalance.currencyCode"),
    ({"currency": "eur"}, "input.startingBalance.currencyCode"),
    ({"currency": "JPY", "starting_balance": Decimal("0.5")}, "input.startingBalance.amount"),
    ({"starting_balance": Decimal("-0.01")}, "input.startingBalance.amount"),
    ({"starting_balance": Decimal("1e30")}, "input.startingBalance.amount"),
    ({"staking": StakingWanted("MARTINGALE")}, "input.staking.method"),
    ({"staking": StakingWanted("FLAT")}, "input.staking.flatStake"),
    ({"staking": StakingWanted("FLAT", Decimal(5), "USD")}, "input.staking.flatStake.currencyCode"),
    ({"staking": StakingWanted("FLAT", Decimal("0.001"), "EUR")}, "input.staking.flatStake.amount"),
    ({"staking": StakingWanted("KELLY", kelly_multiplier=1.5)}, "input.staking.kellyMultiplier"),
    ({"staking": StakingWanted("KELLY", max_stake_share=0.0)}, "input.staking.maxStakeShare"),
]


async def test_a_bankroll_that_is_none_is_refused(database: Database, ann: int) -> None:
    for told, field in BAD_BANKROLLS:
        with pytest.raises(Invalid) as refused:
            await create(database, ann, **told)
        assert (told, refused.value.field) == (told, field)
    assert await state(database) == {"bankroll": 0, "bankroll_entry": 0, "audit_entry": 0, "balances": None}


async def test_an_account_has_fifty_bankrolls_even_when_it_asks_at_once(database: Database, ann: int) -> None:
    for _ in range(MOST_BANKROLLS - 1):
        await make_bankroll(database.pool, ann, deposit=0)
    answers = await asyncio.gather(*(create(database, ann) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, int) for answer in answers) == 1
    assert all(isinstance(answer, int | Invalid) for answer in answers)
    assert (await state(database))["bankroll"] == MOST_BANKROLLS
    assert await create(database, await person(database, email="bob@example.com"))


async def test_name_and_staking_change(database: Database, ann: int) -> None:
    made = await create(database, ann)
    await change(database, ann, made, name="Cup")
    assert (await row_of(database, made))["name"] == "Cup"
    await change(database, ann, made, staking=StakingWanted("FLAT", Decimal("7.50"), "EUR", max_stake_share=0.1))
    row = await row_of(database, made)
    assert row["name"] == "Cup"
    assert (row["staking"]["method"], row["staking"]["flat_stake"], row["staking"]["max_stake_share"]) == (
        "FLAT",
        750,
        0.1,
    )
    assert await database.pool.fetchval("select count(*) from audit_entry where action = 'bankroll.update'") == 2


async def test_somebody_elses_bankroll_does_not_exist(database: Database, ann: int) -> None:
    made = await create(database, ann)
    bob = await person(database, email="bob@example.com")
    before = await state(database)
    with pytest.raises(NotFound) as renamed:
        await change(database, bob, made, name="Mine")
    with pytest.raises(NotFound) as moved:
        await move(database, bob, made, "DEPOSIT", "5")
    assert (renamed.value.field, moved.value.field) == ("input.id", "input.bankrollId")
    assert await state(database) == before


async def test_money_goes_in_and_out(database: Database, ann: int) -> None:
    made = await create(database, ann)
    moves = [
        ("DEPOSIT", "20.00", None),
        ("WITHDRAWAL", "30.50", " Rent "),
        ("BONUS", "5", None),
        ("CORRECTION", "-1.25", "Counted again"),
        ("CORRECTION", "0.75", None),
    ]
    ids = [await move(database, ann, made, kind, amount, note=note) for kind, amount, note in moves]
    assert ids == sorted(set(ids))
    assert (await entries_of(database, made))[1:] == [
        ("DEPOSIT", 2000, "Deposit", hours(2), LATER),
        ("WITHDRAWAL", -3050, "Rent", hours(2), LATER),
        ("BONUS", 500, "Bonus", hours(2), LATER),
        ("CORRECTION", -125, "Counted again", hours(2), LATER),
        ("CORRECTION", 75, "Correction", hours(2), LATER),
    ]
    assert (await row_of(database, made))["balance"] == 10_000 + 2000 - 3050 + 500 - 125 + 75
    assert await database.pool.fetchval("select count(*) from audit_entry where action = 'bankroll.transaction'") == 5


BAD_MOVEMENTS: list[tuple[str, str, dict[str, Any], type[TouchlineError], str]] = [
    ("STAKE", "5", {}, Invalid, "input.kind"),
    ("DEPOSIT", "0", {}, Invalid, "input.amount.amount"),
    ("DEPOSIT", "-5", {}, Invalid, "input.amount.amount"),
    ("WITHDRAWAL", "-5", {}, Invalid, "input.amount.amount"),
    ("BONUS", "1e30", {}, Invalid, "input.amount.amount"),
    ("BONUS", "9999999999999.99", {}, Invalid, "input.amount.amount"),  # with the 100 that are there
    ("CORRECTION", "0", {}, Invalid, "input.amount.amount"),
    ("DEPOSIT", "0.001", {}, Invalid, "input.amount.amount"),
    ("DEPOSIT", "5", {"currency": "USD"}, Invalid, "input.amount.currencyCode"),
    ("DEPOSIT", "5", {"note": " "}, Invalid, "input.note"),
    ("DEPOSIT", "5", {"note": "x" * 201}, Invalid, "input.note"),
    ("WITHDRAWAL", "100.01", {}, InsufficientFunds, "input.amount.amount"),
    ("CORRECTION", "-100.01", {}, InsufficientFunds, "input.amount.amount"),
]


async def test_a_movement_that_is_none_is_refused(database: Database, ann: int) -> None:
    made = await create(database, ann)
    before = await state(database)
    for kind, amount, told, error, field in BAD_MOVEMENTS:
        with pytest.raises(error) as refused:
            await move(database, ann, made, kind, amount, **told)
        assert (kind, amount, refused.value.field) == (kind, amount, field)
        assert await state(database) == before


async def test_all_of_it_may_go_out_once(database: Database, ann: int) -> None:
    made = await create(database, ann)
    answers = await asyncio.gather(
        *(move(database, ann, made, "WITHDRAWAL", "60") for _ in range(3)), return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, InsufficientFunds)]
    assert [(refusal.available, refusal.currency) for refusal in refusals] == [(4000, "EUR")] * 2
    await move(database, ann, made, "WITHDRAWAL", "40")
    assert (await row_of(database, made))["balance"] == 0


async def test_limits_hold_for_real_deposits_and_starting_balances_only(database: Database, ann: int) -> None:
    await limit_deposits(database, ann, 15_000)
    made = await create(database, ann)  # 100.00 of it
    before = await state(database)
    for attempt in (
        create(database, ann, starting_balance=Decimal("50.01")),
        move(database, ann, made, "DEPOSIT", "50.01"),
    ):
        with pytest.raises(LimitReached):
            await attempt
    assert await state(database) == before
    await move(database, ann, made, "DEPOSIT", "50.00")
    await move(database, ann, made, "BONUS", "500.00")
    await move(database, ann, made, "WITHDRAWAL", "600.00")
    paper = await create(database, ann, starting_balance=Decimal(1_000_000), is_paper=True)
    await move(database, ann, paper, "DEPOSIT", "1000")
    with pytest.raises(LimitReached):
        await move(database, ann, made, "DEPOSIT", "0.01")


async def test_during_a_break_money_only_goes_out(database: Database, ann: int) -> None:
    made = await create(database, ann)
    async with database.transaction() as session:
        await take_break(await connection_of(session), ann, LATER + timedelta(days=30), machine=LATER)
    for attempt in (create(database, ann), move(database, ann, made, "DEPOSIT", "5")):
        with pytest.raises(SelfExcluded):
            await attempt
    await move(database, ann, made, "WITHDRAWAL", "100")
    assert await create(database, ann, starting_balance=Decimal(0))
