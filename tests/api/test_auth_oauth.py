"""`POST /oauth/token`, as RFC 6749 describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.infra.database import Database
from tests.api.front import Front, front_desk
from tests.factories import Factory
from tests.people import PASSWORD, person

ME = "{ viewer { email } }"
ANN = {"grant_type": "password", "username": "ann@example.com", "password": PASSWORD}


@pytest.fixture
async def front(factory: Factory, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(factory.database, database_url, redis_url, sign_in_attempts=3) as opened:
        await person(factory.database)
        yield opened


async def post(front: Front, form: dict[str, Any], **headers: str) -> httpx.Response:
    response = await front.client.http.post("/oauth/token", data=form, headers=headers)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert response.headers["content-type"] == "application/json"
    return response


def refused(response: httpx.Response, error: str) -> str:
    """The description of a refusal with this code."""
    body = response.json()
    assert (response.status_code, set(body), body["error"]) == (400, {"error", "error_description"}, error), body
    description: str = body["error_description"]
    return description


async def test_a_password_is_worth_tokens(front: Front) -> None:
    response = await post(front, {**ANN, "scope": "", "client_id": "a program"})
    body = response.json()
    assert response.status_code == 200
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert body["token_type"] == "Bearer"
    assert 1790 < body["expires_in"] <= 1800
    assert await front.ask(ME, token=body["access_token"]) == {"viewer": {"email": "ann@example.com"}}


async def test_a_refresh_token_is_worth_new_ones_and_a_reused_one_ends_all(front: Front) -> None:
    first = (await post(front, ANN)).json()
    second = (await post(front, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})).json()
    assert await front.ask(ME, token=second["access_token"]) == {"viewer": {"email": "ann@example.com"}}
    await post(front, {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]})
    response = await post(front, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
    assert "used before" in refused(response, "invalid_grant")
    assert (await front.post(ME, token=second["access_token"])).status_code == 401


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"scope": "all"}, "invalid_request", "grant_type"),
    ({"grant_type": ""}, "invalid_request", "grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type", "grant_type"),
    ({"grant_type": "password", "username": "ann@example.com"}, "invalid_request", "password"),
    ({"grant_type": "password", "password": PASSWORD}, "invalid_request", "username"),
    ({"grant_type": "refresh_token"}, "invalid_request", "refresh_token"),
    ({**ANN, "username": ["ann@example.com", "bob@example.com"]}, "invalid_request", "username"),
    ({**ANN, "password": "a wrong password"}, "invalid_grant", "password"),
    ({**ANN, "username": "nobody@example.com"}, "invalid_grant", "password"),
    ({**ANN, "username": 'no"body\\é'}, "invalid_grant", "username"),
    ({"grant_type": "refresh_token", "refresh_token": "swordfish"}, "invalid_grant", "refresh token"),
]
"""A form, the code of its refusal, and a word of the description."""


async def test_refusals_have_the_codes_of_the_rfc(front: Front) -> None:
    for form, error, word in WRONG:
        description = refused(await post(front, form), error)
        assert word in description, form
        assert all(" " <= each <= "~" and each not in '"\\' for each in description)


async def test_a_form_has_a_size(front: Front) -> None:
    response = await post(front, {**ANN, "padding": "x" * 20_000})
    assert response.status_code == 413
    assert response.json()["error"] == "invalid_request"
    assert "16,384 bytes" in response.json()["error_description"]


async def test_only_a_form_is_read(front: Front, database: Database) -> None:
    for options in ({"json": ANN}, {"params": ANN}, {"files": {name: (None, value) for name, value in ANN.items()}}):
        response = await front.client.http.post("/oauth/token", **options)
        assert "x-www-form-urlencoded" in refused(response, "invalid_request")
    assert (await front.client.http.get("/oauth/token", params=ANN)).status_code == 405
    assert await database.pool.fetchval("select count(*) from session") == 0


async def test_too_many_failures_say_how_long_to_wait(front: Front) -> None:
    for _ in range(3):
        assert "retry-after" not in (await post(front, {**ANN, "password": "a wrong password"})).headers
    response = await post(front, ANN)
    refused(response, "invalid_grant")
    assert 0 < int(response.headers["retry-after"]) <= 900
