"""Any line from a stored forecast: pure functions of its family and parameters.

    score_grid          home_mean, away_mean, rho      every goal market (`touchline.grid`)
    negative_binomial   mean, dispersion               total corners at any line (`touchline.counts`)
                        home_mean, away_mean           those of one side, where a model tells them

A market that a model stored is told as it was stored. Another line is computed from the family; for a family that is
not named here, or a line that is no half or whole number, there is no answer (None): nothing is interpolated. Every
question can be put to many forecasts at once, and costs about as much as one.

Two more forecasts follow from a stored one, and are asked the same questions: that of the final score from a state of
play (`from_moment`) and that of half time (`first_half`), both by `touchline.in_play`.

The corners of one side are wider than the total, since the sides take them from each other (correlation -0.26): their
dispersion is `SIDE_DISPERSION`, and the total is never made of two sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np

from touchline.counts import over_push_under
from touchline.grid import ScoreGrid
from touchline.in_play import FIRST_HALF_SHARE, Moment, States, corners_to_come, final_grid
from touchline.types import BTTS, RESULT, Floats, Kind, MarketKey

SCORE_GRID = "score_grid"
NEGATIVE_BINOMIAL = "negative_binomial"

MOST_GOALS = 30
"""Goals per side that can be asked for."""

HIGHEST_LINE = 100.0
"""Lines above this have no answer."""

SIDE_DISPERSION = 14.8
"""Of one side's corners around the means of `touchline.corners`: likeliest on 3,652 matches of the top five leagues,
2017/18 and 2018/19. From 2019/20 to 2023/24 the calibration slopes at 3.5, 4.5 and 5.5 are .96 to .99."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """What a prediction row holds."""

    family: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    probabilities: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By canonical market key, in the market's customary order of outcomes."""
    moment: Moment | None = None
    """State of play that it is told from; None before the match."""


def from_moment(forecast: StoredForecast, moment: Moment) -> StoredForecast:
    """The forecast of the final score from a state of play; at kick-off it is the stored one, to the bit."""
    return forecast if moment.is_kickoff else replace(forecast, probabilities={}, moment=moment)


def first_half(forecast: StoredForecast) -> StoredForecast:
    """The forecast of the half-time score: the same grid with each side's share of goals before half time."""
    if forecast.family != SCORE_GRID:
        return StoredForecast()
    goals = {name: FIRST_HALF_SHARE * forecast.parameters[name] for name in ("home_mean", "away_mean")}
    return StoredForecast(SCORE_GRID, {**goals, "rho": forecast.parameters["rho"]})


class Line(NamedTuple):
    """A total at one line. Expectations are None where only the line itself was stored."""

    over: float
    push: float
    under: float
    expected_total: float | None
    expected_home: float | None
    expected_away: float | None


class Result(NamedTuple):
    """Home win, draw, away win."""

    home: float
    draw: float
    away: float


class BothScore(NamedTuple):
    """Both teams to score."""

    yes: float
    no: float


class Handicap(NamedTuple):
    """Shares of a stake on the home side, and the fair decimal prices of both sides (None where a side cannot win)."""

    won: float
    returned: float
    lost: float
    fair_home: float | None
    fair_away: float | None


class Score(NamedTuple):
    """One score."""

    home: int
    away: int
    probability: float


def result(forecast: StoredForecast) -> Result | None:
    """The match result."""
    return results([forecast])[0]


def results(forecasts: Sequence[StoredForecast]) -> list[Result | None]:
    """The match result of each forecast."""
    stored = [_stored(forecast, RESULT, Result._make) for forecast in forecasts]
    return _filled(stored, forecasts, SCORE_GRID, lambda those: _rows(Result._make, _grid(those).result()))


def both_teams_to_score(forecast: StoredForecast) -> BothScore | None:
    """Both teams to score."""
    return both_teams_to_score_all([forecast])[0]


def both_teams_to_score_all(forecasts: Sequence[StoredForecast]) -> list[BothScore | None]:
    """Both teams to score, of each forecast."""
    stored = [_stored(forecast, BTTS, BothScore._make) for forecast in forecasts]
    return _filled(
        stored, forecasts, SCORE_GRID, lambda those: _rows(BothScore._make, _grid(those).both_teams_to_score())
    )


def total_goals(forecast: StoredForecast, line: float, team: str | None = None) -> Line | None:
    """Goals over, on and under a half or whole line; of one side with `team` "home" or "away"."""
    return total_goals_all([forecast], line, team)[0]


def total_goals_all(forecasts: Sequence[StoredForecast], line: float, team: str | None = None) -> list[Line | None]:
    """Goals over, on and under a line, of each forecast. ValueError for another team."""
    _check_team(team)
    if line < 0 or not _is_line(line):
        return [None] * len(forecasts)
    key = MarketKey(Kind.TOTAL_GOALS, line)
    stored = [_stored_line(forecast, key) if team is None else None for forecast in forecasts]

    def computed(those: Sequence[StoredForecast]) -> list[Line]:
        grid = _grid(those)
        parts = grid.total(line) if team is None else grid.team_total(line, home=team == "home")
        return _lines(parts, grid.home_mean, grid.away_mean)

    return _filled(stored, forecasts, SCORE_GRID, computed)


def corners(forecast: StoredForecast, line: float, team: str | None = None) -> Line | None:
    """Corners over, on and under a half or whole line; of one side with `team` "home" or "away"."""
    return corners_all([forecast], line, team)[0]


def corners_all(forecasts: Sequence[StoredForecast], line: float, team: str | None = None) -> list[Line | None]:
    """Corners over, on and under a line, of each forecast. ValueError for another team.

    None from a state of play without the corners so far, and of one side where the model tells only the total.
    """
    _check_team(team)
    none: list[Line | None] = [None] * len(forecasts)
    if line < 0 or not _is_line(line):
        return none
    key = MarketKey(Kind.TOTAL_CORNERS, line)
    stored = [_stored_line(forecast, key) for forecast in forecasts] if team is None else none
    known = [forecast if _has_corners(forecast, team) else StoredForecast() for forecast in forecasts]
    return _filled(stored, known, NEGATIVE_BINOMIAL, lambda those: _corner_lines(those, line, team))


def _has_corners(forecast: StoredForecast, team: str | None) -> bool:
    is_counted = forecast.moment is None or forecast.moment.home_corners is not None
    return is_counted and (team is None or f"{team}_mean" in forecast.parameters)


def score_grid(forecast: StoredForecast, max_goals: int = 6) -> Floats | None:
    """(max_goals + 1, max_goals + 1) probability of each exact score, home goals first; higher scores are not shown."""
    return score_grids([forecast], max_goals)[0]


def score_grids(forecasts: Sequence[StoredForecast], max_goals: int = 6) -> list[Floats | None]:
    """Exact scores of each forecast. ValueError for more than 30 goals."""
    if not 0 <= max_goals <= MOST_GOALS:
        raise ValueError(f"scores can be told from 0 to {MOST_GOALS} goals")
    cells = max_goals + 1
    none: list[Floats | None] = [None] * len(forecasts)
    return _filled(none, forecasts, SCORE_GRID, lambda those: [*_grid(those, cells + 1).cells[:, :cells, :cells]])


def top_scores(forecast: StoredForecast, count: int = 5) -> list[Score] | None:
    """The likeliest scores, likeliest first."""
    return top_scores_all([forecast], count)[0]


def top_scores_all(forecasts: Sequence[StoredForecast], count: int = 5) -> list[list[Score] | None]:
    """The likeliest scores of each forecast."""

    def computed(those: Sequence[StoredForecast]) -> list[list[Score]]:
        columns = zip(*(column.tolist() for column in _grid(those).top_scores(count)), strict=True)
        return [[Score(*score) for score in zip(*match, strict=True)] for match in columns]

    none: list[list[Score] | None] = [None] * len(forecasts)
    return _filled(none, forecasts, SCORE_GRID, computed)


def asian_handicap(forecast: StoredForecast, line: float) -> Handicap | None:
    """A handicap of `line` goals given to the home side, in quarters."""
    return asian_handicap_all([forecast], line)[0]


def asian_handicap_all(forecasts: Sequence[StoredForecast], line: float) -> list[Handicap | None]:
    """A handicap of `line` goals given to the home side, in quarters, of each forecast."""
    none: list[Handicap | None] = [None] * len(forecasts)
    if not _is_line(line, 4):
        return none
    return _filled(
        none,
        forecasts,
        SCORE_GRID,
        lambda those: [_handicap(*row) for row in _grid(those).asian_handicap(line).tolist()],
    )


def _handicap(won: float, returned: float, lost: float) -> Handicap:
    fair_home = 1 + lost / won if won > 0 else None
    fair_away = 1 + won / lost if lost > 0 else None
    return Handicap(won, returned, lost, fair_home, fair_away)


def _is_line(line: float, per_goal: int = 2) -> bool:
    """Whether it is a multiple of one half (or quarter) that a game can have."""
    return abs(line) <= HIGHEST_LINE and abs(per_goal * line - round(per_goal * line)) < 1e-9


def _filled(
    stored: Sequence[T | None],
    forecasts: Sequence[StoredForecast],
    family: str,
    computed: Callable[[Sequence[StoredForecast]], Sequence[T]],
) -> list[T | None]:
    """What was stored, and for the other forecasts of the family what is computed of all of them at once."""
    answers = list(stored)
    missing = [at for at, answer in enumerate(answers) if answer is None and forecasts[at].family == family]
    if missing:
        for at, answer in zip(missing, computed([forecasts[at] for at in missing]), strict=True):
            answers[at] = answer
    return answers


def _stored(forecast: StoredForecast, key: MarketKey, make: Callable[[Sequence[float]], T]) -> T | None:
    row = forecast.probabilities.get(str(key))
    return None if row is None else make(row)


def _stored_line(forecast: StoredForecast, key: MarketKey) -> Line | None:
    row = forecast.probabilities.get(str(key))
    return None if row is None else Line(row[0], 0.0, row[1], *_expected(forecast))


def _expected(forecast: StoredForecast) -> tuple[float | None, float | None, float | None]:
    """Expected total and that of each side, as far as the forecast has them."""
    home, away = forecast.parameters.get("home_mean"), forecast.parameters.get("away_mean")
    total = forecast.parameters.get("mean")
    if total is None and home is not None and away is not None:
        total = home + away
    return total, home, away


def _lines(parts: Floats, home: Floats, away: Floats) -> list[Line]:
    columns = (*parts.T.tolist(), (home + away).tolist(), home.tolist(), away.tolist())
    return [Line(*row) for row in zip(*columns, strict=True)]


def _corner_lines(forecasts: Sequence[StoredForecast], line: float, team: str | None) -> list[Line]:
    mean = _column(forecasts, "mean" if team is None else f"{team}_mean")
    dispersion = _column(forecasts, "dispersion") if team is None else np.full(len(mean), SIDE_DISPERSION)
    if all(forecast.moment is None for forecast in forecasts):
        parts = over_push_under(mean, dispersion, line).tolist()
        return [Line._make((*row, *_expected(forecast))) for row, forecast in zip(parts, forecasts, strict=True)]
    moments = [forecast.moment or Moment(home_corners=0, away_corners=0) for forecast in forecasts]
    so_far = np.array([_corners_of(moment, team) for moment in moments])
    minute = np.array([moment.minute for moment in moments], dtype=np.float64)
    rest, shape = corners_to_come(mean, dispersion, minute, so_far)
    return [
        Line._make((*_corners_from(*row, line), *_side_alone(row[0] + row[2], team)))
        for row in zip(so_far.tolist(), shape.tolist(), rest.tolist(), strict=True)
    ]


def _corners_of(moment: Moment, team: str | None) -> int:
    home, away = moment.home_corners or 0, moment.away_corners or 0
    return home + away if team is None else home if team == "home" else away


def _corners_from(so_far: int, shape: float, rest: float, line: float) -> Sequence[float]:
    """Over, push, under of the corners so far and those to come."""
    needed = line - so_far
    if needed < 0 or rest == 0:
        return float(needed < 0), float(needed == 0), float(needed > 0)
    parts: list[float] = over_push_under(np.array([rest]), np.array([shape]), needed)[0].tolist()
    return parts


def _side_alone(expected: float, team: str | None) -> tuple[float | None, float | None, float | None]:
    """Expectations of a line of corners from a state of play: a side's is not a part of the total's."""
    return (
        expected if team is None else None,
        expected if team == "home" else None,
        expected if team == "away" else None,
    )


def _rows(make: Callable[[Sequence[float]], T], table: Floats) -> list[T]:
    return [make(row) for row in table.tolist()]


def _check_team(team: str | None) -> None:
    if team not in (None, "home", "away"):
        raise ValueError(f'a team is "home" or "away", not {team!r}')


def _grid(forecasts: Sequence[StoredForecast], smallest: int = 0) -> ScoreGrid:
    means = _column(forecasts, "home_mean"), _column(forecasts, "away_mean")
    grid = ScoreGrid(*means, _column(forecasts, "rho"))
    grid = grid if grid.size >= smallest else ScoreGrid(*means, grid.rho, size=smallest)
    if all(forecast.moment is None for forecast in forecasts):
        return grid
    moments = [forecast.moment or Moment() for forecast in forecasts]
    columns = ([getattr(moment, name) for moment in moments] for name in States._fields)
    return final_grid(grid, States.of(len(grid), *columns))


def _column(forecasts: Sequence[StoredForecast], name: str) -> Floats:
    return np.array([forecast.parameters[name] for forecast in forecasts])
