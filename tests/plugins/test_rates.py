"""The engine under goals and corners: its derivatives, its statistics, its way to the top."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from tests.plugins.histories import Truth, drawn
from touchline import Floats, History, Ints
from touchline.grid import ScoreGrid
from touchline.pairings import Pairings, pairings
from touchline.rates import FitError, Priors, RunningRates, Strengths, climb, fit_rates, posterior

OFF = Priors(
    level=0.1, home=0.25, strength_precision=1e-6, level_precision=1e-6, home_precision=1e-6, rho_precision=1e-6
)
"""So weak that the fit is maximum likelihood to all published digits."""

CLUBS, LEAGUES = 13, 3


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


def some(past: History, rows: Ints) -> History:
    """The matches of some rows, of what a fit looks at."""
    names = ("home", "away", "league", "days_ago", "home_goals", "away_goals")
    return replace(past, **{name: getattr(past, name)[rows] for name in names})


def parameters(fitted: Strengths) -> Floats:
    return np.concatenate([fitted.attack, fitted.defence, fitted.level, [fitted.home, fitted.rho]])


@pytest.fixture(scope="module")
def simulated() -> tuple[History, Truth]:
    return drawn(np.random.default_rng(11), clubs=12, rounds=25)


@pytest.fixture(scope="module")
def two_leagues(simulated: tuple[History, Truth]) -> tuple[History, Floats]:
    """Clubs 0 to 6 in league 2 and 6 to 11 in league 0, club 6 having moved; nobody in league 1, nothing of club 12."""
    past, _ = simulated
    low, high = (past.home <= 6) & (past.away <= 6), (past.home >= 6) & (past.away >= 6)
    left = some(replace(past, league=np.where(low, 2, 0)), np.flatnonzero(low | high))
    return left, np.exp(-0.0018 * left.days_ago)


def direct(past: History, weight: Floats, at: Floats) -> float:
    """The log-likelihood match by match, as the paper writes it."""
    attack, defence, level = at[:CLUBS], at[CLUBS : 2 * CLUBS], at[2 * CLUBS : -2][past.league]
    home = np.exp(level + at[-2] + attack[past.home] - defence[past.away])
    away = np.exp(level + attack[past.away] - defence[past.home])
    tau = np.ones(len(past))
    for goals, one in {(0, 0): -home * away, (0, 1): home, (1, 0): away, (1, 1): -np.ones(len(past))}.items():
        seen = (past.home_goals == goals[0]) & (past.away_goals == goals[1])
        tau[seen] += at[-1] * one[seen]
    plain = stats.poisson.logpmf(past.home_goals, home) + stats.poisson.logpmf(past.away_goals, away)
    return float(weight @ (plain + np.log(tau)))


@pytest.mark.parametrize("rho", [-0.06, 0.09])
def test_gradient_and_curvature_are_those_of_finite_differences(
    two_leagues: tuple[History, Floats], rho: float
) -> None:
    past, weight = two_leagues
    surface = posterior(paired(past, weight), CLUBS, LEAGUES, Priors(level=0.1, home=0.2, rho=rho))
    at = surface.prior_mean + np.random.default_rng(1).normal(0, 0.05, len(surface.prior_mean))
    gradient, bend = surface.at(at).derivatives()
    for position in range(len(at)):
        step = np.zeros(len(at))
        step[position] = 1e-5
        slope = (surface.at(at + step).height - surface.at(at - step).height) / 2e-5
        assert gradient[position] == pytest.approx(slope, abs=1e-4, rel=1e-6)
        slopes = (surface.at(at + step).derivatives()[0] - surface.at(at - step).derivatives()[0]) / 2e-5
        half = position + 1
        np.testing.assert_allclose(-bend[position, :half], slopes[:half], atol=1e-4, rtol=1e-6)


def test_sufficient_statistics_give_the_likelihood_of_the_matches(
    simulated: tuple[History, Truth], two_leagues: tuple[History, Floats]
) -> None:
    past, truth = simulated
    weight = np.exp(-0.0018 * past.days_ago)
    at = np.concatenate([truth.attack, truth.defence, [truth.level, truth.home, -0.05]])
    home = np.exp(truth.level + truth.home + truth.attack[past.home] - truth.defence[past.away])
    away = np.exp(truth.level + truth.attack[past.away] - truth.defence[past.home])
    cells = ScoreGrid(home, away, -0.05, size=30).cells
    seen = cells[np.arange(len(past)), past.home_goals.astype(int), past.away_goals.astype(int)]
    surface = posterior(paired(past, weight), 12, 1, OFF)
    assert surface.at(at).log_likelihood == pytest.approx(float(weight @ np.log(seen)), abs=1e-6)
    plain = posterior(paired(past, weight, low_scores=False), 12, 1, OFF).at(at).log_likelihood
    poisson = stats.poisson.logpmf(past.home_goals, home) + stats.poisson.logpmf(past.away_goals, away)
    assert plain == pytest.approx(float(weight @ poisson), abs=1e-6)

    past, weight = two_leagues
    surface = posterior(paired(past, weight), CLUBS, LEAGUES, OFF)
    at = np.random.default_rng(2).normal(0, 0.1, len(surface.prior_mean))
    assert surface.at(at).log_likelihood == pytest.approx(direct(past, weight, at), abs=1e-8)


def test_the_maximum_is_that_of_an_independent_optimiser(two_leagues: tuple[History, Floats]) -> None:
    past, weight = two_leagues
    priors = replace(OFF, strength_precision=1.0)
    fitted = fit_rates(paired(past, weight), CLUBS, LEAGUES, priors)
    ours = parameters(fitted)
    surface = posterior(paired(past, weight), CLUBS, LEAGUES, priors)

    def depth(at: Floats) -> float:
        return -direct(past, weight, at) + 0.5 * float(surface.precision @ (at - surface.prior_mean) ** 2)

    found = optimize.minimize(depth, surface.prior_mean, method="L-BFGS-B", options={"maxfun": 10**5, "ftol": 1e-14})
    assert found.fun >= depth(ours) - 1e-9
    assert found.fun == pytest.approx(depth(ours), abs=1e-4)
    assert fitted.log_likelihood == pytest.approx(direct(past, weight, ours), abs=1e-8)
    assert (fitted.home, fitted.rho) == pytest.approx((found.x[-2], found.x[-1]), abs=2e-3)
    seen = np.delete(np.arange(CLUBS), 12)
    np.testing.assert_allclose(fitted.attack[seen], found.x[seen], atol=5e-3)
    assert (fitted.attack[12], fitted.defence[12], fitted.level[1]) == pytest.approx((0, 0, OFF.level), abs=1e-12)


def test_parameters_of_drawn_matches_are_found_again(simulated: tuple[History, Truth]) -> None:
    past, truth = simulated
    fitted = fit_rates(paired(past), 12, 1, OFF)
    np.testing.assert_allclose(fitted.attack - fitted.attack.mean(), truth.attack - truth.attack.mean(), atol=0.08)
    np.testing.assert_allclose(fitted.defence - fitted.defence.mean(), truth.defence - truth.defence.mean(), atol=0.08)
    assert fitted.home == pytest.approx(truth.home, abs=0.05)
    assert fitted.rho == pytest.approx(truth.rho, abs=0.04)
    assert fitted.steps <= 3


def test_where_the_climb_begins_does_not_matter(two_leagues: tuple[History, Floats]) -> None:
    past, weight = two_leagues
    surface = posterior(paired(past, weight), CLUBS, LEAGUES, Priors(level=0.1, home=0.2))
    fitted = parameters(fit_rates(paired(past, weight), CLUBS, LEAGUES, Priors(level=0.1, home=0.2)))
    rng = np.random.default_rng(5)
    for _ in range(5):
        top, _ = climb(surface, surface.prior_mean + rng.normal(0, 0.3, len(fitted)))
        np.testing.assert_allclose(top.parameters, fitted, atol=1e-6)


def test_a_surface_that_is_no_hill_at_the_start_is_climbed() -> None:
    """Few matches and a start far away: there the low scores make the surface bend upwards."""
    rng, hollows = np.random.default_rng(0), 0
    while hollows < 20:
        n = int(rng.integers(1, 12))
        home = rng.integers(0, 3, n)
        goals = rng.choice([0.0, 0.0, 1.0, 1.0, 2.0], (2, n))
        away, league = (home + rng.integers(1, 3, n)) % 3, np.zeros(n, np.int64)
        pairs = pairings(home, away, league, goals[0], goals[1], np.ones(n))
        surface = posterior(pairs, 3, 1, replace(OFF, strength_precision=0.1, rho_precision=1.0))
        start = surface.at(rng.normal(0, 0.7, len(surface.prior_mean)))
        if start.height == -np.inf or np.linalg.eigvalsh(start.derivatives()[1])[0] > -0.01:
            continue
        hollows += 1
        top, _ = climb(surface, start.parameters)
        gradient, bend = top.derivatives()
        assert top.height > start.height
        np.testing.assert_allclose(gradient, 0, atol=1e-5)
        assert np.linalg.eigvalsh(bend)[0] > 0


def test_a_start_at_which_a_score_that_was_seen_is_impossible_is_left() -> None:
    past, _ = drawn(np.random.default_rng(3), clubs=4, rounds=30)
    surface = posterior(paired(past), 4, 1, Priors(level=0.1, home=0.2))
    start = np.append(surface.prior_mean[:-1], 0.95)
    assert surface.at(start).height == -np.inf
    np.testing.assert_allclose(
        climb(surface, start)[0].parameters, climb(surface, surface.prior_mean)[0].parameters, atol=1e-6
    )


def test_a_running_fit_follows_the_fresh_one(two_leagues: tuple[History, Floats]) -> None:
    past, _ = two_leagues
    running = RunningRates(CLUBS, LEAGUES, Priors(level=0.1, home=0.2, rho=-0.06))
    order = np.argsort(past.league, kind="stable")  # the second league, with clubs of its own, comes later
    weight = np.zeros(0)
    for rows in np.array_split(order, 8):
        running.decay(0.97)
        new = some(past, rows)
        running.add(new.home, new.away, new.league, new.home_goals, new.away_goals)
        weight = np.append(weight * 0.97, np.ones(len(rows)))
        pairs = paired(some(past, order[: len(weight)]), weight)
        fresh, followed = fit_rates(pairs, CLUBS, LEAGUES, Priors(level=0.1, home=0.2, rho=-0.06)), running.fit()
        np.testing.assert_allclose(parameters(followed), parameters(fresh), atol=1e-4)
        assert followed.log_likelihood == pytest.approx(fresh.log_likelihood, abs=1e-3)
    assert running.fit().steps == 1


def test_a_running_fit_of_plain_counts_knows_no_rho(simulated: tuple[History, Truth]) -> None:
    past, _ = simulated
    running = RunningRates(12, 1, OFF, low_scores=False)
    running.add(past.home, past.away, past.league, past.home_goals, past.away_goals, np.exp(-0.01 * past.days_ago))
    fresh = fit_rates(paired(past, np.exp(-0.01 * past.days_ago), low_scores=False), 12, 1, OFF)
    assert running.fit().log_likelihood == pytest.approx(fresh.log_likelihood, abs=1e-5)
    assert running.fit().rho == 0


@pytest.mark.parametrize("factor", [0.0, -0.1, 1.01, float("nan")])
def test_other_factors_of_decay_are_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factor of decay"):
        RunningRates(2, 1, OFF).decay(factor)


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
