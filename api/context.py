"""What an operation runs with: doors, not sessions.

Nothing here belongs to a request except who sent it, and `db` and the times, which are renewed for each
operation and for each event of a subscription, because a WebSocket keeps one context for its whole life.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from strawberry.fastapi import BaseContext

from api.batch import Loads
from api.rows import Rows
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.infra.clock import Clock, machine_now
from domain.infra.database import Database, Reader
from domain.infra.errors import BadCredentials, SignInRequired
from domain.infra.news import News
from domain.infra.settings import Settings

if TYPE_CHECKING:
    from api.hub import OddsHub
    from api.status import About

NOBODY = Caller()
OWN = frozenset({"db", "viewer", "visitor", "caller", "machine"})
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


class Context(BaseContext):
    """Handed by strawberry to every resolver; resolvers name the parts they need, see `batch.GIVEN`."""

    def __init__(self, doors: Doors, caller: Caller = NOBODY) -> None:
        super().__init__()
        self.doors = doors
        self.caller = caller
        self.visitor: Viewer | None = None
        """Who is signed in; None when nobody is."""
        self.refused: BadCredentials | None = None
        """Why the token that was sent is worth nothing."""
        self.loads = Loads()
        self.renew()

    def renew(self) -> None:
        """Begin an operation, or an event: nothing read before is kept."""
        self.db = Rows(self.doors.reader)
        self.machine = machine_now()
        self._now: datetime | None = None

    async def now(self) -> datetime:
        """Match time, the same for the whole operation."""
        if self._now is None:
            self._now = await self.doors.clock.now()
        return self._now

    @property
    def viewer(self) -> Viewer:
        """Who is signed in; raises SignInRequired when nobody is."""
        if self.visitor is None:
            raise SignInRequired("Sign in first: send `Authorization: Bearer …` with the access token of `login`.")
        return self.visitor

    async def give(self, name: str) -> Any:
        """What a resolver asks for by this parameter name."""
        if name == "now":
            return await self.now()
        return getattr(self, name) if name in OWN else getattr(self.doors, name)
