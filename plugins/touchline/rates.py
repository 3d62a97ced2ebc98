"""Fitting log-linear rates of both sides of a match: one engine for goals and for corners.

    log l = level + home + attack_i - defence_j          l: expected count of the home side i
    log m = level        + attack_j - defence_i          m: expected count of the away side j

with the correction of low scores of Dixon & Coles 1997 and its parameter `rho` (see `touchline.grid`). The level is one
per league, the home advantage is shared. Every parameter has a Gaussian prior, so an empty history gives the prior. A
defence above 0 concedes less.

The matches are first summed up per pairing (`touchline.pairings`). The posterior (`touchline.surface`) is maximised by
Newton's method with the full matrix of second derivatives, rho included, damped so that every step goes up. The climb
begins where every club's totals put it, so three steps are usual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from touchline.pairings import Pairings, pairings
from touchline.surface import Spot, Surface
from touchline.types import Floats, Ints

MAX_STEPS = 200
"""Newton steps after which a fit has failed."""

QUADRATIC = 1e-9
"""Expected gain, relative to the height, below which a full step is safe: the surface is a parabola there, and
rounding hides whether a step went up."""

CONVERGED = 1e-3
"""Largest change of a parameter by the step that ends a fit. Rates are exponentials, so Newton's next step would be
about half the square of it: parameters are within 1e-6 of the top."""

FOLLOWED = 1e-2
"""The same for `RunningRates`: within 1e-4, a thousandth of a standard error."""


_LIFTS = (0.0, *(10.0**power for power in range(-6, 13)))
"""Shares of the largest second derivative."""


class FitError(ArithmeticError):
    """The likelihood could not be maximised; the message says where it stopped."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Gaussian priors: means and precisions (1 / variance, in the unit of expected counts seen).

    Every precision is above 0, which also settles what the data leave open (all attacks up, all defences up).
    """

    level: float
    """Logarithm of the away side's expected count in an average league."""
    home: float
    """Logarithm of the home side's advantage."""
    rho: float = 0.0
    strength_precision: float = 8.0
    """Of every attack and defence."""
    level_precision: float = 10.0
    home_precision: float = 30.0
    rho_precision: float = 200.0


@dataclass(frozen=True, slots=True)
class Strengths:
    """Fitted parameters."""

    attack: Floats
    """(c,) log strength of each club's attack."""
    defence: Floats
    """(c,) log strength of each club's defence."""
    level: Floats
    """(leagues,) log expected count of an average away side."""
    home: float
    rho: float
    log_likelihood: float
    """Of the weighted matches, without priors."""
    steps: int
    """Newton steps taken."""


def fit_rates(
    pairs: Pairings,
    clubs: int,
    leagues: int,
    priors: Priors,
    attack: Floats | None = None,
    defence: Floats | None = None,
) -> Strengths:
    """Maximise the posterior. `attack` and `defence`, (clubs,) each, are prior means other than 0. Raises FitError."""
    surface = posterior(pairs, clubs, leagues, priors, attack, defence)
    return _strengths(*climb(surface, _rough(surface)))


class RunningRates:
    """Rates that are fitted again and again while time passes and matches are played.

    A refit costs the same however many matches came before, and starts so near the top that one step is usual. It
    agrees with a fresh fit of the same matches and weights to 1e-4 in every parameter, not to the last bit: it comes
    from elsewhere, and sums that decay are rounded otherwise than weights taken anew. So forecasts that must be
    reproducible are fitted afresh, and this is for following a league live.
    """

    def __init__(self, clubs: int, leagues: int, priors: Priors, *, low_scores: bool = True) -> None:
        """Without `low_scores` the counts are plain Poisson."""
        self._clubs, self._leagues, self._priors, self._low_scores = clubs, leagues, priors, low_scores
        self._pairs = Pairings((), 0.0, 0.0)
        self._missed = np.zeros(2 * clubs + leagues + 2)

    def decay(self, factor: float) -> None:
        """Let every match so far weigh `factor` of what it did: exp(-xi · days). ValueError unless 0 < factor <= 1."""
        self._pairs = self._pairs.decayed(factor)

    def add(
        self,
        home: Ints,
        away: Ints,
        league: Ints,
        home_count: Floats,
        away_count: Floats,
        weight: Floats | None = None,
    ) -> None:
        """Add matches, all (n,), that weigh 1 each unless said otherwise. Raises ValueError as `pairings` does."""
        weights = np.ones(len(home)) if weight is None else weight
        new = pairings(home, away, league, home_count, away_count, weights, low_scores=self._low_scores)
        self._pairs = self._pairs.joined(new)

    def fit(self) -> Strengths:
        """The maximum of the posterior. Raises FitError."""
        surface = posterior(self._pairs, self._clubs, self._leagues, self._priors)
        rough = _rough(surface)
        # What the rough parameters miss of the top hardly changes from one fit to the next.
        top, steps = climb(surface, rough + self._missed, FOLLOWED)
        self._missed = top.parameters - rough
        return _strengths(top, steps)


def posterior(
    pairs: Pairings,
    clubs: int,
    leagues: int,
    priors: Priors,
    attack: Floats | None = None,
    defence: Floats | None = None,
) -> Surface:
    """The surface that `fit_rates` climbs."""
    none = np.zeros(clubs)
    strengths = [none if attack is None else attack, none if defence is None else defence]
    mean = np.concatenate([*strengths, np.full(leagues, priors.level), [priors.home, priors.rho]])
    precision = np.full(len(mean), priors.strength_precision)
    precision[2 * clubs : -2] = priors.level_precision
    precision[-2:] = priors.home_precision, priors.rho_precision
    return Surface(pairs, clubs, leagues, mean, precision)


def _rough(surface: Surface) -> Floats:
    """Parameters near the top: each club's totals over those expected of it, then rho by one step from 0.

    Maher's equations (Statistica Neerlandica 36, 1982) twice around: attacks given the defences that they met, and
    the reverse. As many average goals are added as the prior weighs.
    """
    rough, clubs = surface.prior_mean.copy(), surface.clubs
    strengths, levels, few = rough[: 2 * clubs].reshape(2, clubs), rough[2 * clubs : -2], max(surface.precision[0], 0.1)
    at_home, away = sum(part.at_home for part in surface.parts), sum(part.away for part in surface.parts)
    rough[-2] = math.log((at_home + math.exp(rough[-2])) / (away + 1))
    for part in surface.parts:
        one = part.meetings
        level = (part.away + math.exp(levels[one.league])) / (one.weight.sum() + 1)
        met = level * (math.exp(rough[-2]) * one.weight + one.weight.T)
        usual_attack, usual_concession = np.exp(strengths[0, one.clubs]), np.exp(-strengths[1, one.clubs])
        concession = usual_concession
        for _ in range(2):
            attack = (part.scored + few * usual_attack) / (met @ concession + few)
            concession = (part.conceded + few * usual_concession) / (attack @ met + few)
        strengths[:, one.clubs] = np.log(attack), -np.log(concession)
        levels[one.league] = math.log(level)
    rough[-1] = surface.likely_rho(rough)
    return rough


def climb(surface: Surface, start: Floats, near: float = CONVERGED) -> tuple[Spot, int]:
    """The top of the surface and the steps to it, the last of which changes no parameter by `near` or more.

    Every step but the last ones goes up, so it cannot diverge. Raises FitError.
    """
    spot = surface.at(start)
    if spot.height == -math.inf:  # its rho is impossible; that of 0 never is
        spot = surface.at(np.append(start[:-1], 0.0))
    for step in range(1, MAX_STEPS + 1):
        gradient, bend = spot.derivatives()
        direction = _upwards(gradient, bend)
        longest = float(np.abs(direction).max())
        if longest < near:
            return surface.at(spot.parameters + direction), step
        gain = float(gradient @ direction)
        spot = _higher(spot, direction, gain, min(1.0, 2.0 / longest))
    raise FitError(f"no maximum after {MAX_STEPS} steps; the next one would still gain {gain:.3g}")


def _upwards(gradient: Floats, bend: Floats) -> Floats:
    """Newton's direction; where the surface is not a hill, the matrix is lifted until it points up."""
    from scipy.linalg.lapack import dposv

    for lift in _LIFTS:
        lifted = bend + lift * np.abs(np.diag(bend)).max() * np.eye(len(bend)) if lift else bend
        _, direction, failed = dposv(lifted.T, gradient)  # by columns, as LAPACK counts, the set half is the upper one
        if not failed:
            return np.asarray(direction, dtype=np.float64)
    raise FitError("the matrix of second derivatives holds no direction upwards")


def _higher(spot: Spot, direction: Floats, gain: float, length: float) -> Spot:
    """A point that is higher by a fair share of what the direction promises (Armijo's rule, halving its length)."""
    is_parabola = gain < QUADRATIC * (1 + abs(spot.height))
    while length > 1e-10:
        there = spot.surface.at(spot.parameters + length * direction)
        if is_parabola or there.height >= spot.height + 1e-4 * length * gain:
            return there
        length /= 2
    raise FitError(f"no higher point in the direction of a step that promised {gain:.3g}")


def _strengths(top: Spot, steps: int) -> Strengths:
    clubs = top.surface.clubs
    return Strengths(
        attack=top.parameters[:clubs],
        defence=top.parameters[clubs : 2 * clubs],
        level=top.parameters[2 * clubs : -2],
        home=float(top.parameters[-2]),
        rho=top.rho,
        log_likelihood=top.log_likelihood,
        steps=steps,
    )
