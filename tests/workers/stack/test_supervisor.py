"""The supervisor with stand-in children and with real servers."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from workers.stack import children
from workers.stack.accounts import server_account
from workers.stack.binaries import find_postgres
from workers.stack.children import Child, bound_log
from workers.stack.embedded import database_url, postgres_child, prepare_data_folder
from workers.stack.errors import StackError, Stopped
from workers.stack.sockets import socket_folder
from workers.stack.supervisor import StopRequests, Supervisor, stop_requests

MakeChild = Callable[..., Child]
Eventually = Callable[..., None]
Family = Callable[[], list[psutil.Process]]

WAIT = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path, StopRequests(), say=said.append) as supervisor:
        yield supervisor


@pytest.fixture
def family() -> Callable[[], list[psutil.Process]]:
    """Asks for the processes that came into being below this one since the test began."""
    before = set(psutil.Process().children(recursive=True))
    return lambda: [process for process in psutil.Process().children(recursive=True) if process not in before]


def log_says(tmp_path: Path, name: str, word: str) -> Callable[[int], bool]:
    return lambda pid: word in (tmp_path / f"{name}.log").read_text()


def test_a_child_that_ends_is_started_again(
    supervisor: Supervisor, said: list[str], python_child: MakeChild, eventually: Eventually
) -> None:
    supervisor.start(python_child("odds", WAIT))
    first = supervisor.pids["odds"]
    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        supervisor.look()
        return supervisor.pids.get("odds", first) != first

    eventually(again, 5)
    assert re.fullmatch(r"odds ended with SIGKILL; starting it again in 0\.25 s\. See .*odds\.log", said[0])
    assert re.fullmatch(r"odds runs again \(pid \d+\)", said[1])


def test_the_pauses_grow_while_a_child_keeps_ending(
    supervisor: Supervisor, said: list[str], python_child: MakeChild, eventually: Eventually
) -> None:
    supervisor.start(python_child("odds", "raise SystemExit(3)"))

    def third_failure() -> bool:
        supervisor.look()
        return sum("ended" in sentence for sentence in said) == 3

    eventually(third_failure, 5)
    pauses = [match[1] for sentence in said if (match := re.search(r"exit code 3; .* in ([\d.]+) s", sentence))]
    assert pauses == ["0.25", "0.5", "1"]


def test_a_child_that_ends_while_starting_is_an_error_with_its_last_words(
    supervisor: Supervisor, python_child: MakeChild
) -> None:
    child = python_child("odds", "raise SystemExit('no such league')", ready=lambda pid: False)
    with pytest.raises(
        StackError, match=r"odds ended with exit code 1 while starting\. The end of (?s:.*)no such league"
    ):
        supervisor.start(child)
    assert supervisor.pids == {}


def test_a_child_that_never_gets_ready_is_stopped(
    supervisor: Supervisor, python_child: MakeChild, family: Family
) -> None:
    child = python_child("odds", WAIT, ready=lambda pid: False, ready_seconds=0.2)
    with pytest.raises(StackError, match=r"odds was not ready after 0 s\. Its log is empty"):
        supervisor.start(child)
    assert family() == []


def test_a_refusal_that_passes_is_tried_again(
    supervisor: Supervisor, python_child: MakeChild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = tmp_path / "ready"
    code = "\n".join(
        [
            f"import pathlib, time; path = pathlib.Path({str(ready)!r})",
            "if not path.exists(): path.touch(); raise SystemExit('lock file exists')",
            "path.write_text('ready'); time.sleep(60)",
        ]
    )
    supervisor.start(
        python_child(
            "odds",
            code,
            retry_on=("lock file",),
            ready=lambda pid: ready.exists() and ready.read_text() == "ready",
        )
    )
    assert list(supervisor.pids) == ["odds"]


def test_children_are_stopped_in_reverse_order(tmp_path: Path, python_child: MakeChild) -> None:
    order = tmp_path / "order"
    code = "\n".join(
        [
            "import signal, sys, time",
            "def end(*_): open({0!r}, 'a').write({1!r}); sys.exit()",
            "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)",
        ]
    )
    with Supervisor(tmp_path, StopRequests(), say=print) as supervisor:
        for name in "abc":
            supervisor.start(python_child(name, code.format(str(order), name), ready=log_says(tmp_path, name, "up")))
    assert order.read_text() == "cba"


def test_a_child_that_does_not_stop_is_killed_with_its_children(
    tmp_path: Path, python_child: MakeChild, family: Family
) -> None:
    code = f"import subprocess; subprocess.Popen(['sleep', '60']); {STUBBORN}"
    with Supervisor(tmp_path, StopRequests(), say=print) as supervisor:
        supervisor.start(python_child("odds", code, stop_seconds=0.3, ready=log_says(tmp_path, "odds", "up")))
        both = family()
        assert len(both) == 2
    assert psutil.wait_procs(both, timeout=2)[1] == []


def test_a_second_request_to_stop_does_not_wait(tmp_path: Path, python_child: MakeChild) -> None:
    requests = StopRequests()
    with Supervisor(tmp_path, requests, say=print) as supervisor:
        supervisor.start(python_child("odds", STUBBORN, ready=log_says(tmp_path, "odds", "up")))
        requests.count = 2
        began = time.monotonic()
    assert time.monotonic() - began < 2


def test_what_a_child_that_ended_has_started_is_ended_too(
    supervisor: Supervisor, python_child: MakeChild, eventually: Eventually, tmp_path: Path
) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); raise SystemExit(1)"
    supervisor.start(python_child("odds", code, ready=log_says(tmp_path, "odds", "\n")))
    grandchild = psutil.Process(int((tmp_path / "odds.log").read_text().split()[0]))
    child = psutil.Process(supervisor.pids["odds"])
    eventually(lambda: child.status() == psutil.STATUS_ZOMBIE)
    supervisor.look()
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 2)


def test_a_request_to_stop_ends_the_start(tmp_path: Path, python_child: MakeChild, family: Family) -> None:
    with stop_requests() as requests, Supervisor(tmp_path, requests, say=print) as supervisor:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped):
            supervisor.start(python_child("odds", WAIT, ready=lambda pid: False))
        with pytest.raises(Stopped):
            supervisor.run(python_child("migrate", WAIT))
        assert family() == []


def test_a_task_runs_to_its_end_or_is_an_error(supervisor: Supervisor, python_child: MakeChild, tmp_path: Path) -> None:
    supervisor.run(python_child("migrate", "print('done')"))
    assert (tmp_path / "migrate.log").read_text() == "done\n"
    with pytest.raises(StackError, match=r"migrate failed with exit code 1\. The end of (?s:.*)no database"):
        supervisor.run(python_child("migrate", "raise SystemExit('no database')"))


def test_python_children_get_the_lifeline(supervisor: Supervisor, python_child: MakeChild) -> None:
    supervisor.run(python_child("look", "import os; os.fstat(int(os.environ['TOUCHLINE_LIFELINE_FD']))"))


def test_a_grown_log_is_set_aside(tmp_path: Path, python_child: MakeChild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 10)
    log = tmp_path / "odds.log"
    log.write_text("more than ten bytes")
    bound_log(python_child("odds", WAIT), tmp_path)
    assert log.read_text() == ""
    assert (tmp_path / "odds.log.1").read_text() == "more than ten bytes"
    bound_log(python_child("odds", WAIT), tmp_path)
    assert (tmp_path / "odds.log.1").read_text() == "more than ten bytes"


async def test_a_killed_postgres_comes_back_with_its_rows(
    data_dir: Path, tmp_path: Path, said: list[str], eventually: Eventually
) -> None:
    logs = prepare_data_folder(data_dir)
    sockets = socket_folder(data_dir)
    with Supervisor(logs, StopRequests(), say=said.append) as supervisor:
        postgres = postgres_child(data_dir, sockets, find_postgres(server_account()))
        supervisor.start(postgres)
        first = supervisor.pids["postgres"]
        connection = await asyncpg.connect(database_url(sockets))
        await connection.execute("create table kept as select generate_series(1, 1000) as n")
        os.kill(first, signal.SIGKILL)
        connection.terminate()

        def ready_again() -> bool:
            supervisor.look()
            pid = supervisor.pids.get("postgres", first)
            return pid != first and postgres.ready(pid)

        eventually(ready_again, 20)
        connection = await asyncpg.connect(database_url(sockets))
        assert await connection.fetchval("select count(*) from kept") == 1000
        await connection.close()
    assert said[0].startswith("postgres ended with SIGKILL")
