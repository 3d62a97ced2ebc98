"""The whole start with real servers, and small stand-ins for the application's own processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.workers.stack.demos import left_after, processes_of, running_demo

API = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
    def log_message(self, *args): pass
address = (os.environ["TOUCHLINE_HOST"], int(os.environ["TOUCHLINE_PORT"]))
http.server.ThreadingHTTPServer(address, Answer).serve_forever()
"""
SHOW = "import os, sys; print(sys.argv[1:], os.environ['DATABASE_URL'], flush=True)\n"
WAIT = SHOW + "import time; time.sleep(600)\n"
MODULES = {
    "api/__main__.py": API,
    "workers/worker.py": WAIT,
    "workers/scheduler.py": WAIT,
    "workers/seed_demo.py": SHOW,
    "domain/migrations/__main__.py": SHOW,
}
TOUCHLINE = """
import sys
from pathlib import Path
from workers.stack import processes
processes.APPLICATION = Path(sys.argv.pop(1))
from touchline.cli import main
main()
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """`touchline` with the stand-ins in place of the application's processes."""
    root = tmp_path / "stand-ins"
    for name, text in MODULES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for package in ("api", "workers", "domain", "domain/migrations"):
        (root / package / "__init__.py").touch()  # with it our packages of the same name are hidden
    return [sys.executable, "-c", TOUCHLINE, str(root)]


@pytest.fixture
def environment() -> dict[str, str]:
    """The caller's environment without servers in it."""
    return {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}


async def count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("select count(*) from kept"))
    finally:
        await connection.close()


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept as select generate_series(1, 10000) as n")
    await connection.close()


def test_a_demo_starts_says_where_it_is_and_stops_without_a_trace(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    with running_demo([*command, "demo", "--seed", "3"], data_dir, environment=environment) as demo:
        told = demo.told
        assert demo.process.stdout is not None
        lines = [demo.process.stdout.readline().split() for _ in range(6)]
        assert [line[0] for line in lines] == ["GraphQL", "Live", "Health", "Sign", "Data", "Pids"]
        assert [lines[0][1], lines[1][1], lines[2][1]] == [told["graphql"], told["live"], told["health"]]
        assert told["port"] > 0
        assert lines[3][:3] == ["Sign", "in", "free@demo.touchline.example,"]
        assert lines[4][1] == str(data_dir)
        assert set(told["pids"]) == {"supervisor", "postgres", "redis", "worker", "scheduler", "api"}
        for name, pid in told["pids"].items():
            assert str(data_dir) in " ".join(psutil.Process(pid).cmdline()), name
        assert (data_dir / "logs" / "seed.log").read_text().startswith("['--seed', '3', '--speed', '1', '--data-dir'")
        family = demo.family()
        assert demo.stop() == 0
        assert left_after(0, data_dir, family) == []
        assert not (data_dir / "run.json").exists()


def test_a_mail_that_a_worker_leaves_is_told_on_the_terminal(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    with running_demo([*command, "demo"], data_dir, environment=environment) as demo:
        (data_dir / "mail").mkdir()
        draft = data_dir / "mail" / "1.new"
        draft.write_text("From: us\nTo: ann@example.com\nSubject: Confirm\n\nthe code\n")
        path = draft.rename(data_dir / "mail" / "1.txt")
        assert demo.process.stderr is not None
        told = next(line for line in demo.process.stderr if line.startswith("E-mail"))
        assert told == f"E-mail to ann@example.com: Confirm -> {path}\n"
        assert demo.stop() == 0


async def test_after_kill_9_nothing_is_left_and_the_next_start_has_every_row(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    with running_demo([*command, "demo"], data_dir, environment=environment) as demo:
        await fill(demo.told["database_url"])
        family = demo.family()
        demo.kill()
        assert left_after(2, data_dir, family) == []
    with running_demo([*command, "demo"], data_dir, environment=environment, seconds=10) as demo:
        assert await count(demo.told["database_url"]) == 10000
        assert demo.stop(signal.SIGTERM) == 0
    assert processes_of(data_dir) == []


def test_a_killed_child_is_replaced_and_told(
    command: list[str], environment: dict[str, str], data_dir: Path, eventually: Callable[..., None]
) -> None:
    with running_demo([*command, "demo"], data_dir, environment=environment) as demo:
        first = demo.told["pids"]
        for name in ("redis", "worker"):
            os.kill(first[name], signal.SIGKILL)
        eventually(
            lambda: (
                not {first["redis"], first["worker"]} & set(demo.told["pids"].values()) and len(demo.told["pids"]) == 6
            )
        )
        assert demo.told["pids"]["api"] == first["api"]
        assert demo.stop() == 0


def test_a_second_demo_on_the_folder_is_refused_and_one_elsewhere_is_not(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    other = data_dir.with_name("other")
    with running_demo([*command, "demo"], data_dir, environment=environment) as demo:
        refused = subprocess.run(
            [*command, "demo", "--data-dir", str(data_dir)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert f"{data_dir} is in use by process {demo.process.pid}. Stop that one" in refused.stderr
        with running_demo([*command, "demo"], other, environment=environment) as second:
            assert second.told["port"] != demo.told["port"]
            assert second.stop() == 0
        assert demo.stop() == 0


def test_a_taken_port_is_refused_before_anything_is_started(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = subprocess.run(
            [*command, "demo", "--data-dir", str(data_dir), "--port", port],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in refused.stderr
    assert "`--port 0`" in refused.stderr
    assert not (data_dir / "postgres").exists()


def test_a_failing_migration_stops_the_start_with_its_last_words(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    Path(command[-1], "domain/migrations/__main__.py").write_text("raise SystemExit('relation already exists')")
    failed = subprocess.run(
        [*command, "demo", "--data-dir", str(data_dir), "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "migrate failed with exit code 1" in failed.stderr
    assert "relation already exists" in failed.stderr
    assert processes_of(data_dir) == []


def test_up_starts_no_server_whose_url_is_set(command: list[str], environment: dict[str, str], data_dir: Path) -> None:
    theirs = data_dir.with_name("theirs")
    with running_demo([*command, "up"], theirs, environment=environment) as servers:
        urls = {"DATABASE_URL": servers.told["database_url"], "REDIS_URL": servers.told["redis_url"]}
        assert not (theirs / "logs" / "seed.log").exists()
        with running_demo([*command, "up"], data_dir, environment=environment | urls) as up:
            assert set(up.told["pids"]) == {"supervisor", "worker", "scheduler", "api"}
            assert up.told["database_url"] == urls["DATABASE_URL"]
            assert up.stop() == 0
        refused = subprocess.run(
            [*command, "demo", "--data-dir", str(data_dir)],
            env=environment | urls,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 2
        assert "use `touchline up`" in refused.stderr
        assert servers.stop() == 0


def test_a_malformed_setting_is_named_before_anything_is_started(
    command: list[str], environment: dict[str, str], data_dir: Path
) -> None:
    refused = subprocess.run(
        [*command, "demo", "--data-dir", str(data_dir), "--port", "0"],
        env=environment | {"TOUCHLINE_DATABASE_POOL": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "TOUCHLINE_DATABASE_POOL" in refused.stderr
    assert not (data_dir / "postgres").exists()
