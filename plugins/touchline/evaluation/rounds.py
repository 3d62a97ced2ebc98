"""Rounds of a league: what is forecast at once, before any of it is played.

A round is what is played from a Friday to the next Monday, or from a Tuesday to the next Thursday, by the local day.
Its instant is 00:00 local time of its first day with a match: a model sees what was played before, and nothing of the
round itself, not even when a club plays twice in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import numpy as np

from touchline.evaluation.dataset import Dataset
from touchline.football_data.times import LONDON
from touchline.types import Ints

DAYS_INTO_BLOCK: Final = np.array([3, 0, 1, 2, 0, 1, 2])
"""From Monday to Sunday: days since the Friday or Tuesday with which the block begins."""


@dataclass(frozen=True, slots=True)
class Round:
    """Matches of one league that are forecast at one instant."""

    league: str
    instant: int
    """Seconds since 1970."""
    rows: Ints
    """(m,) rows of the dataset."""


def rounds(dataset: Dataset, league: str, seasons: Sequence[int] = ()) -> list[Round]:
    """The rounds of a league, oldest first, of some seasons or of all."""
    past = dataset.history
    is_asked = past.league == dataset.leagues.index(league)
    if seasons:
        is_asked &= np.isin(past.season, seasons)
    rows = np.flatnonzero(is_asked)
    return list(_rounds(dataset, league, rows))


def local_midnight(day: int) -> int:
    """Seconds since 1970 at 00:00 local time of a day, `date.toordinal()`."""
    return int(datetime.combine(date.fromordinal(day), time(), LONDON).astimezone(UTC).timestamp())


def _rounds(dataset: Dataset, league: str, rows: Ints) -> Iterator[Round]:
    days = dataset.day[rows]
    # date.toordinal() is 1 on a Monday.
    blocks = days - DAYS_INTO_BLOCK[(days - 1) % 7]
    for block in np.unique(blocks).tolist():
        chosen = rows[blocks == block]
        yield Round(league, local_midnight(int(dataset.day[chosen].min())), chosen)
