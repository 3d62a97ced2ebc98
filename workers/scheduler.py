"""The scheduler process: `python -m workers.scheduler`. Sends what is due and relays the outbox.

Any number may run; one leads, by an advisory lock that PostgreSQL frees when its holder's connection
ends. On a stepped clock (speed 0) it also moves match time: whenever nothing is left to do, to the
next event, never past it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from dramatiq.brokers.redis import RedisBroker

from domain.infra import jobs
from domain.infra.clock import ClockRow, machine_now, read_clock, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import SettingsError
from domain.infra.lifeline import watch_lifeline
from domain.infra.logs import configure
from domain.infra.outages import is_outage
from domain.infra.outbox import Request, ask
from domain.infra.schedule import ask_due, next_event
from domain.infra.settings import Settings, read_settings
from workers.broker import open_broker
from workers.relay import relay, send_lost
from workers.seeding import put_schedules

LEADER = 7_001_001
"""Number of the advisory lock that the leader holds."""
PAUSE = 0.1
"""Seconds between two rounds."""
STEPPED_PAUSE = 0.02
STANDBY_PAUSE = 1.0
LOOK_FOR_LOST = timedelta(seconds=5)

logger = logging.getLogger("touchline.scheduler")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until asked to stop; answers the exit code."""
    parser = argparse.ArgumentParser(prog="touchline scheduler", description=__doc__)
    parser.add_argument("--data-dir", help="only shown in the list of processes")
    parser.parse_args(arguments)
    watch_lifeline()
    try:
        settings = read_settings()
        configure(settings, "scheduler")
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the process's last words
        return 2
    asyncio.run(_until_signal(settings))
    return 0


async def _until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_scheduler(settings, stop)


async def run_scheduler(settings: Settings, stop: asyncio.Event) -> None:
    """Lead, or wait to lead, until `stop` is set; an outage of a server is waited out."""
    while not stop.is_set():
        try:
            await _lead(settings, stop)
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("a server is away, trying again: %s", error)
            await _pause(stop, STANDBY_PAUSE)


async def _lead(settings: Settings, stop: asyncio.Event) -> None:
    """Become leader on a connection of its own, and lead as long as that connection lives."""
    async with contextlib.AsyncExitStack() as opened:
        database = await Database.connect(settings.database_url, size=4)
        opened.push_async_callback(database.close)
        broker = open_broker(settings.redis_url)
        opened.callback(broker.client.close)
        leader = await asyncpg.connect(settings.database_url)
        opened.push_async_callback(_leave, leader)
        while not await leader.fetchval("select pg_try_advisory_lock($1)", LEADER):
            await _pause(stop, STANDBY_PAUSE)
            if stop.is_set():
                return
        logger.info("leading")
        clock = await read_clock(database.pool)
        await put_schedules(database, settings, clock.at(machine_now()), speed=clock.speed)
        scheduler = Scheduler(database, broker)
        while not stop.is_set():
            await leader.fetchval("select 1")  # raises when the lock is gone with its connection
            await _pause(stop, await scheduler.round())


async def _leave(leader: asyncpg.Connection) -> None:
    """Give the lock back, if its connection still lives."""
    with contextlib.suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
        await leader.close(timeout=2)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class Scheduler:
    """What the leader does in each round."""

    def __init__(self, database: Database, broker: RedisBroker) -> None:
        self._database = database
        self._broker = broker
        self._looked_at = machine_now()

    async def round(self) -> float:
        """Ask for what is due, send what was asked for, move a stepped clock; answers the pause in seconds."""
        clock = await read_clock(self._database.pool)
        await self._ask_due(clock)
        sent = await relay(self._database, self._broker, early=clock.speed == 0)
        if machine_now() - self._looked_at > LOOK_FOR_LOST:
            self._looked_at = machine_now()
            lost = await send_lost(self._database, self._broker)
            if lost:
                logger.warning("%d jobs were not in Redis any more and were sent again", lost)
        if clock.speed != 0:
            return PAUSE
        if not sent:
            await step_clock(self._database)
        return STEPPED_PAUSE

    async def _ask_due(self, clock: ClockRow) -> None:
        now = clock.at(machine_now())
        async with self._database.transaction() as session:
            connection = await connection_of(session)
            await ask_due(connection, now)
            rows = await connection.fetch(
                """select name from feed f where next_at <= $1
                   and not exists (select 1 from outbox o where o.dedupe_key = 'tick_feed:' || f.name
                                   and o.sent_at is null)
                   and not exists (select 1 from job j where j.name = 'tick_feed' and j.arguments->>'name' = f.name
                                   and j.status in ('QUEUED', 'RUNNING', 'RETRYING')) order by name""",
                now,
            )
            await ask(
                connection,
                [Request("tick_feed", {"name": row["name"]}, dedupe_key=f"tick_feed:{row['name']}") for row in rows],
            )


async def step_clock(database: Database) -> bool:
    """Move a stepped clock to the next event if nothing is left to do; answers whether it moved."""
    async with database.transaction() as session:
        connection = await connection_of(session)
        clock = await connection.fetchrow("select match_anchor, speed from clock where id = 1 for update")
        if clock is None or clock["speed"] != 0:
            return False
        if await connection.fetchval("select exists (select 1 from outbox where sent_at is null)"):
            return False
        if await jobs.waiting(connection):
            return False
        moment = await next_event(connection)
        if moment is None or moment <= clock["match_anchor"]:
            return False
        await set_clock(connection, match=moment, speed=0)
        return True


if __name__ == "__main__":
    sys.exit(main())
