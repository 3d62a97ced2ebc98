"""Signing people up. A known e-mail address and an unknown one get the same answer after the same work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.accounts import audit, codes, mails, rules, throttle
from domain.accounts.codes import CodeKind
from domain.accounts.desk import Desk
from domain.accounts.letters import MailKind
from domain.accounts.people import Caller
from domain.infra.database import connection_of


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody says who wants an account."""

    email: str
    password: str
    is_of_legal_age: bool
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    """BCP 47; English when not said."""
    time_zone: str | None = None
    """IANA; UTC when not said."""
    currency: str | None = None
    """ISO 4217; EUR when not said."""


async def register(desk: Desk, wanted: Registration, caller: Caller, *, machine: datetime) -> None:
    """Make an account with a FREE plan that waits for its e-mail address to be confirmed.

    Answers nothing, so that a known address looks like an unknown one: its owner gets a mail that says so. One that
    was never confirmed is registered anew; whose password it will have, the code says that confirms it. Raises
    Invalid naming the field, and BadCredentials with `retry_after` when it was tried too often.
    """
    checked = _checked(wanted)
    await throttle.count_address(desk, caller)
    await throttle.count_mail(desk, checked.email)
    password_hash = await desk.passwords.hash(wanted.password)
    async with desk.database.transaction() as session:
        await _put_account(await connection_of(session), checked, password_hash, caller, machine)


def _checked(wanted: Registration) -> Registration:
    """The registration in normal form."""
    email = rules.normal_email(wanted.email)
    rules.legal_age(wanted.is_of_legal_age)
    return Registration(
        email=email,
        password=rules.new_password(wanted.password, email),
        is_of_legal_age=True,
        first_name=rules.profile_value("first_name", wanted.first_name),
        last_name=rules.profile_value("last_name", wanted.last_name),
        locale=rules.profile_value("locale", wanted.locale or "en"),
        time_zone=rules.profile_value("time_zone", wanted.time_zone or "UTC"),
        currency=rules.profile_value("currency", wanted.currency or "EUR"),
    )


async def _put_account(
    connection: asyncpg.Connection, wanted: Registration, password_hash: str, caller: Caller, machine: datetime
) -> None:
    """An unconfirmed account with a mail to confirm it, in place of an earlier one; or word to who has it already."""
    await connection.execute(
        """insert into account (email, password_hash, is_email_verified, role, tier, first_name, last_name, locale,
               time_zone, currency, odds_format, bookmaker_ids, min_edge, is_email_enabled, is_value_bet_alert_enabled,
               of_legal_age_since, created_at)
           values ($1, $2, false, 'USER', 'FREE', $3, $4, $5, $6, $7, 'DECIMAL', '{}', 0.10, true, true, $8, $8)
           on conflict (email) do update set first_name = excluded.first_name,
               last_name = excluded.last_name, locale = excluded.locale,
               time_zone = excluded.time_zone, currency = excluded.currency,
               of_legal_age_since = excluded.of_legal_age_since, created_at = excluded.created_at
           where not account.is_email_verified""",
        wanted.email,
        password_hash,
        wanted.first_name,
        wanted.last_name,
        wanted.locale,
        wanted.time_zone,
        wanted.currency,
        machine,
    )
    account = await connection.fetchrow(
        "select id, locale, is_email_verified from account where email = $1 for no key update", wanted.email
    )
    assert account is not None, "it was there or is now"
    is_known = account["is_email_verified"]
    code_id = await codes.issue(
        connection, None if is_known else account["id"], CodeKind.VERIFY, machine=machine, password_hash=password_hash
    )
    await mails.write(
        connection,
        MailKind.ALREADY_REGISTERED if is_known else MailKind.VERIFY,
        wanted.email,
        account["locale"],
        machine=machine,
        account_id=account["id"],
        code_id=None if is_known else code_id,
    )
    await audit.note(connection, account["id"], "account.register", machine=machine, caller=caller)
