"""Ratings that a model gives of clubs: by the fitted model itself, and out of its child process."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plugins.histories import drawn, every_pairing
from touchline import Rated
from touchline.outputs import Fault, PluginError, check_ratings
from touchline.sandbox import run_fit_and_predict
from touchline_markets import match_result

ENTRY, KEY = "touchline_markets.match_result", "touchline.match_result"


def test_clubs_are_rated_where_they_were_seen() -> None:
    past = drawn(np.random.default_rng(1), clubs=6)[0]
    fitted = match_result.models()[0].fit(past, np.random.default_rng(0))
    assert isinstance(fitted, Rated)
    asked = (past.clubs[3], "Nobody", past.clubs[0])
    ours = fitted.ratings(asked)
    assert sorted(ours) == ["attack", "defence"]
    np.testing.assert_array_equal(ours["attack"], [fitted.state()["attack"][3], np.nan, fitted.state()["attack"][0]])
    # Stronger on either side means more goals, or fewer against.
    best = past.clubs[int(np.argmax(fitted.state()["attack"]))]
    assert fitted.ratings(past.clubs)["attack"].argmax() == past.clubs.index(best)
    told, _ = run_fit_and_predict(ENTRY, KEY, past, every_pairing(past), clubs=asked)
    assert told.ratings.keys() == ours.keys()
    for name, values in ours.items():
        np.testing.assert_allclose(told.ratings[name], values, atol=1e-12)
    unasked, _ = run_fit_and_predict(ENTRY, KEY, past, every_pairing(past))
    assert unasked.ratings == {}


@pytest.mark.parametrize(
    ("ratings", "words"),
    [
        ([1.0], "named arrays"),
        ({"": np.zeros(2)}, "with strings"),
        ({"attack": [0.0, 0.0]}, "shape"),
        ({"attack": np.zeros(3)}, "shape"),
        ({"attack": np.zeros(2, dtype=np.int64)}, "floats"),
        ({"attack": np.array([0.0, np.inf])}, "row 1"),
    ],
)
def test_ratings_that_are_none_are_the_plugins_error(ratings: object, words: str) -> None:
    with pytest.raises(PluginError, match=words) as caught:
        check_ratings(ratings, 2)
    assert caught.value.kind is Fault.INVALID_OUTPUT


def test_a_club_never_seen_is_not_rated() -> None:
    kept = check_ratings({"attack": np.array([0.5, np.nan])}, 2)
    np.testing.assert_array_equal(kept["attack"], [0.5, np.nan])
