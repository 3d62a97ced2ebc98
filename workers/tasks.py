"""The jobs of tasks: imports and exports, a batch a transaction, told to their owners as they go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from asyncpg.pool import PoolConnectionProxy

from domain.bets.exporting import Export
from domain.bets.importing.service import Import
from domain.infra import jobs
from domain.infra.clock import machine_now, match_now
from domain.infra.database import connection_of
from domain.infra.errors import TouchlineError
from domain.infra.news import bets_of, task_topic
from domain.tasks import service
from domain.tasks.service import GIVEN_UP, Kind, Overtaken, Running, Step
from workers.boot import Boot
from workers.jobs import worth_another


async def run_task(boot: Boot, job_id: str, *, task_id: int) -> None:
    """Do the import or export that a task asks for."""
    await run_alone(boot, job_id, task_id, _import_or_export)


Work = Callable[["Run", Running, PoolConnectionProxy], Awaitable[None]]
"""What a kind of task does: from a run of it, the task, and a connection of its own to read with."""


async def run_alone(boot: Boot, job_id: str, task_id: int, work: Work) -> None:
    """Do what a task asks for, from where an earlier run of it ended, and alone.

    What its owner can mend is told to them and ends the task; anything else is tried again, and in the end told
    as what it is.
    """
    run = Run(boot, job_id, task_id)
    try:
        async with boot.database.pool.acquire() as connection, service.alone(connection, task_id):
            task = await run.begin()
            if task is not None:
                await work(run, task, connection)
    except TouchlineError as error:
        await run.fail(error.message)
    except Exception as error:
        if not isinstance(error, Overtaken) and not worth_another(await run.starts() - 1, error):
            await run.fail(GIVEN_UP, is_done=False)
        raise


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task: each method is one transaction, told after its commit."""

    boot: Boot
    job_id: str
    task_id: int

    async def begin(self) -> Running | None:
        """Take the task up; None where there is nothing to do."""
        async with self.boot.database.transaction() as session:
            task = await service.begin(await connection_of(session), self.task_id, machine=machine_now())
        await self.tell()
        return task

    async def enter(self, stage: str, total: int, *, restart: bool = False) -> None:
        """Say what is done now; `restart` also takes away what an earlier run made."""
        async with self.boot.database.transaction() as session:
            connection = await connection_of(session)
            if restart:
                await service.drop_output(connection, self.task_id)
            await service.enter(connection, self.task_id, stage, total=total, restart=restart)
        await self.tell()

    async def finish(self, result: Mapping[str, Any]) -> None:
        """End the task well; its job is done with it."""
        async with self.boot.database.transaction() as session:
            connection = await connection_of(session)
            await service.finish(connection, self.task_id, result, machine=machine_now())
            await jobs.finish(connection, self.job_id, {"task": self.task_id})
        await self.tell()

    async def fail(self, error: str, *, is_done: bool = True) -> None:
        """End the task with a sentence; its job is done with it, unless that failed as well."""
        async with self.boot.database.transaction() as session:
            connection = await connection_of(session)
            await service.fail(connection, self.task_id, error, machine=machine_now())
            if is_done:
                await jobs.finish(connection, self.job_id, {"task": self.task_id})
        await self.tell()

    async def starts(self) -> int:
        """How often the job was begun."""
        return int(await self.boot.database.pool.fetchval("select attempts from job where id = $1", self.job_id) or 1)

    async def tell(self, *topics: str) -> None:
        """Tell whoever follows the task."""
        await self.boot.bus.tell([task_topic(self.task_id), *topics])


async def _import_or_export(run: Run, task: Running, reading: PoolConnectionProxy) -> None:
    await (_import if task.kind is Kind.IMPORT else _export)(run, task, reading)


async def _import(run: Run, task: Running, reading: PoolConnectionProxy) -> None:
    """Record the file batch by batch; what an earlier run recorded is passed over."""
    work = await Import.open(reading, task, now=await match_now(reading))
    await run.enter("Checking bets" if work.is_dry_run else "Recording bets", work.line_count)
    batches = work.batches()
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        async with run.boot.database.transaction() as session:
            connection = await connection_of(session)
            if not await service.hold(connection, task.id, work.done):
                return
            await service.advance(connection, task.id, await work.take(connection, batch, machine=machine_now()))
        await run.tell(bets_of(task.account_id))
    await run.finish(work.finish())


async def _export(run: Run, task: Running, reading: PoolConnectionProxy) -> None:
    """Write what one snapshot holds; every part commits by itself, so that its owner sees it grow."""
    async with reading.transaction(isolation="repeatable_read", readonly=True):
        export = Export.of(reading, task)
        await run.enter("Writing rows", await export.count(), restart=True)
        rows = part = 0
        async with aclosing(export.chunks()) as chunks:
            async for chunk in chunks:
                async with run.boot.database.transaction() as session:
                    connection = await connection_of(session)
                    if not await service.hold(connection, task.id, rows):
                        return
                    rows, part = rows + chunk.rows, part + 1
                    await service.add_output(
                        connection, task.id, part - 1, export.file, chunk.body, machine=machine_now()
                    )
                    await service.advance(connection, task.id, Step(rows))
                await run.tell()
    await run.finish({"fileName": export.file.name, "rowCount": rows})
