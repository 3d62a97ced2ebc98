"""Splitting bets by league, market, time and so on. Pure.

A bet is in one group of a dimension, except of TAG: there it is in one for each of its tags. In DAY, WEEK, MONTH
and WEEKDAY it is where it was settled, by its owner's clocks; pending bets are in none of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from domain.bets.record.days import date_of, first_days, local_days
from domain.bets.record.rows import BETWEEN_TAGS, UNKNOWN, Bets, Words
from domain.care.rules import Period
from touchline import Floats, Ints

UNTAGGED = "UNTAGGED"
NEGATIVE = "NEGATIVE"
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
ODDS_BANDS = (1.0, 1.5, 1.8, 2.0, 2.5, 3.5, 5.0, 10.0)
"""Lower ends of the bands of decimal odds."""
EDGE_BANDS = (0.0, 0.05, 0.10, 0.20)
"""Lower ends of the bands of the edge at placement; below the first it was negative."""


class Dimension(StrEnum):
    """Ways to split bets."""

    LEAGUE = "LEAGUE"
    MARKET = "MARKET"
    BOOKMAKER = "BOOKMAKER"
    MODEL = "MODEL"
    TAG = "TAG"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    WEEKDAY = "WEEKDAY"
    ODDS_BAND = "ODDS_BAND"
    EDGE_BAND = "EDGE_BAND"


@dataclass(frozen=True, slots=True)
class Group:
    """Some bets and the word that they share."""

    key: str
    bets: Bets


def split(bets: Bets, dimension: Dimension, zone: ZoneInfo) -> list[Group]:
    """The groups of a dimension that have a bet: times and bands in their order, others the largest first."""
    match dimension:
        case Dimension.LEAGUE | Dimension.MARKET | Dimension.BOOKMAKER | Dimension.MODEL:
            words: Words = getattr(bets, dimension.lower())
            return _largest_first(_by_word(bets, words))
        case Dimension.TAG:
            return _largest_first(_by_tag(bets))
        case Dimension.ODDS_BAND:
            return _by_number(bets, np.searchsorted(ODDS_BANDS, bets.price, side="right"), odds_band)
        case Dimension.EDGE_BAND:
            return _by_number(bets, _edge_bands(bets.edge), edge_band)
        case _:
            return _by_time(bets.where(~bets.is_pending), dimension, zone)


def odds_band(number: int) -> str:
    """`1.80-2.00` for the third band; it holds 1.80 and not 2.00."""
    low, high = ODDS_BANDS[number - 1], ODDS_BANDS[number] if number < len(ODDS_BANDS) else None
    return f"{low:.2f}+" if high is None else f"{low:.2f}-{high:.2f}"


def edge_band(number: int) -> str:
    """`0.05-0.10` for the second band, `NEGATIVE` below the first, `UNKNOWN` without an edge."""
    if number > len(EDGE_BANDS):
        return UNKNOWN
    if number == 0:
        return NEGATIVE
    low, high = EDGE_BANDS[number - 1], EDGE_BANDS[number] if number < len(EDGE_BANDS) else None
    return f"{low:.2f}+" if high is None else f"{low:.2f}-{high:.2f}"


def _edge_bands(edges: Floats) -> Ints:
    known = np.searchsorted(EDGE_BANDS, edges, side="right")
    return np.where(np.isnan(edges), len(EDGE_BANDS) + 1, known)


def _by_word(bets: Bets, words: Words) -> Iterator[Group]:
    numbers: dict[str, int] = {}
    place = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
    names = list(numbers)
    return (Group(names[number], part) for number, part in _parts(bets, place))


def _by_tag(bets: Bets) -> Iterator[Group]:
    places: dict[str, list[int]] = {}
    for place, tags in enumerate(bets.tags):
        for tag in tags.split(BETWEEN_TAGS) if tags else (UNTAGGED,):
            places.setdefault(tag, []).append(place)
    return (Group(tag, bets[np.array(found, dtype=np.int64)]) for tag, found in places.items())


def _by_time(bets: Bets, dimension: Dimension, zone: ZoneInfo) -> list[Group]:
    days = local_days(bets.settled_at, zone)
    if dimension is Dimension.WEEKDAY:
        return _by_number(bets, (days - first_days(days, Period.WEEK)), WEEKDAYS.__getitem__)
    period = Period(dimension)
    return _by_number(bets, first_days(days, period), lambda day: _name_of(date_of(day), period))


def _name_of(first: date, period: Period) -> str:
    """`2026-03-14`, `2026-W11` or `2026-03`."""
    if period is Period.WEEK:
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return first.isoformat() if period is Period.DAY else f"{first:%Y-%m}"


def _by_number(bets: Bets, numbers: Ints, name: Callable[[int], str]) -> list[Group]:
    return [Group(name(number), part) for number, part in _parts(bets, numbers)]


def _parts(bets: Bets, numbers: Ints) -> Iterator[tuple[int, Bets]]:
    """The bets of each number, rising; in a part they keep their order."""
    order = np.argsort(numbers, kind="stable")
    ordered = bets[order]
    distinct, starts = np.unique(numbers[order], return_index=True)
    for number, (start, end) in zip(distinct.tolist(), pairwise([*starts.tolist(), len(order)]), strict=True):
        yield number, ordered[start:end]


def _largest_first(groups: Iterator[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-len(group.bets), group.key))
