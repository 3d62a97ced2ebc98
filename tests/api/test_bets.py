"""Bets as they are read: lists with every filter and order, what one says of itself, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.database import Database
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.factories import NOW, Bet, Factory, Figures, Fixture, hours
from touchline import OVER_25, RESULT

LIST = """query($filter: BetFilter, $orderBy: BetOrder, $first: Int, $after: String, $last: Int, $before: String) {
  viewer { bets(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
OF_BANKROLL = """query($id: ID!, $filter: BetFilter, $orderBy: BetOrder) { node(id: $id) { ... on Bankroll {
  bets(filter: $filter, orderBy: $orderBy) { totalCount nodes { id } } } } }"""
WHOLE = """fragment Whole on Bet {
  id kind status isPaper source tags notes placedAt settledAt version isSettledByHand
  price { decimal } stake { amount currencyCode } potentialReturn { amount } profit { amount }
  edgeAtPlacement closingLineValue expectedProfit { amount } settlementTrace
  settlements { status payout { amount currencyCode } cause isEffective trace settledAt }
  bankroll { id name } valueBet { id edge }
  legs { description price { decimal } result bookmakerName closingNote probabilityAtPlacement
    closingPrice { decimal } fairPriceAtPlacement { decimal } bookmaker { key } match { id homeTeam { name } }
    market { key name } selection { id key name } predictionAtPlacement { id market { key } } } }"""


@dataclass
class Ledger:
    """A person's bets by name, and what they are on."""

    ann: Bettor
    bets: dict[str, int]
    main: int
    paper: int
    leagues: dict[str, int]
    books: dict[str, int]
    matches: list[int]
    selections: dict[str, int]

    def names(self, nodes: list[dict[str, Any]]) -> list[str]:
        known = {global_id("Bet", key): name for name, key in self.bets.items()}
        return [known[node["id"]] for node in nodes]

    async def shown(self, filter: dict[str, Any] | None = None, **more: Any) -> list[str]:
        """Names of the bets that a list shows."""
        found = (await self.ann.data(LIST, filter=filter, **more))["viewer"]["bets"]
        assert more or found["totalCount"] == len(found["nodes"])
        return self.names(found["nodes"])


@pytest.fixture
async def ann(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


@pytest.fixture
async def ledger(ann: Bettor, factory: Factory, database: Database) -> Ledger:
    big, small = await factory.league("england-premier-league"), await factory.league("spain-segunda", country="ES")
    matches = await factory.matches(
        [Fixture(big, "Arsenal", "Chelsea", hours(2)), Fixture(small, "Betis", "Sevilla", hours(-4), goals=(2, 1))]
    )
    words, books = await factory.markets(RESULT, OVER_25), await factory.books()
    home, over = words.selection_id(RESULT, "home"), words.selection_id(OVER_25, "over")
    first, second = Leg(matches[0], home, books["corner"]), Leg(matches[1], over, books["village"])
    main = await make_bankroll(database.pool, ann.account)
    paper = await make_bankroll(database.pool, ann.account, name="Paper", is_paper=True)
    won, lost, open_, double = await make_bets(
        database.pool,
        main,
        [
            Wager(
                "WON",
                2000,
                "2.10",
                hours(-50),
                hours(-48),
                closing_line_value=0.05,
                tags=("cup", "live"),
                legs=(second,),
            ),
            Wager(
                "LOST",
                1500,
                "3.00",
                hours(-40),
                hours(-38),
                closing_line_value=-0.02,
                legs=(Leg(bookmaker_name="Bet Shack"),),
            ),
            Wager("PENDING", 1000, "1.85", hours(-3), tags=("cup",), legs=(first,)),
            Wager("PENDING", 500, "2.00", hours(-2), legs=(first, second)),
        ],
    )
    (simulated,) = await make_bets(
        database.pool, paper, [Wager("PUSH", 4000, placed_at=hours(-30), settled_at=hours(-1))]
    )
    return Ledger(
        ann,
        {"won": won, "lost": lost, "open": open_, "double": double, "paper": simulated},
        main,
        paper,
        {"big": big, "small": small},
        dict(books),
        matches,
        {"home": home, "over": over},
    )


ALL = ["double", "open", "paper", "lost", "won"]
FILTERS: list[tuple[dict[str, Any] | None, list[str]]] = [
    (None, ALL),
    ({}, ALL),
    ({"statuses": ["WON", "LOST"]}, ["lost", "won"]),
    ({"statuses": []}, []),
    ({"kinds": ["ACCUMULATOR"]}, ["double"]),
    ({"markets": ["TOTAL_GOALS"]}, ["double", "won"]),
    ({"markets": ["MATCH_RESULT", "TOTAL_GOALS"]}, ["double", "open", "won"]),
    ({"tags": ["live", "none"]}, ["won"]),
    ({"tags": ["cup"]}, ["open", "won"]),
    ({"isPaper": True}, ["paper"]),
    ({"isPaper": False, "statuses": ["PENDING"]}, ["double", "open"]),
    ({"placed": {"from": "2026-03-13T06:00:00Z", "to": "2026-03-14T10:00:00Z"}}, ["open", "paper"]),
    ({"placed": {"from": "2026-03-14T10:00:00Z"}}, ["double"]),
]


async def test_filters(ledger: Ledger) -> None:
    for filter, expected in FILTERS:
        assert await ledger.shown(filter) == expected, filter


async def test_filters_by_id(ledger: Ledger) -> None:
    assert await ledger.shown({"leagueIds": [global_id("League", ledger.leagues["big"])]}) == ["double", "open"]
    assert await ledger.shown({"leagueIds": [global_id("League", ledger.leagues["small"])]}) == ["double", "won"]
    assert await ledger.shown({"bookmakerIds": [global_id("Bookmaker", ledger.books["village"])]}) == ["double", "won"]
    assert await ledger.shown({"bookmakerIds": [global_id("Bookmaker", ledger.books["pinnacle"])]}) == []


async def test_a_bad_filter_is_refused_by_name(ann: Bettor) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"leagueIds": ["nonsense"]}, "filter.leagueIds"),
        ({"bookmakerIds": [global_id("League", 1)]}, "filter.bookmakerIds"),
        ({"placed": {"from": "2026-03-14T10:00:00Z", "to": "2026-03-14T10:00:00Z"}}, "filter.placed"),
    ]
    for filter, argument in refused:
        error = await ann.error(LIST, filter=filter)
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


ORDERS = [
    ("PLACED", "ASC", ["won", "lost", "paper", "open", "double"]),
    ("SETTLED", "DESC", ["paper", "lost", "won", "double", "open"]),
    ("SETTLED", "ASC", ["won", "lost", "paper", "open", "double"]),
    ("STAKE", "DESC", ["paper", "won", "lost", "open", "double"]),
    ("PROFIT", "DESC", ["won", "paper", "lost", "double", "open"]),
    ("PROFIT", "ASC", ["lost", "paper", "won", "open", "double"]),
    ("CLOSING_LINE_VALUE", "DESC", ["won", "lost", "paper", "double", "open"]),
]


async def test_orders_and_their_pages(ledger: Ledger) -> None:
    for field, direction, expected in ORDERS:
        order = {"field": field, "direction": direction}
        assert await ledger.shown(orderBy=order, first=9) == expected, order
        assert await read_on(ledger, orderBy=order, first=2) == expected, order
        assert await read_back(ledger, orderBy=order, last=2) == expected, order


async def read_on(ledger: Ledger, **given: Any) -> list[str]:
    """The whole list, read page by page."""
    page = (await ledger.ann.data(LIST, **given))["viewer"]["bets"]
    shown = ledger.names(page["nodes"])
    if not page["pageInfo"]["hasNextPage"]:
        return shown
    return shown + await read_on(ledger, **{**given, "after": page["pageInfo"]["endCursor"]})


async def read_back(ledger: Ledger, **given: Any) -> list[str]:
    """The whole list, read page by page from its end."""
    page = (await ledger.ann.data(LIST, **given))["viewer"]["bets"]
    shown = ledger.names(page["nodes"])
    if not page["pageInfo"]["hasPreviousPage"]:
        return shown
    return await read_back(ledger, **{**given, "before": page["pageInfo"]["startCursor"]}) + shown


async def test_a_bankroll_lists_its_own(ledger: Ledger) -> None:
    for key, expected in ((ledger.main, ["double", "open", "lost", "won"]), (ledger.paper, ["paper"])):
        found = (await ledger.ann.data(OF_BANKROLL, id=global_id("Bankroll", key)))["node"]["bets"]
        assert (ledger.names(found["nodes"]), found["totalCount"]) == (expected, len(expected))
    given = {"filter": {"statuses": ["PENDING"]}, "orderBy": {"field": "STAKE", "direction": "ASC"}}
    found = (await ledger.ann.data(OF_BANKROLL, id=global_id("Bankroll", ledger.main), **given))["node"]["bets"]
    assert (ledger.names(found["nodes"]), found["totalCount"]) == (["double", "open"], 2)


async def test_a_settled_bet_says_everything(ledger: Ledger, factory: Factory, database: Database) -> None:
    await factory.forecasts([ledger.matches[1]], Figures(1.6, 1.1), at=hours(-60))
    (value_bet,) = await factory.value_bets([Bet(ledger.matches[1], 0.12, outcome="total_goals:2.5:ft/over")])
    prediction = await database.pool.fetchval(
        "select p.id from prediction p join market k on k.id = p.market_id where k.key = 'total_goals:2.5:ft'"
    )
    await database.pool.execute(
        """update bet set value_bet_id = $2, notes = 'Two words', source = 'SUGGESTION', edge_at_placement = 0.1
           where id = $1""",
        ledger.bets["won"],
        value_bet,
    )
    await database.pool.execute(
        """update bet_leg set closing_probability = 0.5, closing_note = 'pinnacle', prediction_id = $2,
               fair_probability_at_placement = 0.4, probability_at_placement = 0.45 where bet_id = $1""",
        ledger.bets["won"],
        prediction,
    )
    id = global_id("Bet", ledger.bets["won"])
    shown = (await ledger.ann.data(f"query($id: ID!) {{ node(id: $id) {{ ...Whole }} }} {WHOLE}", id=id))["node"]
    assert shown == {
        "id": id,
        "kind": "SINGLE",
        "status": "WON",
        "isPaper": False,
        "source": "SUGGESTION",
        "tags": ["cup", "live"],
        "notes": "Two words",
        "placedAt": "2026-03-12T10:00:00Z",
        "settledAt": "2026-03-12T12:00:00Z",
        "version": 1,
        "isSettledByHand": False,
        "price": {"decimal": 2.1},
        "stake": {"amount": "20.00", "currencyCode": "EUR"},
        "potentialReturn": {"amount": "42.00"},
        "profit": {"amount": "22.00"},
        "edgeAtPlacement": 0.1,
        "closingLineValue": 0.05,
        "expectedProfit": {"amount": "1.00"},
        "settlementTrace": ["test"],
        "settlements": [
            {
                "status": "WON",
                "payout": {"amount": "42.00", "currencyCode": "EUR"},
                "cause": "RESULT",
                "isEffective": True,
                "trace": ["test"],
                "settledAt": "2026-03-12T12:00:00Z",
            }
        ],
        "bankroll": {"id": global_id("Bankroll", ledger.main), "name": "Main"},
        "valueBet": {"id": global_id("ValueBet", value_bet), "edge": 0.12},
        "legs": [
            {
                "description": "A match: an outcome",
                "price": {"decimal": 2.1},
                "result": "WON",
                "bookmakerName": None,
                "closingNote": "pinnacle",
                "probabilityAtPlacement": 0.45,
                "closingPrice": {"decimal": 2.0},
                "fairPriceAtPlacement": {"decimal": 2.5},
                "bookmaker": {"key": "village"},
                "match": {"id": global_id("Match", ledger.matches[1]), "homeTeam": {"name": "Betis"}},
                "market": {"key": "total_goals:2.5:ft", "name": "Over/Under 2.5 goals"},
                "selection": {
                    "id": global_id("Selection", ledger.matches[1], ledger.selections["over"]),
                    "key": "over",
                    "name": "Over 2.5",
                },
                "predictionAtPlacement": {
                    "id": global_id("Prediction", prediction),
                    "market": {"key": "total_goals:2.5:ft"},
                },
            }
        ],
    }


async def test_what_is_not_known_is_null(ledger: Ledger) -> None:
    query = f"query($id: ID!) {{ node(id: $id) {{ ...Whole }} }} {WHOLE}"
    by_hand = (await ledger.ann.data(query, id=global_id("Bet", ledger.bets["lost"])))["node"]
    (leg,) = by_hand["legs"]
    assert leg["bookmakerName"] == "Bet Shack"
    nothing = ("bookmaker", "match", "market", "selection", "predictionAtPlacement", "closingPrice", "closingNote")
    assert [leg[name] for name in nothing] == [None] * len(nothing)
    assert by_hand["profit"] == {"amount": "-15.00"}
    pending = (await ledger.ann.data(query, id=global_id("Bet", ledger.bets["double"])))["node"]
    nothing = ("profit", "settledAt", "closingLineValue", "expectedProfit", "edgeAtPlacement", "valueBet", "notes")
    assert [pending[name] for name in nothing] == [None] * len(nothing)
    assert (pending["settlements"], pending["settlementTrace"]) == ([], [])
    assert pending["potentialReturn"] == {"amount": "20.00"}, "of both legs, whatever the price of the bet says"
    assert [leg["result"] for leg in pending["legs"]] == [None, None]


async def test_the_potential_return_is_less_commissions(ledger: Ledger, database: Database) -> None:
    await database.pool.execute("update bet_leg set commission = 0.05 where bet_id = $1", ledger.bets["won"])
    query = "query($id: ID!) { node(id: $id) { ... on Bet { price { decimal } potentialReturn { amount } } } }"
    shown = (await ledger.ann.data(query, id=global_id("Bet", ledger.bets["won"])))["node"]
    assert shown == {"price": {"decimal": 2.1}, "potentialReturn": {"amount": "40.90"}}  # 20.00 + 95 % of 22.00


async def test_the_trace_is_of_the_verdict_that_counts(ledger: Ledger, database: Database) -> None:
    await database.pool.executemany(
        """insert into settlement (bet_id, account_id, sequence, status, payout, leg_results, trace, cause,
               is_effective, settled_at, recorded_at)
           values ($1, $2, $3, $4, $5, '{}', array[$6::text], $7, $8, $9, $9)""",
        [
            (ledger.bets["won"], ledger.ann.account, 10, "LOST", 0, "said so", "BY_HAND", True, NOW),
            (ledger.bets["won"], ledger.ann.account, 11, "VOID", 2000, "beside", "CORRECTED_RESULT", False, NOW),
        ],
    )
    query = f"query($id: ID!) {{ node(id: $id) {{ ...Whole }} }} {WHOLE}"
    shown = (await ledger.ann.data(query, id=global_id("Bet", ledger.bets["won"])))["node"]
    assert shown["settlementTrace"] == ["said so"]
    assert [(each["status"], each["cause"], each["isEffective"]) for each in shown["settlements"]] == [
        ("WON", "RESULT", True),
        ("LOST", "BY_HAND", True),
        ("VOID", "CORRECTED_RESULT", False),
    ]


async def test_a_bet_taken_back_is_nowhere(ledger: Ledger, database: Database) -> None:
    await database.pool.execute("update bet set deleted_at = now() where id = $1", ledger.bets["open"])
    assert await ledger.shown() == ["double", "paper", "lost", "won"]
    found = await ledger.ann.data("query($id: ID!) { node(id: $id) { id } }", id=global_id("Bet", ledger.bets["open"]))
    assert found["node"] is None
    exposure = "query($id: ID!) { node(id: $id) { ... on Bankroll { exposure { amount } } } }"
    shown = (await ledger.ann.data(exposure, id=global_id("Bankroll", ledger.main)))["node"]
    assert shown == {"exposure": {"amount": "5.00"}}


async def test_nobody_else_sees_them(client: Client, ledger: Ledger) -> None:
    ids = [global_id("Bet", key) for key in ledger.bets.values()]
    nodes = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename ...Whole }} }} {WHOLE}"
    assert [node["__typename"] for node in (await ledger.ann.data(nodes, ids=ids))["nodes"]] == ["Bet"] * 5
    async with betting(client.app, "bob@example.com") as bob:
        assert (await bob.data(nodes, ids=ids))["nodes"] == [None] * 5
        assert (await bob.data(LIST))["viewer"]["bets"]["totalCount"] == 0
    assert (await client.data(nodes, ids=ids))["nodes"] == [None] * 5
    assert (await client.data(LIST))["viewer"] is None


async def test_fifty_bets_cost_as_few_statements_as_one(ann: Bettor, factory: Factory, database: Database) -> None:
    league = await factory.league("england-premier-league")
    matches = await factory.matches([Fixture(league, f"H{n}", f"A{n}", hours(2)) for n in range(50)])
    words, books = await factory.markets(RESULT), await factory.books()
    home = words.selection_id(RESULT, "home")
    main = await make_bankroll(database.pool, ann.account)
    legs = [(Leg(match, home, books["corner"]), Leg()) for match in matches]
    await make_bets(database.pool, main, [Wager(("WON", "PENDING")[n % 2], legs=each) for n, each in enumerate(legs)])
    query = f"query($first: Int!) {{ viewer {{ bets(first: $first) {{ totalCount nodes {{ ...Whole }} }} }} }} {WHOLE}"
    fifty, one = await ann.ask(query, {"first": 50}), await ann.ask(query, {"first": 1})
    assert fifty.errors == one.errors == []
    nodes = fifty.data["viewer"]["bets"]["nodes"]
    assert len({bet["legs"][0]["match"]["homeTeam"]["name"] for bet in nodes}) == 50
    assert fifty.statements == one.statements
    assert fifty.statements <= 13
