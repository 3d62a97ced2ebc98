"""Grading predictions: each row once by the facts of its match, and again when these are corrected.

A grade never changes: corrected facts, or another closing price beside them, add a revision. `current_grade` is then
made anew for the match, from the newest grade of each model's last prediction before the kick-off. Whoever grades
holds `lock_grading` and reads facts only then: of two that grade the same match the second finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import numpy as np

from domain.grades.due import DueMatch, decided_matches, due_matches, lock_grading, read_own, read_said
from domain.grades.rules import Closing, Happened, NotGraded, Scores, happened, score, without_margin
from domain.markets.verdicts import OwnMarket
from domain.odds.closing import MarketOf, closing_lines
from touchline import Kind, MarketKey

MATCHES: Final = 100
"""Graded in one transaction."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What a round of grading came to."""

    count: int
    """New grades."""
    matches: int
    has_more: bool
    """Whether another round may find more."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A prediction held against what happened."""

    said: asyncpg.Record
    market: MarketKey
    happened: Happened
    closing: Closing
    log_loss: float
    brier: float
    ranked: float | None
    is_hit: bool
    closing_log_loss: float | None

    @property
    def is_new(self) -> bool:
        """Whether its newest grade, if it has one, rests on other facts or another closing price."""
        said, closing = self.said, self.closing
        return said["grade_id"] is None or (
            (said["facts"], said["outcome_key"], said["closing_source"], said["closing_probabilities"])
            != (
                self.happened.facts,
                self.happened.outcome,
                closing.source,
                None if closing.probabilities is None else list(closing.probabilities),
            )
        )


async def grade_due(
    connection: asyncpg.Connection,
    *,
    now: datetime,
    job_id: str,
    match_ids: Sequence[int] = (),
    limit: int = MATCHES,
) -> Graded:
    """Grade the predictions of at most so many due matches, in the open transaction; `now` is match time.

    `match_ids` are looked at however long ago they were played. Run twice, or by two at once, it grades once.
    """
    await lock_grading(connection)
    due = await due_matches(connection, now=now, match_ids=match_ids, limit=limit)
    return Graded(await _grade(connection, due, now, job_id), len(due), has_more=len(due) == limit)


async def grade_repriced(
    connection: asyncpg.Connection, *, now: datetime, job_id: str, match_ids: Sequence[int]
) -> Graded:
    """Hold the predictions of matches whose prices, or whose plugins' word, became known later against these.

    In the open transaction. Only decided matches with predictions count; where all is the same nothing is written.
    """
    await lock_grading(connection)
    decided = await decided_matches(connection, match_ids)
    return Graded(await _grade(connection, decided, now, job_id), len(decided), has_more=False)


async def _grade(connection: asyncpg.Connection, matches: Sequence[DueMatch], now: datetime, job_id: str) -> int:
    """Grade the predictions of decided matches; answers the number of new grades."""
    due = {match.id: match for match in matches}
    if not due:
        return 0
    said = await read_said(connection, list(due))
    markets = {row["market"]: MarketKey.parse(row["market"]) for row in said}
    has_own = any(market.kind is Kind.CUSTOM for market in markets.values())
    own = await read_own(connection, list(due)) if has_own else {}
    lines = await closing_lines(connection, list(due), markets)
    closing = without_margin({name: (line.source, line.prices) for name, line in lines.items()})
    judged = _judge(said, markets, due, own, closing)
    new = [one for one in judged if one.is_new]
    grades = {one.said["id"]: one.said["grade_id"] for one in judged} | await _insert(connection, new, now, job_id)
    await _stand(connection, due, _last_before_kickoff(judged, due), grades)
    return len(new)


def _judge(
    said: Sequence[asyncpg.Record],
    markets: Mapping[str, MarketKey],
    due: Mapping[int, DueMatch],
    own: Mapping[MarketOf, OwnMarket],
    closing: Mapping[MarketOf, Closing],
) -> list[_Judged]:
    """Every prediction of a market that something happened in; those of one market are scored together."""
    by_market: dict[str, list[asyncpg.Record]] = {}
    for row in said:
        by_market.setdefault(row["market"], []).append(row)
    judged: list[_Judged] = []
    for key, rows in by_market.items():
        market = markets[key]
        outcomes = _happened(market, {row["match_id"] for row in rows}, due, own)
        kept = [row for row in rows if row["match_id"] in outcomes]
        if kept:
            judged += _score(market, kept, outcomes, closing)
    return judged


def _happened(
    market: MarketKey, match_ids: set[int], due: Mapping[int, DueMatch], own: Mapping[MarketOf, OwnMarket]
) -> dict[int, Happened]:
    """What happened in a market, by match; where nothing did, and why, is told to whoever reads the prediction."""
    found = {}
    for match_id in match_ids:
        try:
            found[match_id] = happened(market, due[match_id].facts, own.get((match_id, str(market))))
        except NotGraded:
            continue
    return found


def _score(
    market: MarketKey,
    rows: Sequence[asyncpg.Record],
    outcomes: Mapping[int, Happened],
    closing: Mapping[MarketOf, Closing],
) -> list[_Judged]:
    places = np.array([outcomes[row["match_id"]].place for row in rows], dtype=np.int64)
    own = score(market.kind, np.array([row["probabilities"] for row in rows], dtype=np.float64), places)
    closed = [closing.get((row["match_id"], str(market)), Closing()) for row in rows]
    losses = _closing_losses(market, closed, places)
    return [
        _Judged(row, market, outcomes[row["match_id"]], at_close, *_figures(own, n), losses[n])
        for n, (row, at_close) in enumerate(zip(rows, closed, strict=True))
    ]


def _figures(scores: Scores, n: int) -> tuple[float, float, float | None, bool]:
    ranked = float(scores.ranked[n])
    return (
        float(scores.log_loss[n]),
        float(scores.brier[n]),
        None if np.isnan(ranked) else ranked,
        bool(scores.is_hit[n]),
    )


def _closing_losses(market: MarketKey, closed: Sequence[Closing], places: np.ndarray) -> list[float | None]:
    """The log loss of each closing price; None where there is none."""
    losses: list[float | None] = [None] * len(closed)
    known = [n for n, each in enumerate(closed) if each.probabilities is not None]
    if known:
        table = np.array([closed[n].probabilities for n in known], dtype=np.float64)
        for n, loss in zip(known, score(market.kind, table, places[known]).log_loss.tolist(), strict=True):
            losses[n] = loss
    return losses


def _last_before_kickoff(judged: Sequence[_Judged], due: Mapping[int, DueMatch]) -> list[_Judged]:
    """The last prediction of each model and market before the kick-off of its match."""
    last: dict[tuple[int, int, str], _Judged] = {}
    for one in sorted(judged, key=lambda one: (one.said["predicted_at"], one.said["id"])):
        said = one.said
        if said["predicted_at"] <= due[said["match_id"]].kickoff_at:
            last[said["match_id"], said["market_id"], said["model_key"]] = one
    return list(last.values())


async def _insert(connection: asyncpg.Connection, new: Sequence[_Judged], now: datetime, job_id: str) -> dict[int, int]:
    """Write grades; answers their ids by prediction."""
    rows = await connection.fetch(
        """insert into grade (prediction_id, revision, facts, outcome_key, is_hit, log_loss, brier,
               ranked_probability_score, closing_probabilities, closing_source, closing_reason, closing_log_loss,
               graded_at, job_id)
           select prediction_id, revision, facts, outcome_key, is_hit, log_loss, brier, ranked,
                  closing::float8[], source, reason, closing_loss, $13, $14
           from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::bool[], $6::float8[], $7::float8[],
                       $8::float8[], $9::text[], $10::text[], $11::text[], $12::float8[])
                as t(prediction_id, revision, facts, outcome_key, is_hit, log_loss, brier, ranked, closing, source,
                     reason, closing_loss)
           order by prediction_id returning id, prediction_id""",
        [one.said["id"] for one in new],
        [(one.said["revision"] or 0) + 1 for one in new],
        [one.happened.facts for one in new],
        [one.happened.outcome for one in new],
        [one.is_hit for one in new],
        [one.log_loss for one in new],
        [one.brier for one in new],
        [one.ranked for one in new],
        [_array(one.closing.probabilities) for one in new],
        [one.closing.source for one in new],
        [one.closing.reason for one in new],
        [one.closing_log_loss for one in new],
        now,
        job_id,
    )
    return {row["prediction_id"]: row["id"] for row in rows}


async def _stand(
    connection: asyncpg.Connection,
    due: Mapping[int, DueMatch],
    last: Sequence[_Judged],
    grades: Mapping[int, int],
) -> None:
    """Make `current_grade` of the matches anew, and note by which facts they were graded."""
    await connection.execute("delete from current_grade where match_id = any($1::bigint[])", list(due))
    await connection.execute(
        _CURRENT,
        [one.said["id"] for one in last],
        [grades[one.said["id"]] for one in last],
        [one.said["code_version"] for one in last],
        [one.happened.place for one in last],
        [one.log_loss for one in last],
        [one.brier for one in last],
        [one.ranked for one in last],
        [one.is_hit for one in last],
        [_array(one.closing.probabilities) for one in last],
        [one.closing_log_loss for one in last],
    )
    await connection.execute(
        """update current_prediction c set graded_at = t.seen_at
           from unnest($1::bigint[], $2::timestamptz[]) as t(match_id, seen_at) where c.match_id = t.match_id""",
        list(due),
        [match.updated_at for match in due.values()],
    )


_CURRENT: Final = """
insert into current_grade (match_id, market_id, model_key, grade_id, prediction_id, league_id, kickoff_at, code_version,
    outcome, probabilities, closing_probabilities, log_loss, brier, ranked_probability_score, closing_log_loss,
    confidence, is_hit, is_served)
select p.match_id, p.market_id, p.model_key, t.grade_id, p.id, m.league_id, m.kickoff_at, t.code_version,
    t.outcome, p.probabilities, t.closing::float8[], t.log_loss, t.brier, t.ranked, t.closing_loss,
    p.confidence, t.is_hit,
    p.id is not distinct from (
      select s.prediction_id from served_prediction s
      where s.match_id = p.match_id and s.market_id = p.market_id and s.served_from <= m.kickoff_at
      order by s.served_from desc, s.id desc limit 1)
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::float8[], $6::float8[], $7::float8[],
            $8::bool[], $9::text[], $10::float8[])
     as t(prediction_id, grade_id, code_version, outcome, log_loss, brier, ranked, is_hit, closing, closing_loss)
join prediction p on p.id = t.prediction_id join match m on m.id = p.match_id
"""


def _array(values: Sequence[float] | None) -> str | None:
    """Numbers as PostgreSQL writes an array, every digit kept: unnest takes apart arrays of arrays."""
    return None if values is None else "{" + ",".join(map(repr, values)) + "}"
