"""A busy day: what the Today operation is asked about. The same rows every time."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from domain.infra.database import Database, connection_of
from domain.odds.service import NewBookmaker, Tick, bookmakers, record
from tests.factories import BOOKS, MARKETS, NOW, Bet, Factory, Figures, Fixture, hours

LEAGUES = {
    "england-premier-league": ("GB-ENG", True),
    "spain-la-liga": ("ES", True),
    "chile-primera-division": ("CL", False),
    "norway-eliteserien": ("NO", False),
}
"""Slug, country and whether it is a big league."""

BOOKMAKERS = (*BOOKS, *(NewBookmaker(f"book-{number}", f"Bookmaker {number}") for number in range(4, 13)))
MATCHES_PER_LEAGUE = 75
SPAN = 30.0
"""Hours of match time over which the kick-offs are spread: four in five fall within the next 24."""
OUTCOMES = ("match_result::ft/home", "total_goals:2.5:ft/over", "both_teams_to_score::ft/yes")
SEED = 20260314


async def fill(database_url: str) -> str:
    """Write the day into an empty, migrated database, match time standing still; answers what it holds."""
    database = await Database.connect(database_url)
    try:
        factory, rng = Factory(database), np.random.default_rng(SEED)
        await factory.clock()
        matches = [match for slug in LEAGUES for match in await _league(factory, slug, rng)]
        await _prices(factory, matches, rng)
        await _value_bets(factory, matches, rng)
        await database.pool.execute("analyze")
        return await _told(database)
    finally:
        await database.close()


async def _league(factory: Factory, slug: str, rng: np.random.Generator) -> list[int]:
    """A league's matches, two new teams each, with the forecasts of four models."""
    country, is_big = LEAGUES[slug]
    league = await factory.league(slug, country=country, is_big=is_big)
    matches = await factory.matches(
        [
            Fixture(league, f"{country} Home {place}", f"{country} Away {place}", hours(kickoff))
            for place, kickoff in enumerate(0.5 + np.sort(rng.integers(0, int(SPAN * 4), MATCHES_PER_LEAGUE)) / 4)
        ]
    )
    figures = rng.uniform([0.7, 0.5, 8.0], [3.4, 2.0, 12.5], (len(matches), 3)).tolist()
    await factory.forecasts(matches, [Figures(*row) for row in figures], at=NOW - timedelta(minutes=7))
    return matches


async def _prices(factory: Factory, matches: list[int], rng: np.random.Generator) -> None:
    """A price of every bookmaker for every outcome of four markets, up to two days old: some are stale."""
    words = await factory.markets(*MARKETS)
    outcomes = [words.selection_ids[market][outcome] for market in MARKETS for outcome in market.outcomes]
    async with factory.database.transaction() as session:
        books = await bookmakers(await connection_of(session), BOOKMAKERS)
        fair = rng.uniform(1.3, 6.0, (len(matches), len(outcomes), 1))
        prices = np.round(1 + (fair - 1) * rng.normal(0.95, 0.03, (len(matches), len(outcomes), len(books))), 2)
        ages = rng.integers(1, 48 * 60, prices.shape)
        ticks = [
            Tick(
                match,
                outcome,
                book,
                max(1.01, prices[at].item()),
                NOW - timedelta(minutes=ages[at].item()),
                is_available=bool(at[2] != at[0] % len(books)),
            )
            for m, match in enumerate(matches)
            for s, outcome in enumerate(outcomes)
            for b, book in enumerate(books.values())
            for at in [(m, s, b)]
        ]
        await record(session, ticks, source="benchmark")


async def _value_bets(factory: Factory, matches: list[int], rng: np.random.Generator) -> None:
    """Up to three bets on a match, some too small to be asked for, some implausible, some expired."""
    await factory.value_bets(
        [
            Bet(match, round(edge, 4), outcome, book, status="EXPIRED" if edge < 0.02 else "OPEN")
            for match in matches
            for outcome, book, edge in zip(
                OUTCOMES, ("corner", "village", "book-7"), rng.gamma(1.5, 0.07, 3).tolist(), strict=True
            )
            if rng.random() < 0.7
        ]
    )


async def _told(database: Database) -> str:
    counts = {
        table: await database.pool.fetchval(f"select count(*) from {table}")
        for table in ("league", "match", "bookmaker", "quote", "best_quote", "prediction", "value_bet")
    }
    return ", ".join(f"{count:,} {table}" for table, count in counts.items())
