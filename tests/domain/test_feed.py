"""Feeds: one step or many, stopped and started, they record the same; and nothing before its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound
from domain.intake.feed import (
    LONGEST_WINDOW,
    Advanced,
    Feed,
    FeedRow,
    Feeds,
    advance_feed,
    put_feed,
    read_feed,
    record_window,
)
from domain.intake.replayed import ReplayedFeed, ReplaySettings, chosen, rounds_of
from domain.intake.simulated import SOURCE, SimulatedFeed
from domain.matches.service import ensure_league
from touchline import RESULT, PricedOutcome, SourceMatch
from touchline.simulator import demo_world

START = datetime(2025, 2, 20, tzinfo=UTC)
KICKOFF = datetime(2025, 2, 22, 15, tzinfo=UTC)


def _match(home: str, away: str, kickoff: datetime, goals: tuple[int, int] | None = (2, 1)) -> SourceMatch:
    """A match with early and closing prices of one book, as a file has it."""
    prices = tuple(
        PricedOutcome("pinnacle", RESULT, outcome, price, at, is_closing, is_estimated=not is_closing)
        for is_closing, at, row in (
            (False, kickoff - timedelta(days=1), (2.1, 3.4, 3.6)),
            (True, kickoff, (1.9, 3.5, 4.2)),
        )
        for outcome, price in zip(RESULT.outcomes, row, strict=True)
    )
    home_goals, away_goals = goals if goals else (None, None)
    return SourceMatch("E0", 2024, home, away, kickoff, home_goals=home_goals, away_goals=away_goals, prices=prices)


SEASON = [
    _match("Arsenal", "Chelsea", START - timedelta(days=5)),
    _match("Everton", "Fulham", KICKOFF),
    _match("Arsenal", "Everton", KICKOFF + timedelta(days=7)),
    replace(_match("Fulham", "Chelsea", datetime(2025, 3, 5, tzinfo=UTC)), is_kickoff_time_known=False, prices=()),
    _match("Chelsea", "Everton", KICKOFF + timedelta(days=30), None),
]
SETTINGS = ReplaySettings(
    provider="football-data", origin="/nowhere", leagues=("E0",), season=2024, start=START, steps=5, step_seconds=3600
)


@pytest.fixture
def feed() -> ReplayedFeed:
    return ReplayedFeed.from_matches(SETTINGS, SEASON)


def test_matches_of_the_past_and_without_result_are_not_replayed() -> None:
    assert [(match.home, match.away) for match in chosen(SEASON, SETTINGS)] == [
        ("Everton", "Fulham"),
        ("Arsenal", "Everton"),
        ("Fulham", "Chelsea"),
    ]
    assert len(chosen(SEASON, replace(SETTINGS, until=KICKOFF))) == 1
    assert [match.home for match in chosen(SEASON, replace(SETTINGS, rounds=1))] == ["Everton"]


def test_a_round_is_how_often_a_club_has_played() -> None:
    pairs = [("a", "b"), ("c", "d"), ("a", "c"), ("b", "d"), ("d", "a")]
    matches = [_match(home, away, KICKOFF + timedelta(days=n)) for n, (home, away) in enumerate(pairs)]
    assert rounds_of(matches) == [1, 1, 2, 2, 3]


def test_a_match_appears_moves_is_played_and_ends(feed: ReplayedFeed) -> None:
    first = feed.matches[0]
    week = timedelta(days=7)
    (announced,) = feed.fixtures(KICKOFF - week - timedelta(seconds=1), KICKOFF - week)
    assert announced.home_goals is None
    assert announced.prices == ()
    assert feed.fixtures(KICKOFF - week, KICKOFF - week + timedelta(days=1)) == []
    ticks = [tick for tick in feed.ticks(START, KICKOFF) if tick.home == "Everton"]
    assert ticks[0].at == KICKOFF - timedelta(days=1)
    assert ticks[-1].at == KICKOFF
    assert ticks[-1].prices == (1.9, 3.5, 4.2)
    assert not any(tick.home == "Everton" for tick in feed.ticks(KICKOFF, KICKOFF + week))
    (state,) = feed.live(KICKOFF + timedelta(minutes=30))
    assert (state.minute, state.is_half_time, state.home_goals) == (31, False, None)
    assert feed.live(KICKOFF + timedelta(minutes=50))[0].is_half_time
    assert feed.live(KICKOFF + timedelta(minutes=115)) == []
    assert feed.results(START, KICKOFF + timedelta(minutes=114)) == []
    (result,) = feed.results(START, KICKOFF + timedelta(minutes=115))
    assert (result.home, result.home_goals) == (first.home, 2)


def test_a_result_of_an_unknown_hour_comes_when_the_day_is_over(feed: ReplayedFeed) -> None:
    day = datetime(2025, 3, 5, tzinfo=UTC)
    assert feed.live(day + timedelta(hours=15)) == []
    assert feed.results(day, day + timedelta(hours=23)) == []
    assert len(feed.results(day, day + timedelta(days=1))) == 1


def test_every_event_lies_on_an_instant_worth_a_look(feed: ReplayedFeed) -> None:
    at, seen, looks = START, 0, 0
    while (moment := feed.next_after(at)) is not None:
        assert moment > at
        seen += len(feed.ticks(at, moment)) + len(feed.results(at, moment))
        at, looks = moment, looks + 1
    assert seen == len(feed.prices) + 3
    assert looks < 40
    assert KICKOFF in feed.instants


def test_prices_are_the_same_for_a_seed_and_differ_between_seeds(feed: ReplayedFeed) -> None:
    assert ReplayedFeed.from_matches(SETTINGS, SEASON).prices == feed.prices
    assert ReplayedFeed.from_matches(replace(SETTINGS, seed=8), SEASON).prices != feed.prices


def test_settings_survive_being_stored() -> None:
    full = replace(SETTINGS, until=KICKOFF, rounds=3)
    assert ReplaySettings.of(full.stored()) == full
    assert ReplaySettings.of(SETTINGS.stored()) == SETTINGS


async def _advance(database: Database, feed: Feed, job_id: str) -> Advanced | None:
    async with database.transaction() as session:
        return await advance_feed(session, feed, "one", job_id)


async def _quotes(database: Database) -> Sequence[Any]:
    rows = await database.pool.fetch(
        """select c.match_id, s.key, c.bookmaker_id, c.price, c.observed_at
           from quote_change c join selection s on s.id = c.selection_id
           order by c.observed_at, c.match_id, c.bookmaker_id, s.market_id, s.key"""
    )
    return [tuple(row) for row in rows]


async def _matches(database: Database) -> Sequence[Any]:
    rows = await database.pool.fetch(
        "select id, status, minute, home_goals, away_goals, result_at from match order by id"
    )
    return [tuple(row) for row in rows]


async def test_a_step_is_recorded_once_and_the_position_moves(database: Database, feed: ReplayedFeed) -> None:
    await set_clock(database.pool, match=START, speed=0)
    await put_feed(database.pool, "one", "files", SETTINGS.stored(), START - timedelta(days=6), START)
    # A standstill of six days is caught up piece by piece; stretches without an event are one piece.
    position, pieces = START - timedelta(days=6), 0
    while position < START:
        advanced = await _advance(database, feed, f"job-{pieces}")
        assert advanced is not None
        assert position < advanced.position <= max(position + LONGEST_WINDOW, feed.next_after(position) or START)
        position, pieces = advanced.position, pieces + 1
    assert 1 < pieces < 24
    row = await read_feed(database.pool, "one")
    assert row.position == START
    assert await database.pool.fetchval("select next_at from feed") == feed.next_after(START)
    assert await _advance(database, feed, "job-0") is None  # the same message once more
    assert [match[1] for match in await _matches(database)] == ["SCHEDULED"]


async def _play(database: Database, feed: Feed, cuts: Sequence[datetime]) -> None:
    for begins, until in pairwise(cuts):
        async with database.transaction() as session:
            await record_window(session, feed, begins, until)


async def _die_in_the_middle(database: Database, feed: Feed, job_id: str) -> None:
    async with database.transaction() as session:
        await advance_feed(session, feed, "one", job_id)
        raise KeyboardInterrupt


async def test_many_small_steps_and_breakdowns_record_what_few_steps_do(database: Database, feed: ReplayedFeed) -> None:
    end = KICKOFF + timedelta(hours=2)
    at, number = KICKOFF - timedelta(days=7, seconds=1), 0
    await put_feed(database.pool, "one", "files", {}, at, at)
    while at < end:
        await set_clock(database.pool, match=at, speed=0)
        if number % 3 == 0:  # a worker that dies in the middle of the step
            with pytest.raises(KeyboardInterrupt):
                await _die_in_the_middle(database, feed, f"job-{number}")
        await _advance(database, feed, f"job-{number}")
        at, number = at + timedelta(hours=5, minutes=7), number + 1
    await set_clock(database.pool, match=end, speed=0)
    await _advance(database, feed, "job-last")
    rows = await database.pool.fetch(
        "select t.slug, m.status, m.home_goals from match m join team t on t.id = m.home_team_id order by m.id"
    )
    assert [tuple(row) for row in rows] == [("everton", "FINISHED", 2), ("arsenal", "SCHEDULED", None)]
    wanted = [
        (outcome, tick.at, price)
        for tick in feed.ticks(START, KICKOFF)
        if tick.home == "Everton"
        for outcome, price in zip(RESULT.outcomes, tick.prices, strict=True)
    ]
    found = [(row[1], row[4], float(row[3])) for row in await _quotes(database) if row[0] == 1]
    assert set(found) <= set(wanted)
    assert {outcome: price for outcome, at, price in found if at == max(a for o, a, _ in found if o == outcome)} == {
        "home": 1.9,
        "draw": 3.5,
        "away": 4.2,
    }


async def test_kick_off_is_seen_and_value_asked_to_expire(database: Database, feed: ReplayedFeed) -> None:
    cuts = [KICKOFF - timedelta(days=8), KICKOFF - timedelta(hours=1), KICKOFF + timedelta(minutes=10)]
    await _play(database, feed, cuts)
    assert (await _matches(database))[0][1:4] == ("LIVE", 11, None)
    assert await database.pool.fetchval("select count(*) from outbox where job = 'expire_value'") == 1
    await _play(database, feed, [cuts[-1], KICKOFF + timedelta(minutes=55)])
    assert (await _matches(database))[0][1:3] == ("HALF_TIME", 45)
    await _play(database, feed, [KICKOFF + timedelta(minutes=55), KICKOFF + timedelta(hours=3)])
    assert (await _matches(database))[0][1:5] == ("FINISHED", None, 2, 1)


async def test_the_simulated_world_goes_on_where_it_was(database: Database) -> None:
    feed = SimulatedFeed.of({"seed": 7, "step_seconds": 60})
    begins = datetime(2026, 3, 2, 11, tzinfo=UTC)
    async with database.transaction() as session:
        connection = await connection_of(session)
        for league in feed.world.leagues:
            await ensure_league(
                connection,
                SOURCE,
                league.slug,
                country_code="XX",
                country_name=league.country,
                name=league.name,
                slug=league.slug,
                is_simulated=True,
            )
        await record_window(session, feed, begins - timedelta(days=4), begins - timedelta(days=4) + LONGEST_WINDOW)
    hours = [begins + timedelta(hours=n) for n in range(4)]
    told = [tick for a, b in pairwise(hours) for tick in feed.ticks(a, b)]
    assert told == list(feed.ticks(hours[0], hours[-1]))
    assert feed.next_after(begins) == begins + timedelta(minutes=1)
    again = SimulatedFeed(demo_world(7, begins), timedelta(minutes=1))
    assert list(again.ticks(hours[0], hours[1])) == list(feed.ticks(hours[0], hours[1]))
    books = await database.pool.fetch("select is_simulated from bookmaker")
    assert all(row["is_simulated"] for row in books)


def test_a_feed_is_made_once_for_its_settings() -> None:
    made: list[Any] = []

    def make(settings: Any) -> Feed:
        made.append(settings)
        return ReplayedFeed.from_matches(SETTINGS, SEASON)

    feeds = Feeds({"files": make})
    row = FeedRow("one", "files", {"seed": 1}, START)
    assert feeds.open(row) is feeds.open(replace(row, position=KICKOFF))
    feeds.open(replace(row, settings={"seed": 2}))
    assert made == [{"seed": 1}, {"seed": 2}]
    with pytest.raises(NotFound):
        feeds.open(replace(row, kind="radio"))


async def test_a_feed_that_does_not_exist_is_an_error(database: Database) -> None:
    with pytest.raises(NotFound):
        await read_feed(database.pool, "none")
