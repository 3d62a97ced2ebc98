"""Nothing outlives its supervisor: the kernel's signal on Linux, the pipe everywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

# A parent that starts a child and prints its pid; both then wait.
PARENT = """
import os, subprocess, sys, time
from functools import partial
from workers.stack.deathsig import die_with_parent
prepare = partial(die_with_parent, 9, os.getpid()) if sys.argv[1] == "signal" else None
reader, writer = os.pipe()
child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[2]],
    preexec_fn=prepare, pass_fds=(reader,), start_new_session=True,
    stdout=subprocess.PIPE, env=os.environ | {"TOUCHLINE_LIFELINE_FD": str(reader)},
)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
WAITS = "print('up', flush=True); import time; time.sleep(60)"
WATCHES = f"from domain.infra.lifeline import watch_lifeline; watch_lifeline(); {WAITS}"
WATCHES_WITH_CHILD = f"""
from domain.infra.lifeline import watch_lifeline
watch_lifeline()
import subprocess
grandchild = subprocess.Popen(["sleep", "60"])
{WAITS}
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def child_of_killed_parent(how: str, code: str) -> tuple[psutil.Process, list[psutil.Process]]:
    """Kill a parent with -9; answers its child and the child's children."""
    with subprocess.Popen([sys.executable, "-c", PARENT, how, code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        grandchildren = child.children()
        assert not gone(child.pid)
        parent.send_signal(signal.SIGKILL)
    return child, grandchildren


@pytest.mark.skipif(sys.platform != "linux", reason="the signal is Linux's; the pipe is tested below")
def test_the_kernel_ends_a_child_whose_parent_was_killed(eventually: Callable[..., None]) -> None:
    child, _ = child_of_killed_parent("signal", WAITS)
    eventually(lambda: gone(child.pid), 2)


def test_the_pipe_ends_a_child_and_its_children_when_the_parent_was_killed(eventually: Callable[..., None]) -> None:
    child, grandchildren = child_of_killed_parent("pipe", WATCHES_WITH_CHILD)
    assert len(grandchildren) == 1
    eventually(lambda: gone(child.pid) and gone(grandchildren[0].pid), 2)


@pytest.mark.parametrize("module", ["api.__main__", "workers.worker", "workers.scheduler"])
def test_every_process_of_the_stack_watches_the_pipe(
    module: str,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., None],
) -> None:
    for name, value in {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "TOUCHLINE_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    code = f"import sys; print('up', flush=True); from {module} import main; sys.exit(main([]))"
    child, _ = child_of_killed_parent("pipe", code)
    try:
        eventually(lambda: gone(child.pid), 30)
    finally:
        if child.is_running():
            child.kill()


def test_without_a_supervisor_nothing_is_watched() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TOUCHLINE_LIFELINE_FD"}
    code = "from domain.infra.lifeline import watch_lifeline; watch_lifeline(); import threading as t; " + (
        "print(t.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout == b"1\n"
