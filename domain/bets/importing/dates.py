"""Dates and times as files write them. Pure.

ISO 8601 and months by name say what they mean. `3/4/2025` does not, so the order of day and month is decided
once, over all dates of a file; where none tells, the file is refused with the remedy. A date with dots begins
with the day. Times without an offset are in the person's zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from domain.bets.importing.columns import MAPPING, Option
from domain.infra.errors import Invalid

DAY_FIRST = "%d/%m/%Y"
MONTH_FIRST = "%m/%d/%Y"
ISO = "%Y-%m-%d"
YEARS = range(1990, 2200)
SHOWN = 40
"""Characters of a cell that a refusal shows."""

_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})", re.ASCII)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)
_DAY_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[\s./-]+(?:de\s+)?([a-z]{3,10})\.?[\s,./-]+(?:de\s+)?(\d{4}|\d{2})")
_MONTH_NAMED = re.compile(r"([a-z]{3,10})\.?[\s./-]+(\d{1,2})(?:st|nd|rd|th)?[\s,./-]+(\d{4})")
_WEEKDAY = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun|lun|mar|mie|mié|jue|vie|sab|sáb|dom)[a-zéá]*\.?,?\s+(?=[\da-z])")
_TIME = re.compile(
    r"(?:^|[t,\s]\s*)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6}))?)?\s*(am|pm|a\.\s?m\.|p\.\s?m\.)?\s*(z|utc|gmt|[+-]\d{2}:?\d{2})?$",
    re.ASCII,
)
_CLOCK_SIGNS = re.compile(r"[\sT,]*%[HI].*$")
"""The time of day in a format: times are read as they look like."""
_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10}
_MONTHS |= {"nov": 11, "dec": 12, "ene": 1, "abr": 4, "ago": 8, "set": 9, "dic": 12}


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, aware UTC; without a time of day it is the beginning of that day in the person's zone."""

    instant: datetime
    has_time: bool


class DateSurvey:
    """Looks at every date of a file and decides what `3/4/2025` means in it."""

    def __init__(self) -> None:
        self._day_first: tuple[int, str] | None = None
        self._month_first: tuple[int, str] | None = None
        self._either: tuple[int, str] | None = None
        self._has_iso = False

    def see(self, cell: str, line: int) -> None:
        """Look at one cell."""
        text = _WEEKDAY.sub("", cell.casefold(), count=1)
        found = _NUMERIC.match(text)
        if found is None:
            self._has_iso = self._has_iso or _ISO.match(text) is not None
            return
        first, second = int(found[1]), int(found[3])
        if found[2] == "." or first > 12 >= second:
            self._day_first = self._day_first or (line, cell[:SHOWN])
        elif second > 12 >= first:
            self._month_first = self._month_first or (line, cell[:SHOWN])
        elif first != second:
            self._either = self._either or (line, cell[:SHOWN])

    def decide(self, told: str | None) -> str:
        """The format in the signs of `strptime`; raises Invalid where the file does not tell or contradicts itself."""
        field = f"{MAPPING}.{Option.DATE_FORMAT}"
        if told is not None:
            return _checked(told, field)
        if self._day_first and self._month_first:
            (line, day), (other, month) = self._day_first, self._month_first
            raise Invalid(
                field, f"{day!r} in line {line} begins with the day, {month!r} in line {other} with the month"
            )
        if self._day_first or self._month_first:
            return DAY_FIRST if self._day_first else MONTH_FIRST
        if self._either:
            line, cell = self._either
            raise Invalid(
                field,
                f"{cell!r} in line {line} may begin with the day or the month, and no other date of the file tells: "
                f'add {{"{Option.DATE_FORMAT}": "{DAY_FIRST}"}} or "{MONTH_FIRST}" to the mapping',
            )
        return ISO if self._has_iso else DAY_FIRST


def _checked(told: str, field: str) -> str:
    alone, sample = _CLOCK_SIGNS.sub("", told), date(2001, 12, 31)
    try:
        is_whole = _by_format(sample.strftime(alone), alone) == sample
    except ValueError:
        is_whole = False
    if not is_whole:
        raise Invalid(field, f"{told!r} does not write a day, a month and a year: write for example {DAY_FIRST}")
    return alone


class Dates:
    """Reads the dates of one file."""

    def __init__(self, format_: str, zone: ZoneInfo, *, is_told: bool = False) -> None:
        """`is_told` says that a person chose the format: then it goes before what a date looks like."""
        self.format = format_
        self._zone = zone
        self._is_told = is_told

    def read(self, cell: str, time_cell: str = "") -> Moment:
        """The instant in a cell, with the time of day of another one; raises ValueError saying why it is none."""
        text = cell.casefold()
        clock = _TIME.search(text)
        written = text[: clock.start()].strip().rstrip(",") if clock else text
        day = self._day(written) or self._day(_WEEKDAY.sub("", written, count=1))
        if day is None or day.year not in YEARS:
            raise ValueError(f"{cell!r} is not a date; this file's are written {self.format}")
        if not clock and time_cell:
            clock = _TIME.search(time_cell.casefold())
            if clock is None or clock.start() != 0:
                raise ValueError(f"{time_cell!r} is not a time of day; write for example 15:30")
        return Moment(self._at(day, clock, cell), clock is not None)

    def _day(self, text: str) -> date | None:
        is_own = self.format not in (DAY_FIRST, MONTH_FIRST, ISO)
        if is_own and (day := _by_format(text, self.format)):
            return day
        if found := _ISO.fullmatch(text):
            return _date(int(found[1]), int(found[2]), int(found[3]))
        if not is_own and (found := _NUMERIC.fullmatch(text)):
            first, second = int(found[1]), int(found[3])
            is_month_first = self.format == MONTH_FIRST and (self._is_told or found[2] != ".")
            return _date(_year(found[4]), *((first, second) if is_month_first else (second, first)))
        if found := _DAY_NAMED.fullmatch(text):
            return _date(_year(found[3]), _MONTHS.get(found[2][:3], 0), int(found[1]))
        if found := _MONTH_NAMED.fullmatch(text):
            return _date(_year(found[3]), _MONTHS.get(found[1][:3], 0), int(found[2]))
        return None

    def _at(self, day: date, clock: re.Match[str] | None, cell: str) -> datetime:
        if clock is None:
            return datetime.combine(day, time(), self._zone).astimezone(UTC)
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        if half := clock[5]:
            if not 1 <= hour <= 12:
                raise ValueError(f"{cell!r} is not a time of day")
            hour = hour % 12 + 12 * half.startswith("p")
        try:
            moment = time(hour, minute, second, int((clock[4] or "0").ljust(6, "0")))
            return datetime.combine(day, moment, _offset(clock[6]) or self._zone).astimezone(UTC)
        except ValueError:
            raise ValueError(f"{cell!r} is not a time of day") from None


def _by_format(text: str, format_: str) -> date | None:
    try:
        return datetime.strptime(text, format_).date()  # noqa: DTZ007 - the zone comes with the time of day
    except ValueError:
        return None


def _offset(text: str | None) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    span = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-span if text[0] == "-" else span)


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
