"""A plugin's market in the graph, by the fields that every market has: names, boards, grades, results, the record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.nodes import global_id
from domain.grades.service import grade_due
from domain.infra.database import connection_of
from domain.markets.service import read_dictionary
from tests.api.betting import Bettor, betting
from tests.api.client import Client
from tests.bettors import Leg, Wager, make_bankroll, make_bets
from tests.cards import CARDS_5, CARDS_45, KIND, Cards, declared
from tests.domain.grades.world import Said, close, predict
from tests.factories import NOW, Bet, Factory, Fixture, hours
from touchline import OVER_25, RESULT

BOARD = """oddsBoard(market: $kind) { bestOverround market { key kind period name line selections { key name } }
  rows { overround quotes { price { decimal } selection { name market { name } } } } fairPrice { outcomes { key } } }"""
MATCH = f"""query($id: ID!, $kind: MarketKind!) {{ match(id: $id) {{
  markets(kinds: [$kind]) {{ key kind period name line isMainLine status }}
  market(kind: $kind) {{ name fairPrice {{ outcomes {{ key }} }} }}
  bestOdds(market: $kind) {{ price {{ decimal }} }} {BOARD} }} }}"""
GRADE = """query($id: ID!) { match(id: $id) { predictions(includeShadow: true) { market { key name }
  grade { outcomeKey isHit facts revision } ungradedBecause } } }"""
RESULTS = "query($id: ID!) { node(id: $id) { ... on ValueBet { result selection { name market { name } } } } }"
LISTS = """query { custom: valueBets(filter: {markets: [CUSTOM]}) { totalCount }
  ours: valueBets(filter: {markets: [MATCH_RESULT]}) { totalCount }
  matches(filter: {hasMarkets: [CUSTOM]}) { totalCount } none: matches(filter: {hasMarkets: [BOTH_TEAMS_TO_SCORE]}) {
    totalCount } }"""
BY = """query($id: ID!) { node(id: $id) { ... on Bankroll { performanceBy(dimension: MARKET) { key label } } } }"""
MINE = "query { viewer { bets(filter: {markets: [CUSTOM]}) { totalCount } } }"


@pytest.fixture
async def cards(factory: Factory) -> Cards:
    return await declared(factory)


@pytest.fixture
async def ann(client: Client, factory: Factory) -> AsyncIterator[Bettor]:
    async with betting(client.app) as bettor:
        yield bettor


async def coming(cards: Cards, count: int = 1) -> list[int]:
    """Matches to come with prices of two of its lines and of one of ours."""
    league = await cards.factory.league("england-premier-league")
    fixtures = [Fixture(league, f"Home {n}", f"Away {n}", hours(2)) for n in range(count)]
    matches = await cards.factory.matches(fixtures)
    await cards.factory.prices(matches, markets=(CARDS_45, CARDS_5, RESULT, OVER_25))
    return matches


async def ended(cards: Cards, *yellow: int) -> list[int]:
    league = await cards.factory.league("england-premier-league")
    fixtures = [Fixture(league, f"Home {n}", f"Away {n}", hours(-3), (2, 1)) for n in range(len(yellow))]
    matches = await cards.factory.matches(fixtures)
    for match, count in zip(matches, yellow, strict=True):
        await cards.count(match, count)
    return matches


async def test_it_is_one_of_a_match_s_markets(client: Client, cards: Cards) -> None:
    (match,) = await coming(cards)
    found = (await client.data(MATCH, id=global_id("Match", match), kind="CUSTOM"))["match"]
    shared = {"kind": "CUSTOM", "period": "FULL_TIME"}
    assert [{name: each[name] for name in ("key", "name", "line", "kind", "period")} for each in found["markets"]] == [
        {"key": str(CARDS_45), "name": "Over/Under 4.5 cards", "line": 4.5, **shared},
        {"key": str(CARDS_5), "name": "Over/Under 5 cards", "line": 5.0, **shared},
    ]
    assert [each["isMainLine"] for each in found["markets"]] == [True, False]
    assert {each["status"] for each in found["markets"]} == {"OPEN"}
    board = found["oddsBoard"]
    assert board["market"]["selections"] == [{"key": "over", "name": "Over 4.5"}, {"key": "under", "name": "Under 4.5"}]
    assert [[quote["price"]["decimal"] for quote in row["quotes"]] for row in board["rows"]] == [
        [2.6, 2.61],
        [2.5, 2.51],
        [2.7, 2.71],
    ]
    names = board["rows"][0]["quotes"][1]["selection"]
    assert names == {"name": "Under 4.5", "market": {"name": "Over/Under 4.5 cards"}}
    assert found["market"]["name"] == "Over/Under 4.5 cards"
    assert [each["price"]["decimal"] for each in found["bestOdds"]] == [2.7, 2.71]
    assert [each["key"] for each in board["fairPrice"]["outcomes"]] == ["over", "under"]


async def test_it_takes_no_more_statements_than_ours(client: Client, cards: Cards) -> None:
    matches = await coming(cards, 3)
    many = """query($ids: [ID!]!, $kind: MarketKind!) { nodes(ids: $ids) { ... on Match {
      markets(kinds: [$kind]) { name isMainLine selections { name bestQuote { price { decimal } } } } } } }"""
    ids = [global_id("Match", match) for match in matches]
    answers = [
        await client.ask(many, {"ids": some, "kind": kind})
        for kind in ("CUSTOM", "TOTAL_GOALS")
        for some in (ids[:1], ids)
    ]
    assert [answer.errors for answer in answers] == [[]] * 4
    assert len({answer.statements for answer in answers}) == 1


async def test_its_predictions_say_what_became_of_them(client: Client, cards: Cards) -> None:
    graded, returned = await ended(cards, 6, 5)
    await predict(cards.factory, Said("acme.cards", CARDS_45, {graded: (0.7, 0.3)}, is_served=True))
    await predict(cards.factory, Said("acme.whole", CARDS_5, {returned: (0.7, 0.3)}, is_served=True))

    async def told(match: int) -> dict[str, Any]:
        found = (await client.data(GRADE, id=global_id("Match", match)))["match"]["predictions"]
        return {each["market"]["name"]: each["grade"] or each["ungradedBecause"] for each in found}

    unasked = "its plugin has not said yet what became of it"
    assert await told(graded) == {"Over/Under 4.5 cards": unasked}
    await cards.answer()
    assert await told(graded) == {"Over/Under 4.5 cards": "it waits to be graded"}
    async with cards.factory.database.transaction() as session:
        await grade_due(await connection_of(session), now=NOW, job_id="job")
    sentence = "Over 4.5 cards: there were 6 cards: won."
    assert await told(graded) == {
        "Over/Under 4.5 cards": {"outcomeKey": "over", "isHit": True, "facts": sentence, "revision": 1}
    }
    assert await told(returned) == {"Over/Under 5 cards": "the count fell on the line, so that stakes came back"}


async def test_value_found_in_it_has_its_result(client: Client, cards: Cards) -> None:
    (match,) = await ended(cards, 6)
    await close(cards.factory, {match: (2.5, 1.6)}, market=CARDS_45, book="corner")
    await close(cards.factory, {match: (2.5, 3.0, 3.0)}, book="corner")
    await cards.factory.markets(CARDS_45, RESULT)
    bets = await cards.factory.value_bets(
        [Bet(match, 0.2, f"{CARDS_45}/over"), Bet(match, 0.1, f"{CARDS_45}/under"), Bet(match, 0.1)]
    )

    async def results() -> list[str | None]:
        return [(await client.data(RESULTS, id=global_id("ValueBet", bet)))["node"]["result"] for bet in bets]

    assert await results() == [None, None, "WON"]
    await cards.answer()
    assert await results() == ["WON", "LOST", "WON"]
    node = (await client.data(RESULTS, id=global_id("ValueBet", bets[0])))["node"]
    assert node["selection"] == {"name": "Over 4.5", "market": {"name": "Over/Under 4.5 cards"}}
    found = await client.data(LISTS)
    counts = {name: each["totalCount"] for name, each in found.items()}
    assert counts == {"custom": 2, "ours": 1, "matches": 1, "none": 0}


async def test_a_record_calls_it_by_its_title(ann: Bettor, cards: Cards) -> None:
    (match,) = await ended(cards, 6)
    bankroll = await make_bankroll(ann.app.state.doors.database.pool, ann.account)
    await cards.factory.markets(OVER_25)
    known = await read_dictionary(cards.factory.db)
    legs = [Leg(match, known.selection_id(market, "over")) for market in (CARDS_45, CARDS_5, OVER_25)]
    await make_bets(cards.factory.db, bankroll, [Wager(legs=(leg,)) for leg in legs])
    groups = (await ann.data(BY, id=global_id("Bankroll", bankroll)))["node"]["performanceBy"]
    assert groups == [{"key": KIND, "label": "Over/Under cards"}, {"key": "TOTAL_GOALS", "label": "Total goals"}]
    assert (await ann.data(MINE))["viewer"]["bets"]["totalCount"] == 2
