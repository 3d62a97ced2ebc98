"""Forecasts made elsewhere, as rows beside the models: a CSV file of one line a match and model.

    model,league,season,date,home,away,prob_home,prob_draw,prob_away,over25,btts,corners95

`season` is the year in which it starts, `date` is the local day in ISO form, names are those of the match files. The
probabilities of the result may be missing together; `over25` (over 2.5 goals), `btts` (both teams score) and
`corners95` (over 9.5 corners) may be missing one by one, as columns or as cells. Nothing is repaired: a row whose
probabilities do not sum to 1 within 1e-6 is an error.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from touchline.evaluation.dataset import Dataset, plain_name
from touchline.evaluation.questions import BOTH_SCORE, CORNERS, FULL_RESULT, OVER
from touchline.types import Floats, Ints

IDENTITY: Final = ("model", "league", "season", "date", "home", "away")
RESULT_COLUMNS: Final = ("prob_home", "prob_draw", "prob_away")
OTHER_COLUMNS: Final[Mapping[str, str]] = {
    "over25": OVER.key,
    "btts": BOTH_SCORE.key,
    "corners95": CORNERS.key,
}
"""Column to question."""
TOLERANCE: Final = 1e-6

_Match = tuple[str, int, int, str, str]


class BadForecasts(ValueError):
    """A file of forecasts cannot be used; the message names the line."""


def read_forecasts(path: Path, dataset: Dataset, rows: Ints) -> dict[str, dict[str, Floats]]:
    """By model and question the probabilities of the matches `rows`, (m, outcomes), NaN where the file has none.

    Lines of other matches are passed over. Raises FileNotFoundError without the file and BadForecasts.
    """
    place = {_match(dataset, row): index for index, row in enumerate(rows.tolist())}
    told: dict[str, dict[str, Floats]] = {}
    seen: set[tuple[str, int]] = set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in IDENTITY if name not in (reader.fieldnames or ())]
        if missing:
            raise BadForecasts(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(IDENTITY)}")
        for number, line in enumerate(reader, 2):
            try:
                index = place.get(_match_of(line))
                if index is None:
                    continue
                if (line["model"], index) in seen:
                    raise ValueError(f"the model {line['model']} has told of this match before")
                seen.add((line["model"], index))
                _tell(told.setdefault(line["model"], {}), index, len(rows), dict(_probabilities(line)))
            except ValueError as error:
                raise BadForecasts(f"{path.name}:{number}: {error}") from None
    if not told:
        raise BadForecasts(
            f"{path.name} tells nothing of the matches that are evaluated: check league, season and names"
        )
    return told


def _match(dataset: Dataset, row: int) -> _Match:
    past = dataset.history
    home, away = (plain_name(past.clubs[index]) for index in (past.home[row], past.away[row]))
    return past.leagues[past.league[row]], int(past.season[row]), int(dataset.day[row]), home, away


def _match_of(line: Mapping[str, str]) -> _Match:
    day = date.fromisoformat(line["date"]).toordinal()
    return line["league"], int(line["season"]), day, line["home"], line["away"]


def _probabilities(line: Mapping[str, str]) -> Iterator[tuple[str, Sequence[float]]]:
    """Questions that a line answers, with the probabilities of their outcomes."""
    result = [line.get(name) or "" for name in RESULT_COLUMNS]
    if any(result):
        values = [_probability(name, cell) for name, cell in zip(RESULT_COLUMNS, result, strict=True)]
        if abs(sum(values) - 1) > TOLERANCE:
            raise ValueError(f"{', '.join(RESULT_COLUMNS)} sum to {sum(values):.9g} and not to 1")
        yield FULL_RESULT.key, values
    for name, question in OTHER_COLUMNS.items():
        if cell := line.get(name):
            value = _probability(name, cell)
            yield question, (value, 1 - value)


def _probability(name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{name} {cell!r} is not a number") from None
    if not 0 <= value <= 1:
        raise ValueError(f"{name} {cell!r} does not lie from 0 to 1")
    return value


def _tell(table: dict[str, Floats], index: int, matches: int, answers: Mapping[str, Sequence[float]]) -> None:
    for question, values in answers.items():
        rows = table.setdefault(question, np.full((matches, len(values)), np.nan))
        rows[index] = values
