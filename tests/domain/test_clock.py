"""One row turns machine time into match time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.infra import clock
from domain.infra.clock import LIVE, Clock, ClockRow, machine_now, match_now, read_clock, set_clock, set_right
from domain.infra.database import Database

THEN = datetime(2025, 2, 20, 12, tzinfo=UTC)


def test_match_time_runs_at_its_speed() -> None:
    row = ClockRow(wall_anchor=THEN, match_anchor=THEN - timedelta(days=300), speed=600.0)
    assert row.at(THEN + timedelta(seconds=1)) == THEN - timedelta(days=300) + timedelta(minutes=10)
    assert row.machine_seconds_until(row.at(THEN) + timedelta(hours=1), THEN) == 6.0


def test_a_stepped_clock_stands_still() -> None:
    row = ClockRow(wall_anchor=THEN, match_anchor=THEN, speed=0.0)
    assert row.at(THEN + timedelta(days=9)) == THEN
    assert row.machine_seconds_until(THEN + timedelta(seconds=1), THEN) is None


async def test_without_a_row_match_time_is_machine_time(database: Database) -> None:
    assert await read_clock(database.pool) == LIVE
    assert abs(await match_now(database.pool) - machine_now()) < timedelta(seconds=2)


async def test_set_clock_is_read_by_every_process(database: Database) -> None:
    await set_clock(database.pool, match=THEN, speed=0.0)
    assert await match_now(database.pool) == THEN
    assert await Clock(database.pool).now() == THEN


async def test_the_cached_clock_follows_a_change(database: Database) -> None:
    clock = Clock(database.pool, max_age=timedelta(0))
    await set_clock(database.pool, match=THEN, speed=0.0)
    assert await clock.now() == THEN
    await set_clock(database.pool, match=THEN + timedelta(days=1), speed=0.0)
    assert await clock.now() == THEN + timedelta(days=1)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> clock._Correction:
    """A machine of its own, whose clock is right so far."""
    correction = clock._Correction()
    monkeypatch.setattr(clock, "_correction", correction)
    return correction


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_wrong_clock_is_set_right_by_postgresql(
    database: Database, machine: clock._Correction, hours: int
) -> None:
    machine.added = timedelta(hours=hours)  # as if the machine had been set wrong meanwhile
    await set_right(database.pool)
    assert abs(machine.added) < timedelta(seconds=1)
    assert abs(machine_now() - datetime.now(UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize("hours", [2, -2])
async def test_match_time_is_that_of_the_database(database: Database, machine: clock._Correction, hours: int) -> None:
    await set_clock(database.pool, match=THEN, speed=600.0)
    machine.added = timedelta(hours=hours)
    assert THEN <= await match_now(database.pool) < THEN + timedelta(hours=2)


def test_a_correction_is_no_larger_than_what_is_certain(machine: clock._Correction) -> None:
    asked, heard = THEN, THEN + timedelta(seconds=10)
    machine.follow(asked, THEN + timedelta(seconds=4), heard)
    assert machine.added == timedelta(0)
    machine.follow(asked, THEN + timedelta(seconds=10, milliseconds=90), heard)
    assert machine.added == timedelta(0)
    machine.follow(asked, THEN - timedelta(seconds=3), heard)
    assert machine.added == timedelta(seconds=-3)
    machine.follow(asked, THEN + timedelta(seconds=15), heard)
    assert machine.added == timedelta(seconds=2)
