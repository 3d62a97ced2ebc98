"""What must not be lost: a job written in the transaction that makes it necessary, sent after commit.

A worker's relay (`workers/relay.py`) sends waiting rows to the queue. The message carries the row's
id, so a relay that dies between sending and marking sends the same message twice, and the second is
dropped by the job table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson

from domain.infra.clock import machine_now
from domain.infra.logs import cause


@dataclass(frozen=True, slots=True)
class Request:
    """A job to send. `dedupe_key` collapses requests that still wait; `delay` gives them time to."""

    job: str
    arguments: dict[str, Any] = field(default_factory=dict)
    dedupe_key: str | None = None
    delay: timedelta = timedelta(0)


async def ask(connection: asyncpg.Connection, requests: Sequence[Request], *, now: datetime | None = None) -> None:
    """Write `requests` in the open transaction of `connection`.

    A request that already waits is locked and not just left: the relay passes over it until this
    transaction ends, so the job cannot run before it sees what made it necessary. Its cause stays the first one.
    """
    if not requests:
        return
    once = {request.dedupe_key or index: request for index, request in enumerate(requests)}
    requests = list(once.values())
    machine = now or machine_now()
    await connection.execute(
        """insert into outbox (job, arguments, dedupe_key, due_at, created_at, cause)
           select job, arguments::jsonb, key, due, $5, $6::text::jsonb
           from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as t(job, arguments, key, due)
           order by key
           on conflict (dedupe_key) where sent_at is null and dedupe_key is not null
           do update set due_at = outbox.due_at""",
        [request.job for request in requests],
        [orjson.dumps(request.arguments).decode() for request in requests],
        [request.dedupe_key for request in requests],
        [machine + request.delay for request in requests],
        machine,
        None if (known := cause()) is None else orjson.dumps(known).decode(),
    )
