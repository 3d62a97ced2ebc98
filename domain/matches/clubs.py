"""Teams by the names that sources give them; who is not known is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from domain.matches.catalogue import known_team, slug_of
from domain.matches.competitions import SourceLeague
from touchline import SourceMatch

Spelling = tuple[int, str]
"""Country and a team's name there, as the source spells it."""


async def teams_by_spelling(
    connection: asyncpg.Connection, source: str, matches: Sequence[SourceMatch], leagues: Mapping[str, SourceLeague]
) -> dict[Spelling, int]:
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


async def _aliases(connection: asyncpg.Connection, source: str, countries: Iterable[int]) -> dict[Spelling, int]:
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
    connection: asyncpg.Connection, source: str, spellings: Sequence[Spelling], countries: Mapping[int, str]
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
