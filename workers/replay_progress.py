"""How far a replay is, and how good its forecasts were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.forecasting.record import result_record
from domain.infra.clock import match_now
from domain.infra.settings import Settings
from touchline.calibration import calibration, log_loss


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts since the replay's start."""

    match_time: datetime
    matches: int
    """Known so far."""
    finished: int
    predictions: int
    price_changes: int
    value_bets: int
    is_over: bool
    """Whether the feed has ended and nothing is left to do."""


async def read_progress(settings: Settings, start: datetime) -> Progress:
    """The state of the replay that began at match time `start`."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        row = await connection.fetchrow(
            """select
                 (select count(*) from match where result_at is null or result_at > $1) as matches,
                 (select count(*) from match where status in ('FINISHED', 'AWARDED') and result_at > $1) as finished,
                 (select count(*) from prediction) as predictions,
                 (select count(*) from quote_change where observed_at > $1) as price_changes,
                 (select count(*) from value_bet) as value_bets,
                 not exists (select 1 from feed where next_at is not null)
                   and not exists (select 1 from outbox where sent_at is null)
                   and not exists (select 1 from job where status in ('QUEUED', 'RUNNING', 'RETRYING')) as is_over""",
            start,
        )
        if row is None:
            raise RuntimeError("a select without a table answers one row")
        return Progress(await match_now(connection), *row)
    finally:
        await connection.close()


async def read_verdict(settings: Settings, start: datetime) -> str:
    """One sentence on the 1X2 predictions of the replay, each graded by its match."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        probabilities, happened = await result_record(connection, start)
    finally:
        await connection.close()
    if len(happened) == 0:
        return "No forecast match was played."
    said = f"1X2: {len(happened)} matches, log loss {log_loss(probabilities, happened):.4f} (a third each: 1.0986)"
    try:
        line = calibration(probabilities, happened)
    except ValueError as error:
        return f"{said}; {error}."
    lower, upper = line.slope_interval
    return f"{said}, calibration slope {line.slope:.2f} (95 % interval {lower:.2f} to {upper:.2f})."
