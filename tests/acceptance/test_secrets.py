"""Secrets planted in every setting that may hold one, and every process forced into errors: nobody tells them.

The servers die under the processes, a table is dropped, mail, spans and reports find nobody who takes them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
import websockets
from redis import Redis

from domain.infra.database import Database
from tests.acceptance.person import told
from tests.acceptance.product import TOUCHLINE, clean_environment
from tests.people import CHEAP, person
from workers.stack.embedded import Servers, start_servers

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

PROCESSES = ("api", "worker", "scheduler")
PLANTED = {
    "database": "planted-in-the-database-url",
    "redis": "planted-in-the-redis-url",
    "mail": "planted/in the@smtp-url",
    "sentry": "plantedinthesentrydsn",
    "metrics": "planted-in-the-metrics-token",
    "key": "planted-in-the-secret-key-that-signs-every-token",
    "person": "planted as the password of a person",
    "socket": "planted-in-frames",
}
PERSON = {"email": "ann@example.com", "password": PLANTED["person"]}
REQUEST = "the-one-that-asks-for-mail"
REGISTER = """mutation ($input: RegisterInput!) {
  register(input: $input) { isAccepted errors { ... on UserError { message } } } }"""
ON_A_SOCKET = {"email": "sam@example.com", "password": PLANTED["socket"]}
LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { errors { ... on UserError { message } } } }"
SIGN_IN = "mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken refreshToken } } }"
REFRESH = """mutation ($input: RefreshTokensInput!) {
  refreshTokens(input: $input) { tokens { accessToken refreshToken } } }"""
TAIL = 12
"""Characters at the end of a token that nobody else has; of a long frame only its two ends would be told."""


@dataclass
class Deployment:
    """The three processes of a deployment."""

    url: str
    running: dict[str, subprocess.Popen[bytes]]
    folder: Path
    answers: str = ""
    """All that the API said."""

    def ask(self, document: str, **given: Any) -> httpx.Response:
        return self.heard(httpx.post(f"{self.url}/graphql", json={"query": document, "variables": given}, timeout=60))

    def read(self, path: str) -> httpx.Response:
        return self.heard(httpx.get(f"{self.url}{path}", timeout=60))

    def heard(self, answer: httpx.Response) -> httpx.Response:
        self.answers += f"{answer.headers}\n{answer.text}\n"
        return answer

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@contextmanager
def deployed(servers: Servers, folder: Path) -> Iterator[Deployment]:
    """A deployment that has a secret in each of its settings."""
    with socket.create_server(("127.0.0.1", 0)) as nobody, socket.create_server(("127.0.0.1", 0)) as free:
        silent, port = nobody.getsockname()[1], free.getsockname()[1]  # nobody listens there when they are closed
    environment = clean_environment(
        DATABASE_URL=servers.database_url.replace("touchline@", f"touchline:{PLANTED['database']}@"),
        REDIS_URL=servers.redis_url.replace("unix://", f"unix://:{PLANTED['redis']}@"),
        TOUCHLINE_SMTP_URL=f"smtp://somebody:{quote(PLANTED['mail'], safe='')}@127.0.0.1:{silent}",
        TOUCHLINE_SENTRY_DSN=f"http://{PLANTED['sentry']}@127.0.0.1:{silent}/1",
        TOUCHLINE_OTLP_ENDPOINT=f"http://127.0.0.1:{silent}",
        TOUCHLINE_METRICS_TOKEN=PLANTED["metrics"],
        TOUCHLINE_SECRET_KEY=PLANTED["key"],
        TOUCHLINE_LOG_LEVEL="debug",
        TOUCHLINE_PORT=str(port),
    )
    subprocess.run([TOUCHLINE, "migrate"], env=environment, check=True, capture_output=True, timeout=120)
    with ExitStack() as stack:
        running = {}
        for name in PROCESSES:
            out = stack.enter_context((folder / f"{name}.log").open("wb"))
            running[name] = subprocess.Popen([TOUCHLINE, name], env=environment, stdout=out, stderr=out)
            stack.callback(running[name].kill)
        deployment = Deployment(f"http://127.0.0.1:{port}", running, folder)
        until(lambda: _is_ready(deployment))
        yield deployment


def _is_ready(deployment: Deployment) -> bool:
    try:
        return deployment.read("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not after {seconds:.0f} s"
        time.sleep(0.2)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="touchline-secrets-") as name:
        Path(name).chmod(0o711)  # root's servers run as nobody, who must be able to pass
        yield Path(name)


async def drop_a_table(servers: Servers) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("drop table account cascade")
    await connection.close()


async def signed_in_on_a_socket(deployment: Deployment, servers: Servers) -> list[str]:
    """Sign somebody in and trade the tokens, over a WebSocket; the ends of all tokens that were told."""
    database = await Database.connect(servers.database_url)
    await person(database, ON_A_SOCKET["email"], password_hash=CHEAP.hash(ON_A_SOCKET["password"]))
    await database.close()
    async with websockets.connect(
        f"{deployment.url.replace('http', 'ws')}/graphql", subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as socket:

        async def traded(document: str, given: dict[str, str]) -> dict[str, str]:
            payload = {"query": document, "variables": {"input": given}}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}, separators=(",", ":")))
            answer, done = json.loads(await socket.recv()), json.loads(await socket.recv())
            assert done["type"] == "complete"
            [payload] = answer["payload"]["data"].values()
            tokens: dict[str, str] = payload["tokens"]
            return tokens

        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        first = await traded(SIGN_IN, ON_A_SOCKET)
        second = await traded(REFRESH, {"refreshToken": first["refreshToken"]})
    return [token[-TAIL:] for token in (*first.values(), *second.values())]


def lock(servers: Servers) -> None:
    """From now on Redis wants the password that everybody has been told."""
    with Redis.from_url(servers.redis_url) as client:
        client.config_set("requirepass", PLANTED["redis"])


def test_no_planted_secret_is_told(folder: Path) -> None:
    with ExitStack() as stack:
        with start_servers(durable=False) as servers:
            lock(servers)
            deployment = stack.enter_context(deployed(servers, folder))
            _mail_finds_nobody(deployment)
            tokens = asyncio.run(signed_in_on_a_socket(deployment, servers))
            asyncio.run(drop_a_table(servers))
            error = deployment.ask(LOGIN, input=PERSON).json()["errors"][0]["extensions"]
            assert error["code"] == "INTERNAL"
            assert error["id"] in deployment.log("api")
            assert deployment.read("/metrics").status_code == httpx.codes.UNAUTHORIZED
        _servers_are_gone(deployment)
        for process in deployment.running.values():
            process.terminate()
        codes = {name: process.wait(60) for name, process in deployment.running.items()}
        logs = {name: deployment.log(name) for name in PROCESSES}
    for name, text in {**logs, "answers": deployment.answers}.items():
        found = [each for each in [*PLANTED.values(), *tokens] if each in text or quote(each, safe="") in text]
        assert found == [], name
    told("secrets", planted=len(PLANTED), found=0, characters={name: len(text) for name, text in logs.items()})
    assert codes == dict.fromkeys(PROCESSES, 0)


def _mail_finds_nobody(deployment: Deployment) -> None:
    body = {"query": REGISTER, "variables": {"input": {**PERSON, "isOfLegalAge": True}}}
    sent = httpx.post(f"{deployment.url}/graphql", json=body, headers={"x-request-id": REQUEST}, timeout=60)
    answer = deployment.heard(sent).json()
    assert answer["data"]["register"] == {"isAccepted": True, "errors": []}
    until(lambda: f"request={REQUEST} job=outbox-" in deployment.log("worker"))  # its cause stands at every line


def _servers_are_gone(deployment: Deployment) -> None:
    """Every process comes to see it, and says so."""
    before = {name: len(deployment.log(name)) for name in PROCESSES}
    assert deployment.read("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
    deployment.ask("{ matches(first: 1) { nodes { id } } }")
    until(lambda: all(len(deployment.log(name)) > before[name] for name in PROCESSES))
