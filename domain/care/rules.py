"""Limits and breaks: what is stricter, what is in force, when a period begins, how long a break may be. Pure.

Everything here is machine time. A stricter limit works at once; a looser one, or none, works after
`COOLING`, and until then the old one holds. A break can be followed by a longer one and never ends early.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.infra.errors import Conflict, Invalid, NotFound

COOLING = timedelta(hours=24)
"""How long a looser limit waits."""
BREAK = (timedelta(days=1), timedelta(weeks=6))
"""Shortest and longest break."""
EXCLUSION_MONTHS = (6, 60)
"""Calendar months of the shortest and longest self-exclusion."""
UNDERWAY = timedelta(minutes=5)
"""What a request may lose on its way from a clock that asked for exactly the shortest span."""


class Kind(StrEnum):
    """What is limited: money in minor units, bets, or minutes."""

    STAKE = "STAKE"
    LOSS = "LOSS"
    DEPOSIT = "DEPOSIT"
    BET_COUNT = "BET_COUNT"
    TIME = "TIME"

    @property
    def is_money(self) -> bool:
        """Whether it is counted per currency."""
        return self in (Kind.STAKE, Kind.LOSS, Kind.DEPOSIT)


class Period(StrEnum):
    """Calendar spans in a person's time zone; a week begins on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class Setting:
    """A limit's value, and the looser one that waits; None is no limit."""

    value: int | None = None
    pending_value: int | None = None
    pending_from: datetime | None = None
    """When the pending value works; None where nothing waits."""

    def at(self, machine: datetime) -> int | None:
        """The value in force at an instant."""
        return self.value if self.pending_from is None or machine < self.pending_from else self.pending_value

    def settled(self, machine: datetime) -> Setting:
        """The same, with a value that has waited long enough in its place."""
        return Setting(self.at(machine)) if self.pending_from is not None and machine >= self.pending_from else self


def changed(before: Setting, wanted: int | None, machine: datetime) -> Setting:
    """The setting after somebody asks for a value, or with None for no limit.

    The same looser value asked for again goes on waiting; a value that is as strict as the one in force takes
    what waits away. Raises NotFound where there is no limit to remove.
    """
    now = before.settled(machine)
    if wanted is None and now.value is None:
        raise NotFound("There is no such limit.", field="input")
    if wanted is not None and (now.value is None or wanted <= now.value):
        return Setting(wanted)
    if now.pending_from is not None and now.pending_value == wanted:
        return now
    return Setting(now.value, wanted, machine + COOLING)


def start_of(period: Period, at: datetime, zone: ZoneInfo) -> datetime:
    """When the period around an instant began, aware UTC."""
    return _midnight(first_day(period, at, zone), zone)


def end_of(period: Period, at: datetime, zone: ZoneInfo) -> datetime:
    """When the period around an instant ends and the next begins, aware UTC."""
    first = first_day(period, at, zone)
    days = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: monthrange(first.year, first.month)[1]}[period]
    return _midnight(first + timedelta(days=days), zone)


def first_day(period: Period, at: datetime, zone: ZoneInfo) -> date:
    """The first calendar day, in the zone, of the period around an instant."""
    day = at.astimezone(zone).date()
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def days_back(count: int, at: datetime, zone: ZoneInfo) -> datetime:
    """When the first of the last `count` days began, today being one of them; aware UTC."""
    return _midnight(first_day(Period.DAY, at, zone) - timedelta(days=count - 1), zone)


def break_kind(machine: datetime, until: datetime, *, field: str = "input.until") -> str:
    """BREAK or SELF_EXCLUSION, by how long it lasts; raises Invalid for a span that is neither."""
    shortest, longest = BREAK
    if machine + shortest - UNDERWAY <= until <= machine + longest:
        return "BREAK"
    least, most = (after_months(machine, months) for months in EXCLUSION_MONTHS)
    if least - UNDERWAY <= until <= most:
        return "SELF_EXCLUSION"
    raise Invalid(
        field,
        "must be 1 day to 6 weeks from now for a break, or 6 months to 5 years for a self-exclusion: "
        f"until {(machine + longest).date()}, or from {least.date()} until {most.date()}",
    )


def demand_longer(standing: datetime | None, until: datetime, zone: ZoneInfo, *, field: str = "input.until") -> None:
    """Raises Conflict where a new break would not outlast the one that stands."""
    if standing is not None and until <= standing:
        raise Conflict(
            f"Your break lasts until {told(standing, zone)} and cannot be shortened; choose a later end.", field=field
        )


def told(instant: datetime, zone: ZoneInfo) -> str:
    """An instant for people: `2026-03-15 00:00 (Europe/Madrid)`."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"


def after_months(instant: datetime, months: int) -> datetime:
    """The same day and time so many calendar months later; the last day of a month that is too short."""
    count = instant.month - 1 + months
    year, month = instant.year + count // 12, count % 12 + 1
    return instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day; where the clock skips midnight, the instant at which it does."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
