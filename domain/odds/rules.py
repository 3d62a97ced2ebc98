"""What follows from a price that was seen, and how prices are written. Pure.

A price stands from the instant it was observed until another one is. `follow` is for prices as they
come: an older one is late and falls out. `amend` is for prices of the past, which are compared with what
stood at their own instant, so that a source can correct its files.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

PRICE_PLACES = 4
"""Decimal places that the database keeps."""
PRICE_LIMIT = 1_000_000.0
"""Decimal prices the database cannot hold any more."""


class Seen(Protocol):
    """A price of one bookmaker for one selection as somebody saw it."""

    @property
    def price(self) -> float: ...
    @property
    def observed_at(self) -> datetime: ...
    @property
    def is_available(self) -> bool: ...
    @property
    def is_estimated(self) -> bool: ...


@dataclass(slots=True)
class Standing:
    """The standing price of one bookmaker for one selection."""

    price: float
    previous_price: float | None
    opening_price: float
    observed_at: datetime
    confirmed_at: datetime
    is_available: bool
    is_estimated: bool
    change: int = -1
    """Index of the change that made it among those of this batch; -1 for an earlier one."""


@dataclass(slots=True)
class Outcome:
    """What a batch of prices of one key came to."""

    standing: Standing
    """After the batch; the very object given where nothing moved but `confirmed_at`."""
    changes: list[tuple[int, float | None]] = field(default_factory=list)
    """Index of each price that is a change, in time order, with the price that it replaced."""
    late: int = 0
    unchanged: int = 0


def stored_price(price: float) -> float | None:
    """The price as the database keeps it; None for what is no decimal price above 1."""
    if not math.isfinite(price):
        return None
    rounded = round(price, PRICE_PLACES)
    return rounded if 1.0 < rounded < PRICE_LIMIT else None


@lru_cache(maxsize=8192)
def exact(price: float) -> Decimal:
    """A stored price as the database's decimal; the same few thousand come again and again."""
    return Decimal(repr(price))


def follow(standing: Standing | None, seen: Sequence[Seen]) -> Outcome:
    """What prices in time order do to the standing one; `seen` is not empty.

    The same price confirms it. Another one at its own instant corrects it. An older one is late, and so
    is one from before a confirmation: somebody saw since that the standing price was still there.
    """
    outcome = Outcome(standing or _opened(seen[0]))
    if standing is None:
        outcome.changes.append((0, None))
    known = (standing.observed_at, standing.confirmed_at, standing.price, standing.is_available) if standing else None
    for index, tick in enumerate(seen[len(outcome.changes) :], len(outcome.changes)):
        if known is not None and _is_late(tick, *known):
            outcome.late += 1
        else:
            _apply(outcome, index, tick)
    return outcome


def _is_late(tick: Seen, observed_at: datetime, confirmed_at: datetime, price: float, is_available: bool) -> bool:
    if tick.observed_at < observed_at:
        return True
    is_same = tick.price == price and tick.is_available == is_available
    return observed_at < tick.observed_at < confirmed_at and not is_same


def _opened(tick: Seen) -> Standing:
    return Standing(
        tick.price, None, tick.price, tick.observed_at, tick.observed_at, tick.is_available, tick.is_estimated, 0
    )


def _apply(outcome: Outcome, index: int, tick: Seen) -> None:
    """Let one price that is not late confirm or replace the standing one."""
    standing = outcome.standing
    if tick.price == standing.price and tick.is_available == standing.is_available:
        outcome.unchanged += 1
        if tick.observed_at > standing.confirmed_at:
            standing.confirmed_at = tick.observed_at
        return
    outcome.changes.append((index, standing.price))
    outcome.standing = Standing(
        tick.price,
        standing.price,
        standing.opening_price,
        tick.observed_at,
        tick.observed_at,
        tick.is_available,
        tick.is_estimated,
        index,
    )


@dataclass(frozen=True, slots=True)
class Past:
    """One recorded change."""

    observed_at: datetime
    price: float
    is_available: bool
    is_estimated: bool


def amend(standing: Standing, past: Sequence[Past], seen: Sequence[Seen]) -> Outcome:
    """What prices of the past, in time order, do to a recorded history.

    `past` are the key's changes by instant and then by sequence. A price that differs from what stood at
    its instant is a change, wherever in time; the standing price moves only when the last word does. Prices
    that all end before the standing one was last seen do not replace it: there they are late.
    """
    outcome = Outcome(standing)
    is_seen_since = seen[-1].observed_at < standing.confirmed_at
    instants = [change.observed_at for change in past]
    before: Seen | None = None
    for index, tick in enumerate(seen):
        nearest = bisect_right(instants, tick.observed_at) - 1
        base: Past | Seen | None = past[nearest] if nearest >= 0 else None
        if before is not None and (base is None or before.observed_at >= base.observed_at):
            base = before
        if base is not None and _is_same(tick, base):
            outcome.unchanged += 1
        elif is_seen_since and tick.observed_at > standing.observed_at and not _is_same(tick, standing):
            outcome.late += 1
            continue
        else:
            outcome.changes.append((index, None if base is None else base.price))
        before = tick
    outcome.standing = _amended(standing, past, seen, outcome.changes)
    return outcome


def _is_same(one: Seen, other: Seen) -> bool:
    return (one.price, one.is_available) == (other.price, other.is_available)


def _amended(
    standing: Standing, past: Sequence[Past], seen: Sequence[Seen], changes: Sequence[tuple[int, float | None]]
) -> Standing:
    """The standing price after its history was amended."""
    confirmed_at = max(standing.confirmed_at, seen[-1].observed_at)
    if not changes:
        standing.confirmed_at = confirmed_at
        return standing
    timeline: dict[datetime, tuple[Past | Seen, int]] = {change.observed_at: (change, -1) for change in past}
    timeline.update({seen[index].observed_at: (seen[index], index) for index, _ in changes})
    ordered = sorted(timeline)
    last, index = timeline[ordered[-1]]
    is_same = _is_same(last, standing)
    replaced = dict(changes).get(index)
    if replaced is None and len(ordered) > 1:
        replaced = timeline[ordered[-2]][0].price
    return Standing(
        last.price,
        replaced,
        timeline[ordered[0]][0].price,
        last.observed_at,
        confirmed_at if is_same else max(last.observed_at, seen[-1].observed_at),
        last.is_available,
        last.is_estimated,
        index,
    )


def implied(price: float) -> float:
    """The probability that a decimal price stands for, its margin included."""
    return 1.0 / price


def overround(prices: Sequence[float]) -> float:
    """Sum of the implied probabilities of a market's outcomes less 1: the bookmaker's margin."""
    return math.fsum(1.0 / price for price in prices) - 1.0


def american(price: float) -> int:
    """The moneyline of a decimal price: `+150` is won on 100, `-200` is staked to win 100."""
    return round(100 * (price - 1)) if price >= 2 else -round(100 / (price - 1))


@lru_cache(maxsize=8192)
def fractional(price: float) -> str:
    """The nearest customary fraction of a decimal price: `6/4`, `11/8`, `Evens` for 1/1.

    Nearest by the ratio of profits. Beyond 1000/1 and below 1/500, where no ladder reaches, it is the
    nearest whole number to or on 1.
    """
    profit = price - 1
    if profit > LONGEST:
        return f"{round(profit)}/1"
    if profit < SHORTEST:
        return f"1/{round(1 / profit)}"
    found = min(CUSTOMARY.items(), key=lambda step: abs(math.log(profit / float(step[1]))))
    return found[0]


_LADDER = """
    1/500 1/200 1/100 1/66 1/50 1/40 1/33 1/25 1/20 1/18 1/16 1/14 1/12 1/11 1/10 1/9 1/8 2/15 1/7 2/13 1/6 2/11 1/5
    2/9 1/4 2/7 3/10 1/3 4/11 2/5 4/9 1/2 8/15 4/7 8/13 4/6 8/11 4/5 5/6 10/11 20/21 Evens 21/20 11/10 6/5 5/4
    11/8 7/5 6/4 8/5 13/8 7/4 9/5 15/8 2/1 85/40 11/5 9/4 12/5 5/2 13/5 11/4 14/5 3/1 16/5 10/3 7/2 18/5 4/1 9/2 5/1
    11/2 6/1 13/2 7/1 15/2 8/1 17/2 9/1 10/1 11/1 12/1 14/1 16/1 18/1 20/1 22/1 25/1 28/1 33/1 40/1 50/1 66/1 80/1
    100/1 125/1 150/1 200/1 250/1 300/1 400/1 500/1 750/1 1000/1
"""

CUSTOMARY: Mapping[str, Fraction] = {
    step: Fraction(1) if step == "Evens" else Fraction(step) for step in _LADDER.split()
}
"""British bookmakers' ladder of fractions, with its unreduced steps (`6/4`, `4/6`, `85/40`)."""
LONGEST = 1000.0
SHORTEST = 1 / 500
