"""What a model has to beat: the shares of the past, Elo ratings, and the market's closing price.

Climatology gives every match the shares of outcomes of the seasons before the first one that is evaluated, pooled over
the leagues that are.

Elo: clubs start at 1,500 (a club that joins later at the lower quartile of those there), and after a match

    rating += 10 · (1 + goal difference) · (points - expected),   expected = 1 / (1 + 10^(-(own - other) / 400))

with 1, 1/2 or 0 points for the home side, the opposite for the away side. The match result follows by an ordered logit
of the difference before the match, x = (home - away) / 400:

    P(away) = s(a - b·x),  P(away or draw) = s(c - b·x),  s the logistic function

fitted on the past by Fisher scoring with Gaussian priors. Hvattum & Arntzen (2010), "Using ELO ratings for match result
prediction in association football", International Journal of Forecasting 26: their ELO-g with its k of 10 and its
exponent of 1. The quartile is ours.

The market is no model, since it knows the prices of the match itself: closing prices without their margin (Shin); both
teams to score, and the result from half time, by the score grid of the goals that result and total imply together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from touchline.evaluation.dataset import Dataset, Quote
from touchline.evaluation.questions import BOTH_SCORE, CORNERS, FULL_RESULT, HALF_TIME, NOT_KNOWN, OVER, Question
from touchline.grid import ScoreGrid
from touchline.implied import implied_rates
from touchline.in_play import result_from
from touchline.margin import remove_margin
from touchline.types import (
    RESULT,
    SPARSE_BELOW,
    Basis,
    Fixtures,
    Floats,
    Forecasts,
    History,
    Ints,
    MarketKey,
    OddsUse,
    Reach,
    State,
)

EVERYTHING: Final = Reach(every_league=True, days=100 * 366)
TEN_YEARS: Final = Reach(days=3650)
CLOSING_RHO: Final = -0.06
"""Dependence of low scores with which closing prices are read."""

BLOCK: Final = 1024
"""Matches whose grids are in memory at once."""

_LONG_RUN: Final[Mapping[Question, tuple[float, ...]]] = {
    FULL_RESULT: (0.45, 0.26, 0.29),
    OVER: (0.5, 0.5),
    BOTH_SCORE: (0.5, 0.5),
    CORNERS: (0.5, 0.5),
}
"""Shares that count as ten matches: what a league without a past gets."""
_LONG_RUN_MATCHES: Final = 10.0


class NoFit(Exception):
    """A baseline could not be fitted."""


@dataclass(frozen=True, slots=True)
class FittedShares:
    """The same probabilities for every match."""

    shares: Mapping[MarketKey, Floats]

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order."""
        m = len(fixtures)
        rows = {market: np.tile(shares, (m, 1)) for market, shares in self.shares.items()}
        return Forecasts(rows, [Basis.LEAGUE_PRIOR] * m)

    def state(self) -> dict[str, Floats]:
        """Shares by market."""
        return {str(market): shares for market, shares in self.shares.items()}


@dataclass(frozen=True, slots=True)
class Climatology:
    """Shares of outcomes over some past seasons of some leagues."""

    leagues: tuple[str, ...]
    seasons: tuple[int, ...]
    key: str = "climatology"
    version: str = "1"
    questions: tuple[Question, ...] = tuple(_LONG_RUN)
    reach: Reach = EVERYTHING
    odds_use: OddsUse = OddsUse.NONE

    @property
    def markets(self) -> tuple[MarketKey, ...]:
        """Those of the questions."""
        return tuple(question.market for question in self.questions)

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The seasons and leagues whose shares they are."""
        return {"leagues": " ".join(self.leagues), "seasons": " ".join(map(str, self.seasons))}

    def fit(self, history: History, rng: np.random.Generator) -> FittedShares:  # noqa: ARG002 - the contract's
        """Count."""
        chosen = [index for index, league in enumerate(history.leagues) if league in self.leagues]
        counts = np.isin(history.season, self.seasons) & np.isin(history.league, chosen)
        return FittedShares(
            {one.market: _shares(one.truth(history)[counts], _long_run_of(one)) for one in self.questions}
        )

    def restore(self, history: History, state: State) -> FittedShares:  # noqa: ARG002 - the contract's
        """The shares of a saved state."""
        return FittedShares({market: state[str(market)] for market in self.markets})


def _long_run_of(question: Question) -> Sequence[float]:
    """The long run's shares; even ones of a market of which it is not known."""
    even = (1 / len(question.outcomes),) * len(question.outcomes)
    return _LONG_RUN.get(question, even)


def _shares(outcomes: Ints, prior: Sequence[float]) -> Floats:
    counts = np.bincount(outcomes[outcomes != NOT_KNOWN], minlength=len(prior)) + _LONG_RUN_MATCHES * np.array(prior)
    return np.asarray(counts / counts.sum(), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class FittedElo:
    """Ratings, and the line from their difference to the result."""

    clubs: tuple[str, ...]
    ratings: Floats
    """(c,) NaN for a club without a match."""
    matches: Ints
    newcomer: float
    """Rating of a club that was never seen."""
    line: Floats
    """a, c and b of the ordered logit."""

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order."""
        place = {club: index for index, club in enumerate(self.clubs)}
        known = np.array([place.get(club, -1) for club in fixtures.clubs], dtype=np.int64)
        clubs = known[np.stack([fixtures.home, fixtures.away])]
        rating = np.append(np.where(self.matches > 0, self.ratings, self.newcomer), self.newcomer)[clubs]
        seen = np.append(self.matches, 0)[clubs].min(axis=0)
        basis = [
            Basis.LEAGUE_PRIOR if n == 0 else Basis.MODEL_SPARSE if n < SPARSE_BELOW else Basis.MODEL for n in seen
        ]
        return Forecasts({RESULT: _ordered(self.line, (rating[0] - rating[1]) / 400)[:, ::-1]}, basis)

    def ratings_of(self, clubs: Sequence[str]) -> Floats:
        """(c,) ratings of the clubs named; NaN for a club never seen."""
        place = {club: index for index, club in enumerate(self.clubs)}
        return np.append(self.ratings, np.nan)[[place.get(club, -1) for club in clubs]]

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, for a history that begins with the same clubs."""
        return {
            "ratings": self.ratings,
            "matches": self.matches.astype(np.float64),
            "newcomer": np.array([self.newcomer]),
            "line": self.line,
        }


@dataclass(frozen=True, slots=True)
class Elo:
    """The match result from Elo ratings."""

    key: str = "elo"
    version: str = "1"
    markets: tuple[MarketKey, ...] = (RESULT,)
    k: float = 10.0
    exponent: float = 1.0
    start: float = 1500.0
    reach: Reach = TEN_YEARS
    odds_use: OddsUse = OddsUse.NONE

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The formula's constants."""
        return {"k": self.k, "exponent": self.exponent, "start": self.start}

    def fit(self, history: History, rng: np.random.Generator) -> FittedElo:  # noqa: ARG002 - the contract's
        """Rate every match in turn and fit the ordered logit. Raises NoFit."""
        ratings, matches, newcomer, difference, seen = self._rated(history)
        usable = seen >= SPARSE_BELOW
        order = np.sign(history.home_goals - history.away_goals).astype(np.int64) + 1
        line = _fit_ordered(difference[usable] / 400, order[usable])
        return FittedElo(history.clubs, ratings, matches, newcomer, line)

    def restore(self, history: History, state: State) -> FittedElo:
        """The ratings of a saved state; the history's first clubs are those that were rated."""
        return FittedElo(
            history.clubs[: len(state["ratings"])],
            state["ratings"],
            state["matches"].astype(np.int64),
            float(state["newcomer"][0]),
            state["line"],
        )

    def _rated(self, history: History) -> tuple[Floats, Ints, float, Floats, Ints]:
        """Ratings and matches of the clubs, the newcomer's rating; difference before each match, matches seen then."""
        rating = [float("nan")] * len(history.clubs)
        matches = [0] * len(history.clubs)
        newcomer, season = self.start, None
        difference, seen = np.empty(len(history)), np.empty(len(history), dtype=np.int64)
        columns = (history.home, history.away, history.season, history.home_goals - history.away_goals)
        for row, (home, away, year, margin) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            if year != season:
                newcomer, season = self._newcomer(rating, newcomer), year
            for club in (home, away):
                if matches[club] == 0:
                    rating[club] = newcomer
            apart = rating[home] - rating[away]
            difference[row], seen[row] = apart, min(matches[home], matches[away])
            points = 0.5 * ((margin > 0) - (margin < 0)) + 0.5
            step = self.k * (1 + abs(margin)) ** self.exponent * (points - 1 / (1 + 10 ** (-apart / 400)))
            rating[home] += step
            rating[away] -= step
            matches[home] += 1
            matches[away] += 1
        return np.array(rating), np.array(matches, dtype=np.int64), self._newcomer(rating, newcomer), difference, seen

    def _newcomer(self, ratings: Sequence[float], before: float) -> float:
        """Where a club starts that was not there before: the lower quartile of the clubs rated so far."""
        known = [rating for rating in ratings if rating == rating]
        return float(np.quantile(known, 0.25)) if known else before


_LINE_PRIOR: Final = (-1.05, 0.15, 1.75)
"""Rounded means of the fits of five leagues, 2005/06 to 2016/17; each with a standard deviation of 1."""


def _ordered(line: Floats, x: Floats) -> Floats:
    """(n, 3) away win, draw, home win."""
    from scipy.special import expit

    low, high = expit(line[0] - line[2] * x), expit(line[1] - line[2] * x)
    return np.stack([low, high - low, 1 - high], axis=1)


def _fit_ordered(x: Floats, order: Ints) -> Floats:
    """The likeliest line of outcomes 0, 1, 2 (away win, draw, home win) under the prior; raises NoFit."""
    prior = np.array(_LINE_PRIOR)
    line = prior
    for _ in range(50):
        p = _ordered(line, x)
        low, high = p[:, 0] * (1 - p[:, 0]), p[:, 2] * (1 - p[:, 2])
        zero = np.zeros_like(low)
        slopes = np.stack(
            [
                np.stack([low, zero, -x * low], axis=1),
                np.stack([-low, high, x * (low - high)], axis=1),
                np.stack([zero, -high, x * high], axis=1),
            ],
            axis=1,
        )
        rows = np.arange(len(x))
        score = (slopes[rows, order] / p[rows, order, None]).sum(axis=0) - (line - prior)
        information = np.einsum("nki,nkj,nk->ij", slopes, slopes, 1 / p) + np.eye(3)
        step = np.linalg.solve(information, score)
        line = line + step
        if not line[0] < line[1]:
            raise NoFit("the ordered logit of Elo has its thresholds the wrong way round")
        if np.abs(step).max() < 1e-8:
            return line
    raise NoFit("the ordered logit of Elo did not converge")


def closing_forecasts(dataset: Dataset, rows: Ints) -> dict[str, Floats]:
    """What closing prices say of some matches, by question, (m, outcomes); NaN where no closing price is known."""
    past = dataset.history
    result = _without_margin(past.closing_result[rows], dataset.result_quote[rows])
    over = _without_margin(past.closing_total[rows], dataset.total_quote[rows])
    home, away = _implied_means(result, over).T
    known = np.isfinite(home)
    both_score, from_half_time = np.full((len(rows), 2), np.nan), np.full((len(rows), 3), np.nan)
    both_score[known] = ScoreGrid(home[known], away[known], CLOSING_RHO).both_teams_to_score()
    rhos = np.full(len(rows), CLOSING_RHO)
    from_half_time[known] = result_from_half_time(past, rows[known], home[known], away[known], rhos[known])
    return {FULL_RESULT.key: result, OVER.key: over, BOTH_SCORE.key: both_score, HALF_TIME.key: from_half_time}


def result_from_half_time(past: History, rows: Ints, home_mean: Floats, away_mean: Floats, rho: Floats) -> Floats:
    """(m, 3) result of some matches from their half-time scores and pre-match grids; NaN without a half-time score."""
    table = np.full((len(rows), 3), np.nan)
    home, away = past.half_time_home_goals[rows], past.half_time_away_goals[rows]
    known = np.flatnonzero(np.isfinite(home) & np.isfinite(away))
    for start in range(0, len(known), BLOCK):
        block = known[start : start + BLOCK]
        table[block] = result_from(home_mean[block], away_mean[block], rho[block], 45, home[block], away[block])
    return table


def _without_margin(prices: Floats, quotes: Ints) -> Floats:
    is_closing = np.isin(quotes, [quote for quote in Quote if quote.is_closing])
    return remove_margin(np.where(is_closing[:, None], prices, np.nan)).probabilities


def _implied_means(result: Floats, over: Floats) -> Floats:
    """(m, 2) expected goals; NaN where a price is missing and where no score grid comes close to the prices."""
    asked = np.where(np.isfinite(over[:, :1]), result, np.nan)
    return np.asarray(np.exp(implied_rates(asked, over[:, 0], CLOSING_RHO)), dtype=np.float64)
