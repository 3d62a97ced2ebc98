"""Jobs of the value bets."""

from __future__ import annotations

from domain.forecasting.requests import price_request
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import connection_of
from domain.infra.outbox import ask
from domain.value.service import expire_started, price_match
from workers.boot import Boot


async def price_value(boot: Boot, job_id: str, *, match_id: int) -> None:
    """Work out the value bets of one match."""
    strategies = list(boot.registry.strategies.values())
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        await price_match(connection, match_id, strategies, max_edge=boot.settings.max_edge, job_id=job_id)


async def refresh_value(boot: Boot, job_id: str) -> None:
    """Work out the value bets of every coming match that has prices."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        rows = await connection.fetch(
            """select m.id from match m where m.status = 'SCHEDULED' and m.kickoff_at > $1
                 and exists (select 1 from quote q where q.match_id = m.id) order by m.kickoff_at, m.id""",
            await match_now(connection),
        )
        if await jobs.finish(connection, job_id, {"matches": len(rows)}):
            await ask(connection, [price_request(row["id"]) for row in rows])


async def expire_value(boot: Boot, job_id: str) -> None:
    """Expire the bets of matches that kicked off."""
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        if await jobs.finish(connection, job_id):
            await expire_started(connection)
