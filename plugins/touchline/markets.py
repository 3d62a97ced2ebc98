"""A market of a plugin's own: what can be bet on, at which lines, and how a bet is settled.

    @dataclass(frozen=True)
    class TotalCards:
        key = "acme.total_cards"
        title = "Over/Under {line} cards"
        outcomes = ("over", "under")
        lines = Lines.QUARTER

        def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
            return settle_total(market, outcome, total_of(facts, "yellow_cards", "red_cards"), "card")

It is asked about finished matches only: a match that was abandoned, cancelled or awarded returns every stake before a
plugin is asked. Bets on one market of one match have exactly one winner, or every stake comes back; with two outcomes
at a quarter line, half of one is won where half of the other is lost.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Protocol

from touchline.settlement import BetResult, Facts, NotSettleable, Verdict, total_verdict
from touchline.types import MarketKey


class Lines(StrEnum):
    """At which lines a market is offered."""

    NONE = "none"
    """It has no line."""
    HALF = "half"
    """0.5, 1.5, …: no stake comes back."""
    WHOLE = "whole"
    """Steps of 0.5: at a whole line the stake can come back."""
    QUARTER = "quarter"
    """Steps of 0.25: at a quarter line the stake is split."""

    def has(self, line: float | None) -> bool:
        """Whether a market may have this line."""
        if self is Lines.NONE or line is None:
            return self is Lines.NONE and line is None
        if not math.isfinite(line):
            return False
        quarters = line * 4
        step = {Lines.HALF: 2, Lines.WHOLE: 2, Lines.QUARTER: 1}[self]
        return quarters == round(quarters) and quarters % step == 0 and (self is not Lines.HALF or quarters % 4 == 2)


class Market(Protocol):
    """A market of a plugin's own: what a plugin's `markets()` hook returns."""

    @property
    def key(self) -> str:
        """Stable name, `author.market`, in small letters, digits and `_`."""
        ...

    @property
    def title(self) -> str:
        """Its name for people; `{line}` stands for the line: `Over/Under {line} cards`."""
        ...

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Two or more outcome keys in their customary order, which is that of probabilities."""
        ...

    @property
    def lines(self) -> Lines: ...

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        """What became of a bet on an outcome, of a finished match; raises NotSettleable while facts are missing."""
        ...


def total_of(facts: Facts, *counts: str) -> int:
    """The sum of counts of both sides: `total_of(facts, "yellow_cards", "red_cards")`.

    Raises NotSettleable when one is not known, and AttributeError for a count that `Facts` does not have.
    """
    total = 0
    for name in counts:
        for side in ("home", "away"):
            value: int | None = getattr(facts, f"{side}_{name}")
            if value is None:
                raise NotSettleable(f"{name.replace('_', ' ')} are not known yet")
            total += value
    return total


def settle_total(market: MarketKey, outcome: str, count: int, thing: str) -> Verdict:
    """What became of a bet that a count is `over` or `under` the market's line.

    `thing` names what is counted, in the singular. Raises NotSettleable for another outcome, and without a line.
    """
    if outcome not in ("over", "under"):
        raise NotSettleable(f"{market} has no outcome {outcome}")
    return total_verdict(market, outcome, count, thing)


def possible_results_at(lines: Lines, line: float | None) -> frozenset[BetResult]:
    """Results that a bet on a plugin's market can have at a line; a market without a line may return stakes."""
    always = frozenset({BetResult.WON, BetResult.LOST, BetResult.VOID})
    if lines is Lines.NONE or line is None:
        return always | {BetResult.PUSH}
    steps = round(line * 4)
    halves = {BetResult.HALF_WON, BetResult.HALF_LOST} if steps % 2 else set()
    return always | halves | (set() if steps % 4 else {BetResult.PUSH})
