"""Looking at models and the order in which they are shown, choosing one, and rolling one back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from workers.commands.options import OPERATOR, Refusal, deployment_options, with_database

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from domain.forecasting.pins import Pinned
    from domain.infra.settings import Settings

GOALS = "goals"
"""In place of a kind of market: all that are chosen together."""

_REASON = click.option("--reason", required=True, help="Why, a sentence; it stays in the record.")


@click.group()
def model() -> None:
    """Look after models: which is shown, and which version of it."""


@model.command("list")
@deployment_options
def list_models(settings: Settings) -> None:
    """List the models by kind of market, the shown one first, with their class of odds and their versions in force."""
    for line in asyncio.run(with_database(settings, _listed)):
        click.echo(line)


@model.command("choose")
@click.argument("kind")
@click.argument("key", required=False)
@click.option(
    "--by-record", is_flag=True, help="Give the choice back: the usual order, until the record says otherwise."
)
@_REASON
@deployment_options
def choose_model(settings: Settings, kind: str, key: str | None, by_record: bool, reason: str) -> None:
    """Show the model with this KEY for a KIND of market, whatever the record says.

    KIND is for example `match_result`; `goals` means every kind that is read from one distribution of the score.
    """
    if (key is None) != by_record:
        raise Refusal("Name the model, or give the choice back with --by-record.", 2)
    shown = asyncio.run(with_database(settings, partial(_choose, kind=kind, key=key, reason=reason)))
    click.echo(f"{shown} is shown for {kind}.")


@model.command()
@click.argument("version_id", type=int)
@_REASON
@deployment_options
def promote(settings: Settings, version_id: int, reason: str) -> None:
    """Let the fit with this VERSION_ID speak for its model in its league until it is released."""
    from domain.forecasting import pins

    made = asyncio.run(
        with_database(settings, partial(_pin, change=pins.promote, version_id=version_id, reason=reason))
    )
    click.echo(f"Version {made.version.name} of {made.version.model_key} is in force; its league is forecast anew.")


@model.command()
@click.argument("version_id", type=int)
@_REASON
@deployment_options
def release(settings: Settings, version_id: int, reason: str) -> None:
    """End the promotion of the fit with this VERSION_ID, so that the newest one speaks again."""
    from domain.forecasting import pins

    made = asyncio.run(
        with_database(settings, partial(_pin, change=pins.release, version_id=version_id, reason=reason))
    )
    after = "no version" if made.after is None else f"version {made.after.name}"
    click.echo(f"For {made.version.model_key} {after} is in force; its league is forecast anew.")


async def _pin(
    connection: asyncpg.Connection,
    now: datetime,
    *,
    change: Callable[..., Awaitable[Pinned]],
    version_id: int,
    reason: str,
) -> Pinned:
    return await change(connection, version_id, reason=reason, by=OPERATOR, now=now)


async def _choose(connection: asyncpg.Connection, now: datetime, *, kind: str, key: str | None, reason: str) -> str:
    """The model that is shown for the kind from now on."""
    from domain.forecasting.rules import GOAL_KINDS, ranking
    from domain.forecasting.serving import choose, offered_models
    from domain.infra.errors import NotFound

    usual = ranking(await offered_models(connection), {})
    kinds = [str(each) for each in GOAL_KINDS] if kind == GOALS else [kind]
    if kinds[0] not in usual:
        raise NotFound(f"No model prices {kind!r}; there are {', '.join(sorted(usual)) or 'none'}.")
    shown = usual[kinds[0]][0] if key is None else key
    by = "default" if key is None else OPERATOR
    await choose(connection, kinds, shown, reason=reason, by=by, now=now)
    return shown


async def _listed(connection: asyncpg.Connection, _now: datetime) -> list[str]:
    from domain.forecasting import queries
    from domain.forecasting.serving import choices, read_ranking

    ranked, chosen = await read_ranking(connection), await choices(connection)
    keys = sorted({key for each in ranked.values() for key in each})
    uses = {row["key"]: row["uses_odds"] for row in await queries.models(connection, keys)}
    lines = []
    for kind, order in sorted(ranked.items()):
        choice = chosen.get(kind)
        lines.append(f"{kind}" if choice is None else f"{kind}  (by {choice.chosen_by}: {choice.reason})")
        lines += [f"  {place}. {key}  {uses[key] or '-'}" for place, key in enumerate(order, start=1)]
    lines.append("versions in force")
    leagues = {row["id"]: row["slug"] for row in await connection.fetch("select id, slug from league")}
    for row in await queries.versions_in_force(connection, keys):
        pinned = f"  promoted: {row['pin_reason']}" if row["pinned_id"] is not None else ""
        lines.append(
            f"  {row['key']}  {row['model_key']}  {leagues[row['league_id']]}  code {row['code_version']}{pinned}"
        )
    return lines


commands: list[click.Command] = [model]
