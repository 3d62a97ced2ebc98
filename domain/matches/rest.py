"""What is left of seasons: the matches that were announced, and the pairs whose match was not announced yet.

Sources tell of matches a week or two ahead, while a league in which everybody meets everybody at both grounds is
known to its end once its clubs are. So a pair that has no match in the round robin that is being played is left too,
without a date. Results that became known after `as_of` are not used: a season long past is told as it stood then, but
for what a row keeps no instant of: a match that was cancelled since is missing, and a corrected score is the
corrected one. Where a pair can meet again at one ground (`catalogue`) only the first two halves follow from the
clubs; of what comes after them the matches that were announced are left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations

from asyncpg import Record

from domain.infra.database import Reader
from domain.matches.catalogue import FOOTBALL_DATA
from domain.matches.queries import DECIDED
from domain.matches.rules import Status

MOST_CLUBS = 30
"""Clubs above which a season is no round robin: nothing is said of pairs without a match."""
ANNOUNCED_AHEAD = timedelta(days=60)
"""How long before its first match a season is counted as announced."""

_REPEATING = frozenset(league.slug for league in FOOTBALL_DATA.values() if league.repeats_meetings)
"""Leagues in which a pair can meet again at one ground."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """A match that is left; `match_id` and `kickoff_at` are None while it was not announced."""

    match_id: int | None
    season_id: int
    start_year: int
    home_team_id: int
    away_team_id: int
    leg: int
    home: str
    """Slug of the club."""
    away: str
    league: str
    """Slug of the league."""
    kickoff_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is left of a league at an instant."""

    near: tuple[Meeting, ...]
    """Scheduled matches within the horizon, soonest first."""
    rest: tuple[Meeting, ...]
    """Everything else that is left of seasons that are not over; matches without a date last."""


async def read_ahead(reader: Reader, league_id: int, as_of: datetime, horizon: timedelta) -> Ahead:
    """What is left of a league's seasons at `as_of`, with one statement."""
    rows = await reader.fetch(f"{_ROWS} {_OF_LEAGUE}", league_id, as_of, as_of + horizon, as_of + ANNOUNCED_AHEAD)
    near = tuple(_meeting(row) for row in rows if row["is_near"])
    return Ahead(near, tuple(_rest([row for row in rows if row["is_open"]])))


async def read_rest(reader: Reader, season_id: int, as_of: datetime) -> tuple[Meeting, ...]:
    """What is left of one season at `as_of`; matches without a date last."""
    return tuple(_rest(await reader.fetch(f"{_ROWS} {_OF_SEASONS}", [season_id], as_of, as_of)))


async def unfinished_seasons(reader: Reader, season_ids: Sequence[int], as_of: datetime) -> set[int]:
    """Those of these seasons of which something is left at `as_of`, with one statement."""
    rows = await reader.fetch(f"{_ROWS} {_OF_SEASONS}", list(season_ids), as_of, as_of)
    return {meeting.season_id for meeting in _rest(rows)}


_ROWS = f"""
select m.id, m.season_id, s.start_year, m.home_team_id, m.away_team_id, h.slug as home, a.slug as away,
       l.slug as league, l.kind, m.leg, m.kickoff_at, m.status,
       m.status = 'SCHEDULED' and m.kickoff_at > $2 and m.kickoff_at <= $3 as is_near,
       {DECIDED} and m.result_at <= $2 as is_known, current.is_open
from match m join season s on s.id = m.season_id join league l on l.id = m.league_id
join team h on h.id = m.home_team_id join team a on a.id = m.away_team_id
cross join lateral (select coalesce(s.ends_on >= $2::timestamptz::date, true) and not exists (
  select 1 from season n where n.league_id = s.league_id and n.start_year > s.start_year
                           and n.starts_on <= $2::timestamptz::date) as is_open) current
"""
# The near ones are those of any season, as they always were.
_OF_LEAGUE = """
where m.league_id = $1 and (current.is_open and s.starts_on <= $4::timestamptz::date
  or m.status = 'SCHEDULED' and m.kickoff_at > $2 and m.kickoff_at <= $3)
order by m.kickoff_at, m.id"""
_OF_SEASONS = "where m.season_id = any($1::bigint[]) and current.is_open order by m.kickoff_at, m.id"


def _rest(rows: Sequence[Record]) -> Iterable[Meeting]:
    """What is left of seasons besides what is near, by kick-off, and then the pairs without a match."""
    yield from (_meeting(row) for row in rows if not (row["is_near"] or row["is_known"] or _is_off(row)))
    for season_id in sorted({row["season_id"] for row in rows}):
        yield from _unannounced([row for row in rows if row["season_id"] == season_id])


def _is_off(row: Record) -> bool:
    return bool(row["status"] == Status.CANCELLED)


def _unannounced(rows: Sequence[Record]) -> Iterable[Meeting]:
    """Pairs of a season without a match in the round robin that is being played, by club."""
    one = rows[0]
    clubs = {row[f"{side}_team_id"]: row[side] for row in rows for side in ("home", "away")}
    if one["kind"] != "LEAGUE" or len(clubs) > MOST_CLUBS:
        return
    leg = max((row["leg"] for row in rows if row["is_known"] or row["is_near"]), default=1)
    if leg > 1 and one["league"] in _REPEATING:
        return
    told = {(row["home_team_id"], row["away_team_id"]) for row in rows if row["leg"] == leg}
    for home, away in permutations(sorted(clubs, key=lambda club: clubs[club]), 2):
        if (home, away) not in told:
            names = (clubs[home], clubs[away], one["league"])
            yield Meeting(None, one["season_id"], one["start_year"], home, away, leg, *names, None)


def _meeting(row: Record) -> Meeting:
    return Meeting(
        match_id=row["id"],
        season_id=row["season_id"],
        start_year=row["start_year"],
        home_team_id=row["home_team_id"],
        away_team_id=row["away_team_id"],
        leg=row["leg"],
        home=row["home"],
        away=row["away"],
        league=row["league"],
        kickoff_at=row["kickoff_at"],
    )
