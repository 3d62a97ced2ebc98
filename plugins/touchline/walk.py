"""Prices between two known ones: how a replay moves each book from its early price to its closing price.

A file of a past season has two prices a book and market at most. In between, a replay lets the margin-free
probabilities q of the market follow a Brownian bridge in log-odds and the overround M go straight:

    y(s) = (1 - s) log q(0) + s log q(1) + volatility · B(s),   0 ≤ s ≤ 1,   B a Brownian bridge, one per outcome
    price(s) = 1 / (M(s) · softmax(y(s))),                        log M(s) linear from log M(0) to log M(1)

so a market's prices move together, and both ends are the file's own prices to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from touchline.ticks import PriceTick
from touchline.types import OUTCOMES, Floats, MarketKey, PricedOutcome, SourceMatch

VOLATILITY: Final = 0.1
"""Of each outcome's log probability over the whole walk; the log-odds between two outcomes move √2 times as much.
Measured: from early to closing price Pinnacle's log-odds of a home win moved by 0.14 (standard deviation,
14,007 matches of football-data.co.uk, seasons 2019/20 to 2025/26), those of over 2.5 goals by 0.12."""
LOWEST_PRICE: Final = 1.01

Prices = tuple[float, ...]
_Quotes = dict[tuple[str, MarketKey], dict[bool, dict[str, PricedOutcome]]]


def walk(
    start: Sequence[float],
    end: Sequence[float],
    begins: datetime,
    ends: datetime,
    steps: int,
    rng: np.random.Generator,
    volatility: float = VOLATILITY,
) -> list[tuple[datetime, Prices]]:
    """Prices of one market from `start` at `begins` to `end` at `ends`, at strictly rising instants.

    The first and the last point are always there; of the at most `steps` between them only those where a
    price, rounded to a hundredth, changes. Raises ValueError for prices not above 1, sides of two lengths, or
    a span that is none.
    """
    early, closing = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    if early.shape != closing.shape or not (early > 1).all() or not (closing > 1).all():
        raise ValueError(f"not two sets of prices above 1: {tuple(start)} and {tuple(end)}")
    if begins >= ends:
        raise ValueError(f"{begins} is not before {ends}")
    share = (np.arange(steps) + rng.random(steps)) / max(steps, 1)
    path = _prices(early, closing, share, volatility * _bridges(share, len(early), rng))
    points = [(begins, tuple(map(float, start)))]
    for s, prices in zip(share.tolist(), path.tolist(), strict=True):
        at = (begins + s * (ends - begins)).replace(microsecond=0)
        if points[-1][0] < at < ends and tuple(prices) != points[-1][1]:
            points.append((at, tuple(prices)))
    return [*points, (ends, tuple(map(float, end)))]


def walk_match(
    match: SourceMatch, steps: int, rng: np.random.Generator, volatility: float = VOLATILITY
) -> list[PriceTick]:
    """Ticks of every book and market of a match with prices of a file, oldest first.

    A market with an early and a closing price walks from one to the other; with one of them it has a single
    tick at that price's instant. A handicap whose line moved is two markets: the early line's single tick,
    and the closing line's at kick-off. An outcome priced at one end only is None elsewhere. Aggregates are no
    books and have no ticks.
    """
    quotes = sorted(_quotes(match).items(), key=lambda item: (item[0][0], str(item[0][1])))
    ticks: list[PriceTick] = []
    for (bookmaker, market), sides in quotes:
        first, last = (_tick(match, bookmaker, market, sides.get(is_closing, {})) for is_closing in (False, True))
        if first is not None and last is not None and first.at < last.at:
            ticks += [first, *_between(first, last, steps, rng, volatility), last]
        else:
            ticks += [tick for tick in (first, last) if tick is not None]
    return sorted(ticks, key=lambda tick: tick.at)


def _quotes(match: SourceMatch) -> _Quotes:
    """Prices of the bookmakers in markets with a fixed list of outcomes, by book and market, side, and outcome."""
    found: _Quotes = {}
    for price in match.prices:
        if not price.is_aggregate and price.market.kind in OUTCOMES:
            sides = found.setdefault((price.bookmaker, price.market), {})
            sides.setdefault(price.is_closing, {})[price.outcome] = price
    return found


def _between(
    first: PriceTick, last: PriceTick, steps: int, rng: np.random.Generator, volatility: float
) -> list[PriceTick]:
    """Ticks on the way, of the outcomes that both ends have; a single outcome does not move."""
    pairs = [(i, a, b) for i, (a, b) in enumerate(zip(first.prices, last.prices, strict=True)) if a and b]
    if len(pairs) < 2:
        return []
    shared, start, end = zip(*pairs, strict=True)
    return [
        _moved(first, at, dict(zip(shared, prices, strict=True)))
        for at, prices in walk(start, end, first.at, last.at, steps, rng, volatility)[1:-1]
    ]


def _tick(match: SourceMatch, bookmaker: str, market: MarketKey, prices: dict[str, PricedOutcome]) -> PriceTick | None:
    """The tick of prices that the file itself has; None where it has none."""
    if not prices:
        return None
    known = next(iter(prices.values()))
    return PriceTick(
        known.observed_at,
        match.league,
        match.season,
        match.home,
        match.away,
        match.leg,
        bookmaker,
        market,
        tuple(prices[outcome].price if outcome in prices else None for outcome in market.outcomes),
        known.is_estimated,
    )


def _moved(tick: PriceTick, at: datetime, prices: dict[int, float]) -> PriceTick:
    """A later tick with other prices, None for the outcomes that have none; invented, so marked estimated."""
    return PriceTick(
        at,
        tick.league,
        tick.season,
        tick.home,
        tick.away,
        tick.leg,
        tick.bookmaker,
        tick.market,
        tuple(prices.get(i) for i in range(len(tick.prices))),
        is_estimated=True,
    )


def _bridges(share: Floats, outcomes: int, rng: np.random.Generator) -> Floats:
    """(steps, outcomes) independent Brownian bridges from 0 to 0 at the rising instants `share` in [0, 1)."""
    gaps = np.diff(np.concatenate(([0.0], share, [1.0])))
    motion = np.cumsum(rng.normal(size=(len(gaps), outcomes)) * np.sqrt(gaps)[:, None], axis=0)
    return np.asarray(motion[:-1] - share[:, None] * motion[-1], dtype=np.float64)


def _prices(early: Floats, closing: Floats, share: Floats, noise: Floats) -> Floats:
    """(steps, outcomes) prices on the path, to a hundredth."""
    implied = np.log(np.stack([1 / early, 1 / closing]))
    overround = np.log(np.exp(implied).sum(axis=1))
    fair = implied - overround[:, None]
    s = share[:, None]
    y = (1 - s) * fair[0] + s * fair[1] + noise
    q = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    total = np.exp((1 - s) * overround[0] + s * overround[1])
    return np.asarray(np.maximum(np.round(1 / (q * total), 2), LOWEST_PRICE), dtype=np.float64)
