"""A price's history in equal time buckets, for a chart. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.odds.queries import QuoteRow

MOST_POINTS = 500
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket: the price at its start, its extremes, the price at its end."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    change_count: int


def series(changes: Iterable[QuoteRow], width: timedelta, start: datetime | None, end: datetime) -> list[Point]:
    """At most 500 buckets up to `end`, the newest; those without a change repeat the price before.

    `changes` are those of one selection by any number of bookmakers, oldest first, from before `start`
    on. The price is the best available one.
    """
    moves = _moves(changes)
    if not moves:
        return []
    first = moves[0][0] if start is None else max(start, moves[0][0])
    buckets = range(_bucket(first, width), _bucket(end - timedelta(microseconds=1), width) + 1)[-MOST_POINTS:]
    points: list[Point] = []
    price: float | None = None
    position = 0
    for bucket in buckets:
        at = _EPOCH + bucket * width
        while position < len(moves) and moves[position][0] < at:
            price = moves[position][1]
            position += 1
        within = []
        while position < len(moves) and moves[position][0] < min(at + width, end):
            within.append(moves[position])
            position += 1
        prices = [moved for _, moved in within]
        if price is not None and not (within and within[0][0] == at):
            prices.insert(0, price)
        if prices:
            points.append(Point(at, prices[0], max(prices), min(prices), prices[-1], len(within)))
            price = prices[-1]
    return points


def _moves(changes: Iterable[QuoteRow]) -> Sequence[tuple[datetime, float]]:
    """Every move of the best available price; while nothing is available the last one stands."""
    standing: dict[int, float] = {}
    moves: list[tuple[datetime, float]] = []
    for change in changes:
        if change.is_available:
            standing[change.bookmaker_id] = change.price
        else:
            standing.pop(change.bookmaker_id, None)
        best = max(standing.values(), default=None)
        if best is not None and (not moves or moves[-1][1] != best):
            moves.append((change.observed_at, best))
    return moves


def _bucket(instant: datetime, width: timedelta) -> int:
    return (instant - _EPOCH) // width
