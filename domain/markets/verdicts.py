"""What became of a bet on any market: our own by `touchline.settlement`, a plugin's by what its plugin said. Pure.

A plugin is asked beforehand, in a job, about finished matches only (`domain.markets.asking`); here its stored answer is
data. A match that was not played to its end returns every stake, without the plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.markets.rules import market_name, outcome_name
from touchline import BetResult, Facts, Lines, MarketKey, NotSettleable, Verdict, possible_results, settle
from touchline.markets import possible_results_at
from touchline.settlement import FINISHED, VOID_BECAUSE

UNASKED: Final = "its plugin has not said yet what became of it"
OUTDATED: Final = "its plugin has not spoken since the facts of the match were corrected"


@dataclass(frozen=True, slots=True)
class OwnMarket:
    """A plugin's own market in a match, and what its plugin said last became of it."""

    title: str
    lines: Lines
    outcomes: tuple[str, ...]
    """In their customary order."""
    results: tuple[BetResult, ...] | None = None
    """One for each outcome; None while nobody said."""
    sentences: tuple[str, ...] | None = None
    reason: str = UNASKED
    """Why there are no results."""
    told_at: datetime | None = None
    """Match time of the answer; None before the first one."""
    is_fresh: bool = False
    """Whether the answer rests on the facts of the match by now."""

    def verdict(self, outcome: str) -> Verdict:
        """What the plugin said of an outcome; raises NotSettleable."""
        if outcome not in self.outcomes:
            raise NotSettleable(f"{self.title} has no outcome {outcome}")
        if self.results is None or self.sentences is None:
            raise NotSettleable(self.reason)
        place = self.outcomes.index(outcome)
        return Verdict(self.results[place], self.sentences[place])


def market_verdict(market: MarketKey, outcome: str, facts: Facts, own: OwnMarket | None) -> Verdict:
    """What became of a bet on an outcome by the facts of now; `own` for a plugin's market. Raises NotSettleable."""
    if own is None:
        return settle(market, outcome, facts)
    if facts.status in VOID_BECAUSE:
        words = f"{market_name(market, own.title)}: {outcome_name(market, outcome)}"
        return Verdict(BetResult.VOID, f"{words}: {VOID_BECAUSE[facts.status]}: void, the stake is returned.")
    if facts.status != FINISHED:
        raise NotSettleable("the match is not over")
    if own.told_at is not None and not own.is_fresh:
        raise NotSettleable(OUTDATED)
    return own.verdict(outcome)


def results_of(market: MarketKey, own: OwnMarket | None) -> frozenset[BetResult]:
    """Results that a bet on a market can have; `own` for a plugin's."""
    return possible_results(market) if own is None else possible_results_at(own.lines, market.line)
