"""Bankrolls: made, changed, paid into and out of, seen by their owner and by nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.database import Database
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import Wager, make_bankroll, make_bets
from tests.factories import Factory

BIT = """fragment Bit on Bankroll {
  id name isPaper currencyCode startingBalance { amount currencyCode } balance { amount } exposure { amount }
  staking { method flatStake { amount currencyCode } percent kellyMultiplier maxStakeShare } }
fragment Error on UserError { __typename code message path }"""
CREATE = f"""mutation($input: CreateBankrollInput!) {{
  createBankroll(input: $input) {{ bankroll {{ ...Bit }} errors {{ ...Error }} }} }} {BIT}"""
UPDATE = f"""mutation($input: UpdateBankrollInput!) {{
  updateBankroll(input: $input) {{ bankroll {{ ...Bit }} errors {{ ...Error }} }} }} {BIT}"""
MOVE = """mutation($input: RecordTransactionInput!) { recordTransaction(input: $input) {
  transaction { id kind amount { amount currencyCode } note occurredAt } bankroll { balance { amount } }
  errors { __typename ... on UserError { code message path }
           ... on InsufficientFundsError { available { amount currencyCode } } } } }"""
LIST = """query($first: Int, $after: String, $last: Int, $before: String) {
  viewer { bankrolls(first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { name } pageInfo { hasNextPage startCursor endCursor } } } }"""
MOVES = """query($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on Bankroll {
  transactions(first: $first, after: $after) {
    totalCount nodes { kind amount { amount } note } pageInfo { endCursor } } } } }"""


@pytest.fixture
async def ann(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


@pytest.fixture
async def bob(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    async with betting(client.app, "bob@example.com") as bettor:
        yield bettor


def euros(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


async def made(bettor: Bettor, **given: Any) -> dict[str, Any]:
    """A new bankroll as the API answers it."""
    given = {"name": "Main", "startingBalance": euros("1000.00"), "isPaper": False, **given}
    payload = (await bettor.data(CREATE, input=given))["createBankroll"]
    assert payload["errors"] == []
    found: dict[str, Any] = payload["bankroll"]
    return found


async def test_a_bankroll_is_made_with_its_start(ann: Bettor) -> None:
    bankroll = await made(ann)
    assert bankroll == {
        "id": bankroll["id"],
        "name": "Main",
        "isPaper": False,
        "currencyCode": "EUR",
        "startingBalance": euros("1000.00"),
        "balance": {"amount": "1000.00"},
        "exposure": {"amount": "0.00"},
        "staking": {
            "method": "KELLY",
            "flatStake": None,
            "percent": None,
            "kellyMultiplier": 0.25,
            "maxStakeShare": 0.05,
        },
    }
    again = await ann.data(
        f"query($id: ID!) {{ node(id: $id) {{ ...Bit }} }} {BIT.partition('fragment Error')[0]}", id=bankroll["id"]
    )
    assert again["node"] == bankroll


async def test_money_keeps_the_decimals_of_its_currency(ann: Bettor) -> None:
    for currency, start in (("JPY", "150000"), ("KWD", "12.345"), ("EUR", "0.00"), ("USD", "0.10")):
        bankroll = await made(ann, startingBalance=euros(start, currency))
        assert bankroll["startingBalance"] == euros(start, currency)
        assert bankroll["balance"] == {"amount": start}


STAKING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"method": "FLAT", "flatStake": euros("5.00")}, {"flatStake": euros("5.00")}),
    ({"method": "PERCENT", "percent": 0.02, "maxStakeShare": 0.1}, {"percent": 0.02, "maxStakeShare": 0.1}),
    ({"method": "KELLY", "kellyMultiplier": 0.5}, {"kellyMultiplier": 0.5}),
    ({"method": "KELLY"}, {"kellyMultiplier": 0.25}),
]


async def test_staking_is_kept_as_it_was_asked_for(ann: Bettor) -> None:
    plain = {"flatStake": None, "percent": None, "kellyMultiplier": None, "maxStakeShare": 0.05}
    for staking, shown in STAKING:
        bankroll = await made(ann, staking=staking)
        assert bankroll["staking"] == {**plain, **shown, "method": staking["method"]}
        other = {"id": bankroll["id"], "staking": {"method": "PERCENT", "percent": 0.01}}
        changed = await ann.data(UPDATE, input=other)
        assert changed["updateBankroll"]["bankroll"]["staking"]["percent"] == 0.01
        back = await ann.data(UPDATE, input={"id": bankroll["id"], "name": "Other", "staking": staking})
        assert back["updateBankroll"]["bankroll"] == {**bankroll, "name": "Other"}


BAD_BANKROLLS: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name"),
    ({"name": "x" * 61}, "name"),
    ({"startingBalance": euros("-1.00")}, "startingBalance.amount"),
    ({"startingBalance": euros("1.001")}, "startingBalance.amount"),
    ({"startingBalance": euros("1e30")}, "startingBalance.amount"),
    ({"startingBalance": euros("1", "EURO")}, "startingBalance.currencyCode"),
    ({"staking": {"method": "FLAT"}}, "staking.flatStake"),
    ({"staking": {"method": "FLAT", "flatStake": euros("1", "USD")}}, "staking.flatStake.currencyCode"),
    ({"staking": {"method": "PERCENT", "percent": 1.5}}, "staking.percent"),
    ({"staking": {"method": "KELLY", "maxStakeShare": 0.0}}, "staking.maxStakeShare"),
]


async def test_a_bad_bankroll_is_refused_by_name(ann: Bettor) -> None:
    for given, path in BAD_BANKROLLS:
        wanted = {"name": "Main", "startingBalance": euros("1000.00"), "isPaper": False, **given}
        payload = (await ann.data(CREATE, input=wanted))["createBankroll"]
        (error,) = payload["errors"]
        assert (error["__typename"], error["code"]) == ("ValidationError", "INVALID")
        assert error["path"] == ["input", *path.split(".")]
        assert payload["bankroll"] is None
    assert (await ann.data(LIST))["viewer"]["bankrolls"]["totalCount"] == 0


async def test_money_goes_in_and_out(ann: Bettor) -> None:
    bankroll = await made(ann, startingBalance=euros("100.00"))
    seen = []
    for kind, amount, note in (
        ("DEPOSIT", "50.00", "Salary"),
        ("WITHDRAWAL", "30.00", None),
        ("BONUS", "5.00", None),
        ("CORRECTION", "-0.01", "A cent"),
    ):
        given = {"bankrollId": bankroll["id"], "kind": kind, "amount": euros(amount), "note": note}
        payload = (await ann.data(MOVE, input=given))["recordTransaction"]
        assert payload["errors"] == []
        assert payload["transaction"]["occurredAt"] == "2026-03-14T12:00:00Z"
        seen.append((payload["transaction"]["amount"]["amount"], payload["bankroll"]["balance"]["amount"]))
    assert seen == [("50.00", "150.00"), ("-30.00", "120.00"), ("5.00", "125.00"), ("-0.01", "124.99")]
    shown = (await ann.data(MOVES, id=bankroll["id"]))["node"]["transactions"]
    assert shown["totalCount"] == 5
    assert [move["amount"]["amount"] for move in shown["nodes"]] == ["-0.01", "5.00", "-30.00", "50.00", "100.00"]
    assert [move["note"] for move in shown["nodes"][:4:3]] == ["A cent", "Salary"]
    page = (await ann.data(MOVES, id=bankroll["id"], first=2))["node"]["transactions"]
    rest = await ann.data(MOVES, id=bankroll["id"], first=9, after=page["pageInfo"]["endCursor"])
    assert page["nodes"] + rest["node"]["transactions"]["nodes"] == shown["nodes"]


async def test_two_mutations_of_one_operation_each_tell_the_balance_after_it(ann: Bettor) -> None:
    bankroll = await made(ann, startingBalance=euros("10.00"))
    query = """mutation($in: RecordTransactionInput!, $out: RecordTransactionInput!) {
      a: recordTransaction(input: $in) { bankroll { balance { amount } } transaction { id } }
      b: recordTransaction(input: $out) { bankroll { balance { amount } } transaction { id } } }"""
    given = {"bankrollId": bankroll["id"], "kind": "DEPOSIT", "amount": euros("1.00")}
    both = await ann.data(query, **{"in": given, "out": {**given, "kind": "WITHDRAWAL"}})
    assert [both[name]["bankroll"]["balance"]["amount"] for name in "ab"] == ["11.00", "10.00"]


BAD_MOVEMENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "WITHDRAWAL", "amount": euros("100.01")}, "InsufficientFundsError", "amount.amount"),
    ({"kind": "DEPOSIT", "amount": euros("0")}, "ValidationError", "amount.amount"),
    ({"kind": "WITHDRAWAL", "amount": euros("-1")}, "ValidationError", "amount.amount"),
    ({"kind": "DEPOSIT", "amount": euros("1", "USD")}, "ValidationError", "amount.currencyCode"),
    ({"kind": "CORRECTION", "amount": euros("0.001")}, "ValidationError", "amount.amount"),
    ({"kind": "BONUS", "amount": euros("1"), "note": "x" * 201}, "ValidationError", "note"),
    ({"bankrollId": "nonsense", "kind": "BONUS", "amount": euros("1")}, "NotFoundError", "bankrollId"),
    ({"bankrollId": global_id("Bankroll", 9), "kind": "BONUS", "amount": euros("1")}, "NotFoundError", "bankrollId"),
]


async def test_a_bad_movement_is_refused_and_moves_nothing(ann: Bettor) -> None:
    bankroll = await made(ann, startingBalance=euros("100.00"))
    for given, kind, path in BAD_MOVEMENTS:
        payload = (await ann.data(MOVE, input={"bankrollId": bankroll["id"], **given}))["recordTransaction"]
        (error,) = payload["errors"]
        assert (error["__typename"], error["path"]) == (kind, ["input", *path.split(".")])
        assert payload["transaction"] is payload["bankroll"] is None
        assert error.get("available", euros("100.00")) == euros("100.00")
    shown = (await ann.data(MOVES, id=bankroll["id"]))["node"]["transactions"]
    assert shown["totalCount"] == 1


async def test_pages_of_bankrolls(ann: Bettor) -> None:
    for name in "abcde":
        await made(ann, name=name)
    first = (await ann.data(LIST, first=2))["viewer"]["bankrolls"]
    assert (first["totalCount"], [node["name"] for node in first["nodes"]]) == (5, ["a", "b"])
    rest = (await ann.data(LIST, first=9, after=first["pageInfo"]["endCursor"]))["viewer"]["bankrolls"]
    assert [node["name"] for node in rest["nodes"]] == ["c", "d", "e"]
    back = await ann.data(LIST, last=1, before=rest["pageInfo"]["startCursor"])
    assert [node["name"] for node in back["viewer"]["bankrolls"]["nodes"]] == ["b"]


async def test_nobody_else_sees_or_moves_it(client: Client, ann: Bettor, bob: Bettor, database: Database) -> None:
    bankroll = await made(ann)
    given = {"bankrollId": bankroll["id"], "kind": "BONUS", "amount": euros("1")}
    entry = (await ann.data(MOVE, input=given))["recordTransaction"]["transaction"]["id"]
    ids = [bankroll["id"], entry]
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
    assert (await ann.data(nodes, ids=ids))["nodes"] == [
        {"__typename": "Bankroll"},
        {"__typename": "BankrollTransaction"},
    ]
    for other in (client, bob):
        assert (await other.data(nodes, ids=ids))["nodes"] == [None, None]
    assert (await bob.data(LIST))["viewer"]["bankrolls"] == {
        "totalCount": 0,
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
    }
    for query, name, input in (
        (UPDATE, "updateBankroll", {"id": bankroll["id"], "name": "Mine"}),
        (MOVE, "recordTransaction", given),
    ):
        (error,) = (await bob.data(query, input=input))[name]["errors"]
        assert (error["__typename"], error["code"]) == ("NotFoundError", "NOT_FOUND")
        refused = await client.error(query, input=input)
        assert refused["extensions"] == {"code": "UNAUTHENTICATED"}
    assert await database.pool.fetchval("select count(*) from bankroll_entry") == 2
    assert await database.pool.fetchval("select name from bankroll") == "Main"


async def test_fifty_bankrolls_cost_as_few_statements_as_one(ann: Bettor, database: Database) -> None:
    for place in range(50):
        key = await make_bankroll(database.pool, ann.account, name=str(place), deposit=1000 + place)
        await make_bets(database.pool, key, [Wager("PENDING", stake=10 + place), Wager("WON")])
    query = """query($first: Int!) { viewer { bankrolls(first: $first) { nodes {
      startingBalance { amount } balance { amount } exposure { amount } staking { method }
      transactions(first: 3) { totalCount nodes { amount { amount } } }
      bets(first: 3) { totalCount nodes { id stake { amount } legs { description } settlementTrace bankroll { id } } }
    } } } }"""
    fifty, one = await ann.ask(query, {"first": 50}), await ann.ask(query, {"first": 1})
    assert fifty.errors == one.errors == []
    nodes = fifty.data["viewer"]["bankrolls"]["nodes"]
    assert [node["exposure"]["amount"] for node in nodes] == [f"0.{10 + place}" for place in range(50)]
    assert [node["startingBalance"]["amount"] for node in nodes] == [f"10.{place:02}" for place in range(50)]
    assert {node["bets"]["totalCount"] for node in nodes} == {2}
    assert fifty.statements == one.statements
    assert fifty.statements <= 12
