"""The stacks on recorded seasons: 2019/20 to 2023/24 of the five top leagues, walked forward by rounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from touchline import CORNERS_95, RESULT
from touchline.calibration import calibration
from touchline.evaluation.dataset import Dataset, Quote, read_dataset
from touchline.evaluation.questions import CORNERS
from touchline.evaluation.walk_forward import walk_forward
from touchline.margin import remove_margin
from touchline.metrics import log_losses
from touchline_markets.corners import Corners
from touchline_markets.goal_stack import GoalStack

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

LEAGUES = ("E0", "D1", "I1", "SP1", "F1")
SEASONS = range(2019, 2024)
PENALTYBLOG = 0.02432
"""Gap in log loss to the closing price of penaltyblog 1.13.1's Dixon-Coles on the same seasons."""


@pytest.fixture(scope="module")
def dataset(recorded: Path) -> Dataset:
    return read_dataset(recorded / "football-data", leagues=LEAGUES, seasons=range(2005, 2024))


def test_goals_without_prices(dataset: Dataset) -> None:
    walked = walk_forward(GoalStack(), dataset, LEAGUES, SEASONS)
    past, rows = dataset.history, walked.rows
    closing = remove_margin(past.closing_result[rows]).probabilities
    both = dataset.result_quote[rows] == Quote.PINNACLE_CLOSING
    both &= (dataset.total_quote[rows] == Quote.PINNACLE_CLOSING) & np.isfinite(closing).all(axis=1)
    outcome = 1 - np.sign(past.home_goals[rows] - past.away_goals[rows]).astype(np.int64)
    told = walked.probabilities[RESULT]
    gap = (log_losses(told[both], outcome[both]) - log_losses(closing[both], outcome[both])).mean()
    line = calibration(told, outcome)
    print(f"ratio {gap / PENALTYBLOG:.3f} on {both.sum()}, slope {line.slope:.3f}, {walked.fit_seconds:.0f} s")
    assert gap / PENALTYBLOG <= 0.46
    assert 0.96 <= line.slope <= 1.05


def test_corners(dataset: Dataset) -> None:
    walked = walk_forward(Corners(), dataset, LEAGUES, SEASONS)
    outcome = CORNERS.truth(dataset.history)[walked.rows]
    known = outcome >= 0
    loss = log_losses(walked.probabilities[CORNERS_95][known], outcome[known]).mean()
    print(f"log loss {loss:.5f} on {known.sum()}, {walked.fit_seconds:.0f} s")
    assert loss <= 0.6845
