"""Every prediction is graded once, by the facts and closing prices of its match; corrections add and keep."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta

import asyncpg
import pytest

from domain.grades.service import Graded, grade_due
from domain.infra.database import Database, connection_of
from tests.domain.grades.world import Said, close, correct, grade, played, predict
from tests.factories import NOW, Factory, hours
from touchline import CORNERS_95, RESULT, MarketKey
from touchline.types import Kind

GOALS_3 = MarketKey(Kind.TOTAL_GOALS, 3.0)


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


@pytest.fixture
async def league(factory: Factory) -> int:
    return await factory.league("england-premier-league")


async def current(factory: Factory) -> list[asyncpg.Record]:
    return list(await factory.db.fetch("select * from current_grade order by match_id, market_id, model_key"))


async def test_a_prediction_is_held_against_the_result_and_the_closing_price(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    ids = await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}, is_served=True))
    await close(factory, {match: (2.10, 3.40, 3.80)})
    assert await grade(factory) == Graded(1, 1, has_more=False)
    row = await factory.db.fetchrow("select * from grade")
    assert row is not None
    assert (row["prediction_id"], row["revision"], row["facts"], row["outcome_key"]) == (ids[match], 1, "1-1", "draw")
    assert (row["is_hit"], row["graded_at"], row["job_id"]) == (False, NOW, "job-1")
    assert row["log_loss"] == pytest.approx(-math.log(0.3))
    assert row["brier"] == pytest.approx(0.25 + 0.49 + 0.04)
    assert row["ranked_probability_score"] == pytest.approx((0.25 + 0.04) / 2)
    assert row["closing_probabilities"] == pytest.approx([0.4639, 0.2834, 0.2527], abs=5e-5)
    assert row["closing_log_loss"] == pytest.approx(-math.log(row["closing_probabilities"][1]))
    assert (row["closing_source"], row["closing_reason"]) == ("pinnacle", None)
    [standing] = await current(factory)
    assert standing["grade_id"] == row["id"]
    assert standing["probabilities"] == [0.5, 0.3, 0.2]
    assert (standing["outcome"], standing["confidence"], standing["code_version"]) == (1, 50, "1")
    assert (standing["is_served"], standing["league_id"], standing["kickoff_at"]) == (True, league, hours(-3))


async def test_graded_again_nothing_is_written(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    await grade(factory)
    for named in ((), (match,)):
        assert await grade(factory, *named) == Graded(0, 0, has_more=False)
    assert await factory.db.fetchval("select count(*) from grade") == 1


async def test_every_row_is_graded_and_the_last_before_kickoff_stands(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(2, 0)])
    kickoff = hours(-3)
    early = await predict(factory, Said("touchline.one", RESULT, {match: [0.4, 0.3, 0.3]}, kickoff - timedelta(days=2)))
    last = await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}, kickoff, is_served=True))
    late = await predict(
        factory, Said("touchline.one", RESULT, {match: [0.9, 0.1, 0.0]}, kickoff + timedelta(seconds=1))
    )
    shadow = await predict(factory, Said("touchline.two", RESULT, {match: [0.1, 0.1, 0.8]}, kickoff))
    assert (await grade(factory)).count == 4
    graded = {row["prediction_id"] for row in await factory.db.fetch("select prediction_id from grade")}
    assert graded == {said[match] for said in (early, last, late, shadow)}
    standing = {row["model_key"]: (row["prediction_id"], row["is_served"]) for row in await current(factory)}
    assert standing == {"touchline.one": (last[match], True), "touchline.two": (shadow[match], False)}


async def test_a_corrected_result_adds_a_grade_and_keeps_the_old_one(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    await grade(factory)
    await correct(factory, match, home_goals=2)
    assert (await grade(factory, job="job-2")).count == 1
    rows = await factory.db.fetch("select revision, facts, outcome_key, job_id from grade order by revision")
    assert [tuple(row) for row in rows] == [(1, "1-1", "draw", "job-1"), (2, "2-1", "home", "job-2")]
    [standing] = await current(factory)
    assert (standing["outcome"], standing["is_hit"]) == (0, True)
    assert standing["log_loss"] == pytest.approx(-math.log(0.5))


async def test_corrected_corners_concern_corners_alone(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)], home_corners=5, away_corners=4)
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    await predict(factory, Said("touchline.corners", CORNERS_95, {match: [0.6, 0.4]}))
    await grade(factory)
    await correct(factory, match, home_corners=6)
    assert (await grade(factory)).count == 1
    facts = await factory.db.fetch("select facts from grade order by id")
    assert sorted(row["facts"] for row in facts) == ["1-1", "10 corners", "9 corners"]
    assert {row["model_key"]: row["outcome"] for row in await current(factory)} == {
        "touchline.one": 1,
        "touchline.corners": 0,
    }


async def test_what_was_graded_and_then_voided_counts_no_more(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    await grade(factory)
    await correct(factory, match, status="AWARDED")
    assert await grade(factory) == Graded(0, 1, has_more=False)
    assert await current(factory) == []
    assert await factory.db.fetchval("select count(*) from grade") == 1


async def test_matches_that_were_not_played_are_looked_at_once(factory: Factory, league: int) -> None:
    matches = await played(factory, league, [(3, 0)] * 3)
    for match, status in zip(matches, ("AWARDED", "ABANDONED", "CANCELLED"), strict=True):
        await correct(factory, match, status=status)
    await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
    assert await grade(factory) == Graded(0, 3, has_more=False)
    assert await grade(factory) == Graded(0, 0, has_more=False)


async def test_a_postponed_match_waits(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(0, 0)])
    await correct(factory, match, status="POSTPONED")
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    assert (await grade(factory, match)).matches == 0
    await correct(factory, match, status="FINISHED")
    assert (await grade(factory)).count == 1


async def test_a_count_on_the_line_is_not_graded(factory: Factory, league: int) -> None:
    on, above = await played(factory, league, [(2, 1), (2, 2)])
    await predict(factory, Said("touchline.one", GOALS_3, {on: [0.4, 0.6], above: [0.4, 0.6]}))
    assert await grade(factory) == Graded(1, 2, has_more=False)
    assert [(row["match_id"], row["outcome"]) for row in await current(factory)] == [(above, 0)]


async def test_an_old_correction_is_looked_at_when_it_is_named(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    await factory.db.execute("update match set kickoff_at = kickoff_at - interval '200 days'")
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))
    assert (await grade(factory)).count == 1
    await correct(factory, match, away_goals=0)
    assert (await grade(factory)).matches == 0
    assert (await grade(factory, match)).count == 1


async def test_closing_prices_are_of_the_best_source(factory: Factory, league: int) -> None:
    matches = await played(factory, league, [(1, 0)] * 5)
    sharp, soft, stale, average, half = matches
    await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
    await close(factory, {sharp: (2.0, 3.5, 4.0)})
    await close(factory, {soft: (2.0, 3.5, 4.0)}, book="corner")
    await close(factory, {stale: (2.0, 3.5, 4.0)}, before=timedelta(hours=25))
    words = await factory.markets(RESULT)
    prices = [
        (match, outcome, is_closing)
        for match, outcomes, is_closing in ((average, 3, True), (half, 2, True), (half, 3, False))
        for outcome in list(words.selection_ids[RESULT].values())[:outcomes]
    ]
    await factory.db.executemany(
        """insert into price_aggregate (match_id, selection_id, name, is_closing, price, observed_at, source)
           values ($1, $2, 'Avg', $3, 3.0, $4, 'x')""",
        [(*each, hours(-9)) for each in prices],
    )
    await grade(factory)
    rows = await factory.db.fetch(
        """select p.match_id, g.closing_source, g.closing_reason, g.closing_log_loss is null as is_open
           from grade g join prediction p on p.id = g.prediction_id"""
    )
    found = {row["match_id"]: (row["closing_source"], row["is_open"]) for row in rows}
    assert found == {
        sharp: ("pinnacle", False),
        average: ("Avg", False),
        **dict.fromkeys((soft, stale, half), (None, True)),
    }
    assert {row["closing_reason"] for row in rows if row["match_id"] in (soft, stale, half)} == {
        "no sharp bookmaker, exchange or average priced the whole market within a day of kick-off"
    }


async def test_rounds_and_runs_at_once_grade_each_prediction_once(factory: Factory, league: int) -> None:
    matches = await played(factory, league, [(1, 0)] * 12)
    for model in ("touchline.one", "touchline.two"):
        await predict(factory, Said(model, RESULT, dict.fromkeys(matches, (0.5, 0.3, 0.2))))
    rounds = await asyncio.gather(*(grade(factory, limit=5) for _ in range(4)))
    assert sorted((each.matches, each.count, each.has_more) for each in rounds) == [
        (0, 0, False),
        (2, 4, False),
        (5, 10, True),
        (5, 10, True),
    ]
    assert await factory.db.fetchval("select count(*) = count(distinct prediction_id) from grade")


async def test_a_run_that_is_cut_off_leaves_nothing(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 0)])
    await predict(factory, Said("touchline.one", RESULT, {match: [0.5, 0.3, 0.2]}))

    async def grade_and_fail() -> None:
        async with factory.database.transaction() as session:
            await grade_due(await connection_of(session), now=NOW, job_id="j")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await grade_and_fail()
    assert await factory.db.fetchval("select count(*) from grade") == 0
    assert (await grade(factory)).count == 1


async def test_grades_are_append_only(factory: Factory, league: int) -> None:
    [match] = await played(factory, league, [(1, 1)])
    await predict(factory, Said("touchline.one", RESULT, {match: (0.5, 0.3, 0.2)}))
    await grade(factory)
    for statement in ("update grade set is_hit = true", "delete from grade"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await factory.db.execute(statement)


async def test_statements_do_not_grow_with_the_matches(factory: Factory, league: int) -> None:
    matches = await played(factory, league, [(1, 0)] * 33)
    counts = []
    for part in (matches[:1], matches[1:3], matches[3:]):  # the first one also asks for types
        await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(part, (0.5, 0.3, 0.2))))
        async with factory.database.transaction() as session:
            connection = await connection_of(session)
            sent: list[str] = []
            with connection.query_logger(lambda record, sent=sent: sent.append(record.query)):
                graded = await grade_due(connection, now=NOW, job_id="j")
            counts.append((graded.count, len(sent)))
    assert counts[1:] == [(2, 7), (30, 7)]
