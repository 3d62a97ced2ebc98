"""Signing people in and out, and out for good. All instants are machine time.

Nobody learns here whether an e-mail address has an account: an answer, its work and its time are the same for one
that has and one that has not. What differs goes by e-mail, to whoever reads that address.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from domain.accounts import audit, codes, erasure, mails, rules, sessions, throttle
from domain.accounts.codes import CodeKind
from domain.accounts.desk import Desk
from domain.accounts.letters import MailKind
from domain.accounts.people import Caller, Viewer
from domain.accounts.profile import KEEP, Changes, update_profile
from domain.accounts.registration import Registration, register
from domain.accounts.sessions import EndReason, SignedIn
from domain.infra.database import connection_of
from domain.infra.errors import BadCredentials, NotFound, SignInRequired

__all__ = [
    "KEEP",
    "Changes",
    "Registration",
    "SignedIn",
    "check_password",
    "delete_account",
    "end_sessions",
    "login",
    "refresh",
    "register",
    "request_password_reset",
    "reset_password",
    "update_profile",
    "verify_email",
]

WRONG = "E-mail or password is wrong, or the e-mail is not confirmed yet."


async def verify_email(desk: Desk, code: str, caller: Caller, *, machine: datetime) -> SignedIn:
    """Confirm an e-mail address with the code sent to it, and sign in; raises BadCredentials when it is no good.

    The account has the password of the registration that the code was sent for, whoever registered later.
    """
    code_id = codes.code_id_of(desk, code)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        account_id = await codes.redeem(connection, code_id, CodeKind.VERIFY, machine=machine)
        await connection.execute(
            """update account a set is_email_verified = true, password_hash = c.password_hash
               from email_code c where a.id = $1 and c.id = $2""",
            account_id,
            code_id,
        )
        await audit.note(connection, account_id, "email.verify", machine=machine, caller=caller)
        return await _sign_in(connection, desk, account_id, None, caller, machine)


async def login(
    desk: Desk, email: str, password: str, device_name: str | None, caller: Caller, *, machine: datetime
) -> SignedIn:
    """Sign in with a password; a pending deletion is taken back.

    Raises BadCredentials, in the same words and after the same time, for a wrong password, an unknown address and
    one that was not confirmed; with `retry_after` when it was tried too often.
    """
    email = rules.normal_email(email)
    await throttle.count_address(desk, caller)
    await throttle.count_sign_in(desk, email)
    account = await desk.database.pool.fetchrow(
        "select id, password_hash, is_email_verified from account where email = $1", email
    )
    is_right, renewed = await desk.passwords.check(password, None if account is None else account["password_hash"])
    if account is None or not is_right or not account["is_email_verified"]:
        raise BadCredentials(WRONG)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        # Whoever chose another password in this moment has signed everybody out, this one too.
        found = await connection.fetchval(
            """update account set password_hash = coalesce($3, password_hash)
               where id = $1 and password_hash = $2 and (deletes_at is null or deletes_at > $4) returning true""",
            account["id"],
            account["password_hash"],
            renewed,
            machine,
        )
        if found is None:
            raise BadCredentials(WRONG)
        signed_in = await _sign_in(connection, desk, account["id"], device_name, caller, machine)
    await throttle.forget_sign_ins(desk, email)
    return signed_in


async def refresh(desk: Desk, token: str, caller: Caller, *, machine: datetime) -> SignedIn:
    """Trade a refresh token for new tokens, see `sessions.refresh_session`."""
    return await sessions.refresh_session(desk, token, caller, machine=machine)


async def request_password_reset(desk: Desk, email: str, caller: Caller, *, machine: datetime) -> None:
    """Send a code to choose a new password with, where the address has an account; the same work where it has none.

    Raises Invalid for what is no address, and BadCredentials with `retry_after` when it was tried too often.
    """
    email = rules.normal_email(email)
    await throttle.count_address(desk, caller)
    await throttle.count_mail(desk, email)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        account = await connection.fetchrow(
            """select id, locale from account where email = $1 and (deletes_at is null or deletes_at > $2)
               for no key update""",
            email,
            machine,
        )
        account_id, locale = (None, "en") if account is None else (account["id"], account["locale"])
        code_id = await codes.issue(connection, account_id, CodeKind.RESET, machine=machine)
        # A mail whose code is nobody's is dropped when it would be sent.
        await mails.write(
            connection, MailKind.RESET, email, locale, machine=machine, account_id=account_id, code_id=code_id
        )


async def reset_password(desk: Desk, code: str, password: str, caller: Caller, *, machine: datetime) -> SignedIn:
    """Choose a new password with the code of an e-mail, which confirms the address; ends all sessions and signs in.

    Raises BadCredentials when the code is no good, and Invalid for a password that may not be chosen: the code
    stays good then.
    """
    code_id = codes.code_id_of(desk, code)
    email: str | None = await desk.database.pool.fetchval(
        """select a.email from email_code c join account a on a.id = c.account_id
           where c.id = $1 and c.purpose = 'RESET' and c.used_at is null and c.expires_at > $2""",
        code_id,
        machine,
    )
    if email is None:
        raise codes.no_code()
    password_hash = await desk.passwords.hash(rules.new_password(password, email))
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        account_id = await codes.redeem(connection, code_id, CodeKind.RESET, machine=machine)
        locale: str = await connection.fetchval(
            "update account set password_hash = $2, is_email_verified = true where id = $1 returning locale",
            account_id,
            password_hash,
        )
        await sessions.end_sessions_of(connection, account_id, EndReason.PASSWORD_RESET, caller, machine=machine)
        await audit.note(connection, account_id, "password.reset", machine=machine, caller=caller)
        await mails.write(connection, MailKind.PASSWORD_CHANGED, email, locale, machine=machine, account_id=account_id)
        signed_in = await _sign_in(connection, desk, account_id, None, caller, machine)
    await throttle.forget_sign_ins(desk, email)
    return signed_in


async def end_sessions(
    desk: Desk, viewer: Viewer, session_id: int | None, everywhere: bool, caller: Caller, *, machine: datetime
) -> list[int]:
    """End a session of the viewer, by default the one that asks, or all of them; answers which ended by it.

    Raises NotFound for a session that is not the viewer's.
    """
    only = None if everywhere else [viewer.session_id if session_id is None else session_id]
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        if session_id is not None and not await connection.fetchval(
            "select exists (select 1 from session where id = $1 and account_id = $2)", session_id, viewer.account_id
        ):
            raise NotFound("You have no session with this id.", field="input.sessionId")
        return await sessions.end_sessions_of(
            connection, viewer.account_id, EndReason.LOGOUT, caller, machine=machine, only=only
        )


async def check_password(desk: Desk, viewer: Viewer, password: str) -> None:
    """Raise BadCredentials unless it is the viewer's password; tries are counted together with sign-ins."""
    account = await desk.database.pool.fetchrow(
        "select email, password_hash from account where id = $1", viewer.account_id
    )
    if account is None:
        raise SignInRequired("This account does not exist any more.")
    await throttle.count_sign_in(desk, account["email"])
    is_right, _ = await desk.passwords.check(password, account["password_hash"])
    if not is_right:
        raise BadCredentials("The password is wrong.", field="input.password")
    await throttle.forget_sign_ins(desk, account["email"])


async def delete_account(desk: Desk, viewer: Viewer, password: str, caller: Caller, *, machine: datetime) -> datetime:
    """Delete the viewer's account and all that is kept about them; answers when it goes.

    Until then, `settings.deletion_days` later, signing in takes it back; 0 deletes at once. Everybody is signed out.
    Raises BadCredentials when the password is wrong.
    """
    await check_password(desk, viewer, password)
    wait = timedelta(days=desk.settings.deletion_days)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        if wait:
            account = await _begin_to_leave(connection, viewer.account_id, machine + wait, caller, machine)
        else:
            account = await erasure.erase_account(connection, viewer.account_id)
        if account is None:
            raise SignInRequired("This account does not exist any more.")
        await mails.write(
            connection,
            MailKind.DELETION,
            account["email"],
            account["locale"],
            machine=machine,
            account_id=viewer.account_id if wait else None,
        )
    return machine + wait


async def _begin_to_leave(
    connection: asyncpg.Connection, account_id: int, deletes_at: datetime, caller: Caller, machine: datetime
) -> asyncpg.Record | None:
    """Sign everybody out of an account that goes later; answers its `email` and `locale`, None where it is gone."""
    account = await connection.fetchrow(
        "update account set deletes_at = $2 where id = $1 returning email, locale", account_id, deletes_at
    )
    if account is not None:
        await sessions.end_sessions_of(connection, account_id, EndReason.DELETED, caller, machine=machine)
        await audit.note(connection, account_id, "account.delete", machine=machine, caller=caller)
    return account


async def _sign_in(
    connection: asyncpg.Connection,
    desk: Desk,
    account_id: int,
    device_name: str | None,
    caller: Caller,
    machine: datetime,
) -> SignedIn:
    """A new session; a pending deletion is taken back."""
    was_leaving = await connection.fetchval(
        """with before as (select id, deletes_at from account where id = $1 for no key update)
           update account a set last_login_at = $2, deletes_at = null from before
           where a.id = before.id returning before.deletes_at is not null""",
        account_id,
        machine,
    )
    if was_leaving:
        await audit.note(connection, account_id, "account.keep", machine=machine, caller=caller)
    return await sessions.begin_session(connection, desk, account_id, device_name, caller, machine=machine)
