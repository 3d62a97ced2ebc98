"""Two linear models on top of a panel of filters: log supremacy and log total of a match.

    s = log l - log m = b · (1, s_k, rest, new, need, idle, early · s_k)           s_k: the k-th filter's supremacy
    t = log l + log m = c · (1, t_k, rest, new, need, idle, early, early · t_k, year)     t_k: the k-th filter's total
    rest = log(days since the last match / 7), home less away in s, home plus away in t; need, idle likewise (`stakes`)
    new = entry · early, likewise        early = exp(-games / 8), games: mean of both clubs in the season so far
    year = sine and cosine of the day of the year, once and twice a year: scores rise towards spring

b and c are ridge regressions on what the closing prices of past seasons imply (`touchline.implied`), half-life three
seasons: a price says what a match was expected to be, which one score says with far more noise. Where fewer than 500
matches of the past have prices, both are fitted at once to goals, as Poisson counts (`touchline.stack`). The prior is
the panel's first filter as it stands, so a head without a past changes nothing.

Hoerl & Kennard, "Ridge regression", Technometrics 12 (1970); targets from prices: Egidi, Pauli & Torelli, "Combining
historical data and bookmakers' odds in modelling football scores", Statistical Modelling 18 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from touchline.stack import fit_poisson
from touchline.types import Floats, Ints

FEWEST_PRICED = 500
"""Matches of past seasons with prices below which goals are the target."""

EARLY_GAMES = 8.0
DAYS_A_YEAR = 365.25
FREE = 1e-6
"""Precision of the intercepts: as good as none."""


class Calendar(Protocol):
    """What is known of both clubs before each of `m` matches: a `Series` or `Places`."""

    @property
    def entry(self) -> Ints: ...
    @property
    def rest(self) -> Ints: ...
    @property
    def games(self) -> Ints: ...
    @property
    def need(self) -> Floats: ...
    @property
    def idle(self) -> Floats: ...
    @property
    def day(self) -> Ints: ...


def design(log_means: Floats, calendar: Calendar) -> tuple[Floats, Floats]:
    """(m, 5 + 2k) columns of the supremacy and (m, 10 + 2k) of the total, from (k, m, 2) log means of k filters."""
    early = np.exp(-calendar.games.mean(axis=1) / EARLY_GAMES)
    rest = np.log(np.maximum(calendar.rest, 1) / 7.0)
    sides = (rest, calendar.entry * early[:, None], calendar.need, calendar.idle)
    supremacies, totals = log_means[:, :, 0] - log_means[:, :, 1], log_means.sum(axis=2)
    one = np.ones(len(early))
    supremacy = [one, *supremacies, *(side[:, 0] - side[:, 1] for side in sides), *(supremacies * early)]
    total = [one, *totals, *(side.sum(axis=1) for side in sides), early, *(totals * early), *_year(calendar.day)]
    return np.column_stack(supremacy), np.column_stack(total)


def _year(day: Ints) -> list[Floats]:
    """The time of the year as four waves, (m,) each."""
    turn = 2 * np.pi * day / DAYS_A_YEAR
    return [wave(times * turn) for times in (1, 2) for wave in (np.cos, np.sin)]


@dataclass(frozen=True, slots=True)
class Head:
    """Coefficients on the columns of `design`."""

    supremacy: Floats
    total: Floats

    @classmethod
    def prior(cls, filters: int) -> Head:
        """The first of so many filters as it stands."""
        supremacy, total = np.zeros(5 + 2 * filters), np.zeros(10 + 2 * filters)
        supremacy[1] = total[1] = 1.0
        return cls(supremacy, total)

    def log_means(self, log_means: Floats, calendar: Calendar) -> Floats:
        """(m, 2) logs of the expected goals, from (k, m, 2) log means of the filters."""
        columns = design(log_means, calendar)
        # Summed column by column, so that a match's forecast does not depend on how many are asked at once.
        s, t = (np.add.reduce((x * b).T) for x, b in zip(columns, (self.supremacy, self.total), strict=True))
        return np.stack([(t + s) / 2, (t - s) / 2], axis=1)


def fit_head(
    log_means: Floats, calendar: Calendar, prices: Floats, goals: Floats, weight: Floats, precision: float
) -> Head:
    """The head of (k, n, 2) log means known before `n` matches of past seasons.

    `prices` (n, 2) are the logs of rates that closing prices imply, NaN where there are none; `goals` (n, 2) may be
    NaN; `weight` (n,) is 0 for a match that does not count. Raises `touchline.rates.FitError` when goals give no
    maximum.
    """
    prior = Head.prior(len(log_means))
    supremacy, total = design(log_means, calendar)
    priced = np.isfinite(prices).all(axis=1) & (weight > 0)
    if priced.sum() >= FEWEST_PRICED:
        s, t = prices[priced, 0] - prices[priced, 1], prices[priced].sum(axis=1)
        return Head(
            _ridge(supremacy[priced], s, weight[priced], precision, prior.supremacy),
            _ridge(total[priced], t, weight[priced], precision, prior.total),
        )
    played = np.isfinite(goals).all(axis=1) & (weight > 0)
    x, z = supremacy[played] / 2, total[played] / 2
    both = fit_poisson(
        np.block([[x, z], [-x, z]]),
        goals[played].T.ravel(),
        np.tile(weight[played], 2),
        np.concatenate([_precisions(x, precision), _precisions(z, precision)]),
        np.concatenate([prior.supremacy, prior.total]),
    ).coefficients
    return Head(both[: x.shape[1]], both[x.shape[1] :])


def _ridge(columns: Floats, target: Floats, weight: Floats, precision: float, prior: Floats) -> Floats:
    precisions = _precisions(columns, precision)
    weighted = (columns * weight[:, None]).T
    bend = weighted @ columns + np.diag(precisions)
    return np.asarray(np.linalg.solve(bend, weighted @ target + precisions * prior), dtype=np.float64)


def _precisions(columns: Floats, precision: float) -> Floats:
    precisions = np.full(columns.shape[1], precision)
    precisions[0] = FREE
    return precisions
