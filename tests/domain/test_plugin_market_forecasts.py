"""Forecasts of a plugin's own market: stored, ranked, chosen and shown like those of any other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from domain.forecasting.installed import note_plugins
from domain.forecasting.rules import ImpossibleForecast
from domain.forecasting.service import Fit, prepare, store_answer
from domain.forecasting.serving import choose, read_ranking
from domain.infra.database import Database, connection_of
from tests.small_league import NOW, SmallLeague, make_league
from touchline import Basis, Facts, Fixtures, Floats, Forecasts, History, MarketKey, Model, State, Verdict
from touchline.markets import Lines, settle_total, total_of
from touchline.plugins import OURS, Plugin, Registry, Status

CARDS = MarketKey.parse("acme.total_cards:4.5")
CORNERS = MarketKey.parse("acme.first_corner")


@dataclass(frozen=True)
class Cards:
    """The market."""

    key: str = "acme.total_cards"
    title: str = "Over/Under {line} cards"
    outcomes: tuple[str, ...] = ("over", "under")
    lines: Lines = Lines.HALF

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        return settle_total(market, outcome, total_of(facts, "yellow_cards"), "card")


@dataclass(frozen=True)
class Even:
    """A model that gives every outcome the same, of what it is told to price."""

    key: str
    prices: tuple[MarketKey, ...] = (CARDS,)
    version: str = "1"
    markets: tuple[MarketKey, ...] = (CARDS,)

    def fit(self, history: History, rng: np.random.Generator) -> Even:
        return self

    def restore(self, history: History, state: State) -> Even:
        return self

    def predict(self, fixtures: Fixtures) -> Forecasts:
        rows = np.full((len(fixtures), 2), 0.5)
        return Forecasts(dict.fromkeys(self.prices, rows), [Basis.MODEL] * len(fixtures))

    def state(self) -> dict[str, Floats]:
        return {}


FIRST, SECOND = Even("touchline.cards"), Even("touchline.dice")


@pytest.fixture
async def league(database: Database) -> SmallLeague:
    """A league, and two models of a market that a plugin declares."""
    made = await make_league(database)
    plugins = tuple(
        Plugin(key, "none", OURS, "1", Status.LOADED, models=(f"touchline.{key}",), markets=markets)
        for key, markets in (("cards", ("acme.total_cards",)), ("dice", ()))
    )
    models: dict[str, Model] = {FIRST.key: FIRST, SECOND.key: SECOND}
    async with database.transaction() as session:
        found = Registry(plugins, models=models, markets={"acme.total_cards": Cards()})
        await note_plugins(await connection_of(session), found, NOW)
    return made


async def run(league: SmallLeague, model: Even) -> None:
    question = await prepare(league.database.pool, model, league.league_id, NOW)
    async with league.database.transaction() as session:
        connection = await connection_of(session)
        forecasts = model.predict(question.coming.fixtures)
        await store_answer(connection, question, Fit({}, "d", 0.0), forecasts, 1.0, model.key)


async def shown(league: SmallLeague) -> list[tuple[str, str, str]]:
    """Market, its kind and the model that is shown, once each."""
    rows = await league.database.pool.fetch(
        """select distinct k.key, k.kind, c.model_key from current_prediction c join market k on k.id = c.market_id
           where c.is_served"""
    )
    return [tuple(row) for row in rows]


async def test_the_first_model_of_a_plugins_market_is_shown_until_another_is_chosen(league: SmallLeague) -> None:
    for model in (SECOND, FIRST):
        await run(league, model)
    market = ("acme.total_cards:4.5:ft", "acme.total_cards")
    assert await read_ranking(league.database.pool) == {"acme.total_cards": [FIRST.key, SECOND.key]}
    assert await shown(league) == [(*market, FIRST.key)]
    async with league.database.transaction() as session:
        connection = await connection_of(session)
        kinds = ["acme.total_cards"]
        await choose(connection, kinds, SECOND.key, reason="It is better.", by="account 7", now=NOW)
    assert await shown(league) == [(*market, SECOND.key)]


@pytest.mark.parametrize(
    ("market", "words"),
    [
        (CORNERS, r"no installed plugin declares acme\.first_corner"),
        (MarketKey.parse("acme.total_cards:4"), "whose lines are half"),
        (MarketKey.parse("correct_score"), "has no fixed list of outcomes"),
    ],
)
async def test_a_forecast_of_a_market_that_cannot_be_is_the_models_fault(
    league: SmallLeague, market: MarketKey, words: str
) -> None:
    with pytest.raises(ImpossibleForecast, match=words):
        await run(league, Even(FIRST.key, prices=(CARDS, market)))
    assert await league.database.pool.fetchval("select count(*) from prediction") == 0
