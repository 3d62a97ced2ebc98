"""A served day of matches for what the documents ask, and somebody who follows them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.infra.bus import Bus
from domain.infra.database import Database
from domain.infra.settings import read_settings
from domain.intake.feed import Feeds
from tests.docs.follower import Follower
from tests.factories import Factory, Fixture, card, hours
from tests.serving import Api, serving
from touchline.plugins import Registry
from workers.boot import Boot
from workers.demo_visitors import seed_visitors


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


@pytest.fixture
async def follower(api: Api, database: Database, database_url: str, redis_url: str) -> AsyncIterator[Follower]:
    """A reader at a deployment with the demo's visitors."""
    await seed_visitors(database, seed=1)
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    bus = Bus.connect(redis_url)
    yield Follower(api, database, Boot(settings, database, bus, Registry(), Feeds({})))
    await bus.close()
