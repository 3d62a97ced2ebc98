"""How a simulated match goes: exact probabilities from known strengths, and one seeded course of play.

Goals follow Dixon and Coles (1997, https://doi.org/10.1111/1467-9876.00065): with means h and a,

    P(x, y) = τ(x, y) · Poisson(x; h) · Poisson(y; a),
    τ = 1 - h·a·ρ at 0-0, 1 + h·ρ at 0-1, 1 + a·ρ at 1-0, 1 - ρ at 1-1, else 1.

Corners of each side are negative binomial, independent of the goals, with a mean that follows the supremacy
log(h / a). Shots on target are goals and saves, so they never fall below the goals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from touchline.types import BTTS, CORNERS_95, OVER_25, RESULT, Floats, Ints, MarketKey

RHO: Final = -0.06
SECOND_HALF_SHARE: Final = 0.563
"""Share of goals that fall after the break."""
MOST_GOALS: Final = 15
MOST_CORNERS: Final = 60

CORNERS: Final = 4.75
"""Mean corners of a side between equals, home advantage aside (that is in the supremacy)."""
CORNERS_BY_SUPREMACY: Final = 0.4
CORNERS_SIZE: Final = 22.0
"""Size r of the negative binomial: variance mean + mean²/r."""
SAVES: Final = 2.8
OFF_TARGET: Final = 7.5
FOULS: Final = 12.0
YELLOW_CARDS: Final = 2.0
RED_CARDS: Final = 0.088
# Chosen to come near six leagues from 2019 on (football-data.co.uk, 14,007 matches; home and away a match): goals
# 1.50 and 1.24, corners 5.4 and 4.4, shots 13.3 and 11.1, on target 4.7 and 3.9, fouls 11.9 and 12.1, yellow
# cards 1.9 and 2.1, red cards 0.08 and 0.09.


@dataclass(frozen=True, slots=True)
class Means:
    """Expected goals of both sides of a match: all that its play depends on."""

    home: float
    away: float

    @property
    def supremacy(self) -> float:
        """log(home / away)."""
        return float(np.log(self.home / self.away))


@dataclass(frozen=True, slots=True)
class Played:
    """The course of a match: minutes of the goals, 1 to 90, and its statistics, home side first."""

    home_goals: tuple[int, ...]
    away_goals: tuple[int, ...]
    shots: tuple[int, int]
    shots_on_target: tuple[int, int]
    corners: tuple[int, int]
    fouls: tuple[int, int]
    yellow_cards: tuple[int, int]
    red_cards: tuple[int, int]

    def score_at(self, minute: int) -> tuple[int, int]:
        """Goals of both sides up to and with a minute; 45 is half-time, 90 full time."""
        home, away = (sum(goal <= minute for goal in goals) for goals in (self.home_goals, self.away_goals))
        return home, away


def true_probabilities(means: Means) -> Mapping[MarketKey, Floats]:
    """Exact probabilities of the four markets, each (outcomes,), in outcome order, summing to 1."""
    scores = score_table(means)
    home, away = np.indices(scores.shape)
    over = float(scores[home + away > 2].sum())
    both = float(scores[1:, 1:].sum())
    corners = float(_corner_totals(means)[10:].sum())
    result = np.array([np.tril(scores, -1).sum(), np.trace(scores), np.triu(scores, 1).sum()])
    return MappingProxyType(
        {
            RESULT: result,
            OVER_25: np.array([over, 1 - over]),
            BTTS: np.array([both, 1 - both]),
            CORNERS_95: np.array([corners, 1 - corners]),
        }
    )


def score_table(means: Means) -> Floats:
    """(16, 16) probability of each score, home goals down, summing to 1."""
    table = np.outer(_poisson(means.home), _poisson(means.away))
    table[0, 0] *= 1 - means.home * means.away * RHO
    table[0, 1] *= 1 + means.home * RHO
    table[1, 0] *= 1 + means.away * RHO
    table[1, 1] *= 1 - RHO
    return np.asarray(table / table.sum(), dtype=np.float64)


def play(means: Means, rng: np.random.Generator) -> Played:
    """One course of a match."""
    cumulated = np.cumsum(score_table(means))
    cell = min(int(np.searchsorted(cumulated, rng.random(), side="right")), cumulated.size - 1)
    home, away = divmod(cell, MOST_GOALS + 1)
    lean = np.array([1.0, -1.0]) * means.supremacy
    on_target = np.array([home, away]) + rng.poisson(SAVES * np.exp(0.45 * lean))
    corner_means = _corner_means(means)
    return Played(
        home_goals=_minutes(home, rng),
        away_goals=_minutes(away, rng),
        shots_on_target=_pair(on_target),
        shots=_pair(on_target + rng.poisson(OFF_TARGET * np.exp(0.4 * lean))),
        corners=_pair(rng.negative_binomial(CORNERS_SIZE, CORNERS_SIZE / (CORNERS_SIZE + corner_means))),
        fouls=_pair(rng.poisson(FOULS * np.exp(-0.04 * lean))),
        yellow_cards=_pair(rng.poisson(YELLOW_CARDS * np.exp(-0.2 * lean))),
        red_cards=_pair(rng.poisson(RED_CARDS * np.exp(-0.2 * lean))),
    )


def replays(means: Means, count: int, rng: np.random.Generator) -> dict[str, Ints]:
    """So many courses of one match, distributed as those of `play`: (count,) by each name of `touchline.Facts`."""
    cells = np.searchsorted(np.cumsum(score_table(means)), rng.random(count), side="right")
    sides = np.divmod(np.minimum(cells, (MOST_GOALS + 1) ** 2 - 1), MOST_GOALS + 1)
    found: dict[str, Ints] = {}
    for side, goals, sign, corners in zip(("home", "away"), sides, (1.0, -1.0), _corner_means(means), strict=True):
        lean = sign * means.supremacy
        on_target = goals + rng.poisson(SAVES * np.exp(0.45 * lean), count)
        found |= {
            f"{side}_goals": goals,
            f"half_time_{side}_goals": goals - rng.binomial(goals, SECOND_HALF_SHARE),
            f"{side}_shots_on_target": on_target,
            f"{side}_shots": on_target + rng.poisson(OFF_TARGET * np.exp(0.4 * lean), count),
            f"{side}_corners": rng.negative_binomial(CORNERS_SIZE, CORNERS_SIZE / (CORNERS_SIZE + corners), count),
            f"{side}_fouls": rng.poisson(FOULS * np.exp(-0.04 * lean), count),
            f"{side}_yellow_cards": rng.poisson(YELLOW_CARDS * np.exp(-0.2 * lean), count),
            f"{side}_red_cards": rng.poisson(RED_CARDS * np.exp(-0.2 * lean), count),
        }
    return found


def _minutes(goals: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Sorted minutes of a side's goals: 46 to 90 with the second half's share, else 1 to 45."""
    is_late = rng.random(goals) < SECOND_HALF_SHARE
    return tuple(sorted((rng.integers(1, 46, size=goals) + 45 * is_late).tolist()))


def _pair(counts: Ints) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])


def _poisson(mean: float) -> Floats:
    """(16,) probability of 0 to 15 goals."""
    k = np.arange(MOST_GOALS + 1)
    log_factorials = np.cumsum(np.log(np.maximum(k, 1)))
    return np.asarray(np.exp(k * np.log(mean) - mean - log_factorials), dtype=np.float64)


def _corner_means(means: Means) -> Floats:
    """(2,) expected corners of both sides."""
    lean = np.array([1.0, -1.0]) * means.supremacy
    return np.asarray(CORNERS * np.exp(CORNERS_BY_SUPREMACY * lean), dtype=np.float64)


def _corner_totals(means: Means) -> Floats:
    """Probability of each total of corners, from 0, summing to 1."""
    home, away = _corner_means(means)
    totals = np.convolve(_negative_binomial(home), _negative_binomial(away))
    return np.asarray(totals / totals.sum(), dtype=np.float64)


def _negative_binomial(mean: float) -> Floats:
    """(61,) probability of 0 to 60 at a mean: P(k) = P(k-1) · (k - 1 + r)/k · mean/(mean + r)."""
    k = np.arange(1, MOST_CORNERS + 1)
    ratios = (k - 1 + CORNERS_SIZE) / k * mean / (mean + CORNERS_SIZE)
    first = (CORNERS_SIZE / (CORNERS_SIZE + mean)) ** CORNERS_SIZE
    return np.asarray(first * np.concatenate(([1.0], np.cumprod(ratios))), dtype=np.float64)
