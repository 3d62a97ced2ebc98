"""Whose address counts when proxies stand between, and whose word is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.edge.proxies import Proxied
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import serving
from tests.people import PASSWORD, forget_tries, person

PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48", "192.0.2.7")


async def seen(peer: str | None, *forwarded: str, kind: str = "http", **headers: str) -> Scope:
    """What the application sees of a request from a peer."""
    found: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def unused(*_: Any) -> Any:
        raise AssertionError

    raw = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": peer and (peer, 5000),
        "headers": raw,
    }
    await Proxied(application, PROXIES)(scope, unused, unused)
    return found[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # a peer that is not trusted is the sender
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.66, 198.51.100.1"], "198.51.100.1"),  # what a client claims stands left
        ("10.0.0.1", ["198.51.100.66", "198.51.100.1, 10.2.0.1"], "198.51.100.1"),  # two headers are one list
        ("192.0.2.7", ["198.51.100.1,10.0.0.9 ,2001:db8:ffff::3"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("2001:db8:ffff::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # one of our own machines asked
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),  # nothing left of garbage
        ("10.0.0.1", ["' or 1=1 --"], "10.0.0.1"),
        ("10.0.0.1", ["\xff\xfe"], "10.0.0.1"),
        ("10.0.0.1", [",,"], "10.0.0.1"),
        ("10.0.0.1", ["[::1"], "::1"),
        ("10.0.0.1", ["999.1.1.1"], "10.0.0.1"),
        ("testclient", ["198.51.100.1"], "testclient"),
    ],
)
async def test_the_sender_is_the_right_most_address_that_is_not_ours(
    peer: str, forwarded: list[str], sender: str
) -> None:
    for kind in ("http", "websocket"):
        assert (await seen(peer, *forwarded, kind=kind))["client"][0] == sender


async def test_who_has_no_address_has_none() -> None:
    assert (await seen(None, "198.51.100.1"))["client"] is None


@pytest.mark.parametrize(
    ("peer", "said", "kind", "scheme"),
    [
        ("10.0.0.1", "https", "http", "https"),
        ("10.0.0.1", "https", "websocket", "wss"),
        ("10.0.0.1", "wss", "websocket", "wss"),
        ("10.0.0.1", "http, https", "http", "https"),
        ("10.0.0.1", "gopher", "http", "http"),
        ("203.0.113.5", "https", "http", "http"),
    ],
)
async def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, said: str, kind: str, scheme: str) -> None:
    assert (await seen(peer, kind=kind, x_forwarded_proto=said))["scheme"] == scheme


@pytest.fixture
async def behind(database_url: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """An API whose peer is a trusted proxy: the address of the test's client."""
    given = Settings(
        database_url=database_url,
        redis_url=redis_url,
        trusted_proxies=("127.0.0.1",),
        address_points=2,
        address_attempts=1,
    )
    forget_tries(redis_url)
    async with serving(given) as client:
        yield client.http


async def test_points_are_counted_for_the_sender(behind: httpx.AsyncClient) -> None:
    async def ask(address: str) -> int:
        headers = {"x-forwarded-for": address}
        return (await behind.post("/graphql", json={"query": "{ __typename }"}, headers=headers)).status_code

    assert [await ask("198.51.100.1") for _ in range(3)] == [200, 200, 429]
    assert [await ask("198.51.100.2") for _ in range(3)] == [200, 200, 429]
    assert [await ask("2001:db8::1"), await ask("2001:db8::2"), await ask("2001:db8::3")] == [200, 200, 429]


async def test_tries_to_sign_in_are_counted_for_the_sender(behind: httpx.AsyncClient, database: Database) -> None:
    await person(database)

    async def sign_in(address: str) -> httpx.Response:
        form = {"grant_type": "password", "username": "ann@example.com", "password": PASSWORD}
        return await behind.post("/oauth/token", data=form, headers={"x-forwarded-for": address})

    assert (await sign_in("198.51.100.3")).status_code == 200
    assert "too often" in (await sign_in("198.51.100.3")).json()["error_description"]
    assert (await sign_in("198.51.100.4")).status_code == 200
    addresses = await database.pool.fetch("select ip_address as address from session order by id")
    assert [row["address"] for row in addresses] == ["198.51.100.3", "198.51.100.4"]


async def test_encryption_for_good_is_asked_for_only_where_there_is_some(behind: httpx.AsyncClient) -> None:
    plain = await behind.get("/healthz")
    secure = await behind.get("/healthz", headers={"x-forwarded-proto": "https"})
    assert "strict-transport-security" not in plain.headers
    assert secure.headers["strict-transport-security"] == "max-age=31536000"
