"""What comes back of a bet once its legs are judged. Pure.

    WON        d             d: decimal price, net
    HALF_WON   (1 + d) / 2   half the stake won, half returned
    PUSH, VOID 1
    HALF_LOST  1 / 2
    LOST       0

An exchange keeps a commission c of the winnings and nothing of the stake, so that a price d is worth 1 + (d - 1)(1 - c)
net: 5.00 less 2 % is 4.92 (Smarkets, "Bet calculator"). Exchanges reckon it on the net winnings of a market, where
lost bets lessen it; a ledger of single bets takes it of each.

A bet returns its stake times the product of its legs' factors (SBOBET, "How do I calculate odds and winnings for a
mix parlay bet?"), rounded half to even to a whole minor unit, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, localcontext

from domain.money import times
from touchline import BetResult

HALF = Decimal("0.5")
_EXACT = Context(prec=10_000, traps=[Inexact])
"""Products of prices without rounding: the order of the legs must not matter."""


def net_price(price: Decimal, commission: Decimal) -> Decimal:
    """What one unit comes back as when it wins at a decimal price, less a commission on the winnings, exactly."""
    return 1 + (price - 1) * (1 - commission)


def factor(price: Decimal, result: str) -> Decimal:
    """What one unit staked at a net price comes back as; raises ValueError for a word that is no result."""
    match BetResult(result):
        case BetResult.WON:
            return price
        case BetResult.HALF_WON:
            return (1 + price) * HALF
        case BetResult.HALF_LOST:
            return HALF
        case BetResult.LOST:
            return Decimal(0)
        case _:
            return Decimal(1)


def returned(stake: int, legs: Sequence[tuple[Decimal, str]]) -> tuple[str, int]:
    """Status and payout, in minor units, of a bet on legs of a net price and a result each.

    A single has the result of its leg. An accumulator is VOID when all legs are, LOST when one is, PUSH when just
    the stake comes back and HALF_LOST when less does; when more does it is WON, or HALF_WON if a leg was half won
    or half lost. A void leg is as good as none.
    """
    with localcontext(_EXACT):
        product = Decimal(1)
        for price, result in legs:
            product *= factor(price, result)
        return _status(product, {result for _, result in legs}), times(stake, product)


def _status(product: Decimal, results: Iterable[str]) -> BetResult:
    counted = set(results) - {BetResult.VOID}
    if not counted:
        return BetResult.VOID
    if BetResult.LOST in counted:
        return BetResult.LOST
    if product == 1:
        return BetResult.PUSH
    if product < 1:
        return BetResult.HALF_LOST
    is_half = counted & {BetResult.HALF_WON, BetResult.HALF_LOST}
    return BetResult.HALF_WON if is_half else BetResult.WON
