"""What a price is worth: edge, Kelly's share of the bankroll and the words for it.

edge  = p · (1 + (d - 1)(1 - c)) - 1        p probability, d decimal price, c commission on winnings
kelly = max(0, edge / ((d - 1)(1 - c)))     Kelly, Bell System Technical Journal 35 (1956)
"""

from __future__ import annotations

from enum import StrEnum

STRONG_ABOVE = 0.20
MODERATE_FROM = 0.10


class Recommendation(StrEnum):
    """An edge in a word: STRONG above 0.20, MODERATE from 0.10 to 0.20, SLIGHT above 0, NONE otherwise."""

    STRONG = "STRONG"
    MODERATE = "MODERATE"
    SLIGHT = "SLIGHT"
    NONE = "NONE"


def net_odds(price: float, commission: float = 0.0) -> float:
    """Profit of one unit staked and won, after commission. ValueError for a price of 1 or less."""
    if not price > 1 or not 0 <= commission < 1:
        raise ValueError(f"a price lies above 1 and a commission from 0 to below 1, not {price:g} and {commission:g}")
    return (price - 1) * (1 - commission)


def edge(probability: float, price: float, commission: float = 0.0) -> float:
    """Expected profit of one unit staked."""
    return probability * (1 + net_odds(price, commission)) - 1


def kelly(probability: float, price: float, commission: float = 0.0) -> float:
    """Full Kelly share of the bankroll, 0 where there is no edge."""
    return max(0.0, edge(probability, price, commission) / net_odds(price, commission))


def recommendation(edge: float) -> Recommendation:
    """An edge in a word."""
    if edge > STRONG_ABOVE:
        return Recommendation.STRONG
    if edge >= MODERATE_FROM:
        return Recommendation.MODERATE
    return Recommendation.SLIGHT if edge > 0 else Recommendation.NONE
