"""Predictions as rows: each one immutable, and beside them which one of its model stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting import rules
from domain.infra.errors import Invalid
from domain.markets.service import dictionary
from touchline import Forecasts, MarketKey


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's forecasts with what all their rows share."""

    model_key: str
    code_version: str
    version_id: int
    forecasts: Forecasts
    match_ids: tuple[int, ...]
    """Of the fixtures, in their order."""
    predicted_at: datetime
    data_cutoff_at: datetime
    milliseconds: float
    inputs_digest: str
    job_id: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One market of one match, as the model sees it."""

    match_id: int
    market_id: int
    market: MarketKey
    probabilities: list[float]
    parameters: dict[str, float]
    expected_value: float | None
    basis: str


async def store_predictions(connection: asyncpg.Connection, answer: Answer, open_ids: Iterable[int]) -> tuple[int, int]:
    """Store forecasts of the matches `open_ids` in the open transaction; answers how many are news, and how many not.

    News are inserted and stand from now on; the others only confirm what stands. Raises ImpossibleForecast. The caller
    holds `serving.lock_leagues`, and lets `serving.serve` decide what is shown.
    """
    lines = await _lines(connection, answer, set(open_ids))
    standing = await _standing(connection, answer)
    news: list[_Line] = []
    same: list[_Line] = []
    for line in lines:
        (news if _is_news(line, standing.get((line.match_id, line.market_id)), answer) else same).append(line)
    await _stand(connection, answer, news, await _insert(connection, answer, news))
    await _confirm(connection, answer, same)
    return len(news), len(same)


async def _lines(connection: asyncpg.Connection, answer: Answer, open_ids: set[int]) -> list[_Line]:
    """The answer by market and match, every row of probabilities checked once more."""
    forecasts = answer.forecasts
    try:
        known = await dictionary(connection, forecasts.probabilities)
    except Invalid as error:
        raise rules.ImpossibleForecast(error.message) from error
    parameters = {name: values.tolist() for name, values in forecasts.parameters.items()}
    lines = []
    for market, rows in sorted(forecasts.probabilities.items(), key=lambda item: str(item[0])):
        outcomes = known.outcomes(market)
        if rows.shape[1] != len(outcomes):
            raise rules.ImpossibleForecast(f"{market} has the outcomes {', '.join(outcomes)}, not {rows.shape[1]}")
        for index, match_id in enumerate(answer.match_ids):
            if match_id in open_ids:
                own = {name: values[index] for name, values in parameters.items()}
                lines.append(
                    _Line(
                        match_id=match_id,
                        market_id=known.market_id(market),
                        market=market,
                        probabilities=rules.checked(rows[index].tolist()),
                        parameters=own,
                        expected_value=rules.expected_value(forecasts.family, own),
                        basis=str(forecasts.basis[index]),
                    )
                )
    return lines


_Standing = Mapping[tuple[int, int], asyncpg.Record]
"""Probabilities and code version of the standing predictions, by match and market."""


async def _standing(connection: asyncpg.Connection, answer: Answer) -> _Standing:
    rows = await connection.fetch(
        """select c.match_id, c.market_id, p.probabilities, v.code_version
           from current_prediction c join prediction p on p.id = c.prediction_id
           join model_version v on v.id = p.model_version_id
           where c.model_key = $1 and c.match_id = any($2::bigint[])""",
        answer.model_key,
        list(answer.match_ids),
    )
    return {(row["match_id"], row["market_id"]): row for row in rows}


def _is_news(line: _Line, standing: asyncpg.Record | None, answer: Answer) -> bool:
    """Whether nothing stands, or something that differs, or the word of an older version of the code."""
    if standing is None or standing["code_version"] != answer.code_version:
        return True
    return rules.is_news(standing["probabilities"], line.probabilities)


async def _insert(connection: asyncpg.Connection, answer: Answer, news: Sequence[_Line]) -> dict[tuple[int, int], int]:
    """Write prediction rows; answers their ids by match and market."""
    rows = await connection.fetch(
        """insert into prediction (match_id, market_id, probabilities, parameters, expected_value, confidence, basis,
               model_version_id, model_key, family, predicted_at, data_cutoff_at, compute_milliseconds,
               inputs_digest, job_id)
           select match_id, market_id, probabilities::float8[], parameters::jsonb, expected, confidence, basis,
                  $8, $9, $10, $11, $12, $13, $14, $15
           from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::float8[], $6::smallint[], $7::text[])
                as t(match_id, market_id, probabilities, parameters, expected, confidence, basis)
           returning id, match_id, market_id""",
        [line.match_id for line in news],
        [line.market_id for line in news],
        ["{" + ",".join(map(repr, line.probabilities)) + "}" for line in news],
        [orjson.dumps(line.parameters).decode() for line in news],
        [line.expected_value for line in news],
        [rules.confidence(line.probabilities) for line in news],
        [line.basis for line in news],
        answer.version_id,
        answer.model_key,
        answer.forecasts.family,
        answer.predicted_at,
        answer.data_cutoff_at,
        answer.milliseconds / max(1, len(answer.match_ids)),
        answer.inputs_digest,
        answer.job_id,
    )
    return {(row["match_id"], row["market_id"]): row["id"] for row in rows}


async def _stand(
    connection: asyncpg.Connection, answer: Answer, news: Sequence[_Line], inserted: Mapping[tuple[int, int], int]
) -> None:
    """Let new predictions be the standing ones."""
    await connection.execute(
        """insert into current_prediction (match_id, market_id, model_key, prediction_id, confirmed_at, is_served,
               is_stale)
           select match_id, market_id, $4, prediction_id, $5, false, false
           from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as t(match_id, market_id, prediction_id)
           order by match_id, market_id
           on conflict (match_id, market_id, model_key) do update
           set prediction_id = excluded.prediction_id, confirmed_at = excluded.confirmed_at, is_stale = false,
               graded_at = null""",
        [line.match_id for line in news],
        [line.market_id for line in news],
        [inserted[line.match_id, line.market_id] for line in news],
        answer.model_key,
        answer.predicted_at,
    )


async def _confirm(connection: asyncpg.Connection, answer: Answer, same: Sequence[_Line]) -> None:
    """Note that standing predictions were given again."""
    await connection.execute(
        """update current_prediction c set confirmed_at = $4, is_stale = false
           from unnest($1::bigint[], $2::bigint[]) as t(match_id, market_id)
           where c.match_id = t.match_id and c.market_id = t.market_id and c.model_key = $3""",
        [line.match_id for line in same],
        [line.market_id for line in same],
        answer.model_key,
        answer.predicted_at,
    )
