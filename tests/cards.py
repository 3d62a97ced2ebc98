"""A plugin that declares a market of its own, total cards, for tests of what the server makes of it.

cards = await declared(factory)
(match,) = await cards.matches([(3, 1, 0, 1)])
await cards.answer()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from domain.infra.database import connection_of
from domain.markets.asking import Answer, questions_of, store_answers
from domain.markets.service import note_market_kinds
from tests.factories import NOW, Factory
from touchline import (
    BetResult,
    Facts,
    Lines,
    Market,
    MarketKey,
    NotSettleable,
    Verdict,
    hookimpl,
    settle_total,
    total_of,
)
from touchline.plugins import Plugin, Registry, Status

KIND = "acme.total_cards"
CARDS_45 = MarketKey.parse(f"{KIND}:4.5:ft")
CARDS_5 = MarketKey.parse(f"{KIND}:5:ft")
CARDS_525 = MarketKey.parse(f"{KIND}:5.25:ft")
ALL_CARDS = (CARDS_45, CARDS_5, CARDS_525)
PLUGIN = "acme_cards"


@dataclass(frozen=True)
class TotalCards:
    """The market; `mood` is what is wrong with it."""

    mood: str = ""
    key: str = KIND
    title: str = "Over/Under {line} cards"
    outcomes: tuple[str, ...] = ("over", "under")
    lines: Lines = Lines.QUARTER

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        if self.mood == "raises":
            raise RuntimeError("no card to be found")
        verdict = settle_total(market, outcome, total_of(facts, "yellow_cards", "red_cards"), "card")
        return Verdict(BetResult.WON, verdict.words) if self.mood == "pays all" else verdict


@dataclass(frozen=True)
class CardsPlugin:
    """What an entry point stands for."""

    mood: str = ""

    @hookimpl
    def markets(self) -> list[Market]:
        return [TotalCards(self.mood)]


steady = CardsPlugin()
raising = CardsPlugin("raises")
generous = CardsPlugin("pays all")


def registry(
    market: Market | None = None, *, entry: str = "steady", version: str = "1", plugin: str = PLUGIN
) -> Registry:
    """A registry with the market alone, of somebody else's distribution."""
    market = TotalCards() if market is None else market
    point = Plugin(plugin, f"tests.cards:{entry}", "acme-cards", version, Status.LOADED, markets=(market.key,))
    return Registry((point,), markets={market.key: market})


@dataclass(frozen=True)
class Cards:
    """The market in a database."""

    factory: Factory

    async def note(self, told: Registry) -> dict[str, str]:
        """Write down what a registry declares; answers what was refused."""
        async with self.factory.database.transaction() as session:
            return await note_market_kinds(await connection_of(session), told)

    async def answer(self, *match_ids: int, version: str = "1") -> list[int]:
        """Let the market answer what is open, and store it; answers the matches with a new answer."""
        async with self.factory.database.transaction() as session:
            connection = await connection_of(session)
            asked = await questions_of(connection, KIND, now=NOW, match_ids=match_ids)
            answers = [_answer(TotalCards(), each.market, each.facts) for each in asked]
            told = [Answer(question, *each) for question, each in zip(asked, answers, strict=True)]
            return await store_answers(connection, told, version=version, now=NOW, job_id="job-ask")

    async def count(self, match: int, yellow: int | None, red: int | None = 0) -> None:
        """Correct the cards of the home side; the away side got none."""
        sides = None if yellow is None else 0
        await self.factory.db.execute(
            """update match set home_yellow_cards = $2, home_red_cards = $3, away_yellow_cards = $4,
                   away_red_cards = $4, updated_at = greatest($5, updated_at + interval '1 microsecond')
               where id = $1""",
            match,
            yellow,
            red,
            sides,
            NOW,
        )

    async def results(self) -> list[asyncpg.Record]:
        """Everything that was answered, in order."""
        return await self.factory.db.fetch(
            """select match_id, k.key as market, revision, results, sentences, reason, plugin_version, settled_at
               from market_result r join market k on k.id = r.market_id order by match_id, k.key, revision"""
        )


async def declared(factory: Factory) -> Cards:
    """The market of an active plugin, with three of its lines in the dictionary."""
    await factory.plugin(PLUGIN)
    await factory.db.execute("update plugin set distribution = 'acme-cards', version = '1' where key = $1", PLUGIN)
    cards = Cards(factory)
    await cards.note(registry())
    await factory.markets(*ALL_CARDS)
    return cards


Said = tuple[Sequence[BetResult] | None, Sequence[str] | None, str | None]


def _answer(market: Market, key: MarketKey, facts: Facts) -> Said:
    try:
        verdicts = [market.settle(key, outcome, facts) for outcome in market.outcomes]
    except NotSettleable as error:
        return None, None, str(error)
    return [BetResult(each.result) for each in verdicts], [each.words for each in verdicts], None
