"""What every answer says to browsers: headers of protection, and who of other origins may read it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from api.edge.origins import origin_pattern
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.serving import Api, socket
from tests.serving import serving as listening

ALLOWED = ("https://odds.example", "http://localhost:*", "http://[::1]:*")


@pytest.fixture
async def shared(database_url: str, redis_url: str) -> AsyncIterator[Client]:
    async with serving(Settings(database_url=database_url, redis_url=redis_url, allowed_origins=ALLOWED)) as opened:
        yield opened


@pytest.mark.parametrize("address", ["/", "/healthz", "/graphql", "/nowhere", "/files/x", "/schema.graphql"])
async def test_every_answer_is_protected(client: Client, address: str) -> None:
    answer = await client.http.get(address)
    for name, value in {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
    }.items():
        assert answer.headers.get_list(name) == [value], name
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "frame-ancestors 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "geolocation=()" in answer.headers["permissions-policy"]
    assert "server-timing" not in answer.headers
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://odds.example", True),
        ("http://localhost", True),
        ("http://localhost:5173", True),
        ("http://[::1]:5173", True),
        ("https://localhost:5173", False),
        ("http://odds.example", False),
        ("https://odds.example:444", False),
        ("https://odds.example.evil.example", False),
        ("https://evil.example/https://odds.example", False),
        ("https://oddsXexample", False),
        ("http://localhost:5173.evil.example", False),
        ("http://localhost:123456", False),
        ("null", False),
    ],
)
async def test_who_may_read_answers(shared: Client, origin: str, is_allowed: bool) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    preflight = await shared.http.options("/graphql", headers={"origin": origin, **asked})
    answer = await shared.http.post("/graphql", json={"query": "{ __typename }"}, headers={"origin": origin})
    for each in (preflight, answer):
        assert (each.headers.get("access-control-allow-origin") == origin) is is_allowed
    assert (preflight.status_code == 200) is is_allowed
    if is_allowed:
        assert {"GET", "POST"} <= set(preflight.headers["access-control-allow-methods"].split(", "))
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        assert {"retry-after", "x-request-id"} <= set(answer.headers["access-control-expose-headers"].split(", "))
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_refusal_can_be_read_as_well(shared: Client) -> None:
    origin = {"origin": "https://odds.example"}
    refused = await shared.http.post("/graphql", content=b"{", headers={"content-type": "application/json", **origin})
    assert refused.status_code == 400
    assert refused.headers["access-control-allow-origin"] == "https://odds.example"


async def test_without_a_setting_nobody_elsewhere_may(client: Client) -> None:
    answer = await client.http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"origin": "https://a.example"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_star_is_every_origin() -> None:
    pattern = origin_pattern(["*"])
    assert pattern is not None
    assert pattern.fullmatch("https://any.example:8")
    assert origin_pattern([]) is None


@pytest.fixture
async def api(database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with listening(database_url, redis_url, allowed_origins=ALLOWED) as running:
        yield running


async def test_sockets_are_opened_by_the_same_origins(api: Api) -> None:
    for origin in ("https://odds.example", "http://localhost:5173", f"http://127.0.0.1:{api.port}"):
        async with socket(api.port, origin=origin):
            pass
    for origin in ("https://evil.example", "http://odds.example", "null", "http://localhost:5173.evil.example"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(api.port, origin=origin):
                pass
        assert refused.value.response.status_code == 403
