"""Matches summed up per pairing: all that a fit of Poisson rates needs to know of them.

The likelihood of a match depends on who met whom in which league, and older matches weigh less. So a square table of
weighted sums per league, home clubs by away clubs, is sufficient: a fit costs as much for thirty seasons as for two,
letting days pass is one product, and a new match touches one cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from touchline.types import Floats, Ints

SUMS = 6
"""Sums per pairing: weight, counts of both sides, weight of 0-0, 0-1 and 1-0."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """The pairings of one league's `t` clubs."""

    league: int
    clubs: Ints
    """(t,) index of each club, rising."""
    sums: Floats
    """(6, t, t) by home club and away club: see the properties."""

    @property
    def weight(self) -> Floats:
        """(t, t) weight of the matches."""
        weight: Floats = self.sums[0]
        return weight

    @property
    def counts(self) -> Floats:
        """(2, t, t) weighted counts of the home and of the away side."""
        return self.sums[1:3]

    @property
    def low(self) -> Floats:
        """(3, t, t) weight of the matches that ended 0-0, 0-1 and 1-0."""
        return self.sums[3:]


@dataclass(frozen=True, slots=True)
class Pairings:
    """Sufficient statistics of matches, by league."""

    leagues: tuple[Meetings, ...]
    one_one: float
    """Weight of all matches that ended 1-1: their correction is the same whoever met."""
    log_factorials: float
    """Weighted sum of the logs of both sides' factorials, over all matches."""

    def decayed(self, factor: float) -> Pairings:
        """The same matches, each weighing `factor` (above 0, at most 1) of what it did."""
        if not 0 < factor <= 1:
            raise ValueError(f"a factor of decay lies above 0 and is at most 1, not {factor:g}")
        leagues = tuple(Meetings(one.league, one.clubs, one.sums * factor) for one in self.leagues)
        return Pairings(leagues, self.one_one * factor, self.log_factorials * factor)

    def joined(self, other: Pairings) -> Pairings:
        """The matches of both."""
        found = {one.league: one for one in self.leagues}
        for one in other.leagues:
            found[one.league] = _joined(found[one.league], one) if one.league in found else one
        leagues = tuple(found[league] for league in sorted(found))
        return Pairings(leagues, self.one_one + other.one_one, self.log_factorials + other.log_factorials)


def pairings(
    home: Ints,
    away: Ints,
    league: Ints,
    home_count: Floats,
    away_count: Floats,
    weight: Floats,
    *,
    low_scores: bool = True,
) -> Pairings:
    """Sum matches, all (n,), up per pairing. Without `low_scores` the counts are plain Poisson and rho has no say.

    Raises ValueError when a count is not a whole number of 0 or more.
    """
    counts = np.array([home_count, away_count])
    whole = counts.astype(np.int64)
    if whole.min(initial=0) < 0 or not (whole == counts).all():
        raise ValueError("goals and corners are whole numbers of 0 or more")
    highest = int(whole.max(initial=1))
    low = whole[0] * (highest + 1) + whole[1] == np.array([[0], [1], [highest + 1], [highest + 2]])
    sums = weight * np.concatenate([np.ones((1, len(weight))), counts, low & low_scores])
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, highest + 1)))])
    leagues = tuple(_meetings(home, away, league, sums[:SUMS]))
    return Pairings(leagues, float(sums[SUMS].sum()), float(weight @ factorials[whole].sum(axis=0)))


def _meetings(home: Ints, away: Ints, league: Ints, sums: Floats) -> Iterator[Meetings]:
    played = np.flatnonzero(np.bincount(league))
    for one in played.tolist():
        those = slice(None) if len(played) == 1 else league == one
        yield _tabled(one, home[those], away[those], sums[:, those])


def _tabled(league: int, home: Ints, away: Ints, sums: Floats) -> Meetings:
    """Add up the matches of one league; `sums` is (6, matches)."""
    is_here = np.zeros(int(max(home.max(), away.max())) + 1, dtype=bool)
    is_here[home] = is_here[away] = True
    clubs, place = np.flatnonzero(is_here), np.cumsum(is_here) - 1
    t = len(clubs)
    cell = place[home] * t + place[away]
    table = np.array([np.bincount(cell, row, t * t) for row in sums])
    return Meetings(league, clubs, table.reshape(SUMS, t, t))


def _joined(one: Meetings, other: Meetings) -> Meetings:
    clubs = one.clubs
    place = np.searchsorted(clubs, other.clubs)
    if place[-1] < len(clubs) and (clubs[place] == other.clubs).all():
        sums = one.sums.copy()
    else:
        clubs = np.union1d(clubs, other.clubs)
        place, kept = np.searchsorted(clubs, other.clubs), np.searchsorted(clubs, one.clubs)
        sums = np.zeros((SUMS, len(clubs), len(clubs)))
        sums[:, kept[:, None], kept] = one.sums
    sums[:, place[:, None], place] += other.sums
    return Meetings(one.league, clubs, sums)
