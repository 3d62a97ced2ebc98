"""How fresh and healthy the deployment is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import auto

import strawberry
from redis.asyncio import Redis

from api.batch import batch, derived
from api.odds_prices import BigInt
from api.rows import Rows
from api.scalars import Words, described
from domain.infra import queries
from domain.infra.clock import machine_now, read_clock
from domain.infra.health import FeedHealth, QueueHealth, feed_health, queue_health, redis_version


@dataclass(frozen=True, slots=True)
class About:
    """What the running code says of itself."""

    version: str
    schema_digest: str


@described("Health levels.", OK="Everything is fresh.", DEGRADED="Something is late.", DOWN="Something is down.")
class StatusLevel(Words):
    OK = auto()
    DEGRADED = auto()
    DOWN = auto()


@described(
    "Kinds of data source.",
    FIXTURES="Fixtures and results.",
    ODDS="Odds.",
    LIVE="Live scores.",
    STATISTICS="Statistics.",
    FEED="All of these together, in the order of match time.",
)
class SourceKind(Words):
    FIXTURES = auto()
    ODDS = auto()
    LIVE = auto()
    STATISTICS = auto()
    FEED = auto()


@strawberry.type(description="Health of one data source.")
class SourceStatus:
    source: strawberry.Private[str]
    level: StatusLevel = strawberry.field(description="Level.")
    last_success_at: datetime | None = strawberry.field(
        description="Match time up to which everything of it has been recorded."
    )
    next_event_at: datetime | None = strawberry.field(
        description="Match time of its next event; null when it has ended."
    )
    lag_seconds: float | None = strawberry.field(
        description="How long its next event has been overdue, seconds of match time; 0 when nothing is."
    )

    @derived
    def key(self) -> str:
        """Key, for example `simulator`."""
        return self.source

    @derived
    def kind(self) -> SourceKind:
        """What it delivers."""
        return SourceKind.FEED

    @derived
    def interval_seconds(self) -> float | None:
        """Usual seconds between two fetches; null for a source that follows its events."""
        return None

    @derived
    def quota_remaining(self) -> int | None:
        """Calls left in its quota, count; null without one."""
        return None

    @derived
    def last_error(self) -> str | None:
        """Last error; administrators only."""
        return None


@strawberry.type(description="Health of one queue.")
class QueueStatus:
    name: str = strawberry.field(description="Name.")
    depth: int = strawberry.field(description="Waiting messages, count.")
    oldest_seconds: float | None = strawberry.field(
        description="Age of the oldest waiting message, seconds of machine time."
    )
    running_count: int = strawberry.field(description="Messages being worked on, count.")
    done_last_hour: int = strawberry.field(description="Messages done in the last hour, count.")
    dead_last_hour: int = strawberry.field(description="Messages failed for good in the last hour, count.")
    dead_count: int = strawberry.field(description="Messages failed for good and not sent again, count.")


@strawberry.type(
    description="Match time: what rules windows, staleness and kick-off. In a replay it is not the time of day."
)
class ClockStatus:
    now: datetime = strawberry.field(description="Match time of this answer.")
    speed: float = strawberry.field(
        description="Match seconds per second; 1 live, 0 when it moves from event to event."
    )
    is_replay: bool = strawberry.field(description="Whether match time is not the time of day.")


@strawberry.type(description="A server that the deployment stands on.")
class ServerStatus:
    name: str = strawberry.field(description="`postgresql` or `redis`.")
    version: str | None = strawberry.field(description="Its version; null when it does not answer.")


@strawberry.type(description="How fresh and healthy the platform is. Public: users must be able to see stale data.")
class SystemStatus:
    sources: list[SourceStatus] = strawberry.field(description="Data sources.")
    queues: list[QueueStatus] = strawberry.field(description="Queues of background work.")
    clock: ClockStatus = strawberry.field(description="Match time.")
    version: str = strawberry.field(description="Version of the platform.")
    schema_digest: str = strawberry.field(description="SHA-256 of the schema, to notice changes.")

    @derived
    def level(self) -> StatusLevel:
        """Overall: the worst of the sources; DEGRADED at least when a message failed for good in the last hour."""
        levels = {source.level for source in self.sources}
        if StatusLevel.DOWN in levels:
            return StatusLevel.DOWN
        has_failures = any(queue.dead_last_hour for queue in self.queues)
        return StatusLevel.DEGRADED if StatusLevel.DEGRADED in levels or has_failures else StatusLevel.OK

    @derived
    def at(self) -> datetime:
        """Time of this answer, match time."""
        return self.clock.now

    @batch
    @staticmethod
    async def odds_position(statuses: Sequence[SystemStatus], db: Rows) -> list[BigInt]:
        """Sequence of the newest price change: how far the odds stream has come."""
        return [BigInt(await queries.odds_position(db))] * len(statuses)

    @batch
    @staticmethod
    async def schema_revision(statuses: Sequence[SystemStatus], db: Rows) -> list[str | None]:
        """Migration that the database is at."""
        return [await queries.revision(db)] * len(statuses)

    @batch
    @staticmethod
    async def servers(statuses: Sequence[SystemStatus], db: Rows, redis: Redis) -> list[list[ServerStatus]]:
        """Servers that the deployment stands on."""
        servers = [
            ServerStatus(name="postgresql", version=await queries.server_version(db)),
            ServerStatus(name="redis", version=await redis_version(redis)),
        ]
        return [servers] * len(statuses)


def _source(feed: FeedHealth) -> SourceStatus:
    return SourceStatus(
        source=feed.name,
        level=StatusLevel[feed.level],
        last_success_at=feed.position,
        next_event_at=feed.next_at,
        lag_seconds=feed.lag_seconds,
    )


def _queue(queue: QueueHealth) -> QueueStatus:
    return QueueStatus(**asdict(queue))


async def status(db: Rows, about: About) -> SystemStatus:
    """Freshness and health."""
    machine = machine_now()
    clock = await read_clock(db)
    now = clock.at(machine)
    return SystemStatus(
        sources=[_source(feed_health(feed, clock, now)) for feed in await queries.feeds(db)],
        queues=list(map(_queue, queue_health(await queries.job_counts(db, machine), machine))),
        clock=ClockStatus(now=now, speed=clock.speed, is_replay=abs((now - machine).total_seconds()) > 1),
        version=about.version,
        schema_digest=about.schema_digest,
    )
