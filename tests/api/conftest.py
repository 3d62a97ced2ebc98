"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.factories import Factory


@pytest.fixture
async def factory(database: Database) -> Factory:
    """Rows for this test; match time stands still at `factories.NOW`."""
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def client(database_url: str, redis_url: str, factory: Factory) -> AsyncIterator[Client]:
    """The API on this test's database."""
    settings = Settings(database_url=database_url, redis_url=redis_url, log_level="debug")
    async with serving(settings) as opened:
        yield opened
