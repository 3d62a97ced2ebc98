"""Total corners: over and under 9.5; any other line from the stored mean and dispersion.

    log l = level + home + for_i - against_j         l: expected corners of the home side
    log m = level        + for_j - against_i         m: expected corners of the away side
    total ~ NegativeBinomial(mean l + m, dispersion k)      variance = mean + mean²/k

Team effects are a decayed Poisson fit with Gaussian priors (`touchline.rates`), k is the likeliest value around those
means with a prior (`touchline.counts`). The corners of the two sides correlate at -0.26 (8,955 matches of the top five
leagues), so the total is modelled and not two independent sides; its variance, 11.5 at a mean of 9.75, is above
Poisson's. Log loss of over 9.5 on the same leagues, 2019/20 to 2023/24 (n 8,955): 0.6855; base rate per league 0.6922.

    for_i       log of how many more corners club i takes than an average club; prior mean 0, precision `strength`
    against_i   log of how many fewer it gives away; the same prior
    level       log of the expected corners of an average away side, one per league
    home        log of the home advantage
    k           dispersion of the total; prior 70
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from touchline import CORNERS_95, Fixtures, Floats, Forecasts, History, MarketKey, Model, State, hookimpl
from touchline.counts import fit_dispersion, over_push_under
from touchline.rates import Priors
from touchline.ratings import Promotion, Ratings

API = 1

FAMILY = "negative_binomial"


@dataclass(frozen=True, slots=True)
class CornerSettings:
    """Choices of the model. Chosen on 2015/16 to 2018/19 of the top five leagues; the optimum is flat.

    Half-lives from 250 to 600 days and strengths from 80 to 150 differ by less than 0.001 of log loss.
    """

    half_life_days: float = 400.0
    strength: float = 100.0
    """Precision of the priors of team effects: so many expected corners weigh as much as the prior."""
    home_corners: float = 5.4
    """Expected corners of an average home side before any match was seen."""
    away_corners: float = 4.4
    dispersion: float = 70.0
    dispersion_spread: float = 0.5
    """Standard deviation of the prior of log k."""

    @property
    def priors(self) -> Priors:
        """The priors of these settings."""
        home = math.log(self.home_corners / self.away_corners)
        return Priors(level=math.log(self.away_corners), home=home, strength_precision=self.strength)


@dataclass(frozen=True, slots=True)
class FittedCorners:
    """Corner strengths of the clubs and the dispersion of totals."""

    ratings: Ratings
    dispersion: float

    def predict(self, fixtures: Fixtures) -> Forecasts:
        """Forecasts of all fixtures, in their order; a club never seen is forecast from the prior and labelled so."""
        home_mean, away_mean = self.ratings.means(fixtures)
        dispersion = np.full(len(home_mean), self.dispersion)
        total = over_push_under(home_mean + away_mean, dispersion, 9.5)
        return Forecasts(
            probabilities={CORNERS_95: total[:, [0, 2]]},
            basis=self.ratings.basis(fixtures),
            family=FAMILY,
            parameters={
                "mean": home_mean + away_mean,
                "dispersion": dispersion,
                "home_mean": home_mean,
                "away_mean": away_mean,
            },
        )

    def state(self) -> dict[str, Floats]:
        """Everything needed to restore it, as named arrays."""
        return self.ratings.state() | {"dispersion": np.array([self.dispersion])}


@dataclass(frozen=True, slots=True)
class Corners:
    """The model of total corners."""

    chosen: CornerSettings = CornerSettings()
    key: str = "touchline.corners"
    version: str = "1"
    markets: tuple[MarketKey, ...] = (CORNERS_95,)

    @property
    def settings(self) -> Mapping[str, float | str | bool]:
        """The chosen settings by name."""
        return asdict(self.chosen)

    def fit(self, history: History, rng: np.random.Generator) -> FittedCorners:  # noqa: ARG002 - the contract's
        """Learn from the past. Nothing is random; matches without corners are left out. Raises FitError."""
        chosen = self.chosen
        ratings = Ratings.fit(
            history,
            history.home_corners,
            history.away_corners,
            half_life_days=chosen.half_life_days,
            priors=chosen.priors,
            promotion=Promotion(),
            low_scores=False,
        )
        total = history.home_corners + history.away_corners
        known = np.isfinite(total)
        past = Fixtures(
            history.clubs,
            history.leagues,
            history.home[known],
            history.away[known],
            history.league[known],
            history.season[known],
            -history.days_ago[known],
        )
        home_mean, away_mean = ratings.means(past)
        dispersion = fit_dispersion(
            total[known],
            home_mean + away_mean,
            np.exp(-math.log(2) / chosen.half_life_days * history.days_ago[known]),
            prior=chosen.dispersion,
            spread=chosen.dispersion_spread,
        )
        return FittedCorners(ratings, dispersion)

    def restore(self, history: History, state: State) -> FittedCorners:
        """The fitted model of a saved state."""
        return FittedCorners(Ratings.restore(history, state, Promotion()), float(state["dispersion"][0]))


@hookimpl
def models() -> list[Model]:
    """The model of total corners."""
    return [Corners()]
