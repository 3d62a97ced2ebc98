"""What a prediction was worth, given what happened. Pure.

What happened is what a bet on the market would have been settled by (`touchline.settlement`, or what a market's plugin
said): a match that was not played to its end, and a count that fell on the line, are no outcome, and what was predicted
is not graded. While a plugin has not spoken since its facts were corrected, what it said before them counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.markets.rules import MarketStatus, market_status
from domain.markets.verdicts import OwnMarket
from domain.matches.rules import Status
from touchline import BetResult, Facts, Floats, Ints, Kind, MarketKey, NotSettleable, settle
from touchline.margin import Flag, Method, remove_margin
from touchline.metrics import brier_scores, hits, log_losses, ranked_scores
from touchline.settlement import FINISHED, VOID_BECAUSE
from touchline.types import OUTCOMES

DECIDED: Final = tuple(
    status for status in Status if market_status(status) in (MarketStatus.SETTLED, MarketStatus.VOID)
)
"""Statuses of a match after which nothing more happens in it."""

NO_CLOSING: Final = "no sharp bookmaker, exchange or average priced the whole market within a day of kick-off"
BAD_CLOSING: Final = "the closing prices are impossible"


class NotGraded(Exception):
    """Nothing happened that a prediction could be held against; the message says why."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What became of a market."""

    place: int
    """Of the outcome, in the market's order."""
    outcome: str
    facts: str
    """What was counted, for example `2-1` or `11 corners`; of a plugin's market why its outcome won, in its words."""


def happened(market: MarketKey, facts: Facts, own: OwnMarket | None = None) -> Happened:
    """The outcome of a market, `own` for a plugin's; raises NotGraded."""
    if facts.status in VOID_BECAUSE:
        raise NotGraded(VOID_BECAUSE[facts.status])
    if facts.status != FINISHED:
        raise NotGraded("the match is not over")
    outcomes = OUTCOMES.get(market.kind, ("",)) if own is None else own.outcomes
    try:
        verdicts = [settle(market, each, facts) if own is None else own.verdict(each) for each in outcomes]
    except NotSettleable as error:
        raise NotGraded(str(error)) from None
    results = [verdict.result for verdict in verdicts]
    if results.count(BetResult.WON) != 1 or results.count(BetResult.LOST) != len(results) - 1:
        raise NotGraded("the count fell on the line, so that stakes came back")
    place = results.index(BetResult.WON)
    return Happened(place, outcomes[place], counted(market, facts) if own is None else verdicts[place].words)


def counted(market: MarketKey, facts: Facts) -> str:
    """The figures that a market rests on, in words; those of a finished match that are known."""
    if "corners" in market.kind:
        corners = (facts.home_corners or 0) + (facts.away_corners or 0)
        return f"{corners} corner" if corners == 1 else f"{corners} corners"
    full = f"{facts.home_goals}-{facts.away_goals}"
    half = f"{facts.half_time_home_goals}-{facts.half_time_away_goals}"
    return {"h1": f"{half} at half-time", "h2": f"{full} after {half} at half-time"}.get(market.period, full)


@dataclass(frozen=True, slots=True)
class Scores:
    """How good the probabilities of `n` predictions of one market were, each column `(n,)`."""

    log_loss: Floats
    brier: Floats
    ranked: Floats
    """NaN where the outcomes have no order."""
    is_hit: Floats
    """1 or 0."""


def score(kind: Kind, probabilities: Floats, outcomes: Ints) -> Scores:
    """The scores of (n, k) probabilities, given (n,) places of what happened."""
    is_ordered = kind is Kind.MATCH_RESULT or probabilities.shape[1] == 2
    return Scores(
        log_losses(probabilities, outcomes),
        brier_scores(probabilities, outcomes),
        ranked_scores(probabilities, outcomes) if is_ordered else np.full(len(outcomes), np.nan),
        hits(probabilities, outcomes),
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """What the market thought at kick-off."""

    probabilities: tuple[float, ...] | None = None
    """Margin-free, in the order of the outcomes."""
    source: str | None = None
    reason: str | None = NO_CLOSING
    """Why there are none."""


def without_margin(lines: Mapping[tuple[int, str], tuple[str, Sequence[float]]]) -> dict[tuple[int, str], Closing]:
    """The closing probabilities of each market from its source and prices, by Shin's method."""
    found: dict[tuple[int, str], Closing] = {}
    for width in {len(prices) for _, prices in lines.values()}:
        names = [name for name, (_, prices) in lines.items() if len(prices) == width]
        fair = remove_margin(np.array([lines[name][1] for name in names], dtype=np.float64), Method.SHIN)
        for name, row, flag in zip(names, fair.probabilities.tolist(), fair.flags.tolist(), strict=True):
            possible = flag != Flag.IMPOSSIBLE
            found[name] = Closing(tuple(row), lines[name][0], None) if possible else Closing(reason=BAD_CLOSING)
    return found
