"""Jobs of the forecasts: from a result to models, from a model to stored predictions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import asyncpg

from domain.forecasting.requests import run_request
from domain.forecasting.rules import ImpossibleForecast
from domain.forecasting.service import Fit, Question, prepare, store_answer, store_failure
from domain.grades.choosing import choose_by_record
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.errors import Conflict, NotFound
from domain.infra.outbox import Request, ask
from domain.seasons.queries import rated_clubs
from domain.seasons.service import note_answer
from touchline import Forecasts
from touchline.plugins import Registry
from touchline.sandbox import PluginError, run_fit_and_predict, run_predict
from touchline.wire import unpack_state
from workers.boot import Boot


async def refresh_predictions(boot: Boot, job_id: str, *, reason: str = "schedule") -> None:
    """Ask every model for every league that has coming matches."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        rows = await connection.fetch(
            "select distinct league_id from match where status = 'SCHEDULED' and kickoff_at > $1 order by 1",
            await match_now(connection),
        )
        leagues = [row["league_id"] for row in rows]
        if await jobs.finish(connection, job_id, {"leagues": len(leagues)}):
            await ask(connection, [request for league in leagues for request in _runs(boot.registry, league, reason)])


async def refresh_league(boot: Boot, job_id: str, *, league_id: int, reason: str = "") -> None:
    """Ask every model for one league."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if await connection.fetchval("select 1 from league where id = $1", league_id) is None:
            raise NotFound(f"There is no league with the id {league_id}.")
        if await jobs.finish(connection, job_id, {"models": len(boot.registry.models)}):
            await ask(connection, _runs(boot.registry, league_id, reason))


def _runs(registry: Registry, league_id: int, reason: str) -> list[Request]:
    return [run_request(key, league_id, reason) for key in registry.models]


async def run_model(boot: Boot, job_id: str, *, model_key: str, league_id: int, reason: str = "") -> None:
    """Have one model forecast one league; what a plugin fails with is counted and stops nobody else."""
    del reason  # kept with the job's arguments, for whoever reads them
    if model_key not in boot.registry.models:
        raise NotFound(f"No installed plugin has the model {model_key}.")
    pool = boot.database.pool
    try:
        question = await prepare(pool, boot.registry.models[model_key], league_id, await match_now(pool))
        clubs = {} if question.version else await rated_clubs(pool, league_id, question.data_cutoff_at)
        answer = await asyncio.to_thread(ask_model, boot, question, tuple(clubs))
        async with boot.database.transaction() as session:
            await _store(await connection_of(session), question, answer, clubs, job_id)
    except (PluginError, ImpossibleForecast, Conflict) as error:
        async with boot.database.transaction() as session:
            await store_failure(await connection_of(session), model_key, league_id, str(error), job_id)


async def choose_models(boot: Boot, job_id: str) -> None:
    """Let the record say which models are shown."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if await jobs.finish(connection, job_id):
            won = await choose_by_record(connection, await match_now(connection))
            await jobs.note_result(connection, job_id, {"won": [asdict(duel) for duel in won]})


async def _store(
    connection: asyncpg.Connection, question: Question, answer: Answer, clubs: Mapping[str, int], job_id: str
) -> None:
    """Keep the predictions of what comes soon, and what is expected of the rest of the season."""
    stored = await store_answer(connection, question, answer.fit, answer.forecasts, answer.milliseconds, job_id)
    if stored is not None and stored.version_id is not None:
        ratings = {} if answer.fit is None else answer.fit.ratings
        await note_answer(connection, question, stored.version_id, answer.forecasts, ratings, clubs, job_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plugin says to a question."""

    fit: Fit | None
    """None where a stored version answered."""
    forecasts: Forecasts
    milliseconds: float


def ask_model(boot: Boot, question: Question, clubs: Sequence[str] = ()) -> Answer:
    """The plugin's answer from a child process, with ratings of `clubs` where it is fitted; raises PluginError."""
    model, history, fixtures = question.model, question.past.history, question.coming.fixtures
    entry, timeout = boot.registry.plugin_of(model.key).entry, boot.settings.fit_timeout_seconds
    if question.version is not None:
        state = unpack_state(question.version.state)
        told = run_predict(entry, model.key, history, state, fixtures, markets=model.markets, timeout=timeout)
        return Answer(None, told.forecasts, told.milliseconds)
    fitted, told = run_fit_and_predict(
        entry, model.key, history, fixtures, markets=model.markets, clubs=clubs, seed=question.seed, timeout=timeout
    )
    fit = Fit(fitted.state, fitted.digest, fitted.seconds, fitted.ratings)
    return Answer(fit, told.forecasts, told.milliseconds)
