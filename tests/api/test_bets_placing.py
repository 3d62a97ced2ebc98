"""Placing bets: what is recorded, what is refused and why, and one bet however often it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id
from domain.care.rules import Kind, Period
from domain.care.service import set_limit, take_break
from domain.infra.clock import machine_now
from domain.infra.database import Database, connection_of
from tests.api.betting import Bettor, betting, entered
from tests.api.client import Client, operation, serving
from tests.bettors import make_bankroll
from tests.factories import Bet, Factory, Fixture, hours
from touchline import RESULT

PLACE = """mutation($input: PlaceBetInput!) { placeBet(input: $input) {
  bet { id kind status source isPaper tags notes placedAt version price { decimal } stake { amount currencyCode }
    potentialReturn { amount } edgeAtPlacement valueBet { id }
    legs { description price { decimal } bookmaker { key } bookmakerName match { id } selection { id key }
      probabilityAtPlacement fairPriceAtPlacement { decimal } predictionAtPlacement { id } result } }
  bankroll { id balance { amount } exposure { amount } }
  errors { __typename ... on UserError { code message path }
    ... on StaleOddsError { requestedPrice { decimal } currentPrice { decimal } }
    ... on MarketClosedError { marketStatus } ... on ConflictError { currentVersion }
    ... on InsufficientFundsError { available { amount currencyCode } }
    ... on LimitExceededError { limit { kind period amount { amount } usedShare } } } } }"""


@dataclass
class Shop:
    """A person with a bankroll, and what there is to bet on: at Corner Shop the home win stands at 2.50."""

    ann: Bettor
    bankroll: str
    matches: list[int]
    selections: dict[str, int]
    books: dict[str, str]

    def selection(self, outcome: str = "home", match: int = 0) -> str:
        return global_id("Selection", self.matches[match], self.selections[outcome])

    def leg(self, outcome: str = "home", match: int = 0, odds: float = 2.5, **more: Any) -> dict[str, Any]:
        return {"selectionId": self.selection(outcome, match), "decimalOdds": odds, **more}

    def bet(self, *legs: dict[str, Any], amount: str = "10.00", **more: Any) -> dict[str, Any]:
        """Input of `placeBet`, at Corner Shop unless it says otherwise."""
        return {
            "bankrollId": self.bankroll,
            "legs": list(legs or [self.leg()]),
            "stake": {"amount": amount, "currencyCode": "EUR"},
            "bookmakerId": self.books["corner"],
            **more,
        }

    async def place(self, **input: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ann.data(PLACE, input=input))["placeBet"]
        return found

    async def refused(self, **input: Any) -> dict[str, Any]:
        """The one error of a bet that is not taken."""
        payload = await self.place(**input)
        assert payload["bet"] is payload["bankroll"] is None
        (error,) = payload["errors"]
        found: dict[str, Any] = error
        return found

    async def quote(self, outcome: str = "home", book: str = "corner", match: int = 0) -> str:
        """The standing price of a bookmaker, by its id."""
        query = """query($id: ID!, $books: [ID!]) { node(id: $id) { ... on Selection {
          quotes(bookmakerIds: $books) { id } } } }"""
        found = await self.ann.data(query, id=self.selection(outcome, match), books=[self.books[book]])
        id: str = found["node"]["quotes"][0]["id"]
        return id


@pytest.fixture
async def shop(client: Client, factory: Factory, database: Database) -> AsyncIterator[Shop]:
    league = await factory.league("england-premier-league")
    matches = await factory.matches(
        [
            Fixture(league, "Arsenal", "Chelsea", hours(2)),
            Fixture(league, "Everton", "Fulham", hours(3)),
            Fixture(league, "Leeds", "Spurs", hours(-1), status="LIVE"),
        ]
    )
    await factory.forecasts(matches[:2])
    await factory.prices(matches)
    words, books = await factory.markets(RESULT), await factory.books()
    async with betting(client.app) as ann:
        bankroll = await make_bankroll(database.pool, ann.account, deposit=100_000)
        yield Shop(
            ann,
            global_id("Bankroll", bankroll),
            matches,
            dict(words.selection_ids[RESULT]),
            {key: global_id("Bookmaker", id_) for key, id_ in books.items()},
        )


async def test_a_single_is_recorded_as_it_is_asked_for(shop: Shop, database: Database) -> None:
    payload = await shop.place(**shop.bet(tags=["cup", "Cup", "live"], notes=" Two\nlines "))
    assert payload["errors"] == []
    bet = payload["bet"]
    assert (bet["kind"], bet["status"], bet["source"], bet["version"]) == ("SINGLE", "PENDING", "MANUAL", 1)
    assert (bet["tags"], bet["notes"], bet["placedAt"]) == (["cup", "live"], "Two\nlines", "2026-03-14T12:00:00Z")
    assert (bet["price"], bet["potentialReturn"]) == ({"decimal": 2.5}, {"amount": "25.00"})
    (leg,) = bet["legs"]
    assert (leg["description"], leg["bookmaker"], leg["bookmakerName"]) == (
        "Arsenal v Chelsea: Arsenal",
        {"key": "corner"},
        None,
    )
    assert leg["match"] == {"id": global_id("Match", shop.matches[0])}
    assert leg["selection"] == {"id": shop.selection(), "key": "home"}
    assert leg["predictionAtPlacement"] is not None
    assert bet["edgeAtPlacement"] == pytest.approx(leg["probabilityAtPlacement"] * 2.5 - 1)
    assert leg["fairPriceAtPlacement"]["decimal"] > 2.6, "Pinnacle's price without its margin"
    assert payload["bankroll"] == {
        "id": shop.bankroll,
        "balance": {"amount": "990.00"},
        "exposure": {"amount": "10.00"},
    }
    assert await database.pool.fetchval("select count(*) from bet") == 1


async def test_a_quote_names_selection_and_bookmaker(shop: Shop) -> None:
    leg = {"quoteId": await shop.quote("draw", "village"), "decimalOdds": 2.71}
    (shown,) = (await shop.place(**shop.bet(leg)))["bet"]["legs"]
    assert (shown["bookmaker"], shown["selection"]["key"]) == ({"key": "village"}, "draw")
    assert shown["price"] == {"decimal": 2.71}


async def test_an_accumulator_multiplies(shop: Shop) -> None:
    bet = (await shop.place(**shop.bet(shop.leg(), shop.leg("away", 1, 2.52), kind="ACCUMULATOR")))["bet"]
    assert (bet["kind"], bet["price"]) == ("ACCUMULATOR", {"decimal": 6.3})
    assert [leg["price"]["decimal"] for leg in bet["legs"]] == [2.5, 2.52]
    assert bet["potentialReturn"] == {"amount": "63.00"}
    assert bet["edgeAtPlacement"] is not None


async def test_what_the_platform_does_not_hold_is_described(shop: Shop) -> None:
    leg = {"description": "Madrid: rain at kick-off", "decimalOdds": 1.2345, "bookmakerName": "Bet Shack"}
    bet = (await shop.place(**shop.bet(leg, amount="0.10")))["bet"]
    assert bet["edgeAtPlacement"] is None
    assert bet["legs"] == [
        {
            "description": "Madrid: rain at kick-off",
            "price": {"decimal": 1.2345},
            "bookmaker": None,
            "bookmakerName": "Bet Shack",
            "match": None,
            "selection": None,
            "probabilityAtPlacement": None,
            "fairPriceAtPlacement": None,
            "predictionAtPlacement": None,
            "result": None,
        }
    ]


async def test_a_bet_follows_a_value_bet(shop: Shop, factory: Factory) -> None:
    (value_bet,) = await factory.value_bets([Bet(shop.matches[0], 0.12, price=2.6)])
    bet = (await shop.place(**shop.bet(valueBetId=global_id("ValueBet", value_bet))))["bet"]
    assert (bet["source"], bet["valueBet"]) == ("SUGGESTION", {"id": global_id("ValueBet", value_bet)})


async def test_the_price_that_stands_is_the_one_recorded(shop: Shop) -> None:
    better = await shop.place(**shop.bet(shop.leg(odds=2.4)))
    assert better["bet"]["price"] == {"decimal": 2.5}
    within = await shop.place(**shop.bet(shop.leg(odds=2.55), maxSlippage=0.02))
    assert within["bet"]["price"] == {"decimal": 2.5}
    error = await shop.refused(**shop.bet(shop.leg(odds=2.55), maxSlippage=0.019))
    assert (error["__typename"], error["code"]) == ("StaleOddsError", "STALE_ODDS")
    assert error["path"] == ["input", "legs", "0", "decimalOdds"]
    assert (error["requestedPrice"], error["currentPrice"]) == ({"decimal": 2.55}, {"decimal": 2.5})


async def test_a_price_that_is_gone_is_told_as_null(shop: Shop, database: Database) -> None:
    await database.pool.execute("update quote set is_available = false where match_id = $1", shop.matches[0])
    error = await shop.refused(**shop.bet())
    assert (error["__typename"], error["currentPrice"]) == ("StaleOddsError", None)


async def test_a_match_that_has_begun_takes_no_bets(shop: Shop) -> None:
    error = await shop.refused(**shop.bet(shop.leg(match=2)))
    assert (error["__typename"], error["code"], error["marketStatus"]) == (
        "MarketClosedError",
        "MARKET_CLOSED",
        "CLOSED",
    )
    later = await shop.place(**shop.bet(shop.leg(match=2, odds=9.5), placedAt="2026-03-14T10:30:00Z"))
    assert later["errors"] == []
    assert (later["bet"]["price"], later["bet"]["placedAt"]) == ({"decimal": 9.5}, "2026-03-14T10:30:00Z")


async def test_no_more_than_there_is(shop: Shop) -> None:
    error = await shop.refused(**shop.bet(amount="1000.01"))
    assert (error["__typename"], error["code"]) == ("InsufficientFundsError", "INSUFFICIENT_FUNDS")
    assert error["available"] == {"amount": "1000.00", "currencyCode": "EUR"}


async def test_a_limit_is_named_with_what_was_used(shop: Shop, database: Database) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await set_limit(connection, shop.ann.account, Kind.STAKE, Period.DAY, 2000, "EUR", machine=machine_now())
    assert (await shop.place(**shop.bet(amount="15.00")))["errors"] == []
    error = await shop.refused(**shop.bet(amount="5.01"))
    assert (error["__typename"], error["code"]) == ("LimitExceededError", "LIMIT_EXCEEDED")
    assert error["limit"] == {"kind": "STAKE", "period": "DAY", "amount": {"amount": "20.00"}, "usedShare": 0.75}
    assert (await shop.place(**shop.bet(amount="5.00")))["errors"] == []


async def test_nobody_bets_during_their_break(shop: Shop, database: Database) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await take_break(connection, shop.ann.account, machine_now() + timedelta(days=7), machine=machine_now())
    error = await shop.refused(**shop.bet())
    assert (error["__typename"], error["code"]) == ("ForbiddenError", "SELF_EXCLUDED")


async def test_a_bad_bet_is_refused_by_name_and_changes_nothing(shop: Shop, database: Database) -> None:
    leg, missing = shop.leg(), global_id("Bookmaker", 99)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"legs": []}, "legs"),
        ({"legs": [leg] * 21}, "legs"),
        ({"legs": [leg, leg]}, "legs.1.selectionId"),
        ({"legs": [leg, shop.leg("draw")]}, "legs.1.selectionId"),
        ({"legs": [shop.leg(odds=1.0)]}, "legs.0.decimalOdds"),
        ({"legs": [shop.leg(odds=-2.0)]}, "legs.0.decimalOdds"),
        ({"legs": [shop.leg(odds=1000.5)]}, "legs.0.decimalOdds"),
        ({"legs": [shop.leg(odds=2.12345)]}, "legs.0.decimalOdds"),
        ({"legs": [{"decimalOdds": 2.0}]}, "legs.0.selectionId"),
        ({"legs": [{**leg, "description": "And words"}]}, "legs.0.selectionId"),
        ({"legs": [{"decimalOdds": 2.0, "description": " "}]}, "legs.0.description"),
        ({"legs": [{**leg, "selectionId": "nonsense"}]}, "legs.0.selectionId"),
        ({"legs": [{**leg, "selectionId": global_id("Selection", 99, 99)}]}, "legs.0.selectionId"),
        ({"legs": [{**leg, "quoteId": global_id("OddsQuote", 999)}]}, "legs.0.quoteId"),
        ({"legs": [{**leg, "quoteId": await shop.quote("draw")}]}, "legs.0.quoteId"),
        ({"legs": [{**leg, "bookmakerId": missing}]}, "legs.0.bookmakerId"),
        ({"legs": [{**leg, "bookmakerId": missing, "bookmakerName": "Bet Shack"}]}, "legs.0.bookmakerName"),
        ({"bookmakerId": "nonsense"}, "bookmakerId"),
        ({"bookmakerId": None}, "legs.0.bookmakerId"),
        ({"kind": "ACCUMULATOR"}, "kind"),
        ({"legs": [leg, shop.leg(match=1)], "kind": "SINGLE"}, "kind"),
        ({"stake": {"amount": "0", "currencyCode": "EUR"}}, "stake.amount"),
        ({"stake": {"amount": "-1", "currencyCode": "EUR"}}, "stake.amount"),
        ({"stake": {"amount": "0.001", "currencyCode": "EUR"}}, "stake.amount"),
        ({"stake": {"amount": "10", "currencyCode": "USD"}}, "stake.currencyCode"),
        ({"bankrollId": "nonsense"}, "bankrollId"),
        ({"bankrollId": global_id("Bankroll", 99)}, "bankrollId"),
        ({"valueBetId": global_id("ValueBet", 99)}, "valueBetId"),
        ({"maxSlippage": -0.1}, "maxSlippage"),
        ({"maxSlippage": 1.0}, "maxSlippage"),
        ({"placedAt": "2026-03-14T12:00:01Z"}, "placedAt"),
        ({"placedAt": "2020-03-14T12:00:00Z"}, "placedAt"),
        ({"tags": ["x" * 31]}, "tags.0"),
        ({"tags": [f"tag {n}" for n in range(11)]}, "tags"),
        ({"notes": "x" * 2001}, "notes"),
        ({"idempotencyKey": " "}, "idempotencyKey"),
        ({"idempotencyKey": "x" * 101}, "idempotencyKey"),
    ]
    for wrong, path in bad:
        error = await shop.refused(**shop.bet(**wrong))
        assert error["code"] in ("INVALID", "NOT_FOUND"), wrong
        assert error["path"] == ["input", *path.split(".")], (wrong, error)
        assert error["message"], wrong
    assert await database.pool.fetchval("select count(*) from bet") == 0
    assert await database.pool.fetchval("select count(*) from placement") == 0
    assert await database.pool.fetchval("select balance from bankroll") == 100_000


async def test_nobody_bets_with_somebody_elses_money(client: Client, shop: Shop) -> None:
    async with betting(client.app, "bob@example.com") as bob:
        (error,) = (await bob.data(PLACE, input=shop.bet()))["placeBet"]["errors"]
    assert (error["__typename"], error["path"]) == ("NotFoundError", ["input", "bankrollId"])
    refused = await client.error(PLACE, input=shop.bet())
    assert refused["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_fifty_at_once_over_two_servers_are_one_bet(client: Client, shop: Shop, database: Database) -> None:
    body = {"query": PLACE, "variables": {"input": shop.bet(idempotencyKey="tap")}}
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(serving(client.app.state.doors.settings))
        ann = await stack.enter_async_context(entered(other.app, shop.ann.account, shop.ann.token))
        askers = [(shop.ann, ann)[n % 2] for n in range(50)]
        answers = await asyncio.gather(*(asker.http.post("/graphql", json=body) for asker in askers))
    first, *others = [answer.json() for answer in answers]
    assert first["data"]["placeBet"]["errors"] == []
    assert others == [first] * 49
    (made,) = await database.pool.fetch("select count(*), (select last_value from bet_id_seq) from bet")
    assert tuple(made) == (1, 1), "nothing else was even begun"
    assert await database.pool.fetchval("select balance from bankroll") == 99_000


async def test_a_key_belongs_to_one_bet_of_one_person(client: Client, shop: Shop, database: Database) -> None:
    first = await shop.place(**shop.bet(idempotencyKey="tap"))
    assert await shop.place(**shop.bet(idempotencyKey="tap")) == first
    error = await shop.refused(**shop.bet(amount="10.01", idempotencyKey="tap"))
    assert (error["__typename"], error["code"]) == ("ConflictError", "CONFLICT")
    assert error["path"] == ["input", "idempotencyKey"]
    async with betting(client.app, "bob@example.com") as bob:
        theirs = global_id("Bankroll", await make_bankroll(database.pool, bob.account))
        other = (await bob.data(PLACE, input=shop.bet(bankrollId=theirs, idempotencyKey="tap")))["placeBet"]
    assert other["errors"] == []
    assert other["bet"]["id"] != first["bet"]["id"]


async def test_a_key_of_a_refused_bet_can_be_used_again(shop: Shop) -> None:
    error = await shop.refused(**shop.bet(amount="5000.00", idempotencyKey="tap"))
    assert error["__typename"] == "InsufficientFundsError"
    assert (await shop.place(**shop.bet(idempotencyKey="tap")))["errors"] == []


async def test_place_runs_unchanged(shop: Shop) -> None:
    placed = (await shop.ann.data(operation("Place"), input=shop.bet()))["placeBet"]
    assert placed == {
        "bet": {
            "id": placed["bet"]["id"],
            "status": "PENDING",
            "price": {"decimal": 2.5},
            "edgeAtPlacement": placed["bet"]["edgeAtPlacement"],
            "version": 1,
        },
        "bankroll": {"id": shop.bankroll, "balance": {"amount": "990.00"}, "exposure": {"amount": "10.00"}},
        "errors": [],
    }
    stale = (await shop.ann.data(operation("Place"), input=shop.bet(shop.leg(odds=2.51))))["placeBet"]["errors"]
    assert [(error["__typename"], error["currentPrice"]) for error in stale] == [("StaleOddsError", {"decimal": 2.5})]


async def test_value_runs_unchanged(shop: Shop, client: Client, factory: Factory) -> None:
    await factory.value_bets([Bet(shop.matches[0], 0.12, price=2.6), Bet(shop.matches[1], 0.40, price=2.6)])
    shown = (await shop.ann.data(operation("Value"), bankroll=shop.bankroll))["valueBets"]
    # A quarter of Kelly: 1000 · 0.12 / 1.6 / 4; of the larger edge no more than 5 % of the bankroll.
    assert [(bet["edge"], bet["suggestedStake"]) for bet in shown["nodes"]] == [
        (0.40, {"amount": "50.00", "currencyCode": "EUR"}),
        (0.12, {"amount": "18.75", "currencyCode": "EUR"}),
    ]
    for asker, bankroll in ((client, shop.bankroll), (shop.ann, global_id("Bankroll", 999)), (shop.ann, "nonsense")):
        unseen = (await asker.data(operation("Value"), bankroll=bankroll))["valueBets"]["nodes"]
        assert [bet["suggestedStake"] for bet in unseen] == [None, None]
