"""What an operation costs, told and spent: `rateLimit`, dry runs, and who has nothing left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from domain.infra.clock import machine_now
from domain.infra.settings import Settings
from tests.api.betting import betting
from tests.api.client import Client, serving
from tests.factories import Factory, card
from tests.serving import serving as serving_on_a_port
from tests.serving import socket

LIST = "matches { nodes { id } }"


@pytest.fixture
async def poor(database_url: str, redis_url: str, factory: Factory) -> AsyncIterator[Client]:
    """An API that gives an address 12 points a minute."""
    given = {"database_url": database_url, "redis_url": redis_url, "log_level": "debug", "address_points": 12}
    async with serving(Settings(**given)) as opened:  # type: ignore[arg-type]
        yield opened


async def test_points_are_told_and_spent_before_anything_is_executed(poor: Client) -> None:
    told = (await poor.data(f"{{ rateLimit(isDryRun: true) {{ cost nodeCount }} {LIST} }}"))["rateLimit"]
    assert told == {"cost": 3, "nodeCount": 20}  # 100 for a call, a page, and 20 objects of 5 with a value of 1: 221
    answer = await poor.data(f"{{ rateLimit {{ cost limit remaining resetsAt }} {LIST} }}")
    assert answer["matches"] == {"nodes": []}
    left = answer["rateLimit"]
    resets_at = datetime.fromisoformat(left.pop("resetsAt"))
    assert left == {"cost": 3, "limit": 12, "remaining": 12 - 1 - 3}  # the dry run was a request
    assert 0 < (resets_at - machine_now()).total_seconds() <= 121
    response = await poor.http.post("/graphql", json={"query": f"{{ {LIST} b: {LIST} c: {LIST} d: {LIST} }}"})
    assert response.status_code == 429
    assert response.headers["x-touchline-statements"] == "0"
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfterSeconds"] == int(response.headers["retry-after"]) > 0


async def test_what_is_not_understood_costs_a_request_and_no_more(poor: Client) -> None:
    for query in (f"{{ {LIST} nothing }}", f"query($id: ID!) {{ {LIST} match(id: $id) }}"):
        await poor.ask(query)
    assert (await poor.data("{ rateLimit { remaining } }"))["rateLimit"]["remaining"] == 12 - 3


async def test_an_account_pays_for_what_it_only_measures(database_url: str, redis_url: str, factory: Factory) -> None:
    async with (
        serving(Settings(database_url=database_url, redis_url=redis_url, viewer_points=10)) as client,
        betting(client.app) as ann,
    ):
        for query in (f"{{ rateLimit(isDryRun: true) {{ cost }} {LIST} }}", "{ nothing }", f"{{ {LIST} }}"):
            await ann.ask(query)
        assert (await ann.data("{ rateLimit { limit remaining } }"))["rateLimit"] == {"limit": 10, "remaining": 4}
        assert (await client.data("{ rateLimit { limit remaining } }"))["rateLimit"] == {
            "limit": 10_000,
            "remaining": 9_999,
        }


NO_QUESTIONS = ("{ never", "{ a: " * 3000, "fragment F on Query { __typename }")
"""Documents that are refused before their rules are looked at."""


async def test_what_is_refused_at_once_costs_an_account_too(
    database_url: str, redis_url: str, factory: Factory
) -> None:
    async with (
        serving(Settings(database_url=database_url, redis_url=redis_url, viewer_points=10)) as client,
        betting(client.app) as ann,
    ):
        for query in NO_QUESTIONS:
            await ann.ask(query)
        assert (await ann.data("{ rateLimit { remaining } }"))["rateLimit"] == {"remaining": 10 - len(NO_QUESTIONS) - 1}


async def test_what_a_socket_is_refused_costs_a_point(database_url: str, redis_url: str, factory: Factory) -> None:
    async with serving_on_a_port(database_url, redis_url, address_points=10) as api, socket(api.port) as opened:
        codes = []
        for query in (NO_QUESTIONS * 4)[:11]:
            await opened.subscribe(query, {})
            message = await opened.receive()
            assert message["type"] == "error"
            codes.append(message["payload"][0]["extensions"]["code"])
    assert "RATE_LIMITED" not in codes[:10]
    assert codes[10] == "RATE_LIMITED"


async def test_where_nothing_is_counted_nothing_is_told(database_url: str, redis_url: str, factory: Factory) -> None:
    async with serving(Settings(database_url=database_url, redis_url=redis_url, address_points=0)) as client:
        answer = await client.data("{ rateLimit { cost limit remaining resetsAt nodeCount } }")
        assert answer == {"rateLimit": {"cost": 1, "limit": None, "remaining": None, "resetsAt": None, "nodeCount": 0}}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ rateLimit(isDryRun: true) { cost } matches { nodes { id } } }", {}),
        ("query($dry: Boolean) { matches { nodes { id } } rateLimit(isDryRun: $dry) { cost } }", {"dry": True}),
        ("query($dry: Boolean = true) { matches { nodes { id } } rateLimit(isDryRun: $dry) { cost } }", {}),
        ("{ ...A } fragment A on Query { matches { nodes { id } } ... { rateLimit(isDryRun: true) { cost } } }", {}),
        ("{ matches { nodes { id } } rateLimit(isDryRun: true) { ...B } } fragment B on RateLimit { cost }", {}),
    ],
)
async def test_a_dry_run_executes_nothing_else(client: Client, query: str, variables: dict[str, Any]) -> None:
    answer = await client.ask(query, variables)
    assert answer.statements == 0
    assert answer.data == {"rateLimit": {"cost": 3}}


async def test_without_a_dry_run_everything_is_executed(client: Client, factory: Factory) -> None:
    await card(factory, 1)
    query = "query($dry: Boolean = true) { rateLimit(isDryRun: $dry) { cost } matches { nodes { __typename } } }"
    for dry in (False, None):
        answer = await client.ask(query, {"dry": dry})
        assert answer.statements > 0
        assert answer.data["matches"] == {"nodes": [{"__typename": "Match"}]}


async def test_a_dry_run_tells_what_would_be_refused(client: Client) -> None:
    wide = "leagues(first: 100) { nodes { matches(first: 100) { nodes { id homeTeam { id } } } } }"
    answer = await client.ask(f"{{ rateLimit(isDryRun: true) {{ cost nodeCount }} {wide} }}")
    assert answer.errors == []
    assert answer.data["rateLimit"]["cost"] > 1000
    assert answer.data["rateLimit"]["nodeCount"] == 100 + 100 * 100 * 2
