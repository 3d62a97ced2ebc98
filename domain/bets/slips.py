"""What settlement works on: bets with their legs, the facts of matches, and verdicts to be written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.bets.returns import net_price
from domain.markets.verdicts import OwnMarket
from touchline import Facts, MarketKey

PENDING: Final = "PENDING"
"""Of a bet, and in a verdict of a leg that need not be waited for."""


class Cause(StrEnum):
    """Why a verdict was given."""

    RESULT = "RESULT"
    """The match ended, or will not be played."""
    CORRECTED_RESULT = "CORRECTED_RESULT"
    """The facts of the verdict before were corrected."""
    BY_HAND = "BY_HAND"
    """Its owner settled it."""
    IMPORT = "IMPORT"
    """The file it came from said it."""


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """A match as far as bets on it are concerned; all instants are match time."""

    title: str
    """`Arsenal v Chelsea`."""
    kickoff_at: datetime
    updated_at: datetime
    facts: Facts


@dataclass(frozen=True, slots=True)
class Selected:
    """An outcome of a market in a match."""

    market: MarketKey
    outcome: str
    own: OwnMarket | None = None
    """Of a plugin's market."""


@dataclass(slots=True)
class Leg:
    """A leg as it stands; `match_id` and `selection_id` are None for one that only its owner can settle."""

    id: int
    match_id: int | None
    selection_id: int | None
    description: str
    price: Decimal
    commission: Decimal
    """Share of the winnings that the bookmaker keeps, as it was when the bet was placed."""
    kickoff_at: datetime | None
    """As it was told when the bet was placed."""
    result: str | None
    judged_at: datetime | None
    closing_probability: float | None
    closing_note: str | None

    @property
    def net_price(self) -> Decimal:
        """What one unit comes back as when the leg wins."""
        return net_price(self.price, self.commission)


@dataclass(slots=True)
class Bet:
    """A bet as it stands, with its legs in order; amounts are minor units of `currency`."""

    id: int
    account_id: int
    bankroll_id: int
    balance: int
    """Of its bankroll, as it stands under its lock."""
    currency: str
    stake: int
    status: str
    payout: int | None
    version: int
    placed_at: datetime
    is_deleted: bool
    cause: str | None
    """Of the verdict that counts; None while pending."""
    judged_as: tuple[str, int] | None
    """Status and payout of the newest automatic verdict, whether it counts or not."""
    closing_line_value: float | None
    legs: list[Leg] = field(default_factory=list)

    @property
    def is_pending(self) -> bool:
        return self.status == PENDING

    def value_at_close(self) -> float | None:
        """Price taken over fair closing price, minus 1; None unless every leg has a closing price."""
        return self._at_close([leg.price for leg in self.legs])

    def expected_at_close(self) -> float | None:
        """Profit of one unit to be expected by the closing prices, less commissions; None as `value_at_close`."""
        return self._at_close([leg.net_price for leg in self.legs])

    def _at_close(self, prices: Sequence[Decimal]) -> float | None:
        value = 1.0
        for price, leg in zip(prices, self.legs, strict=True):
            if leg.closing_probability is None:
                return None
            value *= float(price) * leg.closing_probability
        return value - 1


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict on a bet, to be written; `payout` is in minor units, stake included."""

    status: str
    payout: int
    leg_results: Sequence[str]
    trace: Sequence[str]
    """The verdict in words, step by step."""
    cause: Cause
    is_effective: bool = True
    """False for an automatic verdict beside one by hand, and for one that no bankroll could hold."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging changed: legs of a bet, in place, and a new verdict, if there is one."""

    bet: Bet
    legs: Sequence[Leg]
    ruling: Ruling | None
