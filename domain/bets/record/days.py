"""Calendar days of instants in a person's time zone, and the days, weeks and months they fall in. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from domain.care.rules import Period
from touchline import Floats, Ints

_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_MONDAY = 4
"""1970 began on a Thursday: its first Monday was day 4."""


def local_days(instants: Floats, zone: ZoneInfo) -> Ints:
    """Days since 1970-01-01 of instants in seconds since 1970, by the clocks of a zone, `(n,)`.

    A zone's offset is asked for at both ends of each UTC day; only on the days on which it changes is it
    asked for at every instant.
    """
    days, place = np.unique(np.floor_divide(instants, _DAY).astype(np.int64), return_inverse=True)
    starts = np.array([_offset(day * _DAY, zone) for day in days.tolist()], dtype=np.float64)
    ends = np.array([_offset((day + 1) * _DAY, zone) for day in days.tolist()], dtype=np.float64)
    offsets = starts[place] if len(days) else np.empty(0)
    changing = np.flatnonzero((starts != ends)[place]) if len(days) else np.empty(0, dtype=np.int64)
    offsets[changing] = [_offset(instant, zone) for instant in instants[changing].tolist()]
    return np.floor_divide(instants + offsets, _DAY).astype(np.int64)


def first_days(days: Ints, period: Period) -> Ints:
    """The first day of the period that each day lies in."""
    if period is Period.WEEK:
        return days - (days - _MONDAY) % 7
    if period is Period.MONTH:
        return days.astype("M8[D]").astype("M8[M]").astype("M8[D]").astype(np.int64)
    return days


def next_period(first_day: int, period: Period) -> int:
    """The first day of the period after the one that begins on a day."""
    if period is Period.MONTH:
        return int(first_days(np.array([first_day + 31]), period)[0])
    return first_day + (7 if period is Period.WEEK else 1)


def date_of(day: int) -> date:
    """The date of a day since 1970."""
    return _EPOCH + timedelta(days=day)


def begins_at(day: int, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins in a zone, aware UTC."""
    at = date_of(day)
    return datetime(at.year, at.month, at.day, tzinfo=zone).astimezone(UTC)


def _offset(instant: float, zone: ZoneInfo) -> float:
    """Seconds by which a zone's clocks are ahead of UTC at an instant."""
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()
