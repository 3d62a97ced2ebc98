"""Any line from a stored forecast, one at a time and fifty at once."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from touchline import RESULT
from touchline.calibration import calibration
from touchline.counts import over_push_under
from touchline.evaluation import read_dataset
from touchline.evaluation.walk_forward import instants
from touchline.forecasting import (
    SIDE_DISPERSION,
    StoredForecast,
    asian_handicap,
    asian_handicap_all,
    both_teams_to_score,
    both_teams_to_score_all,
    corners,
    corners_all,
    first_half,
    from_moment,
    result,
    results,
    score_grid,
    score_grids,
    top_scores,
    top_scores_all,
    total_goals,
    total_goals_all,
)
from touchline.grid import ScoreGrid
from touchline.in_play import FIRST_HALF_SHARE, Moment, States, final_grid
from touchline.types import Advancing, Fitted
from touchline_markets.corners import models

GOALS = StoredForecast("score_grid", {"home_mean": 1.6, "away_mean": 1.1, "rho": -0.06})
CORNERS = StoredForecast("negative_binomial", {"mean": 10.1, "dispersion": 70.0, "home_mean": 5.6, "away_mean": 4.5})
FIXED = StoredForecast(probabilities={"match_result::ft": (0.5, 0.3, 0.2), "total_goals:2.5:ft": (0.6, 0.4)})
GRID = ScoreGrid(np.array([1.6]), np.array([1.1]), -0.06)


def fifty() -> list[StoredForecast]:
    rng = np.random.default_rng(0)
    return [
        StoredForecast("score_grid", {"home_mean": home, "away_mean": away, "rho": -0.05})
        for home, away in rng.uniform(0.6, 2.6, (50, 2)).tolist()
    ]


def test_results_are_those_of_the_grid() -> None:
    assert result(GOALS) == pytest.approx(GRID.result()[0], abs=1e-12)
    assert both_teams_to_score(GOALS) == pytest.approx(GRID.both_teams_to_score()[0], abs=1e-12)


def test_any_total_has_its_expectations() -> None:
    line = total_goals(GOALS, 3.0)
    assert line is not None
    assert line[:3] == pytest.approx(GRID.total(3.0)[0], abs=1e-12)
    assert line[3:] == pytest.approx((2.7, 1.6, 1.1))
    side = total_goals(GOALS, 1.5, "away")
    assert side is not None
    assert side.over == pytest.approx(stats.poisson.sf(1, 1.1), abs=1e-9)


def test_corners_at_any_line() -> None:
    line = corners(CORNERS, 11.0)
    assert line is not None
    known = stats.nbinom(70, 70 / 80.1)
    assert line == pytest.approx((known.sf(11), known.pmf(11), known.cdf(10), 10.1, 5.6, 4.5), abs=1e-9)
    bare = corners(StoredForecast("negative_binomial", {"mean": 10.1, "dispersion": 70.0}), 11.0)
    assert bare is not None
    assert (bare.expected_total, bare.expected_home) == (10.1, None)


def test_corners_of_one_side_are_wider() -> None:
    line = corners(CORNERS, 4.5, "away")
    assert line is not None
    known = stats.nbinom(SIDE_DISPERSION, SIDE_DISPERSION / (SIDE_DISPERSION + 4.5))
    assert line == pytest.approx((known.sf(4), 0, known.cdf(4), 10.1, 5.6, 4.5), abs=1e-9)
    assert corners(StoredForecast("negative_binomial", {"mean": 10.1, "dispersion": 70.0}), 4.5, "away") is None
    with pytest.raises(ValueError, match="a team is"):
        corners(CORNERS, 4.5, "both")


def test_a_moment_reprices_what_the_grid_tells() -> None:
    moment = Moment(60, 1, 0, away_red_cards=1)
    known = final_grid(GRID, States.of(1, 60, 1, 0, 0, 1))
    calibrated = StoredForecast(GOALS.family, GOALS.parameters, {str(RESULT): (0.5, 0.3, 0.2)})
    now = from_moment(calibrated, moment)
    assert result(now) == pytest.approx(known.result()[0])
    assert both_teams_to_score(now) == pytest.approx(known.both_teams_to_score()[0])
    line = total_goals(now, 2.5)
    assert line is not None
    assert line == pytest.approx((*known.total(2.5)[0], *line[3:]))
    assert line.expected_home == pytest.approx(known.home_mean[0])
    table = score_grid(now, 20)
    assert table is not None
    assert table.sum() == pytest.approx(1, abs=1e-9)
    assert table[0].sum() == 0
    assert asian_handicap(now, -0.25) is not None
    assert [(score.home, score.away) for score in top_scores(now, 1) or []] == [(1, 0)]
    assert result(from_moment(FIXED, moment)) is None
    many = [from_moment(each, moment) for each in fifty()]
    assert results(many)[7] == pytest.approx(result(many[7]), abs=1e-12)


def test_at_kickoff_a_moment_is_the_forecast_itself() -> None:
    calibrated = StoredForecast(GOALS.family, GOALS.parameters, {str(RESULT): (0.5, 0.3, 0.2)})
    assert from_moment(calibrated, Moment()) is calibrated
    assert from_moment(CORNERS, Moment(home_corners=0, away_corners=0)) is CORNERS


def test_corners_from_a_moment_go_on_from_those_so_far() -> None:
    now = from_moment(CORNERS, Moment(60, home_corners=6, away_corners=2))
    line = corners(now, 9.5)
    assert line is not None
    assert line.expected_total is not None
    assert 8 + 10.1 * 0.3 < line.expected_total < 8 + 10.1 * 0.4
    assert line.over + line.under == pytest.approx(1)
    assert corners(now, 7.5) == (1, 0, 0, line.expected_total, None, None)
    whole = corners(now, 8)
    assert whole is not None
    assert whole.under == 0
    assert 0 < whole.push < 0.1
    home = corners(now, 5.5, "home")
    assert home is not None
    assert (home.over, home.expected_total) == (1, None)
    assert home.expected_home is not None
    assert 6 < home.expected_home < line.expected_total
    assert corners(from_moment(CORNERS, Moment(60)), 9.5) is None
    ended = from_moment(CORNERS, Moment(120, home_corners=6, away_corners=2))
    assert corners(ended, 8) == (0, 1, 0, 8, None, None)


def test_half_time_is_a_forecast_of_its_own() -> None:
    half = first_half(GOALS)
    line = total_goals(half, 0.5)
    assert line is not None
    assert line.expected_total == pytest.approx(FIRST_HALF_SHARE * 2.7)
    known = ScoreGrid(FIRST_HALF_SHARE * GRID.home_mean, FIRST_HALF_SHARE * GRID.away_mean, -0.06)
    assert result(half) == pytest.approx(known.result()[0])
    assert result(first_half(CORNERS)) is None
    assert result(first_half(FIXED)) is None


def test_a_family_answers_only_its_own_questions() -> None:
    assert corners(GOALS, 9.5) is None
    assert result(CORNERS) is None
    assert total_goals(CORNERS, 2.5) is None
    assert asian_handicap(CORNERS, -0.5) is None
    assert score_grid(CORNERS) is None
    assert top_scores(CORNERS) is None


def test_fixed_lines_are_told_and_never_interpolated() -> None:
    assert result(FIXED) == (0.5, 0.3, 0.2)
    assert total_goals(FIXED, 2.5) == (0.6, 0.0, 0.4, None, None, None)
    assert total_goals(FIXED, 3.5) is None
    assert total_goals(FIXED, 2.5, "home") is None
    assert both_teams_to_score(FIXED) is None


def test_what_was_stored_is_told_as_it_was_stored() -> None:
    calibrated = StoredForecast(GOALS.family, GOALS.parameters, {str(RESULT): (0.5, 0.3, 0.2)})
    assert result(calibrated) == (0.5, 0.3, 0.2)
    assert results([GOALS, calibrated, CORNERS, FIXED])[1:] == [(0.5, 0.3, 0.2), None, (0.5, 0.3, 0.2)]


@pytest.mark.parametrize("line", [2.25, -1.0, 1e12, float("nan")])
def test_other_lines_have_no_answer(line: float) -> None:
    assert total_goals(GOALS, line) is None
    assert corners(CORNERS, line) is None


def test_handicaps_have_fair_prices() -> None:
    even = asian_handicap(GOALS, 0.0)
    assert even is not None
    win, draw, loss = GRID.result()[0]
    assert even == pytest.approx((win, draw, loss, 1 + loss / win, 1 + win / loss), abs=1e-12)
    assert asian_handicap(GOALS, -0.25) is not None
    assert asian_handicap(GOALS, -0.1) is None
    certain = asian_handicap(GOALS, 90.0)
    assert certain is not None
    assert (certain.fair_home, certain.fair_away) == (1.0, None)


def test_exact_scores_are_exact() -> None:
    table = score_grid(GOALS, 20)
    assert table is not None
    assert table.shape == (21, 21)
    assert table[20, 0] == pytest.approx(stats.poisson.pmf(20, 1.6) * stats.poisson.pmf(0, 1.1), rel=1e-6)
    best = top_scores(GOALS, 3)
    assert best is not None
    assert [(score.home, score.away) for score in best] == [(1, 1), (1, 0), (2, 1)]
    assert best[0].probability == pytest.approx(table[1, 1], abs=1e-12)


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="30 goals"):
        score_grid(GOALS, 31)
    with pytest.raises(ValueError, match="a team is"):
        total_goals(GOALS, 2.5, "both")


def test_fifty_at_once_are_the_same_as_one_by_one() -> None:
    many = fifty()
    for at, one in enumerate(many):
        assert results(many)[at] == pytest.approx(result(one), abs=1e-12)
        assert total_goals_all(many, 3.5)[at] == pytest.approx(total_goals(one, 3.5), abs=1e-12)
    assert both_teams_to_score_all(many)[7] == pytest.approx(both_teams_to_score(many[7]), abs=1e-12)
    assert asian_handicap_all(many, 0.75)[7] == pytest.approx(asian_handicap(many[7], 0.75), abs=1e-12)
    tables = score_grids(many)[7], score_grid(many[7])
    assert tables[0] is not None
    assert tables[1] is not None
    np.testing.assert_allclose(tables[0], tables[1], atol=1e-12)
    assert [score[:2] for score in top_scores_all(many)[7] or []] == [score[:2] for score in top_scores(many[7]) or []]
    assert corners_all([CORNERS] * 3, 9.5)[1] == corners(CORNERS, 9.5)


def test_nothing_asked_is_nothing_answered() -> None:
    assert results([]) == []
    assert top_scores_all([]) == []


def test_fifty_matches_take_less_than_a_page_may() -> None:
    many = fifty()
    questions = (results, both_teams_to_score_all, lambda those: total_goals_all(those, 3.5), top_scores_all)
    for question in questions:
        question(many)
        best = min(_seconds(question, many) for _ in range(5))
        assert best < 0.02  # 2 ms are usual; a busy machine gets room


def _seconds(question: object, many: list[StoredForecast]) -> float:
    assert callable(question)
    started = time.perf_counter()
    question(many)
    return time.perf_counter() - started


@pytest.mark.acceptance
def test_corners_of_one_side_are_calibrated_on_recorded_matches(recorded: Path) -> None:
    leagues, seasons = ("D1", "E0", "F1", "I1", "SP1"), range(2022, 2024)
    dataset = read_dataset(recorded / "football-data", leagues, range(2014, 2024))
    past, (model,) = dataset.history, models()
    begins = int(dataset.kickoff[0])
    fitted: Fitted = model.fit(dataset.before(begins), np.random.default_rng(0))
    told, counts = [], []
    for instant, rows in instants(dataset, leagues, seasons):
        known, rng = dataset.before(instant, since=begins), np.random.default_rng(0)
        assert isinstance(fitted, Advancing)
        fitted = fitted.advance(known, rng)
        forecasts = fitted.predict(dataset.fixtures(rows, instant))
        told.append(np.stack([forecasts.parameters[name] for name in ("home_mean", "away_mean")]))
        counts.append(np.stack([past.home_corners[rows], past.away_corners[rows]]))
    means, seen = np.hstack(told), np.hstack(counts)
    earlier = [corners[past.season < 2022] for corners in (past.home_corners, past.away_corners)]
    for line in (3.5, 4.5, 5.5):
        over = over_push_under(means.ravel(), np.full(means.size, SIDE_DISPERSION), line)[:, [0, 2]]
        happened = np.where(seen.ravel() > line, 0, 1)
        shares = np.repeat([(side[np.isfinite(side)] > line).mean() for side in earlier], means.shape[1])
        base = np.stack([shares, 1 - shares], axis=1)
        loss, of_base = (-np.log(np.take_along_axis(p, happened[:, None], axis=1)).mean() for p in (over, base))
        slope = calibration(over, happened).slope
        print(f"a side over {line}: log loss {loss:.4f}, of the base rate {of_base:.4f}, slope {slope:.3f}")
        assert loss < of_base - 0.02
        assert 0.88 < slope < 1.12
