"""What the two seeds share: the clock, the schedule and the first requests."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from domain.infra.clock import machine_now, read_clock, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.outbox import Request, ask
from domain.infra.schedule import put_schedule
from domain.infra.settings import Settings

LEAST_PAUSE = timedelta(minutes=1)
"""Machine time between two runs of a recurring job."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Tell on stderr what is being done and how long it took."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)  # noqa: T201 - progress


async def resume_clock(database: Database, *, speed: float) -> datetime:
    """Let a clock that ran before go on from where its feeds stand, or from this moment where it is live.

    Match time never goes back. At another speed than 1 it does not count the time that nothing ran.
    """
    row = await read_clock(database.pool)
    reached: datetime | None = await database.pool.fetchval("select max(position) from feed")
    now = machine_now()
    match = now if reached is None else max(reached, now) if speed == 1 else reached
    if row.speed == 0:
        match = max(match, row.at(now))
    await set_clock(database.pool, match=match, speed=speed)
    return match


async def put_schedules(database: Database, settings: Settings, now: datetime, *, speed: float) -> None:
    """The recurring jobs, at a pace that suits the clock.

    Results and kick-offs ask for what they make necessary by themselves; these catch what they missed. On
    a fast clock they come at least `LEAST_PAUSE` of machine time apart, on a stepped one once a day.
    """
    least = LEAST_PAUSE * speed if speed > 0 else timedelta(days=1)
    for name, pause in (
        ("refresh_predictions", timedelta(minutes=settings.refresh_minutes)),
        ("expire_value", timedelta(minutes=5)),
        ("settle_bets", timedelta(minutes=5)),
        ("grade_matches", timedelta(minutes=5)),
        ("settle_markets", timedelta(minutes=5)),
        ("choose_models", timedelta(days=1)),
        ("retention", timedelta(hours=1)),
        ("purge_accounts", timedelta(hours=1)),
    ):
        await put_schedule(database.pool, name, max(pause, least), now + max(pause, least))


async def ask_first(database: Database) -> None:
    """Ask for predictions and value bets of everything that is there."""
    async with database.transaction() as session:
        await ask(
            await connection_of(session),
            [
                Request("refresh_predictions", {"reason": "seed"}, dedupe_key="refresh_predictions"),
                Request("refresh_value", {}, dedupe_key="refresh_value"),
            ],
        )
