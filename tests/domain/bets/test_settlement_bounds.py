"""Payouts that no bankroll can hold: they wait for their owner, and nobody else waits for them."""

from __future__ import annotations

import pytest

from domain.bets.past import PastBet
from domain.infra.database import Database
from domain.infra.errors import Invalid
from domain.money import LARGEST
from tests.bettors import move_money
from tests.domain.bets.settling import KICKOFF, LATER, OVER, MatchDay, match_day

HOME = "match_result::ft/home"
BIG = LARGEST // 1000


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def test_thousands_of_the_largest_payouts_stop_nobody(day: MatchDay) -> None:
    """Together they are more than the database can add to a balance."""
    leg = day.leg(0, HOME, "1000")
    await day.bets([PastBet(KICKOFF, BIG // 1000, [leg, day.leg(1, HOME, "1000")]) for _ in range(10_000)])
    other = await day.bettor("other@example.com")
    theirs = await day.bet((0, HOME, "2.00"), owner=other)
    await day.play(0, "1-0")
    await day.play(1, "1-0")
    while (await day.settle()).has_more:
        pass
    assert await day.state(theirs) == ("WON", 2000)
    assert await day.balance(other[1]) == 101_000
    assert await day.balance() <= LARGEST
    assert (await day.settle()).count == 0


async def test_a_payout_too_much_is_kept_beside_until_there_is_room(day: MatchDay) -> None:
    first = await day.bet((0, HOME, "1000"), stake=BIG)
    second = await day.bet((0, HOME, "3.00"), stake=2000)
    await move_money(day.database.pool, day.bankroll, BIG, at=KICKOFF)
    await day.play(0, "1-0")
    assert (await day.settle()).count == 2
    assert await day.state(first) == ("PENDING", None)
    assert await day.state(second) == ("WON", 6000)
    assert (await day.legs(first))[0]["result"] == "WON"
    [kept] = await day.verdicts(first)
    refusal = "would hold more than 10000000000000.00 EUR: record a withdrawal, then settle the bet by hand."
    assert (kept["status"], kept["is_effective"]) == ("WON", False)
    assert kept["trace"][-1] == f"Not paid: the bankroll {refusal}"
    assert await day.entries(first) == [("STAKE", -BIG)]
    assert (await day.settle(LATER)).count == 0

    with pytest.raises(Invalid, match=f"input.legResults: the bankroll {refusal}"):
        await day.settle_by_hand(first, "WON")
    for amount, is_enough in ((103_999, False), (1, True)):
        await move_money(day.database.pool, day.bankroll, -amount, kind="WITHDRAWAL", at=OVER)
        if not is_enough:
            with pytest.raises(Invalid, match="would hold more than"):
                await day.settle_by_hand(first, "WON")
    await day.settle_by_hand(first, "WON")
    assert await day.balance() == LARGEST
    assert await day.state(first) == ("WON", LARGEST)


async def test_payouts_of_one_round_add_up(day: MatchDay) -> None:
    bets = [await day.bet((0, HOME, "500"), stake=BIG) for _ in range(3)]
    assert await day.balance() == 100_000 - 3 * BIG
    await day.play(0, "1-0")
    await day.settle()
    assert [await day.state(bet) for bet in bets] == [("WON", LARGEST // 2)] * 2 + [("PENDING", None)]
    assert await day.balance() == 100_000 - 3 * BIG + LARGEST


async def test_a_corrected_result_can_always_take_money_back(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"))
    await day.play(0, "1-0")
    await day.settle()
    await move_money(day.database.pool, day.bankroll, LARGEST, at=OVER)
    await day.play(0, "0-1", at=LATER)
    await day.settle(LATER)
    assert await day.state(bet) == ("LOST", 0)
