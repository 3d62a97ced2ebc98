"""Skill or luck: against other programs, against exact probabilities, and against bettors whose edge is known."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binom
from statsmodels.stats.power import normal_sample_size_one_tail
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks import luck as benchmark
from domain.bets.record.luck import (
    MOST_SIMULATED,
    TAIL,
    Judgement,
    Verdict,
    bets_needed,
    judge,
    luck_deviation,
    mean_interval,
)
from touchline import Floats


def flat(bets: int, price: float, wins: int, stake: int = 1000) -> Judgement:
    """The judgement on bets of one stake and one price."""
    profit = wins * round(stake * price) - bets * stake
    found = judge(np.full(bets, float(stake)), np.full(bets, price), profit)
    assert found is not None
    return found


@pytest.mark.parametrize(("bets", "wins"), [(400, 220), (400, 150), (1000, 500), (5000, 2700)])
def test_interval_is_wilsons_where_bets_are_alike(bets: int, wins: int) -> None:
    # statsmodels 0.14, proportion_confint(method="wilson"): a hit rate h at odds of 2 is a yield of 2h - 1.
    low, high = proportion_confint(wins, bets, method="wilson")
    found = flat(bets, 2.0, wins)
    assert (found.lower, found.upper) == pytest.approx((2 * low - 1, 2 * high - 1))


@pytest.mark.parametrize(("bets", "price", "wins"), [(20, 2.0, 14), (100, 1.5, 70), (200, 3.0, 80), (60, 8.0, 12)])
def test_simulated_chance_is_the_binomial_one(bets: int, price: float, wins: int) -> None:
    exact = float(binom.sf(wins - 1, bets, 1 / price))
    assert flat(bets, price, wins).chance == pytest.approx(exact, abs=5 * sqrt(exact * (1 - exact) / 9_999) + 1e-4)


@pytest.mark.parametrize(
    ("bets", "price", "wins"), [(201, 2.0, 115), (500, 6.0, 100), (1000, 1.3, 800), (400, 12.0, 45)]
)
def test_approximated_chance_is_near_the_binomial_one(bets: int, price: float, wins: int) -> None:
    # Half a bet further, as the normal curve stands for a sum in whole steps.
    exact = float((binom.sf(wins - 1, bets, 1 / price) + binom.sf(wins, bets, 1 / price)) / 2)
    assert flat(bets, price, wins).chance == pytest.approx(exact, rel=0.05)


def test_simulation_and_approximation_meet() -> None:
    rng = np.random.default_rng(3)
    stakes: Floats = rng.integers(500, 5000, MOST_SIMULATED + 1).astype(np.float64)
    prices: Floats = rng.uniform(1.5, 5.0, MOST_SIMULATED + 1).round(2)
    profit = round(0.15 * stakes.sum())
    one, other = judge(stakes[:-1], prices[:-1], profit), judge(stakes, prices, profit)
    assert one is not None
    assert other is not None
    assert one.chance == pytest.approx(other.chance, abs=0.015)
    assert one.lower == pytest.approx(other.lower, abs=0.02)
    assert one.upper == pytest.approx(other.upper, abs=0.02)


def test_one_lucky_bet_is_no_skill() -> None:
    # z = √19 = 4.4, and yet one in twenty of those who have no edge does as well.
    lucky = flat(1, 20.0, 1)
    assert lucky.verdict is Verdict.UNDECIDED
    assert lucky.chance == pytest.approx(1 / 20, abs=0.005)
    assert lucky.lower <= 0 <= lucky.upper


def test_ten_losses_at_long_odds_are_no_proof() -> None:
    unlucky = flat(10, 20.0, 0)
    assert unlucky.verdict is Verdict.UNDECIDED
    assert unlucky.lower == pytest.approx(-1.0)
    assert unlucky.upper > 0.5


def test_a_clear_record_is_told() -> None:
    assert flat(200, 2.0, 130).verdict is Verdict.SKILL
    assert flat(200, 2.0, 70).verdict is Verdict.NO_EDGE
    assert flat(200, 2.0, 70).upper < 0 < flat(200, 2.0, 130).lower


@pytest.mark.parametrize("bets", [150, 250])
def test_the_order_of_bets_and_asking_again_change_nothing(bets: int) -> None:
    rng = np.random.default_rng(5)
    stakes: Floats = rng.integers(100, 5000, bets).astype(np.float64)
    prices: Floats = rng.uniform(1.2, 9.0, bets).round(2)
    order = rng.permutation(bets)
    one, other = judge(stakes, prices, 4321), judge(stakes[order], prices[order], 4321)
    assert one is not None
    assert other is not None
    assert one == judge(stakes, prices, 4321)
    assert (one.chance, one.lower, one.upper) == pytest.approx((other.chance, other.lower, other.upper))


def test_the_scale_of_money_changes_nothing() -> None:
    one, other = flat(150, 2.5, 70, stake=100), flat(150, 2.5, 70, stake=10_000_000)
    assert (one.chance, one.lower, one.upper) == pytest.approx((other.chance, other.lower, other.upper))


def test_needed_bets_are_those_of_statsmodels() -> None:
    for price, edge in ((1.91, 0.05), (3.4, 0.03), (1.5, -0.04)):
        reference = normal_sample_size_one_tail(abs(edge), 0.8, TAIL, sqrt(price - 1))
        assert bets_needed(np.ones(7), np.full(7, price), edge) == np.ceil(reference)


def test_a_bettor_of_55_percent_at_minus_110() -> None:
    # The 1,400 bets that are often told are the point at which half of such bettors are found, not most of them.
    price = 1 + 100 / 110
    edge = 0.55 * price - 1
    assert edge == pytest.approx(0.05)
    assert bets_needed(np.ones(1), np.array([price]), edge, power=0.5) == 1397
    assert bets_needed(np.ones(1), np.array([price]), edge) == 2855


def test_uneven_stakes_need_more_bets() -> None:
    even = bets_needed(np.ones(4), np.full(4, 2.0), 0.05)
    uneven = bets_needed(np.array([1.0, 1.0, 1.0, 9.0]), np.full(4, 2.0), 0.05)
    assert even == 3140  # (2.8016 / 0.05)²
    assert uneven == np.ceil(2.8015852**2 / 0.05**2 * 4 * 84 / 144)


def test_no_number_of_bets_shows_no_edge() -> None:
    assert bets_needed(np.ones(1), np.array([2.0]), 0.0) is None
    assert bets_needed(np.ones(1), np.array([2.0]), 1e-6) is None
    assert bets_needed(np.empty(0), np.empty(0), 0.05) is None


def test_mean_interval_is_students() -> None:
    values = np.random.default_rng(7).normal(0.02, 0.06, 40)
    assert mean_interval(values) == pytest.approx(DescrStatsW(values).tconfint_mean())
    assert mean_interval(values[:1]) is None


def test_luck_deviation_is_that_of_the_bets() -> None:
    rng = np.random.default_rng(11)
    stakes, prices, chances = np.array([10.0, 20.0]), np.array([2.0, 4.0]), np.array([0.5, 0.3])
    profits = (rng.random((200_000, 2)) < chances) * stakes * prices - stakes
    assert luck_deviation(stakes, prices, chances) == pytest.approx(float(profits.sum(axis=1).std()), rel=0.01)


@pytest.mark.parametrize(("price", "lengths"), [(1.91, (50, 300, 1_400)), (5.0, (50, 500, 5_000))])
@pytest.mark.parametrize("edge", benchmark.EDGES)
def test_bettors_are_judged_as_the_formula_says(edge: float, price: float, lengths: tuple[int, ...]) -> None:
    for bets in lengths:
        assert benchmark.rates(edge, bets, 400, price).is_as_promised, bets


def test_no_edge_is_seldom_called_one() -> None:
    found = [benchmark.rates(0.0, bets, 4_000, 1.91) for bets in (100, 500, 2_000)]
    for one in found:
        assert one.wrong <= 0.05 + 4 * sqrt(0.05 * 0.95 / 4_000)
    assert max(one.wrong for one in found) >= 0.035  # and is not put off by being too shy


def test_benchmark_prints_its_table_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "LENGTHS", (300, 500))
    run = CliRunner().invoke(benchmark.main, ["--bettors", "200", "--svg", str(tmp_path / "luck.svg")])
    assert run.exit_code == 0, run.output
    assert "bets needed for an edge of 5%: 1,399 with a power of 50 %, 2,857 with 80 %" in run.output
    circles = ElementTree.parse(tmp_path / "luck.svg").iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == len(benchmark.EDGES) * 2
