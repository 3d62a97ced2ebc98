"""State-space filters: strengths of clubs that move from week to week, learned match by match.

    log l = level + home + attack_i - defence_j        l: expected count of the home side i
    log m = level        + attack_j - defence_i        m: expected count of the away side j

The state of a league is x = (level, home, attack and defence of each club) with covariance P. Before the matches of a
day, time passes: per week a variance `walk` on every attack and defence (more by the factor 1 + early · exp(-w /
early_weeks) in week w of a season), `summer` between seasons, `level_walk` and `home_walk` on level and home advantage;
a gap counts as 30 days at most. Then every match of the day is forecast, and only then learned from, by the joint
update of both sides (extended Kalman filter):

    y = (y1, y2), e = (log l, log m), H = d mean / d x
    COUNT     mean = (l, m)    noise R = f · diag(l, m)     as Poisson, f times as wide; f below 1 for y that carry more
    LOG RATE  mean = e         noise R = f · [1 c; c 1]     y is itself a log rate, for example of past closing prices
    S = H P H' + R,  K = P H' S⁻¹,  x += K (y - mean),  P -= K H P

A surprise counts as `most_surprising` standard deviations of S at most, so that one absurd score cannot throw a club
off the scale. A club that is new to its league enters with mean `new_attack`, `new_defence` (with the opposite sign
when it came down from a league above) and variance `new_variance`; one that was away for a season enters anew. Leagues
of one history share nothing but their clubs' calendar, so no level leaks from one into the other.

Sources: Koopman & Lit, "A dynamic bivariate Poisson model for analysing and forecasting match results in the English
Premier League", J. R. Statist. Soc. A 178 (2015), for strengths as random walks; Fahrmeir, "Posterior mode estimation
by extended Kalman filtering for multivariate dynamic generalized linear models", JASA 87 (1992), for the update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property

import numpy as np

from touchline.filters.series import NEVER, Places, Series, kernel
from touchline.names import translated
from touchline.types import Floats, Ints

START_LEVEL, START_HOME, START_VARIANCE = 0.1, 0.28, 0.01
"""Of a league before its first match, in logs of goals."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Choices of a filter; variances are of logs of counts."""

    walk: float = 1.5e-4
    """Variance a week of attack and defence."""
    walk_correlation: float = 0.4
    """Between attack and defence of a club: form lifts both."""
    summer: float = 0.011
    summer_correlation: float = 0.4
    early: float = 2.7
    """How much faster strengths move at the start of a season."""
    early_weeks: float = 6.0
    level_walk: float = 1.5e-5
    home_walk: float = 4e-5
    new_variance: float = 0.06
    new_correlation: float = 0.0
    new_attack: float = -0.3
    new_defence: float = 0.0
    most_surprising: float = 5.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What a filter sees of each of `n` matches. A row that is not finite is not seen."""

    values: Floats
    """(n, 2) counts, or logs of rates, of home and away side."""
    noise: Floats
    """(n,) the f of the module's formulas."""
    is_log: Ints
    """(n,) 1 where the values are logs of rates, else 0."""
    correlation: float = 0.0
    """Of the noise of both sides."""


@dataclass(frozen=True, slots=True)
class LeagueState:
    """One league's filter between two days. Arrays are never changed once they are in here."""

    x: Floats
    """(2 + 2·slots,) level, home advantage, then attack and defence by slot."""
    P: Floats
    """(2 + 2·slots, 2 + 2·slots) covariance."""
    held: Ints
    """(slots,) club of each slot, an index of the series."""
    last: Ints
    """(slots,) season of its last match in this league."""
    clock: Ints
    weeks: Floats
    """(1,) weeks since the season began."""

    @classmethod
    def start(cls, slots: int) -> LeagueState:
        """Before the first match."""
        size = 2 + 2 * slots
        x, P = np.zeros(size), np.zeros((size, size))
        x[:2] = START_LEVEL, START_HOME
        P[0, 0] = P[1, 1] = START_VARIANCE
        return cls(x, P, np.full(slots, -1), np.full(slots, NEVER), np.array([NEVER, NEVER, NEVER, 0]), np.zeros(1))

    def copy(self) -> LeagueState:
        """A state of its own."""
        return LeagueState(*(getattr(self, name).copy() for name in self.__slots__))

    def moved(self, slots: int, clubs: Ints | None) -> LeagueState:
        """The same state with room for so many slots at least, and its clubs renumbered by `clubs`."""
        held = self.held if clubs is None else np.append(clubs, -1)[self.held]
        more = slots - len(self.held)
        if more <= 0:
            return LeagueState(self.x, self.P, held, self.last, self.clock, self.weeks)
        return LeagueState(
            np.pad(self.x, (0, 2 * more)),
            np.pad(self.P, (0, 2 * more)),
            np.pad(held, (0, more), constant_values=-1),
            np.pad(self.last, (0, more), constant_values=NEVER),
            self.clock,
            self.weeks,
        )


@dataclass(frozen=True, slots=True)
class Strengths:
    """A filter's means at the end of a series, by the roster's leagues and pairs: all that a forecast needs."""

    level: Floats
    """(leagues,) log of the expected count of an average away side."""
    home: Floats
    """(leagues,) log of the home advantage."""
    attack: Floats
    """(p,) by pair of the roster; a pair that left the league long ago is 0."""
    defence: Floats
    new_attack: float
    new_defence: float

    def log_means(self, places: Places) -> Floats:
        """(m, 2) logs of the expected counts of coming matches; a club that is new enters with the prior."""
        is_new = places.pair < 0
        attack = np.where(is_new, self.new_attack * places.entry, np.append(self.attack, 0.0)[places.pair])
        defence = np.where(is_new, self.new_defence * places.entry, np.append(self.defence, 0.0)[places.pair])
        level = np.append(self.level, START_LEVEL)[places.league]
        home = level + np.append(self.home, START_HOME)[places.league]
        return np.stack([home + attack[:, 0] - defence[:, 1], level + attack[:, 1] - defence[:, 0]], axis=1)

    def packed(self) -> Floats:
        """All numbers in one array."""
        return np.concatenate([self.level, self.home, self.attack, self.defence, [self.new_attack, self.new_defence]])

    @classmethod
    def unpacked(cls, numbers: Floats, leagues: int) -> Strengths:
        """The strengths of `packed`."""
        pairs = (len(numbers) - 2 - 2 * leagues) // 2
        level, home, attack, defence, new = np.split(numbers, np.cumsum([leagues, leagues, pairs, pairs]))
        return cls(level, home, attack, defence, float(new[0]), float(new[1]))


@dataclass(frozen=True)
class Filtered:
    """A filter that went through a series. `resume` of `run` takes it to go on with a longer one."""

    series: Series
    settings: FilterSettings
    log_means: Floats
    """(n, 2) logs of the expected counts of each match, known before its day."""
    closed: tuple[LeagueState, ...]
    """Each league before its last day: more matches of that day may come."""
    now: tuple[LeagueState, ...]
    """Each league after its last match."""

    @cached_property
    def strengths(self) -> Strengths:
        """The means of now."""
        roster = self.series.roster
        table = roster.pair_table()
        attack, defence = np.zeros(len(roster.pair_club)), np.zeros(len(roster.pair_club))
        for league, state in enumerate(self.now):
            for slot in np.flatnonzero(state.last >= state.clock[0] - 1).tolist():
                if state.held[slot] >= 0:
                    pair = table[league, state.held[slot]]
                    attack[pair], defence[pair] = state.x[2 + 2 * slot], state.x[3 + 2 * slot]
        level, home = (np.array([state.x[at] for state in self.now]) for at in (0, 1))
        return Strengths(level, home, attack, defence, self.settings.new_attack, self.settings.new_defence)


def run(
    series: Series, observations: Sequence[Observation], settings: FilterSettings, resume: Filtered | None = None
) -> Filtered:
    """Filter a series. `resume` is the same filter after the series' first matches: only what came since is new work.

    The answer is bit for bit the same with and without `resume`. Every observation is of all matches of the series.
    Raises ValueError when one has another length, or noise that is not above 0.
    """
    values, kinds, noises = _stacked(series, observations)
    log_means = np.empty((len(series), 2))
    if resume is not None:
        log_means[: len(resume.series)] = resume.log_means
    correlations = np.array([one.correlation for one in observations])

    def walked(state: LeagueState, rows: Ints) -> LeagueState:
        state = state.copy()
        kernel().walk_league(
            rows, series.sides, series.season, series.day, series.entry, values, kinds, noises, correlations,
            astuple(settings), state.x, state.P, state.held, state.last, state.clock, state.weeks, log_means,
        )  # fmt: skip
        return state

    closed, now = [], []
    for league, rows in enumerate(series.by_league):
        state, done = _start(series, league, rows, resume)
        last = int(np.searchsorted(series.day[rows], series.day[rows[-1:]].max(initial=0)))
        closed.append(walked(state, rows[done:last]))
        now.append(walked(closed[-1], rows[last:]))
    return Filtered(series, settings, log_means, tuple(closed), tuple(now))


def _start(series: Series, league: int, rows: Ints, resume: Filtered | None) -> tuple[LeagueState, int]:
    """Where a league's filter begins: its state and how many of its matches that state knows."""
    slots = series.slots[league]
    if resume is None or series.leagues[league] not in resume.series.leagues:
        return LeagueState.start(slots), 0
    before = resume.series
    at = before.leagues.index(series.leagues[league])
    known = before.by_league[at]
    done = int(np.searchsorted(before.day[known], before.day[known[-1:]].max(initial=0)))
    if not np.array_equal(rows[: len(known)], known):
        return LeagueState.start(slots), 0  # a match came in late: this league from its beginning
    clubs = None if before.clubs == series.clubs else translated(before.clubs, series.clubs)
    return resume.closed[at].moved(slots, clubs), done


def _stacked(series: Series, observations: Sequence[Observation]) -> tuple[Floats, Ints, Floats]:
    """(k, n, 2) values, (k, n) kinds and (k, n) noise."""
    for one in observations:
        if one.values.shape != (len(series), 2) or one.noise.shape != one.is_log.shape != (len(series),):
            raise ValueError(f"an observation is of {len(one.values)} matches, the series of {len(series)}")
    values = np.stack([one.values for one in observations])
    noise = np.stack([one.noise for one in observations])
    seen = np.isfinite(values).all(axis=2)
    if not (noise[seen] > 0).all():
        raise ValueError("the noise of an observation must be above 0")
    is_log = np.stack([one.is_log for one in observations])
    return values, np.where(seen, np.where(is_log, kernel().LOG_RATE, kernel().COUNT), 0), noise
