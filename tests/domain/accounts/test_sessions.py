"""Chains of refresh tokens: each is traded once, a second time ends the session, a lost answer does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import Record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.accounts import service
from domain.accounts.desk import Desk
from domain.accounts.people import Caller
from domain.accounts.sessions import SignedIn, viewer_of
from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.infra.errors import BadCredentials, NotFound
from tests.people import open_desk, person, signed_in, viewer_for

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOME = Caller("192.0.2.7", "Firefox")
TRAIN = Caller("198.51.100.4", "Firefox Mobile")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def refresh(desk: Desk, token: str, seconds: float = 0) -> SignedIn:
    return await service.refresh(desk, token, TRAIN, machine=later(seconds))


async def session_row(desk: Desk, signed: SignedIn) -> Record:
    row = await desk.database.pool.fetchrow("select * from session where id = $1", signed.session_id)
    assert row is not None
    return row


async def unused(desk: Desk) -> int:
    count: int = await desk.database.pool.fetchval(
        """select count(*) from refresh_token t join session s on s.id = t.session_id
           where t.used_at is null and s.ended_at is null"""
    )
    return count


async def test_a_token_is_traded_for_its_successor_and_the_session_lasts_longer(desk: Desk) -> None:
    first = await signed_in(desk, await person(desk), machine=NOW, caller=HOME)
    second = await refresh(desk, first.refresh_token, 3600)
    assert second.session_id == first.session_id
    assert second.refresh_token != first.refresh_token
    assert second.refresh_expires_at == later(3600) + timedelta(days=7)
    assert second.access_expires_at == later(3600) + timedelta(minutes=30)
    row = await session_row(desk, first)
    assert (row["created_at"], row["last_used_at"], row["expires_at"]) == (NOW, later(3600), second.refresh_expires_at)
    assert (row["ip_address"], row["user_agent"]) == ("198.51.100.4", "Firefox Mobile")
    third = await refresh(desk, second.refresh_token, 7200)
    assert third.session_id == first.session_id
    assert await unused(desk) == 1


async def test_no_token_is_stored(desk: Desk) -> None:
    tokens = await signed_in(desk, await person(desk), machine=NOW)
    [row] = await desk.database.pool.fetch("select to_jsonb(t)::text as text from refresh_token t")
    assert tokens.refresh_token not in row["text"]


async def test_within_the_grace_a_lost_answer_is_told_again(desk: Desk) -> None:
    first = await signed_in(desk, await person(desk), machine=NOW)
    second = await refresh(desk, first.refresh_token)
    again = await refresh(desk, first.refresh_token, 10)
    assert again.refresh_token == second.refresh_token
    assert again.refresh_expires_at == second.refresh_expires_at
    assert await unused(desk) == 1
    await refresh(desk, second.refresh_token, 20)


async def test_after_the_grace_a_second_use_ends_the_session_for_good(desk: Desk) -> None:
    first = await signed_in(desk, await person(desk), machine=NOW)
    second = await refresh(desk, first.refresh_token)
    with pytest.raises(BadCredentials, match="used before") as error:
        await refresh(desk, first.refresh_token, 10.001)
    assert error.value.field == "input.refreshToken"
    row = await session_row(desk, first)
    assert (row["ended_at"], row["end_reason"]) == (later(10.001), "REUSE")
    for token in (first.refresh_token, second.refresh_token):
        with pytest.raises(BadCredentials):
            await refresh(desk, token, 11)
    claims = desk.vault.read_access_token(await fresh_access(desk, second))
    assert await viewer_of(desk.database.pool, claims) is None
    entry = await desk.database.pool.fetchrow(
        "select action, details, ip_address from audit_entry order by id desc limit 1"
    )
    assert entry is not None
    assert entry["action"] == "session.end"
    assert entry["details"] == {"reason": "REUSE", "sessions": [first.session_id]}
    assert entry["ip_address"] == "198.51.100.4"


async def fresh_access(desk: Desk, signed: SignedIn) -> str:
    """An access token of a session that is valid by itself at this moment."""
    return desk.vault.access_token(signed.account_id, signed.session_id, machine_now())[0]


async def test_within_the_grace_a_used_successor_ends_the_session(desk: Desk) -> None:
    first = await signed_in(desk, await person(desk), machine=NOW)
    second = await refresh(desk, first.refresh_token, 1)
    third = await refresh(desk, second.refresh_token, 2)
    with pytest.raises(BadCredentials, match="used before"):
        await refresh(desk, first.refresh_token, 3)
    with pytest.raises(BadCredentials):
        await refresh(desk, third.refresh_token, 3)
    assert await unused(desk) == 0


async def test_another_device_stays_signed_in(desk: Desk) -> None:
    ann = await person(desk)
    stolen, other = await signed_in(desk, ann, machine=NOW), await signed_in(desk, ann, machine=NOW)
    await refresh(desk, stolen.refresh_token)
    with pytest.raises(BadCredentials):
        await refresh(desk, stolen.refresh_token, 60)
    await refresh(desk, other.refresh_token, 60)


@pytest.mark.parametrize("grace", [0, 10])
async def test_twenty_at_once_leave_at_most_one_living_token(database: Database, redis_url: str, grace: float) -> None:
    async with open_desk(database, redis_url, refresh_grace_seconds=grace) as desk:
        first = await signed_in(desk, await person(desk), machine=NOW)
        tries = [refresh(desk, first.refresh_token, place / 1000) for place in range(20)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        given_out = {result.refresh_token for result in results if isinstance(result, SignedIn)}
        assert all(isinstance(result, SignedIn | BadCredentials) for result in results)
        assert len(given_out) == 1
        assert await unused(desk) <= 1
        if grace:
            assert await unused(desk) == 1
            assert sum(isinstance(result, SignedIn) for result in results) == 20


@pytest.mark.parametrize(("seconds", "works"), [(7 * 86400 - 1, True), (7 * 86400, False)])
async def test_an_unused_token_works_for_seven_days(desk: Desk, seconds: float, works: bool) -> None:
    first = await signed_in(desk, await person(desk), machine=NOW)
    if works:
        await refresh(desk, first.refresh_token, seconds)
    else:
        with pytest.raises(BadCredentials, match="sign in again"):
            await refresh(desk, first.refresh_token, seconds)
        assert (await session_row(desk, first))["ended_at"] is None


async def test_what_is_no_refresh_token_is_refused_alike(desk: Desk) -> None:
    ann = await person(desk)
    first, unknown = await signed_in(desk, ann, machine=NOW), await signed_in(desk, ann, machine=NOW)
    await desk.database.pool.execute("delete from session where id = $1", unknown.session_id)
    told = set()
    for token in ("", "swordfish", "ñ", first.access_token, first.refresh_token[:-4] + "AAAA", unknown.refresh_token):
        with pytest.raises(BadCredentials) as error:
            await refresh(desk, token)
        told.add(error.value.message)
    assert told == {"The refresh token is wrong or its session has ended; sign in again."}
    await refresh(desk, first.refresh_token)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=8))
async def test_however_tokens_are_used_at_most_one_lives(desk: Desk, uses: list[tuple[int, int]]) -> None:
    """Uses are (which of the tokens given out so far, seconds since the use before)."""
    await desk.database.pool.execute("truncate account cascade")
    tokens, second = [(await signed_in(desk, await person(desk), machine=NOW)).refresh_token], 0
    for place, pause in uses:
        second += pause
        try:
            tokens.append((await refresh(desk, tokens[place % len(tokens)], second)).refresh_token)
        except BadCredentials:
            assert await unused(desk) == 0
            return
        assert await unused(desk) == 1


async def test_sessions_are_ended_by_their_owner_alone(desk: Desk) -> None:
    ann, bob = await person(desk), await person(desk, "bob@example.com")
    viewer = await viewer_for(desk, ann, machine=machine_now())
    phone, tablet = await signed_in(desk, ann), await signed_in(desk, ann)
    foreign = await signed_in(desk, bob)
    assert await service.end_sessions(desk, viewer, phone.session_id, False, HOME, machine=NOW) == [phone.session_id]
    assert await service.end_sessions(desk, viewer, phone.session_id, False, HOME, machine=NOW) == []
    with pytest.raises(NotFound) as error:
        await service.end_sessions(desk, viewer, foreign.session_id, False, HOME, machine=NOW)
    assert error.value.field == "input.sessionId"
    assert await service.end_sessions(desk, viewer, None, False, HOME, machine=NOW) == [viewer.session_id]
    assert await service.end_sessions(desk, viewer, None, True, HOME, machine=NOW) == [tablet.session_id]
    row = await session_row(desk, tablet)
    assert (row["ended_at"], row["end_reason"]) == (NOW, "LOGOUT")
    assert (await session_row(desk, foreign))["ended_at"] is None


async def test_nobody_is_signed_in_with_somebody_elses_session(desk: Desk) -> None:
    ann, bob = await person(desk), await person(desk, "bob@example.com")
    session = await signed_in(desk, bob)
    mixed = desk.vault.access_token(ann, session.session_id, machine_now())[0]
    assert await viewer_of(desk.database.pool, desk.vault.read_access_token(mixed)) is None
