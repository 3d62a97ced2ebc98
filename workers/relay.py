"""The relay: sends what the outbox holds, and again what Redis lost.

A row is sent and marked in one transaction that holds its lock. A relay that dies in between sends
it a second time under the same id, and the job table drops the second. So Redis holds nothing that
cannot be rebuilt: after a flush the job table still knows what was sent and never ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import cast

import asyncpg
import redis
from dramatiq.brokers.redis import RedisBroker

from domain.infra import jobs
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.jobs import WAITING, JobStatus, Message
from workers.broker import ids_in_queues, send

BATCH = 500
LEASE = timedelta(seconds=20)
"""Silence after which a job is looked for in Redis."""


async def relay(database: Database, broker: RedisBroker, *, early: bool = False) -> int:
    """Send the outbox rows that are due; answers how many.

    `early` sends those as well whose delay has not passed: on a stepped clock nothing is gained by waiting.
    Rows that another relay holds, or that an open transaction still adds its request to, are passed over.
    """
    async with database.transaction() as session:
        connection = await connection_of(session)
        rows = await connection.fetch(
            """select id, job as name, arguments::text as arguments, cause::text as cause from outbox
               where sent_at is null and (due_at <= $1 or $2) order by id limit $3 for update skip locked""",
            machine_now(),
            early,
            BATCH,
        )
        if not rows:
            return 0
        messages = [jobs.message_of(row, jobs.outbox_message_id(row["id"])) for row in rows]
        await jobs.note_queued(connection, messages)
        await asyncio.to_thread(send, broker, messages)
        await _mark_sent(connection, [row["id"] for row in rows])
    return len(rows)


async def send_lost(database: Database, broker: RedisBroker) -> int:
    """Send again what the job table awaits and Redis no longer holds; answers how many."""
    candidates = await jobs.stalled(database.pool, before=machine_now() - LEASE)
    if not candidates:
        return 0
    held = await asyncio.to_thread(ids_in_queues, cast("redis.Redis", broker.client))
    return await send_again(database, broker, [message for message in candidates if message.id not in held], WAITING)


async def send_again(
    database: Database, broker: RedisBroker, messages: list[Message], of: Collection[JobStatus]
) -> int:
    """Send those messages under their old ids whose jobs still have one of the statuses `of`; answers how many."""
    if not messages:
        return 0
    async with database.transaction() as session:
        queued = await jobs.queue_again(await connection_of(session), [message.id for message in messages], of)
    await asyncio.to_thread(send, broker, [message for message in messages if message.id in queued])
    return len(queued)


async def _mark_sent(connection: asyncpg.Connection, ids: list[int]) -> None:
    await connection.execute("update outbox set sent_at = $2 where id = any($1::bigint[])", ids, machine_now())


async def send_new(database: Database, broker: RedisBroker, message: Message) -> None:
    """Send a message past the outbox: for an operator, who wants to see at once whether it went."""
    async with database.transaction() as session:
        await jobs.note_queued(await connection_of(session), [message])
        await asyncio.to_thread(send, broker, [message])
