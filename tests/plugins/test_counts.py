"""Negative binomial totals: equal to scipy's, monotone in the line, dispersion found again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from touchline.counts import fit_dispersion, negative_binomial, over_push_under


@settings(deadline=None)
@given(st.floats(0.1, 40), st.floats(0.5, 1e6))
def test_probabilities_are_those_of_scipy(mean: float, dispersion: float) -> None:
    cells = negative_binomial(np.array([mean]), np.array([dispersion]), 40)[0]
    known = stats.nbinom(dispersion, dispersion / (dispersion + mean))
    np.testing.assert_allclose(cells[:-1], known.pmf(np.arange(39)), atol=1e-9)
    assert cells.sum() == pytest.approx(1, abs=1e-12)


def test_infinite_dispersion_is_poisson() -> None:
    cells = negative_binomial(np.array([9.8]), np.array([np.inf]), 30)[0]
    np.testing.assert_allclose(cells[:-1], stats.poisson.pmf(np.arange(29), 9.8), atol=1e-12)


@settings(deadline=None)
@given(st.floats(1, 20), st.floats(5, 500))
def test_over_falls_with_the_line_and_parts_sum_to_one(mean: float, dispersion: float) -> None:
    rows = [over_push_under(np.array([mean]), np.array([dispersion]), line)[0] for line in np.arange(0, 25, 0.5)]
    assert (np.diff([row[0] for row in rows]) <= 1e-15).all()
    for row in rows:
        assert row.sum() == pytest.approx(1, abs=1e-12)
        assert (row >= 0).all()


def test_a_whole_line_can_be_hit() -> None:
    over, push, under = over_push_under(np.array([9.8]), np.array([70.0]), 10.0)[0]
    known = stats.nbinom(70, 70 / 79.8)
    assert (over, push, under) == pytest.approx((known.sf(10), known.pmf(10), known.cdf(9)), abs=1e-12)


@pytest.mark.parametrize("line", [9.25, -0.5, 500.0, float("nan")])
def test_other_lines_are_refused(line: float) -> None:
    with pytest.raises(ValueError, match="the line"):
        over_push_under(np.array([9.8]), np.array([70.0]), line)


def test_dispersion_is_found_again() -> None:
    rng = np.random.default_rng(5)
    means = rng.uniform(8, 12, 20_000)
    counts = rng.negative_binomial(25, 25 / (25 + means)).astype(float)
    found = fit_dispersion(counts, means, np.ones(20_000), prior=70, spread=0.5)
    assert found == pytest.approx(25, rel=0.1)


def test_nothing_seen_gives_the_prior() -> None:
    none = np.array([])
    assert fit_dispersion(none, none, none, prior=70, spread=0.5) == pytest.approx(70, rel=1e-6)
