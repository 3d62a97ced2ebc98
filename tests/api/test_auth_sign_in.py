"""Signing up, in and out through the graph: tokens, their chain, limits, and that nobody learns who has an account."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.database import Database
from tests.api.front import TOKENS, Front, front_desk
from tests.factories import Factory
from tests.people import PASSWORD, person

ME = "{ viewer { email isEmailVerified } }"
NEW: dict[str, Any] = {"email": "Ann@Example.com", "password": PASSWORD, "isOfLegalAge": True}
ANN = {"email": "ann@example.com", "password": PASSWORD}


@pytest.fixture
async def front(factory: Factory, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(factory.database, database_url, redis_url) as opened:
        yield opened


async def tokens_of(front: Front) -> dict[str, str]:
    """Tokens of a new session of Ann."""
    payload = await front.do("login", TOKENS, **ANN)
    assert payload["errors"] == []
    found: dict[str, str] = payload["tokens"]
    return found


async def test_from_registration_to_a_session(front: Front, database: Database) -> None:
    profile: dict[str, Any] = {
        "firstName": "Ann",
        "locale": "es-mx",
        "timeZone": "America/Santiago",
        "currencyCode": "clp",
    }
    assert await front.do("register", "isAccepted", **NEW, **profile) == {"isAccepted": True, "errors": []}
    (refused,) = (await front.do("login", TOKENS, **ANN))["errors"]
    assert (refused["__typename"], refused["code"], refused["path"]) == ("CredentialsError", "BAD_CREDENTIALS", [])
    shown = f"""{TOKENS} user {{ email isEmailVerified firstName role tier
        settings {{ locale timeZone currencyCode oddsFormat minEdge }} sessions {{ nodes {{ isCurrent }} }} }}"""
    payload = await front.do("verifyEmail", shown, code=await front.code("ann@example.com"))
    assert payload["errors"] == []
    assert payload["user"] == {
        "email": "ann@example.com",
        "isEmailVerified": True,
        "firstName": "Ann",
        "role": "USER",
        "tier": "FREE",
        "settings": {
            "locale": "es-MX",
            "timeZone": "America/Santiago",
            "currencyCode": "CLP",
            "oddsFormat": "DECIMAL",
            "minEdge": 0.1,
        },
        "sessions": {"nodes": [{"isCurrent": True}]},
    }
    me = await front.ask(ME, token=payload["tokens"]["accessToken"])
    assert me == {"viewer": {"email": "ann@example.com", "isEmailVerified": True}}
    assert (await front.do("login", TOKENS, **ANN))["errors"] == []


WRONG: list[dict[str, Any]] = [
    {"email": "nobody"},
    {"password": "short"},
    {"isOfLegalAge": False},
    {"timeZone": "Mars/Olympus"},
    {"currencyCode": "DOGE"},
    {"firstName": "An\u0000n"},
]
"""Registrations that are wrong in one field."""


async def test_a_registration_names_what_is_wrong(front: Front, database: Database) -> None:
    for wrong in WRONG:
        payload = await front.do("register", "isAccepted", **{**NEW, **wrong})
        assert payload["isAccepted"] is None
        problems = [(each["__typename"], each["path"]) for each in payload["errors"]]
        assert problems == [("ValidationError", ["input", *wrong])]
    assert await database.pool.fetchval("select count(*) from account") == 0


async def test_answers_do_not_tell_who_has_an_account(front: Front, database: Database) -> None:
    await person(database)
    await person(database, email="late@example.com", verified=False)
    for field, given in (
        ("register", {**NEW, "password": "another long password"}),
        ("requestPasswordReset", {}),
        ("login", {"password": "another long password"}),
    ):
        kind = field[0].upper() + field[1:]
        shown = "tokens { accessToken }" if field == "login" else "isAccepted"
        document = f"""mutation($input: {kind}Input!) {{ {field}(input: $input) {{ {shown} errors {{
            ... on UserError {{ code path message }} ... on CredentialsError {{ retryAfterSeconds }} }} }} }}"""
        bodies = set()
        for email in ("ann@example.com", "late@example.com", "nobody@example.com"):
            response = await front.post(document, {"input": {**given, "email": email}})
            headers = {name: value for name, value in response.headers.items() if name not in {"date", "x-request-id"}}
            bodies.add((response.status_code, response.content, tuple(sorted(headers.items()))))
        assert len(bodies) == 1, field
    assert await database.pool.fetchval("select count(*) from session") == 0
    assert (await front.do("login", TOKENS, **ANN))["errors"] == []  # and nobody's password was changed


async def test_too_many_failures_lock_the_right_password_out_too(front: Front, database: Database) -> None:
    await person(database)
    for _ in range(front.desk.settings.sign_in_attempts):
        (error,) = (await front.do("login", TOKENS, **{**ANN, "password": "a wrong password"}))["errors"]
        assert (error["code"], error["retryAfterSeconds"]) == ("BAD_CREDENTIALS", None)
    payload = await front.do("login", TOKENS, **ANN)
    assert payload["tokens"] is None
    (error,) = payload["errors"]
    assert (error["__typename"], error["code"]) == ("CredentialsError", "BAD_CREDENTIALS")
    assert 0 < error["retryAfterSeconds"] <= 900
    await person(database, email="bob@example.com")
    assert (await front.do("login", TOKENS, email="bob@example.com", password=PASSWORD))["errors"] == []
    assert await database.pool.fetchval("select count(*) from session") == 1


async def test_refresh_tokens_are_traded_once(front: Front, database: Database) -> None:
    await person(database)
    first = await tokens_of(front)
    second = (await front.do("refreshTokens", TOKENS, refreshToken=first["refreshToken"]))["tokens"]
    assert second["refreshToken"] != first["refreshToken"]
    again = (await front.do("refreshTokens", TOKENS, refreshToken=first["refreshToken"]))["tokens"]
    assert again["refreshToken"] == second["refreshToken"]  # the answer was lost
    third = (await front.do("refreshTokens", TOKENS, refreshToken=second["refreshToken"]))["tokens"]
    assert (await front.post(ME, token=third["accessToken"])).status_code == 200
    payload = await front.do("refreshTokens", TOKENS, refreshToken=first["refreshToken"])  # it was stolen
    assert payload["tokens"] is None
    assert [each["code"] for each in payload["errors"]] == ["BAD_CREDENTIALS"]
    for each in (first, second, third):
        assert (await front.post(ME, token=each["accessToken"])).status_code == 401
        payload = await front.do("refreshTokens", TOKENS, refreshToken=each["refreshToken"])
        assert (payload["tokens"], len(payload["errors"])) == (None, 1)
    assert await database.pool.fetchval("select end_reason from session") == "REUSE"


async def test_parallel_refreshes_leave_one_chain(front: Front, database: Database) -> None:
    await person(database)
    first = await tokens_of(front)
    trades = [front.do("refreshTokens", TOKENS, refreshToken=first["refreshToken"]) for _ in range(20)]
    payloads = await asyncio.gather(*trades)
    assert {each["tokens"]["refreshToken"] for each in payloads} != {first["refreshToken"]}
    assert len({each["tokens"]["refreshToken"] for each in payloads}) == 1
    assert await database.pool.fetchval("select count(*) from refresh_token where used_at is null") == 1
    assert await database.pool.fetchval("select count(*) from session where ended_at is null") == 1


async def test_signing_out_of_one_device_and_of_all(front: Front, database: Database) -> None:
    await person(database)
    await person(database, email="bob@example.com")
    one, two, three = [await tokens_of(front) for _ in range(3)]
    bobs = (await front.do("login", TOKENS, email="bob@example.com", password=PASSWORD))["tokens"]
    listed = await front.ask("{ viewer { sessions { nodes { id isCurrent } } } }", token=one["accessToken"])
    names = {each["isCurrent"]: each["id"] for each in listed["viewer"]["sessions"]["nodes"]}
    for stranger in (global_id("Session", 999), global_id("Match", 1), "nonsense", *names.values()):
        payload = await front.do("logout", "endedSessionIds", token=bobs["accessToken"], sessionId=stranger)
        assert (payload["endedSessionIds"], payload["errors"][0]["path"]) == (None, ["input", "sessionId"])
        assert payload["errors"][0]["__typename"] == "NotFoundError"
    payload = await front.do("logout", "endedSessionIds", token=one["accessToken"], sessionId=names[False])
    assert payload == {"endedSessionIds": [names[False]], "errors": []}
    payload = await front.do("logout", "endedSessionIds", token=one["accessToken"], isEverywhere=True)
    assert len(payload["endedSessionIds"]) == 2
    for each in (one, two, three):
        assert (await front.post(ME, token=each["accessToken"])).status_code == 401
    assert (await front.post(ME, token=bobs["accessToken"])).status_code == 200


async def test_a_new_password_ends_all_sessions(front: Front, database: Database) -> None:
    await person(database)
    before = await tokens_of(front)
    assert (await front.do("requestPasswordReset", "isAccepted", email="ann@example.com"))["isAccepted"] is True
    code = await front.code("ann@example.com", "RESET")
    (error,) = (await front.do("resetPassword", TOKENS, code=code, password="short"))["errors"]
    assert (error["__typename"], error["path"]) == ("ValidationError", ["input", "password"])
    payload = await front.do("resetPassword", TOKENS, code=code, password="a quite different phrase")
    assert payload["errors"] == []
    assert (await front.post(ME, token=payload["tokens"]["accessToken"])).status_code == 200
    assert (await front.post(ME, token=before["accessToken"])).status_code == 401
    (error,) = (await front.do("resetPassword", TOKENS, code=code, password="one more long phrase"))["errors"]
    assert (error["code"], error["path"]) == ("BAD_CREDENTIALS", ["input", "code"])
    assert len((await front.do("login", TOKENS, **ANN))["errors"]) == 1
    payload = await front.do("login", TOKENS, email="ann@example.com", password="a quite different phrase")
    assert payload["errors"] == []


async def test_who_signs_in_is_the_viewer_of_the_rest_of_the_operation(front: Front, database: Database) -> None:
    await person(database)
    await person(database, email="bob@example.com")
    document = """mutation($ann: LoginInput!, $bob: LoginInput!) {
        ann: login(input: $ann) { user { email } }
        name: updateProfile(input: {firstName: "Ann"}) { user { firstName } }
        again: updateProfile(input: {firstName: "Anne"}) { user { firstName } }
        bob: login(input: $bob) { user { email sessions { totalCount } } }
        out: logout(input: {}) { endedSessionIds } }"""
    data = await front.ask(document, {"ann": ANN, "bob": {**ANN, "email": "bob@example.com"}})
    assert data["ann"] == {"user": {"email": "ann@example.com"}}
    assert (data["name"]["user"]["firstName"], data["again"]["user"]["firstName"]) == ("Ann", "Anne")
    assert data["bob"] == {"user": {"email": "bob@example.com", "sessions": {"totalCount": 1}}}
    rows = await database.pool.fetch(
        "select email, first_name, ended_at is null as is_live from session join account a on a.id = account_id"
    )
    assert sorted(map(tuple, rows)) == [("ann@example.com", "Anne", True), ("bob@example.com", None, False)]


async def test_no_secret_is_logged(front: Front, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    await person(database)
    await front.do("register", "isAccepted", email="bob@example.com", password="bobs secret phrase", isOfLegalAge=True)
    code = await front.code("bob@example.com")
    with caplog.at_level(logging.DEBUG):
        tokens = await tokens_of(front)
        await front.do("login", TOKENS, **{**ANN, "password": "a wrong password"})
        verified = (await front.do("verifyEmail", TOKENS, code=code))["tokens"]
        await front.do("refreshTokens", TOKENS, refreshToken=tokens["refreshToken"])
        await front.do("refreshTokens", TOKENS, refreshToken="swordfish")
        await front.post(ME, token=tokens["accessToken"] + "x")
        await database.pool.execute("drop table audit_entry cascade")
        response = await front.post(
            "mutation($input: LoginInput!) { login(input: $input) { __typename } }", {"input": ANN}
        )
        assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    logged = caplog.text
    assert "audit_entry" in logged
    secrets = [PASSWORD, "a wrong password", "swordfish", code]
    secrets += [each[name] for each in (tokens, verified) for name in ("accessToken", "refreshToken")]
    assert [secret for secret in secrets if secret in logged] == []
