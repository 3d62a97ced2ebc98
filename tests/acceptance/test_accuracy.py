"""Accuracy on recorded seasons: two leagues and two seasons of what `benchmarks.accuracy` measures in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domain.forecasting.rules import DEFAULT_ORDER
from touchline.evaluation.dataset import Dataset, read_dataset
from touchline.evaluation.leaks import leaks
from touchline.evaluation.rounds import rounds
from touchline.evaluation.run import CLOSING, Board, Evaluation, evaluate
from touchline.plugins import load_plugins

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

INSTALLED = load_plugins().models
DEFAULT = DEFAULT_ORDER[0]
OTHERS = ("touchline.match_result", "touchline.goals", "touchline.both_teams_to_score")
"""Dixon-Coles, a model for each market."""
QUESTIONS = ("result", "over_2.5", "both_teams_to_score")


@pytest.fixture(scope="module")
def dataset(recorded: Path) -> Dataset:
    return read_dataset(recorded / "football-data", seasons=range(2012, 2024))


@pytest.fixture(scope="module")
def found(dataset: Dataset) -> Evaluation:
    return evaluate(dataset, [INSTALLED[key] for key in (DEFAULT, *OTHERS)], ["E0", "D1"], [2022, 2023], jobs=2)


def board_of(found: Evaluation, key: str) -> Board:
    return next(board for board in found.boards if board.question.key == key)


def test_every_match_is_forecast_and_compared(found: Evaluation) -> None:
    assert found.evaluated == 2 * (380 + 306)
    assert [row.failure for row in found.rows if row.failure] == []
    assert {share for row in found.rows if row.key != CLOSING for share in row.coverage.values()} == {1.0}
    assert {board.question.key: board.matches for board in found.boards}["result"] == found.evaluated


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_default_model_is_better_than_everything_but_the_market(found: Evaluation, question: str) -> None:
    board = board_of(found, question)
    losses = {key: score.log_loss for key, score in board.scores.items()}
    print(question, {key: round(loss, 5) for key, loss in losses.items()})
    assert min(losses, key=losses.__getitem__) == CLOSING
    assert min(losses.keys() - {CLOSING}, key=losses.__getitem__) == DEFAULT
    difference = board.scores["climatology"].from_best
    assert difference is not None
    assert difference.interval[0] > 0


def test_the_default_model_is_calibrated(found: Evaluation) -> None:
    line = board_of(found, "result").scores[DEFAULT].calibration
    assert line is not None
    assert line.slope_interval[0] < 1 < line.slope_interval[1]


def test_ratings_and_shares_are_as_good_as_measured_before(found: Evaluation) -> None:
    board = board_of(found, "result")
    ordered = list(board.scores)
    assert ordered.index("touchline.match_result") < ordered.index("climatology")
    assert ordered.index("elo") < ordered.index("climatology")
    assert board.scores[CLOSING].log_loss == pytest.approx(0.94807, abs=1e-4)


@pytest.mark.parametrize("key", sorted(INSTALLED))
def test_no_model_looks_ahead_in_recorded_seasons(key: str, dataset: Dataset) -> None:
    every = [one.instant for one in rounds(dataset, "E0", [2021, 2022, 2023])]
    instants = sorted(np.random.default_rng(20).choice(every, 10, replace=False).tolist())
    assert leaks(lambda _: INSTALLED[key], dataset, "E0", instants) == []
