"""Jobs of the bets."""

from __future__ import annotations

from domain.bets.settlement import Settled, settle_due
from domain.infra import jobs
from domain.infra.clock import machine_now, match_now
from domain.infra.database import connection_of
from domain.infra.news import bets_of
from workers.boot import Boot


async def settle_bets(boot: Boot, job_id: str) -> None:
    """Settle what is due, one transaction after the other until nothing is left, and tell the bettors of each."""
    count = 0
    while True:
        settled = await _settle(boot, job_id, count)
        await boot.bus.tell(bets_of(account_id) for account_id in settled.accounts)
        count += settled.count
        if not settled.has_more:
            return


async def _settle(boot: Boot, job_id: str, before: int) -> Settled:
    """One transaction; the last one ends the job."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        settled = await settle_due(connection, now=await match_now(connection), machine=machine_now(), job_id=job_id)
        if not settled.has_more:
            await jobs.finish(connection, job_id, {"settled": before + settled.count})
    return settled
