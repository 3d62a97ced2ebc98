"""Jobs of the forecasts: from a result to models, from a model to stored predictions."""

from __future__ import annotations

import asyncio

from domain.forecasting.rules import ImpossibleForecast
from domain.forecasting.service import Fit, Question, prepare, store_answer, store_failure
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.errors import NotFound
from domain.infra.outbox import Request, ask
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
    return [
        Request(
            "run_model",
            {"model_key": key, "league_id": league_id, "reason": reason},
            dedupe_key=f"run_model:{key}:{league_id}",
        )
        for key in registry.models
    ]


async def run_model(boot: Boot, job_id: str, *, model_key: str, league_id: int, reason: str = "") -> None:
    """Have one model forecast one league; what a plugin fails with is counted and stops nobody else."""
    del reason  # kept with the job's arguments, for whoever reads them
    if model_key not in boot.registry.models:
        raise NotFound(f"No installed plugin has the model {model_key}.")
    pool = boot.database.pool
    question = await prepare(pool, boot.registry.models[model_key], league_id, await match_now(pool))
    try:
        fit, forecasts, milliseconds = await asyncio.to_thread(_answer, boot, question)
        async with boot.database.transaction() as session:
            await store_answer(await connection_of(session), question, fit, forecasts, milliseconds, job_id)
    except (PluginError, ImpossibleForecast) as error:
        async with boot.database.transaction() as session:
            await store_failure(await connection_of(session), model_key, league_id, str(error), job_id)


def _answer(boot: Boot, question: Question) -> tuple[Fit | None, Forecasts, float]:
    """The plugin's answer from a child process; raises PluginError."""
    model, history, fixtures = question.model, question.past.history, question.coming.fixtures
    entry, timeout = boot.registry.plugin_of(model.key).entry, boot.settings.fit_timeout_seconds
    if question.version is not None:
        state = unpack_state(question.version.state)
        told = run_predict(entry, model.key, history, state, fixtures, markets=model.markets, timeout=timeout)
        return None, told.forecasts, told.milliseconds
    fitted, told = run_fit_and_predict(
        entry, model.key, history, fixtures, markets=model.markets, seed=question.seed, timeout=timeout
    )
    return Fit(fitted.state, fitted.digest, fitted.seconds), told.forecasts, told.milliseconds
