"""How leagues are decided: what comes after points, who goes down, who plays to stay up.

By the codes of football-data.co.uk, as the leagues' own regulations had it in 2024/25; a season in which another number
of clubs went down is listed beside. A league that is not listed sends its last three down and orders by goal
difference. What is played after the table is final (play-offs, play-outs, split tables) is not simulated: a play-off
place is told as such.

Head-to-head before goal difference: RFEF Reglamento General (Spain), FIGC NOIF art. 51 (Italy), and the regulations of
Liga Portugal, TFF (Turkey) and EPO (Greece). Goal difference: those of Premier League, EFL, SPFL, DFL, LFP and KNVB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from touchline.season import TieRule

TOP: Final = 4
"""Places that the probability of a top place counts."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a season of a league is decided."""

    relegated: int = 3
    """Clubs that go down without another match."""
    playoff: int = 0
    """Places just above them whose clubs play to stay up."""
    tie_rule: TieRule = TieRule.GOAL_DIFFERENCE


_DUEL: Final = TieRule.HEAD_TO_HEAD

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "E0": Format(3),
        "E1": Format(3),
        "E2": Format(4),
        "E3": Format(2),
        "EC": Format(4),
        "SC0": Format(1, 1),
        "SC1": Format(1, 1),
        "SC2": Format(1, 1),
        "SC3": Format(0, 1),
        "D1": Format(2, 1),
        "D2": Format(2, 1),
        "I1": Format(3, 0, _DUEL),
        "I2": Format(3, 2, _DUEL),
        "SP1": Format(3, 0, _DUEL),
        "SP2": Format(4, 0, _DUEL),
        "F1": Format(2, 1),
        "F2": Format(2, 1),
        "N1": Format(2, 1),
        "B1": Format(2, 1),
        "P1": Format(2, 1, _DUEL),
        "T1": Format(4, 0, _DUEL),
        "G1": Format(2, 0, _DUEL),
    }
)
"""By code."""

OTHERWISE: Final[Mapping[tuple[str, int], Format]] = MappingProxyType(
    {("F1", 2022): Format(4), ("F2", 2023): Format(4)}
)
"""Seasons, by code and the year in which they start, that were decided in another way: two leagues became smaller."""


def format_of(code: str | None, season: int) -> Format:
    """How a league's season is decided; the general case for a league that is not listed."""
    return OTHERWISE.get((code or "", season)) or FORMATS.get(code or "", Format())
