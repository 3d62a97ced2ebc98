"""What an import has come to, as it is counted and as its owner is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from domain import money
from domain.bets.importing.grouping import Slip
from domain.bets.importing.matching import Found

SHOWN = 10
"""Bets that are told as they were understood."""


@dataclass(slots=True)
class Tally:
    """What an import has come to; amounts in minor units."""

    recorded: int = 0
    """New bets; on a dry run those that would be."""
    already_there: int = 0
    linked: int = 0
    """New bets on matches of ours."""
    pending: int = 0
    net_of_commission: int = 0
    """New bets whose payout lacks a commission."""
    rejected_lines: int = 0
    stake: int = 0
    profit: int = 0
    """Of settled bets."""
    first: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def told(cls, result: Mapping[str, Any], currency: str) -> Self:
        """The tally that an earlier run of an import told by `tell`."""
        [totals] = result["totals"]
        return cls(
            recorded=result["recordedCount"],
            already_there=result["alreadyThereCount"],
            linked=result["linkedCount"],
            pending=result["pendingCount"],
            net_of_commission=result["netOfCommissionCount"],
            rejected_lines=result["rejectedLineCount"],
            stake=money.minor(Decimal(totals["stake"]), currency),
            profit=money.minor(Decimal(totals["profit"]), currency),
            first=result["firstBets"],
        )

    def count(
        self, new: Sequence[tuple[Slip, Sequence[Found | None]]], recorded: int, in_file: int, currency: str
    ) -> None:
        """Add a batch: its new bets with their matches, how many were recorded, and how many the file has."""
        self.recorded += recorded
        self.already_there += in_file - recorded
        for slip, found in new:
            self.linked += any(found)
            self.net_of_commission += slip.is_net
            self.pending += slip.payout is None
            self.stake += slip.stake
            self.profit += 0 if slip.payout is None else slip.payout - slip.stake
            if len(self.first) < SHOWN:
                self.first.append(_shown(slip, found, currency))

    def tell(self, currency: str) -> dict[str, Any]:
        """The same for people; amounts in major units."""
        stake, profit = (str(money.major(units, currency)) for units in (self.stake, self.profit))
        return {
            "recordedCount": self.recorded,
            "alreadyThereCount": self.already_there,
            "linkedCount": self.linked,
            "pendingCount": self.pending,
            "netOfCommissionCount": self.net_of_commission,
            "rejectedLineCount": self.rejected_lines,
            "totals": [{"currency": currency, "stake": stake, "profit": profit}],
            "firstBets": self.first,
        }


def _shown(slip: Slip, found: Sequence[Found | None], currency: str) -> dict[str, Any]:
    """A bet as it was understood."""
    first = slip.first
    return {
        "line": first.number,
        "placedAt": first.placed.instant.isoformat().replace("+00:00", "Z"),
        "stake": str(money.major(slip.stake, currency)),
        "payout": None if slip.payout is None else str(money.major(slip.payout, currency)),
        "status": slip.status or "PENDING",
        "tags": first.tags,
        "notes": first.notes,
        "legs": [
            {
                "description": leg.words,
                "odds": f"{leg.odds.price.normalize():f}",
                "result": leg.result,
                "bookmaker": leg.bookmaker or None,
                "match": None if match is None else match.title,
                "market": None if match is None else str(match.market),
                "outcome": None if match is None else match.outcome,
            }
            for leg, match in zip(slip.legs, found, strict=True)
        ],
    }
