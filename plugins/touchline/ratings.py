"""Clubs' strengths with what a forecast must know beside them: who the clubs are and how much of them was seen.

The same object serves goals and corners: counts of both sides of each match, older matches weighing less
(`exp(-ln 2 · days ago / half-life)`), fitted by `touchline.rates`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from touchline.names import codes, positions, translated
from touchline.pairings import pairings
from touchline.rates import Priors, Strengths, fit_rates
from touchline.types import SPARSE_BELOW, Basis, Fixtures, Floats, History, Ints, State


@dataclass(frozen=True, slots=True)
class Promotion:
    """Prior means of a club that is new to its league, in logs."""

    attack: float = 0.0
    defence: float = 0.0


@dataclass(frozen=True, slots=True)
class Ratings:
    """Fitted strengths of the clubs of a history. A club or league that it never saw gets the prior."""

    clubs: tuple[str, ...]
    leagues: tuple[str, ...]
    strengths: Strengths
    matches: Floats
    """(c,) matches of each club that the fit used."""
    is_established: Floats
    """(leagues,) 1 where a league has a club of six matches or more, else 0."""
    prior_level: float
    """Level of a league that was never seen."""
    promotion: Promotion

    @classmethod
    def fit(
        cls,
        history: History,
        home_count: Floats,
        away_count: Floats,
        *,
        half_life_days: float,
        priors: Priors,
        promotion: Promotion,
        low_scores: bool = True,
    ) -> Ratings:
        """Strengths from counts of each match, (n,) each; a match whose count is NaN is left out. Raises FitError."""
        known = np.isfinite(home_count) & np.isfinite(away_count)
        home, away, league = history.home[known], history.away[known], history.league[known]
        weight = np.exp(-math.log(2) / half_life_days * history.days_ago[known])
        pairs = pairings(home, away, league, home_count[known], away_count[known], weight, low_scores=low_scores)
        clubs, leagues = len(history.clubs), len(history.leagues)
        new = _is_new(home, away, league, history.season[known], clubs)
        return cls(
            clubs=history.clubs,
            leagues=history.leagues,
            strengths=fit_rates(pairs, clubs, leagues, priors, promotion.attack * new, promotion.defence * new),
            matches=_matches(home, away, clubs).astype(np.float64),
            is_established=_is_established(home, away, league, clubs, leagues),
            prior_level=priors.level,
            promotion=promotion,
        )

    def of(self, clubs: Sequence[str]) -> dict[str, Floats]:
        """(c,) attack and defence of clubs, NaN for one never seen."""
        place = positions(codes(clubs), codes(self.clubs))
        seen = np.append(self.matches, 0.0)[place] > 0
        values = {"attack": self.strengths.attack, "defence": self.strengths.defence}
        return {name: np.where(seen, np.append(value, 0.0)[place], np.nan) for name, value in values.items()}

    def means(self, fixtures: Fixtures) -> tuple[Floats, Floats]:
        """(m,) expected counts of the home and of the away side."""
        clubs, league = self._positions(fixtures)
        # A club that was never seen has position -1 and finds the zero that is appended.
        is_new = (np.append(self.matches, 0.0)[clubs] == 0) * np.append(self.is_established, 0.0)[league]
        attack = np.append(self.strengths.attack, 0.0)[clubs] * (1 - is_new) + self.promotion.attack * is_new
        defence = np.append(self.strengths.defence, 0.0)[clubs] * (1 - is_new) + self.promotion.defence * is_new
        level = np.append(self.strengths.level, self.prior_level)[league]
        home_mean = np.exp(level + self.strengths.home + attack[0] - defence[1])
        return home_mean, np.exp(level + attack[1] - defence[0])

    def basis(self, fixtures: Fixtures) -> list[Basis]:
        """How each forecast comes about, by the club that was seen less."""
        clubs, _ = self._positions(fixtures)
        seen = np.append(self.matches, 0.0)[clubs].min(axis=0)
        return [Basis.LEAGUE_PRIOR if n == 0 else Basis.MODEL_SPARSE if n < SPARSE_BELOW else Basis.MODEL for n in seen]

    def state(self) -> dict[str, Floats]:
        """Named arrays; clubs and leagues by code, so that they are found again in a longer history."""
        return {
            "club": codes(self.clubs),
            "attack": self.strengths.attack,
            "defence": self.strengths.defence,
            "matches": self.matches,
            "league": codes(self.leagues),
            "level": self.strengths.level,
            "is_established": self.is_established,
            "home": np.array([self.strengths.home]),
            "rho": np.array([self.strengths.rho]),
            "prior_level": np.array([self.prior_level]),
            "fit": np.array([self.strengths.log_likelihood, float(self.strengths.steps)]),
        }

    @classmethod
    def restore(cls, history: History, state: State, promotion: Promotion) -> Ratings:
        """The ratings of a saved state, for the clubs of `history` in its order. KeyError when the state is foreign."""
        club = positions(codes(history.clubs), state["club"])
        league = positions(codes(history.leagues), state["league"])
        prior_level = float(state["prior_level"][0])
        strengths = Strengths(
            attack=np.append(state["attack"], 0.0)[club],
            defence=np.append(state["defence"], 0.0)[club],
            level=np.append(state["level"], prior_level)[league],
            home=float(state["home"][0]),
            rho=float(state["rho"][0]),
            log_likelihood=float(state["fit"][0]),
            steps=int(state["fit"][1]),
        )
        matches = np.append(state["matches"], 0.0)[club]
        established = np.append(state["is_established"], 0.0)[league]
        return cls(history.clubs, history.leagues, strengths, matches, established, prior_level, promotion)

    def _positions(self, fixtures: Fixtures) -> tuple[Ints, Ints]:
        """(2, m) positions of home and away clubs and (m,) of leagues; -1 where one was never seen."""
        clubs = _places(fixtures.clubs, self.clubs, np.stack([fixtures.home, fixtures.away]))
        return clubs, _places(fixtures.leagues, self.leagues, fixtures.league)


def _places(names: Sequence[str], known: Sequence[str], index: Ints) -> Ints:
    """Positions among the known names. Raises ValueError for an index outside the names."""
    if index.size and not (index.min() >= 0 and index.max() < len(names)):
        raise ValueError(f"an index lies outside the {len(names)} names of the fixtures")
    if names == known:
        return index
    return translated(names, known)[index]


def _matches(home: Ints, away: Ints, clubs: int) -> Ints:
    return np.bincount(home, minlength=clubs) + np.bincount(away, minlength=clubs)


def _is_established(home: Ints, away: Ints, league: Ints, clubs: int, leagues: int) -> Floats:
    """(leagues,) 1 where some club of the league has enough matches to be known."""
    per_league = _matches(league * clubs + home, league * clubs + away, leagues * clubs).reshape(leagues, clubs)
    return np.asarray(per_league.max(axis=1, initial=0) >= SPARSE_BELOW, dtype=np.float64)


def _is_new(home: Ints, away: Ints, league: Ints, season: Ints, clubs: int) -> Floats:
    """(clubs,) 1 for a club whose latest season follows one that its league played without it.

    A club that played that season in another league of the history has moved, and its own record says how strong it is.
    """
    club, place, year = np.concatenate([home, away]), np.tile(league, 2), np.tile(season, 2)
    latest = np.full(clubs, np.iinfo(np.int64).min // 2)
    np.maximum.at(latest, club, year)
    was_there = np.bincount(club[year == latest[club] - 1], minlength=clubs) > 0
    league_played = np.isin(place * 10_000 + year - 1, place * 10_000 + year)
    follows = np.bincount(club[(year == latest[club]) & league_played], minlength=clubs) > 0
    return (follows & ~was_there).astype(np.float64)
