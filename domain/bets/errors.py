"""Why a bet is not taken."""

from __future__ import annotations

from decimal import Decimal

from domain.infra.errors import TouchlineError


class StaleOdds(TouchlineError):
    """The price fell by more than was accepted; `current` is None when it is no longer offered."""

    def __init__(self, message: str, requested: Decimal, current: Decimal | None, *, field: str) -> None:
        super().__init__(message)
        self.requested = requested
        self.current = current
        self.field = field


class MarketClosed(TouchlineError):
    """The market takes no bets: its match has begun, is over, or will not be played."""

    def __init__(self, message: str, status: str, *, field: str) -> None:
        super().__init__(message)
        self.status = status
        """`domain.markets.rules.MarketStatus`."""
        self.field = field


class InsufficientFunds(TouchlineError):
    """The bankroll holds less than is needed; `available` is in minor units of `currency`."""

    def __init__(self, message: str, available: int, currency: str, *, field: str = "input.stake") -> None:
        super().__init__(message)
        self.available = available
        self.currency = currency
        self.field = field
