"""The operator's view of real servers, of a stack on this machine, and of servers that are away."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from domain.infra.clock import machine_now
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.factories import NOW, Factory, hours
from touchline import RESULT, cli
from workers.commands.operate import top
from workers.stack.locks import folder_lock
from workers.stack.overview import Observer
from workers.stack.running import Running, write_running

DEAD = """insert into job (id, name, arguments, status, attempts, queued_at, finished_at, error)
          values ($1, 'price_value', '{}', 'DEAD', 6, $2, $2, 'ValueError: no [price]')"""


async def run(settings: Settings, *arguments: str) -> Result:
    environment = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    return await asyncio.to_thread(CliRunner().invoke, top, arguments, env=environment)


@pytest.fixture
async def deployment(database: Database) -> Database:
    """A replay whose feed is late, with a model that failed, a job that waits and seven that were given up."""
    factory = Factory(database)
    await factory.clock()
    await factory.db.execute("insert into feed values ('files', 'files', '{}', $1, $2)", NOW, hours(-1))
    await factory.model("acme.form", [RESULT])
    await factory.db.execute("update plugin set call_count = 9, failure_count = 2, last_error = 'it hung'")
    plugin = await factory.db.fetchval("select plugin_key from model where key = 'acme.form'")
    await factory.db.executemany(
        "insert into plugin_call (plugin_key, thing, called_at, milliseconds, fault, job_id) "
        "values ($1, 'acme.form', $2, $3, $4, 'j')",
        [(plugin, hours(-2), 12.5, None), (plugin, hours(-1), None, "TIMEOUT")],
    )
    now = machine_now()
    await factory.db.executemany(DEAD, [(f"lost-{n}", now - timedelta(minutes=n)) for n in range(7)])
    await factory.db.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at)
           values ('waits', 'run_model', '{}', 'QUEUED', 0, $1)""",
        now - timedelta(seconds=90),
    )
    return database


async def test_json_tells_everything(deployment: Database, settings: Settings) -> None:
    del deployment
    result = await run(settings, "--json")
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.stdout)
    assert [(server["name"], bool(server["version"])) for server in shown["servers"]] == [
        ("PostgreSQL", True),
        ("Redis", True),
    ]
    told = shown["told"]
    assert told["now"].startswith("2026-03-14T12:00")
    [feed] = told["feeds"]
    assert (feed["name"], feed["level"], feed["lag_seconds"] >= 3600) == ("files", "DOWN", True)
    queues = {queue["name"]: queue for queue in told["queues"]}
    assert queues["models"]["depth"] == 1
    assert queues["models"]["oldest_seconds"] >= 90
    assert (queues["default"]["dead_count"], queues["default"]["dead_last_hour"]) == (7, 7)
    [model] = told["models"]
    assert (model["model"], model["fault"], model["failure_count"], model["call_count"]) == (
        "acme.form",
        "TIMEOUT",
        2,
        9,
    )
    assert model["called_at"] == hours(-1).isoformat()
    assert [job["id"] for job in told["dead"]] == [f"lost-{n}" for n in range(5)]


async def test_a_frame_says_how_to_send_again(deployment: Database, settings: Settings) -> None:
    result = await run(settings, "--once")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    [dead] = [line for line in lines if "lost-0" in line]
    assert "touchline queue requeue lost-0" in dead
    assert "ValueError: no [price]" in dead, "brackets of an error are no markup"
    assert "2 of 9" in next(line for line in lines if "acme.form" in line)
    words = ["queue", "requeue", "lost-0"]
    sent = await asyncio.to_thread(
        CliRunner(env={"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}).invoke, cli.main, words
    )
    assert sent.output == "1 sent again.\n"
    assert await deployment.pool.fetchval("select status from job where id = 'lost-0'") == "QUEUED"


async def test_the_stack_of_a_folder_is_shown_with_its_processes(
    deployment: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del deployment
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    with folder_lock(tmp_path):
        write_running(
            tmp_path,
            Running(
                database_url=settings.database_url,
                redis_url=settings.redis_url,
                host="127.0.0.1",
                port=1,
                graphql="",
                live="",
                health="",
                started_at="",
                pids={"api": os.getpid(), "worker": 2**22 + 1},
            ),
        )
        result = await asyncio.to_thread(CliRunner().invoke, top, ["--json", "--data-dir", str(tmp_path)])
    [process] = json.loads(result.stdout)["processes"]
    assert (process["name"], process["pid"]) == ("api", os.getpid())
    assert process["memory_bytes"] > 1e6


def planted(password: str) -> dict[str, str]:
    """Servers that are away, by URLs with a password."""
    return {
        "DATABASE_URL": f"postgresql://ann:{password}@127.0.0.1:1/x",
        "REDIS_URL": f"redis://:{password}@127.0.0.1:1/0",
    }


async def invoked(environment: dict[str, str], *words: str) -> Result:
    return await asyncio.to_thread(CliRunner(env=environment).invoke, cli.main, words)


async def test_servers_that_are_away_are_shown_without_their_passwords(tmp_path: Path) -> None:
    urls = planted("hush%2Fhush")
    for option in ("--once", "--json"):
        result = await invoked(urls, "top", option)
        assert result.exit_code == 0, result.output
        assert "DATABASE_URL" in result.output
        assert "hush" not in result.output
    assert [server["version"] for server in json.loads(result.stdout)["servers"]] == [None, None]
    assert json.loads(result.stdout)["told"] is None
    result = await invoked(urls, "doctor", "--json", "--port", "0", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "hush" not in result.output
    problems = [check["name"] for check in json.loads(result.output) if check["state"] == "problem"]
    assert problems == ["Database", "Redis"]


@pytest.mark.parametrize("words", ["top --once", "doctor --json --port 0", "queue list", "api", "worker", "migrate"])
async def test_a_password_that_breaks_its_url_is_not_told_either(words: str) -> None:
    result = await invoked(planted("hush/hush"), *words.split())
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert "%2F" in result.output
    assert "hush" not in result.output


async def test_a_database_without_our_tables_is_told(servers: Any) -> None:
    url = servers.database_url.replace("/touchline?", "/template1?")
    overview = await Observer(Settings(database_url=url, redis_url=servers.redis_url)).look()
    assert (overview.servers[0].problem, overview.told) == ("never migrated", None)


async def test_without_a_terminal_one_frame_must_be_asked_for(settings: Settings) -> None:
    result = await run(settings)
    assert (result.exit_code, "Use --once or --json." in result.output) == (2, True)


async def test_the_live_view_leaves_on_q_and_tidies_up(deployment: Database, settings: Settings) -> None:
    """Frames come on a screen of their own, `q` ends them, and the terminal is as it was."""
    del deployment
    await asyncio.to_thread(_watch, settings, b"q", 0)


async def test_the_live_view_leaves_on_ctrl_c(deployment: Database, settings: Settings) -> None:
    del deployment
    await asyncio.to_thread(_watch, settings, b"\x03", 0)


def _watch(settings: Settings, key: bytes, code: int) -> None:
    """Watch in a terminal of the command's own until a frame is there, and leave with a key."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (60, 200))
    before = termios.tcgetattr(theirs)
    urls = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("touchline"), "top"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        | urls
        | {"TERM": "xterm"},
        preexec_fn=partial(_take_terminal, theirs),
    )
    try:
        shown = _read_until(ours, b"touchline queue requeue lost-4")
        assert b"\x1b[?1049h" in shown
        os.write(ours, key)
        assert b"Traceback" not in _read_until(ours, b"\x1b[?1049l")
        assert process.wait(60) == code
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def _take_terminal(terminal: int) -> None:
    """Let Ctrl-C of a terminal reach this process."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, words: bytes) -> bytes:
    seen, deadline = b"", time.monotonic() + 60
    while words not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
    return seen
