"""Predictions of matches that were played, and prices that they closed at, written in sets.

said = Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}, at=hours(-2))
await predict(factory, said)
await close(factory, {match: (2.0, 3.5, 4.0)})
await grade(factory)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from domain.forecasting.rules import confidence
from domain.grades.service import Graded, grade_due
from domain.infra.database import connection_of
from domain.odds.service import Tick, record
from tests.factories import NOW, Factory, Fixture, hours
from touchline import RESULT, MarketKey


@dataclass(frozen=True)
class Said:
    """What one fit of a model said of a market of some matches."""

    model: str
    market: MarketKey
    probabilities: Mapping[int, Sequence[float]]
    """By match, in the order of the outcomes."""
    at: datetime = NOW - timedelta(days=400)
    is_served: bool = False
    version: int | None = None
    """A new fit where none is given."""


async def predict(factory: Factory, said: Said) -> dict[int, int]:
    """Write predictions, standing from then on; answers their ids by match."""
    db = factory.db
    market_id = (await factory.markets(said.market)).market_id(said.market)
    await factory.model(said.model, [said.market])
    version = said.version or await factory.version(said.model, None, cutoff=said.at)
    shares = list(said.probabilities.values())
    rows = await db.fetch(
        """insert into prediction (match_id, market_id, model_version_id, model_key, probabilities, family, parameters,
               confidence, basis, predicted_at, data_cutoff_at, compute_milliseconds, inputs_digest, job_id)
           select match_id, $2, $3, $4, shares::float8[], '', '{}', confidence, 'model', $7, $7, 1, 'd', 'j'
           from unnest($1::bigint[], $5::text[], $6::smallint[]) as t(match_id, shares, confidence)
           returning id, match_id""",
        list(said.probabilities),
        market_id,
        version,
        said.model,
        ["{" + ",".join(map(repr, map(float, row))) + "}" for row in shares],
        [confidence(row) for row in shares],
        said.at,
    )
    await db.execute(
        """insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served,
               is_stale)
           select p.match_id, p.market_id, p.model_key, p.id, p.predicted_at, $2, false
           from prediction p where p.id = any($1::bigint[])
           on conflict (match_id, market_id, model_key) do update
           set prediction_id = excluded.prediction_id, graded_at = null""",
        [row["id"] for row in rows],
        said.is_served,
    )
    if said.is_served:
        await db.execute(
            """insert into served_prediction (match_id, market_id, prediction_id, served_from)
               select match_id, market_id, id, predicted_at from prediction where id = any($1::bigint[])""",
            [row["id"] for row in rows],
        )
    return {row["match_id"]: row["id"] for row in rows}


async def close(
    factory: Factory,
    prices: Mapping[int, Sequence[float]],
    *,
    market: MarketKey = RESULT,
    book: str = "pinnacle",
    before: timedelta = timedelta(minutes=1),
) -> None:
    """Let a bookmaker price matches shortly before their kick-offs."""
    words, books = await factory.markets(market), await factory.books()
    rows = await factory.db.fetch("select id, kickoff_at from match where id = any($1::bigint[])", list(prices))
    ticks = [
        Tick(row["id"], words.selection_ids[market][outcome], books[book], price, row["kickoff_at"] - before)
        for row in rows
        for outcome, price in zip(words.outcomes(market), map(float, prices[row["id"]]), strict=True)
    ]
    async with factory.database.transaction() as session:
        await record(session, ticks, source="test")


async def grade(factory: Factory, *match_ids: int, limit: int = 100, job: str = "job-1") -> Graded:
    """One round of grading at `NOW`."""
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        return await grade_due(connection, now=NOW, job_id=job, match_ids=match_ids, limit=limit)


async def played(factory: Factory, league: int, goals: Sequence[tuple[int, int]], **counts: Any) -> list[int]:
    """Finished matches of a league, one an hour, the last one three hours ago."""
    count = len(goals)
    return await factory.matches(
        [
            Fixture(league, f"Home {league}-{n}", f"Away {league}-{n}", hours(n - count - 2), each, counts=counts)
            for n, each in enumerate(goals)
        ]
    )


async def correct(factory: Factory, match: int, **columns: Any) -> None:
    """Change facts of a match the way a source's correction does."""
    changes = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, 2))
    await factory.db.execute(
        f"update match set {changes}, updated_at = updated_at + interval '1 microsecond' where id = $1",
        match,
        *columns.values(),
    )


async def season(
    factory: Factory, league: int, count: int, *, seed: int = 2
) -> tuple[list[int], np.ndarray, list[tuple[int, int]]]:
    """Played matches with true probabilities (count, 3), none below 0.04, from which their results were drawn."""
    rng = np.random.default_rng(seed)
    truth = 0.88 * rng.dirichlet([2.0, 1.3, 1.7], count) + 0.04
    places = [int(rng.choice(3, p=row)) for row in truth]
    goals = [((2, 1), (1, 1), (0, 1))[place] for place in places]
    return await played(factory, league, goals), truth, goals
