"""A strategy that fails in the way its first offer's outcome is called, and a market with two winners."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from touchline import (
    Assessment,
    BetResult,
    Facts,
    Lines,
    Market,
    MarketKey,
    NotSettleable,
    Offer,
    Strategy,
    Verdict,
    hookimpl,
)


@dataclass(frozen=True)
class Temperamental:
    """A strategy; in a good mood the edge is the number of its process."""

    key: str = "bad.temperamental"
    version: str = "1"

    def assess(
        self, market: MarketKey, probabilities: Mapping[str, float], offers: Sequence[Offer]
    ) -> Sequence[Assessment]:
        mood = offers[0].outcome
        if mood == "hangs":
            time.sleep(60)
        if mood == "dies":
            os._exit(3)
        if mood == "raises":
            raise RuntimeError("not today")
        if mood == "invents":
            return [Assessment(Offer("nobody", "home", 2.0, 0.0, False, 0.0), 0.5, 0.0, 0.0, "NONE")]
        if mood == "mumbles":
            return [Assessment(offers[0], float("nan"), 0.0, 0.0, "NONE")]
        if mood == "forks" and os.fork() == 0:
            return [Assessment(offers[0], 0.0, 0.0, 0.0, "NONE")]
        return [Assessment(offers[0], 0.5, float(os.getpid()), 0.0, "NONE")]


class Shameless:
    """A market; its line says how it misbehaves."""

    key = "bad.shameless"
    title = "Shameless {line}"
    outcomes = ("over", "under")
    lines = Lines.HALF

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        if market.line == 0.5:
            raise NotSettleable("nobody\x1b[31m\ncounted")
        if market.line == 1.5:
            raise LookupError("no such table")
        if market.line == 2.5:
            return Verdict(BetResult.WON, "Everybody wins.")
        if market.line == 3.5:
            return Verdict(BetResult.PUSH, "Nobody wins.")
        return Verdict(BetResult.WON if outcome == "over" else BetResult.LOST, f"{outcome}\nit is." + "!" * 999)


@hookimpl
def markets() -> list[Market]:
    """The market."""
    return [Shameless()]


@hookimpl
def strategies() -> list[Strategy]:
    """The strategy."""
    return [Temperamental()]
