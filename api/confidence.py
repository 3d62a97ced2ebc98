"""Whether confidence means what it says: a day's scores, and how often what was shown with such scores happened."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import add
from typing import Annotated, Final

import strawberry

from api.batch import batch
from api.filters import VALUE_FROM, ConfidenceBand
from api.rows import Columns, Rows
from api.scalars import Interval
from api.scorecards import LOOKED_BACK, told_interval
from domain.grades import queries
from domain.grades.bands import BandRecord, flat_value
from domain.grades.flat import FlatBets
from domain.grades.tracks import Question
from domain.infra.errors import Invalid
from domain.markets.results import FACT_COLUMNS
from touchline import RESULT

BANDS: Final = (ConfidenceBand.LOW, ConfidenceBand.MEDIUM, ConfidenceBand.HIGH)
"""Rising, as `BOUNDS` tell them apart."""
BOUNDS: Final = [round(band.span[0]) for band in BANDS[1:]]

HIT_RATE_DAYS: Final = timedelta(days=7)
ROI_DAYS: Final = timedelta(days=30)

FIRST_DAY, LAST_DAY = date(1800, 1, 1), date(2999, 12, 31)
"""Days that can be asked about: the year before each is one of the calendar's too."""

Records = Mapping[ConfidenceBand, BandRecord]


@dataclass(frozen=True, slots=True)
class PastBands:
    """What was shown with each band of confidence in the year before an instant, and what happened.

    The row is known as soon as its reading begins, so that fields which come to it a little later share the statement.
    """

    reading: asyncio.Task[Records]

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[PastBands | None]:
        return [cls(asyncio.ensure_future(_records(db, datetime.fromisoformat(key), LOOKED_BACK))) for key in keys]


async def past_bands(db: Rows, bands: Sequence[ConfidenceBand], now: datetime) -> list[BandRecord]:
    """The record of each band in the year before match time `now`."""
    [past] = await db.pick(PastBands, [now.isoformat()])
    records = await asyncio.shield(past.reading)
    return [records[band] for band in bands]


async def _records(db: Rows, end: datetime, days: timedelta) -> Records:
    """The record of every band over the days before an instant."""
    rows = await queries.band_records(db, Question(RESULT, end - days, end), BOUNDS)
    return {band: BandRecord() for band in BANDS} | {BANDS[row["band"]]: _record(row) for row in rows}


def _record(row: Columns) -> BandRecord:
    return BandRecord(row["count"], row["shown"], row["hits"])


@strawberry.type(description="A band of confidence: what was shown with it, and how often that happened.")
class ConfidenceBandRecord:
    band: ConfidenceBand = strawberry.field(description="Band.")
    match_count: int = strawberry.field(description="Matches of the day, count.")
    sample_size: int = strawberry.field(description="Graded matches of the year before, count.")
    average_shown: float | None = strawberry.field(
        description="Mean confidence that was shown for these, points; null where there are none."
    )
    hit_rate: float | None = strawberry.field(description="Share of these whose top outcome happened, fraction.")
    hit_rate_interval: Interval | None = strawberry.field(description="95 % interval of `hitRate` (Wilson).")
    is_calibrated: bool | None = strawberry.field(
        description="Whether `hitRate` is within 3 points or 2 standard errors of what was shown."
    )


@strawberry.type(description="The system's confidence and recent record for one day, by 1X2 predictions as shown.")
class ConfidenceAnalysis:
    end: strawberry.Private[datetime]
    """Of the day."""
    counts: strawberry.Private[Mapping[ConfidenceBand, int]]
    date: date = strawberry.field(description="Day, UTC.")
    average_confidence: float | None = strawberry.field(
        description="Mean overall confidence, points 0-100; null without a forecast match."
    )
    high_count: int = strawberry.field(description="Matches with HIGH confidence, count.")
    medium_count: int = strawberry.field(description="Matches with MEDIUM confidence, count.")
    low_count: int = strawberry.field(description="Matches with LOW confidence, count.")

    @batch
    @staticmethod
    async def prediction_count(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[int]:
        """Predictions made for the day, of every model and market, count."""
        return [await queries.prediction_count(db, day.end - timedelta(days=1), day.end) for day in days]

    @batch
    @staticmethod
    async def hit_rate_7_days(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[float | None]:
        """Share of top outcomes that happened in the last 7 days, fraction; computed from grades."""
        return [each.hit_rate for each in await _weeks(days, db)]

    @batch
    @staticmethod
    async def hit_rate_sample_size(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[int]:
        """Graded matches behind `hitRate7Days`, count."""
        return [each.count for each in await _weeks(days, db)]

    @batch
    @staticmethod
    async def roi_30_days(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[float | None]:
        """Flat-stake ROI of value bets in the last 30 days, fraction: one unit on each selection at the price first
        found with an edge of at least 0.10, after commission."""
        return [each.roi for each in await _months(days, db)]

    @batch
    @staticmethod
    async def roi_sample_size(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[int]:
        """Settled value bets behind `roi30Days`, count."""
        return [each.count for each in await _months(days, db)]

    @batch
    @staticmethod
    async def bands(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[list[ConfidenceBandRecord]]:
        """Each band with what was shown in the year up to the day, and how often it happened, surest first."""
        found = []
        for day in days:
            records = await _records(db, day.end, LOOKED_BACK)
            found.append([_shown(band, records[band], day.counts[band]) for band in reversed(BANDS)])
        return found


def _shown(band: ConfidenceBand, record: BandRecord, matches: int) -> ConfidenceBandRecord:
    return ConfidenceBandRecord(
        band=band,
        match_count=matches,
        sample_size=record.count,
        average_shown=record.shown if record.count else None,
        hit_rate=record.hit_rate,
        hit_rate_interval=told_interval(record.interval),
        is_calibrated=record.is_calibrated,
    )


@dataclass(frozen=True, slots=True)
class PastWeek:
    """The record over the seven days before an instant."""

    record: BandRecord

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[PastWeek | None]:
        return [
            cls(reduce(add, (await _records(db, datetime.fromisoformat(key), HIT_RATE_DAYS)).values())) for key in keys
        ]


@dataclass(frozen=True, slots=True)
class PastMonth:
    """One unit on each value bet of the thirty days before an instant."""

    bets: FlatBets

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[str]) -> list[PastMonth | None]:
        ends = [datetime.fromisoformat(key) for key in keys]
        found = [await queries.found_value(db, end - ROI_DAYS, end, VALUE_FROM) for end in ends]
        return [cls(flat_value(map(dict, rows), FACT_COLUMNS)) for rows in found]


async def _weeks(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[BandRecord]:
    return [week.record for week in await db.pick(PastWeek, [day.end.isoformat() for day in days])]


async def _months(days: Sequence[ConfidenceAnalysis], db: Rows) -> list[FlatBets]:
    return [month.bets for month in await db.pick(PastMonth, [day.end.isoformat() for day in days])]


async def confidence_analysis(
    db: Rows,
    now: datetime,
    date: Annotated[date | None, strawberry.argument(description="Day, UTC; today when omitted.")] = None,
) -> ConfidenceAnalysis:
    """Confidence of the day and record of the last weeks."""
    day = date or now.astimezone(UTC).date()
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Invalid("date", f"must be from {FIRST_DAY} to {LAST_DAY}")
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    rows = await queries.shown_confidences(db, str(RESULT), start, end, BOUNDS)
    counts = dict.fromkeys(BANDS, 0) | {BANDS[row["band"]]: row["count"] for row in rows}
    total = sum(counts.values())
    return ConfidenceAnalysis(
        end=end,
        counts=counts,
        date=day,
        average_confidence=sum(row["shown"] * row["count"] for row in rows) / total if total else None,
        high_count=counts[ConfidenceBand.HIGH],
        medium_count=counts[ConfidenceBand.MEDIUM],
        low_count=counts[ConfidenceBand.LOW],
    )
