"""A plugin's models beside what they have to beat and, where it is known, the truth: one card a market.

    skill = (loss of the base rates - loss) / (loss of the base rates - loss of the best)

On a simulated league the best is the truth, and losses are the expected ones, -sum of P(true) · ln p: what a model
would score if its matches were played for ever. On recorded matches the best is the closing price, and losses are those
of what happened. Every other figure is of what happened, on either.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from touchline.dixon_coles import GoalModel
from touchline.evaluation.dataset import Dataset
from touchline.evaluation.questions import NotAsked, Question, question_of
from touchline.evaluation.report import apart, finite
from touchline.evaluation.run import CLIMATOLOGY, CLOSING, Board, Evaluation, RowKind, Started, evaluate, evaluated_rows
from touchline.evaluation.scores import Score
from touchline.evaluation.truth import truths_of
from touchline.evaluation.winners import Unsettled
from touchline.markets import Market
from touchline.metrics import Difference, log_losses, paired, skill_share
from touchline.types import Floats, Kind, MarketKey, Model

TRUTH: Final = "truth"
DIXON_COLES: Final = "dixon_coles"
_GOALS: Final = (Kind.MATCH_RESULT, Kind.BOTH_TEAMS_TO_SCORE, Kind.TOTAL_GOALS)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a card."""

    key: str
    role: str
    """`truth`, `plugin`, `market` or `baseline`."""
    score: Score
    skill: float
    """NaN where there is no best, or it is no better than the base rates."""
    from_truth: Difference | None
    """Expected log loss above that of the truth; its error is that of the fixtures alone."""
    from_baseline: Difference | None
    """Log loss minus that of the best baseline."""
    seconds: float | None
    """Fitting and forecasting; None for what does neither."""


@dataclass(frozen=True, slots=True)
class Card:
    """One market: its rows, best first."""

    board: Board
    baseline: str
    """Key of the best baseline."""
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """Everything that was found out about a plugin's models."""

    evaluation: Evaluation
    cards: tuple[Card, ...]
    not_asked: tuple[str, ...]
    """Markets that could not be scored, a sentence each."""


def score(
    dataset: Dataset,
    models: Sequence[Model],
    markets: Mapping[str, Market],
    leagues: Sequence[str],
    seasons: Sequence[int],
    *,
    means: Floats | None = None,
    seed: int = 0,
    started: Started = lambda _: lambda: None,
) -> Scored:
    """Walk the models forward beside the baselines, on every market that they promise.

    `markets` are plugins' own, by key; `means` (n, 2) are the true expected goals of the dataset's matches, where they
    are known. Everything runs in this process. Raises ValueError as `evaluate` does, and when no market can be scored.
    """
    rows = evaluated_rows(dataset, leagues, seasons)
    questions, not_asked = _questions(models, markets, dataset)
    told = {} if means is None else truths_of(questions, means[rows], seed)
    for question in questions:
        failure = told.get(question.key)
        if isinstance(failure, Unsettled):
            not_asked.append(f"{question.market} is not scored: {failure}.")
    truths = {key: table for key, table in told.items() if not isinstance(table, Unsettled)}
    questions = [question for question in questions if means is None or question.key in truths]
    if not questions:
        raise ValueError("nothing can be scored: " + " ".join(not_asked))
    evaluation = evaluate(
        dataset,
        [*models, *_dixon_coles(questions)],
        leagues,
        seasons,
        outside={TRUTH: truths} if truths else {},
        questions=questions,
        outcomes={name: len(market.outcomes) for name, market in markets.items()},
        jobs=1,
        seed=seed,
        started=started,
    )
    own = {model.key for model in models}
    cards = tuple(_card(evaluation, board, own) for board in evaluation.boards)
    return Scored(evaluation, cards, tuple(not_asked))


def _questions(
    models: Sequence[Model], markets: Mapping[str, Market], dataset: Dataset
) -> tuple[list[Question], list[str]]:
    """What the models can be asked, each once, and why not the rest."""
    questions: dict[MarketKey, Question] = {}
    not_asked: list[str] = []
    for key in dict.fromkeys(key for model in models for key in model.markets):
        try:
            question = question_of(key, markets.get(key.name))
            question.truth(dataset.history)
        except NotAsked as error:
            not_asked.append(f"{error}.")
        except Unsettled as error:
            not_asked.append(f"{key} is not scored: {error}.")
        else:
            questions[key] = question
    return list(questions.values()), not_asked


def _dixon_coles(questions: Sequence[Question]) -> list[Model]:
    """Our oldest model of goals, for those of the questions that a grid of scores answers."""
    keys = tuple(
        one.market
        for one in questions
        if one.market.kind in _GOALS and one.market.period == "ft" and (one.market.line is None or one.market.line % 1)
    )
    return [GoalModel(DIXON_COLES, keys)] if keys else []


def _card(evaluation: Evaluation, board: Board, own: Collection[str]) -> Card:
    roles = {
        row.key: TRUTH
        if row.key == TRUTH
        else "plugin"
        if row.key in own
        else "market"
        if row.kind is RowKind.MARKET
        else "baseline"
        for row in evaluation.rows
    }
    costs = {row.key: row.cost for row in evaluation.rows}
    losses = {key: log_losses(table, board.outcomes) for key, table in board.forecasts.items()}
    baseline = min((key for key in losses if roles[key] == "baseline"), key=lambda key: float(losses[key].mean()))
    expected = _expected(board)

    def line(key: str, score: Score) -> Line:
        cost = costs[key]
        return Line(
            key=key,
            role=roles[key],
            score=score,
            skill=_skill(expected, key) if expected else _share(board, score),
            from_truth=paired(expected[key], expected[TRUTH]) if expected and key != TRUTH else None,
            from_baseline=paired(losses[key], losses[baseline]) if key != baseline else None,
            seconds=cost.fit_seconds + cost.predict_seconds if cost else None,
        )

    lines = [line(key, score) for key, score in board.scores.items()]
    if expected:
        lines.sort(key=lambda one: float(expected[one.key].mean()))
    return Card(board, baseline, tuple(lines))


def _expected(board: Board) -> dict[str, Floats]:
    """(matches,) expected log losses by row; empty where the truth is not known."""
    if TRUTH not in board.forecasts:
        return {}
    truth = board.forecasts[TRUTH]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = {key: np.where(truth > 0, -truth * np.log(table), 0.0) for key, table in board.forecasts.items()}
    return {key: np.asarray(term.sum(axis=1), dtype=np.float64) for key, term in terms.items()}


def _skill(expected: Mapping[str, Floats], key: str) -> float:
    return skill_share(*(float(expected[one].mean()) for one in (CLIMATOLOGY, key, TRUTH)))


def _share(board: Board, score: Score) -> float:
    return score.skill_share if CLOSING in board.scores else math.nan


def sentences(scored: Scored, own: Collection[str]) -> Iterator[str]:
    """What was found about the plugin's models, with how sure it is, and what was left out."""
    best = "the truth" if any(TRUTH in card.board.scores for card in scored.cards) else "the closing price"
    for card in scored.cards:
        for line in card.lines:
            if line.key in own:
                yield f"{card.board.question.title}: {_sentence(line, card.baseline, best)}"
    yield from scored.not_asked
    for row in scored.evaluation.rows:
        if row.failure:
            yield f"{row.key} is not scored: {row.failure}"


def _sentence(line: Line, baseline: str, best: str) -> str:
    way = "" if math.isnan(line.skill) else f" is {100 * line.skill:.0f} % of the way from the base rates to {best};"
    difference = line.from_baseline
    if difference is None or not math.isfinite(difference.mean) or not math.isfinite(difference.error):
        return f"{line.key}{way} its log loss is {line.score.log_loss:.4f}."
    low, high = difference.interval
    verdict = "better" if high < 0 else "worse" if low > 0 else "too close to tell"
    return f"{line.key}{way} against {baseline} {difference.mean:+.4f} ± {difference.error:.4f}: {verdict}."


def as_json(scored: Scored) -> dict[str, Any]:
    """The cards in what JSON knows, by question; what is not a number is null."""
    return {
        card.board.question.key: {
            "title": card.board.question.title,
            "market": str(card.board.question.market),
            "matches": card.board.matches,
            "best_baseline": card.baseline,
            "rows": [_line(line) for line in card.lines],
        }
        for card in scored.cards
    }


def _line(line: Line) -> dict[str, Any]:
    slope = line.score.calibration
    return {
        "key": line.key,
        "role": line.role,
        "log_loss": finite(line.score.log_loss),
        "ranked_score": line.score.ranked_score,
        "brier_score": line.score.brier_score,
        "calibration_slope": slope.slope if slope else None,
        "calibration_slope_interval": list(slope.slope_interval) if slope else None,
        "calibration_error": line.score.calibration_error,
        "skill": finite(line.skill),
        "from_truth": apart(line.from_truth),
        "from_best_baseline": apart(line.from_baseline),
        "seconds": line.seconds,
    }
