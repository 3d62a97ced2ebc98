"""What a match's status means. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """Where a match stands."""

    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    HALF_TIME = "HALF_TIME"
    EXTRA_TIME = "EXTRA_TIME"
    PENALTIES = "PENALTIES"
    FINISHED = "FINISHED"
    POSTPONED = "POSTPONED"
    SUSPENDED = "SUSPENDED"
    ABANDONED = "ABANDONED"
    CANCELLED = "CANCELLED"
    AWARDED = "AWARDED"


PLAYING = frozenset({Status.LIVE, Status.HALF_TIME, Status.EXTRA_TIME, Status.PENALTIES})
"""States in which the ball may roll."""

FULL_TIME_AFTER = timedelta(minutes=115)
"""From kick-off to a known result, where the source gives no instant: two halves, the break, stoppages."""


def result_known_at(kickoff: datetime, *, is_kickoff_time_known: bool) -> datetime:
    """Match time from which a result counts as known.

    Where only the day is known (`kickoff` is its 00:00) it is the end of the day, so that nothing of
    the day can have been used before.
    """
    return kickoff + (FULL_TIME_AFTER if is_kickoff_time_known else timedelta(days=1))
