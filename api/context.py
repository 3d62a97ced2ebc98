"""What an operation runs with: doors, not sessions.

Nothing here belongs to a request except who sent it, and `db` and the times. A WebSocket is one connection for
its whole life, so each operation on it gets a context of its own, and each event of a subscription is read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from strawberry.fastapi import BaseContext

from api.batch import Loads
from api.execution import EVENTS_AT_ONCE
from api.rows import Rows
from domain.accounts.desk import Desk
from domain.accounts.people import NOWHERE, Caller, Viewer
from domain.accounts.sessions import SignedIn, viewer_of
from domain.infra.clock import Clock, machine_now
from domain.infra.database import Database, Reader
from domain.infra.errors import SignInRequired
from domain.infra.leases import Leases
from domain.infra.news import News
from domain.infra.settings import Settings

if TYPE_CHECKING:
    from api.edge.costs import Cost
    from api.edge.sockets import Guests
    from api.hub import OddsHub
    from api.status import About
    from domain.infra.traces import Tracing

Greet = Callable[[SignedIn], Awaitable[Rows]]
"""The type of the parameter `greet`, see `Context.greet`."""
NEEDS_SIGN_IN = (
    "Sign in first: send `Authorization: Bearer …` with the access token of `login`, on a WebSocket as `authorization` "
    "in the payload of `connection_init`."
)
OWN = frozenset({"db", "viewer", "visitor", "caller", "greet", "machine"})
"""What belongs to the operation; everything else is the process's."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What one process opened at its start and every operation shares."""

    reader: Reader
    database: Database
    clock: Clock
    settings: Settings
    redis: Redis
    hub: OddsHub
    about: About
    desk: Desk
    news: News
    guests: Guests
    leases: Leases
    tracing: Tracing | None
    """Spans; None where no collector is named."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EVENTS_AT_ONCE))
    """Taken by each event of a subscription while it is executed."""


class Context(BaseContext):
    """Handed by strawberry to every resolver; resolvers name the parts they need, see `batch.GIVEN`."""

    def __init__(self, doors: Doors, caller: Caller = NOWHERE) -> None:
        super().__init__()
        self.doors = doors
        self.caller = caller
        self.visitor: Viewer | None = None
        """Who is signed in; None when nobody is."""
        self.prepaid = 0
        """Points that the address has spent for the request already, see `api.edge.allowance`."""
        self.cost: Cost | None = None
        """What the operation costs; None before it was measured."""
        self.loads = Loads(doors.tracing)
        self.renew()

    def operation(self) -> Context:
        """A context for one operation: what it reads, and who signs in during it, is not the connection's."""
        own = copy(self)
        own.loads = Loads(self.doors.tracing)
        own.cost = None
        own.renew()
        return own

    def renew(self) -> None:
        """Begin an operation, or an event: nothing read before is kept."""
        self.db = self._rows()
        self.machine = machine_now()
        self._now: datetime | None = None

    async def greet(self, signed_in: SignedIn) -> Rows:
        """Let the rest of the operation be that of a person who has signed in just now; answers what it reads with."""
        claims = self.doors.desk.vault.read_access_token(signed_in.access_token)
        before = self.db
        self.visitor = await viewer_of(before, claims)
        self.db = self._rows()
        self.db.statements = before.statements
        return self.db

    def _rows(self) -> Rows:
        if self.visitor is None:
            return Rows(self.doors.reader)
        return Rows(self.doors.reader, self.visitor.account_id, sees_shadow=self.visitor.is_operator)

    async def now(self) -> datetime:
        """Match time, the same for the whole operation."""
        if self._now is None:
            self._now = await self.doors.clock.now()
        return self._now

    @property
    def viewer(self) -> Viewer:
        """Who is signed in; raises SignInRequired when nobody is."""
        if self.visitor is None:
            raise SignInRequired(NEEDS_SIGN_IN)
        return self.visitor

    async def give(self, name: str) -> Any:
        """What a resolver asks for by this parameter name."""
        if name == "now":
            return await self.now()
        return getattr(self, name) if name in OWN else getattr(self.doors, name)
