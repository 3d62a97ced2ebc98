"""Signing up and confirming the address: in the same words, by the same work, whoever has an account already."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncpg import Record

from domain.accounts import service
from domain.accounts.desk import Desk
from domain.accounts.passwords import Passwords
from domain.accounts.people import Caller
from domain.accounts.service import Registration
from domain.infra.database import Database
from domain.infra.errors import BadCredentials, Invalid
from tests.people import CHEAP, PASSWORD, code_of, open_desk, person

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOME = Caller("192.0.2.7", "Firefox")
ANN = Registration("ann@example.com", PASSWORD, is_of_legal_age=True)


async def accounts(desk: Desk) -> list[Record]:
    return await desk.database.pool.fetch("select * from account order by id")


async def mails(desk: Desk) -> list[tuple[str, str]]:
    rows = await desk.database.pool.fetch("select kind, recipient from mail order by created_at, kind")
    return [tuple(row) for row in rows]


async def requests(desk: Desk) -> int:
    count: int = await desk.database.pool.fetchval("select count(*) from outbox where job = 'send_mail'")
    return count


async def test_an_unknown_address_becomes_an_account_that_waits(desk: Desk) -> None:
    wanted = Registration("Ann@Example.com", PASSWORD, True, "Ann", "Lee", "es-mx", "Europe/Madrid", "usd")
    await service.register(desk, wanted, HOME, machine=NOW)
    [account] = await accounts(desk)
    assert account["email"] == "ann@example.com"
    assert not account["is_email_verified"]
    assert (account["tier"], account["role"]) == ("FREE", "USER")
    assert (account["first_name"], account["last_name"]) == ("Ann", "Lee")
    assert (account["locale"], account["time_zone"], account["currency"]) == ("es-MX", "Europe/Madrid", "USD")
    assert account["of_legal_age_since"] == account["created_at"] == NOW
    assert account["last_login_at"] is None
    assert PASSWORD not in account["password_hash"]
    assert await mails(desk) == [("VERIFY", "ann@example.com")]
    assert await requests(desk) == 1
    assert await desk.database.pool.fetchval("select count(*) from session") == 0


async def test_what_is_not_said_has_a_default(desk: Desk) -> None:
    await service.register(desk, ANN, HOME, machine=NOW)
    [account] = await accounts(desk)
    assert (account["locale"], account["time_zone"], account["currency"]) == ("en", "UTC", "EUR")


async def test_the_code_of_the_mail_confirms_and_signs_in_once(desk: Desk) -> None:
    await service.register(desk, ANN, HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com")
    signed_in = await service.verify_email(desk, code, HOME, machine=NOW)
    [account] = await accounts(desk)
    assert account["is_email_verified"]
    assert account["last_login_at"] == NOW
    assert signed_in.account_id == account["id"]
    assert signed_in.refresh_expires_at == NOW + timedelta(days=7)
    with pytest.raises(BadCredentials) as error:
        await service.verify_email(desk, code, HOME, machine=NOW)
    assert error.value.field == "input.code"
    assert await desk.database.pool.fetchval("select count(*) from session") == 1


async def test_a_code_works_once_however_many_use_it_at_once(desk: Desk) -> None:
    await service.register(desk, ANN, HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com")
    tries = [service.verify_email(desk, code, HOME, machine=NOW) for _ in range(8)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, service.SignedIn) for result in results) == 1
    assert sum(isinstance(result, BadCredentials) for result in results) == 7


@pytest.mark.parametrize(("hours", "works"), [(47.99, True), (48, False)])
async def test_a_code_works_for_48_hours(desk: Desk, hours: float, works: bool) -> None:
    await service.register(desk, ANN, HOME, machine=NOW)
    code, then = await code_of(desk, "ann@example.com"), NOW + timedelta(hours=hours)
    if works:
        await service.verify_email(desk, code, HOME, machine=then)
    else:
        with pytest.raises(BadCredentials):
            await service.verify_email(desk, code, HOME, machine=then)
    assert (await accounts(desk))[0]["is_email_verified"] is works


AGAIN = Registration("ann@example.com", "another long password", True, "Ann")


@pytest.mark.parametrize("used", [0, 1])
async def test_a_code_gives_the_password_of_its_registration_and_ends_the_others(desk: Desk, used: int) -> None:
    sent: list[str] = []
    for wanted in (ANN, AGAIN):
        await service.register(desk, wanted, HOME, machine=NOW + timedelta(minutes=len(sent)))
        sent.append(await code_of(desk, "ann@example.com"))
    [account] = await accounts(desk)
    assert account["first_name"] == "Ann"
    assert await mails(desk) == [("VERIFY", "ann@example.com")] * 2
    then = NOW + timedelta(minutes=2)
    await service.verify_email(desk, sent[used], HOME, machine=then)
    passwords = [ANN.password, AGAIN.password]
    await service.login(desk, "ann@example.com", passwords[used], None, HOME, machine=then)
    with pytest.raises(BadCredentials):
        await service.login(desk, "ann@example.com", passwords[1 - used], None, HOME, machine=then)
    with pytest.raises(BadCredentials):
        await service.verify_email(desk, sent[1 - used], HOME, machine=then)
    await service.login(desk, "ann@example.com", passwords[used], None, HOME, machine=then)


async def test_nobody_signs_in_before_confirming_with_the_password_of_any_registration(desk: Desk) -> None:
    for wanted in (ANN, AGAIN):
        await service.register(desk, wanted, HOME, machine=NOW)
        with pytest.raises(BadCredentials):
            await service.login(desk, "ann@example.com", wanted.password, None, HOME, machine=NOW)


async def test_a_new_password_ends_the_codes_of_earlier_registrations(desk: Desk) -> None:
    await service.register(desk, ANN, HOME, machine=NOW)
    waiting = await code_of(desk, "ann@example.com")
    await service.request_password_reset(desk, "ann@example.com", HOME, machine=NOW)
    code = await code_of(desk, "ann@example.com", "RESET")
    await service.reset_password(desk, code, "a brand new password", HOME, machine=NOW)
    with pytest.raises(BadCredentials):
        await service.verify_email(desk, waiting, HOME, machine=NOW)
    await service.login(desk, "ann@example.com", "a brand new password", None, HOME, machine=NOW)


async def test_a_confirmed_address_gets_word_and_stays_as_it_is(desk: Desk) -> None:
    await person(desk, "ann@example.com", first_name="Ann")
    before = await accounts(desk)
    await service.register(desk, Registration("ann@example.com", "a thief's password", True, "Eve"), HOME, machine=NOW)
    assert await accounts(desk) == before
    assert await mails(desk) == [("ALREADY_REGISTERED", "ann@example.com")]
    assert await desk.database.pool.fetchval("select count(*) from email_code") == 0


async def test_registrations_of_one_address_at_once_are_one_account(desk: Desk) -> None:
    await asyncio.gather(*(service.register(desk, ANN, HOME, machine=NOW) for _ in range(6)))
    assert len(await accounts(desk)) == 1
    assert await desk.database.pool.fetchval("select count(*) from email_code") == 6


class CountedPasswords(Passwords):
    """Passwords that note what was asked of them."""

    def __init__(self) -> None:
        super().__init__(2, CHEAP)
        self.asked: list[str] = []

    async def _run(self, work: Any) -> Any:
        self.asked.append(work.func.__name__)
        return await super()._run(work)


async def test_an_address_costs_one_hash_whoever_has_it(desk: Desk) -> None:
    emails = ["known@example.com", "waiting@example.com", "nobody@example.com"]
    await person(desk, emails[0])
    await person(desk, emails[1], verified=False)
    passwords = CountedPasswords()
    counted = replace(desk, passwords=passwords)
    for email in emails:
        with pytest.raises(BadCredentials):
            await service.login(counted, email, "not the password", None, HOME, machine=NOW)
    assert passwords.asked == ["verify_and_update"] * 3
    for email in emails:
        await service.register(counted, Registration(email, "another password", True), HOME, machine=NOW)
    assert passwords.asked[3:] == ["hash"] * 3
    passwords.close()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ann"}, "input.email"),
        ({"password": "short"}, "input.password"),
        ({"password": "ann@example.com"}, "input.password"),
        ({"is_of_legal_age": False}, "input.isOfLegalAge"),
        ({"first_name": "x" * 101}, "input.firstName"),
        ({"locale": "klingon!"}, "input.locale"),
        ({"time_zone": "Mars"}, "input.timeZone"),
        ({"currency": "XYZ"}, "input.currencyCode"),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
async def test_a_refusal_names_the_field_and_changes_nothing(
    desk: Desk, change: dict[str, Any], field: str, is_known: bool
) -> None:
    if is_known:
        await person(desk, "ann@example.com")
    before = await accounts(desk)
    wanted = {"email": "ann@example.com", "password": PASSWORD, "is_of_legal_age": True, **change}
    with pytest.raises(Invalid) as error:
        await service.register(desk, Registration(**wanted), HOME, machine=NOW)
    assert error.value.field == field
    assert await accounts(desk) == before
    assert await mails(desk) == []


async def test_one_network_address_registers_only_so_many(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, address_attempts=3) as desk:
        for place in range(3):
            await service.register(desk, Registration(f"p{place}@example.com", PASSWORD, True), HOME, machine=NOW)
        with pytest.raises(BadCredentials, match="try again in") as error:
            await service.register(desk, Registration("p3@example.com", PASSWORD, True), HOME, machine=NOW)
        assert error.value.retry_after is not None
        assert 0 < error.value.retry_after <= 900
        await service.register(desk, Registration("p3@example.com", PASSWORD, True), Caller("192.0.2.8"), machine=NOW)
        assert len(await accounts(desk)) == 4


async def test_nobody_has_a_stranger_flooded_with_mails(database: Database, redis_url: str) -> None:
    async with open_desk(database, redis_url, sign_in_attempts=3) as desk:
        await person(desk, "known@example.com")
        for email in ("known@example.com", "nobody@example.com"):
            for _ in range(3):
                await service.register(desk, Registration(email, "another password", True), Caller(), machine=NOW)
            with pytest.raises(BadCredentials, match="tried too often"):
                await service.register(desk, Registration(email, "another password", True), Caller(), machine=NOW)
            with pytest.raises(BadCredentials, match="tried too often"):
                await service.request_password_reset(desk, email, Caller(), machine=NOW)
        assert len(await mails(desk)) == 6
