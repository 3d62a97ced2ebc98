"""Matches as rows: their columns, and the statements that read and write many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

STATISTICS: Final = (
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

TOLD: Final = (*STATISTICS, "referee")
KEPT: Final = ("kickoff_at", "is_kickoff_time_known", "status", "result_at", *TOLD)
"""Columns that a source's word can change."""
IDENTITY: Final = ("league_id", "season_id", "home_team_id", "away_team_id", "leg")

Identity = tuple[int, int, int, int]
"""Season, home team, away team, leg."""
Row = dict[str, Any]
"""A match's columns by name."""


def identity_of(row: Row) -> Identity:
    """What makes a match the same one: it survives a changed date."""
    return row["season_id"], row["home_team_id"], row["away_team_id"], row["leg"]


async def known_matches(connection: asyncpg.Connection, season_ids: Iterable[int]) -> dict[Identity, Row]:
    """All matches of the seasons, as they stand."""
    rows = await connection.fetch(
        f"select id, {', '.join(IDENTITY)}, {', '.join(KEPT)} from match where season_id = any($1::int8[])",
        list(season_ids),
    )
    return {identity_of(row): row for row in map(dict, rows)}


async def insert_matches(
    connection: asyncpg.Connection, rows: Collection[Row], source: str, now: datetime
) -> dict[Identity, int]:
    """Ids of new matches."""
    written = await connection.fetch(_INSERT, source, now, *_arrays(_NEW_COLUMNS, rows))
    return {(row[1], row[2], row[3], row[4]): row[0] for row in written}


async def update_matches(connection: asyncpg.Connection, rows: Collection[Row], source: str, now: datetime) -> None:
    """Write changed matches. None leaves a column as it is: a live feed may write it while this transaction reads."""
    await connection.execute(_UPDATE, source, now, *_arrays(_CHANGED_COLUMNS, rows))


_TYPES: Final = (
    dict.fromkeys(STATISTICS, "int2")
    | {"referee": "text", "status": "text", "kickoff_at": "timestamptz", "result_at": "timestamptz"}
    | {"is_kickoff_time_known": "bool", "id": "int8", "leg": "int2"}
    | dict.fromkeys(IDENTITY[:4], "int8")
)
"""Column types by name."""


def _arrays(names: Sequence[str], rows: Iterable[Row]) -> list[list[Any]]:
    return [[row[name] for row in rows] for name in names]


def _unnested(names: Sequence[str], first: int) -> str:
    """A relation `told` of one array per column, the first one in parameter `first`."""
    arrays = ", ".join(f"${number}::{_TYPES[name]}[]" for number, name in enumerate(names, first))
    return f"unnest({arrays}) as told ({', '.join(names)})"


_NEW_COLUMNS: Final = (*IDENTITY, *KEPT)
_INSERT: Final = f"""
insert into match ({", ".join(_NEW_COLUMNS)}, source, updated_at)
select {", ".join(_NEW_COLUMNS)}, $1, $2 from {_unnested(_NEW_COLUMNS, 3)}
order by kickoff_at, home_team_id
returning id, season_id, home_team_id, away_team_id, leg
"""

_CHANGED_COLUMNS: Final = ("id", *KEPT)
_UPDATE: Final = f"""
update match set {", ".join(f"{name} = coalesce(told.{name}, match.{name})" for name in KEPT)},
    source = $1, updated_at = greatest($2, match.updated_at + interval '1 microsecond'),
    minute = case when told.status = any(array['FINISHED', 'AWARDED']) then null else match.minute end
from {_unnested(_CHANGED_COLUMNS, 3)}
where match.id = told.id
"""
