"""Deleting people: when they ask, when it is due, and with everything that was kept about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.accounts import audit, codes, erasure, following, mails, service
from domain.accounts.codes import CodeKind
from domain.accounts.desk import Desk
from domain.accounts.letters import MailKind
from domain.accounts.people import Caller
from domain.infra.database import Database, connection_of
from domain.infra.errors import BadCredentials
from tests.bettors import Wager, make_bankroll, make_bets
from tests.factories import Factory
from tests.people import PASSWORD, code_of, open_desk, person, signed_in, viewer_for

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOME = Caller("192.0.2.7", "Firefox")

PERSONAL = """
with recursive reference as (
  select distinct k.table_name as child, u.table_name as parent
  from information_schema.table_constraints k
  join information_schema.constraint_column_usage u using (constraint_schema, constraint_name)
  where k.constraint_type = 'FOREIGN KEY' and k.table_schema = 'public'),
personal as (
  select 'account'::name as name
  union select r.child::name from reference r join personal p on p.name = r.parent where r.parent <> r.child)
select name from personal order by name
"""
"""Tables whose rows belong to an account, over however many foreign keys."""


async def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table of people has."""
    tables = [row["name"] for row in await database.pool.fetch(PERSONAL)]
    return {table: await database.pool.fetchval(f'select count(*) from "{table}"') for table in tables}


async def full_life(desk: Desk, email: str, league: int) -> int:
    """An account with a row in every table that can name one."""
    account, db = await person(desk, email), desk.database.pool
    await signed_in(desk, account, machine=NOW)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        code_id = await codes.issue(connection, account, CodeKind.RESET, machine=NOW)
        await mails.write(connection, MailKind.RESET, email, "en", machine=NOW, account_id=account, code_id=code_id)
        await following.follow(connection, account, "LEAGUE", league, True, machine=NOW)
        await audit.note(connection, account, "test", machine=NOW)
    bankroll = await make_bankroll(db, account)
    bets = await make_bets(db, bankroll, [Wager("WON"), Wager("PENDING")])
    for statement in (
        "insert into placement (account_id, key, fingerprint, bet_id, recorded_at) values ($1, 'k', 'f', $2, $3)",
        """with made as (insert into task (account_id, kind, status, arguments, completed_count, failures,
                            failure_count, created_at, revision)
                        values ($1, 'IMPORT', 'QUEUED', jsonb_build_object('bet', $2::bigint), 0, '[]', 0, $3, 0)
                        returning id)
           insert into task_file (task_id, role, part, name, media_type, body, expires_at)
           select id, 'INPUT', 0, 'bets.csv', 'text/csv', '', $3 from made""",
        """insert into care_limit (account_id, kind, period, currency, value, set_at, pending_is_removal)
           values ($1, 'STAKE', 'DAY', 'EUR', $2, $3, false)""",
        """insert into care_break (account_id, kind, begins_at, until)
           select $1, 'BREAK', $3::timestamptz, $3::timestamptz + interval '1 day' where $2::bigint > 0""",
        """insert into care_activity (account_id, day, seconds, last_seen_at)
           select $1, $3::date, 60, $3::timestamptz where $2::bigint > 0""",
    ):
        await db.execute(statement, account, bets[0], NOW)
    return account


async def test_nothing_of_an_erased_account_is_left_and_all_of_others(desk: Desk) -> None:
    league = await Factory(desk.database).league("england-premier-league")
    await full_life(desk, "bob@example.com", league)
    before = await row_counts(desk.database)
    assert all(before.values()), f"give a person a row in {[table for table, count in before.items() if not count]}"
    assert len(before) >= 19
    ann = await full_life(desk, "ann@example.com", league)
    assert all(count > before[table] for table, count in (await row_counts(desk.database)).items())
    async with desk.database.transaction() as session:
        await erasure.erase_account(await connection_of(session), ann)
    assert await row_counts(desk.database) == before
    assert await desk.database.pool.fetchval("select email from account") == "bob@example.com"


async def test_after_an_erasure_what_is_append_only_is_so_again(database: Database) -> None:
    ann, bob = await person(database), await person(database, "bob@example.com")
    async with database.transaction() as session:
        connection = await connection_of(session)
        await audit.note(connection, bob, "test", machine=NOW)
        await erasure.erase_account(connection, ann)
        assert await connection.fetchval("select current_setting('touchline.erasing', true)") == "off"
    assert await database.pool.fetchval("select count(*) from audit_entry") == 1


async def test_a_deleted_account_is_signed_out_told_and_waits(desk: Desk) -> None:
    ann = await person(desk, locale="es")
    viewer = await viewer_for(desk, ann)
    await signed_in(desk, ann)
    due = await service.delete_account(desk, viewer, PASSWORD, HOME, machine=NOW)
    assert due == NOW + timedelta(days=14)
    rows = await desk.database.pool.fetch("select ended_at, end_reason from session")
    assert [tuple(row) for row in rows] == [(NOW, "DELETED")] * 2
    mail = await desk.database.pool.fetchrow("select kind, recipient, locale, account_id from mail")
    assert mail is not None
    assert tuple(mail) == ("DELETION", "ann@example.com", "es", ann)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        assert await erasure.purge_due(connection, due - timedelta(microseconds=1)) == 0
        assert await erasure.purge_due(connection, due) == 1
    assert await desk.database.pool.fetchval("select count(*) from account") == 0


async def test_who_signs_in_again_stays(desk: Desk) -> None:
    viewer = await viewer_for(desk, await person(desk))
    due = await service.delete_account(desk, viewer, PASSWORD, HOME, machine=NOW)
    await service.login(desk, "ann@example.com", PASSWORD, None, HOME, machine=NOW + timedelta(days=13))
    async with desk.database.transaction() as session:
        assert await erasure.purge_due(await connection_of(session), due) == 0


async def test_a_new_password_takes_a_deletion_back_too(desk: Desk) -> None:
    viewer = await viewer_for(desk, await person(desk))
    await service.delete_account(desk, viewer, PASSWORD, HOME, machine=NOW)
    await service.request_password_reset(desk, "ann@example.com", HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com", "RESET")
    await service.reset_password(desk, code, "a brand new password", HOME, machine=NOW)
    assert await desk.database.pool.fetchval("select deletes_at from account") is None


async def test_a_deletion_needs_the_password(desk: Desk) -> None:
    viewer = await viewer_for(desk, await person(desk))
    with pytest.raises(BadCredentials) as error:
        await service.delete_account(desk, viewer, "not the password", HOME, machine=NOW)
    assert error.value.field == "input.password"
    row = await desk.database.pool.fetchrow("select deletes_at, (select count(ended_at) from session) from account")
    assert row is not None
    assert tuple(row) == (None, 0)


async def test_without_days_to_wait_an_account_is_erased_at_once(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, deletion_days=0) as desk:
        viewer = await viewer_for(desk, await person(desk))
        assert await service.delete_account(desk, viewer, PASSWORD, HOME, machine=NOW) == NOW
    counts = await row_counts(database)
    assert {table: count for table, count in counts.items() if count} == {"mail": 1}
    mail = await database.pool.fetchrow("select kind, recipient, account_id from mail")
    assert mail is not None
    assert tuple(mail) == ("DELETION", "ann@example.com", None)


async def test_an_address_that_nobody_confirms_is_forgotten(database: Database) -> None:
    for email, verified, days in (
        ("a@example.com", False, 30),
        ("b@example.com", False, 29),
        ("c@example.com", True, 99),
    ):
        await person(database, email, verified=verified, machine=NOW - timedelta(days=days))
    async with database.transaction() as session:
        assert await erasure.purge_due(await connection_of(session), NOW) == 1
    left = await database.pool.fetch("select email from account order by email")
    assert [row["email"] for row in left] == ["b@example.com", "c@example.com"]


async def test_what_expired_is_forgotten_and_nothing_else(desk: Desk) -> None:
    ann = await person(desk)
    old, ended = await signed_in(desk, ann, machine=NOW - timedelta(days=40)), await signed_in(desk, ann, machine=NOW)
    expired = await signed_in(desk, ann, machine=NOW - timedelta(days=8))
    live = await signed_in(desk, ann, machine=NOW)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        await codes.issue(connection, ann, CodeKind.VERIFY, machine=NOW - timedelta(hours=49), password_hash="hash")
        await codes.issue(connection, ann, CodeKind.RESET, machine=NOW - timedelta(minutes=59))
        for days in (8, 6):
            sent = await mails.write(connection, MailKind.RESET, "a@b", "en", machine=NOW, account_id=ann)
            await mails.mark_sent(connection, sent, machine=NOW - timedelta(days=days))
        await connection.execute(
            "update session set ended_at = $2 where id = $1", ended.session_id, NOW - timedelta(days=29)
        )
        await erasure.forget_expired(connection, NOW)
    db = desk.database.pool
    sessions = {row["id"] for row in await db.fetch("select id from session")}
    assert sessions == {ended.session_id, expired.session_id, live.session_id}
    assert old.session_id not in sessions
    tokens = {row["session_id"] for row in await db.fetch("select session_id from refresh_token")}
    assert tokens == {ended.session_id, live.session_id}
    assert [row["purpose"] for row in await db.fetch("select purpose from email_code")] == ["RESET"]
    assert [row["sent_at"] for row in await db.fetch("select sent_at from mail")] == [NOW - timedelta(days=6)]
