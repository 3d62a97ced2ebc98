"""Where the constants of `touchline.in_play` come from: second halves of recorded matches, given the first.

    python -m touchline.in_play_fit ../shared/data/football-data

    y ~ Poisson(r),  log r = a + s·log l + lead(d) + p·(x - F·l) + q·(x' - F·l')      one row a side
    logit P(level) = g + logit P(level | Poisson rates)                             one row a match

l and l' are the expected goals of the side and of the other one before the match, read from its last known prices
without their margin (`touchline.implied`), x and x' the goals of both at half time, d = x - x', F the share of goals
that fall before half time. g is what makes the expected number of level final scores the one that was seen.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from touchline.evaluation.dataset import read_dataset
from touchline.grid import poisson
from touchline.implied import implied_rates
from touchline.in_play import FIRST_HALF_SHARE, SecondHalf, state_columns
from touchline.margin import remove_margin
from touchline.stack import fit_poisson
from touchline.types import Floats, History

LEAGUES: Final = ("D1", "E0", "F1", "I1", "SP1")
SEASONS: Final = range(2010, 2019)
"""Nothing later: 2019/20 and on is what the figures are measured on."""

GOALS: Final = 16
"""Cells of a side's second half."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Matches with a half-time score and prices, (n,) each; goals are whole numbers."""

    home_mean: Floats
    away_mean: Floats
    first_home: Floats
    first_away: Floats
    second_home: Floats
    second_away: Floats

    def __len__(self) -> int:
        return len(self.home_mean)


@dataclass(frozen=True, slots=True)
class Fit:
    """The constants, how sure they are, and of what."""

    second_half: SecondHalf
    errors: Floats
    """(8,) standard errors, in the order of `SecondHalf` without `draw`."""
    first_half_share: float
    matches: int


def halves_of(past: History) -> Halves:
    """The matches of a history whose half-time score and prices are known."""
    result = remove_margin(past.closing_result).probabilities
    over = remove_margin(past.closing_total).probabilities[:, 0]
    means = np.exp(implied_rates(result, over))
    known = np.isfinite(means[:, 0]) & np.isfinite(past.half_time_home_goals + past.half_time_away_goals)
    home, away = past.half_time_home_goals[known], past.half_time_away_goals[known]
    second_home, second_away = past.home_goals[known] - home, past.away_goals[known] - away
    return Halves(means[known, 0], means[known, 1], home, away, second_home, second_away)


def fit(halves: Halves) -> Fit:
    """The likeliest constants. Raises FitError when the regression has no top."""
    home = _design(halves.home_mean, halves.away_mean, halves.first_home, halves.first_away)
    away = _design(halves.away_mean, halves.home_mean, halves.first_away, halves.first_home)
    design, counts = np.vstack([home, away]), np.concatenate([halves.second_home, halves.second_away])
    nothing = np.zeros(design.shape[1])
    fitted = fit_poisson(design, counts, np.ones(len(counts)), nothing, nothing).coefficients
    rates = np.exp(design @ fitted)
    errors = np.sqrt(np.diag(np.linalg.inv((design * rates[:, None]).T @ design)))
    draw = _draw(halves, *np.split(rates, 2))
    first = halves.first_home.sum() + halves.first_away.sum()
    share = float(first / (first + halves.second_home.sum() + halves.second_away.sum()))
    return Fit(SecondHalf._make([*fitted.tolist(), draw]), errors, share, len(halves))


def _design(mean: Floats, other_mean: Floats, first: Floats, other_first: Floats) -> Floats:
    """(n, 8) columns of one side."""
    surplus = first - FIRST_HALF_SHARE * mean, other_first - FIRST_HALF_SHARE * other_mean
    by_state = state_columns((first - other_first).astype(np.int64), *surplus)
    return np.column_stack([np.ones(len(mean)), np.log(mean), by_state])


def _draw(halves: Halves, home_rate: Floats, away_rate: Floats) -> float:
    """g: bisected, since the expected number of level scores rises with it."""
    home, away = poisson(home_rate, GOALS), poisson(away_rate, GOALS)
    lead = (halves.first_home - halves.first_away).astype(np.int64)
    goals = np.arange(GOALS)
    needed = goals[None, :] + lead[:, None]
    at = np.clip(needed, 0, GOALS - 1)
    level = (home * np.where(needed == at, np.take_along_axis(away, at, axis=1), 0.0)).sum(axis=1)
    seen = float(np.sum(lead + halves.second_home == halves.second_away))
    low, high = -1.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        odds = np.exp(middle) * level / (1 - level)
        low, high = (low, middle) if float((odds / (1 + odds)).sum()) > seen else (middle, high)
    return (low + high) / 2


def main(folder: Path) -> None:
    """Print the constants fitted on a folder of match files."""
    found = fit(halves_of(read_dataset(folder, LEAGUES, SEASONS).history))
    for name, value, error in zip(SecondHalf._fields, found.second_half, found.errors, strict=False):
        print(f"{name:10} {value:8.4f}  (standard error {error:.3f})")  # noqa: T201 - a command's answer
    print(f"draw       {found.second_half.draw:8.4f}")  # noqa: T201
    print(f"share of goals before half time {found.first_half_share:.4f}; {found.matches} matches")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
