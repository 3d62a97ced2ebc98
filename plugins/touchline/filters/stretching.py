"""Giving back the strength that shots hide.

    attack_i, defence_i += f · (attack_i + defence_i) / 2,    f = sum over sources k of by_k · w_k

`w_k` is the mean weight of source k in what the filter was told of the matches of the league's last year. Good clubs
also make more of a shot, so shots counted in goals tell clubs as more alike than their goals do. It moves the
supremacy, leaves the total alone, and does nothing where only goals are known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from touchline.filters.engine import Strengths
from touchline.filters.observations import Blend
from touchline.types import Floats, History, Ints

Stretch = tuple[tuple[str, float], ...]
"""Sources (`shots_on_target`, `xg`) with how much wider strengths are than each tells them, if it were all of it."""

YEAR = 365 * 86_400
"""Seconds back from a league's last match in which the sources are counted."""


def stretched(strengths: Strengths, stretch: Stretch, blend: Blend, history: History, pair_league: Ints) -> Strengths:
    """The same with every club farther from the average of its league; `pair_league` is that of each strength."""
    by = _narrowing(stretch, blend, history)[pair_league]
    more = by * (strengths.attack + strengths.defence) / 2
    return replace(strengths, attack=strengths.attack + more, defence=strengths.defence + more)


def _narrowing(stretch: Stretch, blend: Blend, history: History) -> Floats:
    """(leagues,) f of each league."""
    weights = np.stack([getattr(blend, source) * _known(history, source) for source, _ in stretch])
    narrowed = np.array([by for _, by in stretch]) @ weights / (blend.goals + weights.sum(axis=0))
    kickoff = history.kickoff_seconds()
    last = np.full(len(history.leagues), kickoff.min(initial=0))
    np.maximum.at(last, history.league, kickoff)
    is_recent = kickoff > last[history.league] - YEAR
    matches = np.bincount(history.league, weights=is_recent, minlength=len(last))
    total = np.bincount(history.league, weights=is_recent * narrowed, minlength=len(last))
    return np.asarray(total / np.maximum(matches, 1), dtype=np.float64)


def _known(history: History, source: str) -> Floats:
    """(n,) 1 where both sides have the source."""
    both: Floats = getattr(history, f"home_{source}") + getattr(history, f"away_{source}")
    return np.isfinite(both).astype(np.float64)
