"""Jobs of the forecasts: from a result to models, from a model to stored predictions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict

import asyncpg

from domain.forecasting.plugin_states import coming_leagues, model_runs, status_of
from domain.forecasting.rules import ImpossibleForecast
from domain.forecasting.service import Fit, Question, prepare, store_answer, store_failure
from domain.forecasting.serving import RUNNABLE, choose_served
from domain.grades.choosing import choose_by_record
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.errors import Conflict, NotFound
from domain.infra.outbox import Request, ask
from domain.seasons.queries import rated_clubs
from domain.seasons.service import note_answer
from touchline import Forecasts, MarketKey
from touchline.markets import Lines
from touchline.plugins import Registry
from touchline.sandbox import Limits, PluginError, limits_of, run_fit_and_predict, run_predict
from touchline.settings import Value
from touchline.wire import unpack_state
from workers.boot import Boot


async def refresh_predictions(boot: Boot, job_id: str, *, reason: str = "schedule") -> None:
    """Ask every model that runs for every league that has coming matches."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        leagues = await coming_leagues(connection, await match_now(connection))
        if await jobs.finish(connection, job_id, {"leagues": len(leagues)}):
            await ask(connection, await _runs(connection, boot.registry, leagues, reason))


async def refresh_league(boot: Boot, job_id: str, *, league_id: int, reason: str = "") -> None:
    """Ask every model that runs for one league."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if await connection.fetchval("select 1 from league where id = $1", league_id) is None:
            raise NotFound(f"There is no league with the id {league_id}.")
        requests = await _runs(connection, boot.registry, [league_id], reason)
        if await jobs.finish(connection, job_id, {"models": len(requests)}):
            await ask(connection, requests)


async def _runs(
    connection: asyncpg.Connection, registry: Registry, leagues: Sequence[int], reason: str
) -> list[Request]:
    """Runs of the installed models whose plugins run."""
    return await model_runs(connection, reason, league_ids=leagues, model_keys=list(registry.models))


async def run_model(boot: Boot, job_id: str, *, model_key: str, league_id: int, reason: str = "") -> None:
    """Have one model forecast one league; what a plugin fails with is counted and stops nobody else."""
    del reason  # kept with the job's arguments, for whoever reads them
    pool = boot.database.pool
    status = await status_of(pool, model_key)
    if status not in RUNNABLE:
        await jobs.finish(pool, job_id, {"skipped": status})
        return
    if model_key not in boot.registry.models:
        raise NotFound(f"No installed plugin has the model {model_key}.")
    try:
        question = await prepare(pool, boot.registry.models[model_key], league_id, await match_now(pool))
        clubs = {} if question.version else await rated_clubs(pool, league_id, question.data_cutoff_at)
        answer = await asyncio.to_thread(ask_model, boot, question, tuple(clubs))
        async with boot.database.transaction() as session:
            await _store(await connection_of(session), question, answer, clubs, job_id)
    except (PluginError, ImpossibleForecast, Conflict) as error:
        async with boot.database.transaction() as session:
            await store_failure(await connection_of(session), model_key, league_id, error, job_id)


async def run_outside_model(boot: Boot, job_id: str, *, model_key: str, league_id: int, reason: str = "") -> None:
    """The same with a model of others; what was asked for again and again while it waited is done once."""
    if await boot.database.pool.fetchval(_DONE_SINCE, job_id, model_key, league_id):
        await jobs.finish(boot.database.pool, job_id, {"skipped": "it ran since this was asked"})
        return
    await run_model(boot, job_id, model_key=model_key, league_id=league_id, reason=reason)


_DONE_SINCE = """select exists (
    select 1 from job mine join job other on other.name = mine.name and other.started_at > mine.queued_at
    where mine.id = $1 and other.id <> mine.id and other.status = 'DONE'
      and other.arguments->>'model_key' = $2 and (other.arguments->>'league_id')::bigint = $3
      and other.result->>'skipped' is null)"""


async def show_best(boot: Boot, job_id: str) -> None:
    """Mark as stale what nobody renews any more, and show the best of what there is."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        await choose_served(connection, await match_now(connection))
        await jobs.finish(connection, job_id)


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


class _Asked(TypedDict):
    """What the sandbox is told with every question."""

    markets: tuple[MarketKey, ...]
    outcomes: Mapping[str, int]
    lines: Mapping[str, Lines]
    settings: Mapping[str, Value]
    limits: Limits


def ask_model(boot: Boot, question: Question, clubs: Sequence[str] = ()) -> Answer:
    """The plugin's answer from a child process, with ratings of `clubs` where it is fitted; raises PluginError."""
    model, history, fixtures = question.model, question.past.history, question.coming.fixtures
    plugin = boot.registry.plugin_of(model.key)
    asked = _Asked(
        markets=model.markets,
        outcomes=boot.registry.outcomes,
        lines=boot.registry.lines,
        settings=question.values,
        limits=limits_of(plugin, boot.settings.fit_timeout_seconds),
    )
    if question.version is not None:
        state = unpack_state(question.version.state)
        told = run_predict(plugin.entry, model.key, history, state, fixtures, **asked)
        return Answer(None, told.forecasts, told.milliseconds)
    fitted, told = run_fit_and_predict(
        plugin.entry, model.key, history, fixtures, clubs=clubs, seed=question.seed, **asked
    )
    fit = Fit(fitted.state, fitted.digest, fitted.seconds, fitted.ratings)
    return Answer(fit, told.forecasts, told.milliseconds)
