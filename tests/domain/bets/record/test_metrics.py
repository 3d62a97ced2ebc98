"""Figures of a set of bets: an example worked out by hand, and what must hold of any bets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import mean, stdev
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bets.record.luck import Verdict
from domain.bets.record.metrics import Capital, Metrics
from domain.bets.record.rows import Bets
from tests.bettors import Wager, columns
from touchline import Floats, Ints

UTC_ZONE = ZoneInfo("UTC")
START = 100_000
"""1,000.00 EUR."""


def at(day: int, hour: int = 12) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def capital(*moves: tuple[datetime, int], start: int = START) -> Capital:
    moved: Ints = np.array([amount for _, amount in moves], dtype=np.int64)
    moved_at: Floats = np.array([when.timestamp() for when, _ in moves], dtype=np.float64)
    return Capital(start, moved, moved_at)


def metrics(wagers: list[Wager], money: Capital | None = None, zone: ZoneInfo = UTC_ZONE) -> Metrics:
    return Metrics(columns(wagers), money or capital(), zone)


# A bankroll of 1,000.00 EUR; 500.00 are paid in on 4 March, on which nothing is settled.
#
#                  stake   odds    result      profit      profit so far   closing line value, and s · it
#   2 March 12:00  10.00 · 2.00    WON         +10.00         10.00            0.05    +0.50
#           13:00  10.00 · 3.00    HALF_WON    +10.00         20.00           (none)
#   3 March 12:00  20.00 · 1.50    LOST        -20.00          0.00           -0.02    -0.40
#   5 March 12:00  10.00 · 2.00    PUSH          0.00          0.00            0.00     0.00
#           13:00  40.00 · 2.50    LOST        -40.00        -40.00            0.10    +4.00
#           14:00  10.00 · 4.00    VOID          (as if it had never been placed)
#           15:00  30.00 · 1.80    WON         +24.00        -16.00            0.08    +2.40
#   pending        10.00 · 2.00
LEDGER = [
    Wager("WON", 1000, "2.00", settled_at=at(2, 12), closing_line_value=0.05),
    Wager("HALF_WON", 1000, "3.00", settled_at=at(2, 13)),
    Wager("LOST", 2000, "1.50", settled_at=at(3, 12), closing_line_value=-0.02),
    Wager("PUSH", 1000, "2.00", settled_at=at(5, 12), closing_line_value=0.0),
    Wager("LOST", 4000, "2.50", settled_at=at(5, 13), closing_line_value=0.10),
    Wager("VOID", 1000, "4.00", settled_at=at(5, 14), closing_line_value=0.50),
    Wager("WON", 3000, "1.80", settled_at=at(5, 15), closing_line_value=0.08),
    Wager("PENDING", 1000, "2.00"),
]
PAID_IN = (at(4), 50_000)


@pytest.fixture
def golden() -> Metrics:
    return metrics(LEDGER, capital(PAID_IN))


def test_counts(golden: Metrics) -> None:
    assert (golden.settled_count, golden.pending_count, golden.won_count, golden.lost_count) == (6, 1, 3, 2)
    assert golden.win_rate == pytest.approx(3 / 5)
    # won, half won | lost, (push), lost | won
    assert (golden.longest_winning_run, golden.longest_losing_run) == (2, 2)


def test_money_is_exact(golden: Metrics) -> None:
    assert golden.turnover == 1000 + 1000 + 2000 + 1000 + 4000 + 3000 == 12_000
    assert golden.gross_profit == 1000 + 1000 + 2400 == 4400
    assert golden.gross_loss == 2000 + 4000 == 6000
    assert golden.net_profit == 4400 - 6000 == -1600
    assert golden.average_profit == -267  # -1600 / 6 = -266.67


def test_ratios(golden: Metrics) -> None:
    assert golden.roi == pytest.approx(-16 / 120)
    assert golden.return_on_bankroll == pytest.approx(-16 / 1000)
    assert golden.average_odds == pytest.approx((2 + 3 + 1.5 + 2 + 2.5 + 1.8) / 6)
    assert golden.profit_factor == pytest.approx(44 / 60)


def test_drawdown_is_a_share_of_the_high_point(golden: Metrics) -> None:
    # The highest profit is 20.00: the high point is 1,020.00, and 1,520.00 once 500.00 are paid in.
    # Falls: 20 / 1020 = 0.0196, 60 / 1520 = 0.0395, 36 / 1520 = 0.0237.
    assert golden.max_drawdown == pytest.approx(60 / 1520)


def test_sharpe_ratio_is_of_daily_returns(golden: Metrics) -> None:
    returns = [20 / 1000, -20 / 1020, 0 / 1500, -16 / 1500]  # 2, 3, 4 and 5 March
    assert golden.sharpe_ratio == pytest.approx(mean(returns) / stdev(returns) * 365**0.5)
    assert golden.sharpe_ratio == pytest.approx(-2.8786, abs=5e-4)


def test_days_are_the_persons_own() -> None:
    night = [Wager("WON", settled_at=at(3, 2)), Wager("LOST", stake=500, settled_at=at(3, 12))]
    assert metrics(night).sharpe_ratio is None  # one day in UTC
    in_santiago = metrics(night, zone=ZoneInfo("America/Santiago")).sharpe_ratio  # 23:00 on the 2nd, 9:00 on the 3rd
    returns = [1000 / 100_000, -500 / 101_000]
    assert in_santiago == pytest.approx(mean(returns) / stdev(returns) * 365**0.5)


def test_luck_is_profit_less_what_closing_prices_promised(golden: Metrics) -> None:
    assert golden.closing_count == 5
    assert golden.average_closing_line_value == pytest.approx((0.05 - 0.02 + 0 + 0.10 + 0.08) / 5)
    assert golden.closing_beat_rate == pytest.approx(3 / 5)
    assert golden.expected_profit == 50 - 40 + 0 + 400 + 240 == 650
    assert golden.luck == (1000 - 2000 + 0 - 4000 + 2400) - 650 == -3250
    # s²d²q(1 - q) with q = (1 + clv) / d, in EUR²: 99.75 + 203.84 + 100 + 2464 + 699.84 = 3567.43
    assert golden.luck_deviation == round(100 * 3567.43**0.5) == 5973


def test_nothing_is_known_of_no_bets() -> None:
    empty = metrics([])
    assert (empty.settled_count, empty.turnover, empty.net_profit, empty.max_drawdown) == (0, 0, 0, 0.0)
    unknown = (
        *(empty.win_rate, empty.roi, empty.average_profit, empty.average_odds, empty.profit_factor, empty.sharpe_ratio),
        *(empty.average_closing_line_value, empty.closing_line_value_interval, empty.closing_beat_rate),
        *(empty.expected_profit, empty.luck, empty.luck_deviation, empty.judgement, empty.bets_needed),
    )
    assert unknown == (None,) * len(unknown)
    assert empty.verdict is Verdict.UNDECIDED


def test_all_is_gone_where_there_was_nothing_to_fall_from() -> None:
    assert metrics([Wager("LOST")], capital(start=0)).max_drawdown == 1.0
    assert metrics([Wager("WON")], capital(start=0)).max_drawdown == 0.0
    broke = metrics([Wager("WON", settled_at=at(2)), Wager("LOST", settled_at=at(3))], capital(start=0))
    assert broke.return_on_bankroll is None
    assert broke.sharpe_ratio is None


def test_taking_out_is_no_fall_and_paying_in_no_rise() -> None:
    bets = [Wager("WON", settled_at=at(2)), Wager("LOST", stake=500, settled_at=at(4))]
    taken_out = metrics(bets, capital((at(3), -50_000)))
    assert taken_out.max_drawdown == pytest.approx(500 / (100_000 + 1000 - 50_000))
    assert metrics(bets[:1], capital((at(3), -50_000))).max_drawdown == 0.0
    assert metrics(bets, capital((at(3), 900_000))).max_drawdown == pytest.approx(500 / 1_001_000)


def test_sums_beyond_64_bits_stay_exact() -> None:
    huge = [Wager("LOST", stake=10**15) for _ in range(10_000)]
    assert metrics(huge).turnover == 10**19


def test_needed_bets_are_told_until_it_is_told() -> None:
    undecided = metrics([Wager("WON", settled_at=at(2)) for _ in range(6)] + [Wager("LOST")] * 4)
    assert undecided.verdict is Verdict.UNDECIDED
    assert undecided.bets_needed == 197  # (2.8016 · 1 / 0.2)²: yield 20 % at even odds
    told = metrics([Wager("WON")] * 150 + [Wager("LOST")] * 50)
    assert told.verdict is Verdict.SKILL
    assert told.bets_needed is None
    lucky = metrics([Wager("WON", price="20.00")])
    assert lucky.verdict is Verdict.UNDECIDED
    assert lucky.bets_needed == 2  # never fewer than twice what there is


STATUSES = ["WON", "HALF_WON", "PUSH", "HALF_LOST", "LOST", "VOID", "PENDING"]
WAGERS = st.lists(
    st.builds(
        Wager,
        status=st.sampled_from(STATUSES),
        stake=st.integers(1, 10**7),
        price=st.decimals("1.01", "30", places=2).map(str),
        settled_at=st.integers(0, 100).map(lambda hours: at(2) + timedelta(hours=hours)),
        closing_line_value=st.none() | st.floats(-0.5, 0.5),
        tags=st.just(()),
    ),
    max_size=40,
)


@given(WAGERS)
def test_figures_agree_with_each_other(wagers: list[Wager]) -> None:
    found = metrics(wagers)
    counted = [wager for wager in wagers if wager.status not in ("VOID", "PENDING")]
    assert found.settled_count == len(counted)
    assert found.settled_count + found.pending_count == sum(wager.status != "VOID" for wager in wagers)
    assert found.net_profit == found.gross_profit - found.gross_loss
    assert found.net_profit == sum((wager.returned or 0) - wager.stake for wager in counted)
    assert found.longest_winning_run <= found.won_count
    assert found.longest_losing_run <= found.lost_count
    assert 0 <= found.max_drawdown <= 1
    if found.luck is not None and found.closing_count == found.settled_count:
        assert found.expected_profit is not None
        assert found.luck == found.net_profit - found.expected_profit
    if found.judgement is not None:
        assert found.judgement.lower <= found.roi <= found.judgement.upper  # type: ignore[operator]
        assert 0 < found.judgement.chance <= 1
        lower, upper = found.judgement.lower, found.judgement.upper
        assert lower >= 0 if found.verdict is Verdict.SKILL else lower <= 0
        assert upper <= 0 if found.verdict is Verdict.NO_EDGE else upper >= 0


@given(WAGERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_sum(wagers: list[Wager], random: object) -> None:
    shuffled = list(wagers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = metrics(wagers), metrics(shuffled)
    for name in (
        *("settled_count", "turnover", "gross_profit", "gross_loss", "average_profit", "average_odds", "max_drawdown"),
        *("average_closing_line_value", "closing_line_value_interval", "closing_beat_rate", "expected_profit"),
        *("luck", "verdict", "bets_needed"),
    ):
        assert getattr(one, name) == getattr(other, name), name


@given(WAGERS, st.integers(0, 40))
def test_parts_sum_to_the_whole(wagers: list[Wager], cut: int) -> None:
    whole, parts = metrics(wagers), [metrics(wagers[:cut]), metrics(wagers[cut:])]
    for name in ("settled_count", "pending_count", "won_count", "lost_count", "turnover", "net_profit", "gross_loss"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts), name


def test_void_bets_are_as_if_never_placed() -> None:
    without = [wager for wager in LEDGER if wager.status != "VOID"]
    names = [name for name, kind in vars(Metrics).items() if not name.startswith("_") and name != "pending_count"]
    one, other = metrics(LEDGER, capital(PAID_IN)), metrics(without, capital(PAID_IN))
    assert len(names) > 20
    assert {name: getattr(one, name) for name in names} == {name: getattr(other, name) for name in names}


def test_bets_settled_at_one_instant_move_the_curve_together() -> None:
    pair = [Wager("LOST", settled_at=at(2)), Wager("WON", settled_at=at(2))]
    assert metrics(pair).max_drawdown == metrics(pair[::-1]).max_drawdown == 0.0
    apart = [pair[0], replace(pair[1], settled_at=at(3))]
    assert metrics(apart).max_drawdown == pytest.approx(0.01)


def test_columns_are_what_a_slice_keeps() -> None:
    bets: Bets = columns(LEDGER)
    assert len(bets.where(bets.status == "WON")) == 2
    assert bets.where(bets.stake > 0) is bets
    assert bets[2:4].id.tolist() == [3, 4]
