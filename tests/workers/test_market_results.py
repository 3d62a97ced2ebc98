"""From a result to what became of a plugin's market: who asks, the child that answers, and what follows from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.bets.past import PastBet, PastLeg, record_past
from domain.infra import jobs
from domain.infra.clock import machine_now, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound
from domain.infra.jobs import Message, Queue, queue_of
from domain.infra.settings import read_settings
from domain.markets.service import dictionary
from domain.matches.service import record_matches
from tests.bettors import make_bankroll
from tests.cards import CARDS_45, CARDS_525, KIND, PLUGIN, TotalCards, registry
from tests.domain.grades.world import Said, predict
from tests.factories import Factory
from tests.people import person
from tests.small_league import NOON, NOW, SOURCE, SmallLeague, coming_matches, make_league, run_all
from touchline.plugins import Registry
from workers.actors import JOBS
from workers.boot import Boot, booted
from workers.market_results import settle_market, settle_markets

FULL_TIME = NOON + timedelta(days=1, minutes=115)
CHAIN = ("settle_markets", "settle_market", "grade_matches", "settle_bets")


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    return await make_league(database)


@pytest.fixture
def at(database_url: str, redis_url: str) -> Any:
    """Boots a worker with plugins that are given."""

    @asynccontextmanager
    async def opened(plugins: Registry) -> AsyncIterator[Boot]:
        settings = read_settings(database_url=database_url, redis_url=redis_url)
        async with booted(settings, lambda: plugins) as boot:
            yield boot

    return opened


async def play(league: SmallLeague, number: int, *, yellow: int | None, goals: tuple[int, int] = (2, 0)) -> None:
    """Let the source tell of a coming match: cards of the home side, none of the other."""
    await set_clock(league.database.pool, match=FULL_TIME, speed=0)
    cards: dict[str, Any] = {}
    if yellow is not None:
        cards = {"home_yellow_cards": yellow, "away_yellow_cards": 0, "home_red_cards": 0, "away_red_cards": 0}
    told = replace(coming_matches()[number], home_goals=goals[0], away_goals=goals[1], **cards)
    async with league.database.transaction() as session:
        await record_matches(session, SOURCE, [told], now=FULL_TIME)


async def used(league: SmallLeague) -> int:
    """A prediction of over 4.5 cards in the first coming match, and a bet on over 5.25; answers the bet."""
    match = league.coming[0]
    await predict(Factory(league.database), Said("acme.cards", CARDS_45, {match: (0.6, 0.4)}, at=NOW))
    account = await person(league.database)
    bankroll = await make_bankroll(league.database.pool, account)
    async with league.database.transaction() as session:
        connection = await connection_of(session)
        selection = (await dictionary(connection, [CARDS_525])).selection_id(CARDS_525, "over")
        told = [PastBet(NOW, 1000, [PastLeg(Decimal(2), match_id=match, selection_id=selection)])]
        (bet,) = await record_past(connection, account, bankroll, told, now=NOW, machine=machine_now(), source="MANUAL")
    return bet


async def state(league: SmallLeague, bet: int) -> tuple[str, int | None]:
    row = await league.database.pool.fetchrow("select status, payout from bet where id = $1", bet)
    assert row is not None
    return row["status"], row["payout"]


async def asked(league: SmallLeague) -> list[tuple[str, dict[str, Any]]]:
    rows = await league.database.pool.fetch("delete from outbox where sent_at is null returning job, arguments")
    return [(row["job"], row["arguments"]) for row in rows if row["job"] in ("settle_markets", "settle_market")]


async def test_results_ask_for_it_where_a_plugin_declares_a_market(league: SmallLeague, at: Any) -> None:
    await play(league, 0, yellow=5)
    assert await asked(league) == []
    async with at(registry()):
        await asked(league)
        await play(league, 1, yellow=5)
        assert await asked(league) == [("settle_markets", {"match_ids": [league.coming[1]]})]
        await play(league, 1, yellow=6)
        assert await asked(league) == [("settle_markets", {"match_ids": [league.coming[1]]})]
        await play(league, 1, yellow=6)
        assert await asked(league) == []


async def test_a_result_is_answered_graded_and_settled(league: SmallLeague, at: Any) -> None:
    async with at(registry()) as boot:
        bet = await used(league)
        await play(league, 0, yellow=6)
        done = await run_all(boot, only=CHAIN)
        assert {name: done.count(name) for name in CHAIN[:2]} == {"settle_markets": 1, "settle_market": 1}
        assert await state(league, bet) == ("WON", 2000)
        pool = league.database.pool
        assert await pool.fetchval("select facts from grade") == "Over 4.5 cards: there were 6 cards: won."
        job = await pool.fetchrow("select id, status, result from job where result ? 'answered'")
        assert job is not None
        assert (job["status"], job["result"]) == ("DONE", {"asked": 2, "answered": 2})
        results = await pool.fetch("select * from market_result")
        assert {(row["revision"], row["job_id"], row["plugin_version"]) for row in results} == {(1, job["id"], "1")}
        assert results[0]["facts"]["home_yellow_cards"] == 6
        call = await pool.fetchrow("select * from plugin_call")
        assert call is not None
        assert (call["plugin_key"], call["thing"], call["fault"]) == (PLUGIN, KIND, None)
        assert call["milliseconds"] > 0
        await settle_market(boot, job["id"], market=KIND)  # delivered twice
        await settle_markets(boot, "a later look")
        assert await asked(league) == []
        async with league.database.transaction() as session:
            await jobs.note_queued(await connection_of(session), [Message("too late", "settle_market", {})])
        await settle_market(boot, "too late", market=KIND)  # what it was asked about is answered
        assert await pool.fetchval("select status from job where id = 'too late'") == "DONE"
        assert await pool.fetchval("select count(*) from market_result") == 2
        assert await pool.fetchval("select count(*) from plugin_call") == 1


async def test_a_correction_is_asked_about_again(league: SmallLeague, at: Any) -> None:
    async with at(registry()) as boot:
        bet = await used(league)
        for yellow, verdict in ((5, ("HALF_LOST", 500)), (7, ("WON", 2000))):
            await play(league, 0, yellow=yellow)
            await run_all(boot, only=CHAIN)
            assert await state(league, bet) == verdict
        rows = await league.database.pool.fetch("select revision, facts from grade order by revision")
        assert [tuple(row) for row in rows] == [
            (1, "Over 4.5 cards: there were 5 cards: won."),
            (2, "Over 4.5 cards: there were 7 cards: won."),
        ]


@pytest.mark.parametrize(
    ("entry", "fault", "words"),
    [
        ("raising", "RAISED", "no card to be found"),
        ("generous", "INVALID_OUTPUT", "acme.total_cards"),
    ],
)
async def test_a_plugin_that_fails_is_counted_and_waited_for(
    league: SmallLeague, at: Any, entry: str, fault: str, words: str
) -> None:
    async with at(registry(entry=entry)) as boot:
        bet = await used(league)
        await play(league, 0, yellow=6, goals=(1, 0))
        assert (await run_all(boot, only=CHAIN)).count("settle_market") == 1  # and not again before the next look
        pool = league.database.pool
        assert await pool.fetchval("select count(*) from market_result") == 0
        row = await pool.fetchrow("select fault, milliseconds from plugin_call")
        assert row is not None
        assert (str(row["fault"]).upper(), row["milliseconds"]) == (fault, None)
        assert words in await pool.fetchval("select last_error from plugin where key = $1", PLUGIN)
        assert await state(league, bet) == ("PENDING", None)


async def test_after_three_failures_it_is_asked_again_with_a_new_version(league: SmallLeague, at: Any) -> None:
    pool = league.database.pool
    async with at(registry(entry="raising")) as boot:
        bet = await used(league)
        await play(league, 0, yellow=6)
        await pool.execute("update plugin set failures_in_row = 2 where key = $1", PLUGIN)
        for look in range(3):
            await settle_markets(boot, f"look {look}")
            await run_all(boot, only=CHAIN)
        assert await pool.fetchval("select count(*) from plugin_call") == 1
        assert await pool.fetchval("select status from plugin where key = $1", PLUGIN) == "QUARANTINED"
    async with at(registry(version="2")) as boot:
        await settle_markets(boot, "a later look")
        await run_all(boot, only=CHAIN)
        assert await state(league, bet) == ("WON", 2000)


async def test_a_plugin_that_turns_its_outcomes_round_is_refused_and_not_asked(league: SmallLeague, at: Any) -> None:
    async with at(registry()):
        await used(league)
    async with at(registry(replace(TotalCards(), outcomes=("under", "over")))) as boot:
        row = await league.database.pool.fetchrow("select status, reason from plugin where key = $1", PLUGIN)
        assert row is not None
        assert row["status"] == "REFUSED"
        assert "is used with the outcomes over, under" in row["reason"]
        await play(league, 0, yellow=6)
        assert "settle_market" not in await run_all(boot, only=CHAIN)
    async with at(registry()) as boot:
        await settle_markets(boot, "a later look")
        assert [job for job, _ in await asked(league)] == ["settle_market"]


async def test_a_market_that_is_not_installed_is_named(league: SmallLeague, at: Any) -> None:
    async with at(registry()) as boot:
        with pytest.raises(NotFound, match=r"No installed plugin has the market acme\.gone"):
            await settle_market(boot, "job-1", market="acme.gone")


def test_a_plugin_s_market_does_not_keep_our_models_waiting() -> None:
    assert queue_of("settle_market") is Queue.OUTSIDE
    assert queue_of("settle_markets") is Queue.DEFAULT
    assert JOBS["settle_market"] is settle_market
