"""How models compare on a match, and what was shown of several of them at an instant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.nodes import global_id
from domain.forecasting.serving import choose, lock_coming, serve
from domain.infra.database import connection_of
from tests.api.client import Client
from tests.factories import NOW, Factory, Figures, Fixture, hours, told_of
from touchline import OVER_25, RESULT

FIRST, SECOND, THIRD = "touchline.market_memory", "touchline.supremacy", "acme.all"
FIGURES = {FIRST: Figures(1.8, 1.1), SECOND: Figures(1.5, 1.2), THIRD: Figures(1.1, 1.6)}

ANALYSIS = """query($ids: [ID!]!, $market: MarketKind) { nodes(ids: $ids) { ... on Match { analysis {
  modelComparison(market: $market) { isServed outcomes { key probability } modelVersion { model { key } } }
  modelDisagreement(market: $market) } } } }"""
TIME_TRAVEL = """query TimeTravel($id: ID!, $t: DateTime!) {
  match(id: $id) {
    then: forecast(asOf: $t) { result { home draw away } dataCutoffAt modelVersions { version model { key } } }
    now: forecast { result { home draw away } }
    bestOdds(market: MATCH_RESULT, asOf: $t) { price { decimal } observedAt replacedAt }
  }
}"""


async def say(factory: Factory, match: int, key: str, *, hours_ago: float = 0, figures: Figures | None = None) -> None:
    """Let a model speak of a match, and show what is best then."""
    await factory.model(key, [RESULT, OVER_25])
    at = NOW - timedelta(hours=hours_ago)
    for market in (RESULT, OVER_25):
        await factory.predicted([match], market, key, figures or FIGURES[key], at=at)
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        await serve(connection, await lock_coming(connection, at), at)


@pytest.fixture
async def match(factory: Factory) -> int:
    league = await factory.league("england-premier-league")
    (made,) = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(5))])
    return made


async def compared(client: Client, *matches: int, market: str = "MATCH_RESULT") -> list[Any]:
    ids = [global_id("Match", match) for match in matches]
    return [node["analysis"] for node in (await client.data(ANALYSIS, ids=ids, market=market))["nodes"]]


async def test_models_are_compared_the_shown_one_first(client: Client, factory: Factory, match: int) -> None:
    league = await factory.db.fetchval("select id from league")
    alone, empty = await factory.matches(
        [Fixture(league, "Everton", "Fulham", hours(5)), Fixture(league, "Leeds", "Burnley", hours(5))]
    )
    for key in (THIRD, SECOND, FIRST):
        await say(factory, match, key)
    await say(factory, alone, THIRD)
    several, one, none = await compared(client, match, alone, empty)
    shares = {key: told_of(RESULT, figures)[0] for key, figures in FIGURES.items()}
    assert [(each["modelVersion"]["model"]["key"], each["isServed"]) for each in several["modelComparison"]] == [
        (FIRST, True),
        (THIRD, False),
        (SECOND, False),
    ]
    for each in several["modelComparison"]:
        assert [outcome["probability"] for outcome in each["outcomes"]] == shares[each["modelVersion"]["model"]["key"]]
    spread = max(max(values) - min(values) for values in zip(*shares.values(), strict=True))
    assert several["modelDisagreement"] == pytest.approx(spread, abs=1e-15)
    assert spread == pytest.approx(shares[FIRST][0] - shares[THIRD][0])
    assert len(one["modelComparison"]) == 1
    assert one["modelDisagreement"] is None
    assert none == {"modelComparison": [], "modelDisagreement": None}
    assert await compared(client, match, market="TOTAL_CORNERS") == [none]
    (goals,) = await compared(client, match, market="TOTAL_GOALS")
    assert [outcome["key"] for outcome in goals["modelComparison"][0]["outcomes"]] == ["over", "under"]


async def test_who_failed_or_is_refused_is_left_out(client: Client, factory: Factory, match: int) -> None:
    for key in FIGURES:
        await say(factory, match, key)
    await factory.db.execute("update current_prediction set is_stale = true where model_key = $1", FIRST)
    await factory.db.execute("update plugin set status = 'REFUSED' where key = 'supremacy'")
    (analysis,) = await compared(client, match)
    assert [each["modelVersion"]["model"]["key"] for each in analysis["modelComparison"]] == [THIRD]


async def test_a_page_is_compared_with_as_many_statements_as_one_match(
    client: Client, factory: Factory, match: int
) -> None:
    league = await factory.db.fetchval("select id from league")
    more = await factory.matches([Fixture(league, f"Home {n}", f"Away {n}", hours(5)) for n in range(8)])
    for each in (match, *more):
        for key in (FIRST, SECOND):
            await say(factory, each, key)
    statements = []
    for ids in ([match], [match, *more]):
        answer = await client.ask(ANALYSIS, {"ids": [global_id("Match", each) for each in ids]})
        assert answer.errors == []
        statements.append(answer.statements)
    assert statements[0] == statements[1]


async def test_the_past_shows_what_was_shown_then(client: Client, factory: Factory, match: int) -> None:
    await say(factory, match, SECOND, hours_ago=20)
    await say(factory, match, FIRST, hours_ago=10)
    await say(factory, match, SECOND, hours_ago=8, figures=Figures(2.4, 0.8))  # it is not shown any more
    async with factory.database.transaction() as session:
        connection = await connection_of(session)
        await choose(connection, ["match_result", "total_goals"], SECOND, reason="Better.", by="record", now=NOW)
    await factory.prices([match], at=NOW - timedelta(hours=9))

    async def at(hours_ago: float) -> Any:
        instant = (NOW - timedelta(hours=hours_ago)).isoformat()
        return (await client.data(TIME_TRAVEL, id=global_id("Match", match), t=instant))["match"]

    def home(figures: Figures) -> float:
        return told_of(RESULT, figures)[0][0]

    newest = Figures(2.4, 0.8)
    for hours_ago, model, figures in (
        (20, SECOND, FIGURES[SECOND]),
        (10.001, SECOND, FIGURES[SECOND]),
        (10, FIRST, FIGURES[FIRST]),
        (1, FIRST, FIGURES[FIRST]),
        (0, SECOND, newest),
    ):
        shown = await at(hours_ago)
        assert shown["then"]["result"]["home"] == home(figures)
        assert {version["model"]["key"] for version in shown["then"]["modelVersions"]} == {model}
        assert shown["now"]["result"]["home"] == home(newest)
    assert (await at(20.001))["then"] is None
    assert len((await at(1))["bestOdds"]) == 3


async def test_predictions_say_which_were_shown_then(client: Client, factory: Factory, match: int) -> None:
    await say(factory, match, SECOND, hours_ago=20)
    await say(factory, match, FIRST, hours_ago=10)
    query = """query($id: ID!, $t: DateTime, $all: Boolean) { match(id: $id) {
      predictions(markets: [MATCH_RESULT], asOf: $t, includeShadow: $all) {
        isServed confirmedAt modelVersion { model { key } } } } }"""

    async def at(hours_ago: float | None, **variables: Any) -> list[tuple[str, bool]]:
        instant = None if hours_ago is None else (NOW - timedelta(hours=hours_ago)).isoformat()
        data = await client.data(query, id=global_id("Match", match), t=instant, **variables)
        return [(each["modelVersion"]["model"]["key"], each["isServed"]) for each in data["match"]["predictions"]]

    assert await at(12) == [(SECOND, True)]
    assert await at(12, all=True) == [(SECOND, True)]
    assert await at(9) == [(FIRST, True)]
    assert await at(9, all=True) == [(FIRST, True), (SECOND, False)]
    assert await at(None, all=True) == [(FIRST, True), (SECOND, False)]


async def test_the_history_is_that_of_the_model_which_is_shown(client: Client, factory: Factory, match: int) -> None:
    await say(factory, match, SECOND, hours_ago=20)
    await say(factory, match, FIRST, hours_ago=10)
    await say(factory, match, FIRST, hours_ago=5, figures=Figures(2.0, 1.0))
    query = """query($id: ID!, $model: String) { match(id: $id) { predictionHistory(market: MATCH_RESULT,
      modelKey: $model) { totalCount nodes { predictedAt modelVersion { model { key } } } } } }"""
    for model, key, count in ((None, FIRST, 2), (SECOND, SECOND, 1)):
        data = await client.data(query, id=global_id("Match", match), model=model)
        history = data["match"]["predictionHistory"]
        assert history["totalCount"] == count
        assert {node["modelVersion"]["model"]["key"] for node in history["nodes"]} == {key}
