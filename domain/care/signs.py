"""Signs of chasing losses in the last seven days, in words. Pure.

Three signs, each of something that happened on `OFTEN` or more of the seven days, a day being one of the
person's own time zone:

- a stake of at least twice a bet that was lost within the hour before;
- a deposit within the hour after a bet was lost;
- a bet between midnight and five in the morning.

They count real money only, by when it was recorded, in machine time. A sign is a reason to think, not a
finding: an accumulator may be twice a small single, and some people work at night.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = 7
SOON = timedelta(hours=1)
NIGHT_ENDS = 5
"""O'clock, in the person's zone."""
OFTEN = 3
"""Days of seven."""


@dataclass(frozen=True, slots=True)
class Move:
    """A bet, a lost bet or a deposit."""

    kind: str
    """STAKE, LOST or DEPOSIT."""
    amount: int
    """Minor units: of a lost bet its stake."""
    currency: str
    at: datetime


def risk_signs(moves: Sequence[Move], zone: ZoneInfo) -> list[str]:
    """One sentence for each sign in the moves of the last seven days, given in their order; none without a sign."""
    losses = deque[Move]()
    doubled, refilled, nights = set[date](), set[date](), set[date]()
    for move in moves:
        while losses and losses[0].at < move.at - SOON:
            losses.popleft()
        if move.kind == "LOST":
            losses.append(move)
            continue
        lost = [loss.amount for loss in losses if loss.currency == move.currency]
        local = move.at.astimezone(zone)
        if move.kind == "DEPOSIT" and lost:
            refilled.add(local.date())
        if move.kind == "STAKE" and lost and move.amount >= 2 * min(lost):
            doubled.add(local.date())
        if move.kind == "STAKE" and local.hour < NIGHT_ENDS:
            nights.add(local.date())
    told = (
        (doubled, "Stakes doubled after losses"),
        (refilled, "Money was added right after losses"),
        (nights, "Bets were placed between midnight and 5 in the morning"),
    )
    return [f"{what} on {len(days)} of the last 7 days." for days, what in told if len(days) >= OFTEN]
