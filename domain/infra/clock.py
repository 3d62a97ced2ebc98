"""The deployment's clock: one row of PostgreSQL that turns machine time into match time.

Match time rules windows, staleness, schedules and kick-off; machine time rules tokens, leases,
retries and time-outs. `match time = match_anchor + (machine time - wall_anchor) * speed`. Speed 1
is the live product; a replay runs faster; speed 0 stands still and is moved from event to event.

Machine time is PostgreSQL's. A process whose own clock says otherwise, because its machine was set
wrong, keeps the difference and counts it in; it is looked at with every reading of the clock row.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.infra.database import Reader

log = logging.getLogger("touchline.clock")

CLOSE_ENOUGH = timedelta(milliseconds=100)
"""Differences up to this are left alone: no clock of a process leaps about."""
WORTH_TELLING = timedelta(seconds=1)


@dataclass(slots=True)
class _Correction:
    """What this process adds to its own clock."""

    added: timedelta = timedelta(0)

    def follow(self, asked: datetime, told: datetime, heard: datetime) -> None:
        """Move as little as is needed for what PostgreSQL told to lie between the question and the answer."""
        wrong = told - asked if told < asked else max(timedelta(0), told - heard)
        if abs(wrong) > CLOSE_ENOUGH:
            self.added += wrong
            if abs(wrong) > WORTH_TELLING:
                log.warning("the clock here is off by %+.1f s; PostgreSQL's is followed", -self.added.total_seconds())


_correction = _Correction()


def machine_now() -> datetime:
    """Machine time, aware UTC: this machine's own, set right by PostgreSQL's."""
    return datetime.now(UTC) + _correction.added


async def set_right(reader: Reader) -> None:
    """Ask PostgreSQL for the time, and from now on follow it."""
    asked = machine_now()
    told = await reader.fetchval("select clock_timestamp()")
    _correction.follow(asked, told, machine_now())


@dataclass(frozen=True, slots=True)
class ClockRow:
    """One reading of the clock row. `speed` is match seconds per machine second; 0 means stepped."""

    wall_anchor: datetime
    match_anchor: datetime
    speed: float

    def at(self, machine: datetime) -> datetime:
        """Match time at an instant of machine time."""
        return self.match_anchor + (machine - self.wall_anchor) * self.speed

    def machine_seconds_until(self, match: datetime, machine: datetime) -> float | None:
        """Machine seconds until match time `match`; None when a stepped clock will not get there by itself."""
        if self.speed == 0:
            return None
        return max(0.0, (match - self.at(machine)).total_seconds() / self.speed)


LIVE = ClockRow(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), 1.0)
"""The clock of a deployment without a row: match time is machine time."""


async def read_clock(reader: Reader) -> ClockRow:
    """The clock row as it is now; sets this process's machine time right by the way."""
    asked = machine_now()
    row = await reader.fetchrow(
        """select clock_timestamp() as told, wall_anchor, match_anchor, speed
           from (select 1) as always left join clock on clock.id = 1"""
    )
    assert row is not None
    _correction.follow(asked, row["told"], machine_now())
    return LIVE if row["speed"] is None else ClockRow(row["wall_anchor"], row["match_anchor"], float(row["speed"]))


async def match_now(reader: Reader) -> datetime:
    """Match time now, read from the row."""
    return (await read_clock(reader)).at(machine_now())


class Clock:
    """Match time for readers that ask often: the row is read again once a second."""

    def __init__(self, reader: Reader, *, max_age: timedelta = timedelta(seconds=1)) -> None:
        self._reader = reader
        self._max_age = max_age.total_seconds()
        self._row = LIVE
        self._read_at = -float("inf")

    async def now(self) -> datetime:
        if time.monotonic() - self._read_at > self._max_age:
            self._row = await read_clock(self._reader)
            self._read_at = time.monotonic()
        return self._row.at(machine_now())


async def set_clock(writer: Reader, *, match: datetime, speed: float) -> None:
    """Let match time be `match` now and run at `speed`."""
    await writer.fetchval(
        """insert into clock (id, wall_anchor, match_anchor, speed) values (1, $1, $2, $3)
           on conflict (id) do update set wall_anchor = $1, match_anchor = $2, speed = $3 returning 1""",
        machine_now(),
        match,
        speed,
    )
