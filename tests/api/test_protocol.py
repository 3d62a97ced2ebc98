"""GraphQL over HTTP: forms of answers, methods, bodies, pages elsewhere, caches, compression."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from graphql import DocumentNode, parse

from api.edge.negotiation import answer_type, stream_type
from domain.accounts.sessions import SignedIn
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.api.front import Front, front_desk
from tests.factories import Factory
from tests.people import person, signed_in

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"
APOLLO = f"{GRAPHQL},{JSON};q=0.9"
LONG = "{ __schema { types { name description fields { name description } } } }"
LIVE = 'subscription { oddsChanged(leagueIds: ["TGVhZ3VlOjE"]) { kind } }'


@pytest.mark.parametrize(
    ("accept", "answer", "stream"),
    [
        (None, JSON, None),
        ("", JSON, None),
        ("*/*", JSON, None),
        ("application/*", JSON, None),
        (JSON, JSON, None),
        ("APPLICATION/JSON; charset=utf-8", JSON, None),
        (GRAPHQL, GRAPHQL, None),
        (f"{JSON}, {GRAPHQL}", GRAPHQL, None),
        (f"{JSON}, {GRAPHQL};q=0.9", JSON, None),
        (f"{GRAPHQL};q=0.5, */*", JSON, None),
        (f"{GRAPHQL};q=0, */*", JSON, None),
        (f"{JSON};q=0, */*", GRAPHQL, None),
        (APOLLO, GRAPHQL, None),
        (URQL, GRAPHQL, "text/event-stream"),
        ("text/html, */*;q=0.1", JSON, None),
        ("text/html", None, None),
        (f"{JSON};q=0", None, None),
        (f"{JSON};q=much", None, None),
        (f"{JSON};q=2", None, None),
        ("text/event-stream", None, "text/event-stream"),
        ("text/event-stream;q=0", None, None),
        ("multipart/mixed", None, None),
        (f'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,{JSON}', JSON, "multipart/mixed"),
        ("multipart/mixed;subscriptionSpec=2.0", None, None),
    ],
)
def test_the_form_of_an_answer_is_what_the_client_likes_best(
    accept: str | None, answer: str | None, stream: str | None
) -> None:
    assert (answer_type(accept), stream_type(accept)) == (answer, stream)


async def post(client: Client, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.http.post("/graphql", content=content, headers={"content-type": JSON, **headers})


async def get(client: Client, accept: str = JSON, **parameters: str) -> httpx.Response:
    return await client.http.get("/graphql", params=parameters, headers={"accept": accept})


def check(answer: httpx.Response, media_type: str = JSON) -> dict[str, Any]:
    """What every answer of the graph has; its body."""
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert "accept" in answer.headers["vary"].lower()
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str, media_type: str = JSON) -> str:
    """The sentence of a request that was not executed."""
    body = check(answer, media_type)
    assert answer.status_code == status, answer.text
    assert set(body) == {"errors"}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == code
    return str(error["message"])


NOT_EXECUTED = {
    "{ __typename": "GRAPHQL_PARSE_FAILED",
    "{ nothing }": "GRAPHQL_VALIDATION_FAILED",
    "query($id: ID!) { match(id: $id) { id } }": "BAD_USER_INPUT",
    "fragment F on Query { __typename }": "BAD_USER_INPUT",
    "query A { a: __typename } query B { b: __typename }": "BAD_USER_INPUT",
    LIVE: "BAD_USER_INPUT",
}


async def test_what_is_not_executed_has_no_data_and_the_status_of_its_form(client: Client) -> None:
    for query, code in NOT_EXECUTED.items():
        refused(await post(client, {"query": query}, accept=JSON), 200, code)
        refused(await post(client, {"query": query}, accept=GRAPHQL), 400, code, GRAPHQL)
        refused(await get(client, GRAPHQL, query=query), 400, code, GRAPHQL)


async def test_what_fails_while_it_is_executed_keeps_its_data(client: Client) -> None:
    for accept in (JSON, GRAPHQL):
        answer = await post(client, {"query": '{ __typename match(id: "x") { id } }'}, accept=accept)
        body = check(answer, accept)
        assert answer.status_code == 200
        assert "data" in body


async def test_a_client_that_takes_no_json_is_told_what_there_is(client: Client) -> None:
    answer = await post(client, {"query": "{ __typename }"}, accept="application/xml")
    assert JSON in refused(answer, 406, "NOT_ACCEPTABLE")


async def test_a_post_is_json_in_utf_8(client: Client) -> None:
    for wrong in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", f"{JSON}; charset=utf-16"):
        answer = await post(client, {"query": "{ __typename }"}, **{"content-type": wrong})
        assert JSON in refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    untyped = await client.http.post("/graphql", content=b'{"query": "{ __typename }"}')
    refused(untyped, 415, "UNSUPPORTED_MEDIA_TYPE")
    for charset in ("utf-8", "UTF-8", '"utf-8"'):
        answer = await post(client, {"query": "{ __typename }"}, **{"content-type": f"{JSON}; charset={charset}"})
        assert answer.status_code == 200, charset


MALFORMED: list[tuple[Any, str]] = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b'{"query": "{ __typename }"', "not JSON"),
    (b'"\xff"', "not JSON"),
    ([], "batches"),
    ([{"query": "{ __typename }"}], "batches"),
    ("{ __typename }", "object with `query`"),
    (7, "object with `query`"),
    (None, "object with `query`"),
    ({}, "`query`"),
    ({"query": None}, "`query`"),
    ({"query": ""}, "`query`"),
    ({"query": 7}, "`query`"),
    ({"query": ["{ __typename }"]}, "`query`"),
    ({"query": "{ __typename }", "variables": "{}"}, "`variables`"),
    ({"query": "{ __typename }", "variables": []}, "`variables`"),
    ({"query": "{ __typename }", "operationName": {}}, "`operationName`"),
    ({"query": "{ __typename }", "extensions": []}, "`extensions`"),
    ({"query": "{ __typename }", "extensions": {"persistedQuery": 1}}, "`extensions.persistedQuery`"),
    ({"query": "{ __typename }", "extensions": {"persistedQuery": {}}}, "`extensions.persistedQuery.version`"),
    ({"extensions": {"persistedQuery": {"version": 1}}}, "`extensions.persistedQuery.sha256Hash`"),
    (
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "swordfish"}}},
        "`extensions.persistedQuery.sha256Hash`",
    ),
    ({"documentId": "swordfish"}, "`documentId`"),
    ({"documentId": 7}, "`documentId`"),
]


async def test_a_malformed_body_is_refused_by_the_name_of_its_field(client: Client) -> None:
    for body, named in MALFORMED:
        for accept in (JSON, GRAPHQL):
            told = refused(await post(client, body, accept=accept), 400, "BAD_USER_INPUT", accept)
            assert named in told, body


async def test_an_operation_is_chosen_by_its_name(client: Client) -> None:
    query = "query A { a: __typename } query B { b: __typename }"
    answer = await post(client, {"query": query, "operationName": "B"})
    assert check(answer) == {"data": {"b": "Query"}}
    assert "operationName" in refused(await post(client, {"query": query}), 200, "BAD_USER_INPUT")
    answer = await post(client, {"query": query, "operationName": "C"}, accept=GRAPHQL)
    assert "“C”" in refused(answer, 400, "BAD_USER_INPUT", GRAPHQL)


async def test_a_query_by_get(client: Client) -> None:
    query = "query A($odds: OddsInput!) { convertOdds(odds: $odds) { decimal } }"
    answer = await get(client, query=query, variables='{"odds": {"american": 150}}', operationName="A", extensions="{}")
    assert check(answer) == {"data": {"convertOdds": {"decimal": 2.5}}}
    for name in ("variables", "extensions"):
        assert f"`{name}`" in refused(await get(client, query=query, **{name: "{"}), 400, "BAD_USER_INPUT")
        assert f"`{name}`" in refused(await get(client, query=query, **{name: "[]"}), 400, "BAD_USER_INPUT")
    assert "`query`" in refused(await get(client), 400, "BAD_USER_INPUT")


async def test_a_mutation_by_get_is_sent_on_to_post(client: Client) -> None:
    answer = await get(client, query="mutation { logout(input: {}) { endedSessionIds } }")
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


async def test_other_methods_are_told_which_there_are(client: Client) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = await client.http.request(method, "/graphql", headers={"accept": GRAPHQL})
        assert method in refused(answer, 405, "METHOD_NOT_ALLOWED", GRAPHQL)
        assert answer.headers["allow"] == "GET, POST"
    assert (await client.http.head("/graphql")).status_code == 405


async def test_a_get_shows_that_no_page_elsewhere_made_it(client: Client) -> None:
    for headers, passes in SIGNS:
        answer = await client.http.get("/graphql", params={"query": "{ __typename }"}, headers=headers)
        if passes:
            assert answer.json() == {"data": {"__typename": "Query"}}, headers
        else:
            assert "apollo-require-preflight" in refused(answer, 400, "CSRF_BLOCKED"), headers


SIGNS: list[tuple[dict[str, str], bool]] = [
    ({"accept": "*/*"}, False),
    ({"accept": "image/avif,image/webp,*/*;q=0.8"}, False),
    ({"accept": "*/*", "sec-fetch-site": "cross-site"}, False),
    ({"accept": "*/*", "apollo-require-preflight": ""}, False),
    ({"accept": "*/*", "apollo-require-preflight": "true"}, True),
    ({"accept": "*/*", "x-apollo-operation-name": "Today"}, True),
    ({"accept": "*/*", "sec-fetch-site": "same-origin"}, True),
    ({"accept": JSON}, True),
    ({"accept": GRAPHQL}, True),
    ({"accept": JSON, "sec-fetch-site": "none"}, True),
    ({"accept": JSON, "sec-fetch-site": "cross-site"}, False),
    ({"accept": JSON, "sec-fetch-site": "same-site"}, False),
    ({"accept": JSON, "origin": "https://elsewhere.example"}, False),
]


async def test_a_page_that_the_settings_allow_may_ask_by_get(
    database_url: str, redis_url: str, factory: Factory
) -> None:
    own = "https://odds.example"
    async with serving(Settings(database_url=database_url, redis_url=redis_url, allowed_origins=(own,))) as client:
        for origin, passes in ((own, True), (f"{own}.evil.example", False)):
            headers = {"accept": JSON, "sec-fetch-site": "cross-site", "origin": origin}
            answer = await client.http.get("/graphql", params={"query": "{ __typename }"}, headers=headers)
            assert (answer.status_code == 200) == passes, origin


async def test_a_get_can_be_asked_whether_it_still_holds(client: Client) -> None:
    client.http.headers["accept-encoding"] = "identity"
    first = await get(client, query=LONG)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert first.headers["cache-control"] == "no-cache"
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.http.get(
            "/graphql", params={"query": LONG}, headers={"accept": JSON, "if-none-match": named}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"].removeprefix("W/") == tag
        assert {"accept", "authorization"} <= set(again.headers["vary"].lower().split(", "))
        assert "content-type" not in again.headers
    other = await client.http.get(
        "/graphql", params={"query": "{ __typename }"}, headers={"accept": JSON, "if-none-match": tag}
    )
    assert other.status_code == 200
    assert other.headers["etag"] != tag
    refusal = await get(client, query="{ nothing }")
    assert refusal.headers["cache-control"] == "no-store"
    assert "etag" not in refusal.headers
    assert "etag" not in (await post(client, {"query": LONG})).headers


@pytest.fixture
async def front(database: Database, database_url: str, redis_url: str) -> AsyncIterator[Front]:
    async with front_desk(database, database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def ann(front: Front) -> SignedIn:
    return await signed_in(front.desk, await person(front.database))


async def test_what_is_somebodys_is_kept_by_no_shared_cache(front: Front, ann: SignedIn) -> None:
    headers = {"authorization": f"Bearer {ann.access_token}"}
    answer = await front.client.http.get("/graphql", params={"query": "{ viewer { email } }"}, headers=headers)
    assert check(answer) == {"data": {"viewer": {"email": "ann@example.com"}}}
    assert answer.headers["cache-control"] == "private, no-cache"
    wrong = await front.client.http.get("/graphql", params={"query": "{ __typename }"}, headers={"authorization": "x"})
    refused(wrong, 401, "UNAUTHENTICATED")
    assert wrong.headers["cache-control"] == "no-store"


async def test_long_answers_are_compressed(client: Client) -> None:
    plain = await post(client, {"query": LONG}, accept=GRAPHQL, **{"accept-encoding": "identity"})
    for coding in ("gzip", "br", "zstd"):
        answer = await post(client, {"query": LONG}, accept=GRAPHQL, **{"accept-encoding": coding})
        assert answer.headers["content-encoding"] == coding
        assert {"accept", "accept-encoding"} <= set(answer.headers["vary"].lower().split(", "))
        assert answer.num_bytes_downloaded == int(answer.headers["content-length"]) < len(plain.content) / 3
        assert answer.content == plain.content
        short = await post(client, {"query": "{ __typename }"}, **{"accept-encoding": coding})
        assert "content-encoding" not in short.headers


async def test_the_tag_of_compressed_bytes_is_weak(client: Client) -> None:
    headers = {"accept": JSON, "accept-encoding": "gzip"}
    answer = await client.http.get("/graphql", params={"query": LONG}, headers=headers)
    assert answer.headers["etag"].startswith('W/"')
    headers["if-none-match"] = answer.headers["etag"]
    assert (await client.http.get("/graphql", params={"query": LONG}, headers=headers)).status_code == 304


async def test_a_document_is_parsed_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    def counted(text: str, **options: Any) -> DocumentNode:
        texts.append(text)
        return parse(text, **options)

    monkeypatch.setattr("api.edge.guard.parse", counted)
    monkeypatch.setattr("strawberry.schema.schema.parse", counted)
    for accept in (JSON, URQL):
        await post(client, {"query": "query ParsedOnce { __typename }"}, accept=accept)
    assert texts == ["query ParsedOnce { __typename }"]
    await post(client, {"query": "{ never"})
    assert texts[1:] == ["{ never"]


async def test_requests_at_once_keep_their_own_headers(client: Client) -> None:
    """Statuses, forms, tags and counts of statements of very different requests, all under way together."""
    kinds: list[tuple[Callable[[], Awaitable[httpx.Response]], int, str, str | None]] = [
        (lambda: post(client, {"query": "{ countries { name } }"}, accept=GRAPHQL), 200, GRAPHQL, "1"),
        (lambda: post(client, {"query": "{ __typename }"}, accept=JSON), 200, JSON, "0"),
        (lambda: post(client, {"query": "{ nothing }"}, accept=GRAPHQL), 400, GRAPHQL, "0"),
        (lambda: get(client, query="{ countries { name } __typename }"), 200, JSON, "1"),
        (lambda: post(client, []), 400, JSON, None),
    ]
    await asyncio.gather(*(ask() for ask, *_ in kinds))  # caches are warm, so that the order is any
    answers = await asyncio.gather(*(ask() for _ in range(20) for ask, *_ in kinds))
    for place, answer in enumerate(answers):
        _, status, media_type, statements = kinds[place % len(kinds)]
        assert (answer.status_code, answer.headers["content-type"]) == (status, f"{media_type}; charset=utf-8")
        assert answer.headers.get("x-touchline-statements") == statements
        assert ("etag" in answer.headers) is (place % len(kinds) == 3)
        assert answer.headers.get_list("x-touchline-statements") == ([statements] if statements else [])


async def test_what_nobody_expected_is_masked_in_the_form_that_was_asked_for(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("api.edge.documents.Documents.operation", broken)
    with caplog.at_level(logging.ERROR):
        answer = await post(client, {"query": "{ __typename }"}, accept=GRAPHQL)
    message = refused(answer, 500, "INTERNAL", GRAPHQL)
    assert "swordfish" not in message
    assert answer.json()["errors"][0]["extensions"]["id"] in caplog.text


async def test_a_deployment_in_production_answers_in_the_same_forms(database_url: str, redis_url: str) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, graphiql=False, introspection=False)
    async with serving(settings) as quiet:
        assert check(await get(quiet, query="{ __typename }")) == {"data": {"__typename": "Query"}}
        page = await quiet.http.get("/graphql", headers={"accept": "text/html"})
        refused(page, 406, "NOT_ACCEPTABLE")
