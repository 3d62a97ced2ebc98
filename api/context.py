"""What an operation runs with: doors, not sessions.

Nothing here belongs to a request except `db` and `now`, and both are renewed for each operation and
for each event of a subscription, because a WebSocket keeps one context for its whole life.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from strawberry.fastapi import BaseContext

from api.batch import Loads
from api.rows import Rows
from domain.infra.clock import Clock
from domain.infra.database import Reader
from domain.infra.settings import Settings

if TYPE_CHECKING:
    from api.hub import OddsHub
    from api.status import About


@dataclass(frozen=True, slots=True)
class Doors:
    """What one process opened at its start and every operation shares."""

    reader: Reader
    clock: Clock
    settings: Settings
    redis: Redis
    hub: OddsHub
    about: About


class Context(BaseContext):
    """Handed by strawberry to every resolver; resolvers name the parts they need, see `batch.GIVEN`."""

    def __init__(self, doors: Doors) -> None:
        super().__init__()
        self.doors = doors
        self.loads = Loads()
        self.viewer = None
        """The signed-in person; accounts come with a later job."""
        self.renew()

    def renew(self) -> None:
        """Begin an operation, or an event: nothing read before is kept."""
        self.db = Rows(self.doors.reader)
        self._now: datetime | None = None

    async def now(self) -> datetime:
        """Match time, the same for the whole operation."""
        if self._now is None:
            self._now = await self.doors.clock.now()
        return self._now

    async def give(self, name: str) -> Any:
        """What a resolver asks for by this parameter name."""
        if name == "now":
            return await self.now()
        return getattr(self, name) if name in ("db", "viewer") else getattr(self.doors, name)
