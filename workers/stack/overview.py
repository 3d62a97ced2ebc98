"""What `touchline top` shows: a deployment at one moment, read from PostgreSQL, Redis and the machine.

A server that does not answer is itself a finding, and what it would have told is left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
import psutil
from redis.asyncio import Redis

from domain.forecasting.plugin_queries import newest_calls
from domain.infra import jobs, queries
from domain.infra.clock import machine_now, read_clock
from domain.infra.database import prepare
from domain.infra.health import FeedHealth, QueueHealth, feed_health, queue_health, redis_version
from domain.infra.settings import Settings
from workers.stack.clients import connected
from workers.stack.errors import StackError
from workers.stack.running import read_running

DEAD_SHOWN = 5
_ANSWER_SECONDS = 5.0
_PATIENCE = {"seconds": _ANSWER_SECONDS, "query_seconds": _ANSWER_SECONDS}


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server; `version` is None when it is away, and `problem` says why."""

    name: str
    version: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process of the stack on this machine."""

    name: str
    pid: int
    cpu_percent: float
    """Of one processor, since the last look, at the first one since its start."""
    memory_bytes: int
    seconds: float
    """Since its start."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model or strategy, or a plugin that offers neither."""

    plugin: str
    state: str
    model: str | None
    called_at: datetime | None
    """Match time of its newest call."""
    milliseconds: float | None
    fault: str | None
    call_count: int
    """Of the whole plugin, as the two below."""
    failure_count: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up."""

    id: str
    name: str
    finished_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the database tells."""

    revision: str | None
    now: datetime
    """Match time."""
    speed: float
    odds_position: int
    feeds: list[FeedHealth]
    queues: list[QueueHealth]
    models: list[ModelState]
    dead: list[DeadJob]
    """The newest."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A deployment at one moment."""

    at: datetime
    """Machine time."""
    servers: list[ServerState]
    processes: list[ProcessState]
    told: Told | None


@dataclass(slots=True)
class Observer:
    """Looks at one deployment again and again."""

    settings: Settings
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Moment and processor seconds of each process at the last look."""

    async def look(self) -> Overview:
        """The deployment as it is now."""
        postgres, told = await self._ask_database()
        return Overview(machine_now(), [postgres, await self._ask_redis()], self._processes(), told)

    async def _ask_database(self) -> tuple[ServerState, Told | None]:
        name = "PostgreSQL"
        try:
            async with connected(self.settings.database_url, **_PATIENCE) as connection:
                version = await queries.server_version(connection)
                revision = await queries.revision(connection)
                if revision is None:
                    return ServerState(name, version, "never migrated"), None
                await prepare(connection)
                return ServerState(name, version), await _told(connection, revision)
        except StackError as error:
            return ServerState(name, None, str(error)), None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return ServerState(name, None, f"A query failed: {type(error).__name__}."), None

    async def _ask_redis(self) -> ServerState:
        client = Redis.from_url(
            self.settings.redis_url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
        )
        try:
            version = await redis_version(client)
        finally:
            await client.aclose()
        return ServerState("Redis", version, "" if version else "It does not answer.")

    def _processes(self) -> list[ProcessState]:
        folder = self.settings.data_dir
        running = None if folder is None else read_running(folder)
        pids: Mapping[str, int] = {} if running is None else running.pids
        found = []
        for name, pid in pids.items():
            try:
                found.append(self._process(name, psutil.Process(pid)))
            except psutil.NoSuchProcess:
                continue  # it is being started again
        return found

    def _process(self, name: str, process: psutil.Process) -> ProcessState:
        with process.oneshot():
            times, began, memory = process.cpu_times(), process.create_time(), process.memory_info().rss
        used, now = times.user + times.system, time.time()
        before, used_before = self._seen.get(process.pid, (began, 0.0))
        self._seen[process.pid] = (now, used)
        share = (used - used_before) / max(now - before, 0.001)
        return ProcessState(name, process.pid, 100 * share, memory, now - began)


async def _told(connection: asyncpg.Connection, revision: str) -> Told:
    machine = machine_now()
    clock = await read_clock(connection)
    now = clock.at(machine)
    return Told(
        revision=revision,
        now=now,
        speed=clock.speed,
        odds_position=await queries.odds_position(connection),
        feeds=[feed_health(feed, clock, now) for feed in await queries.feeds(connection)],
        queues=queue_health(await queries.job_counts(connection, machine), machine),
        models=[_model(row) for row in await newest_calls(connection)],
        dead=[
            DeadJob(row["id"], row["name"], row["finished_at"], row["error"] or "")
            for row in await jobs.given_up(connection, most=DEAD_SHOWN)
        ],
    )


def _model(row: asyncpg.Record) -> ModelState:
    return ModelState(
        plugin=row["key"],
        state=row["state"],
        model=row["model_key"],
        called_at=row["called_at"],
        milliseconds=row["milliseconds"],
        fault=row["fault"],
        call_count=row["call_count"],
        failure_count=row["failure_count"],
        last_error=row["last_error"],
    )
