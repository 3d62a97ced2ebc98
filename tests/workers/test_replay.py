"""A whole replay from event to event: nothing is known before its time, and it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from domain.infra.clock import match_now
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid
from domain.infra.outbox import Request, ask
from domain.infra.schedule import ask_due
from domain.infra.settings import Settings
from domain.intake.feed import Feeds
from domain.intake.replayed import ReplaySettings
from tests.small_league import run_all
from tests.workers.fickle import registry
from touchline import RESULT, PricedOutcome, Rejected, SourceMatch
from workers.boot import Boot, booted, feed_makers
from workers.replay_progress import read_progress
from workers.scheduler import step_clock
from workers.seed_replay import seed_replay

CLUBS = ("Arsenal", "Brentford", "Chelsea", "Everton")
START = datetime(2025, 2, 20, tzinfo=UTC)


def _season() -> list[SourceMatch]:
    """Twelve matches, one every three days, seven of them before the start."""
    first = START - timedelta(days=20) + timedelta(hours=15)
    return [
        _with_prices(
            SourceMatch(
                "E0",
                2024,
                home,
                away,
                first + timedelta(days=3 * number),
                home_goals=number % 4,
                away_goals=number % 3,
                half_time_home_goals=0,
                half_time_away_goals=0,
            )
        )
        for number, (home, away) in enumerate(permutations(CLUBS, 2))
    ]


def _with_prices(match: SourceMatch) -> SourceMatch:
    prices = tuple(
        PricedOutcome(book, RESULT, outcome, price, at, is_closing, is_estimated=not is_closing)
        for book, margin in (("pinnacle", 1.0), ("bet365", 1.15))
        for is_closing, at in ((False, match.kickoff - timedelta(days=1)), (True, match.kickoff))
        for outcome, price in zip(RESULT.outcomes, (2.05 * margin, 3.5, 3.9), strict=True)
    )
    return replace(match, prices=prices)


@dataclass(frozen=True)
class Folder:
    """A provider with one file."""

    key: str = "football-data"
    name: str = "A folder"

    def files(self, origin: str, leagues: Sequence[str], seasons: Sequence[int]) -> Sequence[str]:
        return [f"{season}/E0.csv" for season in seasons if season == 2024]

    def read(self, origin: str, file: str) -> tuple[Sequence[SourceMatch], Sequence[Rejected]]:
        return _season(), []


REPLAY = ReplaySettings(
    provider="football-data", origin="/x", leagues=("E0",), season=2024, start=START, steps=4, step_seconds=7200
)


@pytest.fixture
async def boot(settings: Settings) -> AsyncIterator[Boot]:
    async with booted(settings, lambda: registry("steady")) as opened:
        yield replace(opened, feeds=Feeds(feed_makers({"football-data": Folder()})))


async def _round(boot: Boot, database: Database) -> bool:
    """What scheduler and workers do until match time moves; answers whether it moved."""
    now = await match_now(database.pool)
    async with database.transaction() as session:
        connection = await connection_of(session)
        await ask_due(connection, now)
        if await connection.fetchval("select exists (select 1 from feed where next_at <= $1)", now):
            await ask(connection, [Request("tick_feed", {"name": "replay"}, dedupe_key="tick_feed:replay")])
    await run_all(boot)
    return await step_clock(database)


async def test_a_replay_plays_every_match_in_its_time(settings: Settings, database: Database, boot: Boot) -> None:
    await seed_replay(settings, Folder(), REPLAY, speed=0)
    assert await match_now(database.pool) == START
    known = await database.pool.fetch("select status, kickoff_at, result_at from match order by kickoff_at")
    assert [row["status"] for row in known] == ["FINISHED"] * 7 + ["SCHEDULED"] * 2  # announced a week ahead
    seen = START
    while await _round(boot, database):
        now = await match_now(database.pool)
        assert now > seen
        seen = now
        leaks = await database.pool.fetchval(
            """select count(*) from match m where (m.result_at is not null and m.result_at > $1)
               or exists (select 1 from quote_change c where c.match_id = m.id and c.observed_at > $1)""",
            now,
        )
        assert leaks == 0
    last = _season()[-1].kickoff + timedelta(minutes=115)
    assert seen == last
    progress = await read_progress(settings, START)
    assert (progress.matches, progress.finished, progress.is_over) == (5, 5, True)
    assert progress.predictions > 5
    assert progress.value_bets > 0
    late = await database.pool.fetchval(
        """select count(*) from prediction p join match m on m.id = p.match_id
           where not (p.data_cutoff_at <= p.predicted_at and p.predicted_at <= m.kickoff_at)"""
    )
    assert late == 0
    assert await database.pool.fetchval("select count(*) from value_bet where status = 'OPEN'") == 0
    closing = await database.pool.fetch(
        "select distinct price::float8 as price from quote where selection_id = 1 order by price"
    )
    assert [row["price"] for row in closing] == [2.05, pytest.approx(2.3575)]


async def test_a_replay_can_be_loaded_again_and_another_one_cannot(settings: Settings, database: Database) -> None:
    await seed_replay(settings, Folder(), REPLAY, speed=600)
    before = await database.pool.fetchval("select count(*) from quote_change")
    await seed_replay(settings, Folder(), replace(REPLAY, step_seconds=60.0), speed=0)
    assert await database.pool.fetchval("select count(*) from quote_change") == before
    assert await match_now(database.pool) >= START
    with pytest.raises(Invalid, match="another replay"):
        await seed_replay(settings, Folder(), replace(REPLAY, seed=8), speed=0)


async def test_a_load_that_was_broken_off_is_done_again(settings: Settings, database: Database) -> None:
    await seed_replay(settings, Folder(), REPLAY, speed=0)
    await database.pool.execute("update feed set next_at = null")  # as it stands until the load is complete
    await seed_replay(settings, Folder(), REPLAY, speed=0)
    assert await database.pool.fetchval("select next_at > position from feed")


async def test_a_database_with_other_matches_is_left_alone(settings: Settings, database: Database) -> None:
    await seed_replay(settings, Folder(), REPLAY, speed=0)
    await database.pool.execute("delete from feed")
    with pytest.raises(Invalid, match="not of a replay"):
        await seed_replay(settings, Folder(), REPLAY, speed=0)


async def test_nothing_to_play_is_an_error(settings: Settings) -> None:
    with pytest.raises(Invalid, match="no match with a result"):
        await seed_replay(settings, Folder(), replace(REPLAY, start=START + timedelta(days=300)), speed=0)
