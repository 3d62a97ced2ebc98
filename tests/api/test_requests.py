"""What every request passes first: its id, what is logged under it, and what becomes of it when the process stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
import pytest
import uvicorn

from api.app import create_app
from api.edge.server import Server
from api.nodes import global_id
from domain.infra.database import Database
from domain.infra.logs import identity
from domain.infra.settings import Settings
from tests.api.client import Client
from tests.factories import Factory
from tests.serving import socket
from tests.workers.conftest import until

WAITING = """select count(*) from pg_locks
             where not granted and database = (select oid from pg_database where datname = current_database())"""


class _Heard(logging.Handler):
    """What was logged, with the ids that held then."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[str, str, dict[str, str]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.getMessage(), identity()))


@pytest.fixture
def heard() -> Iterator[_Heard]:
    handler, root, access = _Heard(), logging.getLogger(), logging.getLogger("touchline.access")
    root.addHandler(handler)
    access.setLevel(logging.DEBUG)
    yield handler
    access.setLevel(logging.NOTSET)
    root.removeHandler(handler)


@pytest.mark.parametrize("name", ["a", "0af7651916cd43dd8448eb211c80319c", "web.7_x-1", "x" * 64])
async def test_a_good_id_is_kept(client: Client, name: str) -> None:
    response = await client.http.get("/healthz", headers={"x-request-id": name})
    assert response.headers["x-request-id"] == name


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "<script>", "a\tb", "ü".encode()])
async def test_another_one_is_replaced(client: Client, name: str) -> None:
    first = await client.http.get("/healthz", headers={"x-request-id": name})
    second = await client.http.get("/healthz", headers={"x-request-id": name})
    ids = {first.headers["x-request-id"], second.headers["x-request-id"]}
    assert len(ids) == 2
    assert all(len(each) == 16 and each.isalnum() for each in ids)


async def test_every_answer_has_one(client: Client) -> None:
    answers = [
        await client.http.get("/nowhere"),
        await client.http.put("/graphql"),
        await client.http.post("/graphql", content=b"not json", headers={"content-type": "application/json"}),
        await client.http.post("/graphql", json={"query": "{ a }"}, headers={"authorization": "Bearer nonsense"}),
        await client.http.post("/graphql", json={"query": "{ countries { name } }"}),
    ]
    assert [answer.status_code for answer in answers][:4] == [404, 405, 400, 401]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_what_nobody_expected_is_answered_with_an_id_that_the_log_carries(client: Client, heard: _Heard) -> None:
    async def break_down() -> None:
        raise RuntimeError("postgresql://ann:hunter2@db/touchline is away")

    client.app.add_api_route("/breaks", break_down)
    response = await client.http.get("/breaks", headers={"x-request-id": "r-1"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r-1"
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in response.text
    assert [ids for _, text, ids in heard.lines if error["extensions"]["id"] in text] == [{"request": "r-1"}]


async def test_resolvers_log_under_the_id_of_their_request(client: Client, database: Database, heard: _Heard) -> None:
    await database.pool.execute("alter table country rename to gone")
    response = await client.http.post(
        "/graphql", json={"query": "{ countries { name } }"}, headers={"x-request-id": "r-2"}
    )
    name = response.json()["errors"][0]["extensions"]["id"]
    assert [ids for _, text, ids in heard.lines if name in text] == [{"request": "r-2"}]


async def test_access_is_logged_without_what_was_sent(client: Client, heard: _Heard) -> None:
    await client.http.get("/files/swordfish?signature=swordfish")
    await client.http.post("/graphql", json={"query": "query swordfish { countries { name } }"})
    lines = [text for name, text, _ in heard.lines if name == "touchline.access"]
    assert [line.rsplit(" ", 2)[0] for line in lines] == ["GET /files/{job} 404", "POST /graphql 200"]
    assert not [text for _, text, _ in heard.lines if "swordfish" in text and "httpx" not in text]


@dataclass
class _Running:
    """A server of this process, as `python -m api` runs it."""

    server: Server
    task: asyncio.Task[None]

    @property
    def port(self) -> int:
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """What the signal does."""
        self.server.should_exit = True


@asynccontextmanager
async def _running(database_url: str, redis_url: str) -> AsyncIterator[_Running]:
    app = create_app(Settings(database_url=database_url, redis_url=redis_url))
    server = Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"), app.state.traffic)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the API did not start"
        await asyncio.sleep(0.01)
    running = _Running(server, task)
    try:
        yield running
    finally:
        running.stop()
        await task


@asynccontextmanager
async def _held(database_url: str, table: str) -> AsyncIterator[asyncpg.Connection]:
    """A table that nobody can read meanwhile."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"begin; lock table {table} in access exclusive mode")
    try:
        yield connection
    finally:
        await connection.close()


async def _waits(connection: asyncpg.Connection) -> None:
    """Until somebody waits for the table."""

    async def is_waited_for() -> bool:
        return bool(await connection.fetchval(WAITING))

    await until(is_waited_for)


async def test_a_process_that_stops_answers_what_was_asked_and_hangs_up_on_the_rest(
    database_url: str, redis_url: str, factory: Factory
) -> None:
    league = global_id("League", await factory.league("england-premier-league"))
    document = "subscription ($ids: [ID!]) { oddsChanged(leagueIds: $ids) { kind } }"
    asked = {"query": document, "variables": {"ids": [league]}}
    async with (
        _running(database_url, redis_url) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as http,
        socket(running.port) as opened,
        http.stream("POST", "/graphql", json=asked, headers={"accept": "text/event-stream"}) as stream,
    ):
        lines = stream.aiter_lines()
        assert [line async for line in _until(lines, "event: next")]
        async with _held(database_url, "country") as connection:
            slow = asyncio.create_task(http.post("/graphql", json={"query": "{ countries { name } }"}))
            await _waits(connection)
            running.stop()
            assert (await opened.closed())[0] == 1012
            rest = [line async for line in lines]
            ready = await http.get("/readyz")
            alive = await http.get("/healthz")
            assert not slow.done()
        answer = await slow
        await running.task
        with pytest.raises(httpx.ConnectError):
            await http.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the process stops\n")
    assert alive.status_code == 200
    assert answer.status_code == 200
    assert answer.json() == {"data": {"countries": [{"name": "England"}]}}
    assert "event: complete" not in rest  # it is not: its client shall come again


async def test_a_statement_that_never_ends_does_not_keep_a_process(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.edge.server.STOP_WITHIN", 0.2)
    monkeypatch.setattr("domain.infra.database.CLOSE_WITHIN", 0.2)
    async with (
        _held(database_url, "country") as connection,
        _running(database_url, redis_url) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=30) as http,
    ):
        slow = asyncio.create_task(http.post("/graphql", json={"query": "{ countries { name } }"}))
        await _waits(connection)
        running.stop()
        await running.task
        answer = await slow
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["message"].startswith("The server stops")
    assert answer.headers["x-request-id"]


async def _until(lines: AsyncIterator[str], wanted: str) -> AsyncIterator[str]:
    """Lines up to the wanted one."""
    async for line in lines:
        yield line
        if line == wanted:
            return


async def test_a_socket_is_greeted_with_its_id(database_url: str, redis_url: str) -> None:
    async with (
        _running(database_url, redis_url) as running,
        socket(running.port, additional_headers={"x-request-id": "s-1"}) as opened,
    ):
        headers = opened._connection.response.headers  # type: ignore[union-attr]
    assert headers["x-request-id"] == "s-1"
