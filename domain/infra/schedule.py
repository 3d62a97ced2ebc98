"""Recurring jobs: rows that are due at a match time, and become due again some match seconds later."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from domain.infra.database import Reader
from domain.infra.outbox import Request, ask


def next_due(due_at: datetime, every: timedelta, now: datetime) -> datetime:
    """The first of `due_at + k × every` after `now`: what was missed while nothing ran is done once, not often."""
    if due_at > now:
        return due_at
    return due_at + every * ((now - due_at) // every + 1)


async def put_schedule(writer: Reader, name: str, every: timedelta, due_at: datetime) -> None:
    """Let the job `name` run every so often from `due_at` on; an entry that exists keeps its next time if sooner."""
    await writer.fetchval(
        """insert into schedule (name, every_seconds, due_at) values ($1, $2, $3)
           on conflict (name) do update set every_seconds = $2, due_at = least(schedule.due_at, $3)
           returning true""",
        name,
        every.total_seconds(),
        due_at,
    )


async def ask_due(connection: asyncpg.Connection, now: datetime) -> list[str]:
    """Ask for every job that is due at match time `now`, in the open transaction; answers their names.

    One whose former run still waits or runs is skipped: its time moves on, and it is not asked for.
    """
    rows = await connection.fetch(
        """select name, every_seconds, due_at,
                  exists (select 1 from outbox o where o.job = s.name and o.sent_at is null)
                  or exists (select 1 from job j where j.name = s.name
                             and j.status in ('QUEUED', 'RUNNING', 'RETRYING')) as is_busy
           from schedule s where due_at <= $1 order by due_at, name for update of s""",
        now,
    )
    for row in rows:
        await connection.execute(
            """update schedule set due_at = $2, last_sent_at = case when $3 then last_sent_at else $4 end
               where name = $1""",
            row["name"],
            next_due(row["due_at"], timedelta(seconds=row["every_seconds"]), now),
            row["is_busy"],
            now,
        )
    asked = [row["name"] for row in rows if not row["is_busy"]]
    await ask(connection, [Request(name, {}, dedupe_key=name) for name in asked])
    return asked


async def next_event(reader: Reader) -> datetime | None:
    """Match time of what happens next: a feed's event or a recurring job. None when every feed has ended."""
    moment: datetime | None = await reader.fetchval(
        """select least(min(next_at), (select min(due_at) from schedule)) from feed
           where next_at is not null having count(*) > 0"""
    )
    return moment
