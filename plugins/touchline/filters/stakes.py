"""What a club still plays for in the last ten matches of a season, from the table before the day.

    goal_r   = exp(-(gap_r / (2.5 · sqrt(left)))² / 2)    gap_r: points to the other side of line r, left: matches left
    lines    title (rank 1 | 2), fourth (4 | 5), sixth (6 | 7), safety (fourth | third from the bottom)
    need     = (1 - left / 11) · max(title, 0.7 · fourth, 0.7 · sixth, safety)
    idle     = (1 - left / 11) where none of the four is above 0.1

Points by three for a win, a double round-robin of the clubs seen this season, no deduction: a league with other rules
is told roughly. Clubs with nothing to play for lose more than their strength says, and those that need points win more:
on 2017/18 and 2018/19 it was the largest single gain on top of the filters, most of it in the last eight matches.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from touchline.types import Floats, Ints

RANKS: Final = np.array([0, 1, 3, 4, 5, 6, -4, -3])
"""Places on both sides of each line, counted from the top or from the bottom."""
LAST: Final = 10
"""Matches before the end from which on stakes count."""
SPREAD: Final = 2.5
EUROPE: Final = 0.7
"""Of a place in Europe beside a title or safety."""
IDLE_BELOW: Final = 0.1


def stakes(points: Floats, left: Ints, lines: Floats) -> tuple[Floats, Floats]:
    """(m, 2) need and idle of both sides, from points and matches left, (m, 2), and the points at the ranks, (m, 8)."""
    counts = (left > 0) & (left <= LAST)
    late = np.where(counts, 1 - left / (LAST + 1), 0.0)
    width = SPREAD * np.sqrt(np.maximum(left, 1))
    goals = []
    for upper, lower in zip(lines.T[0::2, :, None], lines.T[1::2, :, None], strict=True):
        gap = np.where(points < upper, upper - points, points - lower)
        goals.append(np.exp(-((gap / width) ** 2) / 2))
    title, fourth, sixth, safety = goals
    need = np.maximum(np.maximum(title, EUROPE * np.maximum(fourth, sixth)), safety)
    idle = np.maximum.reduce(goals) < IDLE_BELOW
    return late * need, late * idle
