"""Placing bets: what is written, what is refused and leaves no trace, and many at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.bets.errors import InsufficientFunds, MarketClosed, StaleOdds
from domain.bets.legs import LegWanted, shaped
from domain.bets.placing import place
from domain.care.errors import LimitReached
from domain.care.rules import Kind, Period
from domain.care.service import set_limit, take_break
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict, Invalid, NotFound, SelfExcluded, TouchlineError
from domain.odds.service import Tick, record
from tests.betting_world import DRAW, HOME, World, make_world
from tests.factories import NOW, Bet, hours
from touchline import RESULT


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database)


async def moved(world: World, price: float, *, is_available: bool = True) -> None:
    """`corner` changes its price for the home win of match 0."""
    tick = Tick(world.matches[0], world.selection(), world.books["corner"], price, hours(-1), is_available=is_available)
    async with world.database.transaction() as session:
        await record(session, [tick], source="test")


async def refused(world: World, error: type[TouchlineError], *legs: LegWanted, **told: Any) -> Any:
    """The error that a bet is refused with; nothing may have changed."""
    before = await world.rows()
    with pytest.raises(error) as caught:
        await world.place(*legs, **told)
    assert await world.rows() == before
    return caught.value


async def test_a_bet_is_written_with_what_was_known(world: World) -> None:
    bet_id = await world.place(
        stake="25.50", tags=["cup", "Cup", "value"], notes=" early ", machine=NOW + timedelta(days=3)
    )
    bet = await world.bet(bet_id)
    (leg,) = bet.pop("legs")
    match, books = world.matches[0], world.books
    prediction = await world.db.fetchrow(
        """select c.prediction_id, p.probabilities[1] as home from current_prediction c
           join prediction p on p.id = c.prediction_id join market k on k.id = c.market_id
           where c.match_id = $1 and k.key = 'match_result::ft'""",
        match,
    )
    assert prediction is not None
    sequence = await world.db.fetchval(
        "select sequence from quote where match_id = $1 and selection_id = $2 and bookmaker_id = $3",
        match,
        world.selection(),
        books["corner"],
    )
    assert leg["fair_probability_at_placement"] == pytest.approx(1 / 3, abs=0.01)
    assert leg | {"id": 0, "fair_probability_at_placement": 0} == {
        "id": 0,
        "bet_id": bet_id,
        "position": 0,
        "match_id": match,
        "market_id": world.words.market_id(RESULT),
        "selection_id": world.selection(),
        "bookmaker_id": books["corner"],
        "bookmaker_name": None,
        "description": "Home 0 v Away 0: Home 0",
        "price": Decimal("2.5"),
        "commission": Decimal(0),
        "quote_sequence": sequence,
        "kickoff_at": hours(1),
        "prediction_id": prediction["prediction_id"],
        "probability_at_placement": prediction["home"],
        "fair_probability_at_placement": 0,
        "closing_probability": None,
        "closing_note": None,
        "result": None,
        "judged_at": None,
    }
    assert bet == {
        "id": bet_id,
        "account_id": world.ann,
        "bankroll_id": world.bankroll,
        "kind": "SINGLE",
        "status": "PENDING",
        "stake": 2550,
        "price": Decimal("2.5"),
        "payout": None,
        "source": "MANUAL",
        "value_bet_id": None,
        "tags": ["cup", "value"],
        "notes": "early",
        "is_settled_by_hand": False,
        "edge_at_placement": pytest.approx(prediction["home"] * 2.5 - 1),
        "closing_line_value": None,
        "expected_profit": None,
        "placed_at": NOW,
        "settled_at": None,
        "recorded_at": NOW + timedelta(days=3),
        "deleted_at": None,
        "import_digest": None,
        "version": 1,
    }
    assert await world.balance() == 97450


async def test_the_stake_leaves_the_bankroll_and_the_deed_is_noted(world: World) -> None:
    bet_id = await world.place(stake="25.50", machine=hours(5))
    entry = await world.db.fetchrow("select * from bankroll_entry where bet_id = $1", bet_id)
    assert entry is not None
    assert (entry["kind"], entry["amount"], entry["occurred_at"], entry["recorded_at"]) == (
        "STAKE",
        -2550,
        NOW,
        hours(5),
    )
    deed = await world.db.fetchrow("select * from audit_entry where action = 'bet.place'")
    assert deed is not None
    assert (deed["account_id"], deed["entity_type"], deed["entity_id"]) == (world.ann, "Bet", str(bet_id))
    assert deed["details"] == {
        "bankroll_id": world.bankroll,
        "stake": 2550,
        "currency": "EUR",
        "price": "2.5000",
        "legs": 1,
    }


async def test_an_accumulator_multiplies_its_legs(world: World) -> None:
    over = world.leg(1, "2.60", "total_goals:2.5:ft/over", bookmaker_id=world.books["pinnacle"])
    bet = await world.bet(await world.place(world.leg(), over, world.leg(2, "2.51", DRAW)))
    assert (bet["kind"], bet["price"]) == ("ACCUMULATOR", Decimal("16.315"))
    legs = bet["legs"]
    assert [leg["position"] for leg in legs] == [0, 1, 2]
    assert [leg["description"] for leg in legs] == [
        "Home 0 v Away 0: Home 0",
        "Home 1 v Away 1: Over 2.5 goals",
        "Home 2 v Away 2: Draw",
    ]
    product = 1.0
    for leg in legs:
        product *= leg["probability_at_placement"]
    assert bet["edge_at_placement"] == pytest.approx(product * 16.315 - 1)


async def test_a_commission_is_taken_from_the_edge(world: World) -> None:
    await world.db.execute("update bookmaker set commission = 0.05 where key = 'corner'")
    bet = await world.bet(await world.place())
    probability = bet["legs"][0]["probability_at_placement"]
    assert bet["edge_at_placement"] == pytest.approx(probability * (1 + 1.5 * 0.95) - 1)


async def test_a_leg_keeps_the_commission_of_its_placement(world: World) -> None:
    await world.db.execute("update bookmaker set commission = 0.05 where key = 'corner'")
    at_exchange, typed = world.leg(), world.leg(1, bookmaker_name="Corner café")
    described = LegWanted(Decimal("1.80"), description="First throw-in", bookmaker_id=world.books["corner"])
    bet = await world.place(at_exchange, typed, world.leg(2, "2.60", bookmaker_id=world.books["pinnacle"]), described)
    await world.db.execute("update bookmaker set commission = 0.10")
    legs = (await world.bet(bet))["legs"]
    assert [str(leg["commission"]) for leg in legs] == ["0.0500", "0.0000", "0.0000", "0.0500"]


async def test_a_market_without_a_forecast_has_no_edge(world: World) -> None:
    await world.db.execute("update current_prediction set is_served = false")
    bet = await world.bet(await world.place())
    assert bet["edge_at_placement"] is None
    assert (bet["legs"][0]["prediction_id"], bet["legs"][0]["probability_at_placement"]) == (None, None)


async def test_a_market_that_only_a_plugin_knows_is_bet_on_like_any_other(world: World) -> None:
    selection = await world.db.fetchval(
        """with m as (insert into market (key, kind, period) values ('custom::ft', 'custom', 'ft') returning id)
           insert into selection (market_id, key, position) select id, 'first_goal_before_10', 0 from m returning id"""
    )
    leg = LegWanted(Decimal("4.20"), world.matches[0], selection, bookmaker_name="Corner café")
    (written,) = (await world.bet(await world.place(leg)))["legs"]
    assert written["description"] == "Home 0 v Away 0: Other: First goal before 10"
    assert (written["bookmaker_name"], written["fair_probability_at_placement"]) == ("Corner café", None)


async def test_a_price_within_the_slippage_or_better_is_taken_as_it_stands(world: World) -> None:
    for price, slippage in ((2.47, 0.02), (2.45, 0.02), (2.75, 0.0)):
        await moved(world, price)
        bet = await world.bet(await world.place(max_slippage=slippage))
        assert float(bet["price"]) == float(bet["legs"][0]["price"]) == price


async def test_a_price_that_fell_too_far_is_refused(world: World) -> None:
    await moved(world, 2.44)
    error = await refused(world, StaleOdds, max_slippage=0.02)
    assert (error.requested, error.current, error.field) == (
        Decimal("2.5"),
        Decimal("2.44"),
        "input.legs.0.decimalOdds",
    )
    assert error.message == "Home 0 v Away 0: Home 0: the price is 2.44 now, not 2.5."


async def test_a_price_that_is_gone_or_never_was_is_refused(world: World) -> None:
    await moved(world, 2.6, is_available=False)
    error = await refused(world, StaleOdds)
    assert (error.current, error.field) == (None, "input.legs.0.decimalOdds")
    await moved(world, 2.5)
    never = world.leg(1, outcome="total_goals:2.5:ft/over")
    await world.db.execute("delete from quote where selection_id = $1", world.selection("total_goals:2.5:ft/over"))
    assert (await refused(world, StaleOdds, world.leg(), never)).field == "input.legs.1.decimalOdds"


async def test_a_price_that_was_seen_names_its_selection_and_bookmaker(world: World) -> None:
    row = await world.db.fetchrow(
        "select sequence from quote where match_id = $1 and selection_id = $2 and bookmaker_id = $3",
        world.matches[1],
        world.selection(DRAW),
        world.books["village"],
    )
    assert row is not None
    bet = await world.bet(await world.place(LegWanted(Decimal("2.71"), quote_sequence=row["sequence"])))
    (leg,) = bet["legs"]
    assert (leg["match_id"], leg["selection_id"], leg["bookmaker_id"], leg["quote_sequence"]) == (
        world.matches[1],
        world.selection(DRAW),
        world.books["village"],
        row["sequence"],
    )
    other = world.leg(1, outcome=HOME, quote_sequence=row["sequence"])
    assert (await refused(world, Invalid, other)).field == "input.legs.0.quoteId"
    assert (await refused(world, NotFound, world.leg(quote_sequence=10**9))).field == "input.legs.0.quoteId"


async def test_a_bookmaker_that_is_typed_in_is_taken_at_its_word(world: World) -> None:
    bet = await world.bet(await world.place(world.leg(price="3.33", bookmaker_name=" Corner café ")))
    (leg,) = bet["legs"]
    assert (leg["price"], leg["bookmaker_id"], leg["bookmaker_name"]) == (Decimal("3.33"), None, "Corner café")
    assert leg["quote_sequence"] is None
    assert bet["edge_at_placement"] == pytest.approx(leg["probability_at_placement"] * 3.33 - 1)
    begun = world.leg(price="3.33", bookmaker_name="Corner café")
    assert (await refused(world, MarketClosed, begun, now=hours(1))).status == "CLOSED"


async def test_a_market_that_we_do_not_hold_is_described(world: World) -> None:
    words = LegWanted(Decimal("5.5"), description=" First scorer: Saka ", bookmaker_name="Corner café")
    bet = await world.bet(await world.place(words))
    (leg,) = bet["legs"]
    assert (leg["description"], leg["match_id"], leg["selection_id"], leg["kickoff_at"]) == (
        "First scorer: Saka",
        None,
        None,
        None,
    )
    assert bet["edge_at_placement"] is None


async def test_a_bet_recorded_later_is_as_it_was_then(world: World) -> None:
    """Its match is over by now, its price was never ours, its forecast is the one that was shown at the time."""
    await world.factory.forecasts(world.matches[:1], at=hours(-1))
    await world.db.execute(
        "update match set status = 'FINISHED', home_goals = 1, away_goals = 0, result_at = $2 where id = $1",
        world.matches[0],
        hours(3),
    )
    bet = await world.bet(await world.place(world.leg(price="9.00"), placed_at=hours(-5), now=hours(8)))
    (leg,) = bet["legs"]
    assert (bet["placed_at"], leg["price"], leg["quote_sequence"]) == (hours(-5), Decimal(9), None)
    assert leg["bookmaker_id"] == world.books["corner"]
    shown = await world.db.fetchval("select predicted_at from prediction where id = $1", leg["prediction_id"])
    assert shown == hours(-24)
    assert leg["fair_probability_at_placement"] == pytest.approx(1 / 3, abs=0.01)
    assert await world.db.fetchval("select occurred_at from bankroll_entry where bet_id = $1", bet["id"]) == hours(-5)
    after = await refused(world, MarketClosed, placed_at=hours(1), now=hours(8))
    assert (after.status, after.field) == ("SETTLED", "input.legs.0.selectionId")


async def test_a_value_bet_is_followed(world: World) -> None:
    (value_bet,) = await world.factory.value_bets([Bet(world.matches[0], 0.1)])
    bet = await world.bet(await world.place(value_bet_id=value_bet))
    assert (bet["source"], bet["value_bet_id"]) == ("SUGGESTION", value_bet)
    assert (await refused(world, NotFound, value_bet_id=404)).field == "input.valueBetId"
    assert (await refused(world, Invalid, world.leg(1), value_bet_id=value_bet)).field == "input.valueBetId"


BAD: dict[str, tuple[type[TouchlineError], str, dict[str, Any]]] = {
    "nothing staked": (Invalid, "input.stake.amount", {"stake": "0"}),
    "less than nothing": (Invalid, "input.stake.amount", {"stake": "-1"}),
    "more than money": (Invalid, "input.stake.amount", {"stake": "1e30"}),
    "a third decimal": (Invalid, "input.stake.amount", {"stake": "1.005"}),
    "another currency": (Invalid, "input.stake.currencyCode", {"currency": "USD"}),
    "no currency": (Invalid, "input.stake.currencyCode", {"currency": "EURO"}),
    "more than there is": (InsufficientFunds, "input.stake.amount", {"stake": "1000.01"}),
    "a slippage of all": (Invalid, "input.maxSlippage", {"max_slippage": 1.0}),
    "a slippage below nothing": (Invalid, "input.maxSlippage", {"max_slippage": -0.1}),
    "tomorrow": (Invalid, "input.placedAt", {"placed_at": hours(24)}),
    "long ago": (Invalid, "input.placedAt", {"placed_at": NOW - timedelta(days=731)}),
    "eleven labels": (Invalid, "input.tags", {"tags": [str(n) for n in range(11)]}),
    "a label of nothing": (Invalid, "input.tags.1", {"tags": ["a", ""]}),
    "notes without end": (Invalid, "input.notes", {"notes": "x" * 2001}),
    "notes of no text": (Invalid, "input.notes", {"notes": "a\0b"}),
    "an empty key": (Invalid, "input.idempotencyKey", {"idempotency_key": " "}),
    "a long key": (Invalid, "input.idempotencyKey", {"idempotency_key": "x" * 101}),
    "no bankroll": (NotFound, "input.bankrollId", {"bankroll_id": 404}),
}


async def test_a_bad_input_is_named_and_changes_nothing(world: World) -> None:
    for bad, (error, field, told) in BAD.items():
        caught = await refused(world, error, **{"idempotency_key": "key", **told})
        assert (bad, caught.field) == (bad, field)


BAD_LEGS: dict[str, tuple[type[TouchlineError], str, dict[str, Any]]] = {
    "odds of 1": (Invalid, "decimalOdds", {"price": "1.0"}),
    "odds below 1": (Invalid, "decimalOdds", {"price": "0.4"}),
    "odds above 1000": (Invalid, "decimalOdds", {"price": "1000.01"}),
    "odds of five decimals": (Invalid, "decimalOdds", {"price": "2.00001"}),
    "odds of no number": (Invalid, "decimalOdds", {"price": "NaN"}),
    "an unknown match": (NotFound, "selectionId", {"match_id": 404}),
    "an unknown selection": (NotFound, "selectionId", {"selection_id": 404}),
    "no selection of a match": (NotFound, "selectionId", {"selection_id": None}),
    "an unknown bookmaker": (NotFound, "bookmakerId", {"bookmaker_id": 404}),
    "no bookmaker": (Invalid, "bookmakerId", {"bookmaker_id": None}),
    "two bookmakers": (Invalid, "bookmakerName", {"bookmaker_name": "Corner café"}),
    "a bookmaker of no name": (Invalid, "bookmakerName", {"bookmaker_id": None, "bookmaker_name": "\t"}),
    "selection and words": (Invalid, "selectionId", {"description": "Home win"}),
    "nothing at all": (Invalid, "selectionId", {"match_id": None, "selection_id": None}),
    "words of no length": (Invalid, "description", {"match_id": None, "selection_id": None, "description": ""}),
}


async def test_a_bad_leg_is_named_and_changes_nothing(world: World) -> None:
    good = {
        "price": "2.50",
        "match_id": world.matches[1],
        "selection_id": world.selection(),
        "bookmaker_id": world.books["corner"],
    }
    for bad, (error, field, told) in BAD_LEGS.items():
        given: dict[str, Any] = {**good, **told}
        leg = LegWanted(Decimal(given.pop("price")), **given)
        caught = await refused(world, error, world.leg(), leg)
        assert (bad, caught.field) == (bad, f"input.legs.1.{field}")


async def test_decimals_are_those_of_the_currency(world: World) -> None:
    yen = await world.open_bankroll(world.ann, "5000", currency="JPY")
    error = await refused(world, Invalid, bankroll_id=yen, currency="JPY", stake="10.5")
    assert (error.field, "no decimals" in error.message) == ("input.stake.amount", True)
    bet = await world.bet(await world.place(bankroll_id=yen, currency="JPY", stake="500"))
    assert (bet["stake"], await world.balance(yen)) == (500, 4500)


async def test_somebody_elses_bankroll_is_as_good_as_none(world: World) -> None:
    errors = [
        await refused(world, NotFound, account=world.bob),
        await refused(world, NotFound, account=world.bob, bankroll_id=404),
    ]
    assert len({(error.message, error.field) for error in errors}) == 1


async def test_a_bet_has_one_to_twenty_legs(world: World) -> None:
    with pytest.raises(Invalid) as none:
        shaped([])
    assert none.value.field == "input.legs"
    words = [LegWanted(Decimal("1.1"), description=f"Outcome {n}") for n in range(21)]
    assert (await refused(world, Invalid, *words)).field == "input.legs"
    assert len((await world.bet(await world.place(*words[:20])))["legs"]) == 20


async def test_legs_are_of_different_matches(world: World) -> None:
    twice = await refused(world, Invalid, world.leg(), world.leg(1), world.leg())
    assert (twice.field, twice.message) == ("input.legs.2.selectionId", "the same selection is in the bet already")
    combo = await refused(world, Invalid, world.leg(), world.leg(0, "2.51", DRAW))
    assert (combo.field, "not priced yet" in combo.message) == ("input.legs.1.selectionId", True)
    words = LegWanted(Decimal(2), description="Rain"), LegWanted(Decimal(3), description="rain")
    assert (await refused(world, Invalid, *words)).field == "input.legs.1.selectionId"


async def test_a_total_price_has_a_limit(world: World) -> None:
    words = [LegWanted(Decimal(1000), description=f"Miracle {n}") for n in range(3)]
    assert (await refused(world, Invalid, *words)).field == "input.legs"


async def test_what_would_come_back_is_an_amount_of_money(world: World) -> None:
    rich = await world.open_bankroll(world.ann, "9999999999999.00", is_paper=True)
    leg = LegWanted(Decimal(1000), description="Miracle")
    error = await refused(world, Invalid, leg, bankroll_id=rich, stake="10000000000.01")
    assert (error.field, "10000000000000.00 EUR" in error.message) == ("input.stake.amount", True)
    await world.place(leg, bankroll_id=rich, stake="10000000000.00")


async def test_a_match_that_is_not_to_come_takes_no_bets(world: World) -> None:
    told = {"LIVE": "CLOSED", "SUSPENDED": "CLOSED", "FINISHED": "SETTLED", "CANCELLED": "VOID", "AWARDED": "VOID"}
    for status, of_market in told.items():
        await world.db.execute("update match set status = $2 where id = $1", world.matches[1], status)
        error = await refused(world, MarketClosed, world.leg(), world.leg(1))
        assert (error.status, error.field) == (of_market, "input.legs.1.selectionId")
        assert error.message.startswith("Home 1 v Away 1: Home 1: ")


async def test_bets_end_with_the_kick_off(world: World) -> None:
    """Whatever the source says of the match, and from 00:00 UTC where only the day is known."""
    error = await refused(world, MarketClosed, now=hours(1))
    assert error.status == "CLOSED"
    assert "kick-off was at 2026-03-14 13:00 UTC" in error.message
    await world.place(now=hours(1) - timedelta(seconds=1))
    await world.db.execute(
        "update match set kickoff_at = '2026-03-15 00:00Z', is_kickoff_time_known = false where id = $1",
        world.matches[1],
    )
    await world.place(world.leg(1), now=hours(12) - timedelta(seconds=1))
    await refused(world, MarketClosed, world.leg(1), now=hours(12))


async def test_the_bankroll_is_spent_to_the_last_cent_and_not_beyond(world: World) -> None:
    await world.place(stake="999.99")
    error = await refused(world, InsufficientFunds, stake="0.02")
    assert (error.available, error.currency, error.message) == (1, "EUR", "The bankroll holds 0.01 EUR.")
    await world.place(stake="0.01")
    assert await world.balance() == 0


async def test_limits_that_somebody_set_hold(world: World) -> None:
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, world.ann, Kind.STAKE, Period.DAY, 3000, currency="EUR", machine=NOW)
    await world.place(stake="20.00")
    error = await refused(world, LimitReached, stake="10.01", idempotency_key="key")
    assert error.field == "input.stake.amount"
    await world.place(stake="10.00", idempotency_key="key")
    paper = await world.open_bankroll(world.ann, is_paper=True)
    await world.place(stake="500.00", bankroll_id=paper)


async def test_nobody_bets_during_a_break_not_even_on_paper(world: World) -> None:
    paper = await world.open_bankroll(world.ann, is_paper=True)
    async with world.database.transaction() as session:
        await take_break(await connection_of(session), world.ann, NOW + timedelta(days=2), machine=NOW)
    await refused(world, SelfExcluded)
    await refused(world, SelfExcluded, bankroll_id=paper)


async def test_the_same_key_gives_the_same_bet(world: World) -> None:
    first = await world.place(idempotency_key="monday-1")
    before = await world.rows()
    assert await world.place(idempotency_key="monday-1", now=hours(9)) == first
    assert await world.rows() == before
    assert await world.place(idempotency_key="monday-2") != first
    bobs = await world.open_bankroll(world.bob)
    assert await world.place(idempotency_key="monday-1", account=world.bob, bankroll_id=bobs) != first


async def test_a_key_with_another_input_is_a_conflict(world: World) -> None:
    await world.place(idempotency_key="monday-1")
    others: list[dict[str, Any]] = [
        {"stake": "10.01"},
        {"tags": ["late"]},
        {"notes": "x"},
        {"max_slippage": 0.1},
        {"placed_at": hours(-1)},
    ]
    for told in others:
        error = await refused(world, Conflict, idempotency_key="monday-1", **told)
        assert (error.field, error.current_version) == ("input.idempotencyKey", None)
    await refused(world, Conflict, world.leg(1), idempotency_key="monday-1")


async def test_a_refused_bet_leaves_its_key_free(world: World) -> None:
    await refused(world, InsufficientFunds, stake="2000.00", idempotency_key="monday-1")
    assert await world.place(idempotency_key="monday-1")


async def test_fifty_with_one_key_are_one_bet(world: World) -> None:
    answers = await asyncio.gather(*(world.place(idempotency_key="monday-1") for _ in range(50)))
    assert len(set(answers)) == 1
    assert await world.balance() == 99_000
    assert (await world.rows())["bet"] == 1


async def test_fifty_at_once_never_overdraw(world: World) -> None:
    """Thirty of fifty bets of 33.00 fit into 1000.00, and 10.00 are left."""
    answers = await asyncio.gather(
        *(world.place(stake="33.00", idempotency_key=f"key-{n}") for n in range(50)), return_exceptions=True
    )
    refusals = [answer for answer in answers if not isinstance(answer, int)]
    assert all(isinstance(refusal, InsufficientFunds) for refusal in refusals)
    assert len(refusals) == 20
    assert await world.balance() == 1000
    rows = await world.rows()
    assert (rows["bet"], rows["placement"]) == (30, 30)


async def test_two_bankrolls_at_once_share_one_limit(world: World) -> None:
    other = await world.open_bankroll(world.ann)
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, world.ann, Kind.STAKE, Period.DAY, 10_000, currency="EUR", machine=NOW)
    answers = await asyncio.gather(
        *(world.place(bankroll_id=(world.bankroll, other)[n % 2]) for n in range(24)), return_exceptions=True
    )
    assert sum(isinstance(answer, int) for answer in answers) == 10
    assert all(isinstance(answer, int | LimitReached) for answer in answers)


async def test_a_bet_takes_as_many_statements_for_twenty_legs_as_for_one(database: Database) -> None:
    world = await make_world(database, matches=20)
    await world.db.execute("update quote set price = 1.5")
    one, twenty = await statements(world, 1), await statements(world, 20)
    assert len(one) == len(twenty) <= 16, one


async def statements(world: World, legs: int) -> list[str]:
    """What is sent to the database for a bet of so many legs."""
    wanted = world.wanted(*(world.leg(n, "1.50") for n in range(legs)), stake="1.00", idempotency_key=f"key-{legs}")
    said: list[str] = []
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        with connection.query_logger(lambda query: said.append(query.query)):
            await place(connection, world.ann, wanted, now=NOW, machine=NOW)
    return said
