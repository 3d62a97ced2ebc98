"""Limits, periods and breaks as rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.care.rules import (
    COOLING,
    Period,
    Setting,
    after_months,
    break_kind,
    changed,
    days_back,
    demand_longer,
    end_of,
    first_day,
    start_of,
)
from domain.infra.errors import Conflict, Invalid, NotFound

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Madrid", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia")]

values = st.none() | st.integers(0, 100)
instants = st.integers(0, 28 * 365 * 24 * 3600).map(lambda s: datetime(2012, 1, 2, tzinfo=UTC) + timedelta(seconds=s))


def is_looser(one: int | None, other: int | None) -> bool:
    return other is not None and (one is None or one > other)


def test_a_first_limit_works_at_once() -> None:
    assert changed(Setting(), 50, NOW) == Setting(50)


def test_a_stricter_limit_works_at_once_and_takes_away_what_waits() -> None:
    waiting = changed(Setting(50), 80, NOW)
    assert waiting == Setting(50, 80, NOW + COOLING)
    assert changed(waiting, 40, NOW + timedelta(hours=1)) == Setting(40)


def test_a_looser_limit_works_after_a_day() -> None:
    waiting = changed(Setting(50), 80, NOW)
    assert waiting.at(NOW + COOLING - timedelta(microseconds=1)) == 50
    assert waiting.at(NOW + COOLING) == 80
    assert waiting.settled(NOW + COOLING) == Setting(80)


def test_a_removal_waits_too_and_can_be_taken_back() -> None:
    waiting = changed(Setting(50), None, NOW)
    assert waiting.at(NOW + timedelta(hours=23)) == 50
    assert waiting.at(NOW + COOLING) is None
    assert changed(waiting, 50, NOW + timedelta(hours=1)) == Setting(50)
    assert changed(waiting, 70, NOW + COOLING) == Setting(70), "after the removal it is a first limit"


def test_asking_again_does_not_wait_anew() -> None:
    waiting = changed(Setting(50), 80, NOW)
    assert changed(waiting, 80, NOW + timedelta(hours=20)) == waiting
    assert changed(waiting, 90, NOW + timedelta(hours=20)) == Setting(50, 90, NOW + timedelta(hours=44))


def test_nothing_cannot_be_removed() -> None:
    with pytest.raises(NotFound, match="no such limit"):
        changed(Setting(), None, NOW)
    with pytest.raises(NotFound):
        changed(Setting(50, None, NOW), None, NOW)


@given(st.integers(0, 100), st.lists(st.tuples(values, st.integers(0, 24 * 3600 - 1)), max_size=8))
def test_within_a_day_no_wish_makes_a_limit_looser(first: int, wishes: list[tuple[int | None, int]]) -> None:
    setting, strictest = changed(Setting(), first, NOW), first
    for wanted, second in sorted(wishes, key=lambda wish: wish[1]):
        at = NOW + timedelta(seconds=second)
        setting = changed(setting, wanted, at)
        if wanted is not None:
            strictest = min(strictest, wanted)
        assert setting.at(at) == strictest
        assert setting.at(NOW + COOLING - timedelta(microseconds=1)) == strictest


@given(st.integers(0, 100), st.lists(st.tuples(values, st.integers(0, 40 * 3600)), max_size=8), values)
def test_a_wish_makes_nothing_looser_for_a_day(
    first: int, wishes: list[tuple[int | None, int]], last: int | None
) -> None:
    """Whatever was asked for before, also where something looser was about to work: it is never looser by a wish."""
    setting, at = changed(Setting(), first, NOW), NOW
    for wanted, second in sorted([*wishes, (last, 40 * 3600)], key=lambda wish: wish[1]):
        at = NOW + timedelta(seconds=second)
        if wanted is None and setting.at(at) is None:
            continue
        before, setting = setting, changed(setting, wanted, at)
        for hours in (0, 1, 12, 23.99):
            then = at + timedelta(hours=hours)
            assert not is_looser(setting.at(then), before.at(then))


@given(instants, st.sampled_from(ZONES), st.sampled_from(Period))
def test_periods_hold_their_instants_and_meet_without_a_gap(at: datetime, zone: ZoneInfo, period: Period) -> None:
    start, end = start_of(period, at, zone), end_of(period, at, zone)
    assert start <= at < end
    assert start_of(period, end, zone) == end
    assert start_of(period, end - timedelta(microseconds=1), zone) == start
    assert start.astimezone(zone).date() == first_day(period, at, zone)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Madrid", 23),
        (date(2026, 10, 25), "Europe/Madrid", 25),
        (date(2026, 9, 6), "America/Santiago", 23),  # the clock skips midnight itself
        (date(2026, 4, 4), "America/Santiago", 25),  # and the last hour of this day comes twice
        (date(2026, 3, 14), "Asia/Kathmandu", 24),
    ],
)
def test_a_day_is_as_long_as_the_clock_says(day: date, zone: str, hours: int) -> None:
    there = ZoneInfo(zone)
    at = datetime.combine(day, time(12), there).astimezone(UTC)
    assert end_of(Period.DAY, at, there) - start_of(Period.DAY, at, there) == timedelta(hours=hours)


def test_days_begin_where_the_person_is() -> None:
    late = datetime(2026, 3, 1, 2, tzinfo=UTC)  # still February in Santiago
    santiago = ZoneInfo("America/Santiago")
    assert first_day(Period.DAY, late, santiago) == date(2026, 2, 28)
    assert start_of(Period.MONTH, late, santiago) == datetime(2026, 2, 1, 3, tzinfo=UTC)
    assert start_of(Period.MONTH, late, UTC_ZONE) == datetime(2026, 3, 1, tzinfo=UTC)
    assert start_of(Period.WEEK, NOW, UTC_ZONE) == datetime(2026, 3, 9, tzinfo=UTC)


def test_seven_days_are_seven_dates_across_a_change_of_clocks() -> None:
    new_york = ZoneInfo("America/New_York")
    after_midnight = datetime(2026, 3, 12, 0, 30, tzinfo=new_york).astimezone(UTC)
    assert days_back(7, after_midnight, new_york).astimezone(new_york).date() == date(2026, 3, 6)


@pytest.mark.parametrize(
    ("until", "kind"),
    [
        (NOW + timedelta(days=1), "BREAK"),
        (NOW + timedelta(days=1, minutes=-4), "BREAK"),
        (NOW + timedelta(weeks=6), "BREAK"),
        (datetime(2026, 9, 14, 12, tzinfo=UTC), "SELF_EXCLUSION"),
        (datetime(2031, 3, 14, 12, tzinfo=UTC), "SELF_EXCLUSION"),
    ],
)
def test_spans_of_breaks(until: datetime, kind: str) -> None:
    assert break_kind(NOW, until) == kind


@pytest.mark.parametrize(
    "until",
    [
        NOW - timedelta(days=1),
        NOW + timedelta(hours=23),
        NOW + timedelta(weeks=6, seconds=1),
        NOW + timedelta(days=100),
        datetime(2026, 9, 13, tzinfo=UTC),
        datetime(2031, 3, 14, 12, 0, 1, tzinfo=UTC),
    ],
)
def test_spans_that_are_neither_are_refused_with_the_ones_that_are(until: datetime) -> None:
    with pytest.raises(Invalid, match="2026-04-25, or from 2026-09-14 until 2031-03-14") as refused:
        break_kind(NOW, until)
    assert refused.value.field == "input.until"


def test_only_a_longer_break_may_follow() -> None:
    standing = NOW + timedelta(days=3)
    demand_longer(None, NOW, UTC_ZONE)
    demand_longer(standing, standing + timedelta(seconds=1), UTC_ZONE)
    with pytest.raises(Conflict, match=r"until 2026-03-17 13:00 \(Europe/Madrid\) and cannot be shortened"):
        demand_longer(standing, standing, ZoneInfo("Europe/Madrid"))


def test_months_end_with_their_last_day() -> None:
    assert after_months(datetime(2026, 8, 31, tzinfo=UTC), 6) == datetime(2027, 2, 28, tzinfo=UTC)
    assert after_months(datetime(2026, 12, 1, tzinfo=UTC), 60) == datetime(2031, 12, 1, tzinfo=UTC)
