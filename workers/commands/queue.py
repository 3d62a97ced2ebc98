"""Looking after the queue of jobs, and asking for work by hand."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from domain.infra.errors import Invalid, NotFound
from workers.commands.options import Refusal, deployment_options

if TYPE_CHECKING:
    from dramatiq.brokers.redis import RedisBroker

    from domain.forecasting.versions import Refitted
    from domain.infra.database import Database
    from domain.infra.settings import Settings


_WIDE = 240
"""Columns of a table that goes to a file or another program."""


@click.group()
def queue() -> None:
    """Look after the queue of jobs."""


@queue.command("list")
@deployment_options
def list_jobs(settings: Settings) -> None:
    """Count jobs by name and status, with the newest error of each."""
    rows = asyncio.run(_counts(settings))
    _table(("Job", "Status", "Count", "Oldest", "Newest error"), rows)


@queue.command()
@deployment_options
def dead(settings: Settings) -> None:
    """List the jobs that were given up."""
    rows = asyncio.run(_dead(settings))
    if not rows:
        click.echo("No job was given up.")
        return
    _table(("Id", "Job", "Arguments", "Runs", "Given up", "Error"), rows)


@queue.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every job that was given up.")
@deployment_options
def requeue(settings: Settings, ids: tuple[str, ...], is_all: bool) -> None:
    """Send jobs again that were given up: those with these IDS, or all."""
    if bool(ids) == is_all:
        raise Refusal("Name the ids that `touchline queue dead` lists, or use --all.", 2)
    count = asyncio.run(_requeue(settings, None if is_all else ids))
    click.echo(f"{count} sent again.")


@queue.command("send")
@click.argument("name")
@click.option("--arguments", default="{}", show_default=True, help="JSON object.")
@deployment_options
def send_job(settings: Settings, name: str, arguments: str) -> None:
    """Send one job by its NAME, for example `nap`; it prints the job's id."""
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise Invalid("--arguments", f"is not JSON ({error})") from None
    if not isinstance(given, dict):
        raise Invalid("--arguments", 'must be a JSON object, for example {"league_id": 1}')
    click.echo(asyncio.run(_send(settings, name, given)))


@click.group()
def refresh() -> None:
    """Ask for predictions or value bets now."""


@refresh.command()
@click.option("--league", help="Slug of one league; all without it.")
@deployment_options
def forecasts(settings: Settings, league: str | None) -> None:
    """Ask every model for its predictions."""
    asyncio.run(_refresh_forecasts(settings, league))
    click.echo("Asked for.")


@refresh.command()
@deployment_options
def value(settings: Settings) -> None:
    """Work out the value bets of every coming match."""
    from domain.infra.outbox import Request

    asyncio.run(_ask(settings, Request("refresh_value", {}, dedupe_key="refresh_value")))
    click.echo("Asked for.")


@click.command()
@click.argument("version_id", type=int)
@click.option("--check", is_flag=True, help="Exit with 1 when the state is not the stored one.")
@deployment_options
def refit(settings: Settings, version_id: int, check: bool) -> None:
    """Make a stored fit again, from its cut-off, seed and settings, and compare the states."""
    made = asyncio.run(_refit(settings, version_id))
    click.echo(f"{made.version.model_key}, data up to {made.version.data_cutoff_at.isoformat()}")
    click.echo(f"stored  {made.version.state_digest}")
    click.echo(f"now     {made.digest}")
    click.echo("The same, bit for bit." if made.is_same else f"Not the same: {'; '.join(made.reasons)}.")
    if check and not made.is_same:
        raise SystemExit(1)


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[Database, RedisBroker]]:
    from domain.infra.database import Database
    from workers.broker import open_broker

    database = await Database.connect(settings.database_url, size=2)
    try:
        yield database, open_broker(settings.redis_url)
    finally:
        await database.close()


async def _counts(settings: Settings) -> list[tuple[str, ...]]:
    async with _open(settings) as (database, _):
        rows = await database.pool.fetch(
            """select name, status, count(*), min(queued_at) as oldest,
                      (array_agg(error order by queued_at desc) filter (where error is not null))[1] as error
               from job group by name, status
               union all
               select job, 'WAITING', count(*), min(created_at), null from outbox where sent_at is null group by job
               order by 1, 2"""
        )
    return [(row["name"], row["status"], str(row["count"]), _time(row["oldest"]), row["error"] or "") for row in rows]


async def _dead(settings: Settings) -> list[tuple[str, ...]]:
    from domain.infra.jobs import given_up

    async with _open(settings) as (database, _):
        rows = await given_up(database.pool)
    return [
        (row["id"], row["name"], row["arguments"], str(row["attempts"]), _time(row["finished_at"]), row["error"] or "")
        for row in reversed(rows)
    ]


async def _requeue(settings: Settings, ids: tuple[str, ...] | None) -> int:
    from domain.infra import jobs
    from workers.relay import send_again

    async with _open(settings) as (database, broker):
        found = await jobs.dead_letters(database.pool, ids)
        missing = set(ids or ()) - {message.id for message in found}
        if missing:
            raise NotFound(f"No job that was given up has the id {', '.join(sorted(missing))}.")
        return await send_again(database, broker, found, {jobs.JobStatus.DEAD})


async def _send(settings: Settings, name: str, arguments: dict[str, Any]) -> str:
    from uuid import uuid4

    from domain.infra.jobs import Message
    from workers.relay import send_new

    message = Message(f"sent-{uuid4()}", name, arguments)
    async with _open(settings) as (database, broker):
        await send_new(database, broker, message)
    return message.id


async def _refresh_forecasts(settings: Settings, league: str | None) -> None:
    from domain.infra.outbox import Request

    if league is None:
        request = Request("refresh_predictions", {"reason": "operator"}, dedupe_key="refresh_predictions")
    else:
        async with _open(settings) as (database, _):
            league_id = await database.pool.fetchval("select id from league where slug = $1", league)
        if league_id is None:
            raise NotFound(f"There is no league {league!r}.")
        arguments = {"league_id": league_id, "reason": "operator"}
        request = Request("refresh_league", arguments, dedupe_key=f"refresh_league:{league_id}")
    await _ask(settings, request)


async def _ask(settings: Settings, request: Any) -> None:
    from domain.infra.database import connection_of
    from domain.infra.outbox import ask

    async with _open(settings) as (database, _), database.transaction() as session:
        await ask(await connection_of(session), [request])


async def _refit(settings: Settings, version_id: int) -> Refitted:
    from domain.forecasting.versions import refit as make_again
    from touchline.discovery import discover_plugins

    async with _open(settings) as (database, _):
        return await make_again(database.pool, discover_plugins(), version_id, timeout=settings.fit_timeout_seconds)


def _time(at: Any) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, no_wrap=place == 0)
    for row in rows:
        table.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


commands: list[click.Command] = [queue, refresh, refit]
