"""What an operation must pass before anything of it is executed: over HTTP and over a WebSocket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query, parse

from api.edge import guard
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.factories import Factory, card
from tests.serving import serving as serving_on_a_port
from tests.serving import socket

WIDE = "{ leagues(first: 100) { nodes { matches(first: 100) { nodes { id homeTeam { id } } } } } }"
"""85 bytes that ask for 20,100 objects."""


async def post(client: Client, query: str, **variables: Any) -> httpx.Response:
    return await client.http.post("/graphql", json={"query": query, "variables": variables})


async def refusal(client: Client, query: str, **variables: Any) -> dict[str, Any]:
    """The one error of an operation of which nothing was executed."""
    body = (await post(client, query, **variables)).json()
    assert body.get("data") is None
    assert len(body["errors"]) == 1, body
    error: dict[str, Any] = body["errors"][0]
    return error


def fields(count: int, name: str) -> str:
    return " ".join(name.format(n) for n in range(count))


async def test_what_costs_too_much_is_refused_before_anything_is_read(client: Client, factory: Factory) -> None:
    await card(factory, 2)
    response = await post(client, WIDE)
    assert response.headers["x-touchline-statements"] == "0"
    (error,) = response.json()["errors"]
    told = error["extensions"]
    assert (told["code"], told["limit"], told["max"]) == ("QUERY_TOO_COSTLY", "cost", 1000)
    assert told["cost"] == told["actual"] > 1000
    assert f"cost: {told['cost']:,} points" in error["message"]
    error = await refusal(client, f"{{ status {{ {fields(51, 'a{}: level')} }} }}")
    assert error["extensions"] == {"code": "QUERY_TOO_COSTLY", "limit": "aliases", "max": 50, "actual": 51}


async def test_variables_are_no_well_without_a_bottom(client: Client) -> None:
    for level, is_taken in ((50, True), (51, False), (300, False), (900, False)):
        sent = {"query": "{ __typename }", "variables": {"a": json.loads("[" * level + "]" * level)}}
        body = (await client.http.post("/graphql", json=sent)).json()
        if is_taken:
            assert body == {"data": {"__typename": "Query"}}
        else:
            assert body["errors"][0]["extensions"]["limit"] == "levels", level


def test_documents_are_kept_by_their_weight() -> None:
    kept = guard._Kept()
    texts = [f"{{ __typename }} # {n}" + "x" * 40_000 for n in range(1000)]
    for text in texts:
        kept.keep(text, guard.Document(parse(text)))
    held = [text for text in texts if kept.find(text) is not None]
    assert texts[-len(held) :] == held, "the last ones"
    assert 0 < sum(map(len, held)) <= guard.KEPT_TOKENS * guard.CHARACTERS_A_TOKEN


async def test_variables_change_the_cost_of_a_document_that_is_known(client: Client) -> None:
    matches = "matches(first: $first) { nodes { id homeTeam { id } } }"
    query = f"query($first: Int = 1) {{ leagues(first: $first) {{ nodes {{ {matches} }} }} }}"
    for first, is_refused in ((None, False), (10, False), (100, True), (10, False), (100, True)):
        answer = await client.ask(query, {} if first is None else {"first": first})
        assert bool(answer.errors) == is_refused, first
        assert (answer.statements == 0) == is_refused


async def test_variables_that_hold_too_much_are_refused(client: Client) -> None:
    for given in ({"ids": ["1"] * 2_001}, {"ids": [["1"] * 50] * 50}, {"unknown": {str(n): n for n in range(2_001)}}):
        error = await refusal(
            client, "query($ids: [ID!]) { matches(filter: {leagueIds: $ids}) { totalCount } }", **given
        )
        assert error["extensions"]["limit"] == "values"


async def test_a_ring_of_fragments_is_named(client: Client) -> None:
    for _ in range(2):
        error = await refusal(
            client, "{ ...A } fragment A on Query { ...B } fragment B on Query { status { level } ...A }"
        )
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert error["message"] == "Cannot spread fragment 'A' within itself via 'B'."


async def test_few_errors_come_with_suggestions_and_many_are_cut(client: Client) -> None:
    (error,) = (await client.ask("{ statu { level } }")).errors
    assert error["message"] == "Cannot query field 'statu' on type 'Query'. Did you mean 'status'?"
    errors = (await client.ask("{" + fields(30, " statu{}") + "}")).errors
    assert len(errors) == 11
    assert not any("Did you mean" in error["message"] for error in errors)
    assert errors[-1]["message"].startswith("Too many validation errors")


async def test_a_fragment_may_use_a_variable_before_its_operation(client: Client) -> None:
    query = "fragment A on Query { league(by: {slug: $slug}) { id } } query($slug: String!) { ...A }"
    assert (await client.ask(query, {"slug": "nowhere"})).data == {"league": None}
    for by in ("{}", '{slug: "a", id: "b"}', "{slug: null}"):
        (error,) = (await client.ask(f"{{ league(by: {by}) {{ id }} }}")).errors
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    (error,) = (await client.ask("query($s: String) { league(by: {slug: $s}) { id } }", {"s": None})).errors
    assert error["extensions"]["code"] in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


@pytest.fixture
async def closed(database_url: str, redis_url: str, factory: Factory) -> AsyncIterator[Client]:
    """An API that tells nobody its schema."""
    given = {"database_url": database_url, "redis_url": redis_url, "introspection": False, "suggestions": False}
    async with serving(Settings(**given)) as opened:  # type: ignore[arg-type]
        yield opened


MISSPELT: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("{ statu { level } }", {}, "status"),
    ("{ matches(frst: 1) { totalCount } }", {}, "first"),
    ("{ matches(filter: {minEdg: 1}) { totalCount } }", {}, "minEdge"),
    ("{ __typename } fragment A on Matc { id }", {}, "Match"),
    ("query($f: MatchFilter) { matches(filter: $f) { totalCount } }", {"f": {"minEdg": 1}}, "minEdge"),
    ("query($f: MatchFilter) { matches(filter: $f) { totalCount } }", {"f": {"window": "TODAI"}}, "TODAY"),
)


async def test_the_schema_is_told_only_where_the_settings_say_so(client: Client, closed: Client) -> None:
    whole = get_introspection_query(input_value_deprecation=True, specified_by_url=True, schema_description=True)
    assert len((await client.data(whole))["__schema"]["types"]) > 200
    for query in (whole, '{ __type(name: "Query") { name } }'):
        errors = (await closed.ask(query)).errors
        assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
        assert "introspection has been disabled" in errors[0]["message"]
    assert await closed.data("{ __typename }") == {"__typename": "Query"}
    for asked, is_told in ((client, True), (closed, False)):
        for query, variables, word in MISSPELT:
            messages = " ".join(error["message"] for error in (await asked.ask(query, variables)).errors)
            assert messages
            assert (f"'{word}'" in messages) == is_told, messages


async def test_introspection_through_itself_is_refused(client: Client) -> None:
    deep = '{ __type(name: "Query") { ' + "fields { type { " * 3 + "name" + " } }" * 3 + " } }"
    assert (await refusal(client, deep))["message"] == "Maximum introspection depth exceeded"
    whole = "__schema { types { name fields { name args { name type { name } } type { name } } } }"
    many = " ".join(f"a{n}: {whole}" for n in range(25))
    assert (await refusal(client, f"{{ {many} }}"))["extensions"]["limit"] == "introspection"


async def test_sockets_are_guarded_too(database_url: str, redis_url: str, factory: Factory) -> None:
    async with serving_on_a_port(database_url, redis_url) as api, socket(api.port) as opened:
        for query, limit in (
            (WIDE, "cost"),
            (f"{{ status {{ {fields(51, 'a{}: level')} }} }}", "aliases"),
            (f"subscription {{ {fields(31, 'oddsChanged {{ kind }}')} }}", "roots"),
        ):
            name = await opened.subscribe(query, {})
            message = await opened.receive()
            assert (message["type"], message["id"]) == ("error", name)
            assert message["payload"][0]["extensions"]["limit"] == limit
        await opened.subscribe("{ __typename }", {})
        assert (await opened.receive())["payload"] == {"data": {"__typename": "Query"}}
