"""Recording matches: leagues, seasons, teams and results as sources tell them.

A match is its season, pair and leg: a changed date moves it, a corrected score corrects it, and the same
file again changes nothing. Statements are counted by batch and never by match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from domain.infra.database import connection_of
from domain.infra.outbox import Request, ask
from domain.matches.catalogue import LEAGUES, known_team, slug_of
from domain.matches.rules import Status, result_known_at
from touchline import Rejected, SourceMatch

REFRESH_DELAY: Final = timedelta(seconds=1)
"""Machine time in which a burst of results of a league becomes one job."""
SAME_MEETING_DAYS: Final = 3
"""Days that a match may have been moved by, where the pair can meet again at the same ground."""

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
    leagues = await _leagues(connection, source, {match.league for match in matches})
    told = _of_known_leagues(source, matches, leagues, recorded)
    await _lock_leagues(connection, {leagues[match.league].id for match in told})
    batch = _Batch(source, now)
    _compare(told, await _known(connection, source, told, leagues), batch, recorded)
    await _insert(connection, batch, recorded)
    await _update(connection, batch, recorded)
    await _ask_for_refresh(connection, batch)
    return recorded


async def ensure_league(
    connection: asyncpg.Connection,
    source: str,
    code: str,
    *,
    country_code: str,
    country_name: str,
    name: str,
    slug: str,
    is_big: bool = False,
    is_simulated: bool = False,
) -> int:
    """The id of the league that a source's code stands for, made with its country where missing."""
    await connection.execute(
        "insert into country (code, name) values ($1, $2) on conflict (code) do nothing", country_code, country_name
    )
    await connection.execute(_ADD_LEAGUE, slug, name, is_big, is_simulated, country_code)
    await connection.execute(_ADD_LEAGUE_ALIAS, source, code, slug)
    league_id: int = await connection.fetchval(
        "select league_id from league_alias where source = $1 and code = $2", source, code
    )
    return league_id


_ADD_LEAGUE = """
insert into league (slug, name, kind, is_big, is_simulated, country_id)
select $1, $2, 'LEAGUE', $3, $4, id from country where code = $5
on conflict (slug) do nothing
"""

_ADD_LEAGUE_ALIAS = """
insert into league_alias (source, code, league_id) select $1, $2, id from league where slug = $3
on conflict (source, code) do nothing
"""


@dataclass(frozen=True, slots=True)
class _League:
    id: int
    country_id: int
    country_code: str
    repeats_meetings: bool


async def _leagues(connection: asyncpg.Connection, source: str, codes: set[str]) -> dict[str, _League]:
    """Leagues by code; those that the catalogue knows are made."""
    known = await _read_leagues(connection, source)
    catalogue = LEAGUES.get(source, {})
    for code in sorted((codes - known.keys()) & catalogue.keys()):
        league = catalogue[code]
        await ensure_league(
            connection,
            source,
            code,
            country_code=league.country_code,
            country_name=league.country_name,
            name=league.name,
            slug=league.slug,
            is_big=league.is_big,
        )
    return await _read_leagues(connection, source) if codes - known.keys() else known


async def _read_leagues(connection: asyncpg.Connection, source: str) -> dict[str, _League]:
    rows = await connection.fetch(
        "select a.code, l.id, c.id, c.code from league_alias a join league l on l.id = a.league_id "
        "join country c on c.id = l.country_id where a.source = $1",
        source,
    )
    catalogue = LEAGUES.get(source, {})
    repeating = {code for code, league in catalogue.items() if league.repeats_meetings}
    return {row[0]: _League(row[1], row[2], row[3], row[0] in repeating) for row in rows}


def _of_known_leagues(
    source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, _League], recorded: MatchesRecorded
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


async def _lock_leagues(connection: asyncpg.Connection, league_ids: Iterable[int]) -> None:
    """Let no other transaction record matches of these leagues until this one ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtext('matches of leagues'), (id % 2147483647)::int4) "
        "from unnest($1::int8[]) with ordinality as wanted (id, position) order by position",
        sorted(league_ids),
    )


async def _seasons(
    connection: asyncpg.Connection, matches: Sequence[SourceMatch], leagues: Mapping[str, _League]
) -> dict[tuple[str, int], int]:
    """Season ids by league code and year, made where missing; `starts_on` is the first known match day."""
    first: dict[tuple[str, int], date] = {}
    for match in matches:
        day, wanted = match.kickoff.date(), (match.league, match.season)
        first[wanted] = min(day, first.get(wanted, day))
    ordered = sorted(first)
    rows = await connection.fetch(
        _SEASONS,
        [leagues[code].id for code, _ in ordered],
        [year for _, year in ordered],
        [f"{year}/{(year + 1) % 100:02d}" for _, year in ordered],
        [first[wanted] for wanted in ordered],
    )
    ids = {(row["league_id"], row["start_year"]): row["id"] for row in rows}
    return {(code, year): ids[leagues[code].id, year] for code, year in ordered}


_SEASONS = """
with wanted as (
    select * from unnest($1::int8[], $2::int4[], $3::text[], $4::date[]) as w (league_id, start_year, name, starts_on)
),
moved as (
    insert into season (league_id, start_year, name, starts_on)
    select league_id, start_year, name, starts_on from wanted
    where not exists (
        select from season s
        where (s.league_id, s.start_year) = (wanted.league_id, wanted.start_year) and s.starts_on <= wanted.starts_on
    )
    on conflict (league_id, start_year) do update set starts_on = excluded.starts_on
    returning id, league_id, start_year
)
select id, league_id, start_year from moved
union
select s.id, s.league_id, s.start_year from season s join wanted using (league_id, start_year)
"""


_Spelling = tuple[int, str]
"""Country and a team's name there, as the source spells it."""


async def _teams(
    connection: asyncpg.Connection, source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, _League]
) -> dict[_Spelling, int]:
    """Team ids by country and spelling; teams and spellings that are missing are made."""
    countries = {leagues[match.league].country_id: leagues[match.league].country_code for match in matches}
    wanted = {(leagues[match.league].country_id, name) for match in matches for name in (match.home, match.away)}
    known = await _aliases(connection, source, countries)
    if not wanted - known.keys():
        return known
    # Names and slugs are looked at before they are taken, so only one transaction makes teams at a time.
    await connection.execute("select pg_advisory_xact_lock(hashtext('teams'))")
    known = await _aliases(connection, source, countries)
    await _add_teams(connection, source, sorted(wanted - known.keys()), countries)
    return await _aliases(connection, source, countries)


async def _aliases(connection: asyncpg.Connection, source: str, countries: Iterable[int]) -> dict[_Spelling, int]:
    rows = await connection.fetch(
        "select country_id, name, team_id from team_alias where source = $1 and country_id = any($2::int8[])",
        source,
        list(countries),
    )
    return {(row[0], row[1]): row[2] for row in rows}


@dataclass(frozen=True, slots=True)
class _NewTeam:
    country_id: int
    spelling: str
    name: str
    short_name: str
    slug: str


async def _add_teams(
    connection: asyncpg.Connection, source: str, spellings: Sequence[_Spelling], countries: Mapping[int, str]
) -> None:
    """Give each spelling its team: the known club, one of that very name in the country, or a new one."""
    taken = {row[0] for row in await connection.fetch("select slug from team")}
    rows = await connection.fetch("select country_id, name from team where country_id = any($1::int8[])", [*countries])
    there = {(row[0], row[1]) for row in rows}
    added: list[_NewTeam] = []
    for country_id, spelling in spellings:
        club = known_team(source, countries[country_id], spelling)
        name, short_name = (club.name, club.short_name) if club else (spelling, spelling)
        slug = _free_slug(name, countries[country_id], taken)
        if (country_id, name) not in there:
            taken.add(slug)
            there.add((country_id, name))
        added.append(_NewTeam(country_id, spelling, name, short_name, slug))
    await connection.execute(
        _ADD_TEAMS,
        [team.country_id for team in added],
        [team.name for team in added],
        [team.short_name for team in added],
        [team.slug for team in added],
    )
    await connection.execute(
        _ADD_ALIASES,
        [team.country_id for team in added],
        [team.name for team in added],
        [team.spelling for team in added],
        source,
    )


def _free_slug(name: str, country_code: str, taken: set[str]) -> str:
    """The first free one of `arsenal`, `arsenal-gb-eng`, `arsenal-gb-eng-2`, …"""
    plain = slug_of(name)
    if plain not in taken:
        return plain
    by_country = f"{plain}-{country_code.lower()}"
    slug, number = by_country, 1
    while slug in taken:
        number += 1
        slug = f"{by_country}-{number}"
    return slug


_ADD_TEAMS = """
insert into team (country_id, name, short_name, slug)
select distinct on (country_id, name) country_id, name, short_name, slug
from unnest($1::int8[], $2::text[], $3::text[], $4::text[])
     with ordinality as new (country_id, name, short_name, slug, position)
where not exists (select from team where (team.country_id, team.name) = (new.country_id, new.name))
order by country_id, name, position
"""

_ADD_ALIASES = """
insert into team_alias (source, country_id, name, team_id)
select distinct on (new.country_id, new.spelling) $4, new.country_id, new.spelling, team.id
from unnest($1::int8[], $2::text[], $3::text[]) as new (country_id, name, spelling)
join team on (team.country_id, team.name) = (new.country_id, new.name)
order by new.country_id, new.spelling, team.id
"""


_STATISTICS: Final = (
    "home_goals",
    "away_goals",
    "half_time_home_goals",
    "half_time_away_goals",
    "home_shots",
    "away_shots",
    "home_shots_on_target",
    "away_shots_on_target",
    "home_corners",
    "away_corners",
    "home_fouls",
    "away_fouls",
    "home_yellow_cards",
    "away_yellow_cards",
    "home_red_cards",
    "away_red_cards",
)
"""Counts of a match: columns of `match` and attributes of `SourceMatch` alike."""

_TOLD: Final = (*_STATISTICS, "referee")
_KEPT: Final = ("kickoff_at", "is_kickoff_time_known", "status", "result_at", *_TOLD)
"""Columns that a source's word can change."""
_IDENTITY: Final = ("league_id", "season_id", "home_team_id", "away_team_id", "leg")
_OVER: Final = (Status.FINISHED, Status.AWARDED)

_Identity = tuple[int, int, int, int]
"""Season, home team, away team, leg."""
_Row = dict[str, Any]
"""A match's columns by name."""


async def _known_matches(connection: asyncpg.Connection, season_ids: Iterable[int]) -> dict[_Identity, _Row]:
    rows = await connection.fetch(
        f"select id, {', '.join(_IDENTITY)}, {', '.join(_KEPT)} from match where season_id = any($1::int8[])",
        list(season_ids),
    )
    return {(row["season_id"], row["home_team_id"], row["away_team_id"], row["leg"]): dict(row) for row in rows}


@dataclass(slots=True)
class _Batch:
    """What has to be written."""

    source: str
    now: datetime
    new: dict[_Identity, _Row] = field(default_factory=dict)
    changed: dict[int, _Row] = field(default_factory=dict)
    """By match id."""
    told: dict[MatchKey, _Identity] = field(default_factory=dict)
    """Keys of new matches."""
    results: set[_Identity] = field(default_factory=set)
    """Identities with a new or corrected result."""
    fixtures: set[int] = field(default_factory=set)
    """Leagues with new or moved matches that are still to come."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of a batch: ids by the source's names, and the matches of its seasons."""

    leagues: Mapping[str, _League]
    seasons: Mapping[tuple[str, int], int]
    teams: Mapping[_Spelling, int]
    matches: Mapping[_Identity, _Row]
    meetings: Mapping[tuple[int, int, int], Sequence[_Row]]
    """Matches by season and pair."""

    def identity(self, match: SourceMatch) -> _Identity:
        """Season, teams and leg of a source's match."""
        league = self.leagues[match.league]
        pair = (
            self.seasons[match.league, match.season],
            self.teams[league.country_id, match.home],
            self.teams[league.country_id, match.away],
        )
        return (*pair, _leg(match, self.meetings.get(pair, ()), repeats=league.repeats_meetings))


async def _known(
    connection: asyncpg.Connection, source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, _League]
) -> _Known:
    """What is known, after seasons and teams that are missing were made."""
    seasons = await _seasons(connection, matches, leagues)
    teams = await _teams(connection, source, matches, leagues)
    rows = await _known_matches(connection, seasons.values())
    meetings: dict[tuple[int, int, int], list[_Row]] = {}
    for identity, row in rows.items():
        meetings.setdefault(identity[:3], []).append(row)
    return _Known(leagues, seasons, teams, rows, meetings)


def _compare(matches: Sequence[SourceMatch], known: _Known, batch: _Batch, recorded: MatchesRecorded) -> None:
    """Hold every match against what is known."""
    taken: dict[_Identity, SourceMatch] = {}
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


def _leg(match: SourceMatch, meetings: Iterable[_Row], *, repeats: bool) -> int:
    """The leg that a match is.

    A source without results counts its legs from 1 anew. Its match is the pair's that is still to come; or
    the one of nearly that day, told again; or, where pairs meet again at the same ground, the next one.
    """
    there = sorted(meetings, key=lambda row: row["leg"])
    if match.home_goals is not None or not there or match.leg != 1:
        return match.leg
    for row in there:
        if row["status"] not in _OVER:
            return int(row["leg"])
    day = match.kickoff.date()
    nearest = min(there, key=lambda row: abs((row["kickoff_at"].date() - day).days))
    last = there[-1]
    is_later = (day - last["kickoff_at"].date()).days > SAME_MEETING_DAYS
    return int(last["leg"]) + 1 if repeats and is_later else int(nearest["leg"])


def _open(batch: _Batch, match: SourceMatch, league_id: int, identity: _Identity) -> None:
    """A match that was not known."""
    row: _Row = dict(zip(_IDENTITY, (league_id, *identity), strict=True))
    row |= {"kickoff_at": match.kickoff, "is_kickoff_time_known": match.is_kickoff_time_known}
    row |= {name: getattr(match, name) for name in _TOLD}
    row |= _ending(match, row) if match.home_goals is not None else {"status": Status.SCHEDULED, "result_at": None}
    batch.new[identity] = row
    batch.told[key_of(match)] = identity
    if row["result_at"] is not None:
        batch.results.add(identity)
    else:
        batch.fixtures.add(league_id)


def _ending(match: SourceMatch, row: _Row) -> _Row:
    """Status and instant of a result; an instant that stands is kept."""
    known_at = row.get("result_at") or result_known_at(
        row["kickoff_at"], is_kickoff_time_known=row["is_kickoff_time_known"]
    )
    return {"status": Status.AWARDED if match.is_awarded else Status.FINISHED, "result_at": known_at}


def _change(batch: _Batch, match: SourceMatch, before: _Row, identity: _Identity, recorded: MatchesRecorded) -> None:
    """A match that is known: what the source says otherwise now."""
    recorded.ids[key_of(match)] = before["id"]
    after = _after(match, before)
    if after == before:
        recorded.unchanged.append(before["id"])
        return
    batch.changed[before["id"]] = after
    recorded.changed.append(before["id"])
    if after["status"] in _OVER:
        if any(after[name] != before[name] for name in ("status", *_STATISTICS)):
            batch.results.add(identity)
    else:
        batch.fixtures.add(after["league_id"])


def _after(match: SourceMatch, before: _Row) -> _Row:
    """A known match's columns after the source's word."""
    if match.home_goals is None and before["status"] in _OVER:
        return before  # an older copy: a list of fixtures says nothing of a match that was played
    after = before | {name: value for name in _TOLD if (value := getattr(match, name)) is not None}
    after |= _moved(match, before)
    if match.home_goals is not None:
        after |= _ending(match, after)
    elif before["status"] == Status.POSTPONED and after["kickoff_at"] != before["kickoff_at"]:
        after["status"] = Status.SCHEDULED
    return after


def _moved(match: SourceMatch, before: _Row) -> _Row:
    """The kick-off; a source that knows only the day does not take away the hour."""
    is_same_day = match.kickoff.date() == before["kickoff_at"].date()
    if before["is_kickoff_time_known"] and not match.is_kickoff_time_known and is_same_day:
        return {}
    return {"kickoff_at": match.kickoff, "is_kickoff_time_known": match.is_kickoff_time_known}


_TYPES: Final = (
    dict.fromkeys(_STATISTICS, "int2")
    | {"referee": "text", "status": "text", "kickoff_at": "timestamptz", "result_at": "timestamptz"}
    | {"is_kickoff_time_known": "bool", "id": "int8", "leg": "int2"}
    | dict.fromkeys(_IDENTITY[:4], "int8")
)
"""Column types by name."""


def _arrays(names: Sequence[str], rows: Sequence[_Row]) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in names]


def _unnested(names: Sequence[str], first: int) -> str:
    """A relation `told` of one array per column, the first one in parameter `first`."""
    arrays = ", ".join(f"${number}::{_TYPES[name]}[]" for number, name in enumerate(names, first))
    return f"unnest({arrays}) as told ({', '.join(names)})"


_NEW_COLUMNS: Final = (*_IDENTITY, *_KEPT)
_INSERT: Final = f"""
insert into match ({", ".join(_NEW_COLUMNS)}, source, updated_at)
select {", ".join(_NEW_COLUMNS)}, $1, $2 from {_unnested(_NEW_COLUMNS, 3)}
order by kickoff_at, home_team_id
returning id, season_id, home_team_id, away_team_id, leg
"""

_CHANGED_COLUMNS: Final = ("id", *_KEPT)
_UPDATE: Final = f"""
update match set {", ".join(f"{name} = told.{name}" for name in _KEPT)}, source = $1, updated_at = $2,
    minute = case when told.status = any(array['FINISHED', 'AWARDED']) then null else match.minute end
from {_unnested(_CHANGED_COLUMNS, 3)}
where match.id = told.id
"""


async def _insert(connection: asyncpg.Connection, batch: _Batch, recorded: MatchesRecorded) -> None:
    if not batch.new:
        return
    rows = await connection.fetch(_INSERT, batch.source, batch.now, *_arrays(_NEW_COLUMNS, list(batch.new.values())))
    ids = {(row[1], row[2], row[3], row[4]): row[0] for row in rows}
    recorded.new.extend(ids.values())
    recorded.ids.update((key, ids[identity]) for key, identity in batch.told.items())
    recorded.with_new_results.extend(ids[identity] for identity in batch.new if identity in batch.results)


async def _update(connection: asyncpg.Connection, batch: _Batch, recorded: MatchesRecorded) -> None:
    if not batch.changed:
        return
    rows = [batch.changed[match_id] for match_id in sorted(batch.changed)]
    await connection.execute(_UPDATE, batch.source, batch.now, *_arrays(_CHANGED_COLUMNS, rows))
    recorded.with_new_results.extend(row["id"] for row in rows if _identity(row) in batch.results)


def _identity(row: _Row) -> _Identity:
    return row["season_id"], row["home_team_id"], row["away_team_id"], row["leg"]


async def _ask_for_refresh(connection: asyncpg.Connection, batch: _Batch) -> None:
    """One job per league whose past or future changed, in ascending order."""
    rows = [*batch.new.values(), *batch.changed.values()]
    results = {row["league_id"] for row in rows if _identity(row) in batch.results}
    await ask(
        connection,
        [
            Request(
                "refresh_league",
                {"league_id": league_id, "reason": "result" if league_id in results else "fixtures"},
                dedupe_key=f"refresh_league:{league_id}",
                delay=REFRESH_DELAY,
            )
            for league_id in sorted(results | batch.fixtures)
        ],
    )
