"""A whole evaluation: every model walked forward, baselines, the market and forecasts from elsewhere beside them.

    evaluation = evaluate(dataset, models, leagues=["E0", "D1"], seasons=range(2019, 2024))
    for table in tables(evaluation): console.print(table)

For each question the rows are compared on the same matches: those that every row has a forecast of. What was left out
is counted with its reason, and the digest of the list says whether two evaluations compared the same matches.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import numpy as np

from touchline.evaluation.baselines import Climatology, Elo, closing_forecasts, result_from_half_time
from touchline.evaluation.dataset import Dataset
from touchline.evaluation.parallel import Answer, Failed, run_tasks, tasks_of
from touchline.evaluation.questions import HALF_TIME, NOT_KNOWN, QUESTIONS, Question
from touchline.evaluation.rounds import rounds
from touchline.evaluation.scores import References, Score, on, scores
from touchline.evaluation.walk_forward import BASES, Walked, instants, peak_bytes
from touchline.settings import settings_of
from touchline.types import RESULT, Basis, Floats, Ints, Model, OddsUse, odds_use_of

CLOSING: Final = "closing"
"""Key of the market's row."""
CLIMATOLOGY: Final = "climatology"
CLIMATOLOGY_SEASONS: Final = 5
"""Seasons before the first evaluated one whose shares are the climatology."""

Started = Callable[[int], Callable[[], None]]
"""Told how many rounds there are to walk; gives what is called after each."""


class RowKind(StrEnum):
    """Where a row comes from."""

    MODEL = "model"
    BASELINE = "baseline"
    MARKET = "market"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a row's walks took."""

    fits: int
    fit_seconds: float
    predict_seconds: float
    peak_bytes: int | None
    """Of the process that needed most, with the matches in it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    key: str
    kind: RowKind
    odds_use: OddsUse | None
    version: str = ""
    settings: Mapping[str, float | str | bool] = field(default_factory=dict)
    coverage: Mapping[str, float] = field(default_factory=dict)
    """By question the share of the evaluated matches that it has a forecast of."""
    basis: Mapping[Basis, int] = field(default_factory=dict)
    """Matches by how their forecast came about."""
    cost: Cost | None = None
    failure: str = ""
    """Why a model is not compared."""


@dataclass(frozen=True, slots=True)
class Board:
    """One question: the rows on the same matches, best first."""

    question: Question
    matches: int
    digest: str
    """SHA-256 of the list of the matches compared."""
    left_out: Mapping[str, int]
    """Evaluated matches that are not compared, by reason."""
    scores: Mapping[str, Score]
    by_league: Mapping[str, Mapping[str, Score]]
    by_season: Mapping[str, Mapping[str, Score]]
    by_league_season: Mapping[str, Mapping[str, Score]]
    forecasts: Mapping[str, Floats]
    """(matches, outcomes) by row, for plots."""
    outcomes: Ints
    """(matches,) what happened."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was found out."""

    leagues: tuple[str, ...]
    seasons: tuple[int, ...]
    rounds: int
    read: int
    """Matches of the dataset."""
    evaluated: int
    """Matches of the leagues and seasons."""
    digest: str
    """SHA-256 of the list of the evaluated matches."""
    left_out: Mapping[str, int]
    """Rows of the files that could not be used, by reason."""
    rows: tuple[Row, ...]
    boards: tuple[Board, ...]
    seconds: float
    peak_bytes: int | None
    """Of the process that needed most."""


def evaluate(
    dataset: Dataset,
    models: Sequence[Model],
    leagues: Sequence[str],
    seasons: Sequence[int],
    *,
    outside: Mapping[str, Mapping[str, Floats]] | None = None,
    questions: Sequence[Question] = QUESTIONS,
    outcomes: Mapping[str, int] | None = None,
    jobs: int | None = None,
    seed: int = 0,
    started: Started = lambda _: lambda: None,
) -> Evaluation:
    """Walk the models and the baselines through the seasons and compare them with the market.

    `outside` are forecasts made elsewhere of `evaluated_rows`, by row and question; `outcomes` says how many outcomes
    plugins' own markets have, by name. Without `jobs` there are as many
    processes as processors; with one, none is started. Raises ValueError for a league or season without a match, and
    for a key that two rows have.
    """
    begun = time.perf_counter()
    rows = evaluated_rows(dataset, leagues, seasons)
    baselines: list[Model] = [climatology_of(leagues, seasons, questions), Elo()]
    _check_keys([*(model.key for model in (*models, *baselines)), CLOSING, *(outside or {})])
    tasks = tasks_of([*models, *baselines], leagues, outcomes)
    tick = started(sum(len(list(instants(dataset, task.leagues, seasons))) for task in tasks))
    answers = run_tasks(tasks, dataset, seasons, seed, jobs or os.cpu_count() or 1, tick)
    sheets = [
        _sheet(
            dataset, model, [a for t, a in zip(tasks, answers, strict=True) if t.model is model], rows, kind, questions
        )
        for chosen, kind in ((models, RowKind.MODEL), (baselines, RowKind.BASELINE))
        for model in chosen
    ]
    sheets.append(_Sheet(Row(CLOSING, RowKind.MARKET, OddsUse.SAME_MATCH), closing_forecasts(dataset, rows)))
    sheets += [_Sheet(Row(key, RowKind.OUTSIDE, None), told) for key, told in (outside or {}).items()]
    peaks = [peak_bytes(), *(answer.peak_bytes for answer in answers if isinstance(answer, Walked))]
    return Evaluation(
        leagues=tuple(leagues),
        seasons=tuple(seasons),
        rounds=sum(len(rounds(dataset, league, seasons)) for league in leagues),
        read=len(dataset),
        evaluated=len(rows),
        digest=dataset.digest_of(rows),
        left_out=dict(Counter(one.reason for one in dataset.left_out if one.is_whole_row).most_common()),
        rows=tuple(sheet.row_with_coverage() for sheet in sheets),
        boards=tuple(board for question in questions if (board := _board(dataset, question, sheets, rows))),
        seconds=time.perf_counter() - begun,
        peak_bytes=max((peak for peak in peaks if peak is not None), default=None),
    )


def evaluated_rows(dataset: Dataset, leagues: Sequence[str], seasons: Sequence[int]) -> Ints:
    """Rows of the dataset that belong to the leagues and seasons, in its order.

    Raises ValueError for a league that is not there and one without a match in the seasons.
    """
    past = dataset.history
    for league in leagues:
        if league not in dataset.leagues:
            raise ValueError(f"no match of the league {league}: there are {', '.join(dataset.leagues) or 'none'}")
    chosen = [dataset.leagues.index(league) for league in leagues]
    rows = np.flatnonzero(np.isin(past.league, chosen) & np.isin(past.season, list(seasons)))
    for league, index in zip(leagues, chosen, strict=True):
        if not (past.league[rows] == index).any():
            raise ValueError(f"no match of {league} in the seasons {', '.join(map(str, seasons))}")
    return rows


def climatology_of(
    leagues: Sequence[str], seasons: Sequence[int], questions: Sequence[Question] = QUESTIONS
) -> Climatology:
    """The shares of the five seasons before the first evaluated one."""
    first = min(seasons)
    asked = tuple(question for question in questions if not question.from_half_time)
    return Climatology(tuple(leagues), tuple(range(first - CLIMATOLOGY_SEASONS, first)), CLIMATOLOGY, questions=asked)


def _check_keys(keys: Sequence[str]) -> None:
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise ValueError(f"two rows are called {twice[0]!r}: give each a name of its own")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A row and what it said."""

    row: Row
    told: Mapping[str, Floats]
    """(evaluated, outcomes) by question; NaN where it said nothing."""

    def row_with_coverage(self) -> Row:
        coverage = {key: float(np.isfinite(table).all(axis=1).mean()) for key, table in self.told.items()}
        return replace(self.row, coverage=coverage)


def _sheet(
    dataset: Dataset,
    model: Model,
    answers: Sequence[Answer],
    rows: Ints,
    kind: RowKind,
    questions: Sequence[Question],
) -> _Sheet:
    """What a model said in all its walks; nothing when one of them failed."""
    failed = [answer.sentence for answer in answers if isinstance(answer, Failed)]
    walks = [answer for answer in answers if isinstance(answer, Walked)]
    if failed:
        failure = "; ".join(failed)
        return _Sheet(Row(model.key, kind, odds_use_of(model), model.version, settings_of(model), failure=failure), {})
    basis = np.bincount(np.concatenate([walk.basis for walk in walks]), minlength=len(BASES)).tolist()
    peaks = [walk.peak_bytes for walk in walks if walk.peak_bytes is not None]
    cost = Cost(
        fits=sum(walk.fits for walk in walks),
        fit_seconds=sum(walk.fit_seconds for walk in walks),
        predict_seconds=sum(walk.predict_seconds for walk in walks),
        peak_bytes=max(peaks, default=None),
    )
    row = Row(
        key=model.key,
        kind=kind,
        odds_use=odds_use_of(model),
        version=model.version,
        settings=settings_of(model),
        basis={one: count for one, count in zip(BASES, basis, strict=True) if count},
        cost=cost,
    )
    return _Sheet(row, dict(_told(dataset, model, walks, rows, questions)))


def _told(
    dataset: Dataset, model: Model, walks: Sequence[Walked], rows: Ints, questions: Sequence[Question]
) -> Iterator[tuple[str, Floats]]:
    """By question the probabilities of the evaluated matches, in their order."""
    place = np.argsort(np.concatenate([walk.rows for walk in walks]))
    for question in questions:
        if not question.from_half_time and question.market in model.markets:
            yield question.key, np.concatenate([walk.probabilities[question.market] for walk in walks])[place]
    if HALF_TIME in questions and RESULT in model.markets and all(walk.grid for walk in walks):
        means = (np.concatenate([walk.grid[name] for walk in walks])[place] for name in walks[0].grid)
        yield HALF_TIME.key, result_from_half_time(dataset.history, rows, *means)


def _board(dataset: Dataset, question: Question, sheets: Sequence[_Sheet], rows: Ints) -> Board | None:
    """The rows that answer a question, on the matches that all of them answer; None when there is none of either.

    The market is left out where it has no closing price of any match.
    """
    told = {sheet.row.key: sheet.told[question.key] for sheet in sheets if question.key in sheet.told}
    told = {key: table for key, table in told.items() if key != CLOSING or np.isfinite(table).any()}
    outcomes = question.truth(dataset.history)[rows]
    is_open = outcomes != NOT_KNOWN
    left_out = Counter({"the source has no number": int((~is_open).sum())})
    for key, table in told.items():
        has = np.isfinite(table).all(axis=1)
        reason = "no closing price that can be used" if key == CLOSING else f"no forecast of {key}"
        left_out[reason] = int((is_open & ~has).sum())
        is_open &= has
    if not any(sheet.row.kind is not RowKind.MARKET and sheet.row.key in told for sheet in sheets) or not is_open.any():
        return None
    chosen = rows[is_open]
    forecasts, happened = on(told, is_open), outcomes[is_open]
    references = References(
        climatology=CLIMATOLOGY,
        closing=CLOSING,
        models=[sheet.row.key for sheet in sheets if sheet.row.kind is RowKind.MODEL],
    )
    overall = scores(forecasts, happened, references)
    best = [key for key in overall if key in references.models]
    leagues = [dataset.leagues[index] for index in dataset.history.league[chosen].tolist()]
    seasons = [str(season) for season in dataset.history.season[chosen].tolist()]

    def parted(names: Sequence[str]) -> dict[str, dict[str, Score]]:
        parts = {name: np.array([one == name for one in names]) for name in sorted(set(names))}
        return {name: scores(on(forecasts, part), happened[part], references, best) for name, part in parts.items()}

    return Board(
        question=question,
        matches=len(chosen),
        digest=dataset.digest_of(chosen),
        left_out={reason: count for reason, count in left_out.items() if count},
        scores=overall,
        by_league=parted(leagues),
        by_season=parted(seasons),
        by_league_season=parted([f"{league} {season}" for league, season in zip(leagues, seasons, strict=True)]),
        forecasts=forecasts,
        outcomes=happened,
    )
