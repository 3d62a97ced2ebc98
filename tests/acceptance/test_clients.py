"""Clients of others at a demo whose odds move: each in its own environment, over HTTP and sockets alone."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLObjectType, build_schema, print_schema

from tests.acceptance.foreign import FOREIGN, finish, installed, program, run_node, version
from tests.acceptance.person import told
from tests.acceptance.product import Product, running
from tests.acceptance.relay import WRITING, connections, write_project
from tests.api.client import OPERATIONS
from tests.docs.documents import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SCHEMA = ROOT / "schema.graphql"
ARIADNE = "ariadne-codegen[subscriptions]==0.19.0"
MATCHES = """query ($first: Int!) { matches(filter: {window: NEXT_7_DAYS}, first: $first) {
  totalCount nodes { id kickoffAt } } }"""
LIVE = """subscription ($leagues: [ID!]!) { oddsChanged(leagueIds: $leagues, hasSnapshot: false) {
  kind sentAt changes { sequence quote { price { decimal } } } } }"""
SIGN_IN = """mutation { login(input: {email: "vip@demo.touchline.example", password: "a day at the match"}) {
  tokens { accessToken } errors { __typename } } }"""
OBJECTS = """{
  viewer { id bankrolls(first: 1) { nodes { id } } }
  leagues(first: 1) { nodes { id country { id } } }
  models(first: 1) { nodes { id } }
  matches(filter: {window: NEXT_7_DAYS}, first: 1) { nodes { id homeTeam { id } markets { selections { id } } } }
}"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo", "--speed", "60"], seconds=240) as product:
        installed()  # while the demo fits its models
        product.until(MATCHES, lambda data: data["matches"]["totalCount"] > 30, variables={"first": 1})
        yield product


def _report(client: str, script: str, url: str) -> dict[str, str]:
    """What the checks of a script told; one that failed fails the test."""
    done = run_node(script, url)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    failed = {name: each["failed"] for name, each in found.items() if "failed" in each}
    passed = {name: each["told"] for name, each in found.items() if "told" in each}
    _row(client, **{name.replace(" ", "-"): each for name, each in passed.items()})
    assert not failed, "\n".join(f"{client}: {name}: {why}" for name, why in failed.items())
    return passed


def test_apollo_client(demo: Product) -> None:
    found = _report(f"Apollo Client {version('@apollo/client')}", "apollo.mjs", demo.url)
    assert found.keys() == {
        "query",
        "normalised cache",
        "cache hit",
        "invalid document",
        "refused argument",
        "persisted query",
        "WebSocket link",
        "multipart subscription",
    }


def test_urql(demo: Product) -> None:
    found = _report(f"urql {version('urql')}", "urql.mjs", demo.url)
    assert found.keys() == {
        "POST",
        "GET",
        "cache hit",
        "invalid document",
        "refused argument",
        "persisted query",
        "SSE subscription",
        "useQuery in a page",
    }


def test_graphql_ws(demo: Product) -> None:
    found = _report(f"graphql-ws {version('graphql-ws')}", "graphql_ws.mjs", demo.url)
    assert found.keys() == {"query", "invalid document", "refused argument", "subscription", "bad token", "resume"}


def test_graphql_sse(demo: Product) -> None:
    found = _report(f"graphql-sse {version('graphql-sse')}", "graphql_sse.mjs", demo.url)
    assert found.keys() == {"query", "invalid document", "refused argument", "subscription", "resume"}


def test_relay_pages_through_every_connection(demo: Product, tmp_path: Path) -> None:
    schema = build_schema(SCHEMA.read_text())
    paged = connections(schema)
    assert {str(each.field.type).strip("!") for each in paged} == {
        name
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and {"edges", "pageInfo"} <= kind.fields.keys()
    }
    write_project(schema, SCHEMA, tmp_path)
    finish([program("relay-compiler"), "relay.config.json"], tmp_path)
    compiled = json.loads((tmp_path / "persisted.json").read_text())
    names = {document.split()[1].partition("(")[0] for document in compiled.values()}
    pages = {f"{each.module}{end}" for each in paged for end in ("Query", "PageQuery")}
    assert names == pages | set(WRITING)
    answered = sum(_answers(demo, compiled.values(), {each.module: each.parent.name for each in paged}))
    _row(f"relay-compiler {version('relay-compiler')}", connections=len(paged), operations=len(names), asked=answered)
    assert answered == len(pages)


def _row(client: str, **figures: object) -> None:
    told(f"{client:<24}", **figures)


def _answers(demo: Product, documents: Any, owners: Mapping[str, str]) -> Iterator[bool]:
    """Whether the server answers what Relay would send, of each query without errors."""
    token = demo.query(SIGN_IN)["login"]["tokens"]["accessToken"]
    with httpx.Client(headers={"authorization": f"Bearer {token}"}, timeout=60) as http:
        ids = _objects(http.post(demo.url, json={"query": OBJECTS}).json()["data"])
        for document in documents:
            kind, name = document.split()[:2]
            if kind != "query":
                continue
            module = name.partition("(")[0].removesuffix("Query").removesuffix("Page")
            variables = {"first": 2, "id": ids.get(owners[module])}
            body = http.post(demo.url, json={"query": document, "variables": variables}).json()
            assert "errors" not in body, f"{name}: {body['errors']}"
            (value,) = body["data"].values()
            yield value is not None


def _objects(data: Any) -> dict[str, str]:
    """An id for each type that has connections."""
    match, league, viewer = data["matches"]["nodes"][0], data["leagues"]["nodes"][0], data["viewer"]
    return {
        "Bankroll": viewer["bankrolls"]["nodes"][0]["id"],
        "Country": league["country"]["id"],
        "League": league["id"],
        "Match": match["id"],
        "Model": data["models"]["nodes"][0]["id"],
        "Selection": match["markets"][0]["selections"][0]["id"],
        "Team": match["homeTeam"]["id"],
        "User": viewer["id"],
    }


async def test_gql(demo: Product) -> None:
    async with Client(transport=HTTPXAsyncTransport(demo.url), fetch_schema_from_transport=True) as session:
        assert session.client.schema is not None
        read = print_schema(session.client.schema)
        assert set(build_schema(read).type_map) == set(build_schema(SCHEMA.read_text()).type_map)
        answer = await session.execute(GraphQLRequest(MATCHES, variable_values={"first": 3}))
        assert all(datetime.fromisoformat(match["kickoffAt"]).tzinfo for match in answer["matches"]["nodes"])
        with pytest.raises(TransportQueryError) as refused:
            await session.execute(GraphQLRequest(MATCHES, variable_values={"first": 101}))
        assert refused.value.errors is not None
        assert refused.value.errors[0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": "first"}
        leagues = (await session.execute(GraphQLRequest("{ leagues { nodes { id } } }")))["leagues"]["nodes"]
    async with Client(transport=WebsocketsTransport(url=demo.url.replace("http", "ws", 1))) as session:
        followed = session.subscribe(
            GraphQLRequest(LIVE, variable_values={"leagues": [league["id"] for league in leagues]})
        )
        async with asyncio.timeout(30):
            change = await anext(
                update["oddsChanged"]["changes"][0]
                async for update in followed
                if update["oddsChanged"]["kind"] == "DELTA"
            )
    _row("gql 4", types=len(read.split("\ntype ")) - 1, query=3, refused="BAD_USER_INPUT", change=change["sequence"])


def test_ariadne_codegen(demo: Product, tmp_path: Path) -> None:
    work = _work("ariadne", tmp_path)
    alone = ["uv", "run", "--isolated", "--no-project", "--quiet", "--with", ARIADNE]
    finish([*alone, "ariadne-codegen"], work)
    found = json.loads(finish([*alone, "python", "client.py", demo.url], work))
    _row("ariadne-codegen 0.19", **found)
    assert found["pages"].endswith("pages")
    assert found.keys() >= {"node", "mutation", "Decimal", "subscription"}


def test_graphql_codegen(demo: Product, tmp_path: Path) -> None:
    work = _work("codegen", tmp_path)
    (work / "node_modules").symlink_to(installed() / "node_modules")
    finish([program("graphql-codegen"), "--config", "codegen.mjs"], work)
    finish([program("tsc")], work)
    found = json.loads(finish(["node", "built/saved.js", demo.url], work))
    lines = len((work / "generated" / "graphql.ts").read_text().splitlines())
    _row(f"codegen {version('@graphql-codegen/cli')}", lines=lines, **found)


def _work(name: str, folder: Path) -> Path:
    """A folder of `tests/foreign/` beside the schema and the saved operations."""
    work = folder / name
    shutil.copytree(FOREIGN / name, work)
    shutil.copy(SCHEMA, work)
    if not (work / "operations.graphql").exists():
        shutil.copy(OPERATIONS, work / "operations.graphql")
    return work
