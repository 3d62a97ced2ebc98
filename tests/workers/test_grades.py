"""From a result to grades: who asks for the job, what it does in rounds, and that it does it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.grades.service import MATCHES
from domain.infra.database import Database
from domain.infra.settings import read_settings
from domain.intake.service import import_file
from domain.matches.service import record_matches
from tests.domain.grades.world import Said, played, predict
from tests.factories import Factory
from tests.small_league import NOON, NOW, SOURCE, SmallLeague, coming_matches, make_league, run_all
from tests.workers.fickle import registry
from touchline import RESULT, PricedOutcome
from workers.actors import FIRST, JOBS
from workers.boot import Boot, booted
from workers.grades import grade_matches

FULL_TIME = NOON + timedelta(days=1, minutes=115)


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
async def boot(database_url: str, redis_url: str, league: SmallLeague) -> AsyncIterator[Boot]:
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    async with booted(settings, lambda: registry("steady")) as opened:
        yield opened


async def asked(league: SmallLeague, number: int, **facts: object) -> list[object]:
    """Arguments of the grading that a source's word on a coming match asks for."""
    async with league.database.transaction() as session:
        told = replace(coming_matches()[number], **facts)  # type: ignore[arg-type]  # facts of a match
        await record_matches(session, SOURCE, [told], now=FULL_TIME)
    rows = await league.database.pool.fetch("delete from outbox returning job, arguments, due_at > created_at")
    return [row["arguments"] for row in rows if row["job"] == "grade_matches" and row[2]]


async def test_results_and_corrections_ask_for_their_match(league: SmallLeague) -> None:
    first, second, _ = league.coming
    assert await asked(league, 0, home_goals=1, away_goals=0) == [{"match_ids": [first]}]
    assert await asked(league, 0, home_goals=1, away_goals=0) == []
    assert await asked(league, 0, home_goals=1, away_goals=0, referee="M Oliver") == []
    corners = {"home_corners": 7, "away_corners": 2}
    assert await asked(league, 0, home_goals=1, away_goals=0, **corners) == [{"match_ids": [first]}]
    assert await asked(league, 1, kickoff=coming_matches()[1].kickoff + timedelta(days=1)) == []
    assert await asked(league, 1, home_goals=3, away_goals=0, is_awarded=True) == [{"match_ids": [second]}]
    assert await asked(league, 2, home="Wolves", away="Leeds", home_goals=1, away_goals=0) == []


async def test_what_was_forecast_is_graded_once_and_again_when_corrected(boot: Boot, league: SmallLeague) -> None:
    await predict(Factory(league.database), Said("test.other", RESULT, {league.coming[0]: (0.5, 0.3, 0.2)}, at=NOW))
    await league.play(0, 2, 0, FULL_TIME)
    assert await run_all(boot, only=["grade_matches"]) == ["grade_matches"]
    pool = league.database.pool
    job = await pool.fetchrow("select id, status, result from job")
    assert job is not None
    assert (job["status"], job["result"]) == ("DONE", {"graded": 1, "matches": 1})
    await league.play(0, 2, 2, FULL_TIME)
    await run_all(boot, only=["grade_matches"])
    rows = await pool.fetch("select revision, facts, graded_at from grade order by revision")
    assert [tuple(row) for row in rows] == [(1, "2-0", FULL_TIME), (2, "2-2", FULL_TIME)]
    for name in ("job-1", "job-1", "job-2"):
        await grade_matches(boot, name)
    assert await pool.fetchval("select count(*) from grade") == 2


async def test_prices_that_come_after_the_grade_add_a_revision(boot: Boot, league: SmallLeague) -> None:
    await predict(Factory(league.database), Said("test.other", RESULT, {league.coming[0]: (0.5, 0.3, 0.2)}, at=NOW))
    await league.play(0, 2, 0, FULL_TIME)
    await run_all(boot, only=["grade_matches"])
    match = replace(coming_matches()[0], home_goals=2, away_goals=0)
    prices = (("home", 2.1), ("draw", 3.6), ("away", 3.9))
    closing = tuple(
        PricedOutcome("Avg", RESULT, outcome, price, match.kickoff, is_closing=True, is_aggregate=True)
        for outcome, price in prices
    )
    for _ in range(2):
        await import_file(league.database, SOURCE, [replace(match, prices=closing)], (), FULL_TIME)
    assert await run_all(boot, only=["grade_matches"]) == ["grade_matches"]
    rows = await league.database.pool.fetch("select revision, facts, closing_source from grade order by revision")
    assert [tuple(row) for row in rows] == [(1, "2-0", None), (2, "2-0", "Avg")]
    assert await league.database.pool.fetchval("select closing_log_loss is not null from current_grade")


async def test_many_matches_are_graded_in_rounds(boot: Boot, league: SmallLeague) -> None:
    factory = Factory(league.database)
    matches = await played(factory, league.league_id, [(1, 0)] * (2 * MATCHES + 1))
    await predict(factory, Said("test.other", RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
    await grade_matches(boot, "job-1")
    pool = league.database.pool
    assert await pool.fetchval("select count(*) from current_grade") == len(matches)
    assert await pool.fetchval("select count(distinct xmin::text) from grade") == 3  # transactions
    assert await pool.fetchval("select result from job") == {"graded": len(matches), "matches": len(matches)}


def test_grading_goes_before_forecasts() -> None:
    assert JOBS["grade_matches"] is grade_matches
    assert FIRST["grade_matches"] < 10
