"""Writes: limits and breaks that people set themselves.

Each locks the account, as `domain.bets.usage.check` does, so that no bet slips through beside it.
"""

from __future__ import annotations

from datetime import datetime

import asyncpg

from domain import money
from domain.accounts import audit
from domain.accounts.people import NOWHERE, Caller
from domain.care.queries import setting_of, standing_of
from domain.care.rules import Kind, Period, Setting, break_kind, changed, demand_longer
from domain.infra.errors import Invalid, NotFound
from domain.money import MoneyError


async def lock_account(connection: asyncpg.Connection, account_id: int) -> None:
    """Make whoever bets, deposits or changes limits for this account wait until the transaction ends.

    Whoever holds it locks no bankroll any more, so that two never wait for each other; foreign keys to the account
    are checked without waiting. Raises NotFound when the account is gone.
    """
    if await connection.fetchval("select 1 from account where id = $1 for no key update", account_id) is None:
        raise NotFound("The account does not exist any more.")


async def set_limit(
    connection: asyncpg.Connection,
    account_id: int,
    kind: Kind,
    period: Period,
    value: int | None,
    currency: str = "",
    *,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """Set, tighten, loosen or with None remove a limit, in the open transaction; answers its id.

    `value` is minor units of `currency`, bets, or minutes. A first or stricter value works at once, a looser one or
    none after 24 hours. Raises Invalid for a value that cannot be one, NotFound where there is nothing to remove.
    """
    _demand_value(kind, value, currency)
    await lock_account(connection, account_id)
    row = await connection.fetchrow(
        """select value, pending_value, pending_from from care_limit
           where account_id = $1 and kind = $2 and period = $3 and currency = $4""",
        account_id,
        kind.value,
        period.value,
        currency,
    )
    setting = changed(setting_of(row) if row is not None else Setting(), value, machine)
    limit_id: int = await connection.fetchval(
        """insert into care_limit (account_id, kind, period, currency, value, set_at, pending_value, pending_from,
               pending_is_removal)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $8::timestamptz is not null and $7::bigint is null)
           on conflict (account_id, kind, period, currency) do update
           set value = excluded.value, set_at = excluded.set_at, pending_value = excluded.pending_value,
               pending_from = excluded.pending_from, pending_is_removal = excluded.pending_is_removal
           returning id""",
        account_id,
        kind.value,
        period.value,
        currency,
        setting.value,
        machine,
        setting.pending_value,
        setting.pending_from,
    )
    await audit.note(
        connection,
        account_id,
        "limit.set",
        machine=machine,
        caller=caller,
        entity=("GamblingLimit", limit_id),
        details={"kind": kind.value, "period": period.value, "currency": currency, "value": value},
    )
    return limit_id


async def take_break(
    connection: asyncpg.Connection, account_id: int, until: datetime, *, machine: datetime, caller: Caller = NOWHERE
) -> str:
    """Begin a break or self-exclusion now, in the open transaction; answers which of the two it is.

    Raises Invalid for a span that is neither, and Conflict where it would not outlast the one that stands.
    """
    await lock_account(connection, account_id)
    standing = await standing_of(connection, account_id, machine=machine)
    demand_longer(standing.excluded_until, until, standing.zone)
    kind = break_kind(machine, until)
    await connection.execute(
        "insert into care_break (account_id, kind, begins_at, until) values ($1, $2, $3, $4)",
        account_id,
        kind,
        machine,
        until,
    )
    details = {"kind": kind, "until": until.isoformat()}
    await audit.note(connection, account_id, "break.begin", machine=machine, caller=caller, details=details)
    return kind


def _demand_value(kind: Kind, value: int | None, currency: str) -> None:
    """Raises Invalid for a currency where none belongs, or none where one does, and for what cannot be a limit."""
    if not kind.is_money and currency:
        raise Invalid("input.amount", f"{kind} is limited by `count`, not by an amount of money")
    if kind.is_money:
        try:
            money.exponent(currency)
        except MoneyError as error:
            raise Invalid("input.amount.currencyCode", str(error)) from None
    if value is not None and not 0 <= value <= money.LARGEST:
        raise Invalid("input.amount.amount" if kind.is_money else "input.count", "must be 0 or more")
