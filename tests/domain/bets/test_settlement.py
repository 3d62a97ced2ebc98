"""Bets settle by themselves when their matches are decided, once, with money, words and closing value."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.bets.due import CORRECTED_WITHIN
from domain.bets.past import PastBet
from domain.bets.settlement import settle_due
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from tests.domain.bets.settling import KICKOFF, LATER, OVER, PLACED, MatchDay, match_day
from tests.factories import MARKETS, hours

HOME = "match_result::ft/home"
OVER_25 = "total_goals:2.5:ft/over"
OVER_225 = "total_goals:2.25:ft/over"
CORNERS = "total_corners:9.5:ft/over"
HANDICAP = "asian_handicap:-0.75:ft/home"


@pytest.fixture
async def day(database: Database) -> MatchDay:
    return await match_day(database)


async def test_a_won_bet_returns_stake_times_price(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    assert await day.balance() == 99_000
    await day.play(0, "2-1")
    settled = await day.settle()
    assert (settled.count, set(settled.accounts), settled.has_more) == (1, {day.account}, False)
    row = await day.row(bet)
    assert (row["status"], row["payout"], row["settled_at"], row["version"]) == ("WON", 2100, OVER, 2)
    assert not row["is_settled_by_hand"]
    [leg] = await day.legs(bet)
    assert (leg["result"], leg["judged_at"]) == ("WON", OVER)
    [verdict] = await day.verdicts(bet)
    assert (verdict["status"], verdict["payout"], verdict["cause"], verdict["is_effective"]) == (
        "WON",
        2100,
        "RESULT",
        True,
    )
    assert (verdict["leg_results"], verdict["settled_at"], verdict["job_id"]) == (["WON"], OVER, "job")
    assert verdict["trace"] == [
        "Arsenal v Chelsea: Home win: the score was 2-1: won.",
        "Stake 10.00 EUR × 2.10 = 21.00 EUR returned.",
    ]
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 2100)]
    assert await day.balance() == 101_100
    entry = await day.database.pool.fetchrow("select * from bankroll_entry where kind = 'RETURN'")
    assert entry is not None
    assert (entry["settlement_id"], entry["occurred_at"]) == (verdict["id"], OVER)


@pytest.mark.parametrize(
    ("outcome", "score", "state", "arithmetic"),
    [
        (HOME, "0-1", ("LOST", 0), "Stake 10.00 EUR × 0 = 0.00 EUR returned."),
        (OVER_225, "1-1", ("HALF_LOST", 500), "Stake 10.00 EUR × 1 / 2 = 5.00 EUR returned."),
        (HANDICAP, "1-0", ("HALF_WON", 1525), "Stake 10.00 EUR × (1 + 2.05) / 2 = 15.25 EUR returned."),
        ("total_goals:2:ft/over", "1-1", ("PUSH", 1000), "Stake 10.00 EUR × 1 = 10.00 EUR returned."),
    ],
)
async def test_every_result_returns_its_share(
    day: MatchDay, outcome: str, score: str, state: tuple[str, int], arithmetic: str
) -> None:
    bet = await day.bet((0, outcome, "2.05"))
    await day.play(0, score)
    await day.settle()
    assert await day.state(bet) == state
    assert (await day.verdicts(bet))[0]["trace"][-1] == arithmetic
    assert await day.balance() == 99_000 + state[1]
    returns = [("RETURN", state[1])] if state[1] else []
    assert await day.entries(bet) == [("STAKE", -1000), *returns]


@pytest.mark.parametrize("status", ["ABANDONED", "AWARDED", "CANCELLED"])
async def test_what_was_not_played_returns_the_stake(day: MatchDay, status: str) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.play(0, "3-0", status=status)
    await day.settle()
    assert await day.state(bet) == ("VOID", 1000)
    [leg] = await day.legs(bet)
    assert (leg["closing_probability"], leg["closing_note"]) == (None, "The leg is void, so no closing price counts.")
    assert await day.balance() == 100_000


async def test_nothing_is_settled_before_the_end(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    for status in ("LIVE", "HALF_TIME", "SUSPENDED", "POSTPONED", "SCHEDULED"):
        await day.play(0, "1-0", status=status)
        assert (await day.settle()).count == 0
    assert await day.state(bet) == ("PENDING", None)
    assert (await day.legs(bet))[0]["judged_at"] is None


async def test_a_missing_fact_is_waited_for(day: MatchDay) -> None:
    bet = await day.bet((0, CORNERS, "1.90"))
    await day.play(0, "1-0")
    settled = await day.settle()
    assert (settled.count, settled.accounts, settled.has_more) == (0, frozenset(), False)
    assert await day.state(bet) == ("PENDING", None)
    [leg] = await day.legs(bet)
    assert (leg["result"], leg["judged_at"]) == (None, OVER)
    await day.play(0, "1-0", corners="6-5", at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("WON", 1900)


async def test_a_fact_that_comes_long_after_the_match_still_settles(day: MatchDay) -> None:
    bet = await day.bet((0, CORNERS, "1.90"))
    await day.play(0, "1-0")
    await day.settle()
    long_after = KICKOFF + 2 * CORRECTED_WITHIN
    await day.play(0, "1-0", corners="1-1", at=long_after)
    assert (await day.settle(long_after)).count == 1
    assert await day.state(bet) == ("LOST", 0)


async def test_a_match_moved_by_more_than_48_hours_voids(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.move(0, KICKOFF + timedelta(hours=48), status="POSTPONED")
    assert (await day.settle()).count == 0
    await day.move(0, KICKOFF + timedelta(hours=48, minutes=1), at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("VOID", 1000)
    assert (await day.verdicts(bet))[0]["trace"][0] == (
        "Arsenal v Chelsea: the match was moved by more than 48 hours: void, the stake is returned."
    )


async def test_a_bet_placed_after_the_move_stands(day: MatchDay) -> None:
    earlier = await day.bet((0, HOME, "2.10"))
    await day.move(0, KICKOFF + timedelta(days=7), at=PLACED)
    later = await day.bet((0, HOME, "2.10"))
    await day.settle()
    assert (await day.state(earlier), await day.state(later)) == (("VOID", 1000), ("PENDING", None))
    await day.play(0, "1-0", at=KICKOFF + timedelta(days=8))
    await day.settle(KICKOFF + timedelta(days=8))
    assert (await day.state(earlier), await day.state(later)) == (("VOID", 1000), ("WON", 2100))
    assert len(await day.verdicts(earlier)) == 1


async def test_a_match_moved_back_is_settled_by_its_result_and_never_pending_again(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.move(0, KICKOFF + timedelta(days=7))
    await day.settle()
    await day.move(0, KICKOFF + timedelta(hours=2), at=OVER + timedelta(minutes=1))
    assert (await day.settle()).count == 0
    assert await day.state(bet) == ("VOID", 1000)
    await day.play(0, "1-0", at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("WON", 2100)
    assert [verdict["cause"] for verdict in await day.verdicts(bet)] == ["RESULT", "CORRECTED_RESULT"]
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 1000), ("REVERSAL", -1000), ("RETURN", 2100)]


async def test_an_accumulator_is_settled_with_its_last_leg(day: MatchDay) -> None:
    bet = await day.bet((0, HANDICAP, "3.00"), (1, OVER_25, "1.50"), (2, HOME, "2.00"))
    await day.play(0, "1-0")
    assert (await day.settle()).count == 0
    assert [leg["result"] for leg in await day.legs(bet)] == ["HALF_WON", None, None]
    await day.play(1, None, status="CANCELLED", at=OVER + timedelta(minutes=1))
    assert (await day.settle()).count == 0
    await day.play(2, "2-0", at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("HALF_WON", 4000)
    [verdict] = await day.verdicts(bet)
    assert verdict["leg_results"] == ["HALF_WON", "VOID", "WON"]
    assert verdict["trace"] == [
        "Arsenal v Chelsea: Home -0.75: the stake is split on -0.5 and -1; the score was 1-0: "
        "half is won, half is returned.",
        "Everton v Fulham: Over 2.5 goals: the match was cancelled: void, the stake is returned.",
        "Leeds v Burnley: Home win: the score was 2-0: won.",
        "Stake 10.00 EUR × (1 + 3.00) / 2 × 1 × 2.00 = 40.00 EUR returned.",
    ]


async def test_an_accumulator_is_lost_with_its_first_lost_leg(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "3.00"), (1, OVER_25, "1.50"), (None, "Somebody scores first", "4.00"))
    await day.play(0, "0-1")
    assert (await day.settle()).count == 1
    assert await day.state(bet) == ("LOST", 0)
    [verdict] = await day.verdicts(bet)
    assert verdict["leg_results"] == ["LOST", "PENDING", "PENDING"]
    assert verdict["trace"] == [
        "Arsenal v Chelsea: Home win: the score was 0-1: lost.",
        "Everton v Fulham: Over 2.5 goals: not decided and not needed.",
        "Somebody scores first: not decided and not needed.",
        "Stake 10.00 EUR × 0 = 0.00 EUR returned.",
    ]
    await day.play(1, "3-0", at=LATER)
    assert (await day.settle(LATER)).count == 0
    assert [leg["result"] for leg in await day.legs(bet)] == ["LOST", "WON", None]
    assert (await day.row(bet))["version"] == 2


async def test_an_accumulator_of_void_legs_is_void(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "3.00"), (1, OVER_25, "1.50"))
    for match in (0, 1):
        await day.play(match, None, status="CANCELLED")
    await day.settle()
    assert await day.state(bet) == ("VOID", 1000)


async def test_a_leg_that_only_its_owner_can_settle_keeps_a_bet_open(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "3.00"), (None, "Somebody scores first", "4.00"))
    await day.play(0, "1-0")
    assert (await day.settle()).count == 0
    assert await day.state(bet) == ("PENDING", None)


async def test_settling_again_changes_nothing(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.play(0, "2-1")
    await day.settle()
    before = await day.database.pool.fetch("select * from bet_leg"), await day.row(bet), await day.balance()
    for _ in range(3):
        assert (await day.settle(LATER)).count == 0
    assert before == (await day.database.pool.fetch("select * from bet_leg"), await day.row(bet), await day.balance())
    assert len(await day.verdicts(bet)) == 1


async def test_the_same_result_told_again_is_no_new_verdict(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.play(0, "2-1")
    await day.settle()
    await day.play(0, "3-1", at=LATER)
    assert (await day.settle(LATER)).count == 0
    assert (len(await day.verdicts(bet)), (await day.row(bet))["version"]) == (1, 2)
    assert (await day.legs(bet))[0]["judged_at"] == LATER


async def test_a_corrected_result_reverses_and_returns_anew(day: MatchDay) -> None:
    bet = await day.bet((0, HANDICAP, "2.00"))
    await day.play(0, "1-0")
    await day.settle()
    assert await day.state(bet) == ("HALF_WON", 1500)
    await day.play(0, "2-0", at=LATER)
    assert (await day.settle(LATER)).accounts == {day.account}
    assert await day.state(bet) == ("WON", 2000)
    first, second = await day.verdicts(bet)
    assert (first["status"], second["status"], second["cause"], second["is_effective"]) == (
        "HALF_WON",
        "WON",
        "CORRECTED_RESULT",
        True,
    )
    assert second["trace"][0] == "The result was corrected."
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 1500), ("REVERSAL", -1500), ("RETURN", 2000)]
    assert await day.balance() == 101_000
    row = await day.row(bet)
    assert (row["settled_at"], row["version"]) == (LATER, 3)


async def test_a_correction_may_take_back_what_was_spent(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "3.00"), stake=100_000)
    await day.play(0, "1-0")
    await day.settle()
    await day.bet((1, HOME, "3.00"), stake=300_000)
    await day.play(0, "1-1", at=LATER)
    await day.settle(LATER)
    assert await day.entries(bet) == [("STAKE", -100_000), ("RETURN", 300_000), ("REVERSAL", -300_000)]
    assert await day.balance() == -300_000


async def test_a_correction_that_returns_the_same_moves_no_money(day: MatchDay) -> None:
    bet = await day.bet((0, "total_goals:2:ft/over", "2.00"))
    await day.play(0, "1-1")
    await day.settle()
    await day.play(0, "1-1", status="AWARDED", at=LATER)
    await day.settle(LATER)
    assert [verdict["status"] for verdict in await day.verdicts(bet)] == ["PUSH", "VOID"]
    assert await day.entries(bet) == [("STAKE", -1000), ("RETURN", 1000)]


async def test_a_lost_accumulator_waits_for_its_corrected_legs(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "3.00"), (1, OVER_25, "1.50"))
    await day.play(0, "0-1")
    await day.settle()
    await day.play(0, "1-1", at=LATER)
    await day.play(0, "2-1", at=LATER)
    assert (await day.settle(LATER)).count == 0
    assert await day.state(bet) == ("LOST", 0)
    await day.play(1, "3-0", at=LATER)
    assert (await day.settle(LATER)).count == 1
    assert await day.state(bet) == ("WON", 4500)


async def test_a_result_corrected_after_three_months_is_for_the_owner_to_settle(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.play(0, "1-0")
    await day.settle()
    await day.play(0, "0-0", at=LATER)
    assert (await day.settle(KICKOFF + CORRECTED_WITHIN)).count == 0
    assert await day.state(bet) == ("WON", 2100)
    assert (await day.settle(KICKOFF + CORRECTED_WITHIN - timedelta(seconds=1))).count == 1


async def test_a_bet_that_was_taken_back_is_left_alone(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.10"))
    await day.database.pool.execute("update bet set deleted_at = now() where id = $1", bet)
    await day.play(0, "1-0")
    assert (await day.settle()).count == 0
    assert (await day.state(bet), await day.verdicts(bet)) == (("PENDING", None), [])
    assert not (await day.settle()).has_more


async def test_what_a_file_said_of_a_bet_stands(day: MatchDay) -> None:
    [bet] = await day.bets([PastBet(PLACED, 1000, [day.leg(0, HOME, "2.10", result="LOST")])])
    await day.factory.prices(day.matches, markets=MARKETS, at=hours(0.5))
    await day.play(0, "1-0")
    assert (await day.settle()).count == 0
    assert (await day.state(bet), len(await day.verdicts(bet))) == (("LOST", 0), 1)
    row, [leg] = await day.row(bet), await day.legs(bet)
    assert (leg["result"], leg["judged_at"], leg["closing_note"]) == ("LOST", OVER, "Pinnacle")
    assert row["closing_line_value"] == pytest.approx(2.1 * leg["closing_probability"] - 1)


async def test_settlements_of_an_account_count_without_a_hole(day: MatchDay) -> None:
    other = await day.bettor("bob@example.com")
    for match in (0, 1, 2):
        for owner in (None, other):
            await day.bet((match, HOME, "2.00"), owner=owner)
    for match, at in enumerate((OVER, OVER + timedelta(minutes=1), LATER)):
        await day.play(match, "1-0", at=at)
        await day.settle(at)
    await day.play(0, "0-0", at=LATER)
    await day.settle(LATER)
    for account in (day.account, other[0]):
        rows = await day.database.pool.fetch(
            "select sequence from settlement where account_id = $1 order by id", account
        )
        assert [row["sequence"] for row in rows] == [1, 2, 3, 4]
        assert await day.database.pool.fetchval("select position from bettor where account_id = $1", account) == 4


async def test_many_bets_take_few_rounds_and_each_bet_one_verdict(day: MatchDay) -> None:
    legs = [day.leg(match, HOME, "2.00") for match in (0, 1, 2)]
    await day.bets([PastBet(PLACED, 100, [legs[n % 3]]) for n in range(25)])
    for match in (0, 1, 2):
        await day.play(match, "1-0")
    rounds = [await day.settle(limit=10) for _ in range(3)]
    assert [(one.count, one.has_more) for one in rounds] == [(10, True), (10, True), (5, False)]
    assert await day.database.pool.fetchval("select count(distinct bet_id) from settlement") == 25
    assert await day.balance() == 100_000 + 25 * 100


async def test_a_limit_below_the_legs_of_an_accumulator_still_gets_on(day: MatchDay) -> None:
    bet = await day.bet((0, HOME, "2.00"), (1, HOME, "2.00"), (2, HOME, "2.00"))
    for match in (0, 1, 2):
        await day.play(match, "1-0")
    assert (await day.settle(limit=1)).has_more
    assert await day.state(bet) == ("WON", 8000)
    assert (await day.settle(limit=1)).count == 0


async def test_currencies_have_their_own_minor_units(day: MatchDay) -> None:
    yen = day.account, await day.bankroll_in("JPY", 10_000)
    bet = await day.bet((0, HANDICAP, "1.95"), stake=1001, owner=yen)
    await day.play(0, "1-0")
    await day.settle()
    assert await day.state(bet) == ("HALF_WON", 1476)
    assert (await day.verdicts(bet))[0]["trace"][-1] == "Stake 1001 JPY × (1 + 1.95) / 2 = 1476 JPY returned."
    assert await day.balance(yen[1]) == 10_475


async def test_many_bets_take_as_many_statements_as_one(day: MatchDay) -> None:
    counts = []
    for number, bets in enumerate((1, 1, 40)):  # the first also learns types of the connection
        await day.bets([PastBet(PLACED, 100, [day.leg(number, HOME, "2.00")]) for _ in range(bets)])
        await day.play(number, "1-0")
        asked: list[str] = []
        async with day.database.transaction() as session:
            connection = await connection_of(session)
            with connection.query_logger(lambda record, asked=asked: asked.append(record.query)):
                settled = await settle_due(connection, now=OVER, machine=machine_now(), job_id="job")
        assert settled.count == bets
        counts.append(len(asked))
    assert counts[1] == counts[2] <= 16
