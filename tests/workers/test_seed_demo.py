"""The demo's data: there within seconds, forecast and valued, and harmless to load twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
import pytest

from domain.forecasting.history import past_of
from domain.infra.clock import match_now, read_clock, set_clock
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.small_league import run_all
from workers.boot import Boot, booted
from workers.feeds import tick_feed
from workers.seed_demo import MATCHES_WITH_PRICES, seed_demo


@pytest.fixture
async def boot(settings: Settings) -> AsyncIterator[Boot]:
    async with booted(settings) as opened:
        yield opened


async def test_the_demo_is_loaded_forecast_and_valued(settings: Settings, database: Database, boot: Boot) -> None:
    await seed_demo(settings, seed=7, speed=1.0)
    row = await database.pool.fetchrow(
        """select count(*) filter (where status = 'FINISHED') as finished,
                  count(*) filter (where status = 'SCHEDULED') as coming from match"""
    )
    assert row is not None
    assert row["finished"] > 1000
    assert row["coming"] > 40
    assert await database.pool.fetchval("select bool_and(is_simulated) from league")
    done = await run_all(boot)
    assert done.count("run_model") == 2 * len(boot.registry.models)
    ready = await database.pool.fetchval(
        """select count(*) from match m where status = 'SCHEDULED' and (
             select count(distinct split_part(k.key, ':', 1)) from current_prediction c
             join market k on k.id = c.market_id where c.match_id = m.id and c.is_served) = 4"""
    )
    assert ready >= 40
    assert await database.pool.fetchval("select count(*) from value_bet where status = 'OPEN'") > 0
    assert await database.pool.fetchval("select bool_and(edge > 0) from value_bet where status = 'OPEN'")
    await _assert_past_prices_speak(database, boot)

    # The feed goes on from there, however often the seed runs again, and match time never falls behind it.
    before = await database.pool.fetchval("select max(id) from match")
    reached = await database.pool.fetchval("select max(position) from feed")
    await seed_demo(settings, seed=7, speed=60.0)
    clock = await read_clock(database.pool)
    assert clock.speed == 60
    assert await match_now(database.pool) >= reached
    assert await database.pool.fetchval("select max(id) from match") == before
    position = await database.pool.fetchval("select position from feed")
    await set_clock(database.pool, match=position + timedelta(hours=1), speed=0)
    await tick_feed(boot, "tick-1", name="demo")
    await tick_feed(boot, "tick-1", name="demo")
    assert await database.pool.fetchval("select position from feed") == position + timedelta(hours=1)
    assert await database.pool.fetchval("select count(*) from quote_change where observed_at > $1", position) > 0
    assert await database.pool.fetchval("select count(*) from job where id = 'tick-1'") == 1


async def _assert_past_prices_speak(database: Database, boot: Boot) -> None:
    """Every past match has its closing average, the latest alone books, and the memory of prices is no fallback."""
    averages = await database.pool.fetch(
        """select a.match_id, count(*) as outcomes, bool_and(a.observed_at = m.kickoff_at) as is_of_kickoff
           from price_aggregate a join match m on m.id = a.match_id and m.status = 'FINISHED'
           where a.name = 'Avg' and a.is_closing group by a.match_id"""
    )
    assert len(averages) == await database.pool.fetchval("select count(*) from match where status = 'FINISHED'")
    assert all((row["outcomes"], row["is_of_kickoff"]) == (9, True) for row in averages)
    assert await database.pool.fetchval("select count(*) from price_aggregate") == 9 * len(averages)
    quoted = "select count(distinct match_id) from {} join match m on m.id = match_id and m.status = 'FINISHED'"
    assert await database.pool.fetchval(quoted.format("quote")) == MATCHES_WITH_PRICES
    assert await database.pool.fetchval(quoted.format("best_quote")) == MATCHES_WITH_PRICES

    model = boot.registry.models["touchline.market_memory"]
    league_id = await database.pool.fetchval("select min(id) from league")
    past = await past_of(database.pool, model, league_id, await match_now(database.pool))
    assert set(past.match_ids) == {row["match_id"] for row in averages}
    assert np.isfinite(past.history.closing_result).all()
    assert np.isfinite(past.history.closing_total).all()
    for count in ("fouls", "yellow_cards", "red_cards"):
        assert np.isfinite([getattr(past.history, f"{side}_{count}") for side in ("home", "away")]).all()
    bases = await database.pool.fetch(
        "select basis, bool_and((parameters->>'past_prices')::float8 = 1) as is_priced from prediction "
        "where model_key = $1 group by basis",
        model.key,
    )
    assert [tuple(row) for row in bases] == [("model", True)]
