"""Changing bets, settling them by hand and taking them back: what each tells, and what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from api.nodes import global_id
from domain.infra.database import Database
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.factories import Bet, Factory, Fixture, hours
from touchline import RESULT
from touchline.margin import Method, remove_margin

PAYLOAD = """bet { id status version tags notes price { decimal } stake { amount } profit { amount } settledAt
    isSettledByHand settlementTrace legs { price { decimal } result }
    settlements { status cause payout { amount } isEffective } }
  bankroll { id balance { amount } exposure { amount } }
  errors { __typename ... on UserError { code message path } ... on ConflictError { currentVersion }
    ... on MarketClosedError { marketStatus } ... on InsufficientFundsError { available { amount } } }"""
UPDATE = f"mutation($input: UpdateBetInput!) {{ updateBet(input: $input) {{ {PAYLOAD} }} }}"
SETTLE = f"mutation($input: SettleBetInput!) {{ settleBet(input: $input) {{ {PAYLOAD} }} }}"
DELETE = """mutation($input: DeleteBetInput!) { deleteBet(input: $input) {
  deletedBetId bankroll { balance { amount } exposure { amount } transactions { totalCount } bets { totalCount } }
  errors { __typename ... on UserError { code path } ... on MarketClosedError { marketStatus } } } }"""


@dataclass
class Slip:
    """A person's pending bets: of 10.00 at 2.00 on a match to come, and one that is only described."""

    ann: Bettor
    coming: str
    described: str
    match: int

    async def update(self, **input: Any) -> dict[str, Any]:
        given = {"id": self.coming, "expectedVersion": 1, **input}
        found: dict[str, Any] = (await self.ann.data(UPDATE, input=given))["updateBet"]
        return found

    async def settle(self, *results: str, **input: Any) -> dict[str, Any]:
        given = {"id": self.described, "expectedVersion": 1, "legResults": list(results), **input}
        found: dict[str, Any] = (await self.ann.data(SETTLE, input=given))["settleBet"]
        return found

    async def delete(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ann.data(DELETE, input={"id": id}))["deleteBet"]
        return found


@pytest.fixture
async def slip(client: Client, factory: Factory, database: Database) -> AsyncIterator[Slip]:
    league = await factory.league("england-premier-league")
    (match,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(2))])
    words, books = await factory.markets(RESULT), await factory.books()
    leg = Leg(match, words.selection_id(RESULT, "home"), books["corner"])
    async with betting(client.app) as ann:
        bankroll = await make_bankroll(database.pool, ann.account, deposit=10_000)
        coming, described = await make_bets(
            database.pool, bankroll, [Wager("PENDING", legs=(leg,), tags=("old",)), Wager("PENDING", 500, "3.00")]
        )
        yield Slip(ann, global_id("Bet", coming), global_id("Bet", described), match)


async def test_stake_price_labels_and_notes_change(slip: Slip) -> None:
    stake = {"amount": "20.00", "currencyCode": "EUR"}
    changed = await slip.update(stake=stake, decimalOdds=2.2222, tags=["new"], notes="Why")
    assert changed["errors"] == []
    bet = changed["bet"]
    assert (bet["version"], bet["tags"], bet["notes"]) == (2, ["new"], "Why")
    assert (bet["stake"]["amount"], bet["price"], bet["legs"][0]["price"]) == (
        "20.00",
        {"decimal": 2.2222},
        {"decimal": 2.2222},
    )
    assert changed["bankroll"]["balance"] == {"amount": "75.00"}
    assert changed["bankroll"]["exposure"] == {"amount": "25.00"}
    kept = (await slip.update(expectedVersion=2))["bet"]
    assert (kept["tags"], kept["notes"], kept["stake"]["amount"]) == (["new"], "Why", "20.00")
    emptied = (await slip.update(expectedVersion=3, tags=None, notes=None))["bet"]
    assert (emptied["tags"], emptied["notes"], emptied["version"]) == ([], None, 4)


async def test_what_cannot_change_is_refused_by_name(slip: Slip, database: Database) -> None:
    stake = {"amount": "20.00", "currencyCode": "EUR"}
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({"id": "nonsense"}, "NotFoundError", "id"),
        ({"id": global_id("Bet", 99)}, "NotFoundError", "id"),
        ({"expectedVersion": 7}, "ConflictError", "expectedVersion"),
        ({"stake": {**stake, "currencyCode": "USD"}}, "ValidationError", "stake.currencyCode"),
        ({"stake": {**stake, "amount": "0"}}, "ValidationError", "stake.amount"),
        ({"stake": {**stake, "amount": "100.01"}}, "InsufficientFundsError", "stake.amount"),
        ({"decimalOdds": 1.0}, "ValidationError", "decimalOdds"),
        ({"tags": [" "]}, "ValidationError", "tags.0"),
        ({"notes": "x" * 2001}, "ValidationError", "notes"),
    ]
    for wrong, kind, path in refused:
        payload = await slip.update(**wrong)
        (error,) = payload["errors"]
        assert (error["__typename"], error["path"]) == (kind, ["input", *path.split(".")]), error
        assert error.get("currentVersion", 1) == 1
        assert payload["bet"] is payload["bankroll"] is None
    await database.pool.execute("update match set status = 'LIVE', kickoff_at = kickoff_at - interval '3 hours'")
    (error,) = (await slip.update(stake=stake))["errors"]
    assert (error["__typename"], error["marketStatus"]) == ("MarketClosedError", "CLOSED")
    assert (await slip.update(tags=["still"]))["errors"] == [], "labels may change at any time"


async def test_a_bet_is_settled_by_hand_and_again(slip: Slip) -> None:
    settled = await slip.settle("WON")
    assert settled["errors"] == []
    bet = settled["bet"]
    assert (bet["status"], bet["profit"], bet["isSettledByHand"]) == ("WON", {"amount": "10.00"}, True)
    assert (bet["settledAt"], bet["version"]) == ("2026-03-14T12:00:00Z", 2)
    assert [leg["result"] for leg in bet["legs"]] == ["WON"]
    assert bet["settlementTrace"]
    assert settled["bankroll"]["balance"] == {"amount": "100.00"}
    assert settled["bankroll"]["exposure"] == {"amount": "10.00"}
    again = await slip.settle("HALF_LOST", expectedVersion=2)
    assert (again["bet"]["status"], again["bet"]["profit"]) == ("HALF_LOST", {"amount": "-2.50"})
    assert again["bankroll"]["balance"] == {"amount": "87.50"}
    assert [(each["status"], each["cause"], each["payout"]["amount"]) for each in again["bet"]["settlements"]] == [
        ("WON", "BY_HAND", "15.00"),
        ("HALF_LOST", "BY_HAND", "2.50"),
    ]


async def test_what_cannot_be_settled_is_refused_by_name(slip: Slip, factory: Factory) -> None:
    refused: list[tuple[tuple[str, ...], dict[str, Any], str, str]] = [
        ((), {}, "ValidationError", "legResults"),
        (("WON", "LOST"), {}, "ValidationError", "legResults"),
        (("WON",), {"expectedVersion": 7}, "ConflictError", "expectedVersion"),
        (("WON",), {"id": slip.coming}, "ValidationError", "legResults.0"),
        (("WON",), {"id": global_id("Bet", 99)}, "NotFoundError", "id"),
    ]
    for results, wrong, kind, path in refused:
        payload = await slip.settle(*results, **wrong)
        (error,) = payload["errors"]
        assert (error["__typename"], error["path"]) == (kind, ["input", *path.split(".")]), error
        assert payload["bet"] is payload["bankroll"] is None


async def test_two_mutations_of_one_operation_each_tell_what_came_of_them(slip: Slip) -> None:
    query = """mutation($a: SettleBetInput!, $b: SettleBetInput!) {
      a: settleBet(input: $a) { bet { status version settlements { status } } bankroll { balance { amount } } }
      b: settleBet(input: $b) { bet { status version settlements { status } } bankroll { balance { amount } } } }"""
    first = {"id": slip.described, "expectedVersion": 1, "legResults": ["WON"]}
    both = await slip.ann.data(query, a=first, b={**first, "expectedVersion": 2, "legResults": ["LOST"]})
    assert both == {
        "a": {
            "bet": {"status": "WON", "version": 2, "settlements": [{"status": "WON"}]},
            "bankroll": {"balance": {"amount": "100.00"}},
        },
        "b": {
            "bet": {"status": "LOST", "version": 3, "settlements": [{"status": "WON"}, {"status": "LOST"}]},
            "bankroll": {"balance": {"amount": "85.00"}},
        },
    }


async def test_a_bet_is_taken_back_before_kickoff_only(slip: Slip, database: Database, client: Client) -> None:
    gone = await slip.delete(slip.coming)
    assert gone == {
        "deletedBetId": slip.coming,
        "bankroll": {
            "balance": {"amount": "95.00"},
            "exposure": {"amount": "5.00"},
            "transactions": {"totalCount": 1},
            "bets": {"totalCount": 1},
        },
        "errors": [],
    }
    (error,) = (await slip.delete(slip.coming))["errors"]
    assert (error["__typename"], error["path"]) == ("NotFoundError", ["input", "id"])
    await slip.settle("LOST")
    (error,) = (await slip.delete(slip.described))["errors"]
    assert (error["__typename"], error["marketStatus"]) == ("MarketClosedError", "SETTLED")


async def test_a_key_whose_bet_was_taken_back_gives_no_other_bet(slip: Slip) -> None:
    place = """mutation($input: PlaceBetInput!) { placeBet(input: $input) {
      bet { id bankroll { id } } errors { __typename ... on UserError { path } } } }"""
    bankrolls = "{ viewer { bankrolls { nodes { id } } } }"
    (bankroll,) = (await slip.ann.data(bankrolls))["viewer"]["bankrolls"]["nodes"]
    given = {
        "bankrollId": bankroll["id"],
        "legs": [{"description": "Rain", "decimalOdds": 2.0}],
        "stake": {"amount": "1.00", "currencyCode": "EUR"},
        "idempotencyKey": "tap",
    }
    placed = (await slip.ann.data(place, input=given))["placeBet"]["bet"]
    assert (await slip.delete(placed["id"]))["errors"] == []
    repeated = (await slip.ann.data(place, input=given))["placeBet"]
    assert repeated["bet"] is None
    assert repeated["errors"] == [{"__typename": "ConflictError", "path": ["input", "idempotencyKey"]}]


async def test_the_audit_log_says_from_where_a_bet_was_settled(slip: Slip, database: Database) -> None:
    assert (await slip.settle("WON"))["errors"] == []
    row = await database.pool.fetchrow("select ip_address, user_agent from audit_entry where action = 'bet.settle'")
    assert row is not None
    assert row["ip_address"] is not None
    assert "httpx" in row["user_agent"]


async def test_nobody_touches_somebody_elses_bet(slip: Slip, client: Client, database: Database) -> None:
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        (UPDATE, "updateBet", {"id": slip.coming, "expectedVersion": 1, "notes": "Mine"}),
        (SETTLE, "settleBet", {"id": slip.described, "expectedVersion": 1, "legResults": ["WON"]}),
        (DELETE, "deleteBet", {"id": slip.coming}),
    ]
    async with betting(client.app, "bob@example.com") as bob:
        for query, name, input in attempts:
            (error,) = (await bob.data(query, input=input))[name]["errors"]
            assert (error["__typename"], error["path"]) == ("NotFoundError", ["input", "id"])
            refused = await client.error(query, input=input)
            assert refused["extensions"] == {"code": "UNAUTHENTICATED"}
    assert await database.pool.fetchval("select count(*) from bet where version = 1 and deleted_at is null") == 2
    assert await database.pool.fetchval("select count(*) from settlement") == 0


async def test_a_value_bet_says_what_became_of_it(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    over, coming = await factory.matches(
        [Fixture(league, "A", "B", hours(-3), goals=(3, 0)), Fixture(league, "C", "D", hours(2))]
    )
    await factory.prices([over, coming], at=hours(-5))
    made = await factory.value_bets(
        [
            Bet(over, 0.12, price=2.6, status="EXPIRED"),
            Bet(over, 0.12, outcome="match_result::ft/away", price=2.6, status="EXPIRED"),
            Bet(over, 0.12, outcome="total_goals:2.5:ft/over", price=2.6, status="EXPIRED"),
            Bet(coming, 0.12, price=2.6),
        ]
    )
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on ValueBet { result closingEdge } } }"
    shown = (await client.data(query, ids=[global_id("ValueBet", key) for key in made]))["nodes"]
    assert [bet["result"] for bet in shown] == ["WON", "LOST", "WON", None]
    home, _, away = remove_margin(np.array([[2.60, 2.61, 2.62]]), Method.SHIN).probabilities[0]  # of the sharp book
    assert [bet["closingEdge"] for bet in shown] == [
        pytest.approx(2.6 * home - 1),
        pytest.approx(2.6 * away - 1),
        None,
        None,
    ]
