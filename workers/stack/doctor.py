"""`touchline doctor`: looks at this machine and the servers, and says what to do about what it finds.

A check never changes anything and never raises: what it cannot find out is itself a finding.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import asyncpg
import redis.asyncio
from redis.exceptions import RedisError

from domain.infra.database import MINIMUM_SERVER
from domain.infra.errors import SettingsError
from domain.infra.settings import read_settings
from workers.stack.accounts import first_barrier, server_account
from workers.stack.binaries import REDIS_MINIMUM, Program, find_postgres, find_redis
from workers.stack.clients import connected
from workers.stack.errors import StackError
from workers.stack.locks import holder
from workers.stack.ports import claim_port
from workers.stack.running import read_running

_PYTHONS = ((3, 11), (3, 14))
_DISK_WARN_BYTES = 2_000_000_000
_DISK_PROBLEM_BYTES = 300_000_000
_SKEW_SECONDS = 2.0
_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; whatever is not ok comes with a remedy."""

    name: str
    state: Literal["ok", "warn", "problem"]
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The servers to look at: None for one that nobody named."""

    database_url: str | None
    redis_url: str | None


async def examine(folder: Path, host: str, port: int) -> list[Check]:
    """All checks, in the order an operator should read them."""
    addresses, settings = find_addresses(folder)
    checks = [
        check_python(),
        check_program("PostgreSQL program", find_postgres, 0),
        check_program("Redis program", find_redis, REDIS_MINIMUM),
        check_folder(folder, servers=addresses.database_url is None or addresses.redis_url is None),
        check_disk(folder),
        check_port(folder, host, port),
        settings,
    ]
    if addresses.database_url is not None:
        checks += await check_database(addresses.database_url)
    if addresses.redis_url is not None:
        checks.append(await check_redis(addresses.redis_url))
    return [*checks, *check_plugins()]


def check_python() -> Check:
    """The interpreter is one that we are tested with."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if _PYTHONS[0] <= sys.version_info[:2] < _PYTHONS[1]:
        return Check("Python", "ok", found)
    return Check("Python", "problem", found, "Use Python 3.11, 3.12 or 3.13: `uv python install 3.13`.")


def check_program(name: str, find: Callable[[], Program], minimum: int) -> Check:
    """An embedded server can be started here; without one its URL has to be set."""
    try:
        program = find()
    except StackError as error:
        found, _, remedy = str(error).partition(". ")
        return Check(name, "warn", found, remedy)
    found = f"{program} from {program.source}"
    if program.major < minimum:
        return Check(name, "warn", found, f"It will do for a demo; for more install version {minimum} or newer.")
    return Check(name, "ok", found)


def check_folder(folder: Path, *, servers: bool = True) -> Check:
    """The data folder can be made or written, and who holds it; `servers` when embedded ones will live there."""
    name = "Data folder"
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check(name, "problem", f"{existing} cannot be written", "Name another with `--data-dir`.")
    barrier = first_barrier(folder, server_account())
    if servers and barrier is not None and barrier != folder:
        return Check(name, "problem", f"root's servers may not pass {barrier}", "Name another with `--data-dir`.")
    try:
        pid = holder(folder)
    except PermissionError:
        return Check(name, "problem", f"{folder} is another user's", "Name another with `--data-dir`.")
    return Check(name, "ok", f"{folder}, " + ("free" if pid is None else f"in use by process {pid}"))


def check_disk(folder: Path) -> Check:
    """There is room for the database to grow."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free"
    if free > _DISK_WARN_BYTES:
        return Check("Disk space", "ok", found)
    state: Literal["warn", "problem"] = "warn" if free > _DISK_PROBLEM_BYTES else "problem"
    return Check("Disk space", state, found, "Free some space, or name a folder on another disk with `--data-dir`.")


def check_port(folder: Path, host: str, port: int) -> Check:
    """The API's port is free, or taken by the stack that runs on this very folder."""
    try:
        claim_port(host, port)
    except StackError as error:
        found, _, remedy = str(error).partition(". ")
        if _is_port_of_running(folder, port):
            return Check("Port", "ok", f"{port} of {host}, used by the stack on this data folder")
        return Check("Port", "problem", found, remedy)
    return Check("Port", "ok", f"{port} of {host} is free")


def _is_port_of_running(folder: Path, port: int) -> bool:
    try:
        running = read_running(folder)
    except SettingsError:
        return False
    return running is not None and running.port == port


def find_addresses(folder: Path) -> tuple[Addresses, Check]:
    """Which servers are meant: the environment's, else those of the stack on the folder; and how that was found."""
    given = Addresses(os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL"))
    nothing = Addresses(None, None)
    try:
        running = read_running(folder) if given == nothing else None
        # Only what is missing is filled in, so that every malformed setting is named.
        read_settings(
            **({} if given.database_url else {"database_url": "postgresql:///"}),
            **({} if given.redis_url else {"redis_url": "redis:///"}),
        )
    except SettingsError as error:
        return nothing, Check("Settings", "problem", " ".join(error.problems), "Correct or unset what is named.")
    if running is not None:
        found = Addresses(running.database_url, running.redis_url)
        return found, Check("Settings", "ok", "the stack that runs on the data folder")
    named = [name for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)]
    if named:
        return given, Check("Settings", "ok", " and ".join(named) + " set")
    return nothing, Check("Settings", "ok", "no server named and none running; `touchline demo` starts its own")


async def check_database(url: str) -> list[Check]:
    """The database answers, is new enough, has our newest schema, and its clock agrees with ours."""
    name = "Database"
    try:
        async with connected(url, seconds=_TIMEOUT_SECONDS, query_seconds=_TIMEOUT_SECONDS) as connection:
            return [
                _version_of_server(await connection.fetchval("show server_version_num")),
                await _schema(connection),
                await _clock(connection),
            ]
    except StackError as error:
        found = str(error).partition(". ")[0]
        return [Check(name, "problem", found, "Start the server, or correct DATABASE_URL.")]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [Check(name, "problem", f"a query failed: {_words(error)}", "Look into the server's log.")]


def _version_of_server(number: str) -> Check:
    found = f"PostgreSQL {int(number) // 10000}.{int(number) % 10000}"
    if int(number) >= MINIMUM_SERVER:
        return Check("Database", "ok", found)
    return Check("Database", "problem", found, f"Upgrade to PostgreSQL {MINIMUM_SERVER // 10000} or newer.")


async def _schema(connection: asyncpg.Connection) -> Check:
    from domain.migrations.runner import head

    newest = head()
    present = await connection.fetchval("select to_regclass('alembic_version') is not null")
    found = await connection.fetchval("select version_num from alembic_version") if present else None
    if found == newest:
        return Check("Schema", "ok", f"at {newest}")
    return Check("Schema", "problem", f"at {found or 'nothing'}, newest is {newest}", "Run `touchline migrate`.")


async def _clock(connection: asyncpg.Connection) -> Check:
    before = time.time()
    theirs = float(await connection.fetchval("select extract(epoch from clock_timestamp())"))
    skew = theirs - (before + time.time()) / 2
    found = f"{abs(skew):.2f} s apart from the database's"
    if abs(skew) < _SKEW_SECONDS:
        return Check("Clock", "ok", found)
    return Check("Clock", "problem", found, "Let both machines set their clocks by NTP (`timedatectl set-ntp true`).")


async def check_redis(url: str) -> Check:
    """Redis answers and is new enough."""
    name = "Redis"
    client = redis.asyncio.Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS)
    try:
        info = await client.info("server")
    except (OSError, RedisError) as error:
        return Check(name, "problem", f"no answer: {_words(error)}", "Start the server, or correct REDIS_URL.")
    finally:
        await client.aclose()
    version = str(info.get("valkey_version", info["redis_version"]))
    found = f"{'Valkey' if 'valkey_version' in info else 'Redis'} {version}"
    if int(version.split(".")[0]) >= REDIS_MINIMUM:
        return Check(name, "ok", found)
    return Check(name, "warn", found, f"Upgrade to Redis or Valkey {REDIS_MINIMUM} or newer.")


def check_plugins() -> list[Check]:
    """How many plugins load, and for each refused one why."""
    try:
        from touchline.discovery import discover_plugins
    except ImportError as error:
        return [Check("Plugins", "warn", f"cannot be listed: {error}", "Run `uv sync`.")]
    registry = discover_plugins()
    loaded = len(registry.plugins) - len(registry.refused)
    return [
        Check("Plugins", "ok", f"{loaded} loaded, {len(registry.refused)} refused"),
        *(
            Check(f"Plugin {plugin.key}", "warn", plugin.reason, "Correct it or uninstall it.")
            for plugin in registry.refused
        ),
    ]


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
