"""The goal stack: no price in it, the contract on every odd history, the same bits however it was arrived at."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from tests.plugins.filter_histories import (
    as_fixtures,
    before,
    every_pairing_of,
    full_history,
    rows_of,
    with_expected_goals,
)
from tests.plugins.histories import empty, every_pairing, fixtures, history
from touchline import BTTS, OVER_25, RESULT, Advancing, Basis, Fixtures, Floats, Forecasts, History, OddsUse, Rated
from touchline.filters.heads import design
from touchline.filters.stacks import fit_stack
from touchline.grid import ScoreGrid
from touchline.outputs import check_forecasts, check_state
from touchline_markets.goal_stack import FittedGoalStack, GoalStack, GoalStackSettings, models

RNG = np.random.default_rng(0)
MODEL = GoalStack()


@pytest.fixture(scope="module")
def past() -> History:
    """Two leagues over five seasons: the weights are learned on three of them."""
    return full_history(leagues=2, seasons=5, clubs=10)


@pytest.fixture(scope="module")
def fitted(past: History) -> FittedGoalStack:
    return MODEL.fit(past, RNG)


def forecast(past: History, coming: Fixtures) -> Forecasts:
    return check_forecasts(MODEL.fit(past, RNG).predict(coming), MODEL.markets, len(coming))


def numbers(forecasts: Forecasts) -> Floats:
    return np.column_stack([*forecasts.probabilities.values(), *forecasts.parameters.values()])


def test_our_model_says_who_it_is() -> None:
    (model,) = models()
    assert isinstance(model, GoalStack)
    assert (model.key, model.version, model.odds_use) == ("touchline.goal_stack", "1", OddsUse.NONE)
    assert {RESULT, OVER_25, BTTS} <= set(model.markets)
    assert model.reach.every_league
    other = replace(model, chosen=replace(GoalStackSettings(), rho=-0.05))
    assert model.settings["recipe"] != other.settings["recipe"]


def test_all_markets_are_of_one_grid(past: History, fitted: FittedGoalStack) -> None:
    forecasts = fitted.predict(every_pairing_of(past))
    parameters = forecasts.parameters
    grid = ScoreGrid(parameters["home_mean"], parameters["away_mean"], parameters["rho"])
    for key, rows in grid.markets(MODEL.markets).items():
        np.testing.assert_allclose(forecasts.probabilities[key], rows, atol=1e-12)
    assert -0.2 < parameters["rho"][0] < 0.1


def test_the_weights_are_those_of_statsmodels(past: History) -> None:
    """Without a prior: the training matches are those of settled leagues before the latest season, newest heaviest."""
    settings = replace(GoalStackSettings().stack, total_precision=0.0, supremacy_precision=0.0, has_calendar=False)
    chosen = replace(GoalStackSettings(), members=GoalStackSettings().members[:3], stack=settings)
    chosen = replace(chosen, stack=replace(settings, start=(("mix", 1.0),)))
    goals = np.stack([past.home_goals, past.away_goals], axis=1)
    stacked = fit_stack(past, chosen.watch, goals, chosen.stack, chosen.tail)
    assert stacked.trace is not None
    filtered = tuple(stacked.trace.filtered.values())
    supremacy, total = (one[:, :4] / 2 for one in design(np.stack([f.log_means for f in filtered]), filtered[0].series))
    first, latest = past.season.min(), past.season.max()
    rows = (past.season > first) & (past.season < latest)
    weight = 0.5 ** ((latest - 1 - past.season[rows]) / settings.half_life)
    known = GLM(
        goals[rows].T.ravel(),
        np.block([[supremacy[rows], total[rows]], [-supremacy[rows], total[rows]]]),
        family=Poisson(),
        freq_weights=np.tile(weight, 2),
    ).fit(tol=1e-12)
    # The intercepts have a prior that is as good as none.
    np.testing.assert_allclose(stacked.head.supremacy[:4], known.params[:4], atol=1e-4)
    np.testing.assert_allclose(stacked.head.total[:4], known.params[4:], atol=1e-4)


def test_prices_change_no_bit(past: History, fitted: FittedGoalStack) -> None:
    none = np.full((len(past), 3), np.nan)
    blind = replace(past, closing_result=none, closing_total=none[:, :2])
    coming = every_pairing_of(past)
    np.testing.assert_array_equal(numbers(fitted.predict(coming)), numbers(forecast(blind, coming)))


def test_expected_goals_join_where_they_are_known(past: History, fitted: FittedGoalStack) -> None:
    coming = every_pairing_of(past)
    with_xg = MODEL.fit(with_expected_goals(past), RNG)
    assert len(with_xg.stacked.strengths) == len(fitted.stacked.strengths) + 4
    assert not np.array_equal(numbers(with_xg.predict(coming)), numbers(fitted.predict(coming)))


def test_advancing_gives_the_bits_of_a_fit(past: History) -> None:
    coming = every_pairing_of(past)
    begin = int(np.argmax(past.season == past.season.max()))
    here: object = MODEL.fit(rows_of(past, np.arange(begin - 7)), RNG)
    # Within a season, into the middle of a day, and into the next season, when the weights learn from one season more.
    for end in (begin - 4, begin + 3, begin + 60):
        known = rows_of(past, np.arange(end))
        assert isinstance(here, Advancing)
        here = here.advance(known, RNG)
        again = MODEL.fit(known, RNG)
        np.testing.assert_array_equal(numbers(here.predict(coming)), numbers(again.predict(coming)))


def test_advancing_to_a_corrected_history_fits_anew(past: History) -> None:
    early = MODEL.fit(rows_of(past, np.arange(700)), RNG)
    corrected = replace(past, home_goals=np.where(np.arange(len(past)) == 600, 7.0, past.home_goals))
    coming = every_pairing_of(past)
    np.testing.assert_array_equal(
        numbers(early.advance(corrected, RNG).predict(coming)), numbers(forecast(corrected, coming))
    )


@pytest.mark.parametrize("match", [150, 800])
def test_nothing_of_the_day_or_later_is_known(past: History, match: int) -> None:
    known = before(past, match)
    later = past.kickoff_seconds() >= known.as_of.timestamp()
    names = ("home_goals", "away_goals", "home_shots", "away_shots_on_target", "home_corners", "home_red_cards")
    noise: dict[str, Any] = {name: getattr(past, name) + later * RNG.integers(1, 9, len(past)) for name in names}
    day = past.kickoff_seconds() // 86_400
    coming = as_fixtures(past, np.flatnonzero(day == day[match]), known.as_of)
    noisy = before(replace(past, **noise), match)
    np.testing.assert_array_equal(numbers(forecast(known, coming)), numbers(forecast(noisy, coming)))


RESTORE = """
import pickle, sys
import numpy as np
from touchline_markets.goal_stack import GoalStack
with open(sys.argv[1], "rb") as file:
    past, state, coming = pickle.load(file)
np.save(sys.argv[2], np.column_stack([*GoalStack().restore(past, state).predict(coming).parameters.values()]))
"""


def test_a_state_is_small_and_forecasts_the_same_bits_in_another_process(
    past: History, fitted: FittedGoalStack, tmp_path: Path
) -> None:
    state, coming = check_state(fitted.state()), every_pairing_of(past)
    assert sum(array.nbytes for array in state.values()) < 60_000
    saved, told = tmp_path / "saved", tmp_path / "told.npy"
    saved.write_bytes(pickle.dumps((rows_of(past, np.arange(0)), state, coming)))
    subprocess.run([sys.executable, "-c", RESTORE, saved, told], check=True)
    parameters = fitted.predict(coming).parameters.values()
    np.testing.assert_array_equal(np.load(told), np.column_stack([*parameters]))


def test_a_forecast_is_the_same_alone_and_among_others(past: History, fitted: FittedGoalStack) -> None:
    coming = every_pairing_of(past)
    columns: dict[str, Any] = {
        name: getattr(coming, name)[[5]] for name in ("home", "away", "league", "season", "days_ahead")
    }
    alone, together = fitted.predict(replace(coming, **columns)), fitted.predict(coming)
    for name, column in alone.parameters.items():
        assert column[0] == together.parameters[name][5]


def test_no_match_gives_the_prior() -> None:
    past = empty()
    forecasts = forecast(past, every_pairing(past))
    assert set(forecasts.basis) == {Basis.LEAGUE_PRIOR}
    assert forecasts.parameters["rho"][0] == pytest.approx(-0.06)
    home, draw, away = forecasts.probabilities[RESULT][0].tolist()
    assert 0.4 < home < 0.55
    assert away < home
    assert draw > 0.2


@pytest.mark.parametrize(
    ("home", "away", "home_goals", "away_goals", "farthest"),
    [
        ([0], [1], [2], [0], 0.15),
        ([0, 2], [1, 3], [2, 1], [0, 1], 0.15),
        ([0, 0, 2], [1, 2, 3], [2, 1, 0], [0, 1, 0], 0.15),
        ([0], [1], [14], [0], 0.35),
    ],
    ids=["one match", "a first round", "a club twice a day", "a rout"],
)
def test_next_to_nothing_stays_near_the_prior(
    home: list[int], away: list[int], home_goals: list[int], away_goals: list[int], farthest: float
) -> None:
    past = history("ABCD", home, away, home_goals, away_goals)
    forecasts = forecast(past, every_pairing(past))
    assert set(forecasts.basis) <= {Basis.LEAGUE_PRIOR, Basis.MODEL_SPARSE}
    assert (np.abs(forecasts.probabilities[RESULT][:, 0] - 0.45) < farthest).all()


def test_clubs_and_leagues_that_are_new_are_forecast_and_labelled(past: History, fitted: FittedGoalStack) -> None:
    known, league = int(past.home[-1]), int(past.league[-1])
    coming = Fixtures(
        clubs=(*past.clubs, "Never seen", "Nor this one"),
        leagues=(*past.leagues, "Another league"),
        home=np.array([len(past.clubs), known, len(past.clubs)]),
        away=np.array([known, len(past.clubs), len(past.clubs) + 1]),
        league=np.array([league, league, len(past.leagues)]),
        season=np.full(3, past.season.max() + 1),
        days_ahead=np.full(3, 60.0),
    )
    forecasts = check_forecasts(fitted.predict(coming), MODEL.markets, 3)
    assert list(forecasts.basis) == [Basis.LEAGUE_PRIOR] * 3
    assert ((forecasts.probabilities[RESULT][:, 0] > 0.15) & (forecasts.probabilities[RESULT][:, 0] < 0.8)).all()


def test_goals_alone_are_enough(past: History, fitted: FittedGoalStack) -> None:
    bare = history(
        past.clubs, past.home, past.away, past.home_goals, past.away_goals, league=past.league, leagues=past.leagues,
        season=past.season, days_ago=past.days_ago,
    )  # fmt: skip
    coming = every_pairing_of(past)
    bare = replace(bare, as_of=past.as_of)
    without, told = (one.probabilities[RESULT][:, 0] for one in (forecast(bare, coming), fitted.predict(coming)))
    assert np.corrcoef(without, told)[0, 1] > 0.8


def test_a_match_without_a_score_teaches_nothing(past: History) -> None:
    gone = np.arange(len(past)) % 40 == 7
    names = [f"{side}_{what}" for side in ("home", "away") for what in ("goals", "shots", "shots_on_target", "corners")]
    holes: dict[str, Any] = {name: np.where(gone, np.nan, getattr(past, name)) for name in names}
    assert np.isfinite(numbers(forecast(replace(past, **holes), every_pairing_of(past)))).all()


def test_a_club_that_never_scored() -> None:
    home, away = np.divmod(np.arange(36), 6)
    home, away = home[home != away], away[home != away]
    past = history(
        "ABCDEF", home, away, np.where(home == 0, 0, 2), np.where(away == 0, 0, 1),
        days_ago=np.arange(len(home), 0, -1.0) * 4,
    )  # fmt: skip
    forecasts = forecast(past, fixtures(past, [0, 1], [1, 0]))
    without, other = forecasts.parameters["home_mean"]
    assert 0.02 < without < 0.8 * other
    assert set(forecasts.basis) == {Basis.MODEL}


def test_ratings_give_the_means_back(past: History, fitted: FittedGoalStack) -> None:
    """Differences of log means between opponents are those of the ratings, on one day of fixtures."""
    assert isinstance(fitted, Rated)
    here = (past.league == 0) & (past.season == past.season.max())
    clubs = np.unique(past.home[here])
    ratings = fitted.ratings([*(past.clubs[club] for club in clubs), "Never seen"])
    assert np.isnan([ratings["attack"][-1], ratings["defence"][-1]]).all()
    place = {int(club): at for at, club in enumerate(clubs)}
    coming = every_pairing_of(past)
    rows = np.flatnonzero((coming.league == 0) & (coming.home == clubs[0]))
    log_home = np.log(fitted.predict(coming).parameters["home_mean"][rows])
    defence = ratings["defence"][[place[int(club)] for club in coming.away[rows]]]
    assert np.corrcoef(log_home, -defence)[0, 1] > 0.97
    assert ratings["attack"][:-1].std() > 0.05
