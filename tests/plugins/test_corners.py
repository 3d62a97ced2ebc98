"""The corner model: recovers what it was drawn from, keeps the contract on every odd history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.plugins.histories import drawn, empty, every_pairing, fixtures, history, shuffled
from touchline import CORNERS_95, Basis, History
from touchline.outputs import check_forecasts
from touchline_markets.corners import Corners, FittedCorners, models


def fit(past: History) -> FittedCorners:
    return Corners().fit(past, np.random.default_rng(0))


def test_our_model_says_who_it_is() -> None:
    (model,) = models()
    assert (model.key, model.version, model.markets) == ("touchline.corners", "1", (CORNERS_95,))
    assert model.settings["dispersion"] == 70.0


def test_no_match_gives_the_prior() -> None:
    past = empty()
    coming = every_pairing(past)
    forecasts = check_forecasts(fit(past).predict(coming), (CORNERS_95,), len(coming))
    assert set(forecasts.basis) == {Basis.LEAGUE_PRIOR}
    np.testing.assert_allclose(forecasts.parameters["mean"], 9.8, atol=1e-9)
    np.testing.assert_allclose(forecasts.parameters["dispersion"], 70, rtol=1e-6)
    known = stats.nbinom(70, 70 / 79.8)
    np.testing.assert_allclose(forecasts.probabilities[CORNERS_95][:, 0], known.sf(9), atol=1e-8)


def test_means_of_drawn_corners_are_found_again() -> None:
    past, _ = drawn(np.random.default_rng(1), clubs=12, rounds=10)
    forecasts = fit(past).predict(every_pairing(past))
    assert forecasts.parameters["home_mean"].mean() == pytest.approx(5.4, abs=0.15)
    assert forecasts.parameters["away_mean"].mean() == pytest.approx(4.4, abs=0.15)
    total = forecasts.parameters["home_mean"] + forecasts.parameters["away_mean"]
    np.testing.assert_allclose(forecasts.parameters["mean"], total)
    assert 40 < forecasts.parameters["dispersion"][0] < 120


def test_a_club_of_many_corners_raises_the_total() -> None:
    past, _ = drawn(np.random.default_rng(2), clubs=6, rounds=4)
    past = replace(past, home_corners=np.where(past.home == 0, past.home_corners + 4, past.home_corners))
    forecasts = fit(past).predict(fixtures(past, [0, 1], [2, 2]))
    assert forecasts.probabilities[CORNERS_95][0, 0] > forecasts.probabilities[CORNERS_95][1, 0] + 0.1


def test_unknown_corners_are_left_out() -> None:
    past = history(
        "AB", [0, 1, 0], [1, 0, 1], [1, 1, 1], [0, 0, 0], home_corners=[5, np.nan, 7], away_corners=[4, 3, np.nan]
    )
    coming = fixtures(past, [0], [1])
    forecasts = check_forecasts(fit(past).predict(coming), (CORNERS_95,), 1)
    assert list(forecasts.basis) == [Basis.MODEL_SPARSE]
    assert fit(past).ratings.matches.tolist() == [1, 1]


def test_order_of_matches_does_not_matter() -> None:
    past, _ = drawn(np.random.default_rng(3), clubs=8)
    other = shuffled(past, np.random.default_rng(4))
    first, second = (fit(one).predict(every_pairing(past)).parameters for one in (past, other))
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-8)


def test_a_restored_model_forecasts_the_same_bits() -> None:
    past, _ = drawn(np.random.default_rng(3), clubs=8)
    fitted = fit(past)
    again = Corners().restore(past, fitted.state())
    coming = every_pairing(past)
    before, after = fitted.predict(coming), again.predict(coming)
    np.testing.assert_array_equal(before.probabilities[CORNERS_95], after.probabilities[CORNERS_95])
