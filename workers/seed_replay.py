"""Loads what was known before a replay begins: history, the clock at its start, and the feed of what follows.

Nothing that became known after the start enters the database here; the feed brings it when its time comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from domain.infra.clock import set_clock
from domain.infra.database import Database
from domain.infra.errors import Invalid
from domain.infra.settings import Settings
from domain.intake.feed import FeedRow, put_feed, read_feed
from domain.intake.replayed import KIND, ReplayedFeed, ReplaySettings, read_season
from domain.intake.service import import_file
from domain.matches.rules import result_known_at
from domain.matches.service import record_matches
from touchline import Provider, SourceMatch, reach_of
from touchline.discovery import discover_plugins
from touchline.football_data import season_code
from workers.seeding import ask_first, resume_clock, step

NAME = "replay"


async def seed_replay(settings: Settings, provider: Provider, replay: ReplaySettings, *, speed: float) -> None:
    """Load a replay into an empty deployment, or let the one that is there go on.

    Raises Invalid when the database holds something else, or nothing is left to play, and OSError when files
    cannot be read.
    """
    database = await Database.connect(settings.database_url, size=4)
    try:
        there = await _there(database)
        if there is not None and not _is_same(there, replay):
            raise Invalid("--data-dir", "the database holds another replay; name another folder")
        await put_feed(database.pool, NAME, KIND, replay.stored(), replay.start, None)
        if there is None or await _is_unfinished(database):
            await _load(database, provider, replay, speed)
        else:
            await resume_clock(database, speed=speed)
    finally:
        await database.close()


def _is_same(there: FeedRow, replay: ReplaySettings) -> bool:
    """Whether a stored replay is this one; how finely prices are looked at may differ."""
    pace = {"steps", "step_seconds"}
    return {k: v for k, v in there.settings.items() if k not in pace} == {
        k: v for k, v in replay.stored().items() if k not in pace
    }


async def _there(database: Database) -> FeedRow | None:
    if await database.pool.fetchval("select exists (select 1 from feed where name = $1)", NAME):
        return await read_feed(database.pool, NAME)
    if await database.pool.fetchval("select exists (select 1 from match)"):
        raise Invalid("--data-dir", "the database holds matches that are not of a replay; name another folder")
    return None


async def _is_unfinished(database: Database) -> bool:
    """Whether an earlier load was broken off: its feed never got a next instant."""
    return bool(
        await database.pool.fetchval(
            "select next_at is null and position = (settings->>'start')::timestamptz from feed where name = $1", NAME
        )
    )


async def _load(database: Database, provider: Provider, replay: ReplaySettings, speed: float) -> None:
    season = await asyncio.to_thread(read_season, provider, replay)
    feed = await asyncio.to_thread(ReplayedFeed.from_matches, replay, season)
    if not feed.matches:
        raise Invalid("--start", "no match with a result is left to play; look at --league, --season and --start")
    await set_clock(database.pool, match=replay.start, speed=0)
    await _import_history(database, provider, replay, season)
    async with database.transaction() as session:
        announced = feed.fixtures(replay.start - timedelta(days=replay.days_ahead), replay.start)
        await record_matches(session, feed.source, announced, now=replay.start)
    await ask_first(database)
    await set_clock(database.pool, match=replay.start, speed=speed)
    await database.pool.execute("update feed set next_at = $2 where name = $1", NAME, feed.next_after(replay.start))


async def _import_history(
    database: Database, provider: Provider, replay: ReplaySettings, season: Sequence[SourceMatch]
) -> None:
    """Import earlier seasons as far back as an installed model looks, and what was known of this one."""
    earliest = replay.start - timedelta(days=max(reach_of(model).days for model in discover_plugins().models.values()))
    earlier = list(range(earliest.year - 1, replay.season))
    for file in provider.files(replay.origin, replay.leagues, earlier):
        if file.partition("#")[0].rpartition("/")[2].startswith("fixtures"):
            continue  # what was to come when the folder was made says nothing of that time
        matches, rejected = await asyncio.to_thread(provider.read, replay.origin, file)
        with step(f"{file}, {len(matches)} matches"):
            kept = [match for match in matches if match.kickoff >= earliest and match.league in replay.leagues]
            await import_file(database, provider.key, _known(kept, replay), rejected, replay.start)
    played = _known([match for match in season if match.season == replay.season], replay)
    with step(f"{season_code(replay.season)} before {replay.start:%Y-%m-%d}, {len(played)} matches"):
        await import_file(database, provider.key, played, [], replay.start)


def _known(matches: Sequence[SourceMatch], replay: ReplaySettings) -> list[SourceMatch]:
    """The matches whose result was known when the replay begins."""
    return [
        match
        for match in matches
        if match.home_goals is not None
        and result_known_at(match.kickoff, is_kickoff_time_known=match.is_kickoff_time_known) <= replay.start
    ]
