"""Fitting log-linear rates of both sides of a match: one engine for goals and for corners.

    log l = level + home + attack_i - defence_j          l: expected count of the home side i
    log m = level        + attack_j - defence_i          m: expected count of the away side j
    log-likelihood = sum w · [x·log l - l - log x! + y·log m - m - log y!  +  log tau(x, y)]

`tau` is the correction of low scores of Dixon & Coles 1997 (see `touchline.grid`), with its parameter `rho`. The level
is one per league, the home advantage is shared. Every parameter has a Gaussian prior, so an empty history gives the
prior. A defence above 0 concedes less.

The likelihood of a match depends only on who met whom in which league, so the matches are first summed up per pairing
(maximum likelihood needs no more); a fit then costs as much for thirty seasons as for two. It is maximised by Newton's
method with the full matrix of second derivatives, damped so that every step goes up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from touchline.types import Floats, Ints

MAX_STEPS = 200
"""Newton steps after which a fit has failed; six to ten are usual."""

QUADRATIC = 1e-9
"""Expected gain, relative to the height, below which a full step is safe: the surface is a parabola there, and
rounding hides whether a step went up."""

CONVERGED = 1e-14
"""Expected gain below which one more step ends a fit."""


class FitError(ArithmeticError):
    """The likelihood could not be maximised; the message says where it stopped."""


@dataclass(frozen=True, slots=True)
class Pairings:
    """Sufficient statistics of `p` pairings (home club, away club, league): weighted sums over their matches."""

    home: Ints
    """(p,) index of the home club."""
    away: Ints
    league: Ints
    sums: Floats
    """(8, p) weight; home count; away count; weight of 0-0, 0-1, 1-0 and 1-1; sum of both log factorials."""

    @property
    def weight(self) -> float:
        """Weight of all matches."""
        return float(self.sums[0].sum())


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
    counts = np.concatenate([home_count, away_count])
    if not ((counts >= 0) & (counts == np.round(counts))).all():
        raise ValueError("goals and corners are whole numbers of 0 or more")
    clubs = int(max(home.max(initial=0), away.max(initial=0))) + 1
    codes, pair = np.unique((league * clubs + home) * clubs + away, return_inverse=True)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, counts.max(initial=0) + 1)))])
    logs = factorials[home_count.astype(np.int64)] + factorials[away_count.astype(np.int64)]
    small = home_count + 2 * away_count if low_scores else np.full(len(home_count), np.nan)
    low = [(small == code) & (home_count <= 1) & (away_count <= 1) for code in (0, 2, 1, 3)]
    columns = [np.ones_like(weight), home_count, away_count, *low, logs]
    sums = [np.bincount(pair, weights=weight * column, minlength=len(codes)) for column in columns]
    return Pairings(codes // clubs % clubs, codes % clubs, codes // clubs**2, np.array(sums))


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
    surface = Surface(pairs, clubs, leagues, priors, attack, defence)
    parameters, steps = _climb(surface, surface.prior_mean)
    return Strengths(
        attack=parameters[:clubs],
        defence=parameters[clubs : 2 * clubs],
        level=parameters[2 * clubs : -2],
        home=float(parameters[-2]),
        rho=float(parameters[-1]),
        log_likelihood=surface.log_likelihood(parameters),
        steps=steps,
    )


class Surface:
    """The log posterior as a function of all parameters: attacks, defences, levels, home, rho, in this order."""

    def __init__(
        self,
        pairs: Pairings,
        clubs: int,
        leagues: int,
        priors: Priors,
        attack: Floats | None = None,
        defence: Floats | None = None,
    ) -> None:
        self._pairs = pairs
        self._size = 2 * clubs + leagues + 2
        none = np.zeros(clubs)
        self.prior_mean = np.concatenate(
            [
                none if attack is None else attack,
                none if defence is None else defence,
                np.full(leagues, priors.level),
                [priors.home, priors.rho],
            ]
        )
        self._precision = np.repeat(
            [priors.strength_precision, priors.level_precision, priors.home_precision, priors.rho_precision],
            [2 * clubs, leagues, 1, 1],
        )
        # Each log rate is a signed sum of a few parameters: these are their positions, (terms, p).
        level = 2 * clubs + pairs.league
        shared = np.full(len(pairs.home), self._size - 2)
        self._home_terms = np.stack([pairs.home, clubs + pairs.away, level, shared])
        self._away_terms = np.stack([pairs.away, clubs + pairs.home, level])
        self._home_signs = np.array([1.0, -1.0, 1.0, 1.0])
        self._away_signs = np.array([1.0, -1.0, 1.0])
        self._cells = self._flat_cells()

    def log_posterior(self, parameters: Floats) -> float:
        """Log-likelihood plus log prior, up to a constant; minus infinity where a probability would be negative."""
        off = parameters - self.prior_mean
        return self.log_likelihood(parameters) - 0.5 * float(self._precision @ off**2)

    def log_likelihood(self, parameters: Floats) -> float:
        """Log-likelihood of the weighted matches; minus infinity where a probability would be negative."""
        weight, home_count, away_count, *low, logs = self._pairs.sums
        home_log, away_log = self._logs(parameters)
        home, away = np.exp(home_log), np.exp(away_log)
        plain = home_count * home_log - weight * home + away_count * away_log - weight * away - logs
        correction = 0.0
        for seen, tau in zip(low, _taus(home, away, parameters[-1]), strict=True):
            used = seen > 0
            if (tau[used] <= 0).any():
                return -np.inf
            correction += float(seen[used] @ np.log(tau[used]))
        return float(plain.sum()) + correction

    def derivatives(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Gradient (k,) and negated matrix of second derivatives (k, k) of the log posterior."""
        weight, home_count, away_count, *low, _ = self._pairs.sums
        rho = parameters[-1]
        home, away = (np.exp(log) for log in self._logs(parameters))
        taus = _taus(home, away, rho)
        tau = [np.where(seen > 0, one, 1.0) for seen, one in zip(low, taus, strict=True)]
        # Weight over tau, and over its square: first and second derivatives of the logarithm.
        r00, r01, r10, r11 = (seen / one for seen, one in zip(low, tau, strict=True))
        s00, s01, s10, s11 = (seen / one**2 for seen, one in zip(low, tau, strict=True))
        product = home * away
        home_slope = home_count - weight * home - r00 * rho * product + r01 * rho * home
        away_slope = away_count - weight * away - r00 * rho * product + r10 * rho * away
        both = s00 * rho * product
        home_bend = weight * home + both - s01 * rho * home
        away_bend = weight * away + both - s10 * rho * away
        home_rho = s01 * home - s00 * product
        away_rho = s10 * away - s00 * product
        gradient = self._gathered(home_slope, away_slope)
        gradient[-1] = float((r01 * home + r10 * away - r00 * product - r11).sum())
        bend = self._matrix(home_bend, away_bend, both)
        bend[-1, :] = bend[:, -1] = -self._gathered(home_rho, away_rho)
        bend[-1, -1] = float((s00 * product**2 + s01 * home**2 + s10 * away**2 + s11).sum())
        gradient -= self._precision * (parameters - self.prior_mean)
        bend[np.diag_indices(self._size)] += self._precision
        return gradient, bend

    def _logs(self, parameters: Floats) -> tuple[Floats, Floats]:
        home = self._home_signs @ parameters[self._home_terms]
        return home, self._away_signs @ parameters[self._away_terms]

    def _gathered(self, home: Floats, away: Floats) -> Floats:
        """(k,) derivatives by parameter from those by log rate, (p,) each."""
        positions = np.concatenate([self._home_terms.ravel(), self._away_terms.ravel()])
        weights = np.concatenate([np.outer(self._home_signs, home).ravel(), np.outer(self._away_signs, away).ravel()])
        return _summed(positions, weights, self._size)

    def _matrix(self, home: Floats, away: Floats, both: Floats) -> Floats:
        """(k, k) second derivatives by parameters from those by log rates, (p,) each."""
        h, a = self._home_signs, self._away_signs
        parts = [np.outer(h, h), np.outer(a, a), np.outer(h, a), np.outer(a, h)]
        values = [
            np.multiply.outer(signs.ravel(), bend).ravel()
            for signs, bend in zip(parts, (home, away, both, both), strict=True)
        ]
        return _summed(self._cells, np.concatenate(values), self._size**2).reshape(self._size, self._size)

    def _flat_cells(self) -> Ints:
        """Where each pairing's second derivatives belong, in the order of `_matrix`."""
        h, a = self._home_terms, self._away_terms
        pairs = ((h, h), (a, a), (h, a), (a, h))
        cells = [(first[:, None] * self._size + second[None]).ravel() for first, second in pairs]
        return np.concatenate(cells)


def _summed(positions: Ints, weights: Floats, size: int) -> Floats:
    """(size,) weights added up by position."""
    return np.asarray(np.bincount(positions, weights=weights, minlength=size), dtype=np.float64)


def _taus(home: Floats, away: Floats, rho: float) -> tuple[Floats, Floats, Floats, Floats]:
    """(p,) correction of 0-0, 0-1, 1-0 and 1-1."""
    return 1 - rho * home * away, 1 + rho * home, 1 + rho * away, np.full(len(home), 1 - rho)


def _climb(surface: Surface, start: Floats) -> tuple[Floats, int]:
    """The top of the surface and the steps to it. Every step before the last ones goes up: it cannot diverge."""
    here, height = start, surface.log_posterior(start)
    for step in range(1, MAX_STEPS + 1):
        gradient, bend = surface.derivatives(here)
        direction = _upwards(gradient, bend)
        gain = float(gradient @ direction)
        if gain < CONVERGED:
            return here + direction, step
        if gain < QUADRATIC * (1 + abs(height)):
            here = here + direction
            height = surface.log_posterior(here)
        else:
            here, height = _higher(surface, here, height, direction, gain)
    raise FitError(f"no maximum after {MAX_STEPS} steps; the next one would still gain {gain:.3g}")


def _upwards(gradient: Floats, bend: Floats) -> Floats:
    """Newton's direction; where the surface is not a hill, the matrix is lifted until it points up."""
    lift, scale = 0.0, float(np.abs(np.diag(bend)).max())
    for _ in range(20):
        lifted = bend + lift * np.eye(len(bend))
        try:
            np.linalg.cholesky(lifted)
            return np.asarray(np.linalg.solve(lifted, gradient), dtype=np.float64)
        except np.linalg.LinAlgError:
            lift = max(10 * lift, 1e-6 * scale)
    raise FitError("the matrix of second derivatives holds no direction upwards")


def _higher(surface: Surface, here: Floats, height: float, direction: Floats, gain: float) -> tuple[Floats, float]:
    """A point that is higher by a fair share of what the direction promises (Armijo's rule, halving)."""
    length = min(1.0, 2.0 / float(np.abs(direction).max()))
    while length > 1e-10:
        there = here + length * direction
        reached = surface.log_posterior(there)
        if reached >= height + 1e-4 * length * gain:
            return there, reached
        length /= 2
    raise FitError(f"no higher point in the direction of a step that promised {gain:.3g}")
