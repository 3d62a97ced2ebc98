"""Reads of seasons as they are simulated, of stored tables, and of ratings over time.

Each answers for many at once with one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from asyncpg import Record

from domain.forecasting.queries import IN_SHADOW
from domain.forecasting.rules import RESULT_KEY
from domain.forecasting.serving import read_ranking
from domain.infra.database import Reader
from domain.matches.queries import DECIDED
from domain.seasons.rules import FRESH, Outlook, Played
from touchline.competitions import Format, format_of

SOURCE = "football-data"
"""Whose codes of leagues say how a season is decided."""


async def simulating_models(reader: Reader) -> list[str]:
    """The models of match results, the one that is shown first."""
    return (await read_ranking(reader)).get(RESULT_KEY.partition(":")[0], [])


async def outlooks(
    reader: Reader, season_ids: Sequence[int], model_keys: Sequence[str], as_of: datetime
) -> dict[int, Outlook]:
    """Of each season the newest outlook made by what was known at `as_of`, of the first model that has a fresh one.

    One that knows nothing of a result older than `FRESH` is not fresh.
    """
    rows = await reader.fetch(
        f"""select distinct on (o.season_id) {_OUTLOOK} from season_outlook o
            join unnest($2::text[]) with ordinality as ranked(model_key, place) using (model_key)
            left join (select m.season_id, max(m.result_at) as at from match m
                       where m.season_id = any($1::bigint[]) and {DECIDED}
                         and m.result_at <= $3::timestamptz - $4::interval
                       group by m.season_id) last using (season_id)
            where o.season_id = any($1::bigint[]) and o.data_cutoff_at <= $3
              and o.data_cutoff_at >= coalesce(last.at, o.data_cutoff_at)
            order by o.season_id, ranked.place, o.data_cutoff_at desc, o.id desc""",
        list(season_ids),
        list(model_keys),
        as_of,
        FRESH,
    )
    return {row["season_id"]: Outlook(**row) for row in rows}


async def outlooks_of_version(
    reader: Reader, season_ids: Sequence[int], version_id: int, as_of: datetime, *, sees_shadow: bool = False
) -> dict[int, Outlook]:
    """Of each season the newest outlook by one version of a model; of one whose plugin is in shadow only for whoever
    sees it."""
    rows = await reader.fetch(
        f"""select distinct on (o.season_id) {_OUTLOOK} from season_outlook o
            where o.season_id = any($1::bigint[]) and o.model_version_id = $2 and o.data_cutoff_at <= $3
              and ($4::bool or o.model_key <> all({IN_SHADOW}))
            order by o.season_id, o.id desc""",
        list(season_ids),
        version_id,
        as_of,
        sees_shadow,
    )
    return {row["season_id"]: Outlook(**row) for row in rows}


_OUTLOOK = """o.id, o.season_id, o.model_key, o.model_version_id, o.data_cutoff_at, o.home_team_ids,
    o.away_team_ids, o.legs, o.home_mean, o.away_mean, o.rho"""


async def season_matches(reader: Reader, season_ids: Sequence[int]) -> dict[int, list[Played]]:
    """All matches of each season."""
    rows = await reader.fetch(
        f"""select m.season_id, m.id, m.home_team_id, m.away_team_id, m.leg, m.status = 'CANCELLED' as is_off,
                   case when {DECIDED} then m.result_at end as known_at, m.home_goals, m.away_goals
            from match m where m.season_id = any($1::bigint[]) order by m.id""",
        list(season_ids),
    )
    found: dict[int, list[Played]] = {season_id: [] for season_id in season_ids}
    for row in rows:
        found[row["season_id"]].append(Played(*list(row.values())[1:]))
    return found


async def season_formats(reader: Reader, season_ids: Sequence[int]) -> dict[int, Format]:
    """How each season is decided."""
    rows = await reader.fetch(
        """select s.id, s.start_year, a.code from season s left join league_alias a
           on a.league_id = s.league_id and a.source = $2 where s.id = any($1::bigint[])""",
        list(season_ids),
        SOURCE,
    )
    return {row["id"]: format_of(row["code"], row["start_year"]) for row in rows}


async def stored_tables(
    reader: Reader,
    season_ids: Sequence[int],
    model_keys: Sequence[str],
    version_id: int | None,
    as_of: datetime | None,
    digest: str,
    simulations: int,
    now: datetime,
    *,
    sees_shadow: bool = False,
) -> dict[int, Record]:
    """Of each season the newest stored table that answers a question with at least so many simulations.

    Without `as_of` it is one of the present: one with assumed results only as long as no other result became known.
    Without `version_id` it is one that was simulated with whatever was shown then, not with a version that was named.
    """
    rows = await reader.fetch(
        f"""select distinct on (t.season_id) t.season_id, t.model_version_id, t.as_of, t.simulations, t.seconds,
                   t.matches_left, t.unannounced, t.simulated_at, t.rows::text as rows
            from simulated_table t
            where t.season_id = any($1::bigint[]) and t.what_if_digest = $5 and t.simulations >= $6
              and case when $3::bigint is null then t.model_key = any($2::text[]) and not t.is_version_chosen
                       else t.model_version_id = $3 and ($8::bool or t.model_key <> all({IN_SHADOW})) end
              and case when $4::timestamptz is null then t.is_current else t.as_of = $4 and not t.is_current end
              and ($4 is not null or t.what_if = '[]' or not exists (
                select 1 from match m where m.season_id = t.season_id and {DECIDED} and m.result_at > t.as_of
                                        and m.result_at <= $7))
            order by t.season_id, t.id desc""",
        list(season_ids),
        list(model_keys),
        version_id,
        as_of,
        digest,
        simulations,
        now,
        sees_shadow,
    )
    return {row["season_id"]: row for row in rows}


async def rated_clubs(reader: Reader, league_id: int, as_of: datetime) -> dict[str, int]:
    """The clubs of the season that a league plays at an instant, ids by slug; those of the last one in a break."""
    rows = await reader.fetch(
        """select distinct t.id, t.slug from match m join team t on t.id in (m.home_team_id, m.away_team_id)
           where m.season_id = (
             select s.id from season s where s.league_id = $1 and s.starts_on <= $2::timestamptz::date
             order by s.start_year desc limit 1)
           order by t.slug""",
        league_id,
        as_of,
    )
    return {row["slug"]: row["id"] for row in rows}


async def ratings(
    reader: Reader,
    team_ids: Sequence[int],
    systems: Sequence[str] | None,
    as_of: datetime,
    *,
    sees_shadow: bool = False,
) -> list[asyncpg.Record]:
    """The newest rating of each team by each system at an instant, with what it was 30 days before; by system.

    Systems of models whose plugin is in shadow are left out but for whoever sees them.
    """
    wanted = None if systems is None else list(systems)
    return await reader.fetch(_RATINGS, list(team_ids), wanted, as_of, sees_shadow)


_IN_SHADOW = f"^@ any(array(select dark || '.' from unnest({IN_SHADOW}) dark))"
"""After the name of a system of ratings: it is one of a model whose plugin is in shadow."""

_RATINGS = f"""
with recursive rated (team_id, system) as (
  select t.id, (select min(r.system) from team_rating r where r.team_id = t.id)
  from (select distinct id from unnest($1::bigint[]) as t(id)) t
  union all
  select k.team_id, (select min(r.system) from team_rating r where r.team_id = k.team_id and r.system > k.system)
  from rated k where k.system is not null)
select rated.team_id as owner, rated.system, newest.value, newest.as_of, newest.value - before.value as change_30_days
from rated
cross join lateral (
  select r.value, r.as_of from team_rating r
  where r.team_id = rated.team_id and r.system = rated.system and r.as_of <= $3
  order by r.as_of desc, r.id desc limit 1) newest
left join lateral (
  select r.value from team_rating r
  where r.team_id = rated.team_id and r.system = rated.system and r.as_of <= newest.as_of - interval '30 days'
  order by r.as_of desc, r.id desc limit 1) before on true
where ($2::text[] is null or rated.system = any($2)) and ($4::bool or not rated.system {_IN_SHADOW})
order by rated.system
"""
"""The recursive part steps from one system of a team to the next in their index: what was said before is not read."""


async def rating_history(
    reader: Reader,
    team_ids: Sequence[int],
    system: str,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
    most: int,
    *,
    sees_shadow: bool = False,
) -> list[asyncpg.Record]:
    """The last rating of each day (UTC) by a system, oldest first; of each team the newest `most` days.

    None by a model whose plugin is in shadow but for whoever sees it.
    """
    return await reader.fetch(
        f"""select owner.id as owner, day.value, day.as_of from unnest($1::bigint[]) as owner(id) cross join lateral (
             select distinct on ((r.as_of at time zone 'UTC')::date) r.value, r.as_of from team_rating r
             where r.team_id = owner.id and r.system = $2 and r.as_of <= $5
               and ($3::timestamptz is null or r.as_of >= $3) and ($4::timestamptz is null or r.as_of < $4)
               and ($7::bool or not $2 {_IN_SHADOW})
             order by (r.as_of at time zone 'UTC')::date desc, r.as_of desc, r.id desc limit $6) day
           order by owner.id, day.as_of""",
        list(team_ids),
        system,
        since,
        until,
        now,
        most,
        sees_shadow,
    )
