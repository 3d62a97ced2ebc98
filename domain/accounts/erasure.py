"""Deleting people with everything that is kept about them, and what nobody needs any more. Machine time.

Who writes about a person locks in the order of their task: a bet the bankroll and then the account, an import its
task before, a refresh the session, and a foreign key the account at any moment. No one order of an erasure suits
them all. So it waits for nobody with a lock in hand: it gets all that others begin with at once, or gives
everything back, lets them finish and tries again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import asyncpg

from domain.infra.errors import Conflict

UNCONFIRMED_KEPT = timedelta(days=30)
"""How long an account stays whose e-mail address nobody confirmed."""
MAIL_KEPT = timedelta(days=7)
"""How long it can be looked up that a mail was sent."""
SESSION_KEPT = timedelta(days=30)
"""How long an ended session can be looked up."""
DOORS = ("bankroll", "session", "task")
"""What writers lock before the account. Some are rows of concepts above, which no import may name: the cascade of
the foreign keys reaches them all the same."""
PATIENCE = "100ms"
"""How long an erasure waits for a lock, far less than `deadlock_timeout`, after which PostgreSQL fails somebody."""
PAUSE_SECONDS = 0.05
MOST_TRIES = 200
"""Longer than a mail server may take."""


async def erase_account(connection: asyncpg.Connection, account_id: int) -> asyncpg.Record | None:
    """Delete an account and every row that is about it, in the open transaction; append-only tables let go too.

    Answers `email` and `locale` that it had, None where it is gone already. Call it first in its transaction: it waits
    for whoever writes about the person, and they must not have to wait for its caller. Raises Conflict where they
    do not end.
    """
    for _ in range(MOST_TRIES):
        with suppress(asyncpg.LockNotAvailableError):
            return await _erase(connection, account_id)
        await asyncio.sleep(PAUSE_SECONDS)
    raise Conflict("Something of this account is being written all the time: try again in a minute.")


async def purge_due(connection: asyncpg.Connection, machine: datetime) -> int:
    """Erase the accounts whose time has come and those never confirmed, in the open transaction; answers how many.

    One about which somebody is writing at this moment is left to the next purge.
    """
    until = (machine, machine - UNCONFIRMED_KEPT)
    rows = await connection.fetch(f"select id from account where {_DUE} order by id", *until)
    erased = 0
    for row in rows:
        with suppress(asyncpg.LockNotAvailableError):
            erased += await _erase(connection, row["id"], _DUE, until) is not None
    return erased


async def forget_expired(connection: asyncpg.Connection, machine: datetime) -> None:
    """Delete codes and tokens that expired, sessions long over and mails long sent, in the open transaction."""
    await connection.execute("delete from email_code where expires_at <= $1", machine)
    await connection.execute("delete from refresh_token where expires_at <= $1", machine)
    await connection.execute("delete from session where least(ended_at, expires_at) <= $1", machine - SESSION_KEPT)
    await connection.execute("delete from mail where sent_at <= $1", machine - MAIL_KEPT)


async def _erase(
    connection: asyncpg.Connection, account_id: int, condition: str = "true", arguments: Sequence[datetime] = ()
) -> asyncpg.Record | None:
    """Delete an account that meets a condition once it is locked.

    The triggers of append-only tables look for the word `touchline.erasing`. Raises LockNotAvailableError where
    somebody holds a row of it; nothing is locked then that was not before.
    """
    async with connection.transaction():  # a savepoint
        patience = await connection.fetchval("select current_setting('lock_timeout')")
        await connection.execute(_SET, PATIENCE, "on")
        account = await connection.fetchrow(
            f"select email, locale from account where ({condition}) and id = ${len(arguments) + 1} for update",
            *arguments,
            account_id,
        )
        if account is not None:
            for table in DOORS:
                await connection.execute(f"select from {table} where account_id = $1 for update nowait", account_id)
            await connection.execute("delete from account where id = $1", account_id)
            await connection.execute(
                "delete from mail where account_id is null and kind <> 'DELETION' and recipient = $1", account["email"]
            )
        await connection.execute(_SET, patience, "off")
    return account


_DUE = "deletes_at <= $1 or not is_email_verified and created_at <= $2"
_SET = "select set_config('lock_timeout', $1, true), set_config('touchline.erasing', $2, true)"
