"""The log posterior of all clubs' strengths as a surface: its height and its derivatives at any parameters.

    log l = level + home + attack_i - defence_j          l: expected count of the home side i
    log m = level        + attack_j - defence_i          m: expected count of the away side j
    height = sum w · [x·log l - l - log x! + y·log m - m - log y!  +  log tau(x, y)]  -  sum precision·(off prior)² / 2

With tau = 1 + rho·z (Dixon & Coles 1997; z = -l·m at 0-0, l at 0-1, m at 1-0, -1 at 1-1) and eta the log of a rate that
is in z, the derivatives of w·log tau are

    first = w·z / tau      by rho: first                     by eta: rho·first
    second = first / tau   by rho twice: -second·z           by eta and rho: second           by any two eta: rho·second

The tables of a league are small, so what costs is the number of operations on them and not their size: seven
quantities are summed by club in one go, and a number that several derivatives need is computed once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from touchline.pairings import Meetings, Pairings
from touchline.types import Floats


class Surface:
    """The log posterior as a function of `k` parameters: attacks, defences, levels, home, rho, in this order."""

    def __init__(self, pairs: Pairings, clubs: int, leagues: int, prior_mean: Floats, precision: Floats) -> None:
        """`prior_mean` and `precision` are (k,), k = 2·clubs + leagues + 2."""
        self.pairs, self.clubs, self.prior_mean, self.precision = pairs, clubs, prior_mean, precision
        self.parts = [Part(meetings, clubs, leagues) for meetings in pairs.leagues]

    def at(self, parameters: Floats) -> Spot:
        """The point of the surface over `parameters`, (k,)."""
        return Spot(self, parameters, [part.at(parameters[part.place]) for part in self.parts])

    def likely_rho(self, parameters: Floats) -> float:
        """One Newton step of rho alone from 0, the other parameters being those given."""
        slope = self.precision[-1] * self.prior_mean[-1] - self.pairs.one_one
        bend = self.precision[-1] + self.pairs.one_one
        for part in self.parts:
            z, _ = part.means(parameters[part.place])
            first = part.meetings.low * z
            slope, bend = slope + first.sum(), bend + np.vdot(first, z)
        return float(slope / bend)


class Spot:
    """One point of the surface."""

    def __init__(self, surface: Surface, parameters: Floats, parts: list[PartSpot]) -> None:
        self.surface, self.parameters, self._parts = surface, parameters, parts
        self.rho = float(parameters[-1])

    @cached_property
    def log_likelihood(self) -> float:
        """Of the weighted matches; minus infinity where a score that was seen would have no probability."""
        pairs = self.surface.pairs
        if not (self.rho < 1 and all(part.tau.min() > 0 for part in self._parts)):
            return -math.inf
        shared = pairs.one_one * math.log1p(-self.rho) - pairs.log_factorials
        return sum((part.log_likelihood() for part in self._parts), shared)

    @cached_property
    def height(self) -> float:
        """Log-likelihood plus log prior, up to a constant."""
        off = self.parameters - self.surface.prior_mean
        return self.log_likelihood - 0.5 * float(self.surface.precision @ (off * off))

    def derivatives(self) -> tuple[Floats, Floats]:
        """Gradient (k,) of the height and its second derivatives, negated: (k, k), of which the lower half is set."""
        surface, size = self.surface, len(self.parameters)
        gradient = surface.precision * (surface.prior_mean - self.parameters)
        if len(self._parts) == 1 and len(surface.parts[0].place) == size:  # one league that has every club
            own, matrix = self._parts[0].derivatives()
            gradient += own
        else:
            matrix = np.zeros((size, size))
            for part, spot in zip(surface.parts, self._parts, strict=True):
                own, bend = spot.derivatives()
                gradient[part.place] += own
                matrix[part.place[:, None], part.place] += bend
        one_one = surface.pairs.one_one / (1 - self.rho)
        gradient[-1] -= one_one
        matrix.ravel()[:: size + 1] += surface.precision
        matrix[-1, -1] += one_one / (1 - self.rho)
        return gradient, matrix


class Part:
    """What the matches of one league and its `t` clubs add: a function of their strengths, its level, home and rho."""

    def __init__(self, meetings: Meetings, clubs: int, leagues: int) -> None:
        end = 2 * clubs + leagues
        level = 2 * clubs + meetings.league
        self.meetings = meetings
        self.place = np.concatenate([meetings.clubs, clubs + meetings.clubs, [level, end, end + 1]])
        """(2t + 3,) where its parameters are among all."""
        each = np.ones(len(meetings.clubs))
        home, away = meetings.counts @ each, each @ meetings.counts
        self.scored, self.conceded = home[0] + away[1], away[0] + home[1]
        self.at_home, self.away = float(home[0].sum()), float(away[1].sum())
        self.linear = np.concatenate([self.scored, -self.conceded, [self.at_home + self.away, self.at_home, 0.0]])
        """(2t + 3,) the log-likelihood's linear term: counts that were seen, by parameter."""
        self._is_unseen = meetings.low == 0

    def means(self, parameters: Floats) -> tuple[Floats, Floats]:
        """z (3, t, t) of 0-0, 0-1 and 1-0, and a view of it: expected counts (2, t, t) of home and away side."""
        t = len(self.meetings.clubs)
        strong, weak = np.exp(parameters[:t] + parameters[-3]), np.exp(-parameters[t : 2 * t])
        z = np.empty((3, t, t))
        np.multiply((strong * math.exp(parameters[-2]))[:, None], weak, out=z[1])
        np.multiply(weak[:, None], strong, out=z[2])
        np.multiply(z[1], -z[2], out=z[0])
        return z, z[1:]

    def at(self, parameters: Floats) -> PartSpot:
        """The point over its own parameters, (2t + 3,)."""
        z, means = self.means(parameters)
        tau = parameters[-1] * z
        tau += 1.0
        tau[self._is_unseen] = 1.0
        return PartSpot(self, parameters, self.meetings.weight * means, z, tau)


@dataclass(frozen=True, slots=True)
class PartSpot:
    """One point of a league's part."""

    part: Part
    parameters: Floats
    expected: Floats
    """(2, t, t) weighted expected counts of home and away side."""
    z: Floats
    """(3, t, t) of 0-0, 0-1 and 1-0."""
    tau: Floats
    """(3, t, t) of the same; 1 where no such score was seen."""

    def log_likelihood(self) -> float:
        """Without what all leagues share."""
        plain = float(self.part.linear @ self.parameters) - float(self.expected.sum())
        return plain + float(np.vdot(self.part.meetings.low, np.log(self.tau)))

    def derivatives(self) -> tuple[Floats, Floats]:
        """Gradient (2t + 3,) and the lower half of the negated second derivatives (2t + 3, 2t + 3)."""
        rho, t = self.parameters[-1], len(self.part.meetings.clubs)
        first = self.part.meetings.low * self.z
        first /= self.tau
        second = first / self.tau
        # By the home side's log rate and the away side's: first and second derivatives and those by rho as well.
        # Last, second derivatives by both rates of a match.
        quantities = np.empty((7, t, t))
        slope, bend, by_rho, both = quantities[:2], quantities[2:4], quantities[4:6], quantities[6]
        np.add(second[0], second[1:], out=by_rho)
        np.multiply(by_rho, -rho, out=bend)
        bend += self.expected
        np.add(first[0], first[1:], out=slope)
        slope *= rho
        slope -= self.expected
        np.multiply(second[0], -rho, out=both)
        each = np.ones(t)
        home, away = quantities @ each, each @ quantities
        scored, conceded = home[0:6:2] + away[1:6:2], away[0:6:2] + home[1:6:2]
        gathered = _by_parameter(scored, conceded, home[0:6:2])
        gathered[0] += self.part.linear
        gathered[0, -1] = first.sum()
        matrix = _bends(scored[1], conceded[1], home, away, bend, both)
        matrix[-1] = -gathered[2]
        matrix[-1, -1] = np.vdot(second, self.z)
        return gathered[0], matrix


def _by_parameter(scored: Floats, conceded: Floats, at_home: Floats) -> Floats:
    """(3, 2t + 3) three quantities by parameter, 0 for rho, from sums by club (3, t): scoring, conceding, at home."""
    t = scored.shape[1]
    gathered = np.zeros((3, 2 * t + 3))
    gathered[:, :t] = scored
    np.negative(conceded, out=gathered[:, t : 2 * t])
    gathered[:, -3] = scored.sum(axis=1)
    gathered[:, -2] = at_home.sum(axis=1)
    return gathered


def _bends(scored: Floats, conceded: Floats, home: Floats, away: Floats, bend: Floats, both: Floats) -> Floats:
    """The lower half of the second derivatives (2t + 3, 2t + 3) but those by rho.

    `scored` and `conceded` are their sums by club, (t,); `home` and `away` those of all seven quantities, (7, t).
    """
    t = len(scored)
    size = 2 * t + 3
    attacks, defences = slice(t), slice(t, 2 * t)
    mixed, home_attack, home_defence = home[6] + away[6], home[2] + away[6], away[2] + home[6]
    matrix = np.zeros((size, size))
    diagonal, own_attack = matrix.ravel()[:: size + 1], matrix.ravel()[t * size : 2 * t * size : size + 1]
    matrix[attacks, attacks] = matrix[defences, defences] = both + both.T
    matrix[defences, attacks] = -bend[0].T - bend[1]
    own_attack -= mixed
    diagonal[attacks] += scored
    diagonal[defences] += conceded
    # The level moves both sides' rates, the home advantage one.
    matrix[-3, attacks] = scored + mixed
    matrix[-3, defences] = -conceded - mixed
    matrix[-2, attacks] = home_attack
    matrix[-2, defences] = -home_defence
    matrix[-2, -3], matrix[-2, -2] = home_attack.sum(), home[2].sum()
    matrix[-3, -3] = scored.sum() + mixed.sum()
    return matrix
