"""Expected goals from a file of the user's own: `Div,season,date,HomeTeam,AwayTeam,xg_home,xg_away`.

`season` is the year in which the season ends, `date` is ISO, names are those of the match files. Other columns are
ignored, except `FTHG` and `FTAG`: where they are there, they must be the match's score.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from touchline.types import Floats, Rejected, SourceMatch

REQUIRED: Final = ("Div", "season", "date", "HomeTeam", "AwayTeam", "xg_home", "xg_away")
MOST: Final = 20.0
"""Expected goals of a side above this are a slip."""

_Pair = tuple[str, int, str, str]


def read_expected_goals(path: Path, matches: Sequence[SourceMatch]) -> tuple[Floats, list[Rejected]]:
    """(n, 2) expected goals of home and away side of each match, NaN where the file has none, and the rows not used.

    Rows of leagues and seasons without a match are passed over. Raises FileNotFoundError without the file and
    ValueError when a column is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(REQUIRED)}")
        rows = [(f"{path.name}:{number}", row) for number, row in enumerate(reader, 2)]
    table, refused = np.full((len(matches), 2), np.nan), []
    meetings = _meetings(matches)
    read = {(match.league, match.season) for match in matches}
    for origin, row in rows:
        try:
            key = (row["Div"], int(row["season"]) - 1, row["HomeTeam"], row["AwayTeam"])
            if key[:2] not in read:
                continue
            table[_meeting(matches, meetings, key, row)] = _number(row["xg_home"]), _number(row["xg_away"])
        except ValueError as error:
            refused.append(Rejected(origin, str(error)))
    return table, refused


def _meetings(matches: Sequence[SourceMatch]) -> dict[_Pair, list[int]]:
    found: dict[_Pair, list[int]] = {}
    for index, match in enumerate(matches):
        found.setdefault((match.league, match.season, match.home, match.away), []).append(index)
    return found


def _meeting(
    matches: Sequence[SourceMatch], meetings: Mapping[_Pair, list[int]], key: _Pair, row: Mapping[str, str]
) -> int:
    """Index of a row's match; a pair that meets twice at one ground is told apart by the day."""
    found = meetings.get(key, [])
    if len(found) > 1:
        found = [index for index in found if matches[index].kickoff.date().isoformat() == row["date"]]
    if not found:
        raise ValueError(f"no match {key[2]} - {key[3]} of {row['date']} with a score that counts")
    match = matches[found[0]]
    score = (row.get("FTHG", ""), row.get("FTAG", ""))
    if all(score) and tuple(map(int, map(float, score))) != (match.home_goals, match.away_goals):
        raise ValueError(f"the score {score[0]}-{score[1]} is not that of {match.origin}")
    return found[0]


def _number(cell: str) -> float:
    value = float(cell)
    if not (math.isfinite(value) and 0 <= value <= MOST):
        raise ValueError(f"{cell!r} is no number of expected goals")
    return value
