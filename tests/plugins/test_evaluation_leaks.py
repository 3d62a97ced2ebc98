"""No installed model looks ahead, and the same check finds models that were made to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.plugins.evaluation_models import Behind, Prophet, SameDay, Shares
from tests.plugins.seasons import drawn_league
from touchline.evaluation.baselines import Elo
from touchline.evaluation.dataset import Dataset, read_dataset
from touchline.evaluation.leaks import leaks, with_noise
from touchline.evaluation.rounds import rounds
from touchline.evaluation.run import climatology_of
from touchline.plugins import load_plugins
from touchline.types import Model

INSTALLED = load_plugins().models


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("leagues")
    drawn_league(folder, [2020, 2021, 2022], clubs=6, division="E0")
    drawn_league(folder, [2020, 2021, 2022], clubs=6, division="E1", seed=2)
    return read_dataset(folder)


@pytest.fixture(scope="module")
def instants(dataset: Dataset) -> list[int]:
    """Ten random rounds."""
    every = [one.instant for one in rounds(dataset, "E0", [2021, 2022])]
    return sorted(np.random.default_rng(11).choice(every, 10, replace=False).tolist())


@pytest.mark.parametrize("key", sorted(INSTALLED))
def test_no_installed_model_looks_ahead(key: str, dataset: Dataset, instants: list[int]) -> None:
    assert leaks(lambda _: INSTALLED[key], dataset, "E0", instants) == []


def test_no_baseline_looks_ahead(dataset: Dataset, instants: list[int]) -> None:
    assert leaks(lambda _: Elo(), dataset, "E0", instants) == []
    assert leaks(lambda _: climatology_of(["E0"], [2021]), dataset, "E0", instants) == []


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda world: Prophet(world=world), {"match_result::ft"}),
        (lambda _: Behind(), {"match_result::ft"}),
        (lambda _: SameDay(), {"basis"}),
    ],
    ids=["keeps the matches", "reads behind its array", "lets its basis tell"],
)
def test_a_model_made_to_leak_is_found(
    make: Callable[[Dataset], Model], what: set[str], dataset: Dataset, instants: list[int]
) -> None:
    found = leaks(make, dataset, "E0", instants)
    assert {one.what for one in found} == what
    fixtures = {one.instant: len(one.rows) for one in rounds(dataset, "E0")}
    assert all(one.fixtures == fixtures[one.instant] for one in found)
    if what != {"basis"}:
        assert [one.instant for one in found] == instants


def test_noise_is_everywhere_from_the_instant_on_and_nowhere_before(dataset: Dataset, instants: list[int]) -> None:
    instant = instants[4]
    world = with_noise(dataset, instant, np.random.default_rng(1))
    later = dataset.kickoff >= instant
    for name in ("home_goals", "away_corners", "away_fouls", "home_yellow_cards", "home_xg", "closing_result"):
        one, other = getattr(dataset.history, name), getattr(world.history, name)
        assert np.array_equal(one[~later], other[~later], equal_nan=True)
        assert (one[later] != other[later]).mean() > 0.8
    for name in ("home", "away", "league", "season"):
        assert np.array_equal(getattr(dataset.history, name), getattr(world.history, name))
    assert np.array_equal(dataset.kickoff, world.kickoff)


def test_an_instant_without_a_round_is_refused(dataset: Dataset, instants: list[int]) -> None:
    with pytest.raises(ValueError, match="no round of E0 begins at 5"):
        leaks(lambda _: Shares(), dataset, "E0", [5])
