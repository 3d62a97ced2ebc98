"""Stakes at the end of a season, and the heads that weigh the filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.plugins.histories import history
from touchline import Floats, History, Ints
from touchline.filters.grounds import as_filters, trace_grounds
from touchline.filters.heads import FEWEST_PRICED, Head, design, fit_head
from touchline.filters.series import Series
from touchline.filters.stakes import stakes

LINES = np.array([[70.0, 65.0, 60.0, 58.0, 55.0, 50.0, 30.0, 29.0]])


def side(points: float, left: int) -> tuple[float, float]:
    need, idle = stakes(np.array([[points, 40.0]]), np.array([[left, left]]), LINES)
    return float(need[0, 0]), float(idle[0, 0])


def test_what_a_club_plays_for() -> None:
    late = 1 - 2 / 11
    assert side(29.0, 2) == pytest.approx((late * np.exp(-((1 / (2.5 * np.sqrt(2))) ** 2) / 2), 0.0))
    assert side(40.0, 2) == pytest.approx((late * np.exp(-((11 / (2.5 * np.sqrt(2))) ** 2) / 2), late))
    fourth, title = side(59.0, 2)[0], side(69.0, 2)[0]
    assert 0.6 * late < fourth < 0.7 * late < title < late
    assert side(10.0, 2)[1] == late  # relegated long ago
    assert side(29.0, 11) == side(29.0, 0) == side(29.0, -3) == (0.0, 0.0)


def test_more_hangs_on_the_last_match_than_on_the_tenth_before_it() -> None:
    needs = [side(29.0, left)[0] for left in range(10, 0, -1)]
    assert needs == sorted(needs)


def double_round_robin(clubs: int) -> History:
    """A season in which the club with the smaller number wins; one match a day."""
    home, away = np.divmod(np.arange(clubs**2), clubs)
    home, away = home[home != away], away[home != away]
    return history(
        [f"Club {club}" for club in range(clubs)], home, away, (home < away) * 1, (home > away) * 1,
        days_ago=np.arange(len(home), 0, -1.0),
    )  # fmt: skip


def test_the_table_is_that_of_the_days_before() -> None:
    past = double_round_robin(8)
    series = Series.of(past)
    match = len(past) - 1  # the last club at home to the last but one
    before = np.arange(len(past)) < match
    points = np.zeros(8)
    for i, j, won in zip(past.home[before], past.away[before], past.home_goals[before], strict=True):
        points[i if won else j] += 3
    left = np.array([[14 - np.sum((past.home == club) & before) - np.sum((past.away == club) & before)
                      for club in (past.home[match], past.away[match])]])  # fmt: skip
    ranked = np.sort(points)[::-1]
    lines = ranked[[0, 1, 3, 4, 5, 6, -4, -3]][None]
    need, idle = stakes(points[[past.home[match], past.away[match]]][None], left, lines)
    np.testing.assert_allclose(series.need[match], need[0])
    np.testing.assert_allclose(series.idle[match], idle[0])
    assert not series.need[:4].any()  # the first matches of a season decide nothing


def test_a_league_of_few_clubs_has_no_lines() -> None:
    series = Series.of(double_round_robin(5))
    assert not series.need.any()
    assert not series.idle.any()


@dataclass(frozen=True)
class Days:
    """A calendar for tests."""

    entry: Ints
    rest: Ints
    games: Ints
    need: Floats
    idle: Floats
    day: Ints

    @classmethod
    def drawn(cls, rng: np.random.Generator, n: int) -> Days:
        return cls(
            rng.integers(-1, 2, (n, 2)),
            rng.integers(0, 14, (n, 2)),
            rng.integers(0, 38, (n, 2)),
            rng.random((n, 2)),
            rng.random((n, 2)),
            rng.integers(17_000, 19_000, n),
        )


def drawn_head(rng: np.random.Generator, log_means: Floats, days: Days, spread: float) -> Head:
    supremacy, total = design(log_means, days)
    return Head(*(spread * rng.standard_normal((1, x.shape[1]))[0] for x in (supremacy, total)))


def test_a_head_without_a_past_is_its_first_filter() -> None:
    rng = np.random.default_rng(0)
    log_means, days = rng.normal(0.2, 0.3, (3, 7, 2)), Days.drawn(rng, 7)
    np.testing.assert_allclose(Head.prior(3).log_means(log_means, days), log_means[0], atol=1e-14)


@pytest.mark.parametrize("has_prices", [True, False])
def test_weights_that_were_drawn_are_found(has_prices: bool) -> None:
    rng = np.random.default_rng(1)
    n = 6_000
    log_means, days = rng.normal(0.2, 0.4, (2, n, 2)), Days.drawn(rng, n)
    truth = drawn_head(rng, log_means, days, 0.1)
    rates = truth.log_means(log_means, days)
    prices = rates + rng.normal(0, 0.02, (n, 2)) if has_prices else np.full((n, 2), np.nan)
    goals = rng.poisson(np.exp(rates)).astype(np.float64)
    found = fit_head(log_means, days, prices, goals, np.ones(n), 0.01).log_means(log_means, days)
    assert np.sqrt(np.mean((found - rates) ** 2)) < (0.005 if has_prices else 0.07)


def test_matches_of_no_weight_teach_nothing_and_too_few_prices_leave_it_to_goals() -> None:
    rng = np.random.default_rng(2)
    n = FEWEST_PRICED + 50
    log_means, days = rng.normal(0.2, 0.4, (1, n, 2)), Days.drawn(rng, n)
    prices, goals = log_means[0] + 0.5, rng.poisson(np.exp(log_means[0])).astype(np.float64)
    weight = np.ones(n)
    taught = fit_head(log_means, days, prices, goals, weight, 1.0).log_means(log_means, days)
    np.testing.assert_allclose(taught, prices, atol=0.02)
    weight[: n - 100] = 0.0
    by_goals = fit_head(log_means, days, prices, goals, weight, 1.0).log_means(log_means, days)
    assert np.abs(by_goals - prices).mean() > 0.2
    nothing = fit_head(log_means, days, prices, goals, np.zeros(n), 1.0).log_means(log_means, days)
    np.testing.assert_allclose(nothing, log_means[0], atol=1e-12)


def test_a_forecast_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(3)
    log_means, days = rng.normal(0.2, 0.4, (9, 40, 2)), Days.drawn(rng, 40)
    head = drawn_head(rng, log_means, days, 0.3)
    together = head.log_means(log_means, days)
    for match in (0, 17, 39):
        one = Days(*(getattr(days, name)[match : match + 1] for name in days.__dataclass_fields__))
        np.testing.assert_array_equal(head.log_means(log_means[:, match : match + 1], one)[0], together[match])


def test_a_ground_is_worth_what_past_prices_said() -> None:
    n = 120
    past = history("AB", np.zeros(n), np.ones(n), np.ones(n), np.ones(n), days_ago=np.arange(n)[::-1] // 2 + 0.6)
    series = Series.of(past)
    prices, filtered = np.tile([0.5, -0.1], (n, 1)), np.tile([0.3, 0.1], (n, 1))
    known, mean = trace_grounds(series, prices, filtered)
    assert not known[:2].any()  # two matches of one day know nothing of each other
    np.testing.assert_array_equal(known[2], known[3])
    np.testing.assert_allclose(known[-1], 0.4, atol=2e-3)
    np.testing.assert_allclose(mean[0, 0], 0.4, atol=2e-3)
    np.testing.assert_allclose(mean[1, 1], 0.4, atol=2e-3)
    assert not mean[[0, 1], [1, 0]].any()
    both = as_filters(known)
    np.testing.assert_allclose(both[:, :, 0] - both[:, :, 1], known.T)
    np.testing.assert_allclose(both.sum(axis=2), 0.0)
    prices[::3] = np.nan
    assert np.isfinite(trace_grounds(series, prices, filtered)[0]).all()
