"""What is left of a season: announced matches, and pairs that nobody has told of yet."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.forecasting.history import read_fixtures, read_history
from domain.infra.database import Database
from domain.matches.rest import read_ahead, read_rest
from tests.factories import NOW, Factory, Fixture
from tests.season_world import ANNOUNCED, PLAYED, SeasonWorld, make_season, pairs

HORIZON = timedelta(days=3)


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def world(factory: Factory) -> SeasonWorld:
    return await make_season(factory)


async def rest(world: SeasonWorld, as_of: datetime = NOW) -> list[tuple[str, str]]:
    return [(each.home, each.away) for each in await read_rest(world.database.pool, world.season, as_of)]


def slugs(chosen: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(home.lower(), away.lower()) for home, away in chosen}


async def test_every_pair_meets_once_at_both_grounds(world: SeasonWorld) -> None:
    ahead = await read_ahead(world.database.pool, world.league, NOW, HORIZON)
    assert [each.match_id for each in ahead.near] == list(world.coming[:3])
    announced = [each for each in ahead.rest if each.match_id is not None]
    assert [each.match_id for each in announced] == list(world.coming[3:])
    unannounced = ahead.rest[len(announced) :]
    assert {(each.home, each.away) for each in unannounced} == slugs(pairs()[PLAYED + ANNOUNCED :])
    assert {(each.match_id, each.kickoff_at, each.leg, each.season_id) for each in unannounced} == {
        (None, None, 1, world.season)
    }


async def test_what_the_model_is_asked_begins_with_what_is_forecast(world: SeasonWorld) -> None:
    past = await read_history(world.database.pool, world.league, NOW)
    coming = await read_fixtures(world.database.pool, world.league, NOW, past.history, 3)
    assert coming.match_ids == world.coming[:3]
    assert len(coming.fixtures) == len(coming.meetings) == 15
    names = [
        (coming.fixtures.clubs[home], coming.fixtures.clubs[away])
        for home, away in zip(coming.fixtures.home, coming.fixtures.away, strict=True)
    ]
    assert names == [(each.home, each.away) for each in coming.meetings]
    assert (coming.fixtures.days_ahead[:6] == [1, 2, 3, 4, 5, 6]).all()
    assert (coming.fixtures.days_ahead[6:] == 45).all()


async def test_an_instant_of_the_past_knows_no_later_result(world: SeasonWorld) -> None:
    """The fifteenth match was played two days before `NOW`."""
    before = NOW - timedelta(days=2) + timedelta(minutes=114)
    assert slugs([pairs()[PLAYED - 1]]) <= set(await rest(world, before))
    assert len(await rest(world, before)) == 16
    assert len(await rest(world, before + timedelta(minutes=1))) == 15
    assert len(await rest(world, NOW - timedelta(days=30))) == 30


async def test_a_match_is_left_until_its_result_is_known(world: SeasonWorld) -> None:
    """Played late, being played, postponed, abandoned: all of them are still to count. Called off is not."""
    pool = world.database.pool
    for match, status in zip(world.coming, ("LIVE", "POSTPONED", "ABANDONED", "SUSPENDED", "CANCELLED"), strict=False):
        await pool.execute("update match set status = $2, kickoff_at = $3 where id = $1", match, status, NOW - HORIZON)
    left = await read_rest(pool, world.season, NOW)
    assert {each.match_id for each in left if each.match_id} == {*world.coming[:4], world.coming[5]}
    past = await read_history(pool, world.league, NOW)
    coming = await read_fixtures(pool, world.league, NOW, past.history)
    assert coming.match_ids == (world.coming[5],)
    assert (coming.fixtures.days_ahead >= 0).all()


async def test_a_season_is_over_when_the_next_one_begins(factory: Factory, world: SeasonWorld) -> None:
    pool = world.database.pool
    assert len(await rest(world, NOW + timedelta(days=60))) == 15
    await pool.execute("update season set ends_on = $1 where id = $2", NOW.date(), world.season)
    assert len(await rest(world)) == 15
    assert await rest(world, NOW + timedelta(days=1)) == []
    await pool.execute("update season set ends_on = null")
    await factory.season(world.league, 2026)
    await pool.execute("update season set starts_on = $1 where start_year = 2026", NOW.date() + timedelta(days=20))
    assert len(await rest(world, NOW + timedelta(days=19))) == 15
    assert await rest(world, NOW + timedelta(days=20)) == []


async def test_a_round_robin_after_the_first_is_completed_where_they_go_on(
    factory: Factory, world: SeasonWorld
) -> None:
    """The simulated league starts anew within a year; in Scotland the third round has each pair once."""
    for match in world.coming:
        await world.end(match, 1, 0, NOW)
    rows = [
        Fixture(world.league, home, away, NOW - HORIZON, goals=(0, 0)) for home, away in pairs()[PLAYED + ANNOUNCED :]
    ]
    await factory.matches(rows)
    assert await rest(world) == []
    again = [Fixture(world.league, home, away, NOW + timedelta(days=1)) for home, away in pairs()[:2]]
    await factory.database.pool.execute(
        """insert into match (league_id, season_id, home_team_id, away_team_id, leg, kickoff_at, is_kickoff_time_known,
               status, source, updated_at)
           select $1, $2, t.home, t.away, 2, $5, true, 'SCHEDULED', 'test', $5
           from unnest($3::bigint[], $4::bigint[]) as t(home, away)""",
        world.league,
        world.season,
        [world.clubs[each.home] for each in again],
        [world.clubs[each.away] for each in again],
        again[0].kickoff,
    )
    ahead = await read_ahead(world.database.pool, world.league, NOW, HORIZON)
    assert (len(ahead.near), len(ahead.rest)) == (2, 28)
    assert {each.leg for each in ahead.rest} == {2}
    await world.database.pool.execute("update league set slug = 'scotland-premiership'")
    ahead = await read_ahead(world.database.pool, world.league, NOW, HORIZON)
    assert (len(ahead.near), ahead.rest) == (2, ())


async def test_a_cup_and_a_crowd_of_clubs_are_no_round_robin(factory: Factory, world: SeasonWorld) -> None:
    await world.database.pool.execute("update league set kind = 'CUP'")
    assert len(await rest(world)) == ANNOUNCED
    await world.database.pool.execute("update league set kind = 'LEAGUE'")
    await factory.matches(
        [Fixture(world.league, f"Home {place}", f"Away {place}", NOW + timedelta(days=9)) for place in range(13)]
    )
    assert len(await rest(world)) == ANNOUNCED + 13
