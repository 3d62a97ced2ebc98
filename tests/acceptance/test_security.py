"""Attacks on accounts from outside, on two processes of the real API. Each prints what it gave: `pytest -s`."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pwdlib import PasswordHash
from websockets.exceptions import InvalidStatus

from api.nodes import global_id
from domain.accounts.desk import Desk
from domain.infra.clock import machine_now
from domain.infra.database import Database
from tests.acceptance.deployment import Deployment, deployed, mutation
from tests.api.front import TOKENS, newest_code
from tests.api.tokens import wrong_tokens
from tests.bettors import Wager, make_bankroll, make_bets
from tests.people import PASSWORD, open_desk, person, signed_in
from tests.serving import greeting, socket

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

ME = "{ viewer { email } }"
LIVE = "subscription($ids: [ID!]) { oddsChanged(leagueIds: $ids) { kind } }"
LEAGUE = {"ids": [global_id("League", 1)]}
SEVERAL_ROUNDS = 15
ENDED_WITHIN = 12.0
"""Seconds in which the sockets of an ended session must be closed: two looks, and a busy machine."""


def gave(name: str, what: object) -> None:
    """A line of the table."""
    print(f"{name}: {what}")


@pytest.fixture
async def desk(database: Database, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database, redis_url) as opened:
        yield opened


@pytest.fixture
async def api(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    async with deployed(database_url, redis_url, tmp_path) as running:
        yield running


async def test_wrong_tokens(api: Deployment, desk: Desk) -> None:
    ann = await signed_in(desk, await person(desk))
    for name, token in wrong_tokens(ann).items():
        answers = [await api.post(ME, token=token, at=at) for at in (0, 1)]
        for answer in answers:
            assert answer.status_code == 401, name
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        async with greeting(api.ports[0], {"authorization": f"Bearer {token}"}) as opened:
            code, _ = await opened.closed()
        assert code == 4403, name
        gave(name, f"HTTP {[answer.status_code for answer in answers]}, socket {code}")
    right = [(await api.post(ME, token=ann.access_token, at=at)).status_code for at in (0, 1)]
    assert right == [200, 200]
    gave("the right token", f"HTTP {right}")


async def test_a_session_ended_at_one_process_is_ended_at_the_other(api: Deployment, desk: Desk) -> None:
    ann = await signed_in(desk, await person(desk))
    async with socket(api.ports[1], token=ann.access_token) as opened, socket(api.ports[1]) as anonymous:
        await opened.subscribe(LIVE, LEAGUE)
        document = "mutation { logout(input: {}) { endedSessionIds } }"
        answer = await api.post(document, token=ann.access_token, at=0)
        assert answer.json()["data"]["logout"]["endedSessionIds"] == [global_id("Session", ann.session_id)]
        began = time.monotonic()
        status = (await api.post(ME, token=ann.access_token, at=1)).status_code
        assert status == 401
        code, reason = await opened.closed()
        took = time.monotonic() - began
        assert (code, reason) == (4401, "session ended")
        assert took < ENDED_WITHIN
        await anonymous.subscribe("{ __typename }", {})
        assert (await anonymous.receive())["type"] == "next"
    gave("revoked session", f"HTTP {status} at once, socket {code} ({reason}) after {took:.1f} s")


async def test_a_token_that_ends_closes_its_socket(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    await person(database)
    async with deployed(database_url, redis_url, tmp_path, count=1, access_minutes="0.1") as api:
        tokens = (await api.do("login", TOKENS, email="ann@example.com", password=PASSWORD))["tokens"]
        async with socket(api.ports[0], token=tokens["accessToken"]) as opened:
            await opened.subscribe(LIVE, LEAGUE)
            code, reason = await opened.closed()
        assert (code, reason) == (4401, "token expired")
        status = (await api.post(ME, token=tokens["accessToken"])).status_code
        assert status == 401
        fresh = (await api.do("refreshTokens", TOKENS, refreshToken=tokens["refreshToken"]))["tokens"]
        async with socket(api.ports[0], token=fresh["accessToken"]) as opened:
            await opened.subscribe(ME, {})
            assert (await opened.event("viewer"))["email"] == "ann@example.com"
    gave("token expired", f"HTTP {status}, socket {code} ({reason}); a fresh one opens another")


async def test_a_stolen_refresh_token_ends_the_family(api: Deployment, desk: Desk) -> None:
    ann = await signed_in(desk, await person(desk))
    second = (await api.do("refreshTokens", TOKENS, refreshToken=ann.refresh_token))["tokens"]
    third = (await api.do("refreshTokens", TOKENS, refreshToken=second["refreshToken"]))["tokens"]
    payload = await api.do("refreshTokens", TOKENS, refreshToken=ann.refresh_token)
    assert (payload["tokens"], payload["errors"][0]["code"]) == (None, "BAD_CREDENTIALS")
    kept = await api.do("refreshTokens", TOKENS, refreshToken=third["refreshToken"])
    assert (kept["tokens"], kept["errors"][0]["code"]) == (None, "BAD_CREDENTIALS")
    status = (await api.post(ME, token=third["accessToken"])).status_code
    assert status == 401
    gave("reused refresh token", f"{payload['errors'][0]['code']}, newest refresh token refused, HTTP {status}")


async def test_twenty_refreshes_at_once(api: Deployment, desk: Desk, database: Database) -> None:
    ann = await signed_in(desk, await person(desk))
    trades = [api.do("refreshTokens", TOKENS, refreshToken=ann.refresh_token) for _ in range(20)]
    payloads = await asyncio.gather(*trades)
    given = {each["tokens"]["refreshToken"] for each in payloads if each["tokens"]}
    live = await database.pool.fetchval("select count(*) from refresh_token where used_at is null")
    assert (len(given), live) == (1, 1)
    again = await api.do("refreshTokens", TOKENS, refreshToken=given.pop())
    assert again["errors"] == []
    gave("20 parallel refreshes", f"{sum(each['tokens'] is not None for each in payloads)} answered, {live} live token")


ENUMERATION: dict[str, dict[str, Any]] = {
    "login": {"password": "a wrong password"},
    "register": {"password": "another long password", "isOfLegalAge": True},
    "requestPasswordReset": {},
}
"""Mutations that could tell who has an account."""


async def test_answers_tell_nobody_who_has_an_account(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    hasher = PasswordHash.recommended()
    await person(database, password_hash=hasher.hash(PASSWORD))
    many = {"sign_in_attempts": "10000", "address_attempts": "10000", "address_points": "0"}
    async with deployed(database_url, redis_url, tmp_path, count=1, **many) as api:
        for name, given in ENUMERATION.items():
            document = mutation(name, "tokens { accessToken }" if name == "login" else "isAccepted")
            took: dict[str, list[float]] = {"known": [], "unknown": []}
            bodies = set()
            for number in range(SEVERAL_ROUNDS):
                for kind, email in (("known", "ann@example.com"), ("unknown", f"nobody{number}@example.com")):
                    began = time.perf_counter()
                    answer = await api.post(document, input={**given, "email": email})
                    took[kind].append(time.perf_counter() - began)
                    bodies.add((answer.status_code, answer.content))
            assert len(bodies) == 1, bodies
            known, unknown = (statistics.median(took[kind]) for kind in ("known", "unknown"))
            gave(f"enumeration by {name}", f"one answer; known {known * 1000:.0f} ms, unknown {unknown * 1000:.0f} ms")
            assert 0.5 < known / unknown < 2


async def test_nodes_of_another_person(api: Deployment, desk: Desk, database: Database) -> None:
    ann = await person(database)
    owner = await signed_in(desk, ann)
    thief = await signed_in(desk, await person(database, email="bob@example.com"))
    bankroll = await make_bankroll(database.pool, ann)
    (bet,) = await make_bets(database.pool, bankroll, [Wager()])
    keys = {
        "User": ann,
        "Session": owner.session_id,
        "Bankroll": bankroll,
        "Bet": bet,
        "BankrollTransaction": await database.pool.fetchval("select min(id) from bankroll_entry"),
        "AuditLogEntry": await database.pool.fetchval("select id from audit_entry where account_id = $1", ann),
        "Job": await database.pool.fetchval(_TASK, ann, machine_now()),
        "GamblingLimit": await database.pool.fetchval(_LIMIT, ann, machine_now()),
    }
    for kind, key in keys.items():
        document = "query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { __typename } }"
        found = {}
        for name, token in (("owner", owner.access_token), ("another", thief.access_token), ("nobody", None)):
            answer = (await api.post(document, token=token, id=global_id(kind, key))).json()
            assert "errors" not in answer, answer
            found[name] = answer["data"]["node"] and answer["data"]["node"]["__typename"]
            assert answer["data"]["nodes"] == [found[name] and {"__typename": found[name]}]
        assert found == {"owner": kind, "another": None, "nobody": None}
        gave(f"node of a {kind}", found)


_TASK = """insert into task (account_id, kind, status, arguments, completed_count, failures, failure_count, created_at,
               revision)
           values ($1, 'EXPORT', 'QUEUED', '{"what": "BETS", "format": "CSV"}', 0, '[]', 0, $2, 0) returning id"""
_LIMIT = """insert into care_limit (account_id, kind, period, currency, value, set_at, pending_is_removal)
            values ($1, 'STAKE', 'DAY', 'EUR', 1000, $2, false) returning id"""


async def test_requests_that_a_page_elsewhere_could_make(api: Deployment, desk: Desk) -> None:
    ann = await signed_in(desk, await person(desk))
    port, headers = api.ports[0], {"authorization": f"Bearer {ann.access_token}"}
    document = "mutation { logout(input: {}) { endedSessionIds } }"
    url = f"http://127.0.0.1:{port}/graphql"
    answer = await api.http.get(url, params={"query": document}, headers=headers)
    assert answer.status_code == 405
    gave("mutation by GET", f"HTTP {answer.status_code}")
    answer = await api.http.get(url, params={"query": ME}, headers={"accept": "*/*"})
    assert answer.status_code == 400
    gave("query by a plain GET", f"HTTP {answer.status_code}")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await api.http.post(
            url, content=f'{{"query": "{document}"}}', headers={**headers, "content-type": kind}
        )
        assert answer.status_code == 415
        gave(f"mutation as {kind}", f"HTTP {answer.status_code}")
    with pytest.raises(InvalidStatus) as refused:
        async with socket(port, token=ann.access_token, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    gave("cross-site socket", f"HTTP {refused.value.response.status_code}")
    assert (await api.post(ME, token=ann.access_token)).status_code == 200


async def test_a_flood_of_guesses(api: Deployment, database: Database) -> None:
    await person(database)
    await person(database, email="bob@example.com")
    guesses = [
        api.do("login", TOKENS, email="ann@example.com", password=f"guess number {number}") for number in range(40)
    ]
    errors = [payload["errors"][0] for payload in await asyncio.gather(*guesses)]
    waits = [error["retryAfterSeconds"] for error in errors]
    assert waits.count(None) == 10, waits
    payload = await api.do("login", TOKENS, email="ann@example.com", password=PASSWORD)
    assert payload["tokens"] is None
    wait = payload["errors"][0]["retryAfterSeconds"]
    assert 0 < wait <= 900
    other = await api.do("login", TOKENS, email="bob@example.com", password=PASSWORD)
    assert other["errors"] == []
    gave(
        "flood of guesses",
        f"{waits.count(None)} of {len(waits)} looked at; the right password waits {wait} s; bob signs in",
    )


async def test_a_flood_from_one_address_that_claims_to_be_many(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with deployed(database_url, redis_url, tmp_path, address_attempts="5") as api:
        document = mutation("login", "tokens { accessToken }")
        waits = []
        for number in range(12):
            claimed = {"x-forwarded-for": f"203.0.113.{number}", "x-real-ip": f"203.0.113.{number}"}
            given = {"email": f"somebody{number}@example.com", "password": "a wrong password"}
            answer = await api.http.post(
                f"http://127.0.0.1:{api.ports[number % 2]}/graphql",
                json={"query": document, "variables": {"input": given}},
                headers=claimed,
            )
            waits.append(answer.json()["data"]["login"]["errors"][0]["retryAfterSeconds"])
    assert waits[:5] == [None] * 5
    assert all(waits[5:])
    gave("one address that claims many", f"{waits.count(None)} of {len(waits)} looked at")


async def test_no_secret_is_in_the_logs(
    database: Database, desk: Desk, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with deployed(database_url, redis_url, tmp_path, log_level="debug") as api:
        given = {"email": "ann@example.com", "password": PASSWORD}
        await api.do("register", "isAccepted", **given, isOfLegalAge=True)
        code = await newest_code(desk, "ann@example.com")
        verified = (await api.do("verifyEmail", TOKENS, code=code))["tokens"]
        tokens = (await api.do("login", TOKENS, **given))["tokens"]
        await api.do("refreshTokens", TOKENS, refreshToken=tokens["refreshToken"])
        await api.post(ME, token=tokens["accessToken"] + "x")
        form = {"grant_type": "password", "username": given["email"], "password": PASSWORD}
        oauth = (await api.http.post(f"http://127.0.0.1:{api.ports[0]}/oauth/token", data=form)).json()
        await database.pool.execute("drop table audit_entry cascade")
        for at in (0, 1):
            answer = await api.post(mutation("login", TOKENS), at=at, input=given)
            assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    logged = "".join(log.read_text() for log in api.logs)
    assert logged.count("audit_entry") >= 2
    secrets = [PASSWORD, code, os.environ["TOUCHLINE_SECRET_KEY"], oauth["access_token"], oauth["refresh_token"]]
    secrets += [each[name] for each in (verified, tokens) for name in ("accessToken", "refreshToken")]
    found = [secret for secret in secrets if secret in logged]
    assert found == []
    gave("secrets in the logs", f"{len(found)} of {len(secrets)} in {len(logged)} characters")
