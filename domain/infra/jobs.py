"""The job table: what became of every message to a worker, and how an effect happens only once.

QUEUED → RUNNING → DONE, or RUNNING → RETRYING → RUNNING → … → DEAD. A message may be delivered twice
(a worker died between effect and acknowledgement, a relay between sending and marking); the row is
what tells. An actor calls `finish` inside the transaction of its effect: who comes second is told so.
All times here are machine time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
import orjson

from domain.infra.clock import machine_now
from domain.infra.database import Reader

log = logging.getLogger("touchline.jobs")

MOST_STARTS = 12
"""Starts without an end after which a job, because its worker dies of it, is given up. A start that ended by an error
does not count: how many of those there may be is up to whoever tries again."""


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    DONE = "DONE"
    DEAD = "DEAD"


WAITING = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING})
"""Of jobs that are not at their end."""


class Queue(StrEnum):
    """The queues; each worker process listens to all of them."""

    FEEDS = "feeds"
    """Prices and results: short, and before everything else."""
    DEFAULT = "default"
    MODELS = "models"
    """Fits and forecasts in child processes: slow, with threads of their own."""
    OUTSIDE = "outside"
    """The same with the models and markets of others, one at a time: what hangs there keeps only its like waiting."""
    OUTSIDE_VALUE = "outside_value"
    """Strategies of others: short, and not behind a model that takes its time."""
    MAIL = "mail"
    """E-mails, one after the other: a server that does not answer holds up nothing else."""


@dataclass(frozen=True, slots=True)
class Message:
    """A job on its way to a worker."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    cause: dict[str, str] | None = None
    """What made it necessary, see `domain.infra.logs.cause`."""


def queue_of(name: str) -> Queue:
    """The queue that a job of this name goes through."""
    return _QUEUES.get(name, Queue.DEFAULT)


_QUEUES = {
    "tick_feed": Queue.FEEDS,
    "run_model": Queue.MODELS,
    "simulate_table": Queue.MODELS,
    "run_simulation": Queue.MODELS,
    "run_outside_model": Queue.OUTSIDE,
    "settle_market": Queue.OUTSIDE,
    "price_outside_value": Queue.OUTSIDE_VALUE,
    "send_mail": Queue.MAIL,
}


def outbox_message_id(outbox_id: int) -> str:
    """The id of an outbox row's message: the same however often it is sent."""
    return f"outbox-{outbox_id}"


async def note_queued(connection: asyncpg.Connection, messages: Sequence[Message]) -> None:
    """Write QUEUED for messages about to be sent; one that was sent before keeps its row."""
    await connection.execute(
        """insert into job (id, name, arguments, status, attempts, queued_at, cause)
           select id, name, arguments::jsonb, 'QUEUED', 0, $4, cause::jsonb
           from unnest($1::text[], $2::text[], $3::text[], $5::text[]) as t(id, name, arguments, cause)
           on conflict (id) do nothing""",
        [message.id for message in messages],
        [message.name for message in messages],
        [orjson.dumps(message.arguments).decode() for message in messages],
        machine_now(),
        [None if message.cause is None else orjson.dumps(message.cause).decode() for message in messages],
    )


async def begin(writer: Reader, message: Message, *, failures: int = 0) -> bool:
    """Mark a job as running; False when there is nothing left to do: it was done, or given up, before.

    `failures` is how many of the message's runs ended by an error; the others never ended.
    """
    row = await writer.fetchrow(
        """insert into job (id, name, arguments, status, attempts, queued_at, started_at)
           values ($1, $2, $3::text::jsonb, 'RUNNING', 1, $4, $4)
           on conflict (id) do update
              set (status, error, finished_at) = (
                      select case when lost then 'DEAD' else 'RUNNING' end,
                             case when lost then concat_ws('; before that: ',
                                                           'started again and again without an end', job.error)
                                  else job.error end,
                             case when lost then $4 end
                      from (select job.status <> 'RETRYING' and job.attempts - $6 >= $5) as t(lost)),
                  attempts = job.attempts + 1, started_at = $4
              where job.status not in ('DONE', 'DEAD')
           returning status, attempts""",
        message.id,
        message.name,
        orjson.dumps(message.arguments).decode(),
        machine_now(),
        MOST_STARTS,
        failures,
    )
    if row is not None and row["status"] == JobStatus.DEAD:
        log.error("%s was given up: it was started %d times and never ended", message.name, row["attempts"] - failures)
    return row is not None and row["status"] == JobStatus.RUNNING


async def finish(connection: Reader, job_id: str, result: Mapping[str, Any] | None = None) -> bool:
    """Mark a job as done in the transaction of its effect.

    False when another run of it already did: the caller must then undo its effect, or, calling this
    first, not begin with it. A second caller waits here for the first one's commit.
    """
    done = await connection.fetchval(
        """insert into job (id, name, arguments, status, attempts, queued_at, finished_at, result)
           values ($1, 'direct', '{}', 'DONE', 1, $3, $3, $2::text::jsonb)
           on conflict (id) do update set status = 'DONE', finished_at = $3, result = $2::text::jsonb, error = null
              where job.status <> 'DONE'
           returning true""",
        job_id,
        None if result is None else orjson.dumps(result).decode(),
        machine_now(),
    )
    return bool(done)


async def note_result(connection: Reader, job_id: str, result: Mapping[str, Any]) -> None:
    """Write what a job came to, in the transaction that finished it."""
    await connection.fetchval(
        "update job set result = $2::text::jsonb where id = $1 returning true", job_id, orjson.dumps(result).decode()
    )


async def note_failure(writer: Reader, job_id: str, error: str, *, dead: bool) -> None:
    """Write why a run failed, and whether another one follows; what was given up meanwhile stays so."""
    await writer.fetchval(
        """update job set status = $2, error = $3, finished_at = case when $4 then $5::timestamptz end
           where id = $1 and status <> 'DONE' and ($4 or status <> 'DEAD') returning true""",
        job_id,
        JobStatus.DEAD if dead else JobStatus.RETRYING,
        error[:4000],
        dead,
        machine_now(),
    )


async def waiting(reader: Reader) -> int:
    """Jobs that are not at their end."""
    count = await reader.fetchval("select count(*) from job where status in ('QUEUED', 'RUNNING', 'RETRYING')")
    return int(count)


async def stalled(reader: Reader, *, before: datetime) -> list[Message]:
    """Jobs without a sign of life since `before`: candidates for being sent again."""
    rows = await reader.fetch(
        """select id, name, arguments::text as arguments, cause::text as cause from job
           where status in ('QUEUED', 'RUNNING', 'RETRYING') and greatest(queued_at, started_at) < $1
           order by queued_at limit 1000""",
        before,
    )
    return [message_of(row, row["id"]) for row in rows]


async def dead_letters(reader: Reader, ids: Sequence[str] | None = None) -> list[Message]:
    """Jobs that were given up, oldest first; all, or those among `ids`."""
    rows = await reader.fetch(
        """select id, name, arguments::text as arguments, cause::text as cause from job
           where status = 'DEAD' and ($1::text[] is null or id = any($1)) order by queued_at, id""",
        None if ids is None else list(ids),
    )
    return [message_of(row, row["id"]) for row in rows]


async def given_up(reader: Reader, *, most: int | None = None) -> list[asyncpg.Record]:
    """Jobs that were given up, with what they failed with, newest first."""
    return await reader.fetch(
        """select id, name, arguments::text as arguments, attempts, finished_at, error from job
           where status = 'DEAD' order by finished_at desc, id desc limit $1""",
        most,
    )


async def queue_again(connection: asyncpg.Connection, ids: Sequence[str], of: Collection[JobStatus]) -> set[str]:
    """Write QUEUED for those jobs about to be sent again that still have one of the statuses `of`; which they are.

    Their messages count failures anew, and so does a job whose last run ended by one.
    """
    rows = await connection.fetch(
        """update job set status = 'QUEUED', queued_at = $2, started_at = null, finished_at = null,
                  attempts = case when status in ('DEAD', 'RETRYING') then 0 else attempts end
           where id = any($1::text[]) and status = any($3::text[]) returning id""",
        list(ids),
        machine_now(),
        list(of),
    )
    return {row["id"] for row in rows}


async def forget_done(writer: Reader, *, before: datetime, ticks_before: datetime) -> int:
    """Delete what was done before an instant and its outbox rows; dead letters stay. Answers how many.

    Steps of feeds, one a second, are forgotten sooner.
    """
    count = await writer.fetchval(
        """with gone as (delete from job where status = 'DONE' and finished_at < $1::timestamptz
                         or status = 'DONE' and finished_at < $2::timestamptz and name = 'tick_feed' returning 1),
                sent as (delete from outbox o where (o.sent_at < $1 or o.sent_at < $2 and o.job = 'tick_feed')
                         and not exists (select 1 from job j
                                         where j.id = 'outbox-' || o.id and j.status <> 'DONE') returning 1)
           select (select count(*) from gone) + 0 * (select count(*) from sent)""",
        before,
        ticks_before,
    )
    return int(count)


def message_of(row: asyncpg.Record, id_: str) -> Message:
    """The message of a row with `name`, `arguments` and `cause`, the last two as JSON."""
    cause = None if row["cause"] is None else orjson.loads(row["cause"])
    return Message(id_, row["name"], orjson.loads(row["arguments"]), cause)
