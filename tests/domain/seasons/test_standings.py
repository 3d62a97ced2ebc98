"""League tables at an instant: order, ties, late and awarded matches."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.infra.database import Database
from domain.matches.leagues import standings
from tests.factories import NOW, Factory, Fixture

DAY = timedelta(days=1)


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


async def season_of(factory: Factory, league: int) -> int:
    return int(await factory.db.fetchval("select id from season where league_id = $1", league))


async def table(factory: Factory, league: int, as_of: datetime = NOW) -> list[tuple[str, int, int, int, str]]:
    """Name, played, points, goal difference and form, best first."""
    rows = await standings(factory.database.pool, [await season_of(factory, league)], as_of)
    names = {row["id"]: row["name"] for row in await factory.db.fetch("select id, name from team")}
    return [
        (names[row["team_id"]], row["played"], row["points"], row["goals_for"] - row["goals_against"], row["form"])
        for row in rows
    ]


async def test_a_match_played_late_counts_when_its_result_is_known(factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    late, _ = await factory.matches(
        [
            Fixture(league, "Arsenal", "Chelsea", NOW - 30 * DAY, goals=(0, 1)),
            Fixture(league, "Chelsea", "Arsenal", NOW - 10 * DAY, goals=(0, 2)),
        ]
    )
    await factory.db.execute("update match set result_at = $2 where id = $1", late, NOW - DAY)
    assert await table(factory, league, NOW - 2 * DAY) == [("Arsenal", 1, 3, 2, "W"), ("Chelsea", 1, 0, -2, "L")]
    # Form is by kick-off: the late match was to be the first.
    assert await table(factory, league) == [("Arsenal", 2, 3, 1, "LW"), ("Chelsea", 2, 3, -1, "WL")]
    assert [row[1] for row in await table(factory, league, NOW - 40 * DAY)] == [0, 0]


async def test_an_awarded_match_counts_and_one_being_played_does_not(factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    await factory.matches(
        [
            Fixture(league, "Arsenal", "Chelsea", NOW - 3 * DAY, goals=(0, 3), status="AWARDED"),
            Fixture(league, "Chelsea", "Arsenal", NOW - timedelta(hours=1), goals=(0, 9), status="LIVE"),
        ]
    )
    assert await table(factory, league) == [("Chelsea", 1, 3, 3, "W"), ("Arsenal", 1, 0, -3, "L")]


async def _round_robin(factory: Factory, league: int) -> None:
    """Three clubs on six points: Athens beat Berne twice, Berne Cadiz, and Cadiz Athens; goals tell them apart."""
    rows = [
        ("Athens", "Berne", 1, 0),
        ("Berne", "Athens", 0, 1),
        ("Berne", "Cadiz", 4, 0),
        ("Cadiz", "Berne", 0, 1),
        ("Cadiz", "Athens", 2, 0),
        ("Athens", "Cadiz", 0, 2),
    ]
    await factory.matches(
        [
            Fixture(league, home, away, NOW - (9 - day) * DAY, goals=(i, j))
            for day, (home, away, i, j) in enumerate(rows)
        ]
    )


async def test_goal_difference_then_goals_then_name(factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    await _round_robin(factory, league)
    assert [row[::3] for row in await table(factory, league)] == [("Berne", 3), ("Cadiz", -1), ("Athens", -2)]
    await factory.matches([Fixture(league, "Dover", "Essen", NOW - DAY, goals=(1, 1))])
    assert [row[0] for row in await table(factory, league)][-2:] == ["Dover", "Essen"]


async def test_head_to_head_where_the_league_has_it_and_all_was_played(factory: Factory) -> None:
    spain = await factory.league("spain-la-liga", country="ES")
    await factory.matches(
        [
            Fixture(spain, "Athens", "Berne", NOW - 9 * DAY, goals=(2, 0)),
            Fixture(spain, "Berne", "Cadiz", NOW - 8 * DAY, goals=(9, 0)),
            Fixture(spain, "Cadiz", "Athens", NOW - 7 * DAY, goals=(0, 0)),
            Fixture(spain, "Athens", "Cadiz", NOW - 6 * DAY, goals=(0, 1)),
            Fixture(spain, "Cadiz", "Berne", NOW - 5 * DAY, goals=(0, 0)),
        ]
    )
    # Athens and Berne have four points each and have met once: goal difference still decides.
    assert [row[:3] for row in await table(factory, spain)][1:] == [("Berne", 3, 4), ("Athens", 3, 4)]
    await factory.matches(
        [
            Fixture(spain, "Berne", "Athens", NOW - 4 * DAY, goals=(1, 0)),
            Fixture(spain, "Athens", "Essen", NOW - 3 * DAY, goals=(3, 2)),
        ]
    )
    # Seven points each, a win each, Athens by more: over all matches Berne is better by far.
    level = [row for row in await table(factory, spain) if row[2] == 7]
    assert [row[0] for row in level] == ["Athens", "Berne"]
    assert level[0][3] < level[1][3]
    await factory.db.execute("update league set slug = 'england-championship' where id = $1", spain)
    assert [row[0] for row in await table(factory, spain) if row[2] == 7] == ["Berne", "Athens"]


async def test_many_seasons_are_one_statement_and_do_not_mix(factory: Factory) -> None:
    leagues = [await factory.league(slug) for slug in ("england-premier-league", "spain-la-liga")]
    for league in leagues:
        await _round_robin(factory, league)
    ids = [await season_of(factory, league) for league in leagues]
    together = await standings(factory.database.pool, ids, NOW)
    apart = [row for season in ids for row in await standings(factory.database.pool, [season], NOW)]
    assert together == apart
    assert len(together) == 6
