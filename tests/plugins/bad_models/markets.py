"""Markets: one of cards that keeps every promise, and others that break one each, by the check that must find it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from touchline import BetResult, Facts, Lines, MarketKey, NotSettleable, Verdict, settle_total, total_of

Settle = Callable[[MarketKey, str, Facts], Any]


def cards(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    return settle_total(market, outcome, total_of(facts, "yellow_cards", "red_cards"), "card")


@dataclass(frozen=True)
class Cards:
    """Total cards, which keeps every promise unless it is told otherwise."""

    key: Any = "good.total_cards"
    title: Any = "Over/Under {line} cards"
    outcomes: Any = ("over", "under")
    lines: Any = Lines.QUARTER
    how: Settle = cards

    def settle(self, market: MarketKey, outcome: str, facts: Facts) -> Any:
        return self.how(market, outcome, facts)


def first_goals(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    """Who led at half time: a market of three outcomes without a line."""
    if outcome not in ("home", "draw", "away"):
        raise NotSettleable(f"{market} has no outcome {outcome}")
    home, away = facts.half_time_home_goals, facts.half_time_away_goals
    if home is None or away is None:
        raise NotSettleable("the half-time score is not known yet")
    winner = "home" if home > away else "away" if away > home else "draw"
    result = BetResult.WON if outcome == winner else BetResult.LOST
    return Verdict(result, f"Half time, {outcome}: the score was {home}-{away}.")


HALF_TIME = Cards("good.half_time", "Half-time result", ("home", "draw", "away"), Lines.NONE, first_goals)


def not_at_0_0(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    if facts.home_goals == facts.away_goals == 0:
        raise NotSettleable("there is nothing to settle")
    return cards(market, outcome, facts)


def both_win(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    told = cards(market, outcome, facts)
    return Verdict(BetResult.WON, told.words) if told.result == BetResult.PUSH else told


def pushes_at_halves(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    told = cards(market, outcome, facts)
    return Verdict(BetResult.PUSH, told.words) if market.line == 2.5 else told


def only_under(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    told = cards(market, outcome, facts)
    return Verdict(BetResult.WON if outcome == "under" else BetResult.LOST, told.words)


def turned_at_high_lines(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    other = {"over": "under", "under": "over"}.get(outcome, outcome)
    return cards(market, other if (market.line or 0.0) > 20 else outcome, facts)


def unknown_is_0(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    if facts.home_yellow_cards is None and facts.away_yellow_cards is None:
        raise NotSettleable("cards are not known yet")
    yellow = (facts.home_yellow_cards or 0) + (facts.away_yellow_cards or 0)
    red = (facts.home_red_cards or 0) + (facts.away_red_cards or 0)
    return settle_total(market, outcome, yellow + red, "card")


def everything_else_loses(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    if outcome not in ("over", "under"):
        return Verdict(BetResult.LOST, "It is not among the outcomes.")
    return cards(market, outcome, facts)


def line_of_none(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    assert market.line is not None
    return cards(market, outcome, facts)


def counting(settled: count[int]) -> Settle:
    def settle(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
        told = cards(market, outcome, facts)
        return Verdict(told.result, f"Settlement {next(settled)}: {told.words}")

    return settle


def two_lines(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    told = cards(market, outcome, facts)
    return Verdict(told.result, told.words.replace(": ", ":\n"))


def slow(market: MarketKey, outcome: str, facts: Facts) -> Verdict:
    until = time.process_time() + (2e-5 if (market.line or 0.0) < 1 else 0.0)
    while time.process_time() < until:
        pass
    return cards(market, outcome, facts)


@dataclass(frozen=True)
class BadMarket:
    market: Cards
    sentence: str
    limits: Mapping[str, float] = field(default_factory=dict)


BAD = {
    "names_itself": BadMarket(Cards(key="Total Cards"), r"^The key 'Total Cards' must be `author\.market`"),
    "says_its_lines": BadMarket(
        Cards(lines="quarter lines"), r"^`lines` is 'quarter lines': give one of touchline\.Lines"
    ),
    "has_a_title": BadMarket(Cards(title="Cards"), r"^The title 'Cards' must have `\{line\}` exactly where"),
    "names_its_outcomes": BadMarket(Cards(outcomes=("Over", "Under")), r"^The outcome 'Over' must be in small letters"),
    "settles_every_match": BadMarket(
        Cards(how=not_at_0_0),
        r"over, a match of 0-0 \(corners .*: it says that the match cannot be settled \(there is no",
    ),
    "total_and_exclusive": BadMarket(
        Cards(how=both_win), r"a match of .*: over WON, under WON\. Exactly one outcome wins"
    ),
    "possible_at_the_line": BadMarket(
        Cards(how=pushes_at_halves), r"^good\.total_cards:2\.5:ft, over, a match of .*: PUSH cannot be at this line"
    ),
    "every_outcome_can_win": BadMarket(Cards(how=only_under), r"^over never wins, in 148 matches at 19 lines\.$"),
    "monotone_in_the_line": BadMarket(
        Cards(how=turned_at_high_lines), r"over is LOST at good\.total_cards:10:ft and WON at the higher .*:20\.5:ft"
    ),
    "guesses_no_missing_fact": BadMarket(
        Cards(how=unknown_is_0), r"without \w+_cards it says \w+, \w+, and with it \w+, \w+: raise NotSettleable"
    ),
    "other_outcomes_are_not_settled": BadMarket(
        Cards(how=everything_else_loses), r"^Asked about the outcome 'nobody', it says Verdict\(.*: raise NotSettleable"
    ),
    "a_missing_line_is_not_a_crash": BadMarket(
        Cards(how=line_of_none), r"^Asked without a line, settle\(\) raised AssertionError: .* Raise NotSettleable"
    ),
    "same_verdict_twice": BadMarket(
        Cards(how=counting(count())), r"it said \w+ \(Settlement \d+.* and then \w+ \(Settlem"
    ),
    "tells_why": BadMarket(Cards(how=two_lines), r"^good\.total_cards:0\.25:ft, over: '.*' is no sentence of one line"),
    "settles_in_time": BadMarket(
        Cards(how=slow), r"^A thousand settlements take .* 0\.004 are allowed", {"settle_seconds": 0.004}
    ),
}
