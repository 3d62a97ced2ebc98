"""The addresses of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import Client, serving


async def test_home_says_what_this_is(client: Client) -> None:
    response = await client.http.get("/")
    assert response.status_code == 200
    assert "GraphQL" in response.text
    assert "/readyz" in response.text


async def test_alive_and_ready(client: Client) -> None:
    assert (await client.http.get("/healthz")).status_code == 200
    assert (await client.http.get("/readyz")).text == "ready\n"


async def test_not_ready_on_another_migration(client: Client, database: Database) -> None:
    await database.pool.execute("update alembic_version set version_num = '0000'")
    response = await client.http.get("/readyz")
    assert response.status_code == 503
    assert "0000" in response.text
    await database.pool.execute("drop table alembic_version")
    assert (await client.http.get("/readyz")).status_code == 503
    assert (await client.http.get("/healthz")).status_code == 200


async def test_not_ready_without_redis(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(client.app.state.doors.redis, "ping", silent)
    response = await client.http.get("/readyz")
    assert response.status_code == 503
    assert "Redis" in response.text


async def test_introspection_is_on(client: Client) -> None:
    shown = await client.data('{ __schema { queryType { name } } __type(name: "Match") { description } }')
    assert shown["__schema"]["queryType"]["name"] == "Query"
    assert shown["__type"]["description"]


async def test_statements_are_told_only_when_debugging(database_url: str, redis_url: str) -> None:
    async with serving(Settings(database_url=database_url, redis_url=redis_url)) as quiet:
        response = await quiet.http.post("/graphql", json={"query": "{ countries { name } }"})
    assert response.json() == {"data": {"countries": []}}
    assert "x-touchline-statements" not in response.headers
    assert response.headers["content-type"].startswith("application/json")


@pytest.fixture
async def shared(database_url: str, redis_url: str) -> AsyncIterator[Client]:
    settings = Settings(
        database_url=database_url, redis_url=redis_url, log_level="debug", allowed_origins=("https://odds.example",)
    )
    async with serving(settings) as opened:
        yield opened


@pytest.mark.parametrize(("origin", "allowed"), [("https://odds.example", True), ("https://evil.example", False)])
async def test_other_origins_are_those_of_the_settings(shared: Client, origin: str, allowed: bool) -> None:
    response: httpx.Response = await shared.http.options(
        "/graphql",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )
    assert (response.headers.get("access-control-allow-origin") == origin) is allowed


@pytest.mark.parametrize(
    ("odds", "decimal"),
    [
        ("decimal: 2.5", 2.5),
        ("american: 150", 2.5),
        ("american: -200", 1.5),
        ('fractional: "11/10"', 2.1),
        ("probability: 0.4", 2.5),
    ],
)
async def test_odds_in_any_format(client: Client, odds: str, decimal: float) -> None:
    query = f"{{ convertOdds(odds: {{{odds}}}) {{ decimal american fractional impliedProbability }} }}"
    price = (await client.data(query))["convertOdds"]
    assert price["decimal"] == pytest.approx(decimal)
    assert price["impliedProbability"] == pytest.approx(1 / decimal)


@pytest.mark.parametrize(
    ("odds", "argument"),
    [
        ("decimal: 1", "odds.decimal"),
        ("american: 50", "odds.american"),
        ('fractional: "1/0"', "odds.fractional"),
        ('fractional: "evens"', "odds.fractional"),
        ("probability: 1.5", "odds.probability"),
        ("probability: 0", "odds.probability"),
    ],
)
async def test_impossible_odds_are_refused_by_name(client: Client, odds: str, argument: str) -> None:
    error = await client.error(f"{{ convertOdds(odds: {{{odds}}}) {{ decimal }} }}")
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
