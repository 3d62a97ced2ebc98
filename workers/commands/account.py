"""Looking at somebody's account, and giving it another role or tier."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from domain.accounts.people import ROLES, TIERS
from domain.infra.errors import NotFound
from workers.commands.options import Refusal, deployment_options

if TYPE_CHECKING:
    from domain.accounts.operators import Change
    from domain.infra.settings import Settings


@click.group()
def account() -> None:
    """Look after the accounts of people."""


@account.command()
@click.argument("email")
@deployment_options
def show(settings: Settings, email: str) -> None:
    """Show the account with this EMAIL; no secrets, and nothing of its bets."""
    for name, value in asyncio.run(_shown(settings, email)).items():
        click.echo(f"{name:<16}{value}")


@account.command("set")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), help="What the person may do.")
@click.option("--tier", type=click.Choice(TIERS), help="Plan tier in force.")
@deployment_options
def set_standing(settings: Settings, email: str, role: str | None, tier: str | None) -> None:
    """Give the account with this EMAIL another role or tier; it holds from its next request on."""
    if role is None and tier is None:
        raise Refusal("Name what to set: --role, --tier or both.", 2)
    changes = asyncio.run(_set(settings, email, role, tier))
    for change in changes:
        click.echo(f"{change.column}: {change.before} is now {change.after}.")
    if not changes:
        click.echo("It was so already.")


async def _shown(settings: Settings, email: str) -> dict[str, Any]:
    from domain.accounts.operators import account_of
    from domain.infra.clock import machine_now
    from domain.infra.database import Database

    database = await Database.connect(settings.database_url, size=2)
    try:
        row = await database.pool.fetchrow(
            """select a.email, a.role, a.tier, a.is_email_verified, a.created_at, a.last_login_at, a.deletes_at,
                      (select count(*) from session s
                       where s.account_id = a.id and s.ended_at is null and s.expires_at > $2) as sessions,
                      (select count(*) from bankroll b where b.account_id = a.id) as bankrolls
               from account a where a.id = $1""",
            await account_of(database.pool, email),
            machine_now(),
        )
    finally:
        await database.close()
    if row is None:
        raise NotFound("This account does not exist any more.")
    return {
        "E-mail": row["email"],
        "Role": row["role"],
        "Tier": row["tier"],
        "Verified": "yes" if row["is_email_verified"] else "no",
        "Created": _time(row["created_at"]),
        "Last sign-in": _time(row["last_login_at"]),
        "Goes": _time(row["deletes_at"]),
        "Live sessions": row["sessions"],
        "Bankrolls": row["bankrolls"],
    }


async def _set(settings: Settings, email: str, role: str | None, tier: str | None) -> list[Change]:
    from domain.accounts import operators
    from domain.infra.clock import machine_now
    from domain.infra.database import Database, connection_of

    database = await Database.connect(settings.database_url, size=2)
    try:
        account_id = await operators.account_of(database.pool, email)
        async with database.transaction() as session:
            connection = await connection_of(session)
            return await operators.set_standing(connection, account_id, role=role, tier=tier, machine=machine_now())
    finally:
        await database.close()


def _time(at: Any) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


commands: list[click.Command] = [account]
"""The application's commands, one module per group; each exports `commands`."""
