"""The ledger: a balance is the sum of its entries, whatever happens and however many write at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bets.ledger import Entry, lock_bankrolls, lock_own, post
from domain.bets.rules import Method, Staking
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound
from tests.bettors import Wager, make_bankroll, make_bets
from tests.factories import NOW, hours
from tests.people import person

KINDS = ("DEPOSIT", "WITHDRAWAL", "BONUS", "CORRECTION", "STAKE", "RETURN", "REVERSAL")


async def written(database: Database, entries: Sequence[Entry]) -> list[int]:
    """Post as every writer does: in a transaction, under the bankrolls' locks."""
    async with database.transaction() as session:
        connection = await connection_of(session)
        await lock_bankrolls(connection, {entry.bankroll_id for entry in entries})
        return await post(connection, entries, machine=NOW)


async def sums(database: Database, bankroll: int) -> tuple[int, int]:
    """The balance, and what the entries add up to."""
    row = await database.pool.fetchrow(
        """select balance, (select coalesce(sum(amount), 0)::bigint from bankroll_entry e where e.bankroll_id = r.id)
           from bankroll r where id = $1""",
        bankroll,
    )
    assert row is not None
    return row[0], row[1]


movements = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(KINDS), st.integers(-(10**13), 10**13).filter(bool)), max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.tuples(movements, st.booleans()), max_size=4))
async def test_a_balance_is_the_sum_of_its_entries(
    database: Database, batches: list[tuple[list[tuple[int, str, int]], bool]]
) -> None:
    """Batches over two bankrolls, some of whose transactions fail at the end."""
    owner = await database.pool.fetchval("select min(id) from account") or await person(database)
    both = [await make_bankroll(database.pool, owner, deposit=0) for _ in range(2)]
    expected = [0, 0]
    for batch, fails in batches:
        entries = [Entry(both[which], kind, amount, NOW, reason="test") for which, kind, amount in batch]
        if fails:
            with pytest.raises(asyncpg.NotNullViolationError):
                await written(database, [*entries, Entry(both[0], None, 1, NOW, reason="test")])  # type: ignore[arg-type]
            continue
        await written(database, entries)
        for which, _, amount in batch:
            expected[which] += amount
    for bankroll, total in zip(both, expected, strict=True):
        assert await sums(database, bankroll) == (total, total)


async def test_entries_keep_their_order_and_what_they_say(database: Database) -> None:
    owner = await person(database)
    bankroll = await make_bankroll(database.pool, owner, deposit=0)
    (bet,) = await make_bets(database.pool, bankroll, [Wager(status="LOST", stake=300)])
    settlement = await database.pool.fetchval("select id from settlement where bet_id = $1", bet)
    ids = await written(
        database,
        [
            Entry(bankroll, "RETURN", 900, hours(2), bet, settlement),
            Entry(bankroll, "REVERSAL", -400, hours(1), bet, settlement, "Corrected result"),
            Entry(bankroll, "BONUS", 50, hours(3), reason="Welcome"),
        ],
    )
    rows = await database.pool.fetch(
        """select id, kind, amount, bet_id, settlement_id, reason, occurred_at, recorded_at from bankroll_entry
           where id = any($1::bigint[]) order by id""",
        ids,
    )
    assert [tuple(row) for row in rows] == [
        (ids[0], "RETURN", 900, bet, settlement, None, hours(2), NOW),
        (ids[1], "REVERSAL", -400, bet, settlement, "Corrected result", hours(1), NOW),
        (ids[2], "BONUS", 50, None, None, "Welcome", hours(3), NOW),
    ]
    assert await sums(database, bankroll) == (250, 250)


async def test_a_reversal_may_take_what_was_spent(database: Database) -> None:
    bankroll = await make_bankroll(database.pool, await person(database), deposit=100)
    await written(database, [Entry(bankroll, "REVERSAL", -450, NOW, reason="Corrected result")])
    assert await sums(database, bankroll) == (-350, -350)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (Entry(0, "DEPOSIT", 0, NOW, reason="test"), asyncpg.CheckViolationError),
        (Entry(0, "DEPOSIT", 5, NOW), asyncpg.CheckViolationError),
        (Entry(0, "GIFT", 5, NOW, reason="test"), asyncpg.CheckViolationError),
    ],
)
async def test_an_entry_that_is_none_moves_nothing(
    database: Database, entry: Entry, error: type[asyncpg.PostgresError]
) -> None:
    bankroll = await make_bankroll(database.pool, await person(database), deposit=100)
    bad = Entry(bankroll, entry.kind, entry.amount, entry.occurred_at, reason=entry.reason)
    with pytest.raises(error):
        await written(database, [Entry(bankroll, "DEPOSIT", 7, NOW, reason="test"), bad])
    assert await sums(database, bankroll) == (100, 100)


@pytest.mark.parametrize("amount", [5.5, 5.0, Decimal(5), np.int64(5), None])
def test_an_amount_is_a_whole_number_of_minor_units(amount: Any) -> None:
    with pytest.raises(TypeError, match="minor units"):
        Entry(1, "DEPOSIT", amount, NOW, reason="test")


async def test_an_entry_of_no_bankroll_is_refused(database: Database) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await written(database, [Entry(404, "DEPOSIT", 5, NOW, reason="test")])


async def test_nothing_to_post_is_nothing(database: Database) -> None:
    assert await written(database, []) == []


async def test_entries_are_never_changed(database: Database) -> None:
    await make_bankroll(database.pool, await person(database))
    for change in ("update bankroll_entry set amount = 1", "delete from bankroll_entry"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await database.pool.execute(change)


async def test_writers_at_once_lose_nothing(database: Database) -> None:
    """Forty transactions over two bankrolls, named in either order: none waits for ever, none is lost."""
    owner = await person(database)
    both = [await make_bankroll(database.pool, owner, deposit=0) for _ in range(2)]
    batches = [
        [Entry(both[(n + place) % 2], "DEPOSIT", 10 ** (n % 4), NOW, reason="test") for place in range(2)]
        for n in range(40)
    ]
    answered = await asyncio.gather(*(written(database, batch) for batch in batches))
    total = 10 * (1 + 10 + 100 + 1000)
    assert [await sums(database, bankroll) for bankroll in both] == [(total, total)] * 2
    assert len({entry for ids in answered for entry in ids}) == 80


async def test_bankrolls_are_locked_with_their_staking(database: Database) -> None:
    owner = await person(database)
    first = await make_bankroll(database.pool, owner, name="First", deposit=500)
    second = await make_bankroll(database.pool, owner, name="Second", currency="JPY", is_paper=True, deposit=0)
    await database.pool.execute(
        """update bankroll set staking = '{"method": "FLAT", "flat_stake": 300}'::jsonb where id = $1""", second
    )
    async with database.transaction() as session:
        locked = await lock_bankrolls(await connection_of(session), [second, first, 404])
        assert list(locked) == [first, second]
        assert (locked[first].name, locked[first].balance, locked[first].staking) == ("First", 500, Staking())
        assert locked[second].staking == Staking(Method.FLAT, flat_stake=300)
        assert (locked[second].currency, locked[second].is_paper) == ("JPY", True)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await database.pool.execute("select 1 from bankroll where id = $1 for no key update nowait", first)
        assert await database.pool.fetchval("select 1 from bankroll where id = $1 for key share nowait", first)


async def test_somebody_elses_bankroll_is_as_good_as_none(database: Database) -> None:
    ann, bob = await person(database), await person(database, email="bob@example.com")
    bobs = await make_bankroll(database.pool, bob)
    async with database.transaction() as session:
        connection = await connection_of(session)
        refused = []
        for bankroll in (bobs, 404):
            with pytest.raises(NotFound) as error:
                await lock_own(connection, ann, bankroll, field="input.bankrollId")
            refused.append((error.value.message, error.value.field))
        assert refused[0] == refused[1] == ("You have no such bankroll.", "input.bankrollId")
        assert (await lock_own(connection, bob, bobs, field="input.id")).id == bobs
