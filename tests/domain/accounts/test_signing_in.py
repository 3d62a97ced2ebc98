"""Signing in with a password, being kept out, and choosing a new one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.accounts import service
from domain.accounts.desk import Desk
from domain.accounts.people import Caller
from domain.accounts.sessions import viewer_of
from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.infra.errors import BadCredentials, Invalid, SignInRequired
from tests.people import PASSWORD, code_of, open_desk, person, signed_in, viewer_for
from tests.workers.conftest import until

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOME = Caller("192.0.2.7", "Mozilla/5.0 Firefox")


async def login(desk: Desk, email: str = "ann@example.com", password: str = PASSWORD) -> service.SignedIn:
    return await service.login(desk, email, password, "Laptop", HOME, machine=NOW)


async def test_the_right_password_begins_a_session(desk: Desk) -> None:
    ann = await person(desk)
    tokens = await login(desk, " ANN@example.com ")
    assert tokens.account_id == ann
    session = await desk.database.pool.fetchrow("select * from session where id = $1", tokens.session_id)
    assert session is not None
    assert (session["account_id"], session["device_name"]) == (ann, "Laptop")
    assert (session["ip_address"], session["user_agent"]) == ("192.0.2.7", "Mozilla/5.0 Firefox")
    assert session["expires_at"] == tokens.refresh_expires_at == NOW + timedelta(days=7)
    assert tokens.access_expires_at == NOW + timedelta(minutes=30)
    assert await desk.database.pool.fetchval("select last_login_at from account") == NOW
    assert await desk.database.pool.fetchval("select action from audit_entry") == "session.begin"


async def test_the_tokens_open_what_they_are_for(desk: Desk) -> None:
    ann = await person(desk, tier="PRO", time_zone="Europe/Madrid", locale="es", currency="USD")
    tokens = await service.login(desk, "ann@example.com", PASSWORD, None, HOME, machine=machine_now())
    viewer = await viewer_of(desk.database.pool, desk.vault.read_access_token(tokens.access_token))
    assert viewer is not None
    assert (viewer.account_id, viewer.session_id) == (ann, tokens.session_id)
    assert (viewer.role, viewer.tier, viewer.locale) == ("USER", "PRO", "es")
    assert (viewer.zone.key, viewer.currency) == ("Europe/Madrid", "USD")
    assert viewer.token_expires_at == tokens.access_expires_at


async def test_all_failures_are_one_sentence(desk: Desk) -> None:
    await person(desk, "ann@example.com")
    await person(desk, "waiting@example.com", verified=False)
    told = set()
    for email, password in (
        ("ann@example.com", "not the password"),
        ("nobody@example.com", PASSWORD),
        ("waiting@example.com", PASSWORD),
        ("ann@example.com", ""),
        ("ann@example.com", "\ud800" * 12),
    ):
        with pytest.raises(BadCredentials) as error:
            await login(desk, email, password)
        told.add((error.value.message, error.value.field, error.value.retry_after))
    assert told == {("E-mail or password is wrong, or the e-mail is not confirmed yet.", "", None)}
    assert await desk.database.pool.fetchval("select count(*) from session") == 0
    assert await desk.database.pool.fetchval("select count(*) from audit_entry") == 0


async def test_a_password_is_the_same_however_its_accents_are_typed(desk: Desk) -> None:
    await person(desk, password_hash=await desk.passwords.hash("contrase\u00f1a muy larga"))
    await login(desk, password="contrasen\u0303a muy larga")


async def test_too_many_failures_keep_even_the_right_password_out(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, sign_in_attempts=3) as desk:
        await person(desk)
        for email in ("ann@example.com", "nobody@example.com"):
            for _ in range(3):
                with pytest.raises(BadCredentials) as wrong:
                    await login(desk, email, "not the password")
                assert wrong.value.retry_after is None
            with pytest.raises(BadCredentials) as late:
                await login(desk, email)
            assert late.value.retry_after is not None
            assert 0 < late.value.retry_after <= 900


async def test_guesses_at_the_same_moment_are_counted_too(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, sign_in_attempts=3) as desk:
        await person(desk)
        results = await asyncio.gather(
            *(login(desk, password="not the password") for _ in range(20)), return_exceptions=True
        )
        refused = [error.retry_after is not None for error in results if isinstance(error, BadCredentials)]
        assert sorted(refused) == [False] * 3 + [True] * 17


async def test_a_success_ends_a_row_of_failures(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, sign_in_attempts=3) as desk:
        await person(desk)
        for _ in range(3):
            for _ in range(2):
                with pytest.raises(BadCredentials):
                    await login(desk, password="not the password")
            await login(desk)


async def test_one_network_address_tries_only_so_often(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, address_attempts=4) as desk:
        for place in range(4):
            with pytest.raises(BadCredentials) as wrong:
                await login(desk, f"p{place}@example.com")
            assert wrong.value.retry_after is None
        with pytest.raises(BadCredentials) as late:
            await login(desk, "p4@example.com")
        assert late.value.retry_after is not None
        with pytest.raises(BadCredentials) as reset:
            await service.request_password_reset(desk, "p5@example.com", HOME, machine=NOW)
        assert reset.value.retry_after is not None


async def test_an_outdated_hash_is_made_anew(desk: Desk) -> None:
    outdated = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1),)).hash(PASSWORD)
    ann = await person(desk, password_hash=outdated)
    await login(desk)
    renewed = await desk.database.pool.fetchval("select password_hash from account where id = $1", ann)
    assert renewed != outdated
    await login(desk)
    assert await desk.database.pool.fetchval("select password_hash from account where id = $1", ann) == renewed


async def test_signing_in_takes_a_deletion_back_until_it_is_due(desk: Desk) -> None:
    due = NOW + timedelta(days=1)
    ann = await person(desk, deletes_at=due)
    with pytest.raises(BadCredentials):
        await service.login(desk, "ann@example.com", PASSWORD, None, HOME, machine=due)
    assert await desk.database.pool.fetchval("select deletes_at from account where id = $1", ann) == due
    await service.login(desk, "ann@example.com", PASSWORD, None, HOME, machine=due - timedelta(seconds=1))
    assert await desk.database.pool.fetchval("select deletes_at from account where id = $1", ann) is None
    actions = await desk.database.pool.fetch("select action from audit_entry order by id")
    assert [row["action"] for row in actions] == ["account.keep", "session.begin"]


async def test_a_new_password_by_mail_ends_everything_else(desk: Desk) -> None:
    ann = await person(desk)
    before = await signed_in(desk, ann)
    await service.request_password_reset(desk, "Ann@example.com", HOME, machine=NOW)
    tokens = await service.reset_password(
        desk, await code_of(desk, "ann@example.com", "RESET"), "a brand new password", HOME, machine=NOW
    )
    rows = await desk.database.pool.fetch("select id, ended_at, end_reason from session order by id")
    assert [tuple(row) for row in rows] == [
        (before.session_id, NOW, "PASSWORD_RESET"),
        (tokens.session_id, None, None),
    ]
    assert await viewer_of(desk.database.pool, desk.vault.read_access_token(before.access_token)) is None
    with pytest.raises(BadCredentials):
        await login(desk)
    await login(desk, password="a brand new password")
    kinds = await desk.database.pool.fetch("select kind from mail order by kind")
    assert [row["kind"] for row in kinds] == ["PASSWORD_CHANGED", "RESET"]


async def test_a_new_password_confirms_the_address(desk: Desk) -> None:
    await person(desk, verified=False)
    await service.request_password_reset(desk, "ann@example.com", HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com", "RESET")
    await service.reset_password(desk, code, "a brand new password", HOME, machine=NOW)
    await login(desk, password="a brand new password")


async def test_a_reset_code_is_for_one_hour_for_one_use_and_for_that_alone(desk: Desk) -> None:
    await person(desk)
    await service.request_password_reset(desk, "ann@example.com", HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com", "RESET")
    with pytest.raises(BadCredentials):
        await service.verify_email(desk, code, HOME, machine=NOW)
    with pytest.raises(BadCredentials):
        await service.reset_password(desk, code, "a brand new password", HOME, machine=NOW + timedelta(hours=1))
    with pytest.raises(Invalid, match="at least 12") as short:
        await service.reset_password(desk, code, "short", HOME, machine=NOW)
    assert short.value.field == "input.password"
    with pytest.raises(Invalid, match="e-mail"):
        await service.reset_password(desk, code, "ann@example.com", HOME, machine=NOW)
    just_in_time = NOW + timedelta(minutes=59, seconds=59)
    await service.reset_password(desk, code, "a brand new password", HOME, machine=just_in_time)
    for wrong in (code, code[:-1] + ("A" if code[-1] != "A" else "B"), "", "swordfish", "ñ" * 64):
        with pytest.raises(BadCredentials) as error:
            await service.reset_password(desk, wrong, "yet another password", HOME, machine=NOW)
        assert error.value.field == "input.code"
    await login(desk, password="a brand new password")


async def test_only_the_newest_reset_code_works(desk: Desk) -> None:
    await person(desk)
    codes = []
    for minute in range(2):
        then = NOW + timedelta(minutes=minute)
        await service.request_password_reset(desk, "ann@example.com", HOME, machine=then)
        codes.append(await code_of(desk, "ann@example.com", "RESET"))
    with pytest.raises(BadCredentials):
        await service.reset_password(desk, codes[0], "a brand new password", HOME, machine=NOW)
    await service.reset_password(desk, codes[1], "a brand new password", HOME, machine=NOW)


async def test_asking_for_a_new_password_does_the_same_for_nobody(desk: Desk) -> None:
    await person(desk, "ann@example.com")
    rows = {}
    for email in ("ann@example.com", "nobody@example.com"):
        await service.request_password_reset(desk, email, HOME, machine=NOW)
        rows[email] = await desk.database.pool.fetchval(
            "select count(*) from mail m join outbox o on o.arguments->>'mail_id' = m.id::text where recipient = $1",
            email,
        )
    assert rows == {"ann@example.com": 1, "nobody@example.com": 1}
    assert await desk.database.pool.fetchval("select count(*) from email_code") == 1
    with pytest.raises(BadCredentials):
        await service.reset_password(
            desk, await code_of(desk, "nobody@example.com", "RESET"), "a brand new password", HOME, machine=NOW
        )


async def test_a_login_that_overlaps_a_new_password_is_refused(desk: Desk) -> None:
    """The old password was right when it was looked at, and another one stands when the session would begin."""
    await person(desk)
    await service.request_password_reset(desk, "ann@example.com", HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com", "RESET")
    async with desk.database.pool.acquire() as other, other.transaction():
        await other.execute("select 1 from account for update")
        late = asyncio.create_task(login(desk))
        waiting = (
            "select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        await until(partial(other.fetchval, waiting))
        await other.execute("update account set password_hash = 'another'")
    with pytest.raises(BadCredentials, match="E-mail or password"):
        await late
    await service.reset_password(desk, code, "a brand new password", HOME, machine=NOW)


async def test_the_password_is_asked_again_and_counted(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, sign_in_attempts=2) as desk:
        viewer = await viewer_for(desk, await person(desk))
        await service.check_password(desk, viewer, PASSWORD)
        for _ in range(2):
            with pytest.raises(BadCredentials, match="password is wrong") as wrong:
                await service.check_password(desk, viewer, "not the password")
            assert wrong.value.field == "input.password"
        with pytest.raises(BadCredentials, match="too often"):
            await service.check_password(desk, viewer, PASSWORD)
        with pytest.raises(SignInRequired):
            await service.check_password(desk, replace(viewer, account_id=viewer.account_id + 1), PASSWORD)
