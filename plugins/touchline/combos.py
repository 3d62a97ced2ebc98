"""Several outcomes of one match at once, priced from its stored forecasts.

    P(all)      = sum of the cells of the score grid in which every goal leg wins · P(every corner leg wins)
    independent = product of the legs' own probabilities
    factor      = P(all) / independent       above 1 the legs help each other

Goal legs are sets of cells of one grid, so "home win and over 2.5" knows that goals win matches. Corners have a
distribution of their own; how they hang together with goals is not modelled, so they are taken as independent of the
goal legs, and corner legs are priced together on the total.

Every leg wins or loses: a whole line would give the stake back and a quarter line half of it, and what then becomes of
the other legs differs from bookmaker to bookmaker. Such legs are refused and the nearest half lines are named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from touchline.counts import negative_binomial
from touchline.forecasting import MOST_GOALS, NEGATIVE_BINOMIAL, StoredForecast, score_grid
from touchline.types import Floats, Ints, Kind

FEWEST: Final = 2
MOST: Final = 6

HIGHEST_GOALS: Final = 15
HIGHEST_CORNERS: Final = 60

Event = Callable[..., NDArray[np.bool_]]
"""Of home and away goals, or of corners: where a leg wins."""


class Leg(NamedTuple):
    """One outcome of one market of a match."""

    kind: str
    """Kind of market: `touchline.types.Kind`, or `double_chance`."""
    outcome: str
    """`home`, `over`, `yes`, `2-1`; `home_over` for a team total, `home_or_draw` for a double chance."""
    line: float | None = None
    """In goals or corners; of a handicap, the goals given to the home side, whichever side is backed."""


class BadLeg(ValueError):
    """A leg that cannot be priced with others.

    `index` is its place, None for all of them, `field` the attribute of `Leg` at fault, "" for the leg as a whole.
    """

    def __init__(self, index: int | None, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.index = index
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Combo:
    """Price of several legs together."""

    probability: float
    """That all of them win; 0 where they exclude each other."""
    singles: tuple[float, ...]
    """Probability of each leg by itself."""
    corners: tuple[int, ...]
    """Places of the legs that were outside the score grid."""

    @property
    def independent(self) -> float:
        """What the probability would be if no leg knew of another."""
        return float(np.prod(self.singles))

    @property
    def factor(self) -> float | None:
        """Joint by independent; None where a leg cannot win at all."""
        return self.probability / self.independent if self.independent > 0 else None


def combo(goals: StoredForecast, corners: StoredForecast, legs: Sequence[Leg]) -> Combo | None:
    """The legs priced together; None where the forecasts do not tell a family that a leg needs. Raises BadLeg."""
    if not FEWEST <= len(legs) <= MOST:
        raise BadLeg(None, "", f"must be {FEWEST} to {MOST}")
    events = [_event(index, leg) for index, leg in enumerate(legs)]
    _check_repeats(legs)
    by_corners = tuple(index for index, leg in enumerate(legs) if leg.kind in _CORNER_KINDS)
    by_goals = tuple(index for index in range(len(legs)) if index not in by_corners)
    singles, probability = np.ones(len(legs)), 1.0
    for tell, forecast, places in ((_scores, goals, by_goals), (_counts, corners, by_corners)):
        told = tell(forecast) if places else None
        if told is None and places:
            return None
        if told is not None:
            wins = [events[place](*told.counts) for place in places]
            singles[list(places)] = [told.probabilities[win].sum() for win in wins]
            probability *= float(told.probabilities[np.logical_and.reduce(wins)].sum())
    return Combo(probability, tuple(singles.tolist()), by_corners)


class _Told(NamedTuple):
    """A distribution: counts, and the probability of each."""

    counts: tuple[Ints, ...]
    """Home and away goals of each cell, or the number of corners."""
    probabilities: Floats


def _scores(forecast: StoredForecast) -> _Told | None:
    cells = score_grid(forecast, MOST_GOALS)
    if cells is None:
        return None
    goals = np.arange(len(cells))
    home, away = np.broadcast_arrays(goals[:, None], goals)
    return _Told((home, away), cells)


def _counts(forecast: StoredForecast) -> _Told | None:
    if forecast.family != NEGATIVE_BINOMIAL:
        return None
    mean, dispersion = (np.array([forecast.parameters[name]]) for name in ("mean", "dispersion"))
    cells = negative_binomial(mean, dispersion, 2 * HIGHEST_CORNERS)[0]
    return _Told((np.arange(len(cells)),), cells)


def _check_repeats(legs: Sequence[Leg]) -> None:
    for index, leg in enumerate(legs):
        if leg in legs[:index]:
            raise BadLeg(index, "", f"repeats leg {legs.index(leg)}")


def _event(index: int, leg: Leg) -> Event:
    """Where the leg wins. Raises BadLeg."""
    if leg.kind == Kind.CORRECT_SCORE:
        return _score(index, leg)
    market = _MARKETS.get(leg.kind)
    if market is None:
        raise BadLeg(index, "kind", f"must be one of {', '.join(KINDS)}")
    if leg.outcome not in market.outcomes:
        raise BadLeg(index, "outcome", f"must be one of {', '.join(market.outcomes)}")
    line, wins = _line(index, leg, market.lines), market.outcomes[leg.outcome]
    return lambda *counts: wins(line, *counts)


def _score(index: int, leg: Leg) -> Event:
    found = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", leg.outcome)
    goals = (int(found[1]), int(found[2])) if found else None
    if goals is None or max(goals) > HIGHEST_GOALS:
        raise BadLeg(index, "outcome", f"must be home and away goals up to {HIGHEST_GOALS}, for example 2-1")
    _line(index, leg, None)
    return lambda home, away: (home == goals[0]) & (away == goals[1])


def _line(index: int, leg: Leg, lines: tuple[float, float] | None) -> float:
    """The leg's line, 0 for a market without one. Raises BadLeg."""
    if lines is None:
        if leg.line is not None:
            raise BadLeg(index, "line", "must be left out: the market has no line")
        return 0.0
    if leg.line is None:
        raise BadLeg(index, "line", "must be given")
    if not lines[0] <= leg.line <= lines[1]:
        raise BadLeg(index, "line", f"must be between {lines[0]:g} and {lines[1]:g}")
    if leg.line % 1 != 0.5:
        below = math.floor(leg.line - 0.5) + 0.5
        raise BadLeg(index, "line", f"must be a half line, {below:g} or {below + 1:g}: {leg.line:g} gives stakes back")
    return leg.line


class _Market(NamedTuple):
    outcomes: Mapping[str, Callable[..., NDArray[np.bool_]]]
    """Of the line and the counts: where the outcome wins."""
    lines: tuple[float, float] | None = None
    """Lowest and highest line; None for a market without one."""


_TOTALS: Final = (0.5, HIGHEST_GOALS - 0.5)
_MARKETS: Final[Mapping[str, _Market]] = MappingProxyType(
    {
        Kind.MATCH_RESULT: _Market(
            {
                "home": lambda _, home, away: home > away,
                "draw": lambda _, home, away: home == away,
                "away": lambda _, home, away: home < away,
            }
        ),
        "double_chance": _Market(
            {
                "home_or_draw": lambda _, home, away: home >= away,
                "home_or_away": lambda _, home, away: home != away,
                "draw_or_away": lambda _, home, away: home <= away,
            }
        ),
        Kind.ASIAN_HANDICAP: _Market(
            {
                "home": lambda line, home, away: home - away + line > 0,
                "away": lambda line, home, away: home - away + line < 0,
            },
            (0.5 - HIGHEST_GOALS, HIGHEST_GOALS - 0.5),
        ),
        Kind.TOTAL_GOALS: _Market(
            {
                "over": lambda line, home, away: home + away > line,
                "under": lambda line, home, away: home + away < line,
            },
            _TOTALS,
        ),
        Kind.TEAM_TOTAL_GOALS: _Market(
            {
                "home_over": lambda line, home, _: home > line,
                "home_under": lambda line, home, _: home < line,
                "away_over": lambda line, _, away: away > line,
                "away_under": lambda line, _, away: away < line,
            },
            _TOTALS,
        ),
        Kind.BOTH_TEAMS_TO_SCORE: _Market(
            {
                "yes": lambda _, home, away: (home > 0) & (away > 0),
                "no": lambda _, home, away: (home == 0) | (away == 0),
            }
        ),
        Kind.TOTAL_CORNERS: _Market(
            {"over": lambda line, corners: corners > line, "under": lambda line, corners: corners < line},
            (0.5, HIGHEST_CORNERS - 0.5),
        ),
    }
)
_CORNER_KINDS: Final = frozenset({Kind.TOTAL_CORNERS})
KINDS: Final = (*_MARKETS, Kind.CORRECT_SCORE)
"""Kinds of market that a leg can be of. Draw no bet is not: a draw gives the stake back, like a whole line."""
