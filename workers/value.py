"""Jobs of the value bets."""

from __future__ import annotations

from domain.forecasting.plugin_settings import with_settings
from domain.forecasting.plugin_states import PluginStatus, states
from domain.forecasting.requests import outside_price_request, price_request
from domain.infra import jobs
from domain.infra.clock import match_now
from domain.infra.database import Reader, connection_of
from domain.infra.outbox import ask
from domain.value.service import expire_started, price_match, weigh_match
from touchline import Strategy
from touchline.plugins import Registry
from workers.boot import Boot


async def price_value(boot: Boot, job_id: str, *, match_id: int) -> None:
    """Work out the value bets of one match by our strategies, and have those of others asked by a job of their own."""
    others = await _active(boot.database.pool, boot.registry, is_ours=False)
    await _price(boot, job_id, match_id, is_ours=True, is_followed=bool(others))


async def price_outside_value(boot: Boot, job_id: str, *, match_id: int) -> None:
    """Work out the value bets of one match by the strategies of others: however long they take, ours are there."""
    await _price(boot, job_id, match_id, is_ours=False, is_followed=False)


async def _price(boot: Boot, job_id: str, match_id: int, *, is_ours: bool, is_followed: bool) -> None:
    pool = boot.database.pool
    strategies = await _active(pool, boot.registry, is_ours=is_ours)
    views = await weigh_match(pool, match_id, strategies, max_edge=boot.settings.max_edge)
    async with boot.database.transaction() as session:
        connection = await connection_of(session)
        priced = await price_match(connection, match_id, views, job_id=job_id)
        if priced is not None and is_followed:
            await ask(connection, [outside_price_request(match_id)])


async def _active(reader: Reader, registry: Registry, *, is_ours: bool) -> list[Strategy]:
    """The strategies of active plugins with the settings in force; one in the shadow is not asked."""
    known = await states(reader)
    keys = [
        key
        for plugin in registry.plugins
        if plugin.is_ours is is_ours and plugin.key in known and known[plugin.key].status is PluginStatus.ACTIVE
        for key in plugin.strategies
    ]
    return [(await with_settings(reader, registry.strategies[key]))[0] for key in keys]


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
