"""A verdict in words: why each leg came out as it did, and the arithmetic of what comes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain.bets.slips import Leg, MatchFacts
from domain.money import written
from touchline import BetResult, Verdict

RESULT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        BetResult.WON: "won",
        BetResult.HALF_WON: "half won",
        BetResult.PUSH: "the stake is returned",
        BetResult.HALF_LOST: "half lost",
        BetResult.LOST: "lost",
        BetResult.VOID: "void",
    }
)


def judged_words(leg: Leg, result: str | None, match: MatchFacts | None, verdict: Verdict | None) -> str:
    """A leg's result with its reason: `Arsenal v Chelsea: Over 2.5 goals: 3 goals were scored: won.`"""
    if match is not None and verdict is not None and verdict.result == result:
        return f"{match.title}: {verdict.words}"
    return f"{leg.description}: {'not decided and not needed' if result is None else RESULT_WORDS[result]}."


def by_hand_words(leg: Leg, result: str) -> str:
    """A leg that its owner settled: `Arsenal v Chelsea: Over 2.5 goals: settled by hand, won.`"""
    return f"{leg.description}: settled by hand, {RESULT_WORDS[result]}."


def return_words(stake: int, currency: str, legs: Sequence[tuple[Leg, str | None]], payout: int) -> str:
    """The arithmetic, without legs that are open: `Stake 10.00 EUR × (1 + 2.10) / 2 = 15.50 EUR returned.`"""
    factors = "".join(f" × {_factor_words(leg, result)}" for leg, result in legs if result is not None)
    return f"Stake {written(stake, currency)}{factors} = {written(payout, currency)} returned."


def price_words(price: Decimal) -> str:
    """Decimal odds with two decimals, or as many as they have."""
    return f"{price:.2f}" if price == round(price, 2) else f"{price.normalize():f}"


def _factor_words(leg: Leg, result: str) -> str:
    price = price_words(leg.price)
    match result:
        case BetResult.WON:
            return _less_commission(price, leg.commission)
        case BetResult.HALF_WON:
            return _less_commission(f"(1 + {price}) / 2", leg.commission)
        case BetResult.HALF_LOST:
            return "1 / 2"
        case BetResult.LOST:
            return "0"
        case _:
            return "1"


def _less_commission(factor: str, commission: Decimal) -> str:
    if not commission:
        return factor
    return f"({factor} less {(100 * commission).normalize():f} % commission on the winnings)"
