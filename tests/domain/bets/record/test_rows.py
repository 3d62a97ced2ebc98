"""Bets as columns, and the curve of a balance, from a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest
from asyncpg import Record

from domain.bets.ledger import Entry, lock_bankrolls, post
from domain.bets.listing import BetCriteria
from domain.bets.past import PastBet, PastLeg, record_past
from domain.bets.record.curve import Point, equity_curve, movements
from domain.bets.record.metrics import Capital, Metrics
from domain.bets.record.rows import BETWEEN_TAGS, Ledger, Span, chosen_bets, ledgers
from domain.care.rules import Period
from domain.infra.database import Database, connection_of
from tests.bettors import BEGAN, Leg, Wager, make_bankroll, make_bets, move_money
from tests.factories import NOW, Factory, Fixture, hours
from tests.people import person
from touchline import BTTS, OVER_25, RESULT

UTC_ZONE = ZoneInfo("UTC")
ALWAYS: Span = (None, None)


def at(day: int, hour: int = 12) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


class Counting:
    """A reader that counts its statements."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool, self.statements = pool, 0

    async def fetch(self, query: str, *args: object) -> list[Record]:
        self.statements += 1
        return await self._pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        raise AssertionError("one statement reads it all")

    async def fetchval(self, query: str, *args: object) -> object:
        raise AssertionError("one statement reads it all")


async def ledger_of(database: Database, account: int) -> Ledger:
    [found] = await ledgers(database.pool, [account])
    return found


async def curve_of(
    database: Database,
    bankroll: int,
    account: int,
    step: Period = Period.DAY,
    zone: ZoneInfo = UTC_ZONE,
    span: Span = ALWAYS,
    now: datetime = NOW,
) -> list[Point]:
    ledger = await ledger_of(database, account)
    entries = (await movements(database.pool, [bankroll]))[bankroll]
    capital = Capital.of(ledger, [ledger.purses[bankroll]])
    return equity_curve(entries, ledger.bets.of([bankroll]), capital, step, zone, span, now)


@pytest.fixture
async def factory(database: Database) -> Factory:
    return Factory(database)


async def test_a_bettor_without_bets_has_an_empty_ledger(database: Database) -> None:
    ledger = await ledger_of(database, await person(database))
    assert (len(ledger.bets), ledger.purses, ledger.currencies(is_paper=False)) == (0, {}, [])
    assert Metrics(ledger.bets, Capital.of(ledger, []), UTC_ZONE).settled_count == 0


async def test_one_statement_reads_the_bets_of_several_people(database: Database) -> None:
    ann, bob = await person(database), await person(database, email="bob@example.com")
    for account, count in ((ann, 2), (bob, 3)):
        await make_bets(database.pool, await make_bankroll(database.pool, account), [Wager()] * count)
    reader = Counting(database.pool)
    found = await ledgers(reader, [bob, ann])
    assert [len(each.bets) for each in found] == [3, 2]
    assert reader.statements == 1


async def test_columns_hold_what_the_rows_hold(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    ids = await make_bets(
        database.pool,
        bankroll,
        [
            Wager("PENDING", 700, "3.10", placed_at=hours(-1), tags=("late",)),
            Wager("LOST", 500, "2.35", settled_at=hours(-2), closing_line_value=-0.03, edge=0.12),
            Wager("HALF_WON", 1001, "1.9125", settled_at=hours(-9), tags=("a b", "ü")),
        ],
    )
    bets = (await ledger_of(database, ann)).bets
    assert bets.id.tolist() == [ids[2], ids[1], ids[0]]  # as they were settled, pending ones last
    assert bets.status.tolist() == ["HALF_WON", "LOST", "PENDING"]
    assert bets.stake.tolist() == [1001, 500, 700]
    assert bets.payout.tolist() == [1458, 0, 0]  # 1001 · (1 + 0.9125 / 2) = 1457.71
    assert bets.price.tolist() == [1.9125, 2.35, 3.1]
    assert bets.tags.tolist() == [f"a b{BETWEEN_TAGS}ü", "", "late"]
    assert bets.settled_at[:2].tolist() == [hours(-9).timestamp(), hours(-2).timestamp()]
    np.testing.assert_array_equal(bets.closing_line_value, [np.nan, -0.03, np.nan])
    np.testing.assert_array_equal(bets.expected_profit, [np.nan, -15.0, np.nan])
    np.testing.assert_array_equal(bets.edge, [np.nan, 0.12, np.nan])
    assert bets.league.tolist() == bets.market.tolist() == bets.bookmaker.tolist() == ["UNKNOWN"] * 3


async def test_a_bet_that_was_taken_back_is_nowhere(database: Database) -> None:
    ann = await person(database)
    ids = await make_bets(database.pool, await make_bankroll(database.pool, ann), [Wager("PENDING"), Wager("PENDING")])
    await database.pool.execute("update bet set deleted_at = $2 where id = $1", ids[0], NOW)
    assert (await ledger_of(database, ann)).bets.id.tolist() == ids[1:]


async def test_legs_say_league_market_bookmaker_and_model(database: Database, factory: Factory) -> None:
    leagues = [await factory.league("england-premier-league"), await factory.league("england-championship")]
    matches = await factory.matches(
        [Fixture(league, f"Home {n}", f"Away {n}", hours(1)) for n, league in enumerate([*leagues, leagues[0]])]
    )
    words, books = await factory.markets(RESULT, OVER_25, BTTS), await factory.books()
    home, over, yes = (
        words.selection_id(RESULT, "home"),
        words.selection_id(OVER_25, "over"),
        words.selection_id(BTTS, "yes"),
    )
    for match in matches:
        await factory.forecasts([match])
    seen = await database.pool.fetch("select match_id, id from prediction where model_key = 'touchline.match_result'")
    predictions = {row["match_id"]: row["id"] for row in seen}
    corner, village = books["corner"], books["village"]
    first = Leg(matches[0], home, corner, None, predictions[matches[0]])
    ann = await person(database)
    await make_bets(
        database.pool,
        await make_bankroll(database.pool, ann),
        [
            Wager(legs=(first,)),
            Wager(legs=(first, Leg(matches[2], home, corner, None, predictions[matches[2]]))),  # all in common
            Wager(legs=(first, Leg(matches[1], over, village))),  # nothing in common
            Wager(legs=(first, Leg(bookmaker_name="Uncle Joe"))),  # one typed in by hand
            Wager(legs=(Leg(matches[1], yes, None, "Uncle Joe"), Leg(matches[1], over, None, "Uncle Joe"))),
        ],
    )
    bets = (await ledger_of(database, ann)).bets
    several = "MULTIPLE"
    assert bets.league.tolist() == [*[str(leagues[0])] * 2, several, several, str(leagues[1])]
    assert bets.market.tolist() == ["match_result", "match_result", several, several, several]
    assert bets.bookmaker.tolist() == [*[str(corner)] * 2, several, several, "=Uncle Joe"]
    assert bets.model.tolist() == [*["touchline.match_result"] * 2, several, several, "UNKNOWN"]


async def test_spans_take_settled_bets_by_settlement_and_pending_ones_by_placing(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    await move_money(database.pool, bankroll, 20_000, at=at(2))
    await make_bets(
        database.pool,
        bankroll,
        [
            Wager(settled_at=at(1)),
            Wager(settled_at=at(3)),
            Wager("LOST", settled_at=at(5)),
            Wager("PENDING", placed_at=at(3)),
            Wager("PENDING", placed_at=at(6)),
        ],
    )
    ledger = await ledger_of(database, ann)
    span = (at(3), at(5))  # closed, open
    found = Metrics(ledger.bets.during(span), Capital.of(ledger, ledger.purses.values(), span), UTC_ZONE)
    assert (found.settled_count, found.pending_count, found.net_profit) == (1, 1, 1000)
    assert found.return_on_bankroll == pytest.approx(1000 / (100_000 + 20_000 + 1000))  # what there was on 3 March


async def test_bankrolls_are_told_apart_by_currency_and_kind(database: Database) -> None:
    ann = await person(database)
    rolls = [
        await make_bankroll(database.pool, ann, currency=currency, is_paper=is_paper)
        for currency, is_paper in (("EUR", False), ("USD", False), ("EUR", True), ("USD", False))
    ]
    for bankroll, count in zip(rolls, (1, 1, 5, 1), strict=True):
        await make_bets(database.pool, bankroll, [Wager()] * count)
    ledger = await ledger_of(database, ann)
    assert ledger.currencies(is_paper=False) == ["USD", "EUR"]
    assert ledger.currencies(is_paper=True) == ["EUR"]
    assert [purse.id for purse in ledger.purses_of("USD", is_paper=False)] == [rolls[1], rolls[3]]
    both = Capital.of(ledger, ledger.purses_of("USD", is_paper=False))
    assert both.start == 200_000


async def test_criteria_choose_bets(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    ids = await make_bets(database.pool, bankroll, [Wager(tags=("live",)), Wager(), Wager("LOST", tags=("live",))])
    bets = (await ledger_of(database, ann)).bets
    live = await chosen_bets(database.pool, BetCriteria(ann, tags=["live"]))
    assert sorted(bets.among(live).id.tolist()) == [ids[0], ids[2]]
    assert (await chosen_bets(database.pool, BetCriteria(ann, tags=["none"]))).tolist() == []


async def test_the_curve_ends_at_the_balance(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann, at=at(10))  # made after the first bets were settled: an import
    await move_money(database.pool, bankroll, 50_000, at=at(4))
    await move_money(database.pool, bankroll, -10_000, kind="WITHDRAWAL", at=at(6))
    await make_bets(
        database.pool,
        bankroll,
        [
            Wager("WON", placed_at=at(1), settled_at=at(2), closing_line_value=0.05),  # +10.00, promised 0.50
            Wager("LOST", 3000, placed_at=at(1), settled_at=at(3), closing_line_value=0.10),  # -30.00, promised 3.00
            Wager("LOST", 500, placed_at=at(5), settled_at=at(5, 23)),  # without a closing price
            Wager("PENDING", 700, placed_at=at(6, 9)),
        ],
    )
    points = await curve_of(database, bankroll, ann)
    midnights = [at(day, 0) for day in (2, 3, 4, 5, 6, 7)]
    assert [point.at for point in points] == midnights
    # The opening deposit of 1,000.00 is there from the beginning, stakes go out when placed.
    balances = [96_000, 98_000, 98_000, 148_000, 147_500, 136_800]
    assert [point.balance for point in points] == balances
    assert points[-1].balance == await database.pool.fetchval("select balance from bankroll where id = $1", bankroll)
    # Luck: 9.50 after the first bet, 9.50 - 33.00 after the second.
    luck = [None, 950, 950 - 3300, 950 - 3300, 950 - 3300, 950 - 3300]
    expected = [None if each is None else balance - each for balance, each in zip(balances, luck, strict=True)]
    assert [point.expected_balance for point in points] == expected
    # High point 1,010.00; 1,510.00 with the deposit; 1,410.00 after the withdrawal, which is no fall.
    falls = [0, 0, 3000 / 101_000, 3000 / 151_000, 3500 / 151_000, 3500 / 141_000]
    assert [point.drawdown for point in points] == pytest.approx(falls)


async def test_steps_are_weeks_and_months_of_the_persons_zone(database: Database) -> None:
    ann, santiago = await person(database), ZoneInfo("America/Santiago")
    bankroll = await make_bankroll(database.pool, ann, at=BEGAN, deposit=0)
    await make_bets(
        database.pool,
        bankroll,
        [
            # 23:00 on Sunday, 1 March in Santiago, and a Wednesday
            Wager(placed_at=at(2, 2) - timedelta(hours=1), settled_at=at(2, 2)),
            Wager(placed_at=at(11), settled_at=at(11, 13)),
        ],
    )
    weeks = await curve_of(database, bankroll, ann, Period.WEEK, santiago)
    assert [point.at for point in weeks] == [at(2, 3), NOW]  # midnight there; the second week still runs
    months = await curve_of(database, bankroll, ann, Period.MONTH, santiago)
    assert [(point.at, point.balance) for point in months] == [(NOW, 2000)]
    assert [point.at for point in await curve_of(database, bankroll, ann, Period.DAY)] == [at(3, 0), at(12, 0)]


async def test_a_span_shows_its_steps_and_knows_what_came_before(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    days = [Wager(placed_at=at(day, 9), settled_at=at(day)) for day in (2, 3, 4, 5)]
    await make_bets(database.pool, bankroll, days)
    points = await curve_of(database, bankroll, ann, span=(at(3), at(5, 10)))
    assert [(point.at, point.balance) for point in points] == [
        (at(4, 0), 102_000),
        (at(5, 0), 103_000),
        (at(5, 10), 102_000),  # cut off: a stake is out
    ]


async def test_a_corrected_result_leaves_the_past_as_it_was(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    [bet] = await make_bets(database.pool, bankroll, [Wager(placed_at=at(2, 9), settled_at=at(2))])
    async with database.transaction() as session:  # the next day the bet is lost after all
        connection = await connection_of(session)
        await lock_bankrolls(connection, [bankroll])
        await post(connection, [Entry(bankroll, "REVERSAL", -2000, at(3), bet_id=bet)], machine=NOW)
        await connection.execute(
            "update bet set status = 'LOST', payout = 0, settled_at = $2 where id = $1", bet, at(3)
        )
    points = await curve_of(database, bankroll, ann)
    assert [(point.at.day, point.balance) for point in points[1:]] == [(3, 101_000), (4, 99_000)]
    assert points[-1].drawdown == pytest.approx(0.01)


async def test_a_bankroll_without_entries_has_no_curve(database: Database) -> None:
    bankroll = await make_bankroll(database.pool, await person(database), deposit=0)
    assert await movements(database.pool, [bankroll]) == {}


async def test_bets_recorded_by_the_ledger_are_read_as_they_were_told(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann, deposit=50_000)
    told = [("2.50", "WON", 1000), ("1.90", "LOST", 2000), ("3.10", "HALF_LOST", 1000), ("2.00", None, 500)]
    past = [
        PastBet(at(day), stake, [PastLeg(Decimal(price), "Cup final: home", result=result)], settled_at=at(day, 18))
        for day, (price, result, stake) in enumerate(told, start=2)
    ]
    async with database.transaction() as session:
        connection = await connection_of(session)
        await record_past(connection, ann, bankroll, past, now=NOW, machine=NOW, source="IMPORT")
    ledger = await ledger_of(database, ann)
    found = Metrics(ledger.bets, Capital.of(ledger, ledger.purses.values()), UTC_ZONE)
    assert (found.settled_count, found.pending_count, found.won_count, found.lost_count) == (3, 1, 1, 2)
    assert (found.turnover, found.net_profit) == (4000, 1500 - 2000 - 500)
    points = await curve_of(database, bankroll, ann)
    assert points[-1].balance == 50_000 - 1000 - 500  # the pending stake is out
    assert points[-1].drawdown == pytest.approx(2500 / 51_500)


async def test_luck_is_reckoned_with_what_an_exchange_leaves(database: Database) -> None:
    ann = await person(database)
    bankroll = await make_bankroll(database.pool, ann)
    await make_bets(database.pool, bankroll, [Wager(price="3.00"), Wager(price="3.00")])
    await database.pool.execute("update bet_leg set commission = 0.05 where bet_id = (select min(id) from bet)")
    bets = (await ledger_of(database, ann)).bets
    assert bets.price.tolist() == [3.0, 3.0]
    assert bets.net_price.tolist() == pytest.approx([2.9, 3.0])  # 1 + 2 less 5 %
