"""Who asks, over HTTP: a token is believed only when everything about it is right, and never ignored."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from domain.accounts.sessions import SignedIn
from domain.infra.clock import machine_now
from domain.infra.database import Database
from tests.api.front import Front, front_desk
from tests.api.tokens import claims_of, token, wrong_tokens
from tests.factories import Factory
from tests.people import PASSWORD, person, signed_in, viewer_for

ME = "{ viewer { email } }"


@pytest.fixture
async def front(factory: Factory, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(factory.database, database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def ann(front: Front, database: Database) -> SignedIn:
    return await signed_in(front.desk, await person(database))


class Watched:
    """A pool that notes what is asked of it, or is away."""

    def __init__(self, pool: Any, *, is_away: bool = False) -> None:
        self.pool = pool
        self.is_away = is_away
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def noted(query: str, *arguments: Any) -> Any:
            self.statements.append(query)
            if self.is_away:
                raise asyncpg.ConnectionDoesNotExistError("the server went away")
            return await getattr(self.pool, name)(query, *arguments)

        return noted


def watch(front: Front, **options: Any) -> Watched:
    """Note every read that the API does from now on."""
    doors = front.client.app.state.doors
    watched = Watched(doors.reader, **options)
    front.client.app.state.doors = replace(doors, reader=watched)
    return watched


async def test_nobody_and_somebody(front: Front, ann: SignedIn) -> None:
    assert await front.ask(ME) == {"viewer": None}
    assert await front.ask(ME, token=ann.access_token) == {"viewer": {"email": "ann@example.com"}}
    assert await front.ask(ME, token=token(claims_of(ann))) == {"viewer": {"email": "ann@example.com"}}


async def test_who_asks_is_one_statement(front: Front, ann: SignedIn) -> None:
    watched = watch(front)
    for _ in range(3):
        response = await front.post("{ __typename }", token=ann.access_token)
        assert response.json() == {"data": {"__typename": "Query"}}
        assert response.headers["x-touchline-statements"] == "1"
    assert len(watched.statements) == 3
    assert (await front.post("{ __typename }")).headers["x-touchline-statements"] == "0"
    assert len(watched.statements) == 3


async def test_who_is_here_is_noted_once_a_minute(front: Front, ann: SignedIn, database: Database) -> None:
    seen = "select last_seen_at from care_activity where account_id = $1"
    assert await database.pool.fetchval(seen, ann.account_id) is None
    await front.post("{ __typename }", token=ann.access_token)
    first = await database.pool.fetchval(seen, ann.account_id)
    await database.pool.execute("update care_activity set last_seen_at = last_seen_at - interval '2 minutes'")
    await front.post("{ __typename }", token=ann.access_token)
    assert await database.pool.fetchval(seen, ann.account_id) == first - timedelta(minutes=2)
    viewer = await viewer_for(front.desk, ann.account_id)
    await front.client.app.state.doors.guests.note(viewer, machine_now() + timedelta(minutes=1))
    assert await database.pool.fetchval(seen, ann.account_id) > first


async def test_every_wrong_token_is_refused_and_runs_nothing(front: Front, ann: SignedIn) -> None:
    watched = watch(front)
    wrong = wrong_tokens(ann)
    assert len(wrong) == 23
    for name, each in wrong.items():
        watched.statements.clear()
        response = await front.post("mutation { logout(input: {}) { endedSessionIds } }", token=each)
        assert response.status_code == 401, name
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"', name
        body = response.json()
        assert "data" not in body
        assert [error["extensions"] for error in body["errors"]] == [{"code": "UNAUTHENTICATED"}], name
        asks_the_session = name in {"another person's session", "a session that is none"}
        assert len(watched.statements) == (1 if asks_the_session else 0), name
    assert await front.ask(ME, token=ann.access_token) == {"viewer": {"email": "ann@example.com"}}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YW5uOnN3b3JkZmlzaA==", "swordfish"])
async def test_a_header_without_a_token_is_refused(front: Front, header: str) -> None:
    response = await front.post(ME, authorization=header)
    assert response.status_code == 401
    assert "Authorization: Bearer" in response.json()["errors"][0]["message"]


async def test_the_scheme_is_read_in_any_case(front: Front, ann: SignedIn) -> None:
    response = await front.post(ME, authorization=f"bearer  {ann.access_token}")
    assert response.json() == {"data": {"viewer": {"email": "ann@example.com"}}}


async def test_an_ended_session_is_refused_at_once(front: Front, ann: SignedIn, database: Database) -> None:
    other = await signed_in(front.desk, ann.account_id)
    assert len((await front.do("logout", "endedSessionIds", token=ann.access_token))["endedSessionIds"]) == 1
    response = await front.post(ME, token=ann.access_token)
    assert response.status_code == 401
    assert "ended" in response.json()["errors"][0]["message"]
    assert (await front.post(ME, token=other.access_token)).status_code == 200
    await database.pool.execute("delete from refresh_token")
    await database.pool.execute("delete from session")
    assert (await front.post(ME, token=other.access_token)).status_code == 401


async def test_what_is_somebodys_own_asks_to_sign_in(front: Front) -> None:
    response = await front.post("mutation { logout(input: {}) { endedSessionIds } }")
    assert response.status_code == 200
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "Authorization: Bearer" in error["message"]


async def test_by_get_somebody_reads_and_changes_nothing(front: Front, ann: SignedIn) -> None:
    async def ask(document: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {ann.access_token}"}
        return await front.client.http.get("/graphql", params={"query": document}, headers=headers)

    assert (await ask(ME)).json() == {"data": {"viewer": {"email": "ann@example.com"}}}
    assert (await ask("mutation { logout(input: {}) { endedSessionIds } }")).status_code == 405
    assert (await front.post(ME, token=ann.access_token)).status_code == 200


async def test_a_database_that_is_away_is_said_without_its_words(
    front: Front, ann: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    watch(front, is_away=True)
    with caplog.at_level(logging.ERROR):
        response = await front.post(ME, token=ann.access_token)
    assert response.status_code == 503
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "went away" not in response.text
    assert error["extensions"]["id"] in caplog.text


async def test_the_address_is_the_connections_own(front: Front, database: Database) -> None:
    await person(database)
    await front.post(
        "mutation($input: LoginInput!) { login(input: $input) { __typename } }",
        {"input": {"email": "ann@example.com", "password": PASSWORD}},
        **{"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9", "user-agent": "Phone 7"},
    )
    rows = await database.pool.fetch("select ip_address, user_agent, device_name from session")
    assert [tuple(row) for row in rows] == [("127.0.0.1", "Phone 7", "Phone 7")]
