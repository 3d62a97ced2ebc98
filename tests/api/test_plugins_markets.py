"""Markets by their canonical keys, those of plugins' own too: boards, scorecards, calibration, what models say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from api.nodes import global_id
from domain.forecasting.plugin_states import PluginStatus
from tests.api.client import Client
from tests.api.plugin_world import outside, three
from tests.domain.grades.world import Said, close, grade, played, predict
from tests.factories import Factory, Fixture, hours
from touchline import OVER_25, RESULT, MarketKey

CARDS = MarketKey.parse("acme.total_cards:4.5:ft")
FIRST = MarketKey.parse("acme.first_card::ft")
GOALS_35 = MarketKey.parse("total_goals:3.5:ft")
COUNT = 40

BOARD = """query($key: String, $market: MarketKind, $least: Int, $shadow: Boolean) {
  leaderboard(marketKey: $key, market: $market, minSampleSize: $least, includeShadow: $shadow) {
    matchCount leftOutModels { key isShadow sampleSize }
    nodes { rank name isMarket isShadow scorecard { sampleSize logLoss isShadow verdict } } } }"""
CARD = """query($key: String, $market: MarketKind) { models { nodes { key isShadow
  scorecard(marketKey: $key, market: $market) { sampleSize hitRate isShadow rankedProbabilityScore }
  calibration(marketKey: $key, market: $market) { matchCount sampleSize }
  champion { scorecard(marketKey: $key, market: $market) { sampleSize }
    calibration(marketKey: $key, market: $market) { matchCount } } } } }"""


async def declare(factory: Factory, market: MarketKey, outcomes: Sequence[str], title: str, lines: str) -> None:
    """Let the plugin of the model `acme.cards` declare a market, at one line."""
    await factory.db.execute(
        "insert into market_kind (key, plugin_key, title, outcomes, lines) values ($1, 'cards', $2, $3, $4)",
        market.name,
        title,
        list(outcomes),
        lines,
    )
    await factory.markets(market)


async def settle(factory: Factory, market: MarketKey, places: dict[int, int], width: int) -> None:
    """Say what became of a plugin's market: the place of what happened by match."""
    results = {match: ["WON" if n == place else "LOST" for n in range(width)] for match, place in places.items()}
    await factory.db.execute(
        """insert into market_result (match_id, market_id, revision, facts, results, sentences, plugin_version,
               settled_at, job_id)
           select m.id, k.id, 1, '{}', r.results::text[], r.results::text[], '1', m.kickoff_at, 'job-settle'
           from unnest($2::bigint[], $3::text[]) as r(match_id, results)
           join match m on m.id = r.match_id join market k on k.key = $1""",
        str(market),
        list(results),
        ["{" + ",".join(each) + "}" for each in results.values()],
    )


@pytest.fixture
async def matches(factory: Factory) -> list[int]:
    """Played matches; of each a model in shadow and one that is enabled told two markets of a plugin."""
    league = await factory.league("england-premier-league")
    found = await played(factory, league, [(2, 2)] * COUNT)
    await outside(factory, "acme.cards", [CARDS, FIRST])
    await outside(factory, "acme.flat", [CARDS], status=PluginStatus.ACTIVE)
    await declare(factory, CARDS, ("over", "under"), "Over/Under {line} cards", "half")
    await declare(factory, FIRST, ("home", "away", "none"), "First card", "none")
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.1, 0.9, COUNT)
    overs = rng.random(COUNT) < truth
    wise = {match: (p, 1 - p) for match, p in zip(found, truth.tolist(), strict=True)}
    await predict(factory, Said("acme.cards", CARDS, wise))
    await predict(factory, Said("acme.flat", CARDS, dict.fromkeys(found, (0.5, 0.5))))
    await predict(factory, Said("acme.cards", FIRST, dict.fromkeys(found, (0.5, 0.3, 0.2))))
    await settle(factory, CARDS, dict(zip(found, np.where(overs, 0, 1).tolist(), strict=True)), 2)
    await settle(factory, FIRST, dict.fromkeys(found, 2), 3)
    await grade(factory)
    return found


async def board(client: Client, **variables: Any) -> Any:
    return (await client.data(BOARD, **variables))["leaderboard"]


async def test_a_market_that_nobody_prices_is_ranked_without_the_market(
    client: Client, factory: Factory, matches: list[int]
) -> None:
    answer = await client.ask(BOARD, {"key": str(CARDS), "least": COUNT})
    assert answer.errors == []
    assert answer.statements == 2  # what was said, and whose models they are
    shown = answer.data["leaderboard"]
    assert (shown["matchCount"], shown["leftOutModels"]) == (COUNT, [])
    rows = [(row["rank"], row["name"], row["isShadow"], row["isMarket"]) for row in shown["nodes"]]
    assert rows == [(1, "acme.cards", True, False), (2, "acme.flat", False, False)]
    for row in shown["nodes"]:
        assert row["scorecard"]["sampleSize"] == COUNT
        assert row["scorecard"]["isShadow"] is row["isShadow"]
        assert row["scorecard"]["verdict"] == "UNDECIDED"
    assert shown["nodes"][1]["scorecard"]["logLoss"] == pytest.approx(np.log(2))
    alone = await board(client, key=str(CARDS), least=COUNT, shadow=False)
    assert [row["name"] for row in alone["nodes"]] == ["acme.flat"]
    few = await board(client, key=str(CARDS), least=COUNT + 1)
    assert few["leftOutModels"] == [
        {"key": "acme.cards", "isShadow": True, "sampleSize": COUNT},
        {"key": "acme.flat", "isShadow": False, "sampleSize": COUNT},
    ]


async def test_a_model_in_shadow_is_ranked_beside_ours_and_marked(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    found = await played(factory, league, [(1, 0)] * COUNT)
    await outside(factory, "acme.dark", [RESULT])
    await predict(factory, Said("acme.dark", RESULT, dict.fromkeys(found[:30], (0.6, 0.2, 0.2))))
    await predict(factory, Said("touchline.one", RESULT, dict.fromkeys(found, (0.5, 0.3, 0.2))))
    await close(factory, dict.fromkeys(found, (2.0, 3.5, 4.0)))
    await grade(factory)
    shown = await board(client, least=30)
    assert [(row["name"], row["isShadow"]) for row in shown["nodes"] if not row["isMarket"]] == [
        ("acme.dark", True),
        ("touchline.one", False),
    ]
    assert [row["isShadow"] for row in shown["nodes"] if row["isMarket"]] == [False]
    assert shown["matchCount"] == 30
    assert (await board(client, least=30, shadow=False))["matchCount"] == COUNT
    async with three(client) as people:
        for who in people.values():
            assert await board(who, least=30) == shown  # the record is everybody's


async def test_scorecards_and_calibration_take_any_market(client: Client, factory: Factory, matches: list[int]) -> None:
    await predict(factory, Said("touchline.goals", GOALS_35, dict.fromkeys(matches, (0.7, 0.3))))
    await predict(factory, Said("touchline.goals", OVER_25, dict.fromkeys(matches[:3], (0.7, 0.3))))
    await factory.db.execute("update current_prediction set graded_at = null")
    await grade(factory)
    # Models, their versions in force, and for either the track of the scorecards and that of the bins.
    answer = await client.ask(CARD, {"key": str(FIRST)})
    assert (answer.errors, answer.statements) == ([], 7)  # … and whether the model of a scorecard is in shadow
    cards, flat, goals = answer.data["models"]["nodes"]
    assert cards["scorecard"] == {
        "sampleSize": COUNT,
        "hitRate": 0,
        "isShadow": True,
        "rankedProbabilityScore": None,  # three outcomes without an order
    }
    assert cards["calibration"] == {"matchCount": COUNT, "sampleSize": 3 * COUNT}
    assert (cards["champion"]["scorecard"], cards["champion"]["calibration"]) == (
        {"sampleSize": COUNT},
        {"matchCount": COUNT},
    )
    assert (flat["scorecard"], goals["scorecard"]) == (None, None)

    async def sizes(**variables: Any) -> dict[str, int]:
        nodes = (await client.data(CARD, **variables))["models"]["nodes"]
        return {node["key"]: node["scorecard"]["sampleSize"] for node in nodes if node["scorecard"]}

    assert await sizes(key="acme.total_cards:4.5") == {"acme.cards": COUNT, "acme.flat": COUNT}
    assert await sizes(key="total_goals:3.5:ft", market="MATCH_RESULT") == {"touchline.goals": COUNT}  # the key wins
    assert await sizes(market="TOTAL_GOALS") == {"touchline.goals": 3}
    assert await sizes(key=None) == {}


async def test_what_models_say_of_a_plugins_market(client: Client, factory: Factory) -> None:
    league = await factory.league("england-premier-league")
    [match] = await factory.matches([Fixture(league, "Arsenal", "Chelsea", hours(3))])
    await outside(factory, "acme.cards", [CARDS], status=PluginStatus.ACTIVE)
    await outside(factory, "acme.other", [CARDS])
    await declare(factory, CARDS, ("over", "under"), "Over/Under {line} cards", "half")
    await predict(factory, Said("acme.cards", CARDS, {match: (0.6, 0.4)}, at=hours(-1), is_served=True))
    await predict(factory, Said("acme.other", CARDS, {match: (0.1, 0.9)}, at=hours(-1)))
    query = """query($id: ID!, $key: String) { match(id: $id) {
      predictions(markets: [CUSTOM], includeShadow: true) { market { key } outcomes { probability } }
      analysis { modelDisagreement(marketKey: $key)
        modelComparison(marketKey: $key) { modelVersion { model { key isShadow } } outcomes { key probability } } }
      predictionHistory(market: CUSTOM, marketKey: $key) { totalCount nodes { outcomes { probability } } } } }"""
    own = {"modelVersion": {"model": {"key": "acme.cards", "isShadow": False}}}
    dark = {"modelVersion": {"model": {"key": "acme.other", "isShadow": True}}}
    async with three(client) as people:
        for who, each in people.items():
            shown = (await each.data(query, id=global_id("Match", match), key=str(CARDS)))["match"]
            sees = who == "admin"
            assert [one["market"]["key"] for one in shown["predictions"]] == [str(CARDS)] * (1 + sees)
            compared = shown["analysis"]["modelComparison"]
            outcomes = [one.pop("outcomes") for one in compared]
            assert compared == [own, *([dark] * sees)]
            assert outcomes[0] == [{"key": "over", "probability": 0.6}, {"key": "under", "probability": 0.4}]
            assert shown["analysis"]["modelDisagreement"] == (pytest.approx(0.5) if sees else None)
            assert shown["predictionHistory"]["totalCount"] == 1


async def test_a_market_that_is_none_is_named_with_those_there_are(
    client: Client, factory: Factory, matches: list[int]
) -> None:
    nothing = global_id("Match", matches[0])
    fields = [
        "leaderboard(marketKey: $key) { matchCount }",
        "models { nodes { scorecard(marketKey: $key) { sampleSize } } }",
        "models { nodes { calibration(marketKey: $key) { matchCount } } }",
        f'match(id: "{nothing}") {{ analysis {{ modelComparison(marketKey: $key) {{ id }} }} }}',
        f'match(id: "{nothing}") {{ predictionHistory(market: CUSTOM, marketKey: $key) {{ totalCount }} }}',
    ]
    known = "acme.first_card::ft, acme.total_cards:4.5:ft"
    for body in fields:
        for key, words in (
            ("acme.total_cards:5.5:ft", f"no model prices acme.total_cards:5.5:ft; there are {known}"),
            ("cards", "'cards' is no market key; one looks like `total_goals:3.5:ft`"),
        ):
            answer = await client.ask(f"query($key: String) {{ {body} }}", {"key": key})
            assert {error["message"] for error in answer.errors} == {f"marketKey: {words}"}, body
            assert {error["extensions"]["argument"] for error in answer.errors} == {"marketKey"}
