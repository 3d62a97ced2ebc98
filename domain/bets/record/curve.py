"""A bankroll's balance over time, for a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

import numpy as np

from domain.bets.record.days import begins_at, first_days, local_days, next_period
from domain.bets.record.metrics import Capital, share_gone
from domain.bets.record.rows import Bets, Span, is_within
from domain.care.rules import Period
from domain.infra.database import Reader
from touchline import Floats, Ints

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Movements:
    """Every entry of a bankroll, `(m,)`, in order of time; the deposit it was made with comes first."""

    amount: Ints
    """Minor units."""
    at: Floats
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Point:
    """A bankroll when a step ends, or now while it runs; money is in minor units."""

    at: datetime
    balance: int
    """Sum of the entries, pending stakes taken out."""
    expected_balance: int | None
    """The balance less the luck so far; None before the first bet with a closing price was settled."""
    drawdown: float
    """Share of the high point that is gone, of settled bets, see `metrics`."""


async def movements(db: Reader, bankroll_ids: Sequence[int]) -> Mapping[int, Movements]:
    """The entries of each bankroll, with one statement; one without entries is missing."""
    rows = await db.fetch(
        """select e.bankroll_id, array_agg(e.amount) as amount, array_agg(date_part('epoch', e.occurred_at)) as at,
               array_agg(e.kind = 'DEPOSIT' and e.recorded_at = r.created_at) as is_start
           from bankroll_entry e join bankroll r on r.id = e.bankroll_id
           where e.bankroll_id = any($1::bigint[]) group by 1""",
        list(bankroll_ids),
    )
    return {row["bankroll_id"]: _movements(row["amount"], row["at"], row["is_start"]) for row in rows}


def _movements(amounts: list[int], instants: list[float], is_start: list[bool]) -> Movements:
    amount, at = np.array(amounts, dtype=np.int64), np.array(instants, dtype=np.float64)
    at[np.array(is_start)] = at.min()
    order = np.argsort(at, kind="stable")
    return Movements(amount[order], at[order])


def equity_curve(
    entries: Movements, bets: Bets, capital: Capital, step: Period, zone: ZoneInfo, span: Span, now: datetime
) -> list[Point]:
    """A point for every step of a span in which money moved or a bet was settled, the earliest first.

    `bets` and `capital` are the bankroll's from its beginning on: what came before the span counts.
    """
    settled = bets.settled
    at = np.concatenate([entries.at, settled.settled_at])
    steps = np.unique(first_days(local_days(at[is_within(at, span)], zone), step)).tolist()
    ends = [min(begins_at(next_period(first, step), zone), span[1] or _NEVER) for first in steps]
    limits = np.array([end.timestamp() for end in ends])
    balances = _before(limits, entries.at, entries.amount)
    gone = _drawdowns(limits, settled, capital)
    expected = _expected(limits, balances, settled.closed)
    columns = zip(ends, balances, expected, gone, strict=True)
    return [Point(min(end, now), balance, promised, share) for end, balance, promised, share in columns]


def _before(limits: Floats, at: Floats, amounts: Ints) -> list[int]:
    """The sum of the amounts before each limit, exactly; `at` rises."""
    sums = list(accumulate(amounts.tolist(), initial=0))
    return [sums[count] for count in np.searchsorted(at, limits).tolist()]


def _drawdowns(limits: Floats, settled: Bets, capital: Capital) -> list[float]:
    at, profits = settled.profit_by_instant()
    profit = np.concatenate([[0.0], np.cumsum(profits)])
    count = np.searchsorted(at, limits)
    highest = np.maximum.accumulate(profit)[count]
    return list(share_gone(highest - profit[count], capital.before(limits) + highest).tolist())


def _expected(limits: Floats, balances: Sequence[int], closed: Bets) -> list[int | None]:
    """Each balance less the luck by then; None where no bet with a closing price was settled."""
    count = np.searchsorted(closed.settled_at, limits)
    promised = np.concatenate([[0.0], np.cumsum(closed.expected_profit)])[count].tolist()
    won = _before(limits, closed.settled_at, closed.profit)
    return [
        balance - profit + round(expected) if some else None
        for balance, profit, expected, some in zip(balances, won, promised, count.tolist(), strict=True)
    ]
