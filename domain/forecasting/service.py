"""Asking a model about a league, and keeping what it says.

A worker prepares a `Question`, has the plugin answer it in a child process, and stores the answer. A
fit is kept as a version with everything that makes it again: cut-off, seed, settings and code
version. While nothing new became known the version is restored instead, on the history of its own
cut-off, so that it says the same about the same match.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

import asyncpg
import orjson

from domain.forecasting import rules
from domain.forecasting.history import Coming, Past, past_of, read_fixtures, read_season
from domain.forecasting.pins import check_pin, in_force
from domain.forecasting.plugin_settings import Values, with_settings
from domain.forecasting.plugin_states import note_call, status_of
from domain.forecasting.predictions import Answer, store_predictions
from domain.forecasting.rules import ImpossibleForecast
from domain.forecasting.serving import RUNNABLE, lock_leagues, serve
from domain.forecasting.versions import Version
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import Reader
from domain.infra.errors import Conflict, NotFound
from domain.intake.feed import known_until
from domain.matches.rules import PLAYING, Status
from touchline import Floats, Forecasts, Model, State, reach_of
from touchline.outputs import Fault, PluginError
from touchline.settings import settings_of
from touchline.wire import inputs_digest, pack_state


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a model is asked with; `version` is the fit to restore, None when it must be fitted."""

    model: Model
    """With the settings in force."""
    league_id: int
    past: Past
    coming: Coming
    version: Version | None
    seed: int
    values: Values = field(default_factory=dict)
    """Those of its settings that an operator set: its code in the sandbox only knows its defaults."""

    @property
    def data_cutoff_at(self) -> datetime:
        return self.past.history.as_of


@dataclass(frozen=True, slots=True)
class Fit:
    """A new fit as the sandbox gives it."""

    state: State
    digest: str
    seconds: float
    ratings: Mapping[str, Floats] = field(default_factory=dict)
    """Of the clubs that were asked for, by system."""


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
    skipped: str | None = None
    """The state of its plugin where that was stopped meanwhile: then nothing was stored."""


async def prepare(reader: Reader, model: Model, league_id: int, now: datetime) -> Question:
    """The question to an installed model at match time `now`, with the settings in force.

    Raises NotFound for a league that does not exist, and Conflict when the version that is pinned there was made by
    other code than the installed one, or when the installed code does not take the settings.

    The data are cut off where feeds stand, which may be a moment ago: a result that is still on its way
    then belongs to the next fit, and this one can be made again bit for bit.
    """
    slug = await reader.fetchval("select slug from league where id = $1", league_id)
    if slug is None:
        raise NotFound(f"There is no league with the id {league_id}.")
    model, values = await with_settings(reader, model)
    cutoff = await known_until(reader, now)
    force = await in_force(reader, model.key, league_id)
    check_pin(force, model)
    version = force.version
    if version is not None and (force.is_pinned or not await _is_overtaken(reader, model, version, cutoff)):
        past = await past_of(reader, model, league_id, version.data_cutoff_at)
        if force.is_pinned or _inputs(model, past) == version.inputs_digest:
            coming = await read_fixtures(reader, league_id, now, past.history)
            return Question(model, league_id, past, coming, version, version.seed, values)
    past = await past_of(reader, model, league_id, cutoff)
    coming = await read_fixtures(reader, league_id, now, past.history)
    return Question(model, league_id, past, coming, None, rules.seed_of(model.key, slug), values)


async def prepare_past(reader: Reader, model: Model, season_id: int, as_of: datetime) -> Question:
    """The question of what was left of a season at an instant of the past, by what was known then.

    It asks for no prediction: `store_past_fit` keeps the fit. Raises NotFound for a season that does not exist.
    """
    league = await reader.fetchrow(
        "select l.id, l.slug from season s join league l on l.id = s.league_id where s.id = $1", season_id
    )
    if league is None:
        raise NotFound(f"There is no season with the id {season_id}.")
    model, values = await with_settings(reader, model)
    past = await past_of(reader, model, league["id"], as_of)
    coming = await read_season(reader, season_id, as_of, past.history)
    return Question(model, league["id"], past, coming, None, rules.seed_of(model.key, league["slug"]), values)


async def _is_overtaken(reader: Reader, model: Model, version: Version, cutoff: datetime) -> bool:
    """Whether enough became known since a fit to make another one.

    A model of its own league is fitted anew with every result. One that sees every league waits until a round of its
    league is over, and is not fitted for the results of other leagues alone: with many leagues it would never rest.
    """
    newer = await reader.fetchrow(
        """select min(kickoff_at) as first, max(kickoff_at) as last from match
           where league_id = $1 and status = 'FINISHED' and result_at > $2 and result_at <= $3""",
        version.league_id,
        version.data_cutoff_at,
        cutoff,
    )
    if newer is None or newer["first"] is None:
        return False
    if not reach_of(model).every_league or rules.round_end(newer["first"]) <= cutoff:
        return True
    return not await reader.fetchval(
        """select exists (select 1 from match where league_id = $1 and kickoff_at >= $2 and kickoff_at < $3
                          and status = any($4::text[]))""",
        version.league_id,
        newer["first"],
        rules.round_end(newer["last"]),
        [Status.SCHEDULED, *PLAYING],
    )


def _inputs(model: Model, past: Past) -> str:
    return inputs_digest(past.history, None, settings_of(model), model.version)


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
    await lock_leagues(connection, [question.league_id])
    now = await match_now(connection)
    if not await jobs.finish(connection, job_id):
        return None
    status = await status_of(connection, question.model.key)
    if status not in RUNNABLE:
        stored = Stored(skipped=status)
    elif await _is_superseded(connection, question):
        stored = Stored(is_superseded=True)
    else:
        version_id = await _version_id(connection, question, fit, now, job_id)
        open_ids = await _still_open(connection, question, now)
        answer = _answer(question, version_id, forecasts, milliseconds, now, job_id)
        new, confirmed = await store_predictions(connection, answer, open_ids)
        await serve(connection, open_ids, now)
        stored = Stored(version_id, new, confirmed, len(question.coming.match_ids) - len(open_ids))
    await note_call(
        connection,
        question.model.key,
        fault=None,
        error=None,
        milliseconds=milliseconds + (0.0 if fit is None else fit.seconds * 1000),
        now=now,
        job_id=job_id,
    )
    await jobs.note_result(connection, job_id, asdict(stored))
    return stored


Failure = PluginError | ImpossibleForecast | Conflict
"""Why a model gave no forecast: its own fault, or a conflict that somebody else has to end, such as a pin."""


async def store_failure(
    connection: asyncpg.Connection, model_key: str, league_id: int, failure: Failure, job_id: str
) -> bool:
    """Count a plugin's failure, mark its standing predictions of the league as stale, and show the next best model's.

    A conflict marks them too, and is nobody's failure. False when another run of the job already did.
    """
    await lock_leagues(connection, [league_id])
    if not await jobs.finish(connection, job_id, {"failed": str(failure)[:2000]}):
        return False
    now = await match_now(connection)
    rows = await connection.fetch(
        """update current_prediction c set is_stale = true from match m
           where m.id = c.match_id and m.league_id = $2 and m.status = 'SCHEDULED' and m.kickoff_at >= $3
             and c.model_key = $1 and not c.is_stale returning c.match_id""",
        model_key,
        league_id,
        now,
    )
    await serve(connection, sorted({row["match_id"] for row in rows}), now)
    if not isinstance(failure, Conflict):
        fault, error = _told(failure)
        await note_call(connection, model_key, fault=fault, error=error, milliseconds=None, now=now, job_id=job_id)
    return True


def _told(failure: PluginError | ImpossibleForecast) -> tuple[Fault, str]:
    """How a plugin failed, and its sentence."""
    if isinstance(failure, PluginError):
        return failure.kind, failure.sentence
    return Fault.INVALID_OUTPUT, str(failure)


async def _is_superseded(connection: asyncpg.Connection, question: Question) -> bool:
    """Whether another version came into force while the model worked: a newer fit, or one that was pinned."""
    force = await in_force(connection, question.model.key, question.league_id)
    if force.version is None:
        return False
    if question.version is not None:
        return force.version.id != question.version.id
    return force.is_pinned or force.version.data_cutoff_at > question.data_cutoff_at


async def _version_id(
    connection: asyncpg.Connection, question: Question, fit: Fit | None, now: datetime, job_id: str
) -> int:
    """The version that the answer comes from: the restored one, or a new row for the new fit."""
    if fit is None:
        if question.version is None:
            raise ValueError("an answer comes from a new fit or from a stored version")
        return question.version.id
    return await _store_fit(connection, question, fit, now, job_id)


async def store_past_fit(
    connection: asyncpg.Connection, question: Question, fit: Fit, now: datetime, job_id: str
) -> int:
    """Store the fit of a question of `prepare_past` in the open transaction; answers its version, never in force."""
    return await _store_fit(connection, question, fit, now, job_id, is_retrospective=True)


async def _store_fit(
    connection: asyncpg.Connection,
    question: Question,
    fit: Fit,
    now: datetime,
    job_id: str,
    *,
    is_retrospective: bool = False,
) -> int:
    model, state = question.model, pack_state(fit.state)
    version_id: int = await connection.fetchval(
        """insert into model_version (model_key, code_version, league_id, fitted_at, data_from, data_cutoff_at,
               training_matches, fit_seconds, settings, seed, state, state_size, state_digest, inputs_digest, job_id,
               is_retrospective)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11, $12, $13, $14, $15, $16) returning id""",
        model.key,
        model.version,
        question.league_id,
        now,
        question.past.first_at,
        question.data_cutoff_at,
        len(question.past.history),
        fit.seconds,
        orjson.dumps(settings_of(model)).decode(),
        question.seed,
        state,
        len(state),
        fit.digest,
        _inputs(model, question.past),
        job_id,
        is_retrospective,
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
        inputs_digest=inputs_digest(question.past.history, question.coming.fixtures, settings_of(model), model.version),
        job_id=job_id,
    )


async def _still_open(connection: asyncpg.Connection, question: Question, now: datetime) -> list[int]:
    """The question's matches that can still be forecast at `now`."""
    rows = await connection.fetch(
        "select id, kickoff_at from match where id = any($1::bigint[]) and status = 'SCHEDULED'",
        list(question.coming.match_ids),
    )
    return [row["id"] for row in rows if rules.is_in_time(question.data_cutoff_at, now, row["kickoff_at"])]
