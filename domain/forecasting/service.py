"""Asking a model about a league, and keeping what it says.

A worker prepares a `Question`, has the plugin answer it in a child process, and stores the answer. A
fit is kept as a version with everything that makes it again: cut-off, seed, settings and code
version. While nothing new became known the version is restored instead, on the history of its own
cut-off, so that it says the same about the same match.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting import rules
from domain.forecasting.history import Coming, Past, read_fixtures, read_history
from domain.forecasting.installed import count_call
from domain.forecasting.predictions import Answer, store_predictions
from domain.forecasting.versions import Version, latest_version
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import Reader
from domain.infra.errors import NotFound
from domain.intake.feed import known_until
from touchline import Forecasts, Model, State
from touchline.wire import inputs_digest, pack_state


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a model is asked with; `version` is the fit to restore, None when it must be fitted."""

    model: Model
    league_id: int
    past: Past
    coming: Coming
    version: Version | None
    seed: int

    @property
    def data_cutoff_at(self) -> datetime:
        return self.past.history.as_of


@dataclass(frozen=True, slots=True)
class Fit:
    """A new fit as the sandbox gives it."""

    state: State
    digest: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing an answer came to."""

    version_id: int | None = None
    new: int = 0
    """Predictions that say something new."""
    confirmed: int = 0
    """Standing predictions that were given again."""
    dropped: int = 0
    """Matches that kicked off, or were taken off, while the model worked."""
    is_superseded: bool = False
    """Whether a newer fit was stored meanwhile: then nothing was."""


async def prepare(reader: Reader, model: Model, league_id: int, now: datetime) -> Question:
    """The question to a model at match time `now`; raises NotFound for a league that does not exist.

    The data are cut off where feeds stand, which may be a moment ago: a result that is still on its way
    then belongs to the next fit, and this one can be made again bit for bit.
    """
    slug = await reader.fetchval("select slug from league where id = $1", league_id)
    if slug is None:
        raise NotFound(f"There is no league with the id {league_id}.")
    cutoff = await known_until(reader, now)
    version = await latest_version(reader, model.key, league_id)
    if version is not None and not await _has_newer_result(reader, version, cutoff):
        past = await read_history(reader, league_id, version.data_cutoff_at)
        if inputs_digest(past.history, None, model.settings, model.version) == version.inputs_digest:
            coming = await read_fixtures(reader, league_id, now, past.history)
            return Question(model, league_id, past, coming, version, version.seed)
    past = await read_history(reader, league_id, cutoff)
    coming = await read_fixtures(reader, league_id, now, past.history)
    return Question(model, league_id, past, coming, None, rules.seed_of(model.key, slug))


async def _has_newer_result(reader: Reader, version: Version, cutoff: datetime) -> bool:
    return bool(
        await reader.fetchval(
            """select exists (select 1 from match where league_id = $1 and status = 'FINISHED'
                              and result_at > $2 and result_at <= $3)""",
            version.league_id,
            version.data_cutoff_at,
            cutoff,
        )
    )


async def store_answer(
    connection: asyncpg.Connection,
    question: Question,
    fit: Fit | None,
    forecasts: Forecasts,
    milliseconds: float,
    job_id: str,
) -> Stored | None:
    """Store a model's answer in the open transaction; None when another run of the job already did.

    The time of prediction is read here, by the clock row: what kicked off while the model worked is
    dropped. A prediction row is written only where the probabilities differ from the standing ones.
    """
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"forecast|{question.model.key}|{question.league_id}"
    )
    now = await match_now(connection)
    if not await jobs.finish(connection, job_id):
        return None
    if await _is_superseded(connection, question):
        stored = Stored(is_superseded=True)
    else:
        version_id = await _version_id(connection, question, fit, now, job_id)
        open_ids = await _still_open(connection, question, now)
        answer = _answer(question, version_id, forecasts, milliseconds, now, job_id)
        new, confirmed = await store_predictions(connection, answer, open_ids)
        stored = Stored(version_id, new, confirmed, len(question.coming.match_ids) - len(open_ids))
    await count_call(connection, question.model.key, None, now)
    await jobs.note_result(connection, job_id, asdict(stored))
    return stored


async def store_failure(
    connection: asyncpg.Connection, model_key: str, league_id: int, error: str, job_id: str
) -> bool:
    """Count a plugin's failure and mark its standing predictions of the league as stale; nothing else changes.

    False when another run of the job already did.
    """
    if not await jobs.finish(connection, job_id, {"plugin_error": error[:2000]}):
        return False
    await connection.execute(
        """update current_prediction c set is_stale = true from match m
           where m.id = c.match_id and m.league_id = $2 and m.status = 'SCHEDULED'
             and c.model_key = $1 and not c.is_stale""",
        model_key,
        league_id,
    )
    await count_call(connection, model_key, error, await match_now(connection))
    return True


async def _is_superseded(connection: asyncpg.Connection, question: Question) -> bool:
    """Whether a newer fit than the question's was stored while the model worked."""
    newest = await connection.fetchrow(
        """select id, data_cutoff_at from model_version where model_key = $1 and league_id = $2
           order by id desc limit 1""",
        question.model.key,
        question.league_id,
    )
    if newest is None:
        return False
    if question.version is not None:
        return bool(newest["id"] != question.version.id)
    return bool(newest["data_cutoff_at"] > question.data_cutoff_at)


async def _version_id(
    connection: asyncpg.Connection, question: Question, fit: Fit | None, now: datetime, job_id: str
) -> int:
    """The version that the answer comes from: the restored one, or a new row for the new fit."""
    if fit is None:
        if question.version is None:
            raise ValueError("an answer comes from a new fit or from a stored version")
        return question.version.id
    model, state = question.model, pack_state(fit.state)
    version_id: int = await connection.fetchval(
        """insert into model_version (model_key, code_version, league_id, fitted_at, data_from, data_cutoff_at,
               training_matches, fit_seconds, settings, seed, state, state_size, state_digest, inputs_digest, job_id)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11, $12, $13, $14, $15) returning id""",
        model.key,
        model.version,
        question.league_id,
        now,
        question.past.first_at,
        question.data_cutoff_at,
        len(question.past.history),
        fit.seconds,
        orjson.dumps(dict(model.settings)).decode(),
        question.seed,
        state,
        len(state),
        fit.digest,
        inputs_digest(question.past.history, None, model.settings, model.version),
        job_id,
    )
    return version_id


def _answer(
    question: Question, version_id: int, forecasts: Forecasts, milliseconds: float, now: datetime, job_id: str
) -> Answer:
    model = question.model
    return Answer(
        model_key=model.key,
        code_version=model.version,
        version_id=version_id,
        forecasts=forecasts,
        match_ids=question.coming.match_ids,
        predicted_at=now,
        data_cutoff_at=question.data_cutoff_at,
        milliseconds=milliseconds,
        inputs_digest=inputs_digest(question.past.history, question.coming.fixtures, model.settings, model.version),
        job_id=job_id,
    )


async def _still_open(connection: asyncpg.Connection, question: Question, now: datetime) -> list[int]:
    """The question's matches that can still be forecast at `now`."""
    rows = await connection.fetch(
        "select id, kickoff_at from match where id = any($1::bigint[]) and status = 'SCHEDULED'",
        list(question.coming.match_ids),
    )
    return [row["id"] for row in rows if rules.is_in_time(question.data_cutoff_at, now, row["kickoff_at"])]
