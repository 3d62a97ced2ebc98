"""From a result to settled bets: who asks for the job, what it does in rounds, and who hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from domain.bets.past import PastBet, PastLeg, record_past
from domain.infra.clock import machine_now, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.news import CHANNEL, bets_of
from domain.infra.settings import read_settings
from domain.markets.service import read_dictionary
from domain.matches.service import record_matches
from tests.bettors import make_bankroll
from tests.people import person
from tests.small_league import NOON, NOW, SOURCE, SmallLeague, coming_matches, make_league, run_all
from tests.workers.fickle import registry
from touchline import RESULT, SourceMatch
from workers.actors import FIRST, JOBS
from workers.bets import settle_bets
from workers.boot import Boot, booted

FULL_TIME = NOON + timedelta(days=1, minutes=115)


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
async def boot(database_url: str, redis_url: str, league: SmallLeague) -> AsyncIterator[Boot]:
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    async with booted(settings, lambda: registry("steady")) as opened:
        yield opened


async def tell(league: SmallLeague, match: SourceMatch, at: datetime) -> None:
    """Let the source tell of a match."""
    async with league.database.transaction() as session:
        await record_matches(session, SOURCE, [match], now=at)


async def asked(database: Database) -> list[str]:
    """Jobs that wait, in order; forgets them."""
    rows = await database.pool.fetch("delete from outbox returning job, arguments")
    assert all(row["arguments"] == {} for row in rows if row["job"] == "settle_bets")
    return sorted(row["job"] for row in rows)


async def bettor(league: SmallLeague, *, bets: int = 1, email: str = "ann@example.com") -> tuple[int, int]:
    """Somebody with bets of 1.00 at 2.00 on the home side of the first coming match; account and bankroll."""
    account = await person(league.database, email)
    bankroll = await make_bankroll(league.database.pool, account, deposit=1_000_000)
    selection = (await read_dictionary(league.database.pool)).selection_id(RESULT, "home")
    leg = PastLeg(Decimal(2), match_id=league.coming[0], selection_id=selection)
    async with league.database.transaction() as session:
        connection = await connection_of(session)
        told = [PastBet(NOW, 100, [leg])] * bets
        await record_past(connection, account, bankroll, told, now=NOW, machine=machine_now(), source="MANUAL")
    return account, bankroll


async def statuses(database: Database) -> dict[str, int]:
    rows = await database.pool.fetch("select status, count(*) from bet group by 1")
    return {row["status"]: row["count"] for row in rows}


async def test_what_changes_of_a_known_match_asks_once(league: SmallLeague) -> None:
    first, second, third = coming_matches()
    await tell(league, replace(first, home_goals=1, away_goals=0), FULL_TIME)
    await tell(league, replace(second, kickoff=second.kickoff + timedelta(days=3)), FULL_TIME)
    waiting = await league.database.pool.fetch(
        "select arguments, due_at > created_at as is_delayed from outbox where job = 'settle_bets'"
    )
    assert [tuple(row) for row in waiting] == [({}, True)]
    await asked(league.database)
    await tell(league, replace(first, home_goals=1, away_goals=0, home_corners=7, away_corners=2), FULL_TIME)
    assert await asked(league.database) == ["grade_matches", "refresh_league", "settle_bets"]
    await tell(league, replace(third, referee="M Oliver"), FULL_TIME)
    assert "settle_bets" not in await asked(league.database)


async def test_nobody_can_have_bet_on_a_match_that_was_not_known(league: SmallLeague) -> None:
    new = replace(coming_matches()[0], home="Wolves", away="Leeds", home_goals=1, away_goals=0)
    await tell(league, new, FULL_TIME)
    assert await asked(league.database) == ["refresh_league"]


async def test_a_result_settles_bets_and_tells_their_owners(boot: Boot, league: SmallLeague) -> None:
    account, bankroll = await bettor(league)
    other, _ = await bettor(league, email="bob@example.com")
    redis = Redis.from_url(boot.settings.redis_url)
    async with redis.pubsub() as ear:
        await ear.subscribe(CHANNEL)
        assert (await ear.get_message(timeout=5) or {})["type"] == "subscribe"
        await league.play(0, 2, 0, FULL_TIME)
        assert await run_all(boot, only=["settle_bets"]) == ["settle_bets"]
        heard = {(await ear.get_message(timeout=5) or {})["data"].decode() for _ in range(2)}
        assert heard == {bets_of(account), bets_of(other)}
    await redis.aclose()
    assert await statuses(boot.database) == {"WON": 2}
    pool = boot.database.pool
    assert await pool.fetchval("select balance from bankroll where id = $1", bankroll) == 1_000_100
    job = await pool.fetchrow("select id, status, result from job")
    assert job is not None
    assert (job["status"], job["result"]) == ("DONE", {"settled": 2})
    verdicts = await pool.fetch("select distinct job_id, settled_at from settlement")
    assert [tuple(row) for row in verdicts] == [(job["id"], FULL_TIME)]


async def test_a_correction_at_the_very_same_instant_settles_anew(boot: Boot, league: SmallLeague) -> None:
    """On a clock that stands, a correction bears the instant of what it corrects."""
    await bettor(league)
    await league.play(0, 2, 0, FULL_TIME)
    await run_all(boot, only=["settle_bets"])
    await league.play(0, 2, 2, FULL_TIME)
    assert await run_all(boot, only=["settle_bets"]) == ["settle_bets"]
    assert await statuses(boot.database) == {"LOST": 1}
    causes = await boot.database.pool.fetch("select cause from settlement order by sequence")
    assert [row["cause"] for row in causes] == ["RESULT", "CORRECTED_RESULT"]


async def test_many_bets_are_settled_in_rounds(boot: Boot, league: SmallLeague) -> None:
    _, bankroll = await bettor(league, bets=2001)
    await league.play(0, 0, 0, FULL_TIME)
    await settle_bets(boot, "job-1")
    pool = boot.database.pool
    assert await statuses(boot.database) == {"LOST": 2001}
    assert await pool.fetchval("select count(distinct recorded_at) from settlement") == 2
    assert await pool.fetchval("select result from job where id = 'job-1'") == {"settled": 2001}
    assert await pool.fetchval("select balance from bankroll where id = $1", bankroll) == 1_000_000 - 200_100


async def test_the_same_job_twice_settles_once(boot: Boot, league: SmallLeague) -> None:
    await bettor(league, bets=3)
    await league.play(0, 1, 0, FULL_TIME)
    await settle_bets(boot, "job-1")
    await settle_bets(boot, "job-1")
    assert await boot.database.pool.fetchval("select count(*) from settlement") == 3
    assert await boot.database.pool.fetchval("select result from job where id = 'job-1'") == {"settled": 3}


async def test_a_server_of_news_that_is_away_keeps_nothing_from_being_settled(boot: Boot, league: SmallLeague) -> None:
    await bettor(league)
    await league.play(0, 1, 0, FULL_TIME)
    away = read_settings(database_url=boot.settings.database_url, redis_url="redis://127.0.0.1:1")
    async with booted(away, lambda: registry("steady")) as deaf:
        await settle_bets(deaf, "job-1")
    assert await statuses(boot.database) == {"WON": 1}


async def test_match_time_is_that_of_the_clock(boot: Boot, league: SmallLeague) -> None:
    await bettor(league)
    await league.play(0, 1, 0, FULL_TIME)
    later = FULL_TIME + timedelta(hours=6)
    await set_clock(boot.database.pool, match=later, speed=0)
    await settle_bets(boot, "job-1")
    row = await boot.database.pool.fetchrow("select settled_at, recorded_at from settlement")
    assert row is not None
    assert row["settled_at"] == later
    assert abs(machine_now() - row["recorded_at"]) < timedelta(minutes=5)


def test_settling_goes_before_forecasts() -> None:
    assert JOBS["settle_bets"] is settle_bets
    assert FIRST["settle_bets"] < 10
