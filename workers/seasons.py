"""Jobs of the season: the table that is kept for every season that is played, and those that people ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from asyncpg.pool import PoolConnectionProxy

from domain.forecasting.service import prepare_past, store_past_fit
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.errors import Conflict
from domain.seasons.queries import rated_clubs, simulating_models
from domain.seasons.rules import KEPT, STEP, Simulated, Start, simulate, simulation_of, told
from domain.seasons.service import FAMILY, Asked, answered, note_answer, open_starts, store_table
from domain.tasks import service
from domain.tasks.service import Running, Step
from touchline.sandbox import PluginError
from workers.boot import Boot
from workers.forecasts import ask_model
from workers.tasks import Run, run_alone


async def simulate_table(boot: Boot, job_id: str, *, season_id: int) -> None:
    """Simulate the final table of a season as it stands, for everybody who asks."""
    pool = boot.database.pool
    models, asked = await simulating_models(pool), Asked(season_id, KEPT)
    start = (await open_starts(pool, [season_id], asked, await match_now(pool), models)).get(season_id)
    simulated = None if start is None else await asyncio.to_thread(simulate, start, KEPT)
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        simulations = 0 if simulated is None else simulated.simulations
        if await jobs.finish(connection, job_id, {"simulations": simulations}) and start and simulated:
            await store_table(connection, start, simulated, job_id, is_current=True)


async def run_simulation(boot: Boot, job_id: str, *, task_id: int) -> None:
    """Simulate the table that a person asked for."""
    await run_alone(boot, job_id, task_id, _simulation)


async def _simulation(run: Run, task: Running, reading: PoolConnectionProxy) -> None:
    """Answer at once what was answered before; else simulate, after a model was fitted where none has spoken."""
    asked = Asked.of(task.arguments)
    now, models = await match_now(reading), await simulating_models(reading)
    if not await answered(reading, [asked.season_id], asked, now, models):
        start = await _start(run, reading, asked, now, models)
        await run.enter("Simulating", asked.simulations, restart=True)
        simulated = await _simulated(run, task, start, asked.simulations)
        if simulated is None:
            return
        async with run.boot.database.transaction() as session:
            connection = await connection_of(session)
            if not await service.hold(connection, task.id, asked.simulations):
                return
            await store_table(
                connection,
                start,
                simulated,
                run.job_id,
                is_current=asked.as_of is None,
                is_version_chosen=asked.model_version_id is not None,
            )
    await run.finish({"simulations": asked.simulations})


async def _start(run: Run, reading: PoolConnectionProxy, asked: Asked, now: datetime, models: Sequence[str]) -> Start:
    """The season as it stood; raises Conflict where nothing can be simulated."""
    for is_fitted in (False, True):
        starts = await open_starts(reading, [asked.season_id], asked, now, models)
        start = starts.get(asked.season_id)
        if start is not None:
            return start
        if asked.season_id in starts or is_fitted:
            raise Conflict("Nothing was left to play in this season.")
        if asked.model_version_id is not None:
            raise Conflict("This version of the model had not forecast the season by then.")
        await _fit(run, reading, asked.season_id, asked.as_of or now, models)
    raise AssertionError("a season is opened twice at most")


async def _fit(run: Run, reading: PoolConnectionProxy, season_id: int, as_of: datetime, models: Sequence[str]) -> None:
    """Have the shown model learn what was known at an instant, and keep what it expects of the rest of the season."""
    boot = run.boot
    key = next((key for key in models if key in boot.registry.models), None)
    if key is None:
        raise Conflict("No model is installed that forecasts results.")
    await run.enter("Fitting the model", 1)
    question = await prepare_past(reading, boot.registry.models[key], season_id, as_of)
    if not question.coming.meetings:
        raise Conflict("Nothing was left to play in this season.")
    clubs = await rated_clubs(reading, question.league_id, as_of)
    try:
        answer = await asyncio.to_thread(ask_model, boot, question, tuple(clubs))
    except PluginError as error:
        raise Conflict(f"The model {key} failed: {error.sentence}") from error
    if answer.forecasts.family != FAMILY or answer.fit is None:
        raise Conflict(f"The model {key} gives no score grid, which a season is simulated from.")
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        version_id = await store_past_fit(connection, question, answer.fit, await match_now(connection), run.job_id)
        await note_answer(connection, question, version_id, answer.forecasts, answer.fit.ratings, clubs, run.job_id)


async def _simulated(run: Run, task: Running, start: Start, simulations: int) -> Simulated | None:
    """The simulation, told step by step; None where its owner stopped it."""
    simulation, seconds = simulation_of(start), 0.0
    for done in range(0, simulations, STEP):
        step = min(STEP, simulations - done)
        began = time.perf_counter()
        await asyncio.to_thread(simulation.run, step)
        seconds += time.perf_counter() - began
        async with run.boot.database.transaction() as session:
            connection = await connection_of(session)
            if not await service.hold(connection, task.id, done):
                return None
            await service.advance(connection, task.id, Step(done + step))
        await run.tell()
    return told(start, simulation.table(), seconds)
