"""A front desk for people."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.accounts.desk import Desk
from domain.infra.database import Database
from tests.people import open_desk


@pytest.fixture
async def desk(database: Database, redis_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database, redis_url) as opened:
        yield opened
