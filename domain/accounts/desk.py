"""What signing people in needs, opened once by a process."""

from __future__ import annotations

from dataclasses import dataclass

from domain.accounts.passwords import Passwords
from domain.accounts.vault import Vault
from domain.infra.database import Database
from domain.infra.limiter import Limiter
from domain.infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The accounts' front desk: where it writes, what it signs with, how it checks passwords, whom it slows down."""

    database: Database
    vault: Vault
    passwords: Passwords
    limiter: Limiter
    settings: Settings

    @classmethod
    def open(cls, database: Database, settings: Settings, vault: Vault | None = None) -> Desk:
        """A desk on an open database; raises SettingsError without a signing key."""
        return cls(
            database,
            vault or Vault(settings),
            Passwords(settings.password_threads),
            Limiter(settings.redis_url),
            settings,
        )

    async def close(self) -> None:
        """Close what `open` opened."""
        await self.limiter.close()
        self.passwords.close()
