"""The rest of a match: agreement with the forecast before it, with what is published, and with recorded half times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from touchline.calibration import calibration
from touchline.evaluation import Dataset, read_dataset
from touchline.evaluation.walk_forward import walk_forward
from touchline.grid import ScoreGrid
from touchline.in_play import (
    FIRST_HALF_SHARE,
    LAST_MINUTE,
    RED_CARD_OTHER,
    RED_CARD_OWN,
    SECOND_HALF,
    BadMoment,
    Moment,
    States,
    corners_to_come,
    final_grid,
    goals_gone,
    goals_left,
    remaining_rates,
    result_from,
)
from touchline.in_play_fit import LEAGUES, SEASONS, Halves, fit, halves_of
from touchline.types import Floats, Ints
from touchline_markets.goals import models

means = st.floats(0.2, 4.0)
usual = st.floats(0.3, 2.2)
rhos = st.floats(-0.2, 0.05)
scores = st.integers(0, 4)
reds = st.integers(0, 2)


def before(home: float, away: float, rho: float = 0.0) -> ScoreGrid:
    return ScoreGrid(np.array([home]), np.array([away]), rho)


def final(grid: ScoreGrid, minute: float, home: int, away: int, home_red: int = 0, away_red: int = 0) -> ScoreGrid:
    return final_grid(grid, States.of(len(grid), minute, home, away, home_red, away_red))


def clock(*minutes: float) -> Floats:
    return np.array(minutes, dtype=np.float64)


@settings(deadline=None, max_examples=40)
@given(means, means, rhos)
def test_at_kickoff_it_is_the_forecast(home: float, away: float, rho: float) -> None:
    grid = before(home, away, rho)
    now = final(grid, 0, 0, 0)
    np.testing.assert_allclose(now.cells, grid.cells, atol=1e-15)
    assert now.expected_total()[0] == pytest.approx(grid.expected_total()[0], abs=1e-14)
    assert result_from(grid.home_mean, grid.away_mean, rho, 0, 0, 0) == pytest.approx(grid.result(), abs=1e-15)


@settings(deadline=None, max_examples=40)
@given(means, means, rhos, st.integers(0, LAST_MINUTE), scores, scores, reds, reds)
def test_scores_of_any_state_are_a_distribution(
    home: float, away: float, rho: float, minute: int, x: int, y: int, home_red: int, away_red: int
) -> None:
    now = final(before(home, away, rho), minute, x, y, home_red, away_red)
    goals = np.arange(now.size)
    assert now.cells.sum() == pytest.approx(1, abs=1e-12)
    assert (now.cells >= 0).all()
    assert not now.cells[0, :x].any()
    assert not now.cells[0, :, :y].any()
    assert now.home_mean[0] == pytest.approx(now.cells[0].sum(axis=1) @ goals, abs=1e-7)
    assert now.away_mean[0] == pytest.approx(now.cells[0].sum(axis=0) @ goals, abs=1e-7)


@settings(deadline=None, max_examples=40)
@given(means, means, rhos, st.integers(0, LAST_MINUTE - 1), scores, scores)
def test_goals_help_and_red_cards_harm(home: float, away: float, rho: float, minute: int, x: int, y: int) -> None:
    grid = before(home, away, rho)
    now, scored, sent_off = (final(grid, minute, *state).result()[0] for state in ((x, y), (x + 1, y), (x, y, 1, 0)))
    assert scored[0] >= now[0]
    assert scored[2] <= now[2]
    assert sent_off[0] <= now[0]
    assert sent_off[2] >= now[2]
    longer = final(grid, minute + 1 if minute != 90 else minute, x, y)
    assert longer.total(x + y + 0.5)[0, 0] <= final(grid, minute, x, y).total(x + y + 0.5)[0, 0] + 1e-12


@settings(deadline=None, max_examples=40)
@given(usual, usual, st.sampled_from([(1, 0), (2, 0), (2, 1), (3, 1)]))
def test_a_lead_is_worth_more_the_later_it_is(home: float, away: float, score: tuple[int, int]) -> None:
    minutes = np.arange(1, 91)
    n = len(minutes)
    win = result_from(np.full(n, home), np.full(n, away), -0.06, minutes, *score)[:, 0]
    later = np.diff(win)
    assert (later[44:] > 0).all()
    assert (later[:44] > -0.002).all()  # of a favourite, what half time teaches may weigh more than a minute
    assert win[-1] > win[0]


def test_rates_from_half_time_are_those_of_the_regression() -> None:
    home, away = remaining_rates(before(1.5, 1.2), States.of(1, 45, 2, 1, 0, 1))
    own, other = 2 - FIRST_HALF_SHARE * 1.5, 1 - FIRST_HALF_SHARE * 1.2
    s = SECOND_HALF
    leading = np.exp(s.level + s.slope * np.log(1.5) + s.ahead_1 + s.own * own + s.other * other)
    behind = np.exp(s.level + s.slope * np.log(1.2) + s.behind_1 + s.own * other + s.other * own)
    assert home[0] == pytest.approx(leading * RED_CARD_OTHER, rel=1e-12)
    assert away[0] == pytest.approx(behind * RED_CARD_OWN, rel=1e-12)


def test_goals_fall_as_published() -> None:
    gone = goals_gone(clock(0, 15, 30, 45, 60, 75, 90, 91))
    assert gone[[0, 3, 7]] == pytest.approx([0, FIRST_HALF_SHARE, 1], abs=1e-12)
    # Alberti et al. 2013, quarter hours of 3 seasons of four leagues; Cox 2017, added time of 2016/17.
    quarters = np.diff([*gone[:6], 1.0])
    assert np.abs(quarters - np.array([13.7, 15.1, 16.2, 17.7, 17.2, 20.2]) / 100.1).max() < 0.035
    assert 1 - gone[6] == pytest.approx(0.056, abs=0.003)
    assert (np.diff(goals_gone(np.arange(0.0, 91.0))) > 0).all()


def test_extra_time_is_a_third_of_a_match_and_ends() -> None:
    left = goals_left(clock(90, 90.001, 105, 120))
    assert left[1] == pytest.approx(30 / 49.5 * (1 - FIRST_HALF_SHARE), rel=1e-3)
    assert left[2] == pytest.approx(left[1] / 2, rel=1e-3)
    assert left[3] == 0
    assert final(before(1.5, 1.2, -0.06), LAST_MINUTE, 2, 1).result()[0].tolist() == [1, 0, 0]


def test_ten_men_from_the_start_are_as_published() -> None:
    # The Guardian, 27 January 2006: two equal sides of eight Premier League seasons, .36 each, go to .19 and .56.
    even = result_from(clock(1.35), clock(1.35), -0.06, 0, 0, 0)[0]
    ten = result_from(clock(1.35), clock(1.35), -0.06, 0, 0, 0, 1, 0)[0]
    assert even[0] == pytest.approx(0.36, abs=0.005)
    assert (ten[0], ten[2]) == pytest.approx((0.19, 0.56), abs=0.015)


def test_corners_to_come_are_the_posterior_of_gamma_rates() -> None:
    mean, k, minute, so_far = 10.0, 8.0, 60.0, 9
    rest, shape = corners_to_come(clock(mean), clock(k), clock(minute), clock(so_far))
    gone = (60 + 2) / 96.5

    def seen(rate: float) -> float:
        return float(stats.gamma.pdf(rate, k, scale=mean / k) * stats.poisson.pmf(so_far, rate * gone))

    whole = integrate.quad(seen, 0, 60)[0]
    known = stats.nbinom(shape[0], shape[0] / (shape[0] + rest[0]))
    for more in (0, 2, 5):
        joint = integrate.quad(lambda rate: seen(rate) * stats.poisson.pmf(more, rate * (1 - gone)), 0, 60)[0]  # noqa: B023
        assert known.pmf(more) == pytest.approx(joint / whole, rel=1e-6)
    assert corners_to_come(clock(mean), clock(k), clock(0), clock(0))[0][0] == mean
    assert corners_to_come(clock(mean), clock(k), clock(LAST_MINUTE), clock(12))[0][0] == 0


@pytest.mark.parametrize(
    ("state", "field"),
    [
        ({"minute": 121}, "minute"),
        ({"home_goals": -1}, "home_goals"),
        ({"away_red_cards": 5}, "away_red_cards"),
        ({"home_corners": 3}, "away_corners"),
    ],
)
def test_an_impossible_moment_is_named(state: dict[str, int], field: str) -> None:
    with pytest.raises(BadMoment) as raised:
        Moment(**state)
    assert raised.value.field == field


def test_an_impossible_column_is_named() -> None:
    with pytest.raises(BadMoment, match="minute must be between 0 and 120"):
        result_from(clock(1.0, 1.0), clock(1.0, 1.0), 0.0, clock(45, np.nan), 0, 0)
    with pytest.raises(ValueError, match="home_mean"):
        result_from(clock(0.0), clock(1.0), 0.0, 45, 0, 0)


def test_a_fit_finds_the_constants_that_made_the_goals() -> None:
    rng = np.random.default_rng(3)
    n = 30_000
    mean = np.exp(rng.normal([0.35, 0.15], 0.35, (n, 2)))
    first = rng.poisson(FIRST_HALF_SHARE * mean)
    states = States.of(n, 45, first[:, 0], first[:, 1], 0, 0)
    second = rng.poisson(np.column_stack(remaining_rates(ScoreGrid(mean[:, 0], mean[:, 1]), states))).astype(float)
    found = fit(Halves(*mean.T, *first.T.astype(float), *second.T))
    assert found.matches == n
    wanted, got = np.array(SECOND_HALF[:-1]), np.array(found.second_half[:-1])
    assert (np.abs(got - wanted) < 4 * found.errors).all()
    assert abs(found.second_half.draw) < 0.05  # these goals know nothing of each other


def log_loss(probabilities: Floats, outcomes: Ints) -> float:
    return float(-np.log(probabilities[np.arange(len(outcomes)), outcomes]).mean())


def outcome(home: Floats, away: Floats) -> Ints:
    return np.where(home > away, 0, np.where(home == away, 1, 2))


@pytest.fixture(scope="module")
def dataset(recorded: Path) -> Dataset:
    return read_dataset(recorded / "football-data", LEAGUES, range(2010, 2024))


@pytest.fixture(scope="module")
def learnt(dataset: Dataset) -> Halves:
    """2010/11 to 2018/19."""
    return halves_of(dataset.before(first_day(dataset)))


@pytest.fixture(scope="module")
def later(dataset: Dataset) -> Halves:
    """2019/20 to 2023/24."""
    end = int(dataset.history.as_of.timestamp())
    return halves_of(dataset.before(end, since=first_day(dataset)))


def first_day(dataset: Dataset) -> int:
    """Kick-off of the first match of 2019/20."""
    return int(dataset.kickoff[dataset.history.season == 2019].min())


@pytest.mark.acceptance
def test_the_constants_are_those_of_the_recorded_seasons(learnt: Halves, later: Halves) -> None:
    found = fit(learnt)
    assert (found.matches, SEASONS) == (16_393, range(2010, 2019))
    assert found.second_half == pytest.approx(SECOND_HALF, abs=5.1e-5)
    assert found.first_half_share == pytest.approx(FIRST_HALF_SHARE, abs=5.1e-5)
    assert fit(later).first_half_share == pytest.approx(0.4486, abs=1e-3)


@pytest.mark.acceptance
def test_the_result_from_half_time_is_as_good_as_measured(dataset: Dataset) -> None:
    """Means before the match of Dixon-Coles, which knows no price; the target for such models is 0.820."""
    past, (model,) = dataset.history, models()
    walks = [walk_forward(model, dataset, [league], range(2019, 2024)) for league in LEAGUES]
    rows = np.concatenate([walk.rows for walk in walks])
    grids = np.concatenate([np.stack([*walk.grid.values()]) for walk in walks], axis=1)
    half = past.half_time_home_goals[rows], past.half_time_away_goals[rows]
    known = np.isfinite(half[0] + half[1])
    rows, grids, half = rows[known], grids[:, known], (half[0][known], half[1][known])
    outcomes = outcome(past.home_goals[rows], past.away_goals[rows])
    told = result_from(grids[0], grids[1], grids[2], 45, *half)
    assert len(rows) == 8_955
    assert log_loss(told, outcomes) < 0.820
    assert log_loss(ScoreGrid(*grids).result(), outcomes) > 0.98
    train = (past.season < 2019) & np.isfinite(past.half_time_home_goals)
    by_lead = np.clip(past.half_time_home_goals - past.half_time_away_goals, -3, 3)
    ended = outcome(past.home_goals, past.away_goals)
    shares = {lead: 1 + np.bincount(ended[train & (by_lead == lead)], minlength=3) for lead in range(-3, 4)}
    table = np.stack([shares[lead] / shares[lead].sum() for lead in by_lead[rows].astype(int).tolist()])
    assert log_loss(told, outcomes) < log_loss(table, outcomes) - 0.03
    assert 0.93 < calibration(told, outcomes).slope < 1.05


@pytest.mark.acceptance
def test_half_time_forecasts_beat_the_base_rate_and_are_calibrated(learnt: Halves, later: Halves) -> None:
    """Means read from the prices of the match itself, so that the share of the goals is what is tried."""
    half = ScoreGrid(FIRST_HALF_SHARE * later.home_mean, FIRST_HALF_SHARE * later.away_mean, -0.06)
    told = {
        "result": half.result(),
        "over 0.5": half.total(0.5)[:, [0, 2]],
        "over 1.5": half.total(1.5)[:, [0, 2]],
        "both score": half.both_teams_to_score(),
    }
    for name, outcomes in answers(later).items():
        base = np.bincount(answers(learnt)[name], minlength=told[name].shape[1]) / len(learnt)
        loss, fitted = log_loss(told[name], outcomes), calibration(told[name], outcomes)
        gain = log_loss(np.tile(base, (len(later), 1)), outcomes) - loss
        print(f"{name}: log loss {loss:.4f}, base rate less it {gain:.4f}, slope {fitted.slope:.3f}")
        assert gain > 0.005, name
        lowest, highest = fitted.slope_interval
        assert lowest < 1 < highest, name


def answers(halves: Halves) -> dict[str, Ints]:
    """What became of the first halves."""
    home, away = halves.first_home, halves.first_away
    return {
        "result": outcome(home, away),
        "over 0.5": np.where(home + away > 0.5, 0, 1),
        "over 1.5": np.where(home + away > 1.5, 0, 1),
        "both score": np.where((home > 0) & (away > 0), 0, 1),
    }
