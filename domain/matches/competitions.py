"""Leagues by the codes that sources give them, and their seasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg

from domain.matches.catalogue import LEAGUES
from touchline import SourceMatch


@dataclass(frozen=True, slots=True)
class SourceLeague:
    """A league that a source's code stands for."""

    id: int
    country_id: int
    country_code: str
    repeats_meetings: bool
    """Whether a pair can meet twice at one ground in a season."""


async def leagues_by_code(connection: asyncpg.Connection, source: str, codes: set[str]) -> dict[str, SourceLeague]:
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


async def lock_leagues(connection: asyncpg.Connection, league_ids: Iterable[int]) -> None:
    """Let no other transaction record matches of these leagues until this one ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtext('matches of leagues'), (id % 2147483647)::int4) "
        "from unnest($1::int8[]) with ordinality as wanted (id, position) order by position",
        sorted(league_ids),
    )


async def seasons_by_year(
    connection: asyncpg.Connection, matches: Sequence[SourceMatch], leagues: Mapping[str, SourceLeague]
) -> dict[tuple[int, int], int]:
    """Season ids by league and year, made where missing; `starts_on` is the first known match day."""
    first: dict[tuple[int, int], date] = {}
    for match in matches:
        day, wanted = match.kickoff.date(), (leagues[match.league].id, match.season)
        first[wanted] = min(day, first.get(wanted, day))
    ordered = sorted(first)
    rows = await connection.fetch(
        _SEASONS,
        [league_id for league_id, _ in ordered],
        [year for _, year in ordered],
        [f"{year}/{(year + 1) % 100:02d}" for _, year in ordered],
        [first[wanted] for wanted in ordered],
    )
    return {(row["league_id"], row["start_year"]): row["id"] for row in rows}


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


async def _read_leagues(connection: asyncpg.Connection, source: str) -> dict[str, SourceLeague]:
    rows = await connection.fetch(
        "select a.code, l.id, c.id, c.code from league_alias a join league l on l.id = a.league_id "
        "join country c on c.id = l.country_id where a.source = $1",
        source,
    )
    catalogue = LEAGUES.get(source, {})
    repeating = {code for code, league in catalogue.items() if league.repeats_meetings}
    return {row[0]: SourceLeague(row[1], row[2], row[3], row[0] in repeating) for row in rows}
