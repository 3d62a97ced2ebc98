"""When: the site's dates and times of day, its seasons, and the hours at which it takes its prices."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

LONDON: Final = ZoneInfo("Europe/London")
SEASON_STARTS_IN: Final = 7
"""Month, July. A season that ran late (2019/20 ended on 2 August 2020) still counts from its start."""
LATEST_END: Final = (8, 31)
"""Month and day in the next year up to which a match may belong to a season."""
YEARS: Final = range(1888, 2200)
"""League football began in 1888; what is outside is a slip."""
PRICES_TAKEN_AT: Final = time(15)
PRICE_DAYS: Final = (1, 4)
"""Tuesday and Friday, as `date.weekday()`."""

_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_SEASON: Final = re.compile(r"\d{4}", re.ASCII)


def day_of(cell: str) -> date:
    """The day of `dd/mm/yy` or `dd/mm/yyyy`; raises ValueError when it is none."""
    found = _DATE.fullmatch(cell.strip())
    if found is None:
        raise ValueError(f"{cell!r} is not a date")
    day, month, year = (int(part) for part in found.groups())
    try:
        read = date(_full_year(year) if len(found[3]) == 2 else year, month, day)
    except ValueError:
        raise ValueError(f"{cell!r} is not a date") from None
    if read.year not in YEARS:
        raise ValueError(f"{cell!r} is not a date of a match")
    return read


def kickoff_of(day: date, cell: str) -> datetime:
    """UTC kick-off at `HH:MM` UK local time; raises ValueError when it is no time of day."""
    found = _TIME.fullmatch(cell.strip())
    if found is None:
        raise ValueError(f"{cell!r} is not a time of day")
    try:
        clock = time(int(found[1]), int(found[2]))
    except ValueError:
        raise ValueError(f"{cell!r} is not a time of day") from None
    return datetime.combine(day, clock, LONDON).astimezone(UTC)


def unknown_kickoff(day: date) -> datetime:
    """00:00 UTC of a day whose kick-off time the source does not tell."""
    return datetime.combine(day, time(), UTC)


def pre_match_instant(kickoff: datetime) -> datetime:
    """The last Friday or Tuesday, 15:00 UK, strictly before a kick-off: when the site takes its early prices.

    Friday for matches from Friday to Monday, Tuesday for the others, and the one before where that is not
    before the kick-off (a Friday match at 12:30, or one on a Friday whose time is not known).
    """
    day = kickoff.astimezone(LONDON).date()
    while True:
        if day.weekday() in PRICE_DAYS:
            taken = datetime.combine(day, PRICES_TAKEN_AT, LONDON).astimezone(UTC)
            if taken < kickoff:
                return taken
        day -= timedelta(days=1)


def season_of_day(day: date) -> int:
    """Year in which the season of a day starts, by the calendar alone."""
    return day.year if day.month >= SEASON_STARTS_IN else day.year - 1


def is_in_season(day: date, season: int) -> bool:
    """Whether a match of the season that starts in year `season` can be on that day."""
    return date(season, SEASON_STARTS_IN, 1) <= day <= date(season + 1, *LATEST_END)


def season_of_code(code: str) -> int | None:
    """2024 for the folder name `2425`, 1999 for `9900`; None when it is no season."""
    if _SEASON.fullmatch(code) is None:
        return None
    first, second = int(code[:2]), int(code[2:])
    return _full_year(first) if second == (first + 1) % 100 else None


def season_code(season: int) -> str:
    """`2425` for 2024."""
    return f"{season % 100:02d}{(season + 1) % 100:02d}"


def _full_year(short: int) -> int:
    """The year of two digits; the site's oldest files are of 1993/94."""
    return 2000 + short if short < 70 else 1900 + short
