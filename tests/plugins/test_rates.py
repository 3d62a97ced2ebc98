"""The engine under goals and corners: its derivatives, its statistics, its way to the top."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.plugins.histories import Truth, drawn, season_2011_12
from touchline import Floats, History
from touchline.grid import ScoreGrid
from touchline.rates import FitError, Pairings, Priors, Strengths, Surface, fit_rates, pairings

OFF = Priors(
    level=0.1, home=0.25, strength_precision=1e-6, level_precision=1e-6, home_precision=1e-6, rho_precision=1e-6
)
"""So weak that the fit is maximum likelihood to all published digits."""


def paired(past: History, weight: Floats | None = None, *, low_scores: bool = True) -> Pairings:
    return pairings(
        past.home,
        past.away,
        past.league,
        past.home_goals,
        past.away_goals,
        np.ones(len(past)) if weight is None else weight,
        low_scores=low_scores,
    )


def means(fitted: Strengths, past: History, home: str, away: str) -> tuple[float, float]:
    i, j = past.clubs.index(home), past.clubs.index(away)
    level = fitted.level[0]
    return (
        float(np.exp(level + fitted.home + fitted.attack[i] - fitted.defence[j])),
        float(np.exp(level + fitted.attack[j] - fitted.defence[i])),
    )


@pytest.fixture(scope="module")
def simulated() -> tuple[History, Truth]:
    return drawn(np.random.default_rng(11), clubs=12, rounds=25)


def test_gradient_and_curvature_are_those_of_finite_differences(simulated: tuple[History, Truth]) -> None:
    past, _ = simulated
    weight = np.exp(-0.0018 * past.days_ago)
    surface = Surface(paired(past, weight), 12, 1, Priors(level=0.1, home=0.2, rho=-0.06))
    at = surface.prior_mean + np.random.default_rng(1).normal(0, 0.05, len(surface.prior_mean))
    gradient, bend = surface.derivatives(at)
    for position in range(len(at)):
        step = np.zeros(len(at))
        step[position] = 1e-5
        slope = (surface.log_posterior(at + step) - surface.log_posterior(at - step)) / 2e-5
        assert gradient[position] == pytest.approx(slope, abs=1e-4, rel=1e-6)
        slopes = (surface.derivatives(at + step)[0] - surface.derivatives(at - step)[0]) / 2e-5
        np.testing.assert_allclose(-bend[position], slopes, atol=1e-4, rtol=1e-6)


def test_sufficient_statistics_give_the_likelihood_of_the_matches(simulated: tuple[History, Truth]) -> None:
    past, truth = simulated
    weight = np.exp(-0.0018 * past.days_ago)
    surface = Surface(paired(past, weight), 12, 1, OFF)
    at = np.concatenate([truth.attack, truth.defence, [truth.level, truth.home, -0.05]])
    home = np.exp(truth.level + truth.home + truth.attack[past.home] - truth.defence[past.away])
    away = np.exp(truth.level + truth.attack[past.away] - truth.defence[past.home])
    cells = ScoreGrid(home, away, -0.05, size=30).cells
    seen = cells[np.arange(len(past)), past.home_goals.astype(int), past.away_goals.astype(int)]
    assert surface.log_likelihood(at) == pytest.approx(float(weight @ np.log(seen)), abs=1e-6)
    plain = Surface(paired(past, weight, low_scores=False), 12, 1, OFF).log_likelihood(at)
    direct = stats.poisson.logpmf(past.home_goals, home) + stats.poisson.logpmf(past.away_goals, away)
    assert plain == pytest.approx(float(weight @ direct), abs=1e-6)


def test_parameters_of_drawn_matches_are_found_again(simulated: tuple[History, Truth]) -> None:
    past, truth = simulated
    fitted = fit_rates(paired(past), 12, 1, OFF)
    np.testing.assert_allclose(fitted.attack - fitted.attack.mean(), truth.attack - truth.attack.mean(), atol=0.08)
    np.testing.assert_allclose(fitted.defence - fitted.defence.mean(), truth.defence - truth.defence.mean(), atol=0.08)
    assert fitted.home == pytest.approx(truth.home, abs=0.05)
    assert fitted.rho == pytest.approx(truth.rho, abs=0.04)
    assert fitted.steps < 12


def test_published_fit_of_dixon_and_coles_model(recorded: Path) -> None:
    """goalmodel's README (opisthokonta/goalmodel), Premier League 2011/12; digits recomputed by hand, models.md."""
    past = season_2011_12(recorded)
    fitted = fit_rates(paired(past), 20, 1, OFF)
    assert fitted.log_likelihood == pytest.approx(-1087.3593, abs=1e-3)
    assert fitted.rho == pytest.approx(-0.13365, abs=5e-4)
    assert fitted.home == pytest.approx(0.2728, abs=5e-4)
    city = past.clubs.index("Man City")
    assert fitted.attack[city] - fitted.attack.mean() == pytest.approx(0.56, abs=5e-3)
    assert fitted.defence[city] - fitted.defence.mean() == pytest.approx(0.55, abs=5e-3)


def test_published_fit_of_the_poisson_model(recorded: Path) -> None:
    """Same source; without low scores rho stays where its prior is."""
    past = season_2011_12(recorded)
    fitted = fit_rates(paired(past, low_scores=False), 20, 1, OFF)
    assert fitted.log_likelihood == pytest.approx(-1088.9910, abs=1e-3)
    assert fitted.home == pytest.approx(0.2680093, abs=1e-4)
    assert fitted.rho == 0
    city = past.clubs.index("Man City")
    assert fitted.attack[city] - fitted.attack.mean() == pytest.approx(0.5710, abs=1e-3)
    assert fitted.defence[city] - fitted.defence.mean() == pytest.approx(0.5350, abs=1e-3)


@pytest.mark.parametrize(
    ("home", "away", "goals", "result"),
    [
        ("Arsenal", "Fulham", (2.117914, 1.0257180), (0.6114897, 0.2268230, 0.1616873)),
        ("Man United", "Chelsea", (2.291611, 0.9287833), (0.6685679, 0.2051373, 0.1262948)),
        ("Bolton", "Liverpool", (1.069024, 1.5088061), (0.2522617, 0.2903403, 0.4573981)),
    ],
)
def test_published_forecasts(
    recorded: Path, home: str, away: str, goals: tuple[float, float], result: tuple[float, float, float]
) -> None:
    """Same source; its optimiser stops about 5e-4 short in expected goals."""
    past = season_2011_12(recorded)
    fitted = fit_rates(paired(past), 20, 1, OFF)
    expected = means(fitted, past, home, away)
    assert expected == pytest.approx(goals, abs=2e-3)
    grid = ScoreGrid(np.array([expected[0]]), np.array([expected[1]]), fitted.rho)
    assert grid.result()[0] == pytest.approx(result, abs=2e-3)


def test_a_surface_that_is_no_hill_at_the_start_is_climbed() -> None:
    # Start far away: the low scores make the surface bend upwards there.
    past, _ = drawn(np.random.default_rng(3), clubs=4, rounds=30, rho=-0.2)
    far = Priors(level=1.5, home=-1.0, rho=-0.01, strength_precision=1e-3, level_precision=1e-4, home_precision=1e-4)
    near = Priors(level=0.1, home=0.2, rho=-0.01, strength_precision=1e-3, level_precision=1e-4, home_precision=1e-4)
    fits = [fit_rates(paired(past), 4, 1, priors) for priors in (far, near)]
    assert fits[0].log_likelihood == pytest.approx(fits[1].log_likelihood, abs=1e-2)


def test_counts_must_be_whole_numbers() -> None:
    one = np.array([0])
    for wrong in (1.5, -1.0):
        with pytest.raises(ValueError, match="whole numbers"):
            pairings(one, one + 1, one, np.array([wrong]), np.array([0.0]), np.ones(1))


def test_no_maximum_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    past, _ = drawn(np.random.default_rng(3), clubs=4)
    monkeypatch.setattr("touchline.rates.MAX_STEPS", 1)
    with pytest.raises(FitError, match="no maximum after 1 steps"):
        fit_rates(paired(past), 4, 1, OFF)
