"""Reads of countries, leagues, seasons and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.matches.catalogue import FOOTBALL_DATA
from domain.matches.queries import DECIDED
from touchline.competitions import FORMATS
from touchline.season import TieRule

ACTIVE_WITHIN = timedelta(hours=24)
"""A league with a kick-off this soon is active."""


async def countries(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Countries by id."""
    return await db.fetch("select id as key, code, name from country where id = any($1::bigint[])", ids)


async def countries_with_leagues(db: Reader) -> list[Record]:
    """Countries that have a league, by name."""
    return await db.fetch(
        """select id as key, code, name from country c
           where exists (select 1 from league l where l.country_id = c.id) order by name, id"""
    )


LEAGUE = "l.id as key, l.country_id, l.slug, l.name, l.kind, l.is_big, l.is_simulated"
LEAGUE_ORDER = SortKey("l.name")


async def leagues(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Leagues by id."""
    return await db.fetch(f"select {LEAGUE} from league l where l.id = any($1::bigint[])", ids)


async def league_by_slug(db: Reader, slug: str) -> Record | None:
    """One league by the part of an address that names it."""
    return await db.fetchrow(f"select {LEAGUE} from league l where l.slug = $1", slug)


async def league_by_ref(db: Reader, source: str, code: str) -> Record | None:
    """One league by its code at a source."""
    return await db.fetchrow(
        f"select {LEAGUE} from league l join league_alias a on a.league_id = l.id where a.source = $1 and a.code = $2",
        source,
        code,
    )


@dataclass(frozen=True, slots=True)
class LeagueCriteria:
    """Which leagues a list holds."""

    is_active: bool | None = None
    """Whether a match kicks off within 24 hours of `now`."""
    now: datetime | None = None
    country_codes: Sequence[str] | None = None
    search: str | None = None

    def where(self) -> Where:
        where = Where()
        if self.is_active is not None:
            assert self.now is not None
            where.add(
                f"""exists (select 1 from match m where m.league_id = l.id and m.kickoff_at >= {{}}
                    and m.kickoff_at < {{}}) is {self.is_active}""",
                self.now,
                self.now + ACTIVE_WITHIN,
            )
        if self.country_codes is not None:
            where.add("l.country_id in (select id from country where code = any({}::text[]))", self.country_codes)
        if self.search is not None:
            where.add_words(self.search, "l.name")
        return where


async def league_page(db: Reader, criteria: LeagueCriteria, window: Window) -> list[Record]:
    """A page of leagues by name."""
    condition, ordering, arguments = criteria.where().paged(window)
    return await db.fetch(
        f"select {LEAGUE}, {LEAGUE_ORDER.sql} as sort_key from league l where {condition} {ordering}", *arguments
    )


async def league_count(db: Reader, criteria: LeagueCriteria) -> int:
    """Size of the whole list."""
    where = criteria.where()
    count: int = await db.fetchval(f"select count(*) from league l where {where.sql}", *where.arguments)
    return count


async def country_league_page(db: Reader, country_ids: Sequence[int], window: Window) -> list[Record]:
    """A page of the leagues of each country, with `owner`."""
    condition, ordering, arguments = Where(list(country_ids)).paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {LEAGUE}, {LEAGUE_ORDER.sql} as sort_key from league l
              where l.country_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def country_league_counts(db: Reader, country_ids: Sequence[int]) -> dict[int, int]:
    """How many leagues each country has."""
    rows = await db.fetch(
        "select country_id, count(*) from league where country_id = any($1::bigint[]) group by 1", country_ids
    )
    return {row["country_id"]: row["count"] for row in rows}


async def league_refs(db: Reader, league_ids: Sequence[int]) -> list[Record]:
    """Codes of leagues at sources."""
    return await db.fetch(
        """select league_id as owner, source as provider, code as value from league_alias
           where league_id = any($1::bigint[]) order by source, code""",
        league_ids,
    )


async def league_coverage(db: Reader, league_ids: Sequence[int]) -> list[Record]:
    """What is held for leagues: prices, and since when, and corner counts."""
    return await db.fetch(
        """select owner.id as owner, priced.id is not null as has_pre_match_odds,
               (select min(q.observed_at) from quote_change q where q.match_id = priced.id) as odds_since,
               exists (select 1 from match m where m.league_id = owner.id and m.home_corners is not null) as has_corners
           from unnest($1::bigint[]) as owner(id) left join lateral (
               select m.id from match m where m.league_id = owner.id
               and exists (select 1 from quote q where q.match_id = m.id)
               order by m.kickoff_at limit 1) priced on true""",
        league_ids,
    )


async def upcoming_counts(db: Reader, league_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """Kick-offs within 24 hours by league; a league without one is missing."""
    rows = await db.fetch(
        """select league_id, count(*) from match
           where league_id = any($1::bigint[]) and kickoff_at >= $2 and kickoff_at < $3 group by league_id""",
        league_ids,
        now,
        now + ACTIVE_WITHIN,
    )
    return {row["league_id"]: row["count"] for row in rows}


SEASON = "s.id as key, s.league_id, s.name, s.start_year, s.starts_on, s.ends_on"
SEASON_ORDER = SortKey("s.start_year")


async def seasons(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Seasons by id."""
    return await db.fetch(f"select {SEASON} from season s where s.id = any($1::bigint[])", ids)


async def current_seasons(db: Reader, league_ids: Sequence[int], now: datetime) -> list[Record]:
    """Of each league the season being played, else the next one, else the last one."""
    return await db.fetch(
        f"""select distinct on (s.league_id) {SEASON} from season s where s.league_id = any($1::bigint[])
            order by s.league_id,
                case when s.starts_on > $2::date then 1 when s.ends_on < $2::date then 2 else 0 end,
                abs(s.starts_on - $2::date)""",
        league_ids,
        now.date(),
    )


async def season_page(db: Reader, league_ids: Sequence[int], window: Window) -> list[Record]:
    """A page of the seasons of each league, with `owner`."""
    condition, ordering, arguments = Where(list(league_ids)).paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {SEASON}, {SEASON_ORDER.sql} as sort_key from season s
              where s.league_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def season_counts(db: Reader, league_ids: Sequence[int]) -> dict[int, int]:
    """How many seasons each league has."""
    rows = await db.fetch(
        "select league_id, count(*) from season where league_id = any($1::bigint[]) group by 1", league_ids
    )
    return {row["league_id"]: row["count"] for row in rows}


async def standings(db: Reader, season_ids: Sequence[int], as_of: datetime) -> list[Record]:
    """The tables of seasons from results known at `as_of`, best first: points, the league's tie rule, name.

    The rule is goal difference and goals. Where a league puts head-to-head before it, points and then goal difference
    of the matches among clubs that are level count, once all of those were played.
    """
    return await db.fetch(_STANDINGS, season_ids, as_of, _HEAD_TO_HEAD)


_HEAD_TO_HEAD = sorted(
    league.slug
    for code, league in FOOTBALL_DATA.items()
    if code in FORMATS and FORMATS[code].tie_rule is TieRule.HEAD_TO_HEAD
)
"""Leagues in which head-to-head comes before goal difference."""

_STANDINGS = f"""
with side as (
  select m.season_id, m.id, m.kickoff_at, t.team_id, t.opponent_id, t.goals_for, t.goals_against,
         {DECIDED} and m.result_at <= $2 as is_known
  from match m cross join lateral (values (m.home_team_id, m.away_team_id, m.home_goals, m.away_goals),
                                          (m.away_team_id, m.home_team_id, m.away_goals, m.home_goals))
       as t(team_id, opponent_id, goals_for, goals_against)
  where m.season_id = any($1::bigint[])),
line as (
  select *, goals_for - goals_against as difference,
         case sign(goals_for - goals_against) when 1 then 'W' when 0 then 'D' else 'L' end as result,
         case sign(goals_for - goals_against) when 1 then 3 when 0 then 1 else 0 end as worth
  from side),
board as (
  select season_id, team_id, count(*) filter (where is_known)::int as played,
      count(*) filter (where is_known and result = 'W')::int as won,
      count(*) filter (where is_known and result = 'D')::int as drawn,
      count(*) filter (where is_known and result = 'L')::int as lost,
      coalesce(sum(goals_for) filter (where is_known), 0)::int as goals_for,
      coalesce(sum(goals_against) filter (where is_known), 0)::int as goals_against,
      coalesce(sum(difference) filter (where is_known), 0)::int as difference,
      coalesce(sum(worth) filter (where is_known), 0)::int as points,
      coalesce(right(string_agg(result, '' order by kickoff_at, id) filter (where is_known), 5), '') as form
  from line group by season_id, team_id),
duel as (
  select own.season_id, own.team_id, count(*) as played, sum(l.worth) as points, sum(l.difference) as difference
  from board own join line l using (season_id, team_id)
  join board other on other.season_id = l.season_id and other.team_id = l.opponent_id and other.points = own.points
  join season s on s.id = own.season_id join league g on g.id = s.league_id
  where l.is_known and g.slug = any($3::text[]) group by own.season_id, own.team_id),
compared as (
  select b.*, d.points as duel_points, d.difference as duel_difference,
      bool_and(coalesce(d.played, 0) = 2 * (level.clubs - 1)) over (partition by b.season_id, b.points) as is_decided
  from board b left join duel d using (season_id, team_id)
  join (select season_id, points, count(*) as clubs from board group by season_id, points) level
    on level.season_id = b.season_id and level.points = b.points)
select season_id as owner, team_id, played, won, drawn, lost, goals_for, goals_against, points, form
from compared join team on team.id = team_id
order by season_id, points desc, case when is_decided then duel_points end desc,
    case when is_decided then duel_difference end desc, difference desc, goals_for desc, team.name"""
