"""Figures of a set of bets. Pure.

Settled bets count by what was paid. One that was void is as if it had never been placed: it is in no figure. A
push counts as settled and in the turnover, and is neither won nor lost: it does not end a run.

**Equity** is what a bankroll began with, plus what was put in and taken out, plus the profits so far; bets that
are settled at one instant move it together. Its **high point** is the highest profit so far on top of the same
money, so paying in is no rise and taking out is no fall. A drawdown is the share of the high point that is gone.

**Sharpe ratio**: the mean of the daily returns over their standard deviation, times √365 (Sharpe, Journal of
Portfolio Management 21, 1994, with 0 as the risk-free rate). A day's return is its profit over the equity with
which it began and what was paid in on it; days are the person's own, from the first settlement to the last,
quiet ones included.

**Luck** is profit minus the profit that closing prices promised, over the bets that have a closing price.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import fsum, sqrt
from zoneinfo import ZoneInfo

import numpy as np

from domain.bets.record.days import local_days
from domain.bets.record.luck import (
    USUAL_EDGE,
    Judgement,
    Verdict,
    bets_needed,
    judge,
    luck_deviation,
    mean_interval,
)
from domain.bets.record.rows import Bets, Flags, Ledger, Purse, Span
from touchline import Floats, Ints

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Capital:
    """The money that bets are measured against, minor units."""

    start: int
    """When the span began."""
    moved: Ints
    """Put in and taken out since, `(m,)`."""
    moved_at: Floats
    """Seconds since 1970, rising."""

    @classmethod
    def of(cls, ledger: Ledger, purses: Iterable[Purse], span: Span = (None, None)) -> Capital:
        """Of some bankrolls together, in a span: what they held when it began, bets settled by then included."""
        chosen = list(purses)
        bets = ledger.bets.of([one.id for one in chosen])
        moved = np.concatenate([np.empty(0, dtype=np.int64), *(one.moved for one in chosen)])
        moved_at = np.concatenate([np.empty(0), *(one.moved_at for one in chosen)])
        order = np.argsort(moved_at, kind="stable")
        moved, moved_at = moved[order], moved_at[order]
        start = sum(one.start for one in chosen)
        begins = -np.inf if span[0] is None else span[0].timestamp()
        before = bets.settled_at < begins  # False for NaN: pending
        start += sum(bets.profit[before].tolist()) + sum(moved[moved_at < begins].tolist())
        return cls(start, moved[moved_at >= begins], moved_at[moved_at >= begins])

    def by(self, instants: Floats) -> Floats:
        """What it came to by each instant, bets apart, minor units."""
        return self._after(np.searchsorted(self.moved_at, instants, side="right"))

    def before(self, instants: Floats) -> Floats:
        """What it came to before each instant, bets apart, minor units."""
        return self._after(np.searchsorted(self.moved_at, instants))

    def on(self, days: Ints, zone: ZoneInfo) -> Floats:
        """What it came to by the end of each day since 1970, bets apart, minor units."""
        return self._after(np.searchsorted(local_days(self.moved_at, zone), days, side="right"))

    def _after(self, counts: Ints) -> Floats:
        """After so many movements."""
        return self.start + np.concatenate([[0.0], np.cumsum(self.moved, dtype=np.float64)])[counts]


class Metrics:
    """Figures of some bets, each worked out when it is first asked for. Money is in minor units.

    Sums of money are exact; expected profits are estimates, summed without error and rounded once.
    """

    def __init__(self, bets: Bets, capital: Capital, zone: ZoneInfo) -> None:
        self.pending_count = int(np.count_nonzero(bets.is_pending))
        self._bets = bets.settled
        self._capital = capital
        self._zone = zone

    @property
    def settled_count(self) -> int:
        return len(self._bets)

    @cached_property
    def _is_won(self) -> Flags:
        return np.isin(self._bets.status, ["WON", "HALF_WON"])

    @cached_property
    def _is_lost(self) -> Flags:
        return np.isin(self._bets.status, ["LOST", "HALF_LOST"])

    @property
    def won_count(self) -> int:
        return int(np.count_nonzero(self._is_won))

    @property
    def lost_count(self) -> int:
        return int(np.count_nonzero(self._is_lost))

    @property
    def win_rate(self) -> float | None:
        """Won / (won + lost)."""
        return _ratio(self.won_count, self.won_count + self.lost_count)

    @cached_property
    def _profits(self) -> list[int]:
        return list(self._bets.profit.tolist())

    @cached_property
    def turnover(self) -> int:
        """Sum of the stakes."""
        return sum(self._bets.stake.tolist())

    @cached_property
    def gross_profit(self) -> int:
        """Sum of the profits above 0."""
        return sum(profit for profit in self._profits if profit > 0)

    @cached_property
    def gross_loss(self) -> int:
        """Sum of the profits below 0, as a positive number."""
        return -sum(profit for profit in self._profits if profit < 0)

    @property
    def net_profit(self) -> int:
        return self.gross_profit - self.gross_loss

    @property
    def roi(self) -> float | None:
        """Net profit / turnover, also called yield."""
        return _ratio(self.net_profit, self.turnover)

    @property
    def return_on_bankroll(self) -> float | None:
        """Net profit / what the bankroll held when the span began; None where that was nothing."""
        return _ratio(self.net_profit, self._capital.start) if self._capital.start > 0 else None

    @property
    def average_profit(self) -> int | None:
        """Per settled bet, rounded half to even."""
        return round(Fraction(self.net_profit, self.settled_count)) if self.settled_count else None

    @property
    def average_odds(self) -> float | None:
        return fsum(self._bets.price.tolist()) / self.settled_count if self.settled_count else None

    @property
    def profit_factor(self) -> float | None:
        """Gross profit / gross loss; None without a loss."""
        return _ratio(self.gross_profit, self.gross_loss)

    @property
    def longest_winning_run(self) -> int:
        return _longest_run(self._is_won[self._is_won | self._is_lost])

    @property
    def longest_losing_run(self) -> int:
        return _longest_run(self._is_lost[self._is_won | self._is_lost])

    @cached_property
    def max_drawdown(self) -> float:
        """Largest fall from the high point, fraction of it; 1 at most."""
        at, profits = self._bets.profit_by_instant()
        profit = np.cumsum(profits)
        highest = np.maximum(np.maximum.accumulate(profit), 0.0)
        return float(share_gone(highest - profit, self._capital.by(at) + highest).max(initial=0.0))

    @cached_property
    def sharpe_ratio(self) -> float | None:
        """Yearly; None for fewer than two days, without a bankroll on one of them, or where no day differs."""
        if not len(self._bets):
            return None
        settled_on = local_days(self._bets.settled_at, self._zone)
        first, last = int(settled_on.min()), int(settled_on.max())
        weights = np.array(self._profits, dtype=np.float64)
        profits = np.asarray(np.bincount(settled_on - first, weights, last - first + 1), dtype=np.float64)
        capital = self._capital.on(np.arange(first, last + 1), self._zone)
        return _sharpe(profits, capital + np.cumsum(profits) - profits)

    @cached_property
    def _closed(self) -> Bets:
        """The bets that have a closing price."""
        return self._bets.closed

    @property
    def closing_count(self) -> int:
        """Settled bets that have a fair closing price."""
        return len(self._closed)

    @property
    def average_closing_line_value(self) -> float | None:
        return fsum(self._closed.closing_line_value.tolist()) / len(self._closed) if len(self._closed) else None

    @property
    def closing_line_value_interval(self) -> tuple[float, float] | None:
        """95 %, of the mean."""
        return mean_interval(np.sort(self._closed.closing_line_value))

    @property
    def closing_beat_rate(self) -> float | None:
        """Share of bets taken at more than the fair closing price."""
        return _ratio(int(np.count_nonzero(self._closed.closing_line_value > 0)), len(self._closed))

    @property
    def expected_profit(self) -> int | None:
        """From closing prices."""
        return round(fsum(self._closed.expected_profit.tolist())) if len(self._closed) else None

    @property
    def luck(self) -> int | None:
        """Profit minus expected profit, of the bets that have a closing price."""
        if self.expected_profit is None:
            return None
        profit: int = sum(self._closed.profit.tolist())
        return profit - self.expected_profit

    @property
    def luck_deviation(self) -> int | None:
        """Standard deviation of luck if the closing prices are right."""
        if not len(self._closed):
            return None
        probabilities = (1 + self._closed.closing_line_value) / self._closed.price
        return round(luck_deviation(self._closed.stake.astype(np.float64), self._closed.net_price, probabilities))

    @cached_property
    def judgement(self) -> Judgement | None:
        """Skill or luck; None without a settled bet."""
        return judge(self._bets.stake.astype(np.float64), self._bets.net_price, self.net_profit)

    @property
    def verdict(self) -> Verdict:
        return Verdict.UNDECIDED if self.judgement is None else self.judgement.verdict

    @cached_property
    def bets_needed(self) -> int | None:
        """Bets of this kind that would show a yield like this one; None once it is shown, or above 100,000.

        A yield of nothing is taken for the 5 % of a good bettor. Never fewer than twice the bets there are: the
        formula says so wherever the normal curve holds, and few bets at long odds are not told less.
        """
        if self.verdict is not Verdict.UNDECIDED:
            return None
        needed = bets_needed(self._bets.stake.astype(np.float64), self._bets.net_price, self.roi or USUAL_EDGE)
        return None if needed is None else max(needed, 2 * self.settled_count)


def share_gone(fall: Floats, high: Floats) -> Floats:
    """Each fall as a share of its high point, 0 to 1; 1 where more is gone than there was."""
    shares = np.where(fall > 0, 1.0, 0.0)
    np.divide(fall, high, out=shares, where=high > fall)
    return shares


def _sharpe(profits: Floats, equity: Floats) -> float | None:
    if len(profits) < 2 or (equity <= 0).any():
        return None
    returns = profits / equity
    deviation = float(returns.std(ddof=1))
    return float(returns.mean()) / deviation * sqrt(DAYS_A_YEAR) if deviation > 0 else None


def _longest_run(flags: Flags) -> int:
    """How many in a row at most."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
