"""Score grids: tau has the paper's orientation, marginals stay Poisson, markets of one grid agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from touchline import BTTS, OVER_25, RESULT, Kind, MarketKey
from touchline.grid import ScoreGrid, limit_rho

means = st.floats(0.05, 6.0)


def one(home: float, away: float, rho: float = 0.0, size: int | None = None) -> ScoreGrid:
    return ScoreGrid(np.array([home]), np.array([away]), rho, size)


def test_tau_has_the_orientation_of_the_paper() -> None:
    home, away, rho = 2.0, 0.8, -0.1
    cells = one(home, away, rho).cells[0]
    plain = np.outer(stats.poisson.pmf(np.arange(3), home), stats.poisson.pmf(np.arange(3), away))
    assert cells[0, 0] / plain[0, 0] == pytest.approx(1 - home * away * rho, abs=1e-9)
    assert cells[0, 1] / plain[0, 1] == pytest.approx(1 + home * rho, abs=1e-9)
    assert cells[1, 0] / plain[1, 0] == pytest.approx(1 + away * rho, abs=1e-9)
    assert cells[1, 1] / plain[1, 1] == pytest.approx(1 - rho, abs=1e-9)
    assert cells[2, 1] / plain[2, 1] == pytest.approx(1, abs=1e-9)


def test_published_home_win_of_the_right_orientation() -> None:
    # models.md, section 6: .6447 is right and .6357 is what penaltyblog 1.13.1 makes of it.
    grid = one(2.0, 0.8, -0.1)
    assert grid.result()[0, 0] == pytest.approx(0.6447, abs=5e-5)
    assert grid.cells[0, 0, 1] == pytest.approx(0.0389, abs=5e-5)


@settings(deadline=None)
@given(means, means, st.floats(-0.3, 0.3))
def test_marginals_are_poisson(home: float, away: float, rho: float) -> None:
    bounded = limit_rho(np.array([home]), np.array([away]), rho)
    grid = ScoreGrid(np.array([home]), np.array([away]), bounded)
    goals = np.arange(grid.size - 1)
    np.testing.assert_allclose(grid.cells[0].sum(axis=1)[:-1], stats.poisson.pmf(goals, home), atol=1e-12)
    np.testing.assert_allclose(grid.cells[0].sum(axis=0)[:-1], stats.poisson.pmf(goals, away), atol=1e-12)
    assert grid.cells[0, -1].sum() < 1.001e-9
    assert (grid.cells >= 0).all()
    assert grid.cells.sum() == pytest.approx(1, abs=1e-12)


@settings(deadline=None)
@given(means, means, st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.5, 9.0]))
def test_totals_of_an_uncorrected_grid_are_poisson(home: float, away: float, line: float) -> None:
    over, push, under = one(home, away).total(line)[0]
    total = stats.poisson(home + away)
    assert over == pytest.approx(total.sf(np.floor(line)), abs=1e-9)
    assert push == pytest.approx(total.pmf(line) if line == int(line) else 0, abs=1e-9)
    assert over + push + under == pytest.approx(1, abs=1e-12)


@settings(deadline=None)
@given(means, means, st.booleans())
def test_team_totals_are_poisson_whatever_rho(home: float, away: float, is_home: bool) -> None:
    grid = ScoreGrid(np.array([home]), np.array([away]), limit_rho(np.array([home]), np.array([away]), -0.1))
    over, push, _ = grid.team_total(1.0, home=is_home)[0]
    goals = stats.poisson(home if is_home else away)
    assert over == pytest.approx(goals.sf(1), abs=1e-9)
    assert push == pytest.approx(goals.pmf(1), abs=1e-9)


@settings(deadline=None)
@given(means, means)
def test_over_falls_with_the_line(home: float, away: float) -> None:
    grid = one(home, away, 0.0)
    overs = [grid.total(line)[0, 0] for line in np.arange(0, 12, 0.5)]
    assert (np.diff(overs) <= 1e-15).all()
    homes = [grid.asian_handicap(line)[0, 0] for line in np.arange(-4, 4.25, 0.25)]
    assert (np.diff(homes) >= -1e-15).all()


@settings(deadline=None)
@given(means, means, st.floats(-0.2, 0.2))
def test_markets_agree_with_each_other(home: float, away: float, rho: float) -> None:
    grid = ScoreGrid(np.array([home]), np.array([away]), limit_rho(np.array([home]), np.array([away]), rho))
    win, draw, loss = grid.result()[0]
    np.testing.assert_allclose(grid.asian_handicap(0.0)[0], [win, draw, loss], atol=1e-12)
    np.testing.assert_allclose(grid.asian_handicap(-0.5)[0], [win, 0, draw + loss], atol=1e-12)
    np.testing.assert_allclose(grid.asian_handicap(-0.25)[0], [win, draw / 2, loss + draw / 2], atol=1e-12)
    named = grid.markets([RESULT, OVER_25, BTTS])
    np.testing.assert_allclose(named[RESULT], grid.result(), atol=1e-12)
    np.testing.assert_allclose(named[OVER_25], grid.total(2.5)[:, [0, 2]], atol=1e-12)
    np.testing.assert_allclose(named[BTTS], grid.both_teams_to_score(), atol=1e-12)
    nobody = grid.cells[0, 0].sum() + grid.cells[0, :, 0].sum() - grid.cells[0, 0, 0]
    assert named[BTTS][0, 1] == pytest.approx(nobody, abs=1e-12)
    for rows in named.values():
        assert abs(rows.sum() - 1) < 1e-12


@settings(deadline=None)
@given(means, means, st.sampled_from([-1.75, -1.25, -0.75, 0.25, 0.75, 1.25]))
def test_a_quarter_line_is_the_mean_of_its_neighbours(home: float, away: float, line: float) -> None:
    grid = one(home, away, 0.0)
    split = (grid.asian_handicap(line - 0.25) + grid.asian_handicap(line + 0.25)) / 2
    np.testing.assert_allclose(grid.asian_handicap(line), split, atol=1e-15)


def test_a_larger_grid_changes_no_market() -> None:
    small, large = one(2.4, 1.1, -0.05), one(2.4, 1.1, -0.05, size=40)
    np.testing.assert_allclose(small.result(), large.result(), atol=1e-13)
    np.testing.assert_allclose(small.total(3.5), large.total(3.5), atol=1e-13)


def test_the_grid_grows_with_its_means() -> None:
    assert one(1.2, 1.0).size == 16
    assert one(6.0, 1.0).size > 16


def test_top_scores_are_sorted_and_told_as_goals() -> None:
    grid = one(1.6, 0.9, -0.05)
    home, away, probability = grid.top_scores(4)
    assert (home[0, 0], away[0, 0]) == (1, 0)
    assert (np.diff(probability[0]) <= 0).all()
    np.testing.assert_allclose(grid.cells[0][home[0], away[0]], probability[0])


def test_expected_total_is_that_of_the_cells() -> None:
    grid = one(1.7, 1.2, -0.1)
    goals = np.arange(grid.size)
    total = (grid.cells[0] * (goals[:, None] + goals)).sum()
    assert grid.expected_total()[0] == pytest.approx(total, abs=1e-8)


def test_events_are_sums_of_cells() -> None:
    rng = np.random.default_rng(1)
    home, away = rng.uniform(0.3, 4, 50), rng.uniform(0.3, 4, 50)
    grid = ScoreGrid(home, away, -0.08)
    scores = rng.uniform(0, 1, (grid.size, grid.size, 5))
    known = ScoreGrid.of_cells(grid.cells, home, away, grid.rho)
    np.testing.assert_allclose(grid.mass(scores), known.mass(scores), atol=1e-14)
    np.testing.assert_allclose(grid.mass(scores), np.einsum("nij,ijk->nk", grid.cells, scores), atol=1e-14)
    np.testing.assert_allclose(grid.mass(scores[:, :, 0]), grid.mass(scores)[:, :1], atol=1e-15)


def test_the_cells_that_were_seen_change_no_bit_of_a_market() -> None:
    seen, unseen = one(1.7, 1.2, -0.1), one(1.7, 1.2, -0.1)
    assert seen.cells.sum() == pytest.approx(1)
    assert seen.result().tobytes() == unseen.result().tobytes()


def test_no_matches_give_empty_tables() -> None:
    grid = ScoreGrid(np.array([]), np.array([]))
    assert grid.result().shape == (0, 3)
    assert grid.markets([RESULT])[RESULT].shape == (0, 3)


@pytest.mark.parametrize("line", [2.25, 0.1, float("nan"), float("inf")])
def test_totals_refuse_other_lines(line: float) -> None:
    with pytest.raises(ValueError, match="multiple of 1/2"):
        one(1.0, 1.0).total(line)


@pytest.mark.parametrize(
    "key",
    [MarketKey(Kind.TOTAL_GOALS, 2.0), MarketKey(Kind.TOTAL_CORNERS, 9.5), MarketKey(Kind.MATCH_RESULT, None, "ht")],
)
def test_markets_that_are_not_of_the_grid_are_refused(key: MarketKey) -> None:
    with pytest.raises(ValueError, match="has no"):
        one(1.0, 1.0).markets([key])


def test_a_grid_of_two_cells_a_side_is_refused() -> None:
    with pytest.raises(ValueError, match="three cells"):
        one(1.0, 1.0, size=2)


@pytest.mark.parametrize(
    ("home", "away", "rho"), [(0.0, 1.0, 0.0), (np.nan, 1.0, 0.0), (50.0, 1.0, 0.0), (8.0, 1.0, -0.2)]
)
def test_impossible_parameters_are_refused(home: float, away: float, rho: float) -> None:
    with pytest.raises(ValueError):
        one(home, away, rho)
