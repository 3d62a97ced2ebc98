"""Taking the bookmaker's margin out of prices: five methods, vectorised over rows.

With q = 1 / price and B = sum q (the book), the fair probabilities p are

    multiplicative  p = q / B
    additive        p = q - (B - 1) / n                                    may fall below 0: flagged
    power           p = q^k,                          k with sum p = 1
    odds_ratio      p = q / (c + q - c·q),            c with sum p = 1     (Cheung 2015)
    shin            p = (sqrt(z² + 4(1 - z)·q²/B) - z) / (2(1 - z)),  z with sum p = 1
                    z: share of insiders among the bettors (Shin 1993; Jullien & Salanié 1994)

Roots are bracketed, so no row can diverge. Nothing is repaired in silence: every row carries a flag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np

from touchline.types import Floats, Ints

MAX_STEPS = 200
"""Steps after which no root was found; four to eight are usual."""

EXACT = 1e-14
"""Change of a parameter, or width of its bracket, below which it is found."""

_Parametrised = Callable[[Floats], tuple[Floats, Floats]]
"""(n, outcomes) probabilities of a parameter (n,), and their slopes by it."""


class Method(StrEnum):
    """Ways to take the margin out; they differ by little, Shin and the odds ratio being a fine default."""

    MULTIPLICATIVE = "multiplicative"
    ADDITIVE = "additive"
    POWER = "power"
    SHIN = "shin"
    ODDS_RATIO = "odds_ratio"


class Flag(IntEnum):
    """What to know of a row."""

    FINE = 0
    UNDERROUND = 1
    """The book is below 1: no margin to remove. Shin has no answer there and the row is multiplicative."""
    IMPOSSIBLE = 2
    """A price is missing or not above 1, or the method gives a probability that is not above 0: the row is NaN."""


@dataclass(frozen=True, slots=True)
class FairPrices:
    """Margin-free probabilities of `n` books."""

    probabilities: Floats
    """(n, outcomes); a row sums to 1, or is NaN where it is flagged IMPOSSIBLE."""
    overround: Floats
    """(n,) the book's margin, sum of 1/price minus 1; NaN where a price is missing."""
    parameter: Floats
    """(n,) the method's k, c or z; NaN where it has none."""
    flags: Ints
    """(n,) `Flag` of each row."""


def overround(prices: Floats) -> Floats:
    """(n,) margin of each book of decimal prices (n, outcomes); NaN where a price is missing or not above 1."""
    return np.asarray(_implied(prices).sum(axis=1) - 1, dtype=np.float64)


def remove_margin(prices: Floats, method: Method = Method.SHIN) -> FairPrices:
    """Fair probabilities from decimal prices (n, outcomes). ValueError when they are not of that shape."""
    implied = _implied(prices)
    margin = implied.sum(axis=1) - 1
    known = np.isfinite(margin)
    probabilities, parameter = np.full(implied.shape, np.nan), np.full(len(implied), np.nan)
    if known.any():
        probabilities[known], parameter[known] = _METHODS[method](implied[known])
    possible = known & (np.nan_to_num(probabilities) > 0).all(axis=1)
    probabilities[~possible] = np.nan
    flags = np.where(possible, np.where(margin < -1e-12, Flag.UNDERROUND, Flag.FINE), Flag.IMPOSSIBLE)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return FairPrices(probabilities, margin, parameter, flags.astype(np.int64))


def _implied(prices: Floats) -> Floats:
    """(n, outcomes) inverse prices, NaN where a price is missing or not above 1."""
    table = np.asarray(prices, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"prices must be of the shape (n, outcomes) and are {table.shape}")
    usable = np.isfinite(table) & (table > 1)
    return np.asarray(1 / np.where(usable, table, np.nan), dtype=np.float64)


def _multiplicative(implied: Floats) -> tuple[Floats, Floats]:
    return implied / implied.sum(axis=1, keepdims=True), np.full(len(implied), np.nan)


def _additive(implied: Floats) -> tuple[Floats, Floats]:
    margin = implied.sum(axis=1, keepdims=True) - 1
    return implied - margin / implied.shape[1], np.full(len(implied), np.nan)


def _power(implied: Floats) -> tuple[Floats, Floats]:
    logs = np.log(implied)
    high = np.log(implied.shape[1]) / -logs.max(axis=1)  # there every term is at most 1/n

    def probabilities(k: Floats) -> tuple[Floats, Floats]:
        p = np.exp(k[:, None] * logs)
        return p, p * logs

    k = _root(probabilities, np.zeros(len(implied)), high)
    return probabilities(k)[0], k


def _odds_ratio(implied: Floats) -> tuple[Floats, Floats]:
    logits: Floats = np.log(implied) - np.log1p(-implied)
    even = -np.log(implied.shape[1] - 1.0)  # logit of 1/n
    low, high = logits.min(axis=1) - even, logits.max(axis=1) - even

    def probabilities(log_c: Floats) -> tuple[Floats, Floats]:
        p = 1 / (1 + np.exp(log_c[:, None] - logits))
        return p, -p * (1 - p)

    log_c = _root(probabilities, low, high)
    return probabilities(log_c)[0], np.exp(log_c)


def _shin(implied: Floats) -> tuple[Floats, Floats]:
    book = implied.sum(axis=1)
    fair, z = implied / book[:, None], np.zeros(len(implied))
    is_book = book > 1
    squares = implied[is_book] ** 2 / book[is_book, None]

    def probabilities(z: Floats) -> tuple[Floats, Floats]:
        # The same as the formula above, written so that z near 1 loses no digits.
        root = np.sqrt(z[:, None] ** 2 + 4 * (1 - z[:, None]) * squares)
        p = 2 * squares / (root + z[:, None])
        return p, -p * (1 - p) / root

    z[is_book] = _root(probabilities, np.zeros(len(squares)), np.ones(len(squares)))
    fair[is_book], _ = probabilities(z[is_book])
    return fair, z


def _root(probabilities: _Parametrised, low: Floats, high: Floats) -> Floats:
    """(n,) where falling probabilities of a bracketed parameter sum to 1.

    Newton's step where it stays within the bracket, else half of it. A row that is found stays as it is, so its last
    bit does not depend on the other rows.
    """
    x, is_found = (low + high) / 2, np.zeros(len(low), dtype=bool)
    for _ in range(MAX_STEPS):
        p, slopes = probabilities(x)
        above = p.sum(axis=1) - 1
        low, high = np.where(above > 0, x, low), np.where(above > 0, high, x)
        newton = x - above / slopes.sum(axis=1)
        # At the root rounding may put the step a hair outside the bracket.
        is_found |= np.minimum(np.abs(newton - x), high - low) <= EXACT * (1 + np.abs(x))
        inside = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
        x = np.where(is_found, x, inside)
        if is_found.all():
            return x
    raise ArithmeticError(f"no parameter makes {np.count_nonzero(~is_found)} books fair after {MAX_STEPS} steps")


_METHODS: Mapping[Method, Callable[[Floats], tuple[Floats, Floats]]] = {
    Method.MULTIPLICATIVE: _multiplicative,
    Method.ADDITIVE: _additive,
    Method.POWER: _power,
    Method.SHIN: _shin,
    Method.ODDS_RATIO: _odds_ratio,
}
