"""How well the probabilities of models match what happened: bins, and the line through them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.market_keys import MarketKeyed, check_forecast
from api.rows import Rows
from api.scalars import Interval, MarketKind
from api.scorecards import During, JudgedMarket, OfLeagues, question_of, told_interval, tracks_of_models
from domain.grades.tracks import Track, read_tracks
from domain.infra.errors import Invalid
from touchline import metrics
from touchline.calibration import Calibration, calibration

if TYPE_CHECKING:
    from api.models import Model, ModelVersion


@strawberry.type(description="One bin of a calibration report.")
class CalibrationBin:
    lower: float = strawberry.field(description="Lower edge, fraction.")
    upper: float = strawberry.field(description="Upper edge, fraction.")
    predicted: float = strawberry.field(description="Mean predicted probability, fraction.")
    observed: float = strawberry.field(description="Share that happened, fraction.")
    interval: Interval = strawberry.field(description="95 % interval of `observed` (Wilson).")
    count: int = strawberry.field(description="Outcomes in the bin, count.")


@strawberry.type(
    description="Predicted probability against observed frequency. Each outcome of a match counts once, against the "
    "others; of a market with two outcomes only the first."
)
class CalibrationReport:
    bins: list[CalibrationBin] = strawberry.field(description="Bins that hold something, from 0 to 1.")
    calibration_error: float = strawberry.field(
        description="Expected calibration error, fraction: how far bins are from what happened, on average."
    )
    slope: float | None = strawberry.field(
        description="Slope of the calibration line; 1 is perfect, below 1 is overconfident. Null where too little "
        "happened to draw a line."
    )
    slope_interval: Interval | None = strawberry.field(
        description="95 % interval of `slope`, outcomes of one match taken together."
    )
    intercept: float | None = strawberry.field(description="Intercept of the calibration line; 0 is perfect.")
    p_value: float | None = strawberry.field(
        description="Chance of a line as far off as this, or farther, if the probabilities were perfect, fraction."
    )
    sample_size: int = strawberry.field(description="Outcomes behind it, count.")
    match_count: int = strawberry.field(description="Matches behind it, count.")


Bins = Annotated[int | None, strawberry.argument(description="Bins, 5-50.")]


async def model_calibrations(
    models: Sequence[Model],
    db: Rows,
    now: datetime,
    market: JudgedMarket = MarketKind.MATCH_RESULT,
    league_ids: OfLeagues = None,
    during: During = None,
    bins: Bins = 10,
    market_key: MarketKeyed = None,
) -> list[CalibrationReport | None]:
    """How well its probabilities match frequencies, over all its versions. Null until something is graded."""
    count = _bin_count(bins)
    question = question_of(market, league_ids, during, now, market_key)
    tracks = await tracks_of_models(db, question, [model.key for model in models])
    if not tracks:
        await check_forecast(db, market_key)
    return await asyncio.to_thread(_reports, [tracks.get(model.key) for model in models], count)


async def version_calibrations(
    versions: Sequence[ModelVersion],
    db: Rows,
    now: datetime,
    market: JudgedMarket = MarketKind.MATCH_RESULT,
    league_ids: OfLeagues = None,
    during: During = None,
    bins: Bins = 10,
    market_key: MarketKeyed = None,
) -> list[CalibrationReport | None]:
    """How well its probabilities match frequencies, by the record of its model under the same version of its code.
    Null until something is graded."""
    count = _bin_count(bins)
    question = question_of(market, league_ids, during, now, market_key)
    tracks = await read_tracks(db, question, [version.model_key for version in versions])
    if not tracks:
        await check_forecast(db, market_key)
    found = [tracks.get((version.model_key, version.code_version)) for version in versions]
    return await asyncio.to_thread(_reports, found, count)


def _bin_count(bins: int | None) -> int:
    count = 10 if bins is None else bins
    if not 5 <= count <= 50:
        raise Invalid("bins", "must be between 5 and 50")
    return count


def _reports(tracks: Sequence[Track | None], bins: int) -> list[CalibrationReport | None]:
    return [None if track is None else _report(track, bins) for track in tracks]


def _report(track: Track, bins: int) -> CalibrationReport:
    parts = metrics.reliability(track.probabilities, track.outcomes, bins)
    line = _line(track)
    return CalibrationReport(
        bins=[
            CalibrationBin(
                lower=part.lower,
                upper=part.upper,
                predicted=part.mean,
                observed=part.share,
                interval=Interval(lower=part.interval[0], upper=part.interval[1]),
                count=part.count,
            )
            for part in parts
        ],
        calibration_error=metrics.calibration_error(track.probabilities, track.outcomes, bins),
        slope=line.slope if line else None,
        slope_interval=told_interval(line.slope_interval if line else None),
        intercept=line.intercept if line else None,
        p_value=line.p_value if line else None,
        sample_size=sum(part.count for part in parts),
        match_count=len(track),
    )


def _line(track: Track) -> Calibration | None:
    """The calibration line; None where the outcomes say too little for one."""
    try:
        return calibration(track.probabilities, track.outcomes)
    except ValueError:
        return None
