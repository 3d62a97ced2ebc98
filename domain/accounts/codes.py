"""One-time codes that prove who reads an e-mail address, each good for one use.

A code to confirm an address belongs to one registration and gives the account the password of that one, so that
whoever registers the address of somebody else again cannot put their own password behind the code of the first.
All of them work until one was used. Of the codes for a new password only the newest works.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import asyncpg

from domain.accounts.desk import Desk
from domain.accounts.vault import Purpose
from domain.infra.errors import BadCredentials


class CodeKind(StrEnum):
    """What a code may be used for."""

    VERIFY = "VERIFY"
    RESET = "RESET"


LIVES = {CodeKind.VERIFY: timedelta(hours=48), CodeKind.RESET: timedelta(hours=1)}
"""Machine time for which each works."""


async def issue(
    connection: asyncpg.Connection,
    account_id: int | None,
    kind: CodeKind,
    *,
    machine: datetime,
    password_hash: str | None = None,
) -> UUID:
    """A new code, in the open transaction; answers its id. One for a new password takes the place of earlier ones.

    A VERIFY code needs the `password_hash` of its registration. Without an account it does the same work and leaves
    nothing.
    """
    code_id = uuid4()
    await connection.execute(
        """with earlier as (delete from email_code where account_id = $2 and purpose = $3 and purpose = 'RESET')
           insert into email_code (id, account_id, purpose, password_hash, created_at, expires_at)
           select $1, $2, $3, $6, $4, $5 where $2::bigint is not null""",
        code_id,
        account_id,
        kind,
        machine,
        machine + LIVES[kind],
        password_hash,
    )
    return code_id


def code_id_of(desk: Desk, code: str) -> UUID:
    """The id that a code names; raises BadCredentials when this deployment never made it."""
    code_id = desk.vault.read_token(Purpose.EMAIL_CODE, code.strip())
    if code_id is None:
        raise no_code()
    return code_id


async def redeem(connection: asyncpg.Connection, code_id: UUID, kind: CodeKind, *, machine: datetime) -> int:
    """Use a code up, and every other one of its account; answers the account.

    Raises BadCredentials when it was used or has expired, also by somebody at the same moment.
    """
    # Accounts are locked before their codes everywhere, so that nobody waits for somebody who waits for them.
    await connection.execute(
        "select 1 from account where id = (select account_id from email_code where id = $1) for no key update", code_id
    )
    account_id: int | None = await connection.fetchval(
        """update email_code set used_at = $3
           where id = $1 and purpose = $2 and used_at is null and expires_at > $3 returning account_id""",
        code_id,
        kind,
        machine,
    )
    if account_id is None:
        raise no_code()
    await connection.execute("delete from email_code where account_id = $1 and used_at is null", account_id)
    return account_id


def no_code() -> BadCredentials:
    """The one answer to every code that does not work."""
    return BadCredentials("The code is wrong, used or expired; ask for a new e-mail.", field="input.code")
