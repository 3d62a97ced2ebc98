"""What markets are called, in which order they stand, and what a match's status does to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Final

from domain.matches.rules import PLAYING, Status
from touchline import Kind, Lines, MarketKey


class MarketStatus(StrEnum):
    """Whether a market of a match can still be bet on."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    """Betting is over, the outcome is not known: the match is on, interrupted, or its day is not known."""
    SETTLED = "SETTLED"
    VOID = "VOID"
    """Nobody wins: stakes are returned."""


_VOID = frozenset({Status.ABANDONED, Status.CANCELLED, Status.AWARDED})
"""An awarded score was never played; bookmakers return stakes, and so do we."""

_PERIODS: Final[Mapping[str, str]] = {"ft": "", "h1": "1st half", "h2": "2nd half", "et": "Extra time"}
_SETTLED_PERIODS: Final = ("ft", "h1", "h2")
"""Periods that the facts of a match tell of."""


@dataclass(frozen=True, slots=True)
class OwnKind:
    """A plugin's own market: what its lines have in common."""

    key: str
    title: str
    """`{line}` stands for the line."""
    outcomes: tuple[str, ...]
    """In their customary order."""
    lines: Lines

    def has(self, market: MarketKey) -> bool:
        """Whether it has this line, written as its canonical key writes it, in a period that facts tell of."""
        line = market.line
        if line is not None and not (isfinite(line) and float(f"{line:g}") == line and str(line) != "-0.0"):
            return False
        return market.name == self.key and self.lines.has(line) and market.period in _SETTLED_PERIODS


def market_status(status: Status) -> MarketStatus:
    """The status of every market of a match with this status."""
    if status in _VOID:
        return MarketStatus.VOID
    if status is Status.FINISHED:
        return MarketStatus.SETTLED
    if status in PLAYING or status is Status.SUSPENDED:
        return MarketStatus.CLOSED
    return MarketStatus.OPEN


def market_name(market: MarketKey, title: str | None = None) -> str:
    """The market for people: `Match result`, `Over/Under 2.5 goals`, `Asian handicap -0.75`.

    `title` is that of a plugin's own market, `Over/Under {line} cards`; without one its key stands for it.
    """
    name = title or market.name if market.name else _NAMES[market.kind]
    if market.kind is Kind.ASIAN_HANDICAP:
        name = f"{name} {signed_line(market.line or 0.0)}"
    elif market.line is not None:
        name = name.replace("{line}", f"{market.line:g}")
    period = _PERIODS.get(market.period, market.period)
    return f"{name}, {period}" if period else name


_NAMES: Final[Mapping[Kind, str]] = {
    Kind.MATCH_RESULT: "Match result",
    Kind.TOTAL_GOALS: "Over/Under {line} goals",
    Kind.BOTH_TEAMS_TO_SCORE: "Both teams to score",
    Kind.TOTAL_CORNERS: "Over/Under {line} corners",
    Kind.ASIAN_HANDICAP: "Asian handicap",
    Kind.TEAM_TOTAL_GOALS: "Team total {line} goals",
    Kind.CORRECT_SCORE: "Correct score",
    Kind.CUSTOM: "Other",
}


def kind_name(title: str) -> str:
    """All lines of a plugin's own market for people: `Over/Under cards`."""
    return " ".join(title.replace("{line}", " ").split())


def outcome_name(market: MarketKey, outcome: str, *, home: str = "Home", away: str = "Away") -> str:
    """One outcome for people: `Arsenal`, `Over 2.5`, `Chelsea +0.75`; `home` and `away` name the teams."""
    side = {"home": home, "away": away}.get(outcome, outcome.replace("_", " ").capitalize())
    if market.line is None:
        return side
    if market.kind is Kind.ASIAN_HANDICAP:
        return f"{side} {signed_line(market.line if outcome == 'home' else -market.line)}"
    return f"{side} {market.line:g}"


def signed_line(line: float) -> str:
    """A handicap as it is written: `+0.75`, `-1`, `0`."""
    return f"{line + 0.0:+g}" if line else "0"  # + 0.0 and the test keep -0 away


def market_order(market: MarketKey) -> tuple[int, str, str, bool, float, float]:
    """Sort key of the customary order: by kind, whole match first, then lines from the middle outwards.

    Markets of plugins come last, by their keys.
    """
    line, period = market.line or 0.0, "" if market.period == "ft" else market.period
    return (_ORDER[market.kind], market.name, period, line < 0, abs(line), line)


_ORDER = {kind: position for position, kind in enumerate(Kind)}
