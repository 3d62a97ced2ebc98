"""Published figures, typed by hand in `tests/golden/`, against what our code makes of the same matches and prices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, special

from tests.golden.tables import rows
from tests.plugins.histories import golden_season
from touchline import Floats, History
from touchline.grid import ScoreGrid
from touchline.margin import Flag, Method, remove_margin
from touchline.metrics import ranked_scores
from touchline.pairings import Pairings, pairings
from touchline.rates import Priors, Strengths, fit_rates, posterior
from touchline.value import kelly

OFF = Priors(
    level=0.1, home=0.25, strength_precision=1e-6, level_precision=1e-6, home_precision=1e-6, rho_precision=1e-6
)
"""So weak that the fit is maximum likelihood to all published digits."""

OUTCOMES = ("home_win", "draw", "away_win")


def paired(past: History, *, low_scores: bool) -> Pairings:
    weight = np.ones(len(past))
    columns = (past.home, past.away, past.league, past.home_goals, past.away_goals)
    return pairings(*columns, weight, low_scores=low_scores)


class Fit:
    """Our fit of one season, asked in the words of the tables."""

    def __init__(self, past: History, *, low_scores: bool) -> None:
        self.past, self.low_scores = past, low_scores
        self.found = fit_rates(paired(past, low_scores=low_scores), len(past.clubs), 1, OFF)

    def says(self, what: str, home: str = "", away: str = "") -> float:
        found, clubs = self.found, self.past.clubs
        centred = {"attack": found.attack - found.attack.mean(), "defence": found.defence - found.defence.mean()}
        if what in centred:
            return float(centred[what][clubs.index(home)])
        if what in OUTCOMES:
            goals = self.goals(home, away)
            return float(ScoreGrid(goals[:1], goals[1:], found.rho).result()[0, OUTCOMES.index(what)])
        if what in ("home_goals", "away_goals"):
            return float(self.goals(home, away)[int(what == "away_goals")])
        if what == "intercept":
            return float(found.level[0] + found.attack.mean() - found.defence.mean())
        if what == "aic":  # one attack and one defence are given by the others
            return 2 * (2 * len(clubs) + self.low_scores) - 2 * found.log_likelihood
        if what == "rho_two_step":
            return rho_alone(self.past, found)
        return float(getattr(found, what))

    def goals(self, home: str, away: str) -> Floats:
        found, (i, j) = self.found, (self.past.clubs.index(home), self.past.clubs.index(away))
        log_means = found.home + found.attack[i] - found.defence[j], found.attack[j] - found.defence[i]
        return np.asarray(np.exp(found.level[0] + np.array(log_means)), dtype=np.float64)


def rho_alone(past: History, plain: Strengths) -> float:
    """The likeliest rho while the rest stays as it was found without it."""
    surface = posterior(paired(past, low_scores=True), len(past.clubs), 1, OFF)
    rest = [*plain.attack, *plain.defence, *plain.level, plain.home]
    found = optimize.minimize_scalar(
        lambda rho: -surface.at(np.array([*rest, rho])).log_likelihood, bounds=(-0.3, 0.1), options={"xatol": 1e-8}
    )
    return float(found.x)


@pytest.mark.parametrize("model", ["poisson", "dixon_coles"])
def test_goalmodels_fits_of_the_premier_league_2011_12(recorded: Path, model: str) -> None:
    fit = Fit(golden_season(recorded, "premier_league_2011_12"), low_scores=model == "dixon_coles")
    table = [row for row in rows("goalmodel") if row["model"] == model]
    assert len(table) > 50
    for row in table:
        ours = fit.says(row["what"], row["home"], row["away"])
        assert ours == pytest.approx(float(row["value"]), abs=float(row["within"])), row


def test_four_more_digits_of_both_likelihoods(recorded: Path) -> None:
    """Reproduced outside this project by an independent optimiser on the same matches."""
    past = golden_season(recorded, "premier_league_2011_12")
    assert Fit(past, low_scores=False).found.log_likelihood == pytest.approx(-1088.9910, abs=1e-4)
    dixon_coles = Fit(past, low_scores=True).found
    assert dixon_coles.log_likelihood == pytest.approx(-1087.3593, abs=1e-4)
    assert dixon_coles.rho == pytest.approx(-0.13365, abs=1e-5)


def test_fits_of_the_serie_a_1991_92(recorded: Path) -> None:
    past = golden_season(recorded, "serie_a_1991_92")
    fits = {"double_poisson": Fit(past, low_scores=False), "dixon_coles": Fit(past, low_scores=True)}
    bivariate = bivariate_poisson(past)
    for row in rows("serie_a"):
        model, what = row["model"], row["what"]
        ours = bivariate[what] if model == "bivariate_poisson" else fits[model].says(what)
        assert ours == pytest.approx(float(row["value"]), abs=float(row["within"])), row


def bivariate_poisson(past: History) -> dict[str, float]:
    """Maximum likelihood of goals that share a part: home A + C, away B + C, all three Poisson.

    P(x, y) = e^-(l + m + n) · sum over k <= min(x, y) of l^(x-k) / (x-k)! · m^(y-k) / (y-k)! · n^k / k!
    with l and m as in `touchline.rates` and n = lambda3 the same in every match (Karlis & Ntzoufras 2003, section 2).
    """
    clubs = len(past.clubs)
    k = np.arange(int(np.minimum(past.home_goals, past.away_goals).max()) + 1)[:, None]
    home_alone, away_alone = past.home_goals - k, past.away_goals - k
    possible = (home_alone >= 0) & (away_alone >= 0)
    left = special.gammaln(np.where(possible, home_alone, 0) + 1) + special.gammaln(
        np.where(possible, away_alone, 0) + 1
    )
    constant = np.where(possible, -left - special.gammaln(k + 1), -np.inf)

    def terms(at: Floats) -> tuple[Floats, Floats, Floats]:
        attack, defence, (level, home, log_n) = at[:clubs], at[clubs : 2 * clubs], at[-3:]
        log_l = level + home + attack[past.home] - defence[past.away]
        log_m = level + attack[past.away] - defence[past.home]
        return constant + home_alone * log_l + away_alone * log_m + k * log_n, np.exp(log_l), np.exp(log_m)

    def depth(at: Floats) -> tuple[float, Floats]:
        logs, l, m = terms(at)  # noqa: E741 - the paper's letters
        seen = special.logsumexp(logs, axis=0)
        shared = (np.exp(logs - seen) * k).sum(axis=0)  # expected goals of the shared part, given the score
        n = np.exp(at[-1])
        by_l, by_m = past.home_goals - shared - l, past.away_goals - shared - m
        attack = np.bincount(past.home, by_l, clubs) + np.bincount(past.away, by_m, clubs)
        defence = -np.bincount(past.away, by_l, clubs) - np.bincount(past.home, by_m, clubs)
        by_rest = [(by_l + by_m).sum(), by_l.sum(), (shared - n).sum()]
        return -float((seen - l - m - n).sum()), -np.concatenate([attack, defence, by_rest])

    start = np.append(np.zeros(2 * clubs + 2), -1.0)
    found = optimize.minimize(depth, start, jac=True, method="BFGS", options={"gtol": 1e-5})
    assert found.success
    return {"log_likelihood": -found.fun, "home": found.x[-2], "lambda3": np.exp(found.x[-1])}


@pytest.mark.parametrize("row", rows("margins"), ids=lambda row: f"{row['method']} {row['prices']}")
def test_margins_to_eight_digits(row: dict[str, str]) -> None:
    fair = remove_margin(np.array([row["prices"].split()], dtype=float), Method(row["method"]))
    np.testing.assert_allclose(fair.probabilities[0], np.array(row["probabilities"].split(), dtype=float), atol=1e-8)
    assert fair.flags[0] == Flag.FINE
    if row["parameter"]:
        assert fair.parameter[0] == pytest.approx(float(row["parameter"]), abs=1e-8)


def test_ranked_probability_scores() -> None:
    table = rows("ranked_scores")
    probabilities = np.array([[row["home"], row["draw"], row["away"]] for row in table], dtype=float)
    outcomes = np.array([("home", "draw", "away").index(row["result"]) for row in table])
    scores = ranked_scores(probabilities, outcomes)
    np.testing.assert_allclose(scores, [float(row["score"]) for row in table], atol=1e-12)
    assert scores.mean() == pytest.approx(0.08937, abs=1e-9)


@pytest.mark.parametrize("row", rows("kelly"))
def test_shares_of_the_bankroll(row: dict[str, str]) -> None:
    share = float(row["fraction"]) * kelly(float(row["probability"]), float(row["price"]))
    assert share == pytest.approx(float(row["share"]), abs=1e-12)
