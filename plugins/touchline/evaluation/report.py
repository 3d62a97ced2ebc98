"""An evaluation as tables for people and as JSON for programs.

The JSON has the names of the dataclasses' fields; what is not a number there is null, never NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from touchline.evaluation.run import CLOSING, Board, Evaluation, Row
from touchline.evaluation.scores import Score
from touchline.metrics import Difference

MISSING: Final = "–"
MEGABYTE: Final = 1024 * 1024


def tables(evaluation: Evaluation, by: Sequence[str] = ()) -> Iterator[Table]:
    """A table for each question, those by `league`, `season` or `league_season` that are asked for, and the costs."""
    classes = {row.key: row.odds_use.value if row.odds_use else MISSING for row in evaluation.rows}
    for board in evaluation.boards:
        yield _scores(board, classes)
        for part in by:
            yield _parts(board, part)
    yield _costs(evaluation)


def words(evaluation: Evaluation) -> Iterator[str]:
    """What was compared, what was left out and why, and what failed: a sentence each."""
    yield (
        f"{evaluation.evaluated} matches in {evaluation.rounds} rounds of {', '.join(evaluation.leagues)}, seasons "
        f"{_spans(evaluation.seasons)}, of {evaluation.read} read; digest {evaluation.digest}."
    )
    for reason, count in evaluation.left_out.items():
        yield f"Left out of the files: {count} ({reason})."
    for board in evaluation.boards:
        for reason, count in board.left_out.items():
            yield f"{board.question.title}: {count} of them not compared ({reason})."
    for row in evaluation.rows:
        if row.failure:
            yield f"{row.key} is not compared: {row.failure}"
    memory = f", at most {_megabytes(evaluation.peak_bytes)} MB in a process" if evaluation.peak_bytes else ""
    yield f"{evaluation.seconds:.1f} seconds{memory}."


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation in what JSON knows, without the single forecasts."""
    return {
        "leagues": list(evaluation.leagues),
        "seasons": list(evaluation.seasons),
        "rounds": evaluation.rounds,
        "read": evaluation.read,
        "evaluated": evaluation.evaluated,
        "digest": evaluation.digest,
        "left_out": dict(evaluation.left_out),
        "rows": [_row(row) for row in evaluation.rows],
        "questions": {board.question.key: _board(board) for board in evaluation.boards},
        "seconds": evaluation.seconds,
        "peak_bytes": evaluation.peak_bytes,
    }


def _scores(board: Board, classes: Mapping[str, str]) -> Table:
    table = Table(title=f"{board.question.title}: {board.matches} matches, digest {board.digest[:12]}")
    table.add_column("row", no_wrap=True)
    for name in (
        "class",
        "log loss",
        "RPS",
        "Brier",
        "hits %",
        "slope",
        "error",
        "skill %",
        "gap to closing",
        "to best",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for key, score in board.scores.items():
        table.add_row(
            key,
            classes[key],
            number(score.log_loss, 5),
            number(score.ranked_score, 5),
            number(score.brier_score, 5),
            number(100 * score.hit_rate, 2),
            number(score.calibration.slope, 3) if score.calibration else MISSING,
            number(score.calibration_error, 4),
            number(100 * score.skill_share, 1),
            told_difference(score.from_closing),
            told_difference(score.from_best),
        )
    return table


def _parts(board: Board, part: str) -> Table:
    """Log losses of the rows by league, season or both."""
    parts: Mapping[str, Mapping[str, Score]] = getattr(board, f"by_{part}")
    table = Table(title=f"{board.question.title}: log loss by {part.replace('_', ' and ')}")
    table.add_column(part.replace("_", ", "), no_wrap=True)
    table.add_column("matches", justify="right")
    for key in board.scores:
        table.add_column(key, justify="right")
    for name, found in parts.items():
        matches = str(next(iter(found.values())).matches)
        table.add_row(name, matches, *(number(found[key].log_loss, 4) for key in board.scores))
    return table


def _costs(evaluation: Evaluation) -> Table:
    table = Table(title="Cost and coverage")
    table.add_column("row", no_wrap=True)
    for name in ("version", "fits", "fit s", "predict s", "peak MB", "coverage %", "basis"):
        table.add_column(name, justify="right")
    for row in evaluation.rows:
        cost = row.cost
        table.add_row(
            row.key,
            row.version or MISSING,
            str(cost.fits) if cost else MISSING,
            f"{cost.fit_seconds:.2f}" if cost else MISSING,
            f"{cost.predict_seconds:.2f}" if cost else MISSING,
            _megabytes(cost.peak_bytes) if cost and cost.peak_bytes else MISSING,
            number(100 * max(row.coverage.values()), 2) if row.coverage else "failed",
            ", ".join(f"{basis} {count}" for basis, count in row.basis.items()) or MISSING,
        )
    return table


def _row(row: Row) -> dict[str, Any]:
    cost = row.cost
    return {
        "key": row.key,
        "kind": row.kind.value,
        "odds_use": row.odds_use.value if row.odds_use else None,
        "version": row.version,
        "settings": dict(row.settings),
        "coverage": dict(row.coverage),
        "basis": {basis.value: count for basis, count in row.basis.items()},
        "fits": cost.fits if cost else None,
        "fit_seconds": cost.fit_seconds if cost else None,
        "predict_seconds": cost.predict_seconds if cost else None,
        "peak_bytes": cost.peak_bytes if cost else None,
        "failure": row.failure or None,
    }


def _board(board: Board) -> dict[str, Any]:
    def each(scores: Mapping[str, Score]) -> dict[str, Any]:
        return {key: _score(score) for key, score in scores.items()}

    return {
        "title": board.question.title,
        "matches": board.matches,
        "digest": board.digest,
        "left_out": dict(board.left_out),
        "rows": each(board.scores),
        "by_league": {name: each(found) for name, found in board.by_league.items()},
        "by_season": {name: each(found) for name, found in board.by_season.items()},
        "by_league_season": {name: each(found) for name, found in board.by_league_season.items()},
    }


def _score(score: Score) -> dict[str, Any]:
    line = score.calibration
    return {
        "matches": score.matches,
        "log_loss": finite(score.log_loss),
        "ranked_score": score.ranked_score,
        "brier_score": score.brier_score,
        "hit_rate": score.hit_rate,
        "calibration_slope": line.slope if line else None,
        "calibration_slope_interval": list(line.slope_interval) if line else None,
        "calibration_intercept": line.intercept if line else None,
        "calibration_p_value": finite(line.p_value) if line else None,
        "calibration_error": score.calibration_error,
        "skill_share": finite(score.skill_share),
        "from_climatology": apart(score.from_climatology),
        "from_closing": apart(score.from_closing),
        "from_best": apart(score.from_best),
        "best": score.best or None,
    }


def apart(difference: Difference | None) -> dict[str, Any] | None:
    """A difference in what JSON knows."""
    if difference is None:
        return None
    return {"mean": finite(difference.mean), "error": finite(difference.error), "matches": difference.count}


def finite(value: float) -> float | None:
    """The number, None where it is not finite."""
    return value if math.isfinite(value) else None


def number(value: float, digits: int) -> str:
    """A number of a table."""
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def told_difference(difference: Difference | None) -> str:
    """A difference of a table, with its standard error."""
    if difference is None or math.isnan(difference.mean):
        return MISSING
    error = "" if math.isnan(difference.error) else f" ± {difference.error:.4f}"
    return f"{difference.mean:+.4f}{error}"


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:.0f}"


def _spans(seasons: Sequence[int]) -> str:
    """Seasons by their first and last year where they follow each other."""
    first, last = min(seasons), max(seasons)
    if len(seasons) > 1 and sorted(seasons) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ", ".join(map(str, seasons))


def gap_ratio(board: Board, key: str, other: str) -> float:
    """How much of another row's gap to the closing price a row has; NaN where one of them is not there."""
    gaps = [score.from_closing.mean for score in map(board.scores.get, (key, other)) if score and score.from_closing]
    return gaps[0] / gaps[1] if len(gaps) == 2 and CLOSING in board.scores else math.nan
