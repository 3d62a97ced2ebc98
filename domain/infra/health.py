"""How fresh and healthy a deployment is, worked out from its rows: feeds by their lateness, jobs by their queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from asyncpg import Record
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.infra.clock import ClockRow
from domain.infra.jobs import Queue, queue_of

LATE_AFTER = 30.0
"""Machine seconds by which a feed's next event may be overdue."""
DOWN_AFTER = 300.0


class Level(StrEnum):
    """Fresh, late or given up."""

    OK = "OK"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """A source of data and how far it has come."""

    name: str
    level: Level
    position: datetime | None
    """Match time up to which everything of it has been recorded."""
    next_at: datetime | None
    """Match time of its next event; None when it has ended."""
    lag_seconds: float
    """How long its next event has been overdue, match time; 0 when nothing is."""


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """A queue, and what became of its messages in the last hour."""

    name: str
    depth: int
    oldest_seconds: float | None
    """Age of the oldest waiting message, machine time."""
    running_count: int
    done_last_hour: int
    dead_last_hour: int
    dead_count: int


def feed_health(feed: Record, clock: ClockRow, now: datetime) -> FeedHealth:
    """A row of `queries.feeds` at match time `now`: late by match time, judged by the machine's."""
    overdue = 0.0 if feed["next_at"] is None else max(0.0, (now - feed["next_at"]).total_seconds())
    machine = overdue / max(clock.speed, 1.0)
    level = Level.OK if machine <= LATE_AFTER else Level.DEGRADED
    return FeedHealth(
        feed["name"], Level.DOWN if machine > DOWN_AFTER else level, feed["position"], feed["next_at"], overdue
    )


def queue_health(jobs: Sequence[Record], machine: datetime) -> list[QueueHealth]:
    """All queues, from the rows of `queries.job_counts`."""
    return [_queue(queue, [job for job in jobs if queue_of(job["name"]) is queue], machine) for queue in Queue]


def _queue(queue: Queue, jobs: Sequence[Record], machine: datetime) -> QueueHealth:
    since = min((job["waiting_since"] for job in jobs if job["waiting_since"] is not None), default=None)
    return QueueHealth(
        name=queue.value,
        depth=sum(job["waiting"] for job in jobs),
        oldest_seconds=None if since is None else max(0.0, (machine - since).total_seconds()),
        running_count=sum(job["running"] for job in jobs),
        done_last_hour=sum(job["done"] for job in jobs),
        dead_last_hour=sum(job["dead_lately"] for job in jobs),
        dead_count=sum(job["dead"] for job in jobs),
    )


async def redis_version(redis: Redis) -> str | None:
    """Redis' own version; None when it does not answer."""
    try:
        return str((await redis.info("server"))["redis_version"])
    except (RedisError, OSError):
        return None
