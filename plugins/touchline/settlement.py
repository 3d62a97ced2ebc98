"""What became of a bet on one outcome of a market, from the facts of its match.

    over, under    count - line, line - count               goals or corners of the period
    home, away     home - away + line, and its negative     Asian handicap; `line` is given to the home side

Above 0 wins, below 0 loses, 0 returns the stake. At a quarter line the stake is split, half on each of its two
neighbours, and the halves are settled by themselves (Pinnacle, "Asian handicap and double totals"; bet365,
"Asian handicap"). Goals and corners are those of 90 minutes and stoppage time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from touchline.types import OUTCOMES, Kind, MarketKey


class BetResult(StrEnum):
    """What a bet on an outcome came to."""

    WON = "WON"
    HALF_WON = "HALF_WON"
    """Half the stake won, half was returned."""
    PUSH = "PUSH"
    """The stake was returned, since the count was the line."""
    HALF_LOST = "HALF_LOST"
    """Half the stake was returned, half was lost."""
    LOST = "LOST"
    VOID = "VOID"
    """The stake was returned, since the match was not played to its end."""


FINISHED: Final = "FINISHED"
VOID_BECAUSE: Final[Mapping[str, str]] = {
    "ABANDONED": "the match was abandoned",
    "AWARDED": "the result was awarded and not played",
    "CANCELLED": "the match was cancelled",
}
"""Statuses of a match that return every stake, in words."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a match; a count is None while it is not."""

    status: str
    """`FINISHED`, one of `VOID_BECAUSE`, or any other for a match that is not over."""
    home_goals: int | None = None
    away_goals: int | None = None
    half_time_home_goals: int | None = None
    half_time_away_goals: int | None = None
    home_corners: int | None = None
    away_corners: int | None = None
    home_yellow_cards: int | None = None
    away_yellow_cards: int | None = None
    home_red_cards: int | None = None
    away_red_cards: int | None = None
    home_shots: int | None = None
    away_shots: int | None = None
    home_shots_on_target: int | None = None
    away_shots_on_target: int | None = None
    home_fouls: int | None = None
    away_fouls: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A `BetResult` and why, in one sentence."""

    result: str
    words: str


class NotSettleable(Exception):
    """The facts do not say what became of the bet, or nobody can tell from such facts; the message says which."""


def settle(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    """What became of a bet on an outcome of a market; raises NotSettleable."""
    title = _title(market, outcome)
    if facts.status in VOID_BECAUSE:
        return Verdict(BetResult.VOID, f"{title}: {VOID_BECAUSE[facts.status]}: void, the stake is returned.")
    if facts.status != FINISHED:
        raise NotSettleable("the match is not over")
    if market.kind is Kind.MATCH_RESULT:
        return _three_way(title, outcome, _goals(facts, market.period))
    if market.kind is Kind.BOTH_TEAMS_TO_SCORE:
        home, away = _goals(facts, market.period)
        scored = "yes" if home and away else "no"
        return _verdict(title, f"the score was {home}-{away}", BetResult.WON if outcome == scored else BetResult.LOST)
    return _by_line(title, market, outcome, facts)


def possible_results(market: MarketKey) -> frozenset[BetResult]:
    """Results that a bet on the market can have: a whole line can push, only a quarter line gives halves.

    All of them where the market is not one that `settle` knows.
    """
    always = frozenset({BetResult.WON, BetResult.LOST, BetResult.VOID})
    if market.kind in _WITH_LINE and market.line is not None and market.line * 4 == round(market.line * 4):
        steps = round(market.line * 4)
        halves = {BetResult.HALF_WON, BetResult.HALF_LOST} if steps % 2 else set()
        return always | halves | (set() if steps % 4 else {BetResult.PUSH})
    return always if market.kind in _SETTLED - _WITH_LINE else frozenset(BetResult)


_WITH_LINE: Final = frozenset({Kind.TOTAL_GOALS, Kind.TOTAL_CORNERS, Kind.ASIAN_HANDICAP})
_SETTLED: Final = _WITH_LINE | {Kind.MATCH_RESULT, Kind.BOTH_TEAMS_TO_SCORE}
_RESULTS: Final = (BetResult.LOST, BetResult.HALF_LOST, BetResult.PUSH, BetResult.HALF_WON, BetResult.WON)
"""By the sum of the signs of both halves of a stake, from -2 to 2."""
_ENDINGS: Final[Mapping[BetResult, str]] = {
    BetResult.WON: "won",
    BetResult.HALF_WON: "half is won, half is returned",
    BetResult.PUSH: "the stake is returned",
    BetResult.HALF_LOST: "half is returned, half is lost",
    BetResult.LOST: "lost",
}
_PERIODS: Final[Mapping[str, str]] = {"ft": "", "h1": ", 1st half", "h2": ", 2nd half"}


def _three_way(title: str, outcome: str, goals: tuple[int, int]) -> Verdict:
    home, away = goals
    winner = "home" if home > away else "away" if away > home else "draw"
    return _verdict(title, f"the score was {home}-{away}", BetResult.WON if outcome == winner else BetResult.LOST)


def _by_line(title: str, market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    """A bet that the count, or the difference, is on one side of a line."""
    happened, count = _count(market, facts)
    line = _quarters(market)
    if market.kind is Kind.ASIAN_HANDICAP:
        line = line if outcome == "home" else -line
        above = 4 * (count if outcome == "home" else -count) + line
    else:
        above = 4 * count - line if outcome == "over" else line - 4 * count
    return _verdict(title, f"{_split(market, line)}{happened}", _result(above, line))


def _result(above: int, line: int) -> BetResult:
    """The result of a bet that is so many quarters above 0, at a line in quarters."""
    halves = (above - 1, above + 1) if line % 2 else (above, above)
    return _RESULTS[2 + sum((half > 0) - (half < 0) for half in halves)]


def total_verdict(market: MarketKey, outcome: str, count: int, thing: str) -> Verdict:
    """A bet that a count is over or under the market's line, as `touchline.markets.settle_total` tells it."""
    line = _quarters(market)
    things, verb = _counted(count, thing)
    title = f"{outcome.capitalize()} {_written(market, line)} {thing}s{_PERIODS.get(market.period, '')}"
    above = 4 * count - line if outcome == "over" else line - 4 * count
    return _verdict(title, f"{_split(market, line)}there {verb} {things}", _result(above, line))


def _count(market: MarketKey, facts: Facts) -> tuple[str, int]:
    """What happened, in words and as a number: a sum, or for a handicap the home side's lead."""
    if market.kind is Kind.TOTAL_CORNERS:
        corners = sum(_corners(facts, market.period))
        things, verb = _counted(corners, "corner")
        return f"there {verb} {things}", corners
    home, away = _goals(facts, market.period)
    if market.kind is Kind.ASIAN_HANDICAP:
        return f"the score was {home}-{away}", home - away
    things, verb = _counted(home + away, "goal")
    return f"{things} {verb} scored", home + away


def _goals(facts: Facts, period: str) -> tuple[int, int]:
    """Home and away goals of a period; raises NotSettleable."""
    full = _both(facts.home_goals, facts.away_goals, "the score is not known yet")
    if period == "ft":
        return full
    half = _both(facts.half_time_home_goals, facts.half_time_away_goals, "the half-time score is not known yet")
    later = full[0] - half[0], full[1] - half[1]
    if min(later) < 0:
        raise NotSettleable("the half-time score is above the final one")
    return half if period == "h1" else later


def _corners(facts: Facts, period: str) -> tuple[int, int]:
    if period != "ft":
        raise NotSettleable("corners are known of the whole match only")
    return _both(facts.home_corners, facts.away_corners, "corners are not known yet")


def _both(home: int | None, away: int | None, otherwise: str) -> tuple[int, int]:
    if home is None or away is None:
        raise NotSettleable(otherwise)
    return home, away


def _quarters(market: MarketKey) -> int:
    """A market's line in quarters; raises NotSettleable when it has none of them."""
    steps = None if market.line is None else market.line * 4
    if steps is None or steps != round(steps):
        raise NotSettleable(f"{market} has no line in quarters")
    return round(steps)


def _title(market: MarketKey, outcome: str) -> str:
    """The outcome for people; raises NotSettleable for a market or outcome that facts do not settle."""
    if market.kind not in _SETTLED or market.period not in _PERIODS:
        raise NotSettleable(f"{market} is settled by hand")
    if outcome not in OUTCOMES[market.kind]:
        raise NotSettleable(f"{market} has no outcome {outcome}")
    return f"{_name(market, outcome)}{_PERIODS[market.period]}"


def _name(market: MarketKey, outcome: str) -> str:
    word = outcome.capitalize()
    match market.kind:
        case Kind.MATCH_RESULT:
            return word if outcome == "draw" else f"{word} win"
        case Kind.BOTH_TEAMS_TO_SCORE:
            return f"Both teams to score, {outcome}"
        case Kind.ASIAN_HANDICAP:
            line = _quarters(market)
            return f"{word} {_written(market, line if outcome == 'home' else -line)}"
        case _:
            thing = "corners" if market.kind is Kind.TOTAL_CORNERS else "goals"
            return f"{word} {_written(market, _quarters(market))} {thing}"


def _split(market: MarketKey, line: int) -> str:
    """How the stake on a quarter line is split, smaller number first."""
    if line % 2 == 0:
        return ""
    lower, upper = sorted((line - 1, line + 1), key=abs)
    return f"the stake is split on {_written(market, lower)} and {_written(market, upper)}; "


def _written(market: MarketKey, quarters: int) -> str:
    is_signed = market.kind is Kind.ASIAN_HANDICAP and quarters
    return f"{quarters / 4:+g}" if is_signed else f"{quarters / 4:g}"


def _counted(count: int, thing: str) -> tuple[str, str]:
    """So many things, and the verb that goes with them."""
    return (f"1 {thing}", "was") if count == 1 else (f"{count or 'no'} {thing}s", "were")


def _verdict(title: str, happened: str, result: BetResult) -> Verdict:
    return Verdict(result, f"{title}: {happened}: {_ENDINGS[result]}.")
