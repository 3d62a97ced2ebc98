"""The long commands of the documents, as they stand there, and the live client on a demo whose API is killed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from types import ModuleType
from typing import Any

import asyncpg
import httpx
import pytest

from tests.acceptance.product import TOUCHLINE, Product, clean_environment, launch, running
from tests.docs.documents import command_lines, only, table, words
from tests.odds_world import until
from workers.stack.embedded import Servers, start_servers

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

MATCHES = """query { league(by: {externalRef: {provider: "football-data", value: "E0"}}) {
  name matches { totalCount } } }"""


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Somebody's servers, with an empty database."""
    with start_servers(durable=False) as opened:
        yield opened


@pytest.fixture
def given(servers: Servers) -> dict[str, str]:
    """The variables that name them."""
    return {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that root's servers could reach: the doctor looks."""
    with tempfile.TemporaryDirectory(prefix="touchline-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@contextmanager
def stack(
    command: str, data_dir: Path, variables: Mapping[str, str], *, seconds: float = 90, **places: object
) -> Iterator[Product]:
    """A documented stack command in a data folder and on a port of its own; capital words get their places."""
    product = launch(words(command, **places)[1:], data_dir, seconds=seconds, **variables)
    try:
        yield product
    finally:
        product.stop()


def _ended(command: list[str], environment: dict[str, str], seconds: float = 300) -> str:
    """What a command prints that ends by itself, and well."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_up_runs_on_given_servers_and_imports(given: dict[str, str], data_dir: Path, recorded: Path) -> None:
    with stack("uv run touchline up", data_dir, given) as product:
        assert set(product.run_file()["pids"]) == {"supervisor", "worker", "scheduler", "api"}
        command = words(
            "uv run touchline import football-data --from FOLDER --league E0 --season 2425",
            FOLDER=recorded / "football-data",
        )
        assert "2425/E0.csv: matches 380 new" in _ended(command, clean_environment(**given))
        assert product.query(MATCHES)["league"] == {"name": "Premier League", "matches": {"totalCount": 380}}
        port = str(product.run_file()["port"])
        doctor = [str(TOUCHLINE), "doctor", "--data-dir", str(data_dir), "--port", port]
        assert "problem" not in _ended(doctor, clean_environment(**given))
        assert product.stop() == 0
    assert product.processes() == []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not after {seconds} s"
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_processes_run_one_by_one(given: dict[str, str]) -> None:
    port = _free_port()
    environment = clean_environment(**given, TOUCHLINE_PORT=str(port), TOUCHLINE_SECRET_KEY=token_urlsafe(48))
    _ended(words("uv run touchline migrate"), environment)
    commands = ("uv run touchline api", "uv run touchline worker", "uv run touchline scheduler")
    processes = [subprocess.Popen(words(command), env=environment) for command in commands]
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"))
        sent = _ended([str(TOUCHLINE), "queue", "send", "nap"], environment).strip()
        _until(lambda: _status_of(given["DATABASE_URL"], sent) == "DONE")
        _ended([str(TOUCHLINE), "refresh", "value"], environment)
        _until(lambda: _outbox_is_empty(given["DATABASE_URL"]))
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(timeout=40) for process in processes]
    assert dict(zip(commands, codes, strict=True)) == dict.fromkeys(commands, 0)


def _status_of(database_url: str, job: str) -> str:
    return str(asyncio.run(_value(database_url, "select status from job where id = $1", job)))


def _outbox_is_empty(database_url: str) -> bool:
    waiting = "select count(*) from outbox where sent_at is null"
    unfinished = "select count(*) from job where status <> 'DONE'"
    return bool(asyncio.run(_value(database_url, f"select ({waiting}) + ({unfinished}) = 0")))


async def _value(database_url: str, query: str, *arguments: object) -> Any:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def test_replay_runs_at_a_speed(given: dict[str, str], data_dir: Path, recorded: Path) -> None:
    command = "uv run touchline replay --from FOLDER --league E0 --season 2425 --start 2025-02-20 --speed 600"
    clock = "query { status { clock { now speed } } }"
    with stack(command, data_dir, given, seconds=240, FOLDER=recorded / "football-data") as product:
        first = product.query(clock)["status"]["clock"]
        assert first["speed"] == 600
        assert first["now"].startswith("2025-02-2")
        product.until(clock, lambda data: data["status"]["clock"]["now"] > first["now"])
        product.until(MATCHES, lambda data: data["league"]["matches"]["totalCount"] > 0)


def test_replay_from_event_to_event(given: dict[str, str], data_dir: Path, recorded: Path) -> None:
    command = (
        "uv run touchline replay --from FOLDER --league E0 --season 2425 --start 2025-02-20 "
        "--rounds 1 --speed max --exit"
    )
    with stack(command, data_dir, given, seconds=240, FOLDER=recorded / "football-data") as product:
        assert product.process.wait(timeout=600) == 0
        product.reader.join(timeout=10)
    assert any(line.startswith("The replay is over after") for line in product.lines)
    assert any("10 of 10 matches finished" in line for line in product.lines)
    late = """select count(*) from prediction p join match m on m.id = p.match_id
              where not (p.data_cutoff_at <= p.predicted_at and p.predicted_at <= m.kickoff_at)"""
    assert asyncio.run(_value(given["DATABASE_URL"], "select count(*) from prediction")) > 0
    assert asyncio.run(_value(given["DATABASE_URL"], late)) == 0


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo", "--speed", "60"]) as product:
        yield product


def test_demo_prints_what_the_readme_shows(demo: Product) -> None:
    shown = only("text", document="README.md", holding="Touchline is ready").text
    port = str(demo.run_file()["port"])
    expected = shown.replace("8000", port).splitlines()
    start = demo.lines.index(expected[0])
    _until(lambda: len(demo.lines) >= start + len(expected))
    assert demo.lines[start : start + len(expected)] == expected


def test_data_folder_holds_what_is_told(demo: Product) -> None:
    present = {path.name for path in demo.data_dir.iterdir()}
    seldom = {"mail", "cache"}  # with the first e-mail; where code cannot be compiled beside itself
    assert present | seldom == {row[0] for row in table("workers/README.md", "path")}


def test_first_query_by_curl(demo: Product) -> None:
    [line] = [line for line in command_lines() if line.startswith("curl ")]
    port = str(demo.run_file()["port"])
    answer = subprocess.run(["sh", "-c", line.replace("8000", port)], capture_output=True, text=True, check=True)
    assert '"homeTeam"' in answer.stdout


def _client(folder: Path, host: str) -> ModuleType:
    """The documented client as a module that asks this host."""
    file = folder / "live_client.py"
    file.write_text(only("python", document="api/README.md", holding="connect(").text)
    spec = importlib.util.spec_from_file_location("live_client", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.HOST = host
    found: ModuleType = module
    return found


async def test_live_client_survives_a_killed_api(demo: Product, tmp_path: Path) -> None:
    client: Any = _client(tmp_path, f"127.0.0.1:{demo.run_file()['port']}")
    kinds: list[str] = []
    sequences: list[int] = []

    def take(update: dict[str, Any]) -> None:
        kinds.append(update["kind"])
        if update["kind"] == "DELTA":
            sequences.extend(change["sequence"] for change in update["changes"])

    async def until_more(count: int) -> None:
        wanted = len(sequences) + count
        await until(lambda: len(sequences) >= wanted or following.done(), seconds=90)
        assert not following.done(), following.exception()

    following = asyncio.create_task(client.follow(await asyncio.to_thread(client.all_leagues), take))
    await until_more(1)
    # The snapshot comes in pages: what was committed before its last one may be there and not told again.
    shown = await _value(demo.run_file()["database_url"], "select max(sequence) from quote_change")
    await until(lambda: sequences[-1] > shown + 10 or following.done(), seconds=90)
    os.kill(demo.run_file()["pids"]["api"], signal.SIGKILL)
    await until_more(40)
    following.cancel()
    assert kinds.count("GAP") == 0
    live = [sequence for sequence in sequences if sequence > shown]
    assert live == list(range(shown + 1, live[-1] + 1)), "a change is missing, or came twice"
