"""Whether a score of confidence means what it says: what was shown in each band, and how often it happened.

The likeliest outcome of a match was shown with a mean confidence of s points and happened in h of n matches. By chance
alone h / n strays from s / 100 with a standard error of √(s / 100 · (1 - s / 100) / n).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from domain.grades.flat import FlatBets
from domain.markets.results import own_market
from domain.markets.verdicts import market_verdict
from touchline import BetResult, Facts, MarketKey, NotSettleable
from touchline.metrics import wilson

CLOSE_ENOUGH: Final = 0.03
"""How far a hit rate may be from the mean shown, whatever the standard error says."""

LEAST_SCORED: Final = 100
"""Matches from which a league's predictability is told."""


@dataclass(frozen=True, slots=True)
class BandRecord:
    """What was shown in a band, and what happened."""

    count: int = 0
    shown: float = 0.0
    """Mean confidence, points."""
    hits: int = 0

    @property
    def hit_rate(self) -> float | None:
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % of the hit rate (Wilson)."""
        return wilson(self.hits, self.count) if self.count else None

    @property
    def is_calibrated(self) -> bool | None:
        """Whether the hit rate is within three points or two standard errors of the mean shown."""
        if not self.count:
            return None
        share = self.shown / 100
        error = sqrt(max(0.0, share * (1 - share)) / self.count)
        return abs(self.hits / self.count - share) <= max(CLOSE_ENOUGH, 2 * error)

    def __add__(self, other: BandRecord) -> BandRecord:
        count = self.count + other.count
        shown = (self.shown * self.count + other.shown * other.count) / count if count else 0.0
        return BandRecord(count, shown, self.hits + other.hits)


def predictability_bands(leagues: Mapping[int, tuple[float, int]]) -> dict[int, str]:
    """HIGH, MEDIUM or LOW by thirds of the mean ranked probability scores, lowest first; given with their matches.

    UNKNOWN for leagues with fewer than `LEAST_SCORED`, which do not count among the thirds.
    """
    known = sorted((score, key) for key, (score, count) in leagues.items() if count >= LEAST_SCORED)
    thirds = ("HIGH", "MEDIUM", "LOW")
    bands = {key: thirds[int(3 * (place + 0.5) / len(known))] for place, (_, key) in enumerate(known)}
    return dict.fromkeys(leagues, "UNKNOWN") | bands


def flat_value(found: Iterable[Mapping[str, Any]], fact_columns: Iterable[str]) -> FlatBets:
    """One unit on each value bet whose match was decided, after commission; what came to nothing is no bet.

    A row has the columns of facts that are named, and those of `domain.markets.results.OWN` for a plugin's market.
    """
    columns = tuple(fact_columns)
    bets = FlatBets()
    for row in found:
        try:
            facts = Facts(*(row[name] for name in columns))
            verdict = market_verdict(MarketKey.parse(row["market_key"]), row["outcome_key"], facts, own_market(row))
        except NotSettleable:
            continue
        if verdict.result != BetResult.VOID:
            won, back = _RETURNED[BetResult(verdict.result)]
            net = 1 + (row["price"] - 1) * (1 - row["commission"])
            bets += FlatBets(1, won * net + back - 1)
    return bets


_RETURNED: Final[Mapping[BetResult, tuple[float, float]]] = {
    BetResult.WON: (1.0, 0.0),
    BetResult.HALF_WON: (0.5, 0.5),
    BetResult.PUSH: (0.0, 1.0),
    BetResult.HALF_LOST: (0.0, 0.5),
    BetResult.LOST: (0.0, 0.0),
}
"""Shares of a stake that are paid at the price, and that come back."""
