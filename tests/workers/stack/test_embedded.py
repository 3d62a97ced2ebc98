"""Real servers in folders of all kinds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from sqlalchemy import text

from domain.infra.database import engine_of
from workers.stack import embedded
from workers.stack.accounts import Account
from workers.stack.embedded import start_servers
from workers.stack.errors import FolderInUse, StackError


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def pids_of(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or [])
    ]


async def test_both_servers_answer_and_are_set_up_as_promised() -> None:
    with start_servers() as servers:
        async with connected(servers.database_url) as connection:
            row = await connection.fetchrow(
                "select current_database() as name, current_user as user, current_setting('jit') as jit,"
                " current_setting('listen_addresses') as addresses, current_setting('TimeZone') as zone,"
                " current_setting('server_encoding') as encoding, current_setting('max_connections') as connections"
            )
            assert row is not None
            assert dict(row) == {
                "name": "touchline",
                "user": "touchline",
                "jit": "off",
                "addresses": "",
                "zone": "UTC",
                "encoding": "UTF8",
                "connections": "100",
            }
            assert await connection.fetchval("select 'a' < 'B', 'É' ilike 'é'") is False
        engine = engine_of(servers.database_url)
        async with engine.connect() as session:
            assert (await session.execute(text("select 1"))).scalar_one() == 1
        await engine.dispose()
        with redis.Redis.from_url(servers.redis_url, decode_responses=True) as client:
            assert client.config_get("append*")["appendfsync"] == "everysec"
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("port") == {"port": "0"}


async def test_the_next_start_finds_the_same_data(data_dir: Path) -> None:
    with start_servers(data_dir) as servers:
        async with connected(servers.database_url) as connection:
            await connection.execute("create table kept as select generate_series(1, 500) as n")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.xadd("kept", {"n": 1})
    assert pids_of(data_dir) == []
    with start_servers(data_dir) as servers:
        async with connected(servers.database_url) as connection:
            assert await connection.fetchval("select sum(n) from kept") == 125250
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.xlen("kept") == 1


@pytest.mark.parametrize("name", ["with spaces, a comma and 'quotes' é", "/".join(["long" * 12] * 4)])
async def test_any_path_will_do(data_dir: Path, name: str) -> None:
    folder = data_dir / name
    for parent in reversed(folder.parents):
        parent.mkdir(mode=0o755, exist_ok=True)
    with start_servers(folder, durable=False) as servers:
        assert (folder / "run").is_symlink()
        sockets = (folder / "run").readlink()
        assert sockets.stat().st_mode & 0o777 == 0o700
        async with connected(servers.database_url) as connection:
            assert await connection.fetchval("select 1") == 1
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()
        assert len(pids_of(folder)) == 2
    assert not sockets.exists()
    assert not (folder / "run").is_symlink()


def test_other_users_of_the_machine_are_kept_out(data_dir: Path) -> None:
    with start_servers(data_dir, durable=False):
        for name in ("postgres", "redis", "run", "logs"):
            assert (data_dir / name).stat().st_mode & 0o777 == 0o700, name
        rules = (data_dir / "postgres" / "pg_hba.conf").read_text()
        allowed = [line.split() for line in rules.splitlines() if line and not line.startswith("#")]
        assert {line[-1] for line in allowed if line[0] == "host"} == {"reject"}
        owners = {process.username() for process in map(psutil.Process, pids_of(data_dir))}
        assert owners == ({"nobody"} if os.geteuid() == 0 else {psutil.Process().username()})


def test_servers_of_another_process_keep_their_folder(data_dir: Path) -> None:
    with (
        start_servers(data_dir, durable=False),
        pytest.raises(FolderInUse, match=f"in use by process {os.getpid()}"),
        start_servers(data_dir),
    ):
        pass


async def test_an_interrupted_first_start_is_begun_again(data_dir: Path) -> None:
    half = data_dir / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with start_servers(data_dir, durable=False) as servers:
        async with connected(servers.database_url) as connection:
            assert await connection.fetchval("select 1") == 1
    assert not half.exists()


def test_a_pid_file_whose_number_now_belongs_to_another_program_does_not_stop_a_start(data_dir: Path) -> None:
    with start_servers(data_dir, durable=False):
        pid_file = (data_dir / "postgres" / "postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines = [str(stranger.pid), *pid_file.splitlines()[1:]]
        (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        with start_servers(data_dir, durable=False):
            assert len(pids_of(data_dir)) == 2
        assert stranger.poll() is None
        stranger.terminate()


def test_a_cluster_of_another_postgres_is_refused_before_it_is_touched(data_dir: Path) -> None:
    cluster = data_dir / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("13\n")
    with (
        pytest.raises(StackError, match=r"was made by PostgreSQL 13, and this is .*--data-dir"),
        start_servers(data_dir),
    ):
        pass
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


def test_a_folder_that_the_servers_account_cannot_reach_is_refused_by_name(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "server_account", lambda: Account(os.getuid() + 1, os.getgid() + 1))
    data_dir.mkdir(mode=0o700)
    with pytest.raises(StackError, match=rf"`nobody`, who may not pass {data_dir}\."):
        embedded.prepare_data_folder(data_dir / "deep")


def test_a_file_in_place_of_the_folder_is_refused(data_dir: Path) -> None:
    data_dir.write_text("")
    with pytest.raises(StackError, match="cannot be used as a data folder"), start_servers(data_dir):
        pass
