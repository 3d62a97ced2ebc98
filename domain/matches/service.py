"""Recording matches: leagues, seasons, teams and results as sources tell them.

A match is its season, pair and leg: a changed date moves it, a corrected score corrects it, and the same
file again changes nothing. Statements are counted by batch and never by match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from domain.infra.database import connection_of
from domain.infra.outbox import Request, ask
from domain.matches.catalogue import LEAGUES
from domain.matches.clubs import Spelling, teams_by_spelling
from domain.matches.competitions import SourceLeague, ensure_league, leagues_by_code, lock_leagues, seasons_by_year
from domain.matches.rows import (
    KEPT,
    STATISTICS,
    Identity,
    Row,
    identity_of,
    insert_matches,
    known_matches,
    update_matches,
)
from domain.matches.told import OVER, leg_of, row_of, said_of
from touchline import Rejected, SourceMatch

__all__ = ["MatchKey", "MatchesRecorded", "ensure_league", "key_of", "record_matches"]

REFRESH_DELAY: Final = timedelta(seconds=1)
"""Machine time in which a burst of results of a league becomes one job."""

SETTLE: Final = Request("settle_bets", {}, dedupe_key="settle_bets:told", delay=REFRESH_DELAY)
"""Asks for what changed facts of known matches make of bets. Its key is not the schedule's: a feed asks for other
scheduled jobs afterwards, in another order than the schedule, and the two would wait for each other in a ring."""

MatchKey = tuple[str, int, str, str, int]
"""League code, season, home and away as the source spells them, and leg."""


@dataclass(slots=True)
class MatchesRecorded:
    """What became of a batch of matches."""

    ids: dict[MatchKey, int] = field(default_factory=dict)
    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    with_new_results: list[int] = field(default_factory=list)
    """New and corrected ones: score or statistics of a finished match."""
    leagues: set[int] = field(default_factory=set)
    rejected: list[Rejected] = field(default_factory=list)


def key_of(match: SourceMatch) -> MatchKey:
    """How a source names a match."""
    return match.league, match.season, match.home, match.away, match.leg


async def record_matches(
    session: AsyncSession, source: str, matches: Sequence[SourceMatch], *, now: datetime
) -> MatchesRecorded:
    """Record matches of a source in the open transaction; `now` is match time.

    What the source leaves out never overwrites what is known, and a match with a result does not lose it.
    Leagues stay locked until the transaction ends. Matches of unknown leagues, of a team against itself
    and those told twice are rejected.
    """
    recorded = MatchesRecorded()
    if not matches:
        return recorded
    connection = await connection_of(session)
    leagues = await leagues_by_code(connection, source, {match.league for match in matches})
    told = _of_known_leagues(source, matches, leagues, recorded)
    await lock_leagues(connection, {leagues[match.league].id for match in told})
    batch = _Batch(source, now)
    _compare(told, await _known(connection, source, told, leagues), batch, recorded)
    await _insert(connection, batch, recorded)
    await _update(connection, batch, recorded)
    await _ask_for_what_follows(connection, batch)
    return recorded


def _of_known_leagues(
    source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, SourceLeague], recorded: MatchesRecorded
) -> list[SourceMatch]:
    """Matches that can be recorded as far as leagues go, each once; the others are rejected."""
    codes = ", ".join(sorted(leagues.keys() | LEAGUES.get(source, {}).keys()))
    first: dict[MatchKey, SourceMatch] = {}
    for match in matches:
        if match.league not in leagues:
            recorded.rejected.append(
                Rejected(match.origin, f"league {match.league!r} is not known; known are {codes or 'none'}")
            )
        elif (earlier := first.setdefault(key_of(match), match)) is not match:
            recorded.rejected.append(Rejected(match.origin, f"the same match is in {earlier.origin}"))
    return list(first.values())


@dataclass(slots=True)
class _Batch:
    """What has to be written."""

    source: str
    now: datetime
    new: dict[Identity, Row] = field(default_factory=dict)
    changed: dict[int, Row] = field(default_factory=dict)
    """By match id; None where the source says nothing."""
    told: dict[MatchKey, Identity] = field(default_factory=dict)
    """Keys of new matches."""
    results: set[Identity] = field(default_factory=set)
    """Identities with a new or corrected result."""
    fixtures: set[int] = field(default_factory=set)
    """Leagues with new or moved matches that are still to come."""
    is_for_bets: bool = False
    """Whether something that bets rest on changed of a known match; nobody can have bet on a new one."""
    decided: set[int] = field(default_factory=set)
    """Known matches that ended, or whose facts were corrected: what was predicted of them is graded."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of a batch: ids by the source's names, and the matches of its seasons."""

    leagues: Mapping[str, SourceLeague]
    seasons: Mapping[tuple[int, int], int]
    """By league and year."""
    teams: Mapping[Spelling, int]
    matches: Mapping[Identity, Row]
    meetings: Mapping[tuple[int, int, int], Sequence[Row]]
    """Matches by season and pair."""

    def identity(self, match: SourceMatch) -> Identity:
        """Season, teams and leg of a source's match."""
        league = self.leagues[match.league]
        pair = (
            self.seasons[league.id, match.season],
            self.teams[league.country_id, match.home],
            self.teams[league.country_id, match.away],
        )
        return (*pair, leg_of(match, self.meetings.get(pair, ()), repeats=league.repeats_meetings))


async def _known(
    connection: asyncpg.Connection, source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, SourceLeague]
) -> _Known:
    """What is known, after seasons and teams that are missing were made."""
    seasons = await seasons_by_year(connection, matches, leagues)
    teams = await teams_by_spelling(connection, source, matches, leagues)
    rows = await known_matches(connection, seasons.values())
    meetings: dict[tuple[int, int, int], list[Row]] = {}
    for identity, row in rows.items():
        meetings.setdefault(identity[:3], []).append(row)
    return _Known(leagues, seasons, teams, rows, meetings)


def _compare(matches: Sequence[SourceMatch], known: _Known, batch: _Batch, recorded: MatchesRecorded) -> None:
    """Hold every match against what is known."""
    taken: dict[Identity, SourceMatch] = {}
    for match in matches:
        identity = known.identity(match)
        earlier = taken.setdefault(identity, match)
        if identity[1] == identity[2]:
            recorded.rejected.append(Rejected(match.origin, f"{match.home} and {match.away} are the same team"))
            continue
        if earlier is not match:
            recorded.rejected.append(Rejected(match.origin, f"the same match is in {earlier.origin}"))
            continue
        league_id = known.leagues[match.league].id
        recorded.leagues.add(league_id)
        before = known.matches.get(identity)
        if before is None:
            _open(batch, match, league_id, identity)
        else:
            _change(batch, match, before, identity, recorded)


def _open(batch: _Batch, match: SourceMatch, league_id: int, identity: Identity) -> None:
    """A match that was not known."""
    row = batch.new[identity] = row_of(match, league_id, identity)
    batch.told[key_of(match)] = identity
    if row["result_at"] is not None:
        batch.results.add(identity)
    else:
        batch.fixtures.add(league_id)


def _change(batch: _Batch, match: SourceMatch, before: Row, identity: Identity, recorded: MatchesRecorded) -> None:
    """A match that is known: what the source says otherwise now."""
    recorded.ids[key_of(match)] = before["id"]
    said = said_of(match, before)
    after = before | said
    if after == before:
        recorded.unchanged.append(before["id"])
        return
    batch.changed[before["id"]] = before | dict.fromkeys(KEPT) | said
    recorded.changed.append(before["id"])
    is_fact = any(after[name] != before[name] for name in KEPT if name != "referee")
    batch.is_for_bets |= is_fact
    if after["status"] in OVER:
        batch.decided |= {before["id"]} if is_fact else set()
        if any(after[name] != before[name] for name in ("status", *STATISTICS)):
            batch.results.add(identity)
    else:
        batch.fixtures.add(after["league_id"])


async def _insert(connection: asyncpg.Connection, batch: _Batch, recorded: MatchesRecorded) -> None:
    if not batch.new:
        return
    ids = await insert_matches(connection, batch.new.values(), batch.source, batch.now)
    recorded.new.extend(ids.values())
    recorded.ids.update((key, ids[identity]) for key, identity in batch.told.items())
    recorded.with_new_results.extend(ids[identity] for identity in batch.new if identity in batch.results)


async def _update(connection: asyncpg.Connection, batch: _Batch, recorded: MatchesRecorded) -> None:
    if not batch.changed:
        return
    rows = [batch.changed[match_id] for match_id in sorted(batch.changed)]
    await update_matches(connection, rows, batch.source, batch.now)
    recorded.with_new_results.extend(row["id"] for row in rows if identity_of(row) in batch.results)


async def _ask_for_what_follows(connection: asyncpg.Connection, batch: _Batch) -> None:
    """One job per league whose past or future changed, ascending; then those that settle, grade and ask plugins."""
    rows = [*batch.new.values(), *batch.changed.values()]
    results = {row["league_id"] for row in rows if identity_of(row) in batch.results}
    leagues = [
        Request(
            "refresh_league",
            {"league_id": league_id, "reason": "result" if league_id in results else "fixtures"},
            dedupe_key=f"refresh_league:{league_id}",
            delay=REFRESH_DELAY,
        )
        for league_id in sorted(results | batch.fixtures)
    ]
    bets = [SETTLE] if batch.is_for_bets else []
    grades = [grade_request(batch.decided)] if batch.decided else []
    markets = await _market_requests(connection, batch.decided)
    await ask(connection, [*leagues, *bets, *grades, *markets])


async def _market_requests(connection: asyncpg.Connection, decided: set[int]) -> list[Request]:
    """Have plugins say what became of their markets in decided matches; nothing where none declares any."""
    if not decided or not await connection.fetchval("select exists (select 1 from market_kind)"):
        return []
    return [Request("settle_markets", {"match_ids": sorted(decided)}, delay=REFRESH_DELAY)]


def grade_request(match_ids: Iterable[int], *, are_repriced: bool = False) -> Request:
    """Grade what was predicted of these matches: their facts changed, or their prices or what plugins said did. Each
    batch asks for its own, so it needs no key."""
    told = {"match_ids": sorted(match_ids), **({"are_repriced": True} if are_repriced else {})}
    return Request("grade_matches", told, delay=REFRESH_DELAY)
