"""What operators of a deployment do to somebody's account. All instants are machine time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.accounts import audit, rules
from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one column of an account."""

    column: str
    before: str
    after: str


async def account_of(reader: Reader, email: str) -> int:
    """The account with an e-mail address; raises NotFound without one."""
    try:
        account_id = await reader.fetchval("select id from account where email = $1", rules.normal_email(email))
    except Invalid as error:
        raise NotFound(f"No account has the e-mail address {email!r}: {error.message}.") from None
    if account_id is None:
        raise NotFound(f"No account has the e-mail address {email!r}.")
    return int(account_id)


async def set_standing(
    connection: asyncpg.Connection, account_id: int, *, role: str | None, tier: str | None, machine: datetime
) -> list[Change]:
    """Give an account another role (`people.ROLES`) or tier (`people.TIERS`), in the open transaction.

    Answers what changed; each change has its entry in the audit log. None leaves as it is.
    """
    before = await connection.fetchrow("select role, tier from account where id = $1 for no key update", account_id)
    if before is None:
        raise NotFound("This account does not exist any more.")
    wanted = {"role": role, "tier": tier}
    changes = [Change(name, before[name], value) for name, value in wanted.items() if value not in (None, before[name])]
    await connection.execute(
        "update account set role = coalesce($2, role), tier = coalesce($3, tier) where id = $1", account_id, role, tier
    )
    for change in changes:
        details = {"before": change.before, "after": change.after}
        await audit.note(connection, account_id, f"account.{change.column}", machine=machine, details=details)
    return changes
