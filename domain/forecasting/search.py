"""Finding matches, leagues, teams, models and plugins by words."""

from __future__ import annotations

from typing import Any

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import LIKE_ESCAPES, SortKey, Window

FOUND_ORDER = SortKey("f.rank")
"""Leagues, teams, matches newest first, models, plugins; each but matches by name."""

FOUND_ID = "f.id"

# `rank` sorts as text, so a match's age counts down from a fixed far instant with leading zeros.
_FOUND = """
    select 'League' as kind, id::text as id_text, '1:' || lower(name) as rank, name as words from league
    union all
    select 'Team', id::text, '2:' || lower(name), concat_ws(' ', name, short_name) from team
    union all
    select 'Match', m.id::text,
        '3:' || lpad((253402300800 - extract(epoch from m.kickoff_at))::bigint::text, 12, '0'),
        concat_ws(' ', home.name, away.name, l.name)
    from match m join league l on l.id = m.league_id
    join team home on home.id = m.home_team_id join team away on away.id = m.away_team_id
    union all
    select 'Model', key, '4:' || key, key from model
    union all
    select 'Plugin', key, '5:' || key, concat_ws(' ', key, name) from plugin"""


def _from(words: str, arguments: list[Any]) -> str:
    arguments.extend(f"%{word.translate(LIKE_ESCAPES)}%" for word in words.split())
    conditions = " and ".join(f"words ilike ${place}" for place in range(1, len(arguments) + 1)) or "true"
    return f"(select kind, id_text, rank, kind || ':' || id_text as id from ({_FOUND}) all_of_it where {conditions}) f"


async def found_page(db: Reader, words: str, window: Window) -> list[Record]:
    """A page of what holds every word: `kind`, `id_text`, `sort_key` and `key`."""
    arguments: list[Any] = []
    found = _from(words, arguments)
    condition, ordering = window.sql(arguments)
    return await db.fetch(
        f"select f.kind, f.id_text, f.rank as sort_key, f.id as key from {found} where {condition} {ordering}",
        *arguments,
    )


async def found_count(db: Reader, words: str) -> int:
    """How much holds every word."""
    arguments: list[Any] = []
    count: int = await db.fetchval(f"select count(*) from {_from(words, arguments)}", *arguments)
    return count
