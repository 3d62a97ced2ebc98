"""Loads the simulated league: `python -m workers.seed_demo --seed 7 --speed 1`. Harmless when it is there already.

The world is a function of its seed and of time. What is loaded is its past, for the models to learn
from, and what stands now; the feed goes on from there.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from domain.infra.clock import machine_now, set_clock
from domain.infra.database import Database, connection_of
from domain.infra.errors import SettingsError
from domain.infra.settings import Settings, read_settings
from domain.intake.feed import put_feed, record_prices
from domain.intake.service import import_file
from domain.intake.simulated import DAYS_AHEAD, KIND, SOURCE, SimulatedFeed
from domain.matches.service import ensure_league, record_matches
from domain.odds.service import bookmakers
from touchline import SourceMatch
from touchline.simulator import MARKETS, PricePath, World, demo_world
from touchline.ticks import PriceTick
from workers.demo_visitors import seed_visitors
from workers.seeding import ask_first, resume_clock, step

NAME = "demo"
MATCHES_WITH_PRICES = 200
"""The latest finished matches keep every book's prices; earlier ones, for speed, their closing average alone."""
PRICE_AGES = tuple(timedelta(hours=hours) for hours in (72, 48, 36, 24, 12, 6, 3, 1, 0))
"""How long ago the standing prices of coming matches are taken, to show how they came about."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the demo; answers the exit code."""
    parser = argparse.ArgumentParser(prog="touchline demo data", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=1.0, help="match seconds per second; 0: from event to event")
    parser.add_argument("--data-dir", help="only shown in the list of processes")
    chosen = parser.parse_args(arguments)
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the process's last words
        return 2
    asyncio.run(seed_demo(settings, seed=chosen.seed, speed=chosen.speed))
    return 0


async def seed_demo(settings: Settings, *, seed: int, speed: float) -> None:
    """Load the demo's world into an empty deployment, or let the one that is there go on."""
    database = await Database.connect(settings.database_url, size=4)
    try:
        stored = await database.pool.fetchval("select settings->>'seed' from feed where name = $1", NAME)
        if stored is None:
            await set_clock(database.pool, match=machine_now(), speed=speed)
            await _load(database, seed, speed)
        else:
            await put_feed(database.pool, NAME, KIND, _feed_settings(int(stored), speed), machine_now(), None)
            await resume_clock(database, speed=speed)
        with step("visitors"):
            await seed_visitors(database, seed=seed if stored is None else int(stored))
    finally:
        await database.close()


def _feed_settings(seed: int, speed: float) -> dict[str, float]:
    """A look every second of machine time; on a stepped clock every quarter of an hour of match time."""
    return {"seed": seed, "step_seconds": max(1.0, speed) if speed > 0 else 900.0}


async def _load(database: Database, seed: int, speed: float) -> None:
    now = machine_now()
    world = demo_world(seed, now)
    feed = SimulatedFeed(world, timedelta(seconds=1))
    with step("leagues and bookmakers"):
        await _load_names(database, world, feed)
    with step("matches of the past"):
        past = world.finished(now)
        averaged = [_with_average_alone(match) for match in past[:-MATCHES_WITH_PRICES]]
        await import_file(database, SOURCE, averaged, [], now)
    with step(f"prices of the latest {MATCHES_WITH_PRICES}"):
        await import_file(database, SOURCE, past[-MATCHES_WITH_PRICES:], [], now)
    with step("coming matches and their prices"):
        async with database.transaction() as session:
            await record_matches(session, SOURCE, world.coming(now - timedelta(hours=2), now + DAYS_AHEAD), now=now)
            await record_prices(session, feed, list(standing_prices(world, now)))
    await ask_first(database)
    await put_feed(database.pool, NAME, KIND, _feed_settings(seed, speed), now, now)


def _with_average_alone(match: SourceMatch) -> SourceMatch:
    """A finished match without the prices of single books: models still learn what the market closed at."""
    return replace(match, prices=tuple(price for price in match.prices if price.is_aggregate))


async def _load_names(database: Database, world: World, feed: SimulatedFeed) -> None:
    async with database.transaction() as session:
        connection = await connection_of(session)
        await bookmakers(connection, feed.bookmakers)
        for league in world.leagues:
            await ensure_league(
                connection,
                SOURCE,
                league.slug,
                country_code="XX",
                country_name=league.country,
                name=league.name,
                slug=league.slug,
                is_simulated=True,
            )


def standing_prices(world: World, now: datetime) -> Iterator[PriceTick]:
    """What every book's prices were at a few instants up to now, oldest first within a match."""
    for league in world.leagues:
        for match in league.matches(now, now + timedelta(days=4)):
            path = PricePath.of(league, match, world.bookmakers)
            for age in PRICE_AGES:
                if now - age > path.opens:
                    yield from _standing(path, now - age)


def _standing(path: PricePath, at: datetime) -> Iterator[PriceTick]:
    """The prices that stand at an instant, observed when each book made them."""
    match, since = path.match, int((at - path.opens).total_seconds())
    intervals = np.array([book.interval for book in path.bookmakers])
    made = path.phases + (since - path.phases) // intervals * intervals
    for book, second, prices in zip(path.bookmakers, made.tolist(), path.standing(at).tolist(), strict=True):
        if second >= 0 and second >= path.phases[path.bookmakers.index(book)]:
            column = 0
            for market in MARKETS:
                width = len(market.outcomes)
                yield PriceTick(
                    path.opens + timedelta(seconds=second),
                    match.league,
                    match.season,
                    match.home,
                    match.away,
                    match.leg,
                    book.key,
                    market,
                    tuple(prices[column : column + width]),
                )
                column += width


if __name__ == "__main__":
    sys.exit(main())
