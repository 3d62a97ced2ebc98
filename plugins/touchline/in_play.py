"""The rest of a match, from its pre-match forecast, the clock, the score and the red cards.

    f(u)      = (1 + b·u) / (1 + b/2)             scoring intensity, u: share of the playing time gone   [1]
    F(t)      = share of a match's goals that fall before minute t; F(45) is measured, which gives b
    log r     = log R(t) + log l + w(t)·(a - log R(45) + (s - 1)·log l) + lead(d) + p·own + q·other + cards
    R(t)      = 1 - F(t), goals that are left      w(t) = min(1, F(t) / F(45))
    own       = goals scored - F(t)·l              other: the same of the other side, d: own lead
    cards     = log 2/3 for each own red card, log 5/4 for each of the other side                       [2]
    P(h, k)  ~= Poisson(h - x; r home)·Poisson(k - y; r away) of a final score h-k from x-y on, weighed by tau of
                (1 - w(t))·rho, and level ones by exp(w(t)·min(1, R(t) / R(45))·g)                      [3]

l is the side's pre-match mean. a, s, lead, p, q are a Poisson regression of second-half goals on the half-time score
and g is what it leaves out: sides that are level settle for it (`touchline.in_play_fit`; what it was fitted on stands
at `SECOND_HALF`). w lets a, s and g in as the first half goes by, so that nothing is left of them at kick-off: minute
0 without goals and cards is the pre-match forecast. That path between 0 and 45, and after 45 the use of second-half
terms for what is left of it, are assumptions: match files know the score at half time only.

[1] Linear as in Dixon & Robinson, "A birth process model for association football matches", The Statistician 47
    (1998). Against b from the half-time scores: 5.5 % of goals fall in the second half's added time, and of five
    leagues' 2016/17 goals 5.6 % did (M. Cox, ESPN, 2017); Alberti et al., "Goal scoring patterns in major European
    soccer leagues", Sport Sciences for Health 9 (2013) have 13.7, 15.1, 16.2, 17.7, 17.2, 20.2 % by quarter hours,
    here 12.9, 13.9, 16.9, 16.0, 16.9, 23.4 %.
[2] Vecer, Kopriva & Ichiba, "Estimating the Effect of the Red Card in Soccer", Journal of Quantitative Analysis in
    Sports 5 (2009), from betting on two tournaments; the factors are quoted at second hand, and match files hold no
    minutes of cards to check them. Two equal sides, one of them with ten men from the start, win with .19 and .55 here
    and with .19 and .56 by eight Premier League seasons (The Guardian, 27 January 2006).
[3] `touchline.grid` has tau.

The clock is that of the game: minute 45 is half time, 90 the beginning of the last added time, and above 90 extra time
is played, two halves of 15 minutes without added time at the second half's mean intensity; then the score of 120
minutes is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from touchline.grid import ScoreGrid, joint, size_for
from touchline.types import Floats, Ints

FIRST_HALF_SHARE: Final = 0.4373
"""Share of goals that fall before half time: 16,393 matches of the top five leagues, 2010/11 to 2018/19 (home sides
.441, away sides .432: no difference that holds). 2005/06 to 2009/10 .4399, 2019/20 to 2023/24 .4486: it drifts."""

ADDED_TIME: Final = (2.0, 4.5)
"""Minutes added to the halves: 2.9 and 5.1 in England, 1.4 to 2.0 and about 4 elsewhere (Cox 2017)."""

PLAYING_TIME: Final = 90 + sum(ADDED_TIME)

RED_CARD_OWN: Final = 2 / 3
RED_CARD_OTHER: Final = 5 / 4

LAST_MINUTE: Final = 120
MOST_GOALS: Final = 20
MOST_RED_CARDS: Final = 4
"""A side with fewer than seven players does not play on."""
MOST_CORNERS: Final = 40


class SecondHalf(NamedTuple):
    """What the half-time score says about the rate of a side's second-half goals, on the log scale."""

    level: float
    """Log of the rate of a side with a pre-match mean of 1 at a level half-time score."""
    slope: float
    """Of the log of the side's pre-match mean: below 1 since strong sides do not keep all of their lead."""
    ahead_1: float
    ahead_2: float
    """Leading by two or more."""
    behind_1: float
    behind_2: float
    own: float
    """Per goal scored above expectation."""
    other: float
    """Per goal of the other side above expectation."""
    draw: float
    """Log weight of level final scores beyond what the rates give."""


SECOND_HALF: Final = SecondHalf(-0.5804, 0.9337, 0.0229, 0.0884, 0.0605, 0.0573, -0.0198, 0.0424, 0.0520)
"""Fitted in November 2026 on 16,393 matches of the top five leagues, 2010/11 to 2018/19, with pre-match means read from
their prices; standard errors .014, .032, .030, .060, .030, .061, .025, .026. `python -m touchline.in_play_fit`."""


class BadMoment(ValueError):
    """A state of play that cannot be; `field` names the attribute of `Moment` and `sentence` says what it must be."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field} {sentence}")
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Moment:
    """A state of play. Raises BadMoment."""

    minute: int = 0
    """0 to 120: 45 is half time, 90 the beginning of the last added time, more is extra time."""
    home_goals: int = 0
    away_goals: int = 0
    home_red_cards: int = 0
    away_red_cards: int = 0
    home_corners: int | None = None
    """So far; None where nobody counts them. Known of both sides or of none."""
    away_corners: int | None = None

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise BadMoment(name, f"must be between 0 and {most}")
        for name, other in (("home_corners", "away_corners"), ("away_corners", "home_corners")):
            if getattr(self, name) is None and getattr(self, other) is not None:
                raise BadMoment(name, "must be known where the other side's corners are")

    @property
    def is_kickoff(self) -> bool:
        """Whether nothing has happened yet."""
        return not any(getattr(self, name) for name in _MOST)


_MOST: Final = {
    "minute": LAST_MINUTE,
    "home_goals": MOST_GOALS,
    "away_goals": MOST_GOALS,
    "home_red_cards": MOST_RED_CARDS,
    "away_red_cards": MOST_RED_CARDS,
    "home_corners": MOST_CORNERS,
    "away_corners": MOST_CORNERS,
}
"""Attributes of `Moment` and the most that each can be."""


def result_from(
    home_mean: Floats,
    away_mean: Floats,
    rho: ArrayLike,
    minute: ArrayLike,
    home_goals: ArrayLike,
    away_goals: ArrayLike,
    home_red_cards: ArrayLike = 0,
    away_red_cards: ArrayLike = 0,
) -> Floats:
    """(n, 3) home win, draw, away win of the final score, from a minute and a score of each match.

    `home_mean`, `away_mean` and `rho` are those of the pre-match score grid, (n,); the others are (n,) or one number
    for all. From half time: `result_from(l, m, rho, 45, half_time_home_goals, half_time_away_goals)`. Raises ValueError
    for a state of play that cannot be, and for means and rho that `ScoreGrid` refuses.
    """
    grid = ScoreGrid(home_mean, away_mean, rho)
    columns = minute, home_goals, away_goals, home_red_cards, away_red_cards
    return final_grid(grid, States.of(len(grid), *columns)).result()


class States(NamedTuple):
    """States of play of `n` matches, one column (n,) for each attribute of `Moment` but the corners."""

    minute: Floats
    home_goals: Ints
    away_goals: Ints
    home_red_cards: Ints
    away_red_cards: Ints

    @classmethod
    def of(cls, n: int, minute: ArrayLike, *counts: ArrayLike) -> States:
        """Columns or single numbers in the order of the attributes; raises BadMoment."""
        clock, *others = (_column(name, column, n) for name, column in zip(cls._fields, (minute, *counts), strict=True))
        return cls(clock, *(each.astype(np.int64) for each in others))


def final_grid(before: ScoreGrid, states: States) -> ScoreGrid:
    """Final scores of `n` matches from their pre-match grids and their states of play."""
    unfolded = _unfolded(states.minute)
    home, away = remaining_rates(before, states)
    size = max(before.size, size_for(max(home.max(initial=0.0), away.max(initial=0.0))))
    cells = _moved(joint(home, away, np.zeros(len(before)), size), states)
    # Half time says more of level scores than rho does; with the time that is left its word fades too.
    left = np.minimum(1.0, goals_left(states.minute) / (1 - FIRST_HALF_SHARE))
    more = _tau(before, 1 - unfolded, cells.shape[1]) * np.exp(
        (unfolded * left * SECOND_HALF.draw)[:, None, None] * np.eye(cells.shape[1])
    )
    return _weighted(cells, more - 1, states.home_goals + home, states.away_goals + away, before.rho)


def remaining_rates(before: ScoreGrid, states: States) -> tuple[Floats, Floats]:
    """(n,) expected goals that each side will still score, before level scores weigh more."""
    unfolded, left = _unfolded(states.minute), goals_left(states.minute)
    gone = np.minimum(1.0, goals_gone(states.minute))
    surplus = states.home_goals - gone * before.home_mean, states.away_goals - gone * before.away_mean
    lead = states.home_goals - states.away_goals
    home = _said(before.home_mean, unfolded, lead, surplus[0], surplus[1])
    away = _said(before.away_mean, unfolded, -lead, surplus[1], surplus[0])
    home_cards = RED_CARD_OWN**states.home_red_cards * RED_CARD_OTHER**states.away_red_cards
    away_cards = RED_CARD_OWN**states.away_red_cards * RED_CARD_OTHER**states.home_red_cards
    return (
        before.home_mean * left * np.exp(home) * home_cards,
        before.away_mean * left * np.exp(away) * away_cards,
    )


def goals_gone(minute: Floats) -> Floats:
    """(n,) share of a match's goals that fall before a minute; 1 from the 91st on."""
    played, first_half = time_gone(minute), float(time_gone(np.array(45.0)))
    # b, from (u + b·u²/2) / (1 + b/2) = F(45) at the u of half time.
    rise = 2 * (first_half - FIRST_HALF_SHARE) / (FIRST_HALF_SHARE - first_half**2)
    return np.asarray((played + rise * played**2 / 2) / (1 + rise / 2), dtype=np.float64)


def time_gone(minute: Floats) -> Floats:
    """(n,) share of the playing time of 90 minutes, added time and all, that is over by a minute."""
    played = np.where(minute < 45, minute, minute + ADDED_TIME[0]) / PLAYING_TIME
    return np.where(minute > 90, 1.0, played)


def corners_to_come(mean: Floats, dispersion: Floats, minute: Floats, so_far: Floats) -> tuple[Floats, Floats]:
    """Mean and dispersion, (n,) each, of the negative binomial of corners still to come; the mean is 0 at the end.

    Corners come evenly in time at rates that are Gamma with the dispersion as their shape: those so far, `so_far` in
    a share u of the playing time, make it Gamma of shape k + so_far and leave
    mean · (1 - u) · (k + so_far) / (k + mean · u).
    """
    gone = time_gone(minute) + np.maximum(0.0, minute - 90) / PLAYING_TIME
    left = np.where(minute > 90, (LAST_MINUTE - minute) / PLAYING_TIME, 1 - time_gone(minute))
    shape = dispersion + so_far
    return mean * left * (shape / (dispersion + mean * gone)), shape


def goals_left(minute: Floats) -> Floats:
    """(n,) goals from a minute to the end, as a share of a match's of 90 minutes."""
    per_minute = (1 - FIRST_HALF_SHARE) / (45 + ADDED_TIME[1])
    return np.where(minute > 90, (LAST_MINUTE - minute) * per_minute, 1 - goals_gone(minute))


def state_columns(lead: Ints, own: Floats, other: Floats) -> Floats:
    """(n, 6) what the regression knows of a score, in the order of `SecondHalf` from `ahead_1` to `other`."""
    return np.column_stack([lead == 1, lead >= 2, lead == -1, lead <= -2, own, other]).astype(np.float64)


def _column(name: str, values: ArrayLike, n: int) -> Floats:
    column = np.broadcast_to(np.asarray(values, dtype=np.float64), (n,))
    if not ((column >= 0) & (column <= _MOST[name])).all():
        raise BadMoment(name, f"must be between 0 and {_MOST[name]}")
    return column


def _unfolded(minute: Floats) -> Floats:
    """(n,) w: how much of what half time tells is known by a minute."""
    return np.minimum(1.0, goals_gone(minute) / FIRST_HALF_SHARE)


def _said(mean: Floats, unfolded: Floats, lead: Ints, own: Floats, other: Floats) -> Floats:
    """(n,) log of what the second-half regression makes of a side's rate."""
    level, slope, *by_state = SECOND_HALF[:-1]
    strength = level - np.log(1 - FIRST_HALF_SHARE) + (slope - 1) * np.log(mean)
    return np.asarray(unfolded * strength + state_columns(lead, own, other) @ np.array(by_state), dtype=np.float64)


def _moved(cells: Floats, states: States) -> Floats:
    """The goals still to come, (n, size, size), moved to the score: probabilities of final scores."""
    n, size, _ = cells.shape
    highest = int(max(states.home_goals.max(initial=0), states.away_goals.max(initial=0)))
    if highest == 0:
        return cells
    final = np.zeros((n, size + highest, size + highest))
    scores = np.stack([states.home_goals, states.away_goals], axis=1)
    for home, away in np.unique(scores, axis=0).tolist():
        rows = (scores == (home, away)).all(axis=1)
        final[rows, home : home + size, away : away + size] = cells[rows]
    return final


def _tau(before: ScoreGrid, share: Floats, size: int) -> Floats:
    """(n, size, size) weights of final scores: those of the pre-match grid, with a share of its rho."""
    home, away, rho = before.home_mean, before.away_mean, share * before.rho
    weights = np.ones((len(before), size, size))
    weights[:, 0, 0] -= home * away * rho
    weights[:, 0, 1] += home * rho
    weights[:, 1, 0] += away * rho
    weights[:, 1, 1] -= rho
    return weights


def _weighted(cells: Floats, more: Floats, home_mean: Floats, away_mean: Floats, rho: Floats) -> ScoreGrid:
    """The grid with each score 1 + more times as likely, and the expected goals that go with it."""
    added = cells * more
    whole = 1 + added.sum(axis=(1, 2))
    goals = np.arange(cells.shape[1])
    home = (home_mean + added.sum(axis=2) @ goals) / whole
    away = (away_mean + added.sum(axis=1) @ goals) / whole
    return ScoreGrid.of_cells((cells + added) / whole[:, None, None], home, away, rho)
