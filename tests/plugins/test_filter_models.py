"""The models on the filters: the contract on every odd history, no look ahead, and what they say of themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.plugins.filter_histories import (
    as_fixtures,
    before,
    every_pairing_of,
    full_history,
    rows_of,
    with_expected_goals,
)
from tests.plugins.histories import empty, every_pairing, fixtures, history
from touchline import (
    RESULT,
    Advancing,
    Basis,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Ints,
    Model,
    OddsUse,
    Rated,
    odds_use_of,
    reach_of,
)
from touchline.filters.cross_league import MARKETS, FittedFilters, fit_filters
from touchline.outputs import check_forecasts, check_state
from touchline_markets import market_memory, state_space, supremacy

MODULES = (state_space, supremacy, market_memory)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def past() -> History:
    """Two leagues over three seasons: more than 500 matches with prices, so that the heads are trained on them."""
    return with_expected_goals(full_history(leagues=2, seasons=5, clubs=10))


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def model(request: pytest.FixtureRequest) -> Model:
    (found,) = request.param.models()
    return found  # type: ignore[no-any-return]


def fit(model: Model, past: History) -> FittedFilters:
    fitted = model.fit(past, RNG)
    assert isinstance(fitted, FittedFilters)
    return fitted


def forecast(model: Model, past: History, coming: Fixtures) -> Forecasts:
    return check_forecasts(fit(model, past).predict(coming), model.markets, len(coming))


def numbers(forecasts: Forecasts) -> Floats:
    columns = [forecasts.probabilities[key] for key in MARKETS]
    return np.column_stack([*columns, *forecasts.parameters.values()])


def test_the_models_say_who_they_are() -> None:
    found = [module.models()[0] for module in MODULES]
    assert [one.key for one in found] == ["touchline.state_space", "touchline.supremacy", "touchline.market_memory"]
    assert [odds_use_of(one) for one in found] == [OddsUse.NONE, OddsUse.TRAINING, OddsUse.PAST]
    assert all(reach_of(one).every_league for one in found)
    assert all(one.markets == MARKETS for one in found)
    assert len({one.settings["recipe"] for one in found}) == 3


def test_a_fit_is_the_same_every_time_and_in_a_longer_history(model: Model, past: History) -> None:
    coming = every_pairing_of(past)
    fitted = fit(model, past)
    assert isinstance(fitted, Rated)
    first = numbers(fitted.predict(coming))
    np.testing.assert_array_equal(first, numbers(forecast(model, past, coming)))
    restored = model.restore(past, check_state(fitted.state()))
    np.testing.assert_array_equal(first, numbers(restored.predict(coming)))
    together = fitted.predict(coming)
    alone = fitted.predict(taken(coming, np.array([5])))
    for name, column in alone.parameters.items():
        np.testing.assert_array_equal(column[0], together.parameters[name][5], err_msg=name)
    np.testing.assert_allclose(alone.probabilities[RESULT][0], together.probabilities[RESULT][5], atol=1e-9)


def taken(coming: Fixtures, rows: Ints) -> Fixtures:
    columns: dict[str, Any] = {
        name: getattr(coming, name)[rows] for name in ("home", "away", "league", "season", "days_ahead")
    }
    return replace(coming, **columns)


def test_a_state_is_small(model: Model, past: History) -> None:
    assert sum(array.nbytes for array in fit(model, past).state().values()) < 60_000


def test_advancing_gives_the_bits_of_a_fit(model: Model, past: History) -> None:
    coming = every_pairing_of(past)
    begin = int(np.argmax(past.season == past.season.max()))
    fitted: object = fit(model, rows_of(past, np.arange(begin - 7)))
    # Within a season, into the middle of a day, and into the next season, when the heads learn from one season more.
    for end in (begin - 4, begin + 3, begin + 60):
        known = rows_of(past, np.arange(end))
        assert isinstance(fitted, Advancing)
        fitted = fitted.advance(known, RNG)
        again = model.fit(known, RNG)
        np.testing.assert_array_equal(numbers(fitted.predict(coming)), numbers(again.predict(coming)))


def test_advancing_to_a_corrected_history_fits_anew(model: Model, past: History) -> None:
    fitted = fit(model, rows_of(past, np.arange(800)))
    corrected = replace(past, home_goals=np.where(np.arange(len(past)) == 700, 7.0, past.home_goals))
    coming = every_pairing_of(past)
    np.testing.assert_array_equal(
        numbers(fitted.advance(corrected, RNG).predict(coming)), numbers(forecast(model, corrected, coming))
    )


@pytest.mark.parametrize("match", [150, 800])
def test_nothing_of_the_day_or_later_is_known(model: Model, past: History, match: int) -> None:
    known = before(past, match)
    later = np.flatnonzero(past.kickoff_seconds() >= known.as_of.timestamp()).astype(np.int64)
    changed_columns: dict[str, Any] = {name: noise(getattr(past, name), later) for name in COLUMNS}
    noisy = replace(past, **changed_columns)
    day = past.kickoff_seconds() // 86_400
    coming = as_fixtures(past, np.flatnonzero(day == day[match]), known.as_of)
    first = numbers(forecast(model, known, coming))
    np.testing.assert_array_equal(first, numbers(forecast(model, before(noisy, match), coming)))
    changed = rows_of(noisy, np.arange(later[0] + 40), known.as_of)
    assert not np.array_equal(first, numbers(fit(model, replace(changed, as_of=past.as_of)).predict(coming)))


COLUMNS = ("home_goals", "away_goals", "home_shots_on_target", "home_xg", "closing_result", "closing_total")


def noise(values: Floats, rows: Ints) -> Floats:
    changed = values.copy()
    changed[rows] = values[rows] * np.random.default_rng(6).uniform(1.1, 2.0, values[rows].shape)
    return changed


def test_no_match_gives_the_prior(model: Model) -> None:
    past = empty()
    coming = every_pairing(past)
    forecasts = forecast(model, past, coming)
    assert set(forecasts.basis) == {Basis.LEAGUE_PRIOR}
    home, draw, away = forecasts.probabilities[RESULT].T
    assert len(set(home)) == 1
    assert 0.4 < home[0] < 0.55
    assert away[0] < home[0]
    assert draw[0] > 0.2


def test_one_match_a_first_round_and_a_club_twice_a_day(model: Model) -> None:
    for past in (
        history("ABCD", [0], [1], [2], [0]),
        history("ABCD", [0, 2], [1, 3], [2, 1], [0, 1]),
        history("ABCD", [0, 0, 2], [1, 2, 3], [2, 1, 0], [0, 1, 0]),
    ):
        forecasts = forecast(model, past, every_pairing(past))
        assert set(forecasts.basis) <= {Basis.LEAGUE_PRIOR, Basis.MODEL_SPARSE}
        home = forecasts.probabilities[RESULT][:, 0]
        assert home[0] > 0.4
        assert (np.abs(home - 0.45) < 0.15).all()


def test_clubs_that_are_new_are_forecast_and_labelled(model: Model, past: History) -> None:
    known, league = int(past.home[-1]), int(past.league[-1])
    away = int(past.away[past.league != league][-1])
    coming = Fixtures(
        clubs=(*past.clubs, "Never seen", "Nor this one"),
        leagues=(*past.leagues, "Another league"),
        home=np.array([len(past.clubs), known, known, len(past.clubs)]),
        away=np.array([known, len(past.clubs), away, len(past.clubs) + 1]),
        league=np.array([league, league, league, 2]),
        season=np.full(4, past.season.max() + 1),
        days_ahead=np.full(4, 60.0),
    )
    forecasts = check_forecasts(fit(model, past).predict(coming), model.markets, 4)
    assert list(forecasts.basis) == [Basis.LEAGUE_PRIOR] * 4
    assert np.isfinite(numbers(forecasts)).all()
    at_home, not_at_home = forecasts.probabilities[RESULT][:2, 0]
    assert 0.2 < at_home < 0.75
    assert 0.2 < not_at_home < 0.75


def test_without_statistics_prices_and_expected_goals(model: Model, past: History) -> None:
    bare = history(
        past.clubs, past.home, past.away, past.home_goals, past.away_goals, league=past.league, leagues=past.leagues,
        season=past.season, days_ago=past.days_ago,
    )  # fmt: skip
    coming = every_pairing_of(bare)
    forecasts = forecast(model, bare, coming)
    assert np.isfinite(numbers(forecasts)).all()
    told = forecasts.probabilities[RESULT][:, 0]
    assert np.corrcoef(told, forecast(model, past, coming).probabilities[RESULT][:, 0])[0, 1] > 0.8


def test_a_club_that_never_scored(model: Model) -> None:
    home, away = np.divmod(np.arange(36), 6)
    home, away = home[home != away], away[home != away]
    past = history(
        "ABCDEF", home, away, np.where(home == 0, 0, 2), np.where(away == 0, 0, 1),
        days_ago=np.arange(len(home), 0, -1.0) * 4,
    )  # fmt: skip
    forecasts = forecast(model, past, fixtures(past, [0, 1], [1, 0]))
    without, other = forecasts.parameters["home_mean"]
    assert 0.02 < without < 0.8 * other
    # Ten matches of both clubs were seen; a memory of prices has seen no price.
    assert set(forecasts.basis) == {Basis.MODEL_SPARSE if "past_prices" in forecasts.parameters else Basis.MODEL}


def test_ratings_of_clubs_by_name(model: Model, past: History) -> None:
    fitted = fit(model, past)
    names = [past.clubs[int(past.home[-1])], "Never seen", past.clubs[int(past.away[-1])]]
    ratings = fitted.ratings(names)
    assert set(ratings) == {"attack", "defence"}
    for values in ratings.values():
        assert np.isfinite(values).tolist() == [True, False, True]


@pytest.mark.parametrize(("has_xg", "stretch"), [(False, 1 + 0.34 * 0.25), (True, 1 + 0.077 * 0.25 + 0.468 * 0.15)])
def test_a_state_space_gives_back_what_shots_hide_of_strengths(past: History, has_xg: bool, stretch: float) -> None:
    (model,) = state_space.models()
    hidden = np.isin(past.league, [0] if has_xg else [0, 1])
    told = replace(
        past,
        home_xg=np.where(hidden, np.nan, past.home_xg),
        home_shots_on_target=np.where(past.league == 0, np.nan, past.home_shots_on_target),
    )
    coming = every_pairing_of(told)
    fitted = fit(model, told)
    before, after = (
        np.log([one.parameters["home_mean"], one.parameters["away_mean"]])
        for one in (fit_filters(replace(state_space.RECIPE, stretch=()), told).predict(coming), fitted.predict(coming))
    )
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0), atol=1e-12)
    for league, wider in ((0, 1.0), (1, stretch)):
        rows = coming.league == league
        was, now = (one[0, rows] - one[1, rows] - (one[0, rows] - one[1, rows]).mean() for one in (before, after))
        assert np.ptp(was) > 0.5
        np.testing.assert_allclose(now, wider * was, atol=1e-12)
    ratings = fitted.ratings(coming.clubs)
    strength = ratings["attack"] + ratings["defence"]
    advantage = after[0] - after[1] - (strength[coming.home] - strength[coming.away])
    for league in (0, 1):
        assert np.ptp(advantage[coming.league == league]) < 1e-12


def test_what_was_restored_advances_as_well(model: Model, past: History) -> None:
    coming = every_pairing_of(past)
    known = rows_of(past, np.arange(len(past) - 30))
    restored: object = model.restore(known, check_state(fit(model, known).state()))
    assert isinstance(restored, Advancing)
    np.testing.assert_array_equal(
        numbers(restored.advance(past, RNG).predict(coming)), numbers(forecast(model, past, coming))
    )


def test_a_market_memory_without_prices_says_so(past: History) -> None:
    (model,) = market_memory.models()
    (without,) = supremacy.models()
    second = past.league == 1
    unpriced = replace(
        past,
        closing_result=np.where(second[:, None], np.nan, past.closing_result),
        closing_total=np.where(second[:, None], np.nan, past.closing_total),
    )
    last = {league: np.flatnonzero(past.league == league)[-6:] for league in (0, 1)}
    for league, speaks in ((0, 1.0), (1, 0.0)):
        coming = as_fixtures(unpriced, last[league], unpriced.as_of)
        coming = replace(coming, days_ahead=np.full(6, 4.0))
        forecasts = forecast(model, unpriced, coming)
        assert set(forecasts.parameters["past_prices"]) == {speaks}
        assert set(forecasts.basis) == {Basis.MODEL if speaks else Basis.MODEL_SPARSE}
        others = forecast(without, unpriced, coming).parameters["home_mean"]
        assert np.allclose(forecasts.parameters["home_mean"], others) == (not speaks)


def test_a_price_that_is_none_is_left_out(past: History) -> None:
    (model,) = market_memory.models()
    slips = past.closing_result.copy()
    slips[100] = [1.0, 5.0, 9.0]
    slips[101] = [np.nan, 5.0, 9.0]
    hole = past.closing_result.copy()
    hole[100:102] = np.nan
    coming = every_pairing_of(past)
    first, second = (numbers(forecast(model, replace(past, closing_result=one), coming)) for one in (slips, hole))
    np.testing.assert_array_equal(first, second)
