"""People for tests: accounts, signed-in sessions, and a desk whose passwords cost nothing.

desk = make_desk(database, redis_url)
ann = await person(database, email="ann@example.com", tier="PRO")
viewer = await viewer_for(desk, ann)
headers = bearer(await signed_in(desk, ann))
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from redis import Redis

from domain.accounts.desk import Desk
from domain.accounts.passwords import Passwords
from domain.accounts.people import NOWHERE, Caller, Viewer
from domain.accounts.sessions import SignedIn, begin_session, viewer_of
from domain.accounts.vault import Purpose, Vault
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from domain.infra.limiter import PREFIX, Limiter
from domain.infra.settings import read_settings

PASSWORD = "correct horse battery staple"
"""Of everybody that `person` makes."""

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


def make_desk(database: Database, redis_url: str, **settings: Any) -> Desk:
    """A desk on a test's database, where nobody has tried anything yet; close it, or use `open_desk`."""
    forget_tries(redis_url)
    given = read_settings(**{"database_url": "postgresql://test@localhost/test", "redis_url": redis_url, **settings})
    return Desk(database, Vault(given), Passwords(given.password_threads, CHEAP), Limiter(redis_url), given)


def forget_tries(redis_url: str) -> None:
    """Let nobody have tried anything: the tests share one Redis, and people of one name."""
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"*{PREFIX}*"):
            client.delete(key)


@asynccontextmanager
async def open_desk(database: Database, redis_url: str, **settings: Any) -> AsyncIterator[Desk]:
    """`make_desk`, closed at the end of the block."""
    desk = make_desk(database, redis_url, **settings)
    try:
        yield desk
    finally:
        await desk.close()


async def person(
    where: Desk | Database,
    email: str = "ann@example.com",
    tier: str = "FREE",
    verified: bool = True,
    *,
    machine: datetime | None = None,
    **columns: Any,
) -> int:
    """An account with `PASSWORD`; `columns` are further columns of its row, for example `time_zone`."""
    database = where.database if isinstance(where, Desk) else where
    at = machine or machine_now()
    row: dict[str, Any] = {
        "email": email,
        "password_hash": _hash_of(PASSWORD),
        "is_email_verified": verified,
        "role": "USER",
        "tier": tier,
        "locale": "en",
        "time_zone": "UTC",
        "currency": "EUR",
        "odds_format": "DECIMAL",
        "bookmaker_ids": [],
        "min_edge": 0.1,
        "is_email_enabled": True,
        "is_value_bet_alert_enabled": True,
        "of_legal_age_since": at,
        "created_at": at,
        **columns,
    }
    names, places = ", ".join(row), ", ".join(f"${place + 1}" for place in range(len(row)))
    account_id: int = await database.pool.fetchval(
        f"insert into account ({names}) values ({places}) returning id", *row.values()
    )
    return account_id


async def signed_in(
    desk: Desk, account_id: int, *, machine: datetime | None = None, device: str = "Test", caller: Caller = NOWHERE
) -> SignedIn:
    """A new session of an account with its tokens."""
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        return await begin_session(connection, desk, account_id, device, caller, machine=machine or machine_now())


async def viewer_for(desk: Desk, account_id: int, *, machine: datetime | None = None) -> Viewer:
    """The account as a signed-in person, in a session of its own."""
    tokens = await signed_in(desk, account_id, machine=machine)
    viewer = await viewer_of(desk.database.pool, desk.vault.read_access_token(tokens.access_token))
    assert viewer is not None, f"account {account_id} cannot be signed in"
    return viewer


async def code_of(desk: Desk, email: str, kind: str = "VERIFY") -> str:
    """The newest code that an e-mail to the address holds."""
    code_id = await desk.database.pool.fetchval(
        "select code_id from mail where recipient = $1 and kind = $2 order by created_at desc limit 1", email, kind
    )
    assert code_id is not None, f"no {kind} mail to {email}"
    return desk.vault.token(Purpose.EMAIL_CODE, code_id)


def bearer(tokens: SignedIn) -> dict[str, str]:
    """HTTP headers of a signed-in request."""
    return {"Authorization": f"Bearer {tokens.access_token}"}


@cache
def _hash_of(password: str) -> str:
    return CHEAP.hash(password)
