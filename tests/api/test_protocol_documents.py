"""Documents by their hash: what clients sent before, and what a deployment trusts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.app import create_app
from api.edge import documents
from api.edge.asked import read
from api.edge.documents import Documents
from api.edge.refusals import Refused
from domain.infra.errors import SettingsError
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.serving import serving as serving_for_real
from tests.serving import socket

QUERY = 'query Persisted($id: ID = "x") { __typename ... @include(if: false) { match(id: $id) { id } } }'
OTHER = "query Other { other: __typename }"
JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text)}}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A Redis that knows no document."""
    async with Redis.from_url(redis_url) as opened:
        for key in [key async for key in opened.scan_iter("touchline:document*")]:
            await opened.delete(key)
        yield opened


async def post(client: Client, accept: str = JSON, **body: Any) -> httpx.Response:
    return await client.http.post("/graphql", json=body, headers={"accept": accept})


async def get(client: Client, **parameters: str) -> httpx.Response:
    return await client.http.get("/graphql", params=parameters, headers={"accept": JSON})


def code_of(answer: httpx.Response) -> str:
    """The code of an answer that executed nothing."""
    body = answer.json()
    assert set(body) == {"errors"}, body
    return str(body["errors"][0]["extensions"]["code"])


async def test_a_client_sends_its_document_once(client: Client, redis: Redis) -> None:
    unknown = await post(client, extensions=persisted(QUERY))
    assert (unknown.status_code, code_of(unknown)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert unknown.headers["cache-control"] == "no-store"
    assert (await post(client, GRAPHQL, extensions=persisted(QUERY))).status_code == 400
    known = {"data": {"__typename": "Query"}}
    assert (await post(client, query=QUERY, extensions=persisted(QUERY))).json() == known
    assert (await post(client, extensions=persisted(QUERY))).json() == known
    assert (await post(client, documentId=digest(QUERY))).json() == known
    assert (await post(client, documentId=f"sha256:{digest(QUERY)}", operationName="Persisted")).json() == known
    by_get = await get(client, extensions=json.dumps(persisted(QUERY)), variables='{"id": "y"}')
    assert by_get.json() == known
    assert by_get.headers["etag"]
    assert (await get(client, documentId=digest(QUERY))).json() == known
    assert 0 < await redis.ttl(f"touchline:document:{digest(QUERY)}") <= documents.KEPT_SECONDS


async def test_a_hash_is_believed_only_where_it_is_right(client: Client, redis: Redis) -> None:
    wrong = await post(client, query=QUERY, extensions=persisted(OTHER))
    assert (wrong.status_code, code_of(wrong)) == (400, "BAD_USER_INPUT")
    assert "hash" in wrong.json()["errors"][0]["message"]
    assert (await post(client, query=QUERY, documentId=digest(OTHER))).status_code == 400
    assert (await post(client, documentId=digest(QUERY), extensions=persisted(OTHER))).status_code == 400
    await redis.set(f"touchline:document:{digest(OTHER)}", QUERY)
    assert code_of(await post(client, documentId=digest(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_no_document_is_not_kept(client: Client, redis: Redis) -> None:
    assert code_of(await post(client, query="{ never", extensions=persisted("{ never"))) == "GRAPHQL_PARSE_FAILED"
    assert code_of(await post(client, extensions=persisted("{ never"))) == "PERSISTED_QUERY_NOT_FOUND"
    assert (await post(client, query=OTHER, documentId=digest(OTHER))).json() == {"data": {"other": "Query"}}
    assert code_of(await post(client, documentId=digest(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"  # it was not offered
    assert [key async for key in redis.scan_iter("touchline:document*")] == []


async def offer(known: Documents, redis: Redis, text: str) -> None:
    await known.operation(read({"query": text, "extensions": persisted(text)}), redis)


async def knows(known: Documents, redis: Redis, text: str) -> bool:
    try:
        operation = await known.operation(read({"documentId": digest(text)}), redis)
    except Refused as refused:
        return refused.code != "PERSISTED_QUERY_NOT_FOUND"
    return operation.text == text


async def test_processes_share_a_bounded_number(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "KEPT", 5)
    monkeypatch.setattr(documents, "IN_MEMORY", 3)
    monkeypatch.setattr(documents, "LONGEST_KEPT", 100)
    texts = [f"query Bounded{number} {{ __typename }}" for number in range(8)]
    here = Documents({}, is_exclusive=False)
    for text in texts:
        await offer(here, redis, text)
    assert len([key async for key in redis.scan_iter("touchline:document:*")]) == 5
    assert await redis.zcard("touchline:documents") == 5
    assert [text for text in texts if await knows(Documents({}, is_exclusive=False), redis, text)] == texts[3:]
    assert await knows(Documents({}, is_exclusive=False), redis, texts[3])
    await offer(Documents({}, is_exclusive=False), redis, texts[0])
    left = [text for text in texts if await knows(Documents({}, is_exclusive=False), redis, text)]
    assert left == [texts[0], texts[3], *texts[5:]]  # the fourth was asked for after the fifth
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as away:
        assert [text for text in texts if await knows(here, away, text)] == texts[5:]
    long = f"query Long {{ {'_' * 100}: __typename }}"
    await offer(here, redis, long)
    assert not await knows(here, redis, long)


async def test_what_a_process_knows_is_not_written_again(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    known, name = Documents({}, is_exclusive=False), f"touchline:document:{digest(QUERY)}"
    await offer(known, redis, QUERY)
    await redis.delete(name)
    asked = read({"extensions": persisted(QUERY)})
    assert (await known.operation(asked, redis)).text == QUERY
    assert not await redis.exists(name), "a hash alone brings nothing new"
    assert await knows(known, redis, QUERY)
    await redis.set(name, QUERY, ex=5)
    monkeypatch.setattr(documents, "NOTED_EVERY", 0.0)
    await offer(known, redis, QUERY)
    await redis.expire(name, 5)
    await known.operation(asked, redis)
    assert await redis.ttl(name) > 5, "an hour later it is noted that it is still asked for"
    await redis.delete(name)
    assert await knows(known, redis, QUERY), "what Redis lost is still known here"


async def test_a_redis_that_is_away_knows_nothing_and_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    known = Documents({}, is_exclusive=False)
    async with Redis(port=1, retry=Retry(NoBackoff(), 0)) as away:
        assert not await knows(known, away, QUERY)
        await offer(known, away, QUERY)
        assert await knows(known, away, QUERY)
    assert len([record for record in caplog.records if "persisted documents" in record.getMessage()]) == 1


async def test_a_socket_sends_hashes_too(database_url: str, redis_url: str, redis: Redis) -> None:
    async with serving_for_real(database_url, redis_url) as api, socket(api.port) as opened:

        async def ask(**payload: Any) -> Any:
            name = await opened.begin(payload)
            answer = await opened.receive()
            assert answer["id"] == name
            if answer["type"] == "next":
                assert await opened.receive() == {"id": name, "type": "complete"}
            return answer

        unknown = await ask(extensions=persisted(QUERY))
        assert unknown["type"] == "error"
        assert unknown["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        known = {"data": {"__typename": "Query"}}
        assert (await ask(query=QUERY, extensions=persisted(QUERY)))["payload"] == known
        assert (await ask(extensions=persisted(QUERY)))["payload"] == known
        assert (await ask(documentId=digest(QUERY)))["payload"] == known
        several = await ask(query="query A { a: __typename } query B { b: __typename }")
        assert several["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        unnamed = await ask(query="query A { a: __typename }", operationName="B")
        assert "“B”" in unnamed["payload"][0]["message"]


def trusting(file: Path, **more: Any) -> Settings:
    return Settings(
        database_url="postgresql://nobody@localhost/none",
        redis_url="redis://localhost:1",
        trusted_documents=file,
        **more,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "documents.json"
    made.write_text(json.dumps({digest(text): text for text in (QUERY, OTHER)}))
    return made


async def test_trusted_documents_are_known_from_the_start(database_url: str, redis_url: str, file: Path) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, trusted_documents=file)
    async with serving(settings) as client:
        assert (await post(client, documentId=digest(OTHER))).json() == {"data": {"other": "Query"}}
        assert (await post(client, extensions=persisted(OTHER))).json() == {"data": {"other": "Query"}}
        assert (await post(client, query="{ __typename }")).json() == {"data": {"__typename": "Query"}}


async def test_nothing_else_is_executed_where_the_deployment_says_so(
    database_url: str, redis_url: str, file: Path
) -> None:
    settings = Settings(
        database_url=database_url, redis_url=redis_url, trusted_documents=file, only_trusted_documents=True
    )
    async with serving(settings) as client:
        trusted: list[dict[str, Any]] = [{"documentId": digest(OTHER)}, {"query": OTHER}]
        for body in (*trusted, {"query": OTHER, "extensions": persisted(OTHER)}):
            assert (await post(client, **body)).json() == {"data": {"other": "Query"}}, body
        stranger = "{ __schema { queryType { name } } }"
        for body in (
            {"query": stranger},
            {"query": f"{OTHER} "},
            {"query": stranger, "extensions": persisted(stranger)},
            {"extensions": persisted(stranger)},
            {"documentId": digest(stranger)},
        ):
            for accept in (JSON, GRAPHQL):
                answer = await post(client, accept, **body)
                assert (answer.status_code, code_of(answer)) == (403, "DOCUMENT_NOT_TRUSTED"), body


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "JSON object"),
        (json.dumps({digest(QUERY): 7}), "JSON object"),
        (json.dumps({"Today": QUERY}), "“Today” is no SHA-256"),
        (json.dumps({digest(OTHER): QUERY}), digest(QUERY)),
        (json.dumps({digest("{ never"): "{ never"}), "cannot be parsed"),
    ],
)
def test_a_malformed_file_stops_the_start_with_the_remedy(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "documents.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="TOUCHLINE_TRUSTED_DOCUMENTS") as raised:
        create_app(trusting(file))
    assert told in str(raised.value)


def test_settings_that_make_no_sense_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Name a file"):
        create_app(trusting(tmp_path / "none.json"))
    with pytest.raises(SettingsError, match="names no file"):
        create_app(Settings(database_url="postgresql://a@b/c", redis_url="redis://b", only_trusted_documents=True))
