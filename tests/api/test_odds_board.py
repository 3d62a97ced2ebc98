"""Odds in the graph: boards, quotes, history, fair prices, and time travel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.context import Context
from api.live_buffer import Cursor
from api.nodes import global_id
from api.schema import build_schema
from domain.infra.bus import Bus
from domain.infra.clock import set_clock
from domain.infra.database import Database, connection_of
from domain.odds.aggregates import Aggregate, record_aggregates
from tests.odds_world import World, make_world
from tests.serving import Api, serving

BOARD = """
fragment PriceBit on Price { decimal american fractional impliedProbability }
query OddsBoard($id: ID!) {
  match(id: $id) {
    oddsBoard(market: MATCH_RESULT) {
      cursor asOf bestOverround
      market { selections { key name } }
      rows { bookmaker { id name kind } overround confirmedAt quotes { id price { ...PriceBit } isAvailable isStale deepLink } }
      fairPrice(method: SHIN) { disagreement outcomes { key probability fairPrice { decimal } } sources { bookmaker { name } weight ageSeconds } }
    }
  }
}
"""  # noqa: E501 - as a frontend wrote it


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


@pytest.fixture
async def api(world: World, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url) as running:
        yield running


async def of_match(api: Api, world: World, fields: str, *, match: int = 0, **variables: Any) -> Any:
    """Fields of a match; `variables` are declared as DateTime or ID by their names."""
    kinds = {"t": "DateTime", "book": "ID", "books": "[ID!]"}
    declared = "".join(f", ${name}: {kinds[name]}" for name in variables)
    document = f"query($id: ID!{declared}) {{ match(id: $id) {{ {fields} }} }}"
    answer = await api.ask(document, id=global_id("Match", world.matches[match]), **variables)
    assert "errors" not in answer, answer
    return answer["data"]["match"]


async def test_board_of_a_frontend_runs_unchanged(world: World, api: Api) -> None:
    await world.open_books()
    answer = await api.ask(BOARD, id=global_id("Match", world.matches[0]))
    assert "errors" not in answer, answer
    board = answer["data"]["match"]["oddsBoard"]
    assert board["cursor"] == str(Cursor(21))
    assert [each["key"] for each in board["market"]["selections"]] == ["home", "draw", "away"]
    assert [each["name"] for each in board["market"]["selections"]] == ["Arsenal", "Draw", "Chelsea"]
    assert [row["bookmaker"]["name"] for row in board["rows"]] == ["Pinnacle", "Corner Shop", "Village Bets"]
    assert [quote["price"]["decimal"] for quote in board["rows"][0]["quotes"]] == [2.0, 2.01, 2.02]
    assert board["rows"][0]["overround"] == pytest.approx(1 / 2.0 + 1 / 2.01 + 1 / 2.02 - 1)
    assert board["bestOverround"] == pytest.approx(1 / 2.2 + 1 / 2.21 + 1 / 2.22 - 1)
    first = board["rows"][0]["quotes"][0]
    assert first["price"] == {"decimal": 2.0, "american": 100, "fractional": "Evens", "impliedProbability": 0.5}
    assert (first["isAvailable"], first["isStale"], first["deepLink"]) == (True, False, None)
    fair = board["fairPrice"]
    assert [source["bookmaker"]["name"] for source in fair["sources"]] == ["Pinnacle"]
    assert sum(outcome["probability"] for outcome in fair["outcomes"]) == pytest.approx(1, abs=1e-9)
    assert fair["disagreement"] == 0


async def test_missing_quote_is_null_in_its_place(world: World, api: Api) -> None:
    await world.put(world.tick(2.0), world.tick(3.9, outcome="match_result::ft/away"))
    found = await of_match(
        api,
        world,
        "oddsBoard { bestOverround best { price { decimal } } rows { overround quotes { isBest: isAvailable } } }",
    )
    board = found["oddsBoard"]
    assert board["rows"] == [{"overround": None, "quotes": [{"isBest": True}, None, {"isBest": True}]}]
    assert (board["bestOverround"], len(board["best"])) == (None, 2)


async def test_unpriced_market_has_no_board(world: World, api: Api) -> None:
    found = await of_match(
        api, world, "oddsBoard { cursor } market(kind: MATCH_RESULT) { id } markets { id } bestOdds { id }"
    )
    assert found == {"oddsBoard": None, "market": None, "markets": [], "bestOdds": []}


async def test_board_without_a_line_is_of_the_main_one(world: World, api: Api) -> None:
    for line, (over, under) in {"2.5": (1.6, 2.4), "3.5": (1.95, 1.9)}.items():
        for book in range(3):
            await world.put(
                world.tick(over, book=book, outcome=f"total_goals:{line}:ft/over"),
                world.tick(under, book=book, outcome=f"total_goals:{line}:ft/under"),
            )
    found = await of_match(
        api,
        world,
        """main: oddsBoard(market: TOTAL_GOALS) { market { line isMainLine } }
        given: oddsBoard(market: TOTAL_GOALS, line: 2.5) { market { line isMainLine name status } }
        bestOdds(market: TOTAL_GOALS) { price { decimal } } markets(kinds: [TOTAL_GOALS]) { key }""",
    )
    assert found["main"]["market"] == {"line": 3.5, "isMainLine": True}
    assert found["given"]["market"] == {
        "line": 2.5,
        "isMainLine": False,
        "name": "Over/Under 2.5 goals",
        "status": "OPEN",
    }
    assert [quote["price"]["decimal"] for quote in found["bestOdds"]] == [1.95, 1.9]
    assert [market["key"] for market in found["markets"]] == ["total_goals:2.5:ft", "total_goals:3.5:ft"]


async def test_time_travel_shows_what_stood_and_stays_the_same(world: World, api: Api) -> None:
    await world.open_books()
    then = world.now + world.clock + timedelta(seconds=0.5)
    fields = """oddsBoard(asOf: $t) {
          asOf cursor bestOverround rows { confirmedAt quotes { id price { decimal } isStale } } }
        bestOdds(market: MATCH_RESULT, asOf: $t) { price { decimal } observedAt replacedAt confirmedAt isStale }"""
    before = await of_match(api, world, fields, t=then.isoformat())
    assert before["oddsBoard"]["cursor"] == str(Cursor(21))
    await world.put(world.tick(9.0), world.tick(9.5, book=1), world.tick(1.1, book=2, open=False))
    await world.put(world.tick(9.1))
    assert await of_match(api, world, fields, t=then.isoformat()) == before
    now = await of_match(api, world, "bestOdds { price { decimal } }")
    assert now["bestOdds"][0]["price"]["decimal"] == 9.5
    assert before["bestOdds"][0]["price"]["decimal"] == 2.2


async def test_before_the_first_price_there_was_no_board(world: World, api: Api) -> None:
    await world.open_books()
    found = await of_match(api, world, "oddsBoard(asOf: $t) { cursor }", t=(world.now - timedelta(days=1)).isoformat())
    assert found["oddsBoard"] is None


async def test_price_is_stale_after_a_day_of_match_time(world: World, api: Api) -> None:
    await world.open_books()
    found = await of_match(api, world, "bestOdds { isStale } oddsBoard { fairPrice { method } }")
    assert found["bestOdds"][0]["isStale"] is False
    await set_clock(world.database.pool, match=world.now + timedelta(days=2), speed=1)
    api.state.doors.clock._read_at = -float("inf")
    found = await of_match(api, world, "bestOdds { isStale } oddsBoard { fairPrice { method } }")
    assert (found["bestOdds"][0]["isStale"], found["oddsBoard"]["fairPrice"]) == (True, None)


async def test_aggregates_stand_apart_from_the_bookmakers(world: World, api: Api) -> None:
    await world.open_books()
    async with world.database.transaction() as session:
        connection = await connection_of(session)
        rows = [
            Aggregate(world.matches[0], world.outcomes[f"match_result::ft/{key}"], name, False, price, world.now)
            for name, prices in {"Max": (2.5, 3.6, 3.9), "Avg": (2.3, 3.3, 3.4)}.items()
            for key, price in zip(("home", "draw", "away"), prices, strict=True)
        ]
        await record_aggregates(connection, rows, source="test")
    found = await of_match(
        api, world, "oddsBoard { rows { bookmaker { key } } aggregates { name isClosing prices { decimal } } }"
    )
    assert [row["bookmaker"]["key"] for row in found["oddsBoard"]["rows"]] == ["pinnacle", "corner", "village"]
    prices = {each["name"]: [price["decimal"] for price in each["prices"]] for each in found["oddsBoard"]["aggregates"]}
    assert prices == {"Max": [2.5, 3.6, 3.9], "Avg": [2.3, 3.3, 3.4]}


async def test_board_of_chosen_bookmakers(world: World, api: Api) -> None:
    await world.open_books()
    found = await of_match(
        api,
        world,
        "oddsBoard(bookmakerIds: $books) { rows { bookmaker { key } } fairPrice { sources { bookmaker { key } } } }",
        books=[global_id("Bookmaker", world.books[1])],
    )
    assert found["oddsBoard"]["rows"] == [{"bookmaker": {"key": "corner"}}]
    assert found["oddsBoard"]["fairPrice"]["sources"] == [{"bookmaker": {"key": "corner"}}]


HISTORY = """market(kind: MATCH_RESULT) { selections { key
    quotes { price { decimal } } bestQuote { price { decimal } }
    openingQuote { price { decimal } replacedAt } closingQuote { price { decimal } }
    oddsHistory(first: 2) { totalCount nodes { sequence price { decimal } previousPrice { decimal } replacedAt }
                            pageInfo { hasNextPage endCursor } }
    oddsSeries(interval: ONE_MINUTE) { at open close changeCount } } }"""


async def test_history_of_a_selection(world: World, api: Api) -> None:
    for price in (2.0, 2.1, 2.2):
        await world.put(world.tick(price))
    await world.put(world.tick(2.15, book=1))
    (home, *others) = (await of_match(api, world, HISTORY))["market"]["selections"]
    assert [each["oddsHistory"]["totalCount"] for each in others] == [0, 0]
    assert [quote["price"]["decimal"] for quote in home["quotes"]] == [2.2, 2.15]
    assert home["bestQuote"]["price"]["decimal"] == 2.2
    assert home["openingQuote"]["price"]["decimal"] == 2.15
    assert home["closingQuote"] is None
    page = home["oddsHistory"]
    assert [node["sequence"] for node in page["nodes"]] == [4, 3]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, True)
    assert home["oddsSeries"][0]["changeCount"] == 3
    assert home["oddsSeries"][-1]["close"] == 2.2


async def test_history_pages_both_ways(world: World, api: Api) -> None:
    for n in range(7):
        await world.put(world.tick(2.0 + n / 10))
    document = """query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
      node(id: $id) { ... on Selection {
        oddsHistory(first: $first, after: $after, last: $last, before: $before) {
          nodes { sequence replacedAt } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } } } }"""
    id_ = global_id("Selection", world.matches[0], world.outcomes["match_result::ft/home"])

    async def page(**arguments: Any) -> Any:
        answer = await api.ask(document, id=id_, **arguments)
        assert "errors" not in answer, answer
        return answer["data"]["node"]["oddsHistory"]

    first = await page(first=3)
    assert [node["sequence"] for node in first["nodes"]] == [7, 6, 5]
    assert (first["nodes"][0]["replacedAt"], first["nodes"][1]["replacedAt"] is not None) == (None, True)
    second = await page(first=3, after=first["pageInfo"]["endCursor"])
    assert [node["sequence"] for node in second["nodes"]] == [4, 3, 2]
    oldest = await page(last=2)
    assert [node["sequence"] for node in oldest["nodes"]] == [2, 1]
    back = await page(last=2, before=second["pageInfo"]["startCursor"])
    assert [node["sequence"] for node in back["nodes"]] == [6, 5]


async def test_closing_quote_is_the_sharp_one_before_kickoff(world: World, api: Api) -> None:
    await world.put(world.tick(2.0), world.tick(2.6, book=1))
    await set_clock(world.database.pool, match=world.now + timedelta(days=2), speed=1)
    api.state.doors.clock._read_at = -float("inf")
    fields = """market(kind: MATCH_RESULT) { selections { key closingQuote { price { decimal } }
        one: closingQuote(bookmakerId: $book) { price { decimal } } } }"""
    found = await of_match(api, world, fields, book=global_id("Bookmaker", world.books[1]))
    home = found["market"]["selections"][0]
    assert (home["closingQuote"]["price"]["decimal"], home["one"]["price"]["decimal"]) == (2.0, 2.6)


async def test_quote_is_a_node_named_by_its_sequence(world: World, api: Api) -> None:
    await world.put(world.tick(2.0))
    await world.put(world.tick(2.5))
    document = """query($id: ID!) { node(id: $id) { id ... on OddsQuote { sequence price { decimal } source isEstimated
        changeSinceOpen replacedAt previousPrice { decimal } selection { market { key match { id } } } } } }"""
    answers = [(await api.ask(document, id=global_id("OddsQuote", n)))["data"]["node"] for n in (1, 2, 3)]
    assert answers[2] is None
    assert [answer["replacedAt"] is None for answer in answers[:2]] == [False, True]
    assert answers[1]["changeSinceOpen"] == pytest.approx(0.25)
    assert answers[0]["selection"]["market"] == {
        "key": "match_result::ft",
        "match": {"id": global_id("Match", world.matches[0])},
    }


async def test_market_is_suspended_when_every_price_is_gone(world: World, api: Api) -> None:
    await world.put(world.tick(2.0))
    await world.put(world.tick(2.0, open=False))
    found = await of_match(api, world, "markets(hasQuotes: false) { status } live: markets(hasQuotes: true) { id }")
    assert found == {"markets": [{"status": "SUSPENDED"}], "live": []}


async def test_bookmakers_are_listed_by_name(world: World, api: Api) -> None:
    await world.open_books()
    answer = await api.ask(
        "{ bookmakers { totalCount nodes { key kind isSimulated regions averageOverround lastQuoteAt commission } } }"
    )
    assert "errors" not in answer, answer
    found = answer["data"]["bookmakers"]
    assert [node["key"] for node in found["nodes"]] == ["corner", "pinnacle", "village"]
    assert found["totalCount"] == 3
    assert all(node["lastQuoteAt"] for node in found["nodes"])


async def test_best_odds_of_many_matches_take_few_statements(world: World, api: Api) -> None:
    for match in range(4):
        await world.open_books(match=match)
    operations: list[Context] = []

    class Kept(Context):
        def operation(self) -> Context:
            operations.append(super().operation())
            return operations[-1]

    document = """{ matches(first: 50) { nodes {
        bestOdds { bookmaker { name } selection { key } price { decimal } isStale } } } }"""
    answer = await build_schema().execute(document, context_value=Kept(api.state.doors))
    assert answer.errors is None
    assert answer.data is not None
    assert [len(node["bestOdds"]) for node in answer.data["matches"]["nodes"]] == [3, 3, 3, 3]
    assert 0 < operations[0].db.statements <= 5
