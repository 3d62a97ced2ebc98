"""Jobs that keep the deployment tidy, and the one that does nothing, for drills."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from domain.forecasting.plugin_states import forget_calls
from domain.infra import jobs
from domain.infra.clock import machine_now, match_now
from domain.infra.database import connection_of
from domain.tasks.service import purge
from workers.boot import Boot

KEPT = timedelta(days=1)
"""Machine time for which done jobs and sent requests can be looked up."""
TICKS_KEPT = timedelta(minutes=10)
LONGEST_NAP = 60.0


async def retention(boot: Boot, job_id: str) -> None:
    """Delete what was done and sent long ago, old calls of plugins, and files that expired.

    Dead letters stay until somebody looks.
    """
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        deleted = await jobs.forget_done(
            connection, before=machine_now() - KEPT, ticks_before=machine_now() - TICKS_KEPT
        )
        purged = await purge(connection, machine=machine_now())
        calls = await forget_calls(connection, await match_now(connection))
        await jobs.finish(connection, job_id, {"deleted": deleted, "purged": purged, "calls": calls})


async def nap(boot: Boot, job_id: str, *, seconds: float = 0.0) -> None:
    """Sleep and be done: shows that messages reach a worker, and what becomes of them when it is killed."""
    del boot, job_id
    await asyncio.sleep(min(seconds, LONGEST_NAP))
