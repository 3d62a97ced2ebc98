"""Signed-in devices and the chains of their refresh tokens (OAuth 2.0 Security BCP, RFC 9700, section 4.14.2).

A refresh token is traded once, for its successor. One that comes again may have been stolen: the whole session
ends. Only within the grace, and while the successor was not used, the same successor is given again, for a client
that lost the answer or asked twice at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import asyncpg

from domain.accounts import audit, rules
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.accounts.vault import AccessClaims, Purpose
from domain.infra.database import Reader, connection_of
from domain.infra.errors import BadCredentials


class EndReason(StrEnum):
    """Why a session is over before its time."""

    LOGOUT = "LOGOUT"
    REUSE = "REUSE"
    """A refresh token came a second time."""
    PASSWORD_RESET = "PASSWORD_RESET"
    DELETED = "DELETED"
    """Its account was given up."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with the tokens that were just made for it. All instants are machine time."""

    account_id: int
    session_id: int
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


async def viewer_of(reader: Reader, claims: AccessClaims) -> Viewer | None:
    """The person of a valid access token, in one statement; None when the session ended or the account is gone.

    A session that nobody refreshes ends with its tokens, by their own expiry.
    """
    row = await reader.fetchrow(
        """select a.role, a.tier, a.locale, a.time_zone, a.currency
           from session s join account a on a.id = s.account_id
           where s.id = $1 and s.account_id = $2 and s.ended_at is null""",
        claims.session_id,
        claims.account_id,
    )
    if row is None:
        return None
    return Viewer(
        account_id=claims.account_id, session_id=claims.session_id, token_expires_at=claims.expires_at, **dict(row)
    )


async def begin_session(
    connection: asyncpg.Connection,
    desk: Desk,
    account_id: int,
    device_name: str | None,
    caller: Caller,
    *,
    machine: datetime,
) -> SignedIn:
    """Sign a device in, in the open transaction."""
    session_id: int = await connection.fetchval(
        """insert into session (account_id, device_name, created_at, last_used_at, expires_at)
           values ($1, $2, $3, $3, $3) returning id""",
        account_id,
        rules.device_name(device_name, caller.user_agent),
        machine,
    )
    token = await _add_token(connection, desk, session_id, caller, machine)
    await audit.note(
        connection, account_id, "session.begin", machine=machine, caller=caller, entity=("Session", session_id)
    )
    return _signed_in(desk, account_id, session_id, token, machine)


async def refresh_session(desk: Desk, token: str, caller: Caller, *, machine: datetime) -> SignedIn:
    """Trade a refresh token for new tokens; raises BadCredentials when it is none, ended, expired or used before.

    A token that was used before ends its session, which stays ended although this raises.
    """
    token_id = desk.vault.read_token(Purpose.REFRESH, token.strip())
    if token_id is None:
        raise _no_token()
    async with desk.database.transaction() as session:
        signed_in = await _trade(await connection_of(session), desk, token_id, caller, machine)
    if signed_in is None:
        raise BadCredentials(
            "The refresh token was used before, so its session was ended for safety; sign in again.",
            field="input.refreshToken",
        )
    return signed_in


async def end_sessions_of(
    connection: asyncpg.Connection,
    account_id: int,
    reason: EndReason,
    caller: Caller,
    *,
    machine: datetime,
    only: Sequence[int] | None = None,
) -> list[int]:
    """End all sessions of an account, or those among `only`, in the open transaction; answers which ended by it."""
    rows = await connection.fetch(
        """update session set ended_at = $2, end_reason = $3
           where account_id = $1 and ended_at is null and ($4::bigint[] is null or id = any($4)) returning id""",
        account_id,
        machine,
        reason,
        only,
    )
    ended = sorted(row["id"] for row in rows)
    if ended:
        details = {"reason": reason, "sessions": ended}
        await audit.note(connection, account_id, "session.end", machine=machine, caller=caller, details=details)
    return ended


async def _trade(
    connection: asyncpg.Connection, desk: Desk, token_id: UUID, caller: Caller, machine: datetime
) -> SignedIn | None:
    """New tokens for an old one; None when it came again and its session was ended for that."""
    # The lock comes first: what the second statement reads is then what stands, whoever else trades this token.
    session = await connection.fetchrow(
        """select id, account_id, ended_at from session
           where id = (select session_id from refresh_token where id = $1) for update""",
        token_id,
    )
    if session is None or session["ended_at"] is not None:
        raise _no_token()
    token = await connection.fetchrow(
        """select t.expires_at, t.used_at, n.id as next_id, n.expires_at as next_expires_at, n.used_at as next_used_at
           from refresh_token t left join refresh_token n on n.id = t.successor_id where t.id = $1""",
        token_id,
    )
    if token is None:
        raise _no_token()
    account_id, session_id = session["account_id"], session["id"]
    if token["used_at"] is None:
        if token["expires_at"] <= machine:
            raise _no_token()
        successor = await _add_token(connection, desk, session_id, caller, machine)
        await connection.execute(
            "update refresh_token set used_at = $2, successor_id = $3 where id = $1", token_id, machine, successor[0]
        )
        return _signed_in(desk, account_id, session_id, successor, machine)
    grace = timedelta(seconds=desk.settings.refresh_grace_seconds)
    if token["next_id"] is not None and token["next_used_at"] is None and machine <= token["used_at"] + grace:
        return _signed_in(desk, account_id, session_id, (token["next_id"], token["next_expires_at"]), machine)
    await end_sessions_of(connection, account_id, EndReason.REUSE, caller, machine=machine, only=[session_id])
    return None


async def _add_token(
    connection: asyncpg.Connection, desk: Desk, session_id: int, caller: Caller, machine: datetime
) -> tuple[UUID, datetime]:
    """A fresh refresh token and its end; the session lasts as long, and was last used now and from here."""
    token_id, expires_at = uuid4(), machine + timedelta(days=desk.settings.refresh_days)
    await connection.execute(
        """with longer as (update session set last_used_at = $3, expires_at = $4, ip_address = $5, user_agent = $6
                           where id = $2)
           insert into refresh_token (id, session_id, created_at, expires_at) values ($1, $2, $3, $4)""",
        token_id,
        session_id,
        machine,
        expires_at,
        caller.address,
        rules.user_agent(caller.user_agent),
    )
    return token_id, expires_at


def _signed_in(
    desk: Desk, account_id: int, session_id: int, token: tuple[UUID, datetime], machine: datetime
) -> SignedIn:
    token_id, expires_at = token
    access_token, access_expires_at = desk.vault.access_token(account_id, session_id, machine)
    refresh_token = desk.vault.token(Purpose.REFRESH, token_id)
    return SignedIn(account_id, session_id, access_token, access_expires_at, refresh_token, expires_at)


def _no_token() -> BadCredentials:
    return BadCredentials("The refresh token is wrong or its session has ended; sign in again.")
