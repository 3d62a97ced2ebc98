"""Reads of matches by id, and the words of SQL that other reads of matches share.

Every query of the concept answers for many at once with one statement. Columns are named as the
attributes of the graph's rows; `key` is the primary key, `owner` the parent that a row belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from domain.infra.database import Reader

MATCH = """m.id as key, m.league_id, m.season_id, m.home_team_id, m.away_team_id, m.round, m.kickoff_at,
    m.is_kickoff_time_known, m.status, m.updated_at, l.is_big as is_big_match"""

DECIDED = "m.status in ('FINISHED', 'AWARDED') and m.home_goals is not null and m.away_goals is not null"
"""A match `m` whose score counts."""


async def matches(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Matches by id."""
    return await db.fetch(
        f"select {MATCH} from match m join league l on l.id = m.league_id where m.id = any($1::bigint[])", ids
    )


async def match_facts(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Score, clock and counts of matches by id."""
    return await db.fetch(
        """select id as key, status, minute, home_goals, away_goals, half_time_home_goals, half_time_away_goals,
               home_shots, away_shots, home_shots_on_target, away_shots_on_target, home_corners, away_corners,
               home_fouls, away_fouls, home_yellow_cards, away_yellow_cards, home_red_cards, away_red_cards, updated_at
           from match where id = any($1::bigint[])""",
        ids,
    )


async def head_to_head(db: Reader, ids: Sequence[int], most: int) -> list[Record]:
    """Decided meetings of the two teams before each match, newest first; `owner` is the match."""
    return await db.fetch(
        f"""select this.id as owner, past.* from match this cross join lateral (
              select {MATCH} from match m join league l on l.id = m.league_id
              where (m.home_team_id, m.away_team_id) in ((this.home_team_id, this.away_team_id),
                                                         (this.away_team_id, this.home_team_id))
                and {DECIDED} and m.kickoff_at < this.kickoff_at
              order by m.kickoff_at desc, m.id desc limit $2) past
            where this.id = any($1::bigint[]) order by past.kickoff_at desc, past.key desc""",
        ids,
        most,
    )
