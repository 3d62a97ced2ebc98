"""Who asks: the signed-in person of a request or socket, and where a request came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

ROLES: Final = ("USER", "SUPPORT", "ADMIN")
TIERS: Final = ("FREE", "BASIC", "PRO", "PREMIUM", "VIP")
"""Plan tiers, the smallest first."""
OPERATOR: Final = "ADMIN"
"""The role that decides what users see of models, and sees what they do not."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person as every operation needs them; read once per request from a live session."""

    account_id: int
    session_id: int
    role: str
    tier: str
    locale: str
    time_zone: str
    currency: str
    token_expires_at: datetime

    @property
    def is_operator(self) -> bool:
        """Whether they decide what users see of models."""
        return self.role == OPERATOR

    @property
    def zone(self) -> ZoneInfo:
        """Their time zone, in which days, weeks and months begin."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from, for session lists, the audit log and limits."""

    address: str | None = None
    user_agent: str | None = None


NOWHERE = Caller()
"""Where a job comes from."""
