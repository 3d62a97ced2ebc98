"""Erasing a person while others write about them: nobody is failed by a deadlock, and nothing is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import asyncpg
import pytest

from domain.accounts import audit, erasure, service
from domain.accounts.desk import Desk
from domain.accounts.people import NOWHERE
from domain.bets.ledger import lock_bankrolls
from domain.care.service import lock_account
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, TouchlineError
from domain.tasks.service import Kind, create
from tests.betting_world import World, make_world
from tests.domain.accounts.test_erasure import row_counts
from tests.factories import NOW
from tests.people import signed_in
from tests.workers.conftest import until


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def erase(database: Database, account_id: int) -> bool:
    async with database.transaction() as session:
        return await erasure.erase_account(await connection_of(session), account_id) is not None


async def hold(connection: asyncpg.Connection, world: World, door: str) -> None:
    """Lock what a writer begins with."""
    if door == "placement":
        await connection.execute(
            "insert into placement (account_id, key, fingerprint, recorded_at) values ($1, 'k', 'f', $2)",
            world.ann,
            NOW,
        )
    elif door == "bankroll":
        await lock_bankrolls(connection, [world.bankroll])
    else:
        await connection.execute(f"select from {door} where account_id = $1 for no key update", world.ann)


@pytest.mark.parametrize("door", ["placement", "bankroll", "session", "task"])
async def test_an_erasure_gives_way_to_whoever_came_first(world: World, desk: Desk, door: str) -> None:
    await signed_in(desk, world.ann)
    async with world.database.transaction() as session:
        await create(await connection_of(session), world.ann, Kind.EXPORT, {}, b"", machine=NOW)
    async with world.database.transaction() as session:
        writer = await connection_of(session)
        await hold(writer, world, door)
        erasing = asyncio.create_task(erase(world.database, world.ann))
        await asyncio.sleep(0.3)  # it has tried by now, and had a deadlock if it waited
        await lock_bankrolls(writer, [world.bankroll])
        await lock_account(writer, world.ann)
        await audit.note(writer, world.ann, "test", machine=NOW)
        assert not erasing.done()
    assert await erasing
    assert await world.db.fetchval("select count(*) from account where id = $1", world.ann) == 0


async def test_a_purge_leaves_whom_somebody_writes_about_to_the_next(world: World) -> None:
    await world.db.execute("update account set deletes_at = $1", NOW)
    async with world.database.transaction() as one, world.database.transaction() as two:
        await lock_bankrolls(await connection_of(one), [world.bankroll])
        purging = await connection_of(two)
        assert await erasure.purge_due(purging, NOW) == 1
        assert await purging.fetchval("select current_setting('lock_timeout')") == "0"
        await lock_account(await connection_of(one), world.ann)
    assert await world.db.fetchval("select array_agg(id) from account") == [world.ann]
    async with world.database.transaction() as session:
        assert await erasure.purge_due(await connection_of(session), NOW) == 1


async def test_a_purge_spares_who_came_back_while_it_waited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "PATIENCE", "10s")
    await world.db.execute("update account set deletes_at = $1 where id = $2", NOW, world.ann)

    async def purge() -> int:
        async with world.database.transaction() as session:
            return await erasure.purge_due(await connection_of(session), NOW)

    async def is_waiting() -> bool:
        return bool(
            await world.db.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            )
        )

    async with world.database.transaction() as session:
        back = await connection_of(session)
        await back.execute("update account set deletes_at = null where id = $1", world.ann)
        purging = asyncio.create_task(purge())
        await until(is_waiting)
    assert await purging == 0
    assert await world.db.fetchval("select count(*) from account where id = $1", world.ann) == 1


async def test_an_erasure_that_never_gets_its_turn_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "MOST_TRIES", 3)
    async with world.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [world.bankroll])
        with pytest.raises(Conflict, match="try again"):
            await erase(world.database, world.ann)


async def test_amid_twenty_places_and_refreshes_everybody_gets_an_answer(world: World, desk: Desk) -> None:
    tokens = [(await signed_in(desk, world.ann, machine=NOW)).refresh_token for _ in range(20)]
    for token in tokens[:10]:  # these will come again, and end their session
        await refreshed(desk, token, NOW)
    later = NOW + timedelta(minutes=1)
    work = [world.place(stake="1", idempotency_key=f"key {place}" if place % 2 else None) for place in range(20)]
    work += [refreshed(desk, token, later) for token in tokens]
    results = await asyncio.gather(*work[::2], erase(world.database, world.ann), *work[1::2], return_exceptions=True)
    failed = Counter(type(result) for result in results if isinstance(result, BaseException))
    assert results[20] is True
    assert not [error for error in failed if not issubclass(error, TouchlineError | asyncpg.ForeignKeyViolationError)]
    after = await row_counts(world.database)
    assert {table: count for table, count in after.items() if count} == {"account": 1}  # Bob's


async def refreshed(desk: Desk, token: str, machine: datetime) -> int:
    return (await service.refresh(desk, token, NOWHERE, machine=machine)).session_id
