"""A served day of matches for what the documents ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.infra.database import Database
from tests.factories import Factory, Fixture, card, hours
from tests.serving import Api, serving


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def matches(factory: Factory) -> list[int]:
    """A day of matches with forecasts, prices and value bets, and Arsenal's tomorrow."""
    found = await card(factory, 24)
    league = await factory.db.fetchval("select id from league")
    await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(30))])
    return found


@pytest.fixture
async def api(database_url: str, redis_url: str, matches: list[int]) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url) as running:
        yield running
