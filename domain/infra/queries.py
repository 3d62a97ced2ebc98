"""What a deployment can say about itself: jobs by name, feeds, positions and versions."""

from __future__ import annotations

from datetime import datetime, timedelta

from asyncpg import Record

from domain.infra.database import Reader


async def job_counts(db: Reader, machine: datetime) -> list[Record]:
    """By name of job: how many wait, since when the oldest does, and what ended in the hour before `machine`.

    A job waits from the row in the outbox that asks for it on, once it is due.
    """
    return await db.fetch(
        """select name, sum(waiting)::int as waiting, min(waiting_since) as waiting_since,
               sum(running)::int as running, sum(done)::int as done, sum(dead)::int as dead,
               sum(dead_lately)::int as dead_lately
           from (
             select name, (status in ('QUEUED', 'RETRYING'))::int as waiting,
                 case when status in ('QUEUED', 'RETRYING') then queued_at end as waiting_since,
                 (status = 'RUNNING')::int as running, (status = 'DONE' and finished_at >= $2)::int as done,
                 (status = 'DEAD')::int as dead, (status = 'DEAD' and finished_at >= $2)::int as dead_lately
             from job where status <> 'DONE' or finished_at >= $2
             union all
             select job, 1, due_at, 0, 0, 0, 0 from outbox where sent_at is null and due_at <= $1) each
           group by name order by name""",
        machine,
        machine - timedelta(hours=1),
    )


async def feeds(db: Reader) -> list[Record]:
    """Feeds with the match time up to which each has been recorded, and of its next event."""
    return await db.fetch("select name, kind, position, next_at from feed order by name")


async def odds_position(db: Reader) -> int:
    """The last sequence that was given to a price change."""
    return int(await db.fetchval("select value from odds_position where id = 1"))


async def progress(db: Reader) -> Record:
    """How far things have come: rows of the outbox that wait, the odds position, the match time of the last grade."""
    row = await db.fetchrow(
        """select (select count(*) from outbox where sent_at is null) as outbox,
                  (select value from odds_position where id = 1) as odds_position,
                  (select graded_at from grade order by id desc limit 1) as graded_at"""
    )
    assert row is not None
    return row


async def plugin_calls(db: Reader, now: datetime) -> list[Record]:
    """By plugin: how often it was called and failed, and seconds of its calls in the hour until match time `now`."""
    return await db.fetch(
        """select p.key, p.call_count, p.failure_count, coalesce(c.milliseconds, 0) / 1000 as seconds
           from plugin p left join (
             select plugin_key, sum(milliseconds) as milliseconds from plugin_call
             where called_at > $1 and called_at <= $2 group by plugin_key) c on c.plugin_key = p.key
           order by p.key""",
        now - timedelta(hours=1),
        now,
    )


async def fits(db: Reader) -> list[Record]:
    """By model: how often it was fitted, and the seconds that took."""
    return await db.fetch(
        """select model_key, count(*) as fits, sum(fit_seconds) as seconds from model_version
           group by model_key order by model_key"""
    )


async def revision(db: Reader) -> str | None:
    """The migration that the database is at; None before the first."""
    if await db.fetchval("select to_regclass('alembic_version') is null"):
        return None
    found: str | None = await db.fetchval("select version_num from alembic_version")
    return found


async def server_version(db: Reader) -> str:
    """PostgreSQL's own version, for example `18.1`."""
    return str(await db.fetchval("show server_version")).partition(" ")[0]
