"""Reads of teams and of how they have played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window
from domain.matches.queries import DECIDED

TEAM = "t.id as key, t.country_id, t.slug, t.name, t.short_name"
TEAM_ORDER = SortKey("t.name")


async def teams(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Teams by id."""
    return await db.fetch(f"select {TEAM} from team t where t.id = any($1::bigint[])", ids)


async def team_by_slug(db: Reader, slug: str) -> Record | None:
    """One team by the part of an address that names it."""
    return await db.fetchrow(f"select {TEAM} from team t where t.slug = $1", slug)


async def team_by_ref(db: Reader, source: str, name: str) -> Record | None:
    """One team by its name at a source; None also where the source has two of that name."""
    rows = await db.fetch(
        f"select {TEAM} from team t where t.id in (select team_id from team_alias where source = $1 and name = $2)",
        source,
        name,
    )
    return rows[0] if len(rows) == 1 else None


@dataclass(frozen=True, slots=True)
class TeamCriteria:
    """Which teams a list holds."""

    season_of_league: int | None = None
    """Teams of this league's current season at `now`."""
    now: datetime | None = None
    search: str | None = None

    def where(self) -> Where:
        where = Where()
        if self.season_of_league is not None:
            assert self.now is not None
            where.add(
                """t.id in (select unnest(array[m.home_team_id, m.away_team_id]) from match m where m.season_id = (
                     select s.id from season s where s.league_id = {0}
                     order by case when s.starts_on > {1}::date then 1 when s.ends_on < {1}::date then 2 else 0 end,
                              abs(s.starts_on - {1}::date) limit 1))""",
                self.season_of_league,
                self.now.date(),
            )
        if self.search is not None:
            where.add_words(self.search, "t.name", "t.short_name")
        return where


async def team_page(db: Reader, criteria: TeamCriteria, window: Window) -> list[Record]:
    """A page of teams by name."""
    condition, ordering, arguments = criteria.where().paged(window)
    return await db.fetch(
        f"select {TEAM}, {TEAM_ORDER.sql} as sort_key from team t where {condition} {ordering}", *arguments
    )


async def team_count(db: Reader, criteria: TeamCriteria) -> int:
    """Size of the whole list."""
    where = criteria.where()
    count: int = await db.fetchval(f"select count(*) from team t where {where.sql}", *where.arguments)
    return count


async def team_refs(db: Reader, team_ids: Sequence[int]) -> list[Record]:
    """Names of teams at sources."""
    return await db.fetch(
        """select team_id as owner, source as provider, name as value from team_alias
           where team_id = any($1::bigint[]) order by source, name""",
        team_ids,
    )


async def team_results(
    db: Reader, team_ids: Sequence[int], most: int, venue: str | None, now: datetime
) -> list[Record]:
    """The last decided matches of each team at `now`, newest first, from the team's side."""
    side = """select m.id, m.kickoff_at, m.{0}_goals as goals_for, m.{1}_goals as goals_against,
                  m.{0}_corners as corners_for, m.{1}_corners as corners_against
              from match m where m.{0}_team_id = owner.id and {decided} and m.result_at <= $3
              order by m.kickoff_at desc, m.id desc limit $2"""
    sides = {
        "HOME": side.format("home", "away", decided=DECIDED),
        "AWAY": side.format("away", "home", decided=DECIDED),
    }
    chosen = " union all ".join(f"({sql})" for name, sql in sides.items() if venue in (None, name))
    return await db.fetch(
        f"""select owner.id as owner, last.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select * from ({chosen}) both_sides order by kickoff_at desc, id desc limit $2) last""",
        team_ids,
        most,
        now,
    )
