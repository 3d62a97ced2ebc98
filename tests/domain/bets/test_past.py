"""Recording bets of the past: thousands at once, settled as they are told, counted for no limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from domain.bets.past import PastBet, PastLeg, record_past
from domain.care.rules import Kind, Period
from domain.care.service import set_limit
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid, NotFound
from domain.money import LARGEST
from tests.betting_world import DRAW, World, make_world
from tests.factories import NOW, hours
from touchline import RESULT

MACHINE = hours(90)


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def recorded(
    world: World, *bets: PastBet, source: str = "IMPORT", account: int | None = None, now: Any = NOW
) -> list[int]:
    async with world.database.transaction() as session:
        return await record_past(
            await connection_of(session),
            account or world.ann,
            world.bankroll,
            bets,
            now=now,
            machine=MACHINE,
            source=source,
        )


def words(price: str = "2.00", result: str | None = None, **told: Any) -> PastLeg:
    return PastLeg(Decimal(price), "First scorer: Saka", result=result, **told)


def past(*legs: PastLeg, days: int = 10, stake: int = 1000, **told: Any) -> PastBet:
    return PastBet(NOW - timedelta(days=days), stake, legs or (words(),), **told)


async def settlements(world: World) -> list[asyncpg.Record]:
    return await world.db.fetch("select * from settlement order by sequence")


async def moves(world: World, bet: int) -> list[tuple[Any, ...]]:
    rows = await world.db.fetch(
        """select kind, amount, occurred_at, recorded_at, settlement_id from bankroll_entry
           where bet_id = $1 order by id""",
        bet,
    )
    return [tuple(row) for row in rows]


async def test_a_settled_bet_of_the_past_is_all_there(world: World) -> None:
    over = NOW - timedelta(days=9)
    bet = past(
        words("2.50", bookmaker_name="Corner café"),
        result="WON",
        settled_at=over,
        tags=["old", "x"],
        notes="Café",
        import_digest="line 1",
    )
    (made,) = await recorded(world, bet)
    row = await world.bet(made)
    (leg,) = row["legs"]
    assert (row["kind"], row["status"], row["stake"], row["payout"]) == ("SINGLE", "WON", 1000, 2500)
    assert (row["source"], row["tags"], row["notes"], row["import_digest"]) == (
        "IMPORT",
        ["old", "x"],
        "Café",
        "line 1",
    )
    assert (row["placed_at"], row["settled_at"], row["recorded_at"]) == (bet.placed_at, over, MACHINE)
    assert (leg["description"], leg["bookmaker_name"], leg["price"], leg["result"]) == (
        "First scorer: Saka",
        "Corner café",
        Decimal("2.5"),
        "WON",
    )
    (verdict,) = await settlements(world)
    assert (verdict["bet_id"], verdict["sequence"], verdict["status"], verdict["payout"]) == (made, 1, "WON", 2500)
    assert (verdict["cause"], verdict["is_effective"], verdict["leg_results"]) == ("IMPORT", True, ["WON"])
    assert verdict["trace"] == ["As the file says: WON, 25.00 EUR came back."]
    assert await moves(world, made) == [
        ("STAKE", -1000, bet.placed_at, MACHINE, None),
        ("RETURN", 2500, over, MACHINE, verdict["id"]),
    ]
    assert await world.balance() == 101_500


async def test_what_came_back_follows_from_the_results_or_is_told(world: World) -> None:
    told = {
        "lost": (past(result="LOST"), "LOST", 0, ["LOST"]),
        "half": (past(words("3.00", "HALF_WON")), "HALF_WON", 2000, ["HALF_WON"]),
        "void": (past(result="VOID"), "VOID", 1000, ["VOID"]),
        "boosted": (past(words("2.00", "WON"), payout=2150), "WON", 2150, ["WON"]),
        "all won": (past(words(), words("3.00"), result="WON"), "WON", 6000, ["WON", "WON"]),
        "one lost": (past(words("2.00", "WON"), words("3.00", "LOST")), "LOST", 0, ["WON", "LOST"]),
        "some lost": (past(words(), words(), result="LOST"), "LOST", 0, []),
        "some void": (past(words(), words(), result="WON", payout=2000), "WON", 2000, ["WON", "WON"]),
        "split": (past(words(), words(), result="HALF_WON", payout=1500), "HALF_WON", 1500, []),
        "open": (past(), "PENDING", None, None),
        "open and won": (past(words("2.00", "WON"), words()), "PENDING", None, None),
    }
    made = await recorded(world, *(bet for bet, *_ in told.values()))
    verdicts = {row["bet_id"]: row["leg_results"] for row in await settlements(world)}
    for bet_id, (name, (_, status, payout, results)) in zip(made, told.items(), strict=True):
        row = await world.bet(bet_id)
        assert (name, row["status"], row["payout"], verdicts.get(bet_id)) == (name, status, payout, results)
    total = sum((payout or 0) - 1000 for _, _, payout, _ in told.values())
    assert await world.balance() == 100_000 + total


async def test_a_commission_is_taken_unless_a_file_tells_odds_after_it(world: World) -> None:
    await world.db.execute("update bookmaker set commission = 0.05 where key = 'corner'")
    bets = past(words("3.00", "WON", bookmaker_id=world.books["corner"])), past(words("3.00", "WON"))
    kept = {"MANUAL": ("0.0500", 2900), "IMPORT": ("0.0000", 3000)}
    for source, (commission, payout) in kept.items():
        at_exchange, typed = [await world.bet(bet) for bet in await recorded(world, *bets, source=source)]
        assert (str(at_exchange["legs"][0]["commission"]), at_exchange["payout"]) == (commission, payout)
        assert (str(typed["legs"][0]["commission"]), typed["payout"]) == ("0.0000", 3000)


@pytest.mark.parametrize("result", ["WON", "LOST"])
async def test_a_balance_without_measure_is_refused(world: World, result: str) -> None:
    """No number of the largest bets can bring a balance where a settlement could not add to it."""
    largest = past(words("1.0001", result), stake=LARGEST - 10**12)
    before = await world.rows()
    with pytest.raises(Invalid, match=r"input.bankrollId: with these bets it would hold more than 10000000000000.00"):
        await recorded(world, largest, largest)
    assert await world.rows() == before


async def test_what_nobody_can_know_is_refused(world: World) -> None:
    before = await world.rows()
    with pytest.raises(ValueError, match="tell the payout"):
        await recorded(world, past(), past(words(), words(), result="HALF_WON"))
    with pytest.raises(ValueError, match="MAYBE"):
        await recorded(world, past(result="MAYBE"))
    assert await world.rows() == before


async def test_a_selection_of_ours_gets_the_belief_of_its_time(world: World) -> None:
    await world.factory.forecasts(world.matches[:1], at=hours(-2))
    leg = PastLeg(Decimal("3.05"), match_id=world.matches[0], selection_id=world.selection(DRAW))
    leg = replace(leg, bookmaker_id=world.books["corner"])
    typed = replace(leg, bookmaker_id=None, bookmaker_name="Corner café")
    await world.db.execute("update bookmaker set commission = 0.05 where key = 'corner'")
    made = await recorded(
        world,
        PastBet(hours(-20), 500, [leg]),
        PastBet(hours(-1), 500, [typed]),
        PastBet(hours(-30), 500, [typed]),
        source="MANUAL",
    )
    first, second, third = [await world.bet(bet) for bet in made]
    shown = await world.db.fetch(
        """select p.id, p.predicted_at from prediction p join market k on k.id = p.market_id
           where p.match_id = $1 and k.key = 'match_result::ft' order by p.id""",
        world.matches[0],
    )
    assert [first["legs"][0]["prediction_id"], second["legs"][0]["prediction_id"]] == [row["id"] for row in shown]
    assert (third["legs"][0]["prediction_id"], third["edge_at_placement"]) == (None, None)
    probability = first["legs"][0]["probability_at_placement"]
    assert first["edge_at_placement"] == pytest.approx(probability * (1 + 2.05 * 0.95) - 1)
    assert second["edge_at_placement"] == pytest.approx(probability * 3.05 - 1)
    assert first["legs"][0]["description"] == "Home 0 v Away 0: Draw"
    assert first["legs"][0]["market_id"] == world.words.market_id(RESULT)
    assert (first["legs"][0]["kickoff_at"], first["legs"][0]["quote_sequence"]) == (hours(1), None)


async def test_a_match_without_a_selection_is_described(world: World) -> None:
    (made,) = await recorded(world, past(words(match_id=world.matches[0])))
    (leg,) = (await world.bet(made))["legs"]
    assert (leg["description"], leg["match_id"], leg["selection_id"]) == ("First scorer: Saka", None, None)


async def test_without_an_instant_a_bet_is_settled_when_its_match_is_over(world: World) -> None:
    await world.db.execute(
        "update match set status = 'FINISHED', home_goals = 1, away_goals = 1, result_at = $2 where id = $1",
        world.matches[0],
        hours(3),
    )
    known = PastLeg(Decimal(3), match_id=world.matches[0], selection_id=world.selection(DRAW), result="WON")
    made = await recorded(world, PastBet(hours(-5), 500, [known]), past(result="LOST"), now=hours(8))
    assert [(await world.bet(bet))["settled_at"] for bet in made] == [hours(3), NOW - timedelta(days=10)]


async def test_verdicts_are_numbered_in_their_order_behind_those_before(world: World) -> None:
    for day in (9, 7):
        early = past(result="WON", days=day, settled_at=NOW - timedelta(days=day))
        late = replace(early, settled_at=NOW - timedelta(days=day - 1))
        await recorded(world, late, early, past(days=day))
    rows = await settlements(world)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]
    assert [row["settled_at"] for row in rows] == [NOW - timedelta(days=days) for days in (9, 8, 7, 6)]
    assert await world.db.fetchval("select position from bettor where account_id = $1", world.ann) == 4


async def test_a_line_that_comes_again_is_one_bet(world: World) -> None:
    first = past(result="WON", import_digest="line 1")
    second = past(result="LOST", import_digest="line 2")
    (one,) = await recorded(world, first, first)
    assert await recorded(world, first) == []
    (two,) = await recorded(world, first, second)
    assert one != two
    rows = await world.rows()
    assert (rows["bet"], rows["bet_leg"], rows["settlement"], rows["bankroll_entry"]) == (2, 2, 2, 4)
    assert await world.balance() == 100_000


async def test_a_history_asks_for_no_funds_and_no_room(world: World) -> None:
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, world.ann, Kind.STAKE, Period.DAY, 0, currency="EUR", machine=MACHINE)
        await set_limit(connection, world.ann, Kind.BET_COUNT, Period.DAY, 0, machine=MACHINE)
    await recorded(world, past(result="LOST", stake=250_000))
    assert await world.balance() == -150_000


async def test_only_ones_own_bankroll_has_ones_past(world: World) -> None:
    before = await world.rows()
    with pytest.raises(NotFound) as refused:
        await recorded(world, past(), account=world.bob)
    assert refused.value.field == "input.bankrollId"
    assert await world.rows() == before
    assert await recorded(world) == []


async def test_a_return_without_measure_is_refused(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        await recorded(world, past(words("1000.00"), words("1000.00"), stake=10**15))
    assert refused.value.field == "input.stake.amount"


async def test_thousands_take_as_many_statements_as_one(world: World) -> None:
    """And a history of two thousand bets is there with its last entry."""
    one = await said(world, [past(result="WON")])
    many = [
        past(words("1.95", ("WON", "LOST")[n % 2]), days=1 + n % 700, import_digest=f"line {n}", tags=[f"t{n % 3}"])
        for n in range(2000)
    ]
    assert await said(world, many) == one <= 8
    rows = await world.rows()
    assert (rows["bet"], rows["bet_leg"], rows["settlement"]) == (2001, 2001, 2001)
    assert await world.balance() == 100_000 + 1000 + 1000 * 950 - 1000 * 1000


async def said(world: World, bets: Sequence[PastBet]) -> int:
    """How many statements recording takes."""
    count = 0

    def listen(query: object) -> None:
        nonlocal count
        count += 1

    async with world.database.transaction() as session:
        connection = await connection_of(session)
        with connection.query_logger(listen):
            await record_past(connection, world.ann, world.bankroll, bets, now=NOW, machine=MACHINE, source="IMPORT")
    return count
