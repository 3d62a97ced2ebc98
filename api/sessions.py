"""Signed-in devices, and the tokens that sign them in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import strawberry

from api.batch import batch
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, read_page
from api.rows import Rows, in_order, rows_of
from domain.accounts import queries
from domain.accounts.people import Viewer
from domain.accounts.sessions import SignedIn

if TYPE_CHECKING:
    from api.accounts import User

SESSION_ORDER = Order("sessions", queries.SESSION_ORDER.sql, "s.id", is_descending=True, read=datetime.fromisoformat)


@strawberry.type(description="A signed-in device.")
class Session(Node):
    key: strawberry.Private[int]
    device_name: str = strawberry.field(description="Device name, as given at sign-in or taken from the user agent.")
    ip_address: str | None = strawberry.field(description="IP address from which it was last used.")
    created_at: datetime = strawberry.field(description="When it began.")
    last_used_at: datetime = strawberry.field(description="When its tokens were last traded for new ones.")
    expires_at: datetime = strawberry.field(description="When it ends unless refreshed.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Session | None]:
        if db.account_id is None:
            return [None] * len(keys)
        return in_order(keys, rows_of(cls, await queries.sessions(db, keys, db.account_id)), lambda row: row.key)

    @batch
    @staticmethod
    def is_current(sessions: Sequence[Session], viewer: Viewer) -> list[bool]:
        """Whether it is the session of this request."""
        return [session.key == viewer.session_id for session in sessions]


@strawberry.type(description="A page of sessions.")
class SessionConnection(Connection[Session]):
    pass


async def user_sessions(
    users: Sequence[User],
    db: Rows,
    machine: datetime,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[SessionConnection]:
    """Devices that are signed in now, last used first."""
    page = read_page(SESSION_ORDER, first, after, last, before)
    keys = [user.key for user in users]
    rows = rows_of(Session, await queries.session_page(db, keys, machine, page))
    counts = Counts(partial(queries.session_counts, account_ids=keys, machine=machine))
    return connect_each(SessionConnection, page, keys, rows, counts)


@strawberry.type(
    description="Tokens after signing in. Send the access token as `Authorization: Bearer …`, and for subscriptions "
    'in `connection_init` as `{"authorization": "Bearer …"}`; a socket is closed with 4401 when its token ends, so '
    "open a new one with a fresh token and the last cursor. Whoever holds these tokens is the user: keep them secret."
)
class AuthTokens:
    access_token: str = strawberry.field(description="Short-lived token.")
    access_token_expires_at: datetime = strawberry.field(
        description="When the access token ends, by default after 30 minutes."
    )
    refresh_token: str = strawberry.field(description="One-time token for new tokens; each use replaces it.")
    refresh_token_expires_at: datetime = strawberry.field(
        description="When the refresh token ends, by default after 7 days."
    )


def tokens_of(signed_in: SignedIn) -> AuthTokens:
    """The tokens as a client gets them."""
    return AuthTokens(
        access_token=signed_in.access_token,
        access_token_expires_at=signed_in.access_expires_at,
        refresh_token=signed_in.refresh_token,
        refresh_token_expires_at=signed_in.refresh_expires_at,
    )
