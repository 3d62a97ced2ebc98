"""Value bets: every filter and order, and what one says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id
from tests.api.client import Client
from tests.factories import NOW, Bet, Factory, Figures, Fixture, hours
from touchline import OVER_25, RESULT

LIST = """query($filter: ValueBetFilter, $orderBy: ValueBetOrder, $first: Int, $after: String) {
  valueBets(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
    totalCount truncation { limit } pageInfo { endCursor } nodes { id edge status } } }"""


@pytest.fixture
async def bets(factory: Factory) -> dict[str, int]:
    """Value bets by name; a and b are of the same match."""
    big = await factory.league("england-premier-league")
    small = await factory.league("spain-segunda", country="ES")
    first, second, over = await factory.matches(
        [
            Fixture(big, "A", "B", hours(2)),
            Fixture(small, "C", "D", hours(30)),
            Fixture(small, "E", "F", hours(-20), goals=(1, 0)),
        ]
    )
    await factory.forecasts([first, second], [Figures(2.8, 0.5), Figures(1.2, 1.2)])
    await factory.prices([first], markets=[RESULT, OVER_25])
    await factory.prices([second], at=NOW - timedelta(hours=3))
    made = await factory.value_bets(
        [
            Bet(first, 0.25, price=2.6),
            Bet(first, 0.12, outcome="total_goals:2.5:ft/over", book="village", price=2.7),
            Bet(second, 0.15, price=4.1),
            Bet(second, 0.05, outcome="match_result::ft/draw"),
            Bet(second, 0.7, outcome="match_result::ft/away"),
            Bet(first, 0.3, outcome="match_result::ft/draw", status="EXPIRED"),
            Bet(over, 0.4, status="EXPIRED"),
        ]
    )
    return dict(zip(("a", "b", "c", "low", "wild", "gone", "over"), made, strict=True)) | {
        "first": first,
        "second": second,
        "big": big,
        "small": small,
    }


async def shown(client: Client, bets: dict[str, int], filter: dict[str, Any] | None, **more: Any) -> list[str]:
    names = {global_id("ValueBet", bet): name for name, bet in list(bets.items())[:7]}
    answer = (await client.data(LIST, filter=filter, **more))["valueBets"]
    assert more or answer["totalCount"] == len(answer["nodes"])
    return [names[node["id"]] for node in answer["nodes"]]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (None, ["a", "c", "b"]),
        ({}, ["a", "c", "b"]),
        ({"minEdge": 0.0}, ["a", "c", "b", "low"]),
        ({"minEdge": 0.13}, ["a", "c"]),
        ({"maxEdge": 0.2}, ["c", "b"]),
        ({"maxEdge": None}, ["wild", "a", "c", "b"]),
        ({"minOdds": 2.65}, ["c", "b"]),
        ({"maxOdds": 2.65}, ["a"]),
        ({"minConfidence": 60}, ["a", "b"]),
        ({"markets": ["TOTAL_GOALS"]}, ["b"]),
        ({"bases": ["MODEL_AND_MARKET"]}, ["a", "c", "b"]),
        ({"bases": ["SHARP_MARKET"]}, []),
        ({"statuses": ["EXPIRED"]}, ["gone"]),
        ({"statuses": ["SETTLED"]}, ["over"]),
        ({"statuses": ["OPEN", "EXPIRED", "SETTLED"]}, ["over", "gone", "a", "c", "b"]),
        ({"window": "NEXT_24_HOURS"}, ["a", "b"]),
        ({"maxQuoteAgeSeconds": 600}, ["a", "b"]),
    ],
)
async def test_filters(
    client: Client, bets: dict[str, int], filter: dict[str, Any] | None, expected: list[str]
) -> None:
    assert await shown(client, bets, filter) == expected


async def test_filters_by_id(client: Client, factory: Factory, bets: dict[str, int]) -> None:
    assert await shown(client, bets, {"leagueIds": [global_id("League", bets["small"])]}) == ["c"]
    assert await shown(client, bets, {"matchIds": [global_id("Match", bets["first"])]}) == ["a", "b"]
    book = global_id("Bookmaker", (await factory.books())["village"])
    assert await shown(client, bets, {"bookmakerIds": [book]}) == ["b"]


@pytest.mark.parametrize(
    ("field", "direction", "expected"),
    [
        ("EDGE", "ASC", ["b", "c", "a"]),
        ("KELLY", "DESC", ["a", "b", "c"]),
        ("CONFIDENCE", "DESC", ["a", "b", "c"]),
        ("DETECTED", "ASC", ["a", "b", "c"]),
        ("KICKOFF", "DESC", ["c", "b", "a"]),
    ],
)
async def test_orders_and_their_pages(
    client: Client, bets: dict[str, int], field: str, direction: str, expected: list[str]
) -> None:
    order = {"field": field, "direction": direction}
    assert await shown(client, bets, None, orderBy=order) == expected
    first = (await client.data(LIST, orderBy=order, first=1))["valueBets"]["pageInfo"]["endCursor"]
    assert await shown(client, bets, None, orderBy=order, first=5, after=first) == expected[1:]


async def test_a_bet_says_what_it_rests_on(client: Client, bets: dict[str, int]) -> None:
    query = """query($id: ID!) { node(id: $id) { ... on ValueBet {
      edge probability bookmakerProbability kellyFraction recommendation status basis confidence detectedAt expiredAt
      fairPrice { decimal } strategyKey jobId strategyVersion { version model { key kind plugin { key } } }
      quote { price { decimal } bookmaker { key } selection { key } } selection { key } match { id }
      prediction { market { key } modelVersion { model { key } } }
      expectedProfit(stake: {amount: "20.00", currencyCode: "EUR"}) { amount currencyCode }
      suggestedStake(bankrollId: "x") { amount } explanation(locale: "es") { headline } result closingEdge } } }"""
    bet = (await client.data(query, id=global_id("ValueBet", bets["a"])))["node"]
    assert bet["edge"] == 0.25
    assert bet["probability"] == pytest.approx(1.25 / 2.6)
    assert bet["bookmakerProbability"] == pytest.approx(1 / 2.6)
    assert bet["fairPrice"]["decimal"] == pytest.approx(2.6 / 1.25)
    assert bet["kellyFraction"] == pytest.approx(0.25 / 1.6)
    assert (bet["recommendation"], bet["status"], bet["basis"]) == ("STRONG", "OPEN", "MODEL_AND_MARKET")
    assert bet["quote"]["bookmaker"] == {"key": "corner"}
    assert bet["quote"]["selection"] == bet["selection"] == {"key": "home"}
    assert bet["match"] == {"id": global_id("Match", bets["first"])}
    assert bet["prediction"]["market"] == {"key": "match_result::ft"}
    assert bet["expectedProfit"] == {"amount": "5.00", "currencyCode": "EUR"}
    assert bet["strategyVersion"]["model"] == {
        "key": "touchline.value",
        "kind": "STRATEGY",
        "plugin": {"key": "value"},
    }
    assert [bet[name] for name in ("suggestedStake", "explanation", "result", "closingEdge", "expiredAt")] == [None] * 5


async def test_bets_of_a_match_by_edge(client: Client, bets: dict[str, int]) -> None:
    query = "query($id: ID!, $min: Float) { match(id: $id) { valueBets(minEdge: $min) { edge } } }"
    both = (await client.data(query, id=global_id("Match", bets["first"])))["match"]["valueBets"]
    assert [bet["edge"] for bet in both] == [0.25, 0.12]
    one = (await client.data(query, id=global_id("Match", bets["first"]), min=0.2))["match"]["valueBets"]
    assert [bet["edge"] for bet in one] == [0.25]
    implausible = (await client.data(query, id=global_id("Match", bets["second"])))["match"]["valueBets"]
    assert [bet["edge"] for bet in implausible] == [0.15, 0.05]


@pytest.mark.parametrize(
    ("filter", "argument"),
    [
        ({"matchIds": ["nonsense"]}, "filter.matchIds"),
        ({"maxQuoteAgeSeconds": -1}, "filter.maxQuoteAgeSeconds"),
    ],
)
async def test_a_bad_filter_is_refused_by_name(client: Client, filter: dict[str, Any], argument: str) -> None:
    error = await client.error(LIST, filter=filter)
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
