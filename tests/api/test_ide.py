"""What browsers are given: GraphiQL and the front page, their files and policy, and the operations that are saved."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from fastapi import FastAPI
from graphql import OperationDefinitionNode, build_schema, parse, separate_operations, validate

from api.app import create_app
from api.edge.ide import POLICY, WEB
from api.export import schema_text
from api.nodes import global_id
from domain.infra.database import Database
from domain.infra.settings import Settings, read_settings
from tests.api.client import OPERATIONS, Client, operation, serving
from tests.bettors import make_bankroll
from tests.factories import Factory, card
from tests.people import bearer, open_desk, person, signed_in
from tests.season_world import make_season, speak
from tests.serving import Socket, socket
from tests.serving import serving as serving_on_a_port
from workers.demo_people import ACCOUNTS
from workers.stack.processes import Deployment

CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
BROWSERS = (CHROMIUM, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html")
OTHERS = (
    "*/*",
    "",
    "application/json",
    "application/graphql-response+json, application/json, text/html;q=0.2",
    "text/html, application/json",
    "text/html;q=0",
    "text/html;q=much, application/json",
    "text/event-stream",
)
TYPES: Mapping[str, str] = MappingProxyType(
    {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
)
LONGEST = 600
"""Lines of a file that somebody still reads."""


def _app(**settings: Any) -> FastAPI:
    """The application of a deployment, not begun: its pages need no server."""
    return create_app(read_settings(database_url="postgresql:///x", redis_url="redis:///", **settings))


@asynccontextmanager
async def _browsing(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers={"accept": CHROMIUM}) as http:
        yield http


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with _browsing(_app()) as opened:
        yield opened


@pytest.mark.parametrize("accept", BROWSERS)
async def test_a_browser_finds_graphiql(browser: httpx.AsyncClient, accept: str) -> None:
    answer = await browser.get("/graphql", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<title>GraphiQL" in answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert "accept" in answer.headers["vary"].lower()


async def test_everybody_else_finds_the_graph(client: Client) -> None:
    for accept in OTHERS:
        answer = await client.http.get("/graphql", headers={"accept": accept})
        assert "text/html" not in answer.headers.get("content-type", ""), accept
    answer = await client.http.get("/graphql", params={"query": "{ __typename }"}, headers={"accept": OTHERS[2]})
    assert answer.json()["data"] == {"__typename": "Query"}
    posted = await client.http.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": CHROMIUM})
    assert "text/html" not in posted.headers["content-type"]


async def test_nothing_of_graphiql_is_served_where_it_is_off(
    database_url: str, redis_url: str, factory: Factory
) -> None:
    settings = Settings(database_url=database_url, redis_url=redis_url, graphiql=False)
    async with serving(settings) as client:
        assert "<title>" not in (await client.http.get("/graphql", headers={"accept": CHROMIUM})).text
        for file in ("main.js", "index.html", "operations.graphql", "accounts.json"):
            assert (await client.http.get(f"/web/graphiql/{file}")).status_code == 404
        assert (await client.http.get("/", headers={"accept": CHROMIUM})).status_code == 200


@pytest.mark.parametrize("part", ["script-src 'self'", "style-src 'self'", "default-src 'none'", "connect-src 'self'"])
def test_the_policy_lets_nothing_in_from_outside(part: str) -> None:
    assert part in POLICY.split("; ")
    assert "unsafe" not in POLICY


class _Tags(HTMLParser):
    """What a page loads, and what stands in it that the policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.forbidden: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside = tag
        self.forbidden += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        self.forbidden += ["style"] if tag == "style" else []
        if tag in {"script", "img", "link"}:
            self.loaded.append(given.get("src") or given.get("href") or "nothing")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script" and data.strip():
            self.forbidden.append(data)


def _imports(source: str) -> list[str]:
    return re.findall(r"^import\b[^']*?from '([^']+)'", source, re.MULTILINE)


@pytest.mark.parametrize(("path", "folder"), [("/graphql", "graphiql"), ("/", "front")])
async def test_a_page_loads_its_own_files_and_all_of_them(browser: httpx.AsyncClient, path: str, folder: str) -> None:
    tags = _Tags()
    tags.feed((await browser.get(path)).text)
    assert tags.forbidden == []
    waiting = [urljoin(path, file) for file in tags.loaded]
    loaded: set[str] = set()
    while waiting:
        address = waiting.pop()
        if address in loaded:
            continue
        loaded.add(address)
        file = await browser.get(address)
        assert file.status_code == 200, address
        assert file.headers["content-type"].startswith(TYPES[PurePosixPath(address).suffix]), address
        assert file.headers["cache-control"] == "no-cache"
        if address.endswith(".js"):
            waiting += [urljoin(address, name) for name in _imports(file.text)]
    present = {f"/web/{file.relative_to(WEB).as_posix()}" for file in (WEB / folder).rglob("*.*")}
    assert present - {f"/web/{folder}/index.html"} == {file for file in loaded if file.startswith(f"/web/{folder}/")}


def _files() -> list[Path]:
    return sorted(file for file in WEB.rglob("*.*") if file.is_file())


@pytest.mark.parametrize("file", _files(), ids=lambda file: file.relative_to(WEB).as_posix())
def test_no_file_knows_another_host_or_is_too_long(file: Path) -> None:
    text = file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"(?:https?|wss?)://[\w.]|[\"'(]//\w", text)
    assert not re.search(r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write)\b", text)
    assert text.count("\n") < LONGEST


async def test_a_file_that_is_known_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    first = await browser.get("/web/graphiql/main.js")
    again = await browser.get("/web/graphiql/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)


async def test_the_schema_is_a_file(browser: httpx.AsyncClient) -> None:
    first = await browser.get("/schema.graphql")
    assert first.text == schema_text()
    assert first.headers["content-type"].startswith("text/plain")
    again = await browser.get("/schema.graphql", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_schema_that_is_hidden_is_no_file() -> None:
    async with _browsing(_app(introspection=False)) as browser:
        answer = await browser.get("/schema.graphql")
        assert (answer.status_code, "type Query" in answer.text) == (404, False)


async def test_nobody_is_offered_but_in_a_demo(browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await browser.get("/web/graphiql/accounts.json")).json() == {}
    deployment = Deployment(
        data_dir=Path("/nowhere"),
        database_url="postgresql:///x",
        redis_url="redis:///",
        host="127.0.0.1",
        port=8000,
        secret_key="a key of the tests alone, long enough",
        example_accounts=ACCOUNTS,
    )
    monkeypatch.setenv("TOUCHLINE_EXAMPLE_ACCOUNTS", deployment.environment()["TOUCHLINE_EXAMPLE_ACCOUNTS"])
    async with _browsing(_app()) as demo:
        assert (await demo.get("/web/graphiql/accounts.json")).json() == dict(ACCOUNTS)


DOCUMENT = parse(OPERATIONS.read_text())
SAVED = {
    node.name.value: node.operation.value
    for node in DOCUMENT.definitions
    if isinstance(node, OperationDefinitionNode) and node.name is not None
}


def test_saved_operations_are_told_by_a_comment_and_are_in_the_contract() -> None:
    contract = build_schema(schema_text())
    for name, document in separate_operations(DOCUMENT).items():
        assert validate(contract, document) == [], name
        assert re.search(rf"^# .+\.?\n(?:query|mutation|subscription) {name}\b", OPERATIONS.read_text(), re.MULTILINE)


class _Asker:
    """Somebody signed in, at an API with a day of matches, who runs saved operations."""

    def __init__(self, port: int, headers: Mapping[str, str], known: dict[str, Any]) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers)
        self.known = known
        self.port = port
        self.token = headers["Authorization"].partition(" ")[2]

    async def run(self, name: str) -> Any:
        """The data of an operation; errors fail the test."""
        answer = await self._http.post("/graphql", json={"query": operation(name), "variables": self.variables(name)})
        body = answer.json()
        assert "errors" not in body, f"{name}: {body['errors']}"
        return body["data"]

    def variables(self, name: str) -> dict[str, Any]:
        """Values for what an operation declares; what has a default or may be missing is left out."""
        declared = re.findall(r"\$(\w+): [^,()=]+![,)]", operation(name))
        return {variable: self.known[f"{name}.{variable}"] for variable in declared}

    async def begin(self, opened: Socket, name: str) -> None:
        await opened.subscribe(operation(name), self.variables(name))

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def asker(database: Database, database_url: str, redis_url: str, factory: Factory) -> AsyncIterator[_Asker]:
    matches = [global_id("Match", match) for match in await card(factory, 3)]
    season = await make_season(factory, "england-championship", code="E1")
    await speak(factory, season)
    async with open_desk(database, redis_url) as desk:
        account = await person(desk, "ann@example.com")
        headers = bearer(await signed_in(desk, account))
    bankroll = global_id("Bankroll", await make_bankroll(database.pool, account))
    async with serving_on_a_port(database_url, redis_url) as api:
        known = {
            **{f"{name}.id": matches[0] for name in ("OddsBoard", "TimeTravel", "Scenario", "Combo")},
            "LiveOdds.ids": matches[:1],
            "TimeTravel.t": "2026-03-14T11:00:00Z",
            "Title.league": "england-championship",
            "Value.bankroll": bankroll,
            "MyModel.key": "one",
            "Place.input": {
                "bankrollId": bankroll,
                "legs": [{"description": "By hand", "decimalOdds": 2.5}],
                "stake": {"amount": "5.00", "currencyCode": "EUR"},
            },
            "SimulateTable.input": {"seasonId": global_id("Season", season.season)},
        }
        opened = _Asker(api.port, headers, known)
        yield opened
        await opened.close()


async def test_saved_queries_and_mutations_run(asker: _Asker) -> None:
    data = {name: await asker.run(name) for name, kind in SAVED.items() if kind != "subscription"}
    assert data["Today"]["matches"]["totalCount"] == 3
    assert len(data["OddsBoard"]["match"]["oddsBoard"]["rows"]) > 0
    assert data["Scenario"]["match"]["forecast"]["basis"] == "SCENARIO"
    assert data["Combo"]["comboPrice"]["probability"] > 0
    assert len(data["Title"]["league"]["currentSeason"]["tableForecast"]["rows"]) > 1
    assert data["SimulateTable"]["requestTableForecast"]["job"]["status"] == "QUEUED"
    assert data["Place"]["placeBet"]["bet"]["status"] == "PENDING"
    assert data["Ops"]["rateLimit"]["cost"] > 0


async def test_saved_subscriptions_run(asker: _Asker) -> None:
    assert {name for name, kind in SAVED.items() if kind == "subscription"} == {"LiveOdds", "Settled", "Progress"}
    async with socket(asker.port, token=asker.token) as opened:
        await asker.begin(opened, "LiveOdds")
        assert (await opened.event("oddsChanged"))["kind"] == "SNAPSHOT"
        await asker.begin(opened, "Settled")
        await opened.subscribe("{ viewer { email } }", {})
        assert (await opened.event("viewer"))["email"] == "ann@example.com"
        asker.known["Progress.id"] = (await asker.run("SimulateTable"))["requestTableForecast"]["job"]["id"]
    async with socket(asker.port, token=asker.token) as opened:
        await asker.begin(opened, "Progress")
        assert (await opened.event("jobProgressed"))["status"] == "QUEUED"
