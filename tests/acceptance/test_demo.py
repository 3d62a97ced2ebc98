"""`touchline demo` shows what it promises, asked only over HTTP and a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest

from tests.acceptance.product import Product, running, subscription

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

COMING = """query {
  matches(filter: {window: NEXT_7_DAYS, statuses: [SCHEDULED]}, first: 10) { nodes {
    id kickoffAt league { isSimulated }
    forecast {
      result { home draw away } goals(line: 2.5) { over under push } corners(line: 9.5) { over under push }
      bothTeamsToScore { yes no } predictedAt dataCutoffAt
    }
  } }
}"""
PLUGINS = """query { plugins(first: 50) { nodes { key status models { key champion {
  version trainingDataCutoffAt trainedAt trainingMatchCount artifactDigest jobId } } } } }"""
VALUE = "{ valueBets(filter: {minEdge: 0.01, maxQuoteAgeSeconds: null}, first: 5) { totalCount nodes { edge } } }"
MODELS = tuple(point.name for point in entry_points(group="touchline") if not point.value.startswith("workers."))
"""Our own plugins with a model or a strategy, one each."""
LIVE = """subscription ($leagues: [ID!]!) { oddsChanged(leagueIds: $leagues, hasSnapshot: false) {
  kind cursor changes { sequence quote { id price { decimal } } } } }"""


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo"]) as product:
        yield product


def _all_forecast(data: dict[str, Any]) -> bool:
    nodes = data["matches"]["nodes"]
    return len(nodes) == 10 and all(
        node["forecast"]
        and all(node["forecast"][market] for market in ("result", "goals", "corners", "bothTeamsToScore"))
        for node in nodes
    )


def test_ten_coming_matches_have_four_markets_that_sum_to_one(demo: Product) -> None:
    for node in demo.until(COMING, _all_forecast)["matches"]["nodes"]:
        assert node["league"]["isSimulated"]
        forecast = node["forecast"]
        assert forecast["dataCutoffAt"] <= forecast["predictedAt"] <= node["kickoffAt"]
        for market in ("result", "goals", "corners", "bothTeamsToScore"):
            assert sum(forecast[market].values()) == pytest.approx(1, abs=1e-9)


def test_value_bets_are_found(demo: Product) -> None:
    found = demo.until(VALUE, lambda data: data["valueBets"]["nodes"])
    assert all(node["edge"] >= 0.01 for node in found["valueBets"]["nodes"])


def test_every_model_names_version_cutoff_and_job(demo: Product) -> None:
    def all_fitted(data: dict[str, Any]) -> bool:
        models = [model for node in data["plugins"]["nodes"] for model in node["models"]]
        return len(models) == len(MODELS) and all(model["champion"] for model in models)

    data = demo.until(PLUGINS, all_fitted)
    for model in (model for node in data["plugins"]["nodes"] for model in node["models"]):
        assert model["champion"]["version"]
        assert model["champion"]["trainingDataCutoffAt"]
        assert model["champion"]["jobId"]


async def test_price_changes_arrive(demo: Product) -> None:
    leagues = [node["id"] for node in demo.query("{ leagues { nodes { id } } }")["leagues"]["nodes"]]
    seen: list[int] = []
    async with subscription(demo.url, LIVE, {"leagues": leagues}) as messages:
        async with asyncio.timeout(60):
            async for data in messages:
                seen += [change["sequence"] for change in data["oddsChanged"]["changes"]]
                if len(seen) >= 20:
                    break
    assert seen == sorted(set(seen))


def test_status_is_healthy(demo: Product) -> None:
    status = demo.query("{ status { level queues { name depth deadLastHour } } }")["status"]
    assert status["level"] == "OK"
