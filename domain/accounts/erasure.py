"""Deleting people with everything that is kept about them, and what nobody needs any more. Machine time."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

UNCONFIRMED_KEPT = timedelta(days=30)
"""How long an account stays whose e-mail address nobody confirmed."""
MAIL_KEPT = timedelta(days=7)
"""How long it can be looked up that a mail was sent."""
SESSION_KEPT = timedelta(days=30)
"""How long an ended session can be looked up."""


async def erase_account(connection: asyncpg.Connection, account_id: int) -> None:
    """Delete an account and every row that is about it, in the open transaction; append-only tables let go too."""
    await _erase(connection, "id = $1", account_id)


async def purge_due(connection: asyncpg.Connection, machine: datetime) -> int:
    """Erase the accounts whose time has come and those never confirmed, in the open transaction; answers how many."""
    return await _erase(
        connection,
        "deletes_at <= $1 or not is_email_verified and created_at <= $2",
        machine,
        machine - UNCONFIRMED_KEPT,
    )


async def forget_expired(connection: asyncpg.Connection, machine: datetime) -> None:
    """Delete codes and tokens that expired, sessions long over and mails long sent, in the open transaction."""
    await connection.execute("delete from email_code where expires_at <= $1", machine)
    await connection.execute("delete from refresh_token where expires_at <= $1", machine)
    await connection.execute("delete from session where least(ended_at, expires_at) <= $1", machine - SESSION_KEPT)
    await connection.execute("delete from mail where sent_at <= $1", machine - MAIL_KEPT)


async def _erase(connection: asyncpg.Connection, condition: str, *arguments: object) -> int:
    """Delete accounts; the triggers of append-only tables look for the word `touchline.erasing`."""
    await connection.execute("select set_config('touchline.erasing', 'on', true)")
    rows = await connection.fetch(f"delete from account where {condition} returning email", *arguments)
    await connection.execute("select set_config('touchline.erasing', 'off', true)")
    await connection.execute(
        "delete from mail where account_id is null and kind <> 'DELETION' and recipient = any($1::text[])",
        [row["email"] for row in rows],
    )
    return len(rows)
