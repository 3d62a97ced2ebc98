"""A bet settled by its owner: what they may say, and that it stands from then on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.infra.database import Database
from domain.infra.errors import Conflict, Invalid, NotFound
from tests.domain.bets.settling import KICKOFF, LATER, OVER, MatchDay, match_day
from tests.factories import MARKETS, hours

HOME = "match_result::ft/home"
QUARTER = "total_goals:2.25:ft/over"
WHOLE = "total_goals:2:ft/over"
CORNERS = "total_corners:9.5:ft/over"
THROW_IN = (None, "First throw-in to Arsenal", "1.80")


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def test_a_leg_of_ones_own_is_settled_at_any_time(day: MatchDay) -> None:
    bet = await day.bet(THROW_IN)
    await day.settle_by_hand(bet, "WON", at=hours(-1))
    row = await day.row(bet)
    assert (row["status"], row["payout"], row["is_settled_by_hand"], row["version"], row["settled_at"]) == (
        "WON",
        1800,
        True,
        2,
        hours(-1),
    )
    [verdict] = await day.verdicts(bet)
    assert (verdict["cause"], verdict["is_effective"], verdict["leg_results"], verdict["job_id"]) == (
        "BY_HAND",
        True,
        ["WON"],
        None,
    )
    assert verdict["trace"] == [
        "First throw-in to Arsenal: settled by hand, won.",
        "Stake 10.00 EUR × 1.80 = 18.00 EUR returned.",
    ]
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 1800)]
    assert await day.balance() == 100_800
    [leg] = await day.legs(bet)
    assert (leg["result"], leg["judged_at"], leg["closing_note"]) == ("WON", None, None)


async def test_what_facts_do_not_tell_is_settled_by_hand_after_kick_off(day: MatchDay) -> None:
    bet = await day.bet((0, CORNERS, "1.90"), THROW_IN)
    with pytest.raises(Invalid, match=r"input.legResults.0: Arsenal v Chelsea kicks off at 2026-03-14 13:00 UTC"):
        await day.settle_by_hand(bet, "WON", "WON", at=KICKOFF - timedelta(seconds=1))
    assert (await day.state(bet), await day.entries(bet)) == (("PENDING", None), [("STAKE", -1000)])
    await day.settle_by_hand(bet, "WON", "VOID", at=KICKOFF)
    assert await day.state(bet) == ("WON", 1900)


async def test_a_postponed_match_can_be_settled_once_it_should_have_begun(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.move(0, KICKOFF + timedelta(hours=47), status="POSTPONED")
    await day.settle_by_hand(bet, "VOID", at=KICKOFF)
    assert await day.state(bet) == ("VOID", 1000)


async def test_nobody_elses_bet_exists(day: MatchDay) -> None:
    bet = await day.bet(THROW_IN)
    stranger, _ = await day.bettor("bob@example.com")
    for account, named in ((stranger, bet), (day.account, bet + 1)):
        with pytest.raises(NotFound, match="You have no such bet"):
            await day.settle_by_hand(named, "WON", account=account)
    await day.database.pool.execute("update bet set deleted_at = now() where id = $1", bet)
    with pytest.raises(NotFound):
        await day.settle_by_hand(bet, "WON")
    assert await day.state(bet) == ("PENDING", None)


async def test_a_version_that_is_not_the_newest_is_a_conflict(day: MatchDay) -> None:
    bet = await day.bet(THROW_IN)
    await day.settle_by_hand(bet, "WON")
    with pytest.raises(Conflict) as caught:
        await day.settle_by_hand(bet, "LOST", version=1)
    assert (caught.value.current_version, caught.value.field) == (2, "input.expectedVersion")
    assert await day.state(bet) == ("WON", 1800)


@pytest.mark.parametrize(
    ("outcome", "refused", "says"),
    [
        (HOME, "PUSH", "can be WON, LOST, VOID"),
        (HOME, "HALF_WON", "can be WON, LOST, VOID"),
        (WHOLE, "HALF_LOST", "can be WON, PUSH, LOST, VOID"),
        (QUARTER, "PUSH", "can be WON, HALF_WON, HALF_LOST, LOST, VOID"),
        (HOME, "CASHED_OUT", "can be WON, LOST, VOID"),
    ],
)
async def test_a_leg_has_only_results_that_its_market_can_have(
    day: MatchDay, outcome: str, refused: str, says: str
) -> None:
    bet = await day.bet((0, outcome, "2.10"))
    with pytest.raises(Invalid, match=says) as caught:
        await day.settle_by_hand(bet, refused)
    assert caught.value.field == "input.legResults.0"
    assert await day.verdicts(bet) == []


async def test_every_leg_needs_a_result(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"), THROW_IN)
    with pytest.raises(Invalid, match="give a result for each of the 2 legs"):
        await day.settle_by_hand(bet, "WON")


async def test_an_owner_corrects_how_a_bet_was_settled(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.factory.prices(day.matches, markets=MARKETS, at=hours(0.5))
    await day.play(0, "1-0")
    await day.settle()
    closing = (await day.row(bet))["closing_line_value"]
    await day.settle_by_hand(bet, "LOST", version=2, at=LATER)
    assert await day.state(bet) == ("LOST", 0)
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 2100), ("REVERSAL", -2100)]
    assert await day.balance() == 99_000
    assert [verdict["cause"] for verdict in await day.verdicts(bet)] == ["RESULT", "BY_HAND"]
    assert closing is not None
    assert (await day.row(bet))["closing_line_value"] == closing


async def test_the_verdict_of_the_facts_is_kept_beside_once(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.settle_by_hand(bet, "LOST", at=KICKOFF)
    await day.play(0, "1-0")
    settled = await day.settle()
    assert (settled.count, set(settled.accounts)) == (1, {day.account})
    row = await day.row(bet)
    assert (row["status"], row["payout"], row["version"], row["settled_at"]) == ("LOST", 0, 2, KICKOFF)
    assert (await day.legs(bet))[0]["result"] == "LOST"
    by_hand, beside = await day.verdicts(bet)
    assert (beside["status"], beside["payout"], beside["cause"], beside["is_effective"], beside["sequence"]) == (
        "WON",
        2100,
        "RESULT",
        False,
        2,
    )
    assert beside["trace"][0] == "Arsenal v Chelsea: Home win: the score was 1-0: won."
    assert await day.entries(bet) == [("STAKE", -1000)]
    await day.play(0, "2-0", at=LATER)
    assert (await day.settle(LATER)).count == 0
    await day.play(0, "2-2", at=LATER + timedelta(minutes=1))
    assert (await day.settle(LATER)).count == 1
    assert [(one["status"], one["cause"], one["is_effective"]) for one in await day.verdicts(bet)][2:] == [
        ("LOST", "CORRECTED_RESULT", False)
    ]
    assert await day.state(bet) == ("LOST", 0)
    assert by_hand["is_effective"]


async def test_a_correction_by_hand_stands_against_later_facts(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.play(0, "1-0")
    await day.settle()
    await day.settle_by_hand(bet, "VOID", version=2)
    assert (await day.settle(LATER)).count == 0
    await day.play(0, "1-1", at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("VOID", 1000)
    assert [(one["status"], one["is_effective"]) for one in await day.verdicts(bet)] == [
        ("WON", True),
        ("VOID", True),
        ("LOST", False),
    ]


async def test_what_was_done_is_in_the_audit_log(day: MatchDay) -> None:
    bet = await day.bet(THROW_IN)
    await day.settle_by_hand(bet, "WON", at=OVER)
    row = await day.database.pool.fetchrow("select * from audit_entry where action = 'bet.settle'")
    assert row is not None
    assert (row["account_id"], row["entity_type"], row["entity_id"]) == (day.account, "Bet", str(bet))
    assert row["details"]["after"] == {"status": "WON", "payout": 1800, "legs": ["WON"]}
