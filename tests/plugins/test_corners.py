"""The corner model: finds clubs of many corners, gives every line of one distribution, keeps the contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.plugins.filter_histories import before, every_pairing_of, full_history, rows_of
from tests.plugins.histories import empty, every_pairing, fixtures, history
from touchline import CORNERS_95, Advancing, Basis, Fixtures, Floats, Forecasts, History, OddsUse
from touchline.forecasting import StoredForecast, corners
from touchline.outputs import check_forecasts, check_state
from touchline_markets.corners import Corners, FittedCorners, models

RNG = np.random.default_rng(0)
MODEL = Corners()


@pytest.fixture(scope="module")
def past() -> History:
    """Two leagues over five seasons. Corners are negative binomial around clubs' own: odd clubs have more of them."""
    past = full_history(leagues=2, seasons=5, clubs=10)
    rng = np.random.default_rng(7)
    lift = np.where(np.arange(len(past.clubs)) % 2 == 1, 0.25, -0.25)
    means = 5.4 * np.exp(lift[past.home]), 4.4 * np.exp(lift[past.away])
    home, away = (rng.negative_binomial(40, 40 / (40 + mean)).astype(np.float64) for mean in means)
    return replace(past, home_corners=home, away_corners=away)


@pytest.fixture(scope="module")
def fitted(past: History) -> FittedCorners:
    return MODEL.fit(past, RNG)


def forecast(past: History, coming: Fixtures) -> Forecasts:
    return check_forecasts(MODEL.fit(past, RNG).predict(coming), (CORNERS_95,), len(coming))


def numbers(forecasts: Forecasts) -> Floats:
    return np.column_stack([forecasts.probabilities[CORNERS_95], *forecasts.parameters.values()])


def test_our_model_says_who_it_is() -> None:
    (model,) = models()
    assert isinstance(model, Corners)
    assert (model.key, model.version, model.markets) == ("touchline.corners", "2", (CORNERS_95,))
    assert model.odds_use is OddsUse.NONE
    assert model.reach.every_league
    assert model.settings["dispersion"] == 70.0


def test_no_match_gives_the_prior() -> None:
    past = empty()
    forecasts = forecast(past, every_pairing(past))
    assert set(forecasts.basis) == {Basis.LEAGUE_PRIOR}
    np.testing.assert_allclose(forecasts.parameters["mean"], 9.8, atol=0.01)
    np.testing.assert_allclose(forecasts.parameters["dispersion"], 70, rtol=1e-6)
    known = stats.nbinom(70, 70 / (70 + forecasts.parameters["mean"][0]))
    np.testing.assert_allclose(forecasts.probabilities[CORNERS_95][:, 0], known.sf(9), atol=1e-8)
    assert (forecasts.parameters["home_mean"] > forecasts.parameters["away_mean"]).all()


def test_what_corners_were_drawn_from_is_found_again(past: History, fitted: FittedCorners) -> None:
    coming = every_pairing_of(past)
    forecasts = check_forecasts(fitted.predict(coming), (CORNERS_95,), len(coming))
    many = coming.home % 2 + coming.away % 2
    means = [forecasts.parameters["mean"][many == count].mean() for count in (0, 2)]
    assert means[0] == pytest.approx(9.8 * np.exp(-0.25), rel=0.08)
    assert means[1] == pytest.approx(9.8 * np.exp(0.25), rel=0.08)
    total = forecasts.parameters["home_mean"] + forecasts.parameters["away_mean"]
    np.testing.assert_array_equal(forecasts.parameters["mean"], total)
    assert 35 < forecasts.parameters["dispersion"][0] < 150


def test_every_line_is_of_the_distribution_that_was_stored(past: History, fitted: FittedCorners) -> None:
    forecasts = fitted.predict(every_pairing_of(past))
    parameters = {name: float(column[3]) for name, column in forecasts.parameters.items()}
    row = forecasts.probabilities[CORNERS_95][3].tolist()
    computed = StoredForecast(forecasts.family, parameters, {})
    stored = StoredForecast(forecasts.family, parameters, {str(CORNERS_95): row})
    for one in (computed, stored):
        line = corners(one, 9.5)
        assert line is not None
        assert (line.over, line.under) == pytest.approx(row, abs=1e-12)
        assert line.expected_total == parameters["mean"]
    known = stats.nbinom(parameters["dispersion"], 1 / (1 + parameters["mean"] / parameters["dispersion"]))
    for at in (7.5, 8.5, 10.5, 11.5):
        line = corners(stored, at)
        assert line is not None
        assert line.over == pytest.approx(known.sf(int(at)), abs=1e-9)


def test_matches_without_corners_are_left_out(past: History) -> None:
    gone = np.arange(len(past)) % 3 == 1
    holes = replace(past, home_corners=np.where(gone, np.nan, past.home_corners))
    noise = replace(holes, home_goals=np.where(gone, 9.0, past.home_goals), away_shots=np.where(gone, 44.0, 7.0))
    other = replace(holes, away_shots=np.where(gone, np.nan, 7.0))
    coming = every_pairing_of(past)
    np.testing.assert_array_equal(numbers(forecast(noise, coming)), numbers(forecast(other, coming)))
    none = np.full(len(past), np.nan)
    without = forecast(replace(past, home_corners=none, away_corners=none), coming)
    assert set(without.basis) == {Basis.LEAGUE_PRIOR}
    np.testing.assert_allclose(without.parameters["mean"], 9.8, atol=0.01)


@pytest.mark.parametrize(
    ("home", "away", "home_corners", "highest"),
    [([0], [1], [7], 10.4), ([0, 0], [1, 2], [7, 3], 10.4), ([0], [1], [25], 14.0)],
    ids=["one match", "a club twice a day", "a flood"],
)
def test_next_to_nothing_stays_near_the_prior(
    home: list[int], away: list[int], home_corners: list[int], highest: float
) -> None:
    zeros = np.zeros(len(home))
    past = history("ABCD", home, away, zeros, zeros, home_corners=home_corners, away_corners=4)
    forecasts = forecast(past, fixtures(past, [0, 2], [1, 3]))
    assert list(forecasts.basis) == [Basis.MODEL_SPARSE, Basis.LEAGUE_PRIOR]
    assert ((forecasts.parameters["mean"] > 9.2) & (forecasts.parameters["mean"] < highest)).all()


def test_corners_alone_are_enough(past: History) -> None:
    """No shots, no cards, and goals that say nothing."""
    bare = history(
        past.clubs, past.home, past.away, np.ones(len(past)), np.ones(len(past)), league=past.league,
        leagues=past.leagues, season=past.season, days_ago=past.days_ago, home_corners=past.home_corners,
        away_corners=past.away_corners,
    )  # fmt: skip
    coming = every_pairing_of(past)
    mean = forecast(replace(bare, as_of=past.as_of), coming).parameters["mean"]
    many = coming.home % 2 + coming.away % 2
    assert mean[many == 2].mean() > mean[many == 0].mean() + 2


def test_advancing_gives_the_bits_of_a_fit(past: History) -> None:
    coming = every_pairing_of(past)
    holes = replace(past, home_corners=np.where(np.arange(len(past)) % 50 == 3, np.nan, past.home_corners))
    begin = int(np.argmax(past.season == past.season.max()))
    here: object = MODEL.fit(rows_of(holes, np.arange(begin - 7)), RNG)
    for end in (begin + 3, begin + 60):
        known = rows_of(holes, np.arange(end))
        assert isinstance(here, Advancing)
        here = here.advance(known, RNG)
        np.testing.assert_array_equal(numbers(here.predict(coming)), numbers(forecast(known, coming)))


def test_nothing_of_the_day_or_later_is_known(past: History) -> None:
    known = before(past, 800)
    later = past.kickoff_seconds() >= known.as_of.timestamp()
    noisy = replace(past, home_corners=past.home_corners + 9 * later, away_shots=past.away_shots + 5 * later)
    coming = every_pairing_of(known)
    np.testing.assert_array_equal(numbers(forecast(known, coming)), numbers(forecast(before(noisy, 800), coming)))


def test_a_restored_model_forecasts_the_same_bits(past: History, fitted: FittedCorners) -> None:
    state = check_state(fitted.state())
    assert sum(array.nbytes for array in state.values()) < 60_000
    coming = every_pairing_of(past)
    again = MODEL.restore(past, state)
    np.testing.assert_array_equal(numbers(fitted.predict(coming)), numbers(again.predict(coming)))
