from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from domain.infra.errors import SettingsError
from workers.stack.errors import StackError
from workers.stack.locks import folder_lock
from workers.stack.ports import claim_port
from workers.stack.running import Running, find_urls, forget_running, read_running, write_running

RUNNING = Running(
    database_url="postgresql://touchline@/touchline?host=%2Fx",
    redis_url="unix:///x/redis.sock",
    host="127.0.0.1",
    port=8000,
    graphql="http://127.0.0.1:8000/graphql",
    live="ws://127.0.0.1:8000/graphql",
    health="http://127.0.0.1:8000/healthz",
    started_at="2026-11-20T12:00:00+00:00",
    pids={"supervisor": 1},
)


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"Port {port} of 127\.0\.0\.1 .*in use.*`--port 0`"):
            claim_port("127.0.0.1", port)


def test_port_zero_is_a_free_one() -> None:
    assert claim_port("127.0.0.1", 0) > 1023


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(StackError, match=r"Port 8000 of 192\.0\.2\.1 cannot be used"):
        claim_port("192.0.2.1", 8000)


def test_a_running_stack_is_found_by_its_folder(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        write_running(tmp_path, RUNNING)
        assert read_running(tmp_path) == RUNNING
        assert find_urls(tmp_path) == (RUNNING.database_url, RUNNING.redis_url)
        assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600
        assert json.loads((tmp_path / "run.json").read_text())["pids"] == {"supervisor": 1}


def test_what_a_killed_supervisor_left_behind_is_not_a_running_stack(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        write_running(tmp_path, RUNNING)
    assert read_running(tmp_path) is None
    with pytest.raises(SettingsError, match=r"Nothing runs on .*touchline demo"):
        find_urls(tmp_path)


def test_a_stopped_stack_is_forgotten(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        write_running(tmp_path, RUNNING)
        forget_running(tmp_path)
        assert read_running(tmp_path) is None
    assert os.listdir(tmp_path) == ["lock"]
