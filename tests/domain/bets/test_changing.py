"""Changing bets and taking them back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.bets import changing
from domain.bets.changing import BetChanges
from domain.bets.errors import InsufficientFunds, MarketClosed
from domain.bets.ledger import lock_bankrolls
from domain.bets.legs import LegWanted
from domain.care.errors import LimitReached
from domain.care.rules import Kind, Period
from domain.care.service import set_limit
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound, TouchlineError
from tests.betting_world import World, make_world
from tests.bettors import Wager, make_bets
from tests.factories import NOW, hours

WORDS = LegWanted(Decimal("5.5"), description="First scorer: Saka")


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def change(
    world: World, bet: int, version: int = 1, *, now: Any = NOW, account: int | None = None, **told: Any
) -> None:
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await changing.update_bet(
            connection, account or world.ann, bet, version, BetChanges(**told), now=now, machine=hours(50)
        )


async def delete(world: World, bet: int, *, now: Any = NOW, account: int | None = None) -> int:
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        return await changing.delete_bet(connection, account or world.ann, bet, now=now, machine=hours(50))


async def refused(world: World, error: type[TouchlineError], attempt: Any, bet: int) -> Any:
    """The error of an attempt; nothing may have changed."""
    before = await world.rows(), await world.bet(bet)
    with pytest.raises(error) as caught:
        await attempt
    assert (await world.rows(), await world.bet(bet)) == before
    return caught.value


async def moves(world: World, bet: int) -> list[tuple[Any, ...]]:
    rows = await world.db.fetch(
        "select kind, amount, reason, occurred_at, recorded_at from bankroll_entry where bet_id = $1 order by id", bet
    )
    return [tuple(row) for row in rows]


async def test_labels_and_notes_change_at_any_time(world: World) -> None:
    bet = await world.place(tags=["a"], notes="first")
    await change(world, bet, tags=["b", "B", "c"], now=hours(5))
    assert ((await world.bet(bet))["tags"], (await world.bet(bet))["notes"]) == (["b", "c"], "first")
    await change(world, bet, 2, notes="", now=hours(5))
    row = await world.bet(bet)
    assert (row["tags"], row["notes"], row["version"]) == (["b", "c"], None, 3)
    (settled,) = await make_bets(world.db, world.bankroll, [Wager(status="LOST")])
    await change(world, settled, tags=["late"], now=hours(500))
    assert (await world.bet(settled))["tags"] == ["late"]
    assert (await refused(world, Invalid, change(world, bet, 3, tags=["x" * 31]), bet)).field == "input.tags.0"


async def test_a_larger_stake_takes_the_difference(world: World) -> None:
    bet = await world.place(stake="10.00")
    await change(world, bet, stake=Decimal("25.50"), currency="EUR", now=hours(0.5))
    row = await world.bet(bet)
    assert (row["stake"], row["version"], row["price"]) == (2550, 2, Decimal("2.5"))
    assert (await moves(world, bet))[1:] == [("STAKE", -1550, "Stake changed", hours(0.5), hours(50))]
    assert await world.balance() == 97_450


async def test_a_smaller_stake_gives_the_difference_back(world: World) -> None:
    bet = await world.place(stake="10.00")
    await change(world, bet, stake=Decimal(4))
    assert (await world.bet(bet))["stake"] == 400
    assert (await moves(world, bet))[1:] == [("REVERSAL", 600, "Stake changed", NOW, hours(50))]
    await change(world, bet, 2, stake=Decimal(4))
    assert len(await moves(world, bet)) == 2
    assert await world.balance() == 99_600


async def test_a_larger_stake_needs_funds_and_room(world: World) -> None:
    bet = await world.place(stake="10.00")
    poor = await refused(world, InsufficientFunds, change(world, bet, stake=Decimal("1000.01")), bet)
    assert (poor.available, poor.field) == (99_000, "input.stake.amount")
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, world.ann, Kind.STAKE, Period.MONTH, 3000, currency="EUR", machine=NOW)
        await set_limit(connection, world.ann, Kind.BET_COUNT, Period.MONTH, 1, machine=NOW)
    await refused(world, LimitReached, change(world, bet, stake=Decimal("30.01")), bet)
    await change(world, bet, stake=Decimal("30.00"))
    assert await world.balance() == 97_000


async def test_the_price_of_a_single_changes_with_its_edge(world: World) -> None:
    bet = await world.place()
    await change(world, bet, price=Decimal("3.1"))
    row = await world.bet(bet)
    (leg,) = row["legs"]
    assert row["price"] == leg["price"] == Decimal("3.1")
    assert leg["quote_sequence"] is None
    assert row["edge_at_placement"] == pytest.approx(leg["probability_at_placement"] * 3.1 - 1)
    several = await world.place(world.leg(1), world.leg(2))
    assert (await refused(world, Invalid, change(world, several, price=Decimal(3)), several)).field == (
        "input.decimalOdds"
    )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"stake": Decimal(0)}, "input.stake.amount"),
    ({"stake": Decimal("1e30")}, "input.stake.amount"),
    ({"stake": Decimal("1.001")}, "input.stake.amount"),
    ({"stake": Decimal(5), "currency": "USD"}, "input.stake.currencyCode"),
    ({"price": Decimal(1)}, "input.decimalOdds"),
    ({"price": Decimal("2.00001")}, "input.decimalOdds"),
    ({"notes": "a\0b"}, "input.notes"),
]


async def test_a_bad_change_is_named_and_changes_nothing(world: World) -> None:
    bet = await world.place()
    for told, field in BAD:
        error = await refused(world, Invalid, change(world, bet, **told), bet)
        assert (told, error.field) == (told, field)


async def test_what_would_come_back_is_an_amount_of_money(world: World) -> None:
    rich = await world.open_bankroll(world.ann, "9999999999999.00", is_paper=True)
    bet = await world.place(LegWanted(Decimal(2), description="Rain"), bankroll_id=rich, stake="4000000000000.00")
    too_much: list[tuple[dict[str, Any], str]] = [
        ({"price": Decimal("2.6")}, "input.decimalOdds"),
        ({"stake": Decimal(6_000_000_000_000)}, "input.stake.amount"),
    ]
    for told, field in too_much:
        assert (await refused(world, Invalid, change(world, bet, **told), bet)).field == field
    await change(world, bet, price=Decimal("2.5"))


async def test_what_was_read_before_must_be_what_is_there(world: World) -> None:
    bet = await world.place()
    await change(world, bet, notes="first")
    stale = await refused(world, Conflict, change(world, bet, 1, stake=Decimal(20)), bet)
    assert (stale.current_version, stale.field) == (2, "input.expectedVersion")
    answers = await asyncio.gather(
        *(change(world, bet, 2, stake=Decimal(n)) for n in range(11, 16)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 1
    assert all(answer is None or isinstance(answer, Conflict) for answer in answers)
    assert await world.balance() == 100_000 - (await world.bet(bet))["stake"]


async def test_stake_price_and_bet_stand_from_the_first_kick_off(world: World) -> None:
    bet = await world.place(world.leg(0), world.leg(3))
    attempts = {
        "input.stake": change(world, bet, stake=Decimal(5), now=hours(1)),
        "input.decimalOdds": change(world, bet, price=Decimal(5), now=hours(1)),
        "input.id": delete(world, bet, now=hours(1)),
    }
    for field, attempt in attempts.items():
        error = await refused(world, MarketClosed, attempt, bet)
        assert (error.field, error.status) == (field, "CLOSED")
    await world.db.execute("update match set status = 'CANCELLED' where id = $1", world.matches[3])
    assert (await refused(world, MarketClosed, delete(world, bet), bet)).status == "VOID"


async def test_a_settled_bet_stands(world: World) -> None:
    (bet,) = await make_bets(world.db, world.bankroll, [Wager(status="LOST")])
    for attempt in (change(world, bet, stake=Decimal(5)), change(world, bet, price=Decimal(5)), delete(world, bet)):
        assert (await refused(world, MarketClosed, attempt, bet)).status == "SETTLED"


async def test_a_bet_that_is_taken_back_returns_its_stake(world: World) -> None:
    bet = await world.place(stake="10.00", idempotency_key="monday-1")
    await change(world, bet, stake=Decimal(30))
    assert await delete(world, bet, now=hours(0.9)) == world.bankroll
    row = await world.bet(bet)
    assert (row["deleted_at"], row["status"], row["version"]) == (hours(50), "PENDING", 3)
    assert (await moves(world, bet))[2:] == [("REVERSAL", 3000, "Bet taken back", hours(0.9), hours(50))]
    assert await world.balance() == 100_000
    deed = await world.db.fetchrow("select entity_id, details from audit_entry where action = 'bet.delete'")
    assert deed is not None
    assert tuple(deed) == (str(bet), {"bankroll_id": world.bankroll, "stake": 3000, "currency": "EUR"})
    for attempt in (delete(world, bet), change(world, bet, 3, notes="x")):
        assert (await refused(world, NotFound, attempt, bet)).field == "input.id"
    assert await world.place(idempotency_key="monday-1", stake="10.00") == bet


async def test_words_have_no_kick_off(world: World) -> None:
    bet = await world.place(WORDS)
    await change(world, bet, stake=Decimal(20), now=hours(500))
    await delete(world, bet, now=hours(500))
    assert await world.balance() == 100_000
    mixed = await world.place(WORDS, world.leg(0))
    await refused(world, MarketClosed, delete(world, mixed, now=hours(2)), mixed)


async def test_a_bet_is_taken_back_once(world: World) -> None:
    """Of four who saw it standing and wait for its bankroll, one takes it back."""
    bet = await world.place(stake="10.00")
    async with world.database.transaction() as session:
        await lock_bankrolls(await connection_of(session), [world.bankroll])
        attempts = [asyncio.create_task(delete(world, bet)) for _ in range(4)]
        await waiting(world, 4)
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(answer == world.bankroll for answer in answers) == 1
    assert all(answer == world.bankroll or isinstance(answer, NotFound) for answer in answers)
    assert await world.balance() == 100_000


async def waiting(world: World, count: int) -> None:
    """Return once so many transactions wait for a lock."""
    for _ in range(2000):
        blocked = await world.db.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        if blocked >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{count} transactions never waited at once")


async def test_somebody_elses_bet_does_not_exist(world: World) -> None:
    bet = await world.place()
    errors = [
        await refused(world, NotFound, change(world, bet, notes="x", account=world.bob), bet),
        await refused(world, NotFound, delete(world, bet, account=world.bob), bet),
        await refused(world, NotFound, delete(world, 404), bet),
    ]
    assert {(error.message, error.field) for error in errors} == {("You have no such bet.", "input.id")}


async def test_a_match_with_a_new_date_opens_its_bets_again(world: World) -> None:
    bet = await world.place()
    await world.db.execute(
        "update match set status = 'POSTPONED', kickoff_at = $2 where id = $1",
        world.matches[0],
        NOW + timedelta(days=30),
    )
    await delete(world, bet, now=hours(20))
    assert await world.balance() == 100_000
