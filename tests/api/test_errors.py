"""What a client learns of a failure, and what only the log does."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from graphql import GraphQLError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.errors import shown
from domain.infra.database import Database
from domain.infra.errors import Invalid, NotFound, TouchlineError
from tests.api.client import Client


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ matches { nodes ", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ matches(first: true) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { match(id: $id) { id } }", "BAD_USER_INPUT"),
        ("{" + " a: __typename" * 1000 + "}", "QUERY_TOO_COSTLY"),
    ],
)
async def test_documents_are_refused_with_a_code(client: Client, query: str, code: str) -> None:
    for _ in range(2):  # the second time from the caches
        error = await client.error(query)
        assert error["extensions"]["code"] == code


async def test_a_variable_that_is_no_instant_is_named(client: Client) -> None:
    error = await client.error(
        "query($t: DateTime!) { leagues { nodes { currentSeason { standings(asOf: $t) { rank } } } } }", t="yesterday"
    )
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$t" in error["message"]


async def test_a_surprise_is_masked_with_an_id_that_is_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("domain.matches.leagues.countries_with_leagues", broken)
    with caplog.at_level(logging.ERROR):
        error = await client.error("{ countries { name } }")
    assert error["extensions"]["code"] == "INTERNAL"
    assert "swordfish" not in str(error)
    name = error["extensions"]["id"]
    assert name in error["message"]
    (record,) = [record for record in caplog.records if record.name == "touchline.api"]
    assert name in record.getMessage()
    assert record.exc_info is not None
    assert "swordfish" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("cause", "extensions"),
    [
        (Invalid("first", "must be above 0"), {"code": "BAD_USER_INPUT", "argument": "first"}),
        (NotFound("league 7"), {"code": "NOT_FOUND"}),
        (TouchlineError("no"), {"code": "BAD_USER_INPUT"}),
        (GraphQLError("kept", extensions={"code": "OWN"}), {"code": "OWN"}),
    ],
)
def test_expected_failures_keep_their_words(cause: Exception, extensions: dict[str, Any]) -> None:
    located = GraphQLError(str(cause), path=["a"], original_error=cause, extensions=getattr(cause, "extensions", None))
    answer = shown(located, "GRAPHQL_VALIDATION_FAILED")
    assert answer.extensions == extensions
    assert answer.message == str(cause)
    assert answer.path == ["a"]


async def test_a_subscription_by_post_is_told_where_it_belongs(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error = await client.error('subscription { oddsChanged(leagueIds: ["TGVhZ3VlOjE"]) { cursor } }')
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "graphql-transport-ws" in error["message"]
    assert not [record for record in caplog.records if record.name == "touchline.api"]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ('{ plugin(key: "a\\u0000b") { id } }', {}),
        ('{ bookmakers(regions: ["\\u0000"]) { totalCount } }', {}),
        ("query($key: String!) { plugin(key: $key) { id } }", {"key": "\0"}),
        ("query($value: String!) { search(query: $value) { totalCount } }", {"value": "ars\0"}),
    ],
)
async def test_a_character_that_no_text_can_hold_is_the_senders_fault(
    client: Client, query: str, variables: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error = await client.error(query, **variables)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "U+0000" in error["message"]
    assert caplog.records == []


async def test_the_same_where_a_row_is_written(database: Database) -> None:
    with pytest.raises(DBAPIError) as told:
        async with database.transaction() as session:
            await session.execute(text("select cast(:name as text)"), {"name": "\0"})
    error = shown(GraphQLError("x", path=["a"], original_error=told.value), "GRAPHQL_VALIDATION_FAILED")
    assert error.extensions == {"code": "BAD_USER_INPUT"}
    assert "select" not in error.message


async def test_a_surprise_of_a_hook_is_masked_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("api.edge.guard.check_values", broken)
    with caplog.at_level(logging.ERROR):
        answer = await client.http.post("/graphql", json={"query": "{ __typename }"})
    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "swordfish" not in answer.text
    assert [record for record in caplog.records if error["extensions"]["id"] in record.getMessage()]
