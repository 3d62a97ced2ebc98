"""Who asks on a WebSocket: signed in by `connection_init`, closed when the token or the session ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from domain.accounts.desk import Desk
from domain.accounts.people import NOWHERE
from domain.accounts.service import Registration, end_sessions, register
from domain.accounts.sessions import SignedIn
from domain.infra.clock import machine_now
from domain.infra.database import Database
from tests.api.front import newest_code
from tests.api.tokens import claims_of, token, wrong_tokens
from tests.odds_world import until
from tests.people import PASSWORD, open_desk, person, signed_in, viewer_for
from tests.serving import Api, Socket, greeting, serving, socket

ME = "{ viewer { email } }"
LIVE = "subscription($ids: [ID!]) { oddsChanged(leagueIds: $ids) { kind } }"
LEAGUE = {"ids": ["TGVhZ3VlOjE"]}


@pytest.fixture
async def desk(database: Database, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database, redis_url) as opened:
        yield opened


@pytest.fixture
async def ann(desk: Desk) -> SignedIn:
    return await signed_in(desk, await person(desk))


@pytest.fixture
async def api(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=0.2) as running:
        yield running


async def who(opened: Socket) -> Any:
    """The viewer as an operation on the socket sees it."""
    name = await opened.subscribe(ME, {})
    answer = await opened.receive()
    assert (answer["id"], answer["type"]) == (name, "next")
    assert await opened.receive() == {"id": name, "type": "complete"}
    return answer["payload"]["data"]["viewer"]


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
async def test_a_socket_is_signed_in_by_its_greeting(api: Api, ann: SignedIn, name: str) -> None:
    async with greeting(api.port, {name: f"Bearer {ann.access_token}"}) as opened:
        assert (await opened.receive())["type"] == "connection_ack"
        assert await who(opened) == {"email": "ann@example.com"}


async def test_a_program_may_send_the_header_instead(api: Api, ann: SignedIn) -> None:
    headers = {"authorization": f"Bearer {ann.access_token}"}
    async with greeting(api.port, additional_headers=headers) as opened:
        assert (await opened.receive())["type"] == "connection_ack"
        assert await who(opened) == {"email": "ann@example.com"}
    async with greeting(api.port, additional_headers={"authorization": "Bearer swordfish"}) as opened:
        assert await opened.closed() == (4403, "Forbidden")


async def test_a_socket_without_a_token_is_nobodys(api: Api, ann: SignedIn) -> None:
    async with socket(api.port) as opened:
        assert await who(opened) is None
        await opened.subscribe("mutation { logout(input: {}) { endedSessionIds } }", {})
        (error,) = (await opened.receive())["payload"]["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_every_wrong_token_closes_the_socket(api: Api, ann: SignedIn) -> None:
    for name, each in wrong_tokens(ann).items():
        async with greeting(api.port, {"authorization": f"Bearer {each}"}) as opened:
            assert await opened.closed() == (4403, "Forbidden"), name
    no_texts: tuple[object, ...] = (7, ["Bearer"], {}, False)
    for odd in no_texts:
        async with greeting(api.port, {"authorization": odd}) as opened:
            assert await opened.closed() == (4403, "Forbidden"), odd


async def test_a_greeting_cannot_be_sent_twice(api: Api, ann: SignedIn) -> None:
    async with socket(api.port, token=ann.access_token) as opened:
        await opened.greet()
        assert (await opened.closed())[0] == 4429


async def test_a_page_elsewhere_opens_no_socket(api: Api, ann: SignedIn) -> None:
    for origin in ("https://evil.example", "null", f"https://127.0.0.1:{api.port + 1}"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(api.port, token=ann.access_token, origin=origin):
                pass
        assert refused.value.response.status_code == 403
    async with socket(api.port, token=ann.access_token, origin=f"http://127.0.0.1:{api.port}") as opened:
        assert await who(opened) == {"email": "ann@example.com"}


async def test_a_token_that_ends_closes_its_socket_and_no_other(
    api: Api, desk: Desk, ann: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    later = await signed_in(desk, ann.account_id)
    soon = token({**claims_of(ann), "exp": int(machine_now().timestamp()) + 2})
    async with (
        socket(api.port, token=soon) as short,
        socket(api.port, token=later.access_token) as long,
        socket(api.port) as anonymous,
    ):
        for opened in (short, long, anonymous):
            await opened.subscribe(LIVE, LEAGUE)
        with caplog.at_level(logging.WARNING):
            assert await short.closed() == (4401, "token expired")
        for opened in (long, anonymous):
            await opened.event("oddsChanged")
        await until(lambda: len(api.state.doors.guests) == 1)
    await until(lambda: len(api.state.doors.guests) == 0)
    assert caplog.records == []


async def test_a_session_that_ends_closes_its_sockets_and_no_other(
    api: Api, desk: Desk, ann: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    other = await signed_in(desk, ann.account_id)
    viewer = await viewer_for(desk, ann.account_id)
    with caplog.at_level(logging.WARNING):
        async with (
            socket(api.port, token=ann.access_token) as first,
            socket(api.port, token=ann.access_token) as second,
            socket(api.port, token=other.access_token) as third,
        ):
            await first.subscribe(LIVE, LEAGUE)
            await third.subscribe(LIVE, LEAGUE)
            await api.state.doors.guests.look()
            assert await who(second) == {"email": "ann@example.com"}
            await end_sessions(desk, viewer, ann.session_id, False, NOWHERE, machine=machine_now())
            await api.state.doors.guests.look()
            assert await first.closed() == (4401, "session ended")
            assert await second.closed() == (4401, "session ended")
            await third.event("oddsChanged")
    assert caplog.records == []


async def test_all_sockets_are_looked_after_with_one_statement(api: Api, desk: Desk, ann: SignedIn) -> None:
    guests = api.state.doors.guests
    asked = []

    class Watched:
        async def fetchval(self, query: str, ids: list[int]) -> Any:
            asked.append(sorted(ids))
            return await desk.database.pool.fetchval(query, ids)

    guests._reader = Watched()
    await guests.look()
    assert asked == []
    bob = await signed_in(desk, await person(desk, email="bob@example.com"))
    async with (
        socket(api.port, token=ann.access_token),
        socket(api.port, token=ann.access_token),
        socket(api.port, token=bob.access_token),
        socket(api.port),
    ):
        await until(lambda: len(guests) == 3)
        await guests.look()
        assert asked == [[ann.session_id, bob.session_id]]


async def test_signing_in_on_a_socket_is_for_that_operation(api: Api, desk: Desk) -> None:
    """A socket is as signed in as its greeting; who signs in on it opens a new one with the token."""
    verify = "mutation($input: VerifyEmailInput!) { verifyEmail(input: $input) { user { email } } }"
    await register(desk, Registration("bob@example.com", PASSWORD, True), NOWHERE, machine=machine_now())
    async with socket(api.port) as opened:
        await opened.subscribe(verify, {"input": {"code": await newest_code(desk, "bob@example.com")}})
        assert await opened.event("verifyEmail") == {"user": {"email": "bob@example.com"}}
        assert (await opened.receive())["type"] == "complete"
        assert await who(opened) is None
