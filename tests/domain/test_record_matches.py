"""Recording matches: identity, corrections, teams' names, legs, and what follows from a result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from domain.infra.database import Database, connection_of
from domain.matches.service import MatchesRecorded, ensure_league, record_matches
from touchline import SourceMatch

SOURCE = "football-data"
KICKOFF = datetime(2024, 8, 17, 14, tzinfo=UTC)
NOW = datetime(2024, 9, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
COMING = SourceMatch("E0", 2024, "Arsenal", "Man United", KICKOFF, origin="E0.csv:2")
PLAYED = replace(
    COMING, home_goals=2, away_goals=1, half_time_home_goals=1, half_time_away_goals=0, home_corners=7, away_corners=4
)


async def put(database: Database, *matches: SourceMatch, source: str = SOURCE, now: datetime = NOW) -> MatchesRecorded:
    async with database.transaction() as session:
        return await record_matches(session, source, matches, now=now)


async def rows(database: Database) -> list[asyncpg.Record]:
    return await database.pool.fetch("select * from match order by id")


async def jobs(database: Database) -> list[tuple[str, dict[str, object]]]:
    found = await database.pool.fetch("select job, arguments from outbox order by id")
    return [(row["job"], row["arguments"]) for row in found]


def counts(recorded: MatchesRecorded) -> tuple[int, int, int]:
    return len(recorded.new), len(recorded.changed), len(recorded.unchanged)


async def test_a_coming_match_is_scheduled(database: Database) -> None:
    recorded = await put(database, COMING)
    [row] = await rows(database)
    assert counts(recorded) == (1, 0, 0)
    assert recorded.ids == {("E0", 2024, "Arsenal", "Man United", 1): row["id"]}
    assert (row["status"], row["kickoff_at"], row["result_at"], row["source"]) == ("SCHEDULED", KICKOFF, None, SOURCE)
    assert recorded.with_new_results == []
    [(job, arguments)] = await jobs(database)
    assert (job, arguments) == ("refresh_league", {"league_id": row["league_id"], "reason": "fixtures"})


async def test_the_same_match_again_changes_nothing(database: Database) -> None:
    await put(database, PLAYED)
    before = await rows(database)
    recorded = await put(database, PLAYED, now=LATER)
    assert counts(recorded) == (0, 0, 1)
    assert await rows(database) == before
    assert recorded.ids == {("E0", 2024, "Arsenal", "Man United", 1): before[0]["id"]}


async def test_a_result_finishes_the_match_at_full_time(database: Database) -> None:
    [match_id] = (await put(database, COMING)).new
    recorded = await put(database, PLAYED, now=LATER)
    [row] = await rows(database)
    assert (row["id"], row["status"], row["home_goals"], row["home_corners"]) == (match_id, "FINISHED", 2, 7)
    assert row["result_at"] == KICKOFF + timedelta(minutes=115)
    assert row["updated_at"] == LATER
    assert recorded.with_new_results == [match_id]


async def test_a_result_of_a_day_is_known_at_its_end(database: Database) -> None:
    midnight = KICKOFF.replace(hour=0)
    await put(database, replace(PLAYED, kickoff=midnight, is_kickoff_time_known=False))
    [row] = await rows(database)
    assert row["result_at"] == midnight + timedelta(days=1)


async def test_a_corrected_score_corrects_and_keeps_the_instant_of_the_result(database: Database) -> None:
    await put(database, PLAYED)
    before = (await rows(database))[0]["result_at"]
    await database.pool.execute("delete from outbox")
    recorded = await put(
        database, replace(PLAYED, half_time_home_goals=2, kickoff=KICKOFF - timedelta(days=2)), now=LATER
    )
    [row] = await rows(database)
    assert counts(recorded) == (0, 1, 0)
    assert (row["half_time_home_goals"], row["result_at"]) == (2, before)
    asked = [(job, arguments.get("reason")) for job, arguments in await jobs(database)]
    assert asked == [("refresh_league", "result"), ("settle_bets", None), ("grade_matches", None)]


async def test_a_result_is_never_known_before_the_match(database: Database) -> None:
    await put(database, PLAYED)
    await put(database, replace(PLAYED, kickoff=KICKOFF + timedelta(days=2)), now=LATER)
    [row] = await rows(database)
    assert row["kickoff_at"] == KICKOFF + timedelta(days=2)
    assert row["result_at"] == KICKOFF + timedelta(days=2, minutes=115)


async def test_a_correction_without_a_result_asks_for_nothing(database: Database) -> None:
    await put(database, PLAYED)
    await database.pool.execute("delete from outbox")
    recorded = await put(database, replace(PLAYED, referee="M Oliver"))
    assert (counts(recorded), recorded.with_new_results, await jobs(database)) == ((0, 1, 0), [], [])


async def test_what_the_source_leaves_out_stays(database: Database) -> None:
    await put(database, replace(PLAYED, referee="M Oliver"))
    recorded = await put(database, replace(PLAYED, home_corners=None, half_time_home_goals=None))
    assert counts(recorded) == (0, 0, 1)


async def test_a_finished_match_is_not_scheduled_anew(database: Database) -> None:
    await put(database, PLAYED)
    before = await rows(database)
    recorded = await put(database, replace(COMING, kickoff=KICKOFF - timedelta(days=1)))
    assert counts(recorded) == (0, 0, 1)
    assert await rows(database) == before


async def test_an_awarded_match_says_so(database: Database) -> None:
    awarded = replace(PLAYED, half_time_home_goals=None, half_time_away_goals=None, is_awarded=True)
    await put(database, awarded)
    assert [row["status"] for row in await rows(database)] == ["AWARDED"]


async def test_another_date_moves_the_match(database: Database) -> None:
    [match_id] = (await put(database, COMING)).new
    recorded = await put(database, replace(COMING, kickoff=KICKOFF + timedelta(days=40)))
    assert recorded.changed == [match_id]
    assert [row["kickoff_at"] for row in await rows(database)] == [KICKOFF + timedelta(days=40)]


async def test_a_source_that_knows_the_day_keeps_the_hour(database: Database) -> None:
    await put(database, COMING)
    recorded = await put(database, replace(COMING, kickoff=KICKOFF.replace(hour=0), is_kickoff_time_known=False))
    assert counts(recorded) == (0, 0, 1)


async def test_a_postponed_match_with_a_new_date_is_scheduled(database: Database) -> None:
    await put(database, COMING)
    await database.pool.execute("update match set status = 'POSTPONED'")
    await put(database, COMING)
    assert [row["status"] for row in await rows(database)] == ["POSTPONED"]
    await put(database, replace(COMING, kickoff=KICKOFF + timedelta(days=9)))
    assert [row["status"] for row in await rows(database)] == ["SCHEDULED"]


async def test_unknown_leagues_are_rejected_by_name(database: Database) -> None:
    recorded = await put(database, replace(COMING, league="X9", origin="X9.csv:7"), COMING)
    [rejected] = recorded.rejected
    assert rejected.origin == "X9.csv:7"
    assert rejected.reason.startswith("league 'X9' is not known; known are B1, D1, D2, E0, E1")
    assert counts(recorded) == (1, 0, 0)
    nothing = await put(database, replace(COMING, league="X9"))
    assert (counts(nothing), len(nothing.rejected)) == ((0, 0, 0), 1)


async def test_a_match_told_twice_is_recorded_once(database: Database) -> None:
    recorded = await put(database, COMING, replace(COMING, origin="E0.csv:9"))
    assert counts(recorded) == (1, 0, 0)
    assert [(each.origin, each.reason) for each in recorded.rejected] == [("E0.csv:9", "the same match is in E0.csv:2")]


async def test_two_names_of_one_team_are_no_match(database: Database) -> None:
    await put(database, COMING)
    await database.pool.execute(
        "insert into team_alias select source, country_id, 'The Arsenal', team_id "
        "from team_alias where name = 'Arsenal'"
    )
    recorded = await put(database, replace(COMING, away="The Arsenal"))
    assert [each.reason for each in recorded.rejected] == ["Arsenal and The Arsenal are the same team"]


async def test_teams_have_their_canonical_names(database: Database) -> None:
    await put(database, COMING, replace(COMING, home="Wolves", away="Derby"), replace(COMING, home="A", away="B"))
    teams = await database.pool.fetch("select name, short_name, slug from team order by name")
    assert [tuple(team) for team in teams] == [
        ("A", "A", "a"),
        ("Arsenal", "Arsenal", "arsenal"),
        ("B", "B", "b"),
        ("Derby County", "Derby", "derby-county"),
        ("Manchester United", "Man United", "manchester-united"),
        ("Wolverhampton Wanderers", "Wolves", "wolverhampton-wanderers"),
    ]


async def test_another_source_finds_the_same_team(database: Database) -> None:
    [match_id] = (await put(database, PLAYED)).new
    async with database.transaction() as session:
        await ensure_league(
            await connection_of(session),
            "openfootball",
            "en.1",
            country_code="GB-ENG",
            country_name="England",
            name="Premier League",
            slug="england-premier-league",
        )
    other = replace(PLAYED, league="en.1", home="Arsenal FC", away="Manchester United FC")
    recorded = await put(database, other, source="openfootball")
    assert recorded.unchanged == [match_id]
    assert await database.pool.fetchval("select count(*) from team") == 2


async def test_two_codes_of_one_league_are_one_season(database: Database) -> None:
    await put(database, COMING)
    async with database.transaction() as session:
        await ensure_league(
            await connection_of(session),
            SOURCE,
            "EPL",
            country_code="GB-ENG",
            country_name="England",
            name="Premier League",
            slug="england-premier-league",
        )
    next_year = replace(COMING, season=2025, kickoff=KICKOFF + timedelta(days=365))
    earlier = replace(next_year, league="EPL", home="Fulham", kickoff=KICKOFF + timedelta(days=364))
    recorded = await put(database, next_year, earlier, replace(next_year, league="EPL", origin="EPL.csv:2"))
    assert counts(recorded) == (2, 0, 0)
    assert [(each.origin, each.reason) for each in recorded.rejected] == [
        ("EPL.csv:2", "the same match is in E0.csv:2")
    ]
    seasons = await database.pool.fetch("select start_year, starts_on from season order by start_year")
    assert [tuple(season) for season in seasons] == [(2024, KICKOFF.date()), (2025, earlier.kickoff.date())]


async def test_one_name_in_two_countries_is_two_teams(database: Database) -> None:
    await put(
        database,
        replace(COMING, league="E3", home="Athletic", away="Rovers"),
        replace(COMING, league="SC3", home="Athletic", away="United"),
    )
    teams = await database.pool.fetch("select slug from team where name = 'Athletic' order by slug")
    assert [team["slug"] for team in teams] == ["athletic", "athletic-gb-sct"]


async def test_leagues_of_the_catalogue_come_with_their_country(database: Database) -> None:
    await put(database, COMING, replace(COMING, league="SC0", home="Celtic", away="Rangers"))
    leagues = await database.pool.fetch(
        "select l.slug, l.name, l.is_big, c.code from league l join country c on c.id = country_id order by slug"
    )
    assert [tuple(league) for league in leagues] == [
        ("england-premier-league", "Premier League", True, "GB-ENG"),
        ("scotland-premiership", "Premiership", False, "GB-SCT"),
    ]


async def test_a_season_starts_with_its_first_match(database: Database) -> None:
    await put(database, COMING)
    await put(database, replace(COMING, home="Fulham", kickoff=KICKOFF - timedelta(days=1)))
    [season] = await database.pool.fetch("select name, starts_on, start_year from season")
    assert tuple(season) == ("2024/25", (KICKOFF - timedelta(days=1)).date(), 2024)


CELTIC = replace(COMING, league="SC0", home="Celtic", away="Rangers")


@pytest.mark.parametrize(
    ("league", "days", "legs"),
    [
        ("SC0", 120, [1, 2]),  # four rounds: the next meeting at this ground
        ("SC0", 2, [1]),  # moved by two days, told again by an older list
        ("SC0", -120, [1]),  # a list from before the match
        ("E0", 120, [1]),  # one meeting at a ground
    ],
)
async def test_a_fixture_of_a_pair_that_met(database: Database, league: str, days: int, legs: list[int]) -> None:
    played = replace(CELTIC, league=league, home_goals=1, away_goals=1)
    await put(database, played)
    recorded = await put(database, replace(CELTIC, league=league, kickoff=KICKOFF + timedelta(days=days)))
    assert [row["leg"] for row in await rows(database)] == legs
    assert recorded.ids.keys() == {(league, 2024, "Celtic", "Rangers", 1)}
    assert counts(recorded) == ((1, 0, 0) if len(legs) == 2 else (0, 0, 1))


async def test_a_second_leg_finds_its_fixture(database: Database) -> None:
    may = KICKOFF + timedelta(days=260)
    await put(database, replace(CELTIC, home_goals=1, away_goals=1))
    [second] = (await put(database, replace(CELTIC, kickoff=may))).new
    moved = await put(database, replace(CELTIC, kickoff=may + timedelta(days=7)))
    assert moved.changed == [second]
    file = [
        replace(CELTIC, home_goals=1, away_goals=1),
        replace(CELTIC, kickoff=may + timedelta(days=7), leg=2, home_goals=0, away_goals=3),
    ]
    recorded = await put(database, *file)
    assert (recorded.changed, recorded.with_new_results) == ([second], [second])


async def test_an_older_list_does_not_move_the_leg_to_come(database: Database) -> None:
    may = KICKOFF + timedelta(days=260)
    [first] = (await put(database, replace(CELTIC, home_goals=1, away_goals=1))).new
    [second] = (await put(database, replace(CELTIC, kickoff=may))).new
    recorded = await put(database, replace(CELTIC, kickoff=KICKOFF + timedelta(days=1)))
    assert recorded.unchanged == [first]
    assert {row["id"]: row["kickoff_at"] for row in await rows(database)} == {first: KICKOFF, second: may}


async def test_a_fixture_is_the_leg_of_its_day(database: Database) -> None:
    may = KICKOFF + timedelta(days=260)
    both = await put(database, CELTIC, replace(CELTIC, leg=2, kickoff=may))
    recorded = await put(database, replace(CELTIC, kickoff=may + timedelta(days=1)))
    assert recorded.changed == [both.ids["SC0", 2024, "Celtic", "Rangers", 2]]
    assert [row["kickoff_at"] for row in await rows(database)] == [KICKOFF, may + timedelta(days=1)]


async def test_results_ask_once_per_league(database: Database) -> None:
    await put(database, PLAYED, replace(PLAYED, home="Fulham"), replace(PLAYED, league="D1", home="Bayern Munich"))
    await put(database, replace(PLAYED, home="Leeds"))
    found = await jobs(database)
    leagues = await database.pool.fetch("select id from league order by id")
    assert found == [("refresh_league", {"league_id": league["id"], "reason": "result"}) for league in leagues]


async def test_statements_do_not_grow_with_matches(database: Database) -> None:
    await put(database, *_round(2022, 2))
    one, many = await _statements(database, _round(2024, 1)), await _statements(database, _round(2023, 90))
    assert one == many <= 16


def _round(season: int, number: int) -> list[SourceMatch]:
    return [replace(PLAYED, season=season, home=f"Home {n}", away=f"Away {n} of {season}") for n in range(number)]


async def _statements(database: Database, matches: Sequence[SourceMatch]) -> int:
    asked: list[str] = []
    async with database.transaction() as session:
        connection = await connection_of(session)
        with connection.query_logger(lambda query: asked.append(query.query)):
            await record_matches(session, SOURCE, matches, now=NOW)
    return len(asked)


async def test_two_imports_at_once_record_each_match_once(database: Database) -> None:
    file = _round(2024, 60)
    found = await asyncio.gather(*(put(database, *file) for _ in range(4)))
    assert sorted(counts(recorded) for recorded in found) == [(0, 0, 60)] * 3 + [(60, 0, 0)]
    assert await database.pool.fetchval("select count(*) from match") == 60
    assert await database.pool.fetchval("select count(*) from team") == 120


async def test_a_fixture_does_not_undo_what_a_live_feed_says_meanwhile(database: Database) -> None:
    await put(database, COMING)
    async with database.pool.acquire() as live:
        playing = live.transaction()
        await playing.start()
        await live.execute("update match set status = 'LIVE', minute = 3, home_goals = 1, away_goals = 0")
        putting = asyncio.create_task(put(database, replace(COMING, referee="M Oliver")))
        await _until_somebody_waits(database)
        await playing.commit()
        recorded = await putting
    [row] = await rows(database)
    assert recorded.changed == [row["id"]]
    assert (row["status"], row["minute"], row["home_goals"], row["away_goals"]) == ("LIVE", 3, 1, 0)
    assert row["referee"] == "M Oliver"


async def _until_somebody_waits(database: Database) -> None:
    for _ in range(1000):
        if await database.pool.fetchval("select exists (select from pg_locks where not granted)"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


async def test_an_empty_batch_does_nothing(database: Database) -> None:
    assert await put(database) == MatchesRecorded()
