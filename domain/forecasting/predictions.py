"""Predictions as rows: each one immutable, and beside them which one stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting import rules
from domain.infra.database import Reader
from domain.infra.outbox import Request, ask
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
    is_served: bool


async def store_predictions(connection: asyncpg.Connection, answer: Answer, open_ids: Iterable[int]) -> tuple[int, int]:
    """Store forecasts of the matches `open_ids` in the open transaction; answers how many are news, and how many not.

    News are inserted and stand from now on; the others only confirm what stands. Raises ImpossibleForecast.
    """
    lines = await _lines(connection, answer, set(open_ids))
    standing = await _standing(connection, answer)
    news: list[_Line] = []
    same: list[_Line] = []
    for line in lines:
        (news if _is_news(line, standing.get((line.match_id, line.market_id)), answer) else same).append(line)
    await _stand(connection, answer, news, await _insert(connection, answer, news))
    await _confirm(connection, answer, same)
    await _look_ahead(connection, [line for line in lines if line.is_served])
    to_price = sorted({line.match_id for line in news if line.is_served})
    await ask(connection, [price_request(match_id) for match_id in to_price])
    return len(news), len(same)


def price_request(match_id: int) -> Request:
    """Work out the value bets of a match; requests that wait for the same match are one."""
    return Request("price_value", {"match_id": match_id}, dedupe_key=f"price_value:{match_id}")


async def offered_models(reader: Reader) -> list[rules.Offered]:
    """Models of active plugins, ours first, in the order in which they are chosen to be shown."""
    rows = await reader.fetch(
        """select m.key, m.markets::text as markets from model m join plugin p on p.key = m.plugin_key
           where m.kind = 'model' and p.status = 'ACTIVE'
           order by p.distribution <> 'touchline', p.key, m.key"""
    )
    return [rules.Offered(row["key"], tuple(orjson.loads(row["markets"]))) for row in rows]


async def _lines(connection: asyncpg.Connection, answer: Answer, open_ids: set[int]) -> list[_Line]:
    """The answer by market and match, every row of probabilities checked once more."""
    forecasts = answer.forecasts
    known = await dictionary(connection, forecasts.probabilities)
    served = rules.served_models(await offered_models(connection))
    parameters = {name: values.tolist() for name, values in forecasts.parameters.items()}
    lines = []
    for market, rows in sorted(forecasts.probabilities.items(), key=lambda item: str(item[0])):
        is_served = rules.model_serving(served, str(market), answer.model_key) == answer.model_key
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
                        is_served=is_served,
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
           select match_id, market_id, $5, prediction_id, $6, is_served, false
           from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bool[])
                as t(match_id, market_id, prediction_id, is_served) order by match_id, market_id
           on conflict (match_id, market_id, model_key) do update
           set prediction_id = excluded.prediction_id, confirmed_at = excluded.confirmed_at,
               is_served = excluded.is_served, is_stale = false""",
        [line.match_id for line in news],
        [line.market_id for line in news],
        [inserted[line.match_id, line.market_id] for line in news],
        [line.is_served for line in news],
        answer.model_key,
        answer.predicted_at,
    )


async def _confirm(connection: asyncpg.Connection, answer: Answer, same: Sequence[_Line]) -> None:
    """Note that standing predictions were given again."""
    await connection.execute(
        """update current_prediction c set confirmed_at = $5, is_stale = false, is_served = t.is_served
           from unnest($1::bigint[], $2::bigint[], $3::bool[]) as t(match_id, market_id, is_served)
           where c.match_id = t.match_id and c.market_id = t.market_id and c.model_key = $4""",
        [line.match_id for line in same],
        [line.market_id for line in same],
        [line.is_served for line in same],
        answer.model_key,
        answer.predicted_at,
    )


async def _look_ahead(connection: asyncpg.Connection, served: Sequence[_Line]) -> None:
    """Keep the figures that lists are filtered by: confidence of the result, expected goals."""
    confidence = {
        line.match_id: rules.confidence(line.probabilities) for line in served if str(line.market) == rules.RESULT_KEY
    }
    goals = {line.match_id: line.expected_value for line in served if line.market.kind == rules.GOALS_KIND}
    matches = sorted(confidence.keys() | goals.keys())
    await connection.execute(
        """insert into match_outlook (match_id, confidence, expected_goals, value_revision)
           select match_id, confidence, goals, 0
           from unnest($1::bigint[], $2::smallint[], $3::float8[]) as t(match_id, confidence, goals)
           order by match_id
           on conflict (match_id) do update
           set confidence = coalesce(excluded.confidence, match_outlook.confidence),
               expected_goals = coalesce(excluded.expected_goals, match_outlook.expected_goals)""",
        matches,
        [confidence.get(match_id) for match_id in matches],
        [goals.get(match_id) for match_id in matches],
    )
