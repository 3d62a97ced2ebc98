"""The Dixon-Coles fit against penaltyblog's, and the Poisson fit against the GLM of statsmodels.

    uv run python -m benchmarks.dixon_coles [--from FOLDER] [--league E0] [--until 2022] [--rounds 5]

One season and five seasons of one league, matches weighing exp(-0.0018 · days), priors off (so weak that they move
no published digit). Before anything is timed it is asserted that, on the same matches and weights,

- our log-likelihood is within 1e-3 of penaltyblog's with numerical gradients, and not 1e-3 below that of its default,
  whose gradient leaves out the correction of low scores and stops short of the maximum;
- penaltyblog's own likelihood function, given our parameters, says what ours says;
- the GLM of statsmodels has our Poisson log-likelihood;
- a warm refit has the log-likelihood of a fresh one.

Theirs is timed by `fit` alone, on a model that is already made of the matches. Ours begins with the matches: the sums
per pairing are part of the time. A warm refit lets two and a half days pass and adds ten matches; penaltyblog has no
such thing and fits all again, matches that weigh the same. Every run of ours is the mean of twenty fits.
"""

from __future__ import annotations

import copy
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import statsmodels.api as sm

from benchmarks.foreign import PENALTYBLOG, Call, foreign
from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from touchline import Floats, Ints
from touchline.evaluation.dataset import read_dataset
from touchline.pairings import pairings
from touchline.rates import Priors, RunningRates, Strengths, fit_rates

OFF = Priors(
    level=0.1, home=0.25, strength_precision=1e-6, level_precision=1e-6, home_precision=1e-6, rho_precision=1e-6
)
XI = 0.0018
DAYS = 2.5
NEW = 10
FITS = 20
RECORDED = Path(os.environ.get("TOUCHLINE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "football-data"


@dataclass(frozen=True)
class Matches:
    """Weighted matches of one league."""

    clubs: tuple[str, ...]
    home: Ints
    away: Ints
    home_goals: Floats
    away_goals: Floats
    weight: Floats

    @property
    def league(self) -> Ints:
        """All zero: one league."""
        return np.zeros(len(self.home), np.int64)

    @property
    def columns(self) -> tuple[Ints, Ints, Ints, Floats, Floats, Floats]:
        """As `pairings` wants them."""
        return self.home, self.away, self.league, self.home_goals, self.away_goals, self.weight

    def part(self, rows: slice, factor: float = 1.0) -> Matches:
        """Some of the matches, their weights multiplied by a factor."""
        goals = self.home_goals[rows], self.away_goals[rows]
        return Matches(self.clubs, self.home[rows], self.away[rows], *goals, self.weight[rows] * factor)


def read_matches(folder: Path, league: str, seasons: range) -> Matches:
    """The matches of some seasons, oldest first."""
    past = read_dataset(folder, [league], seasons).history
    weight = np.exp(-XI * (past.days_ago - past.days_ago.min()))
    return Matches(past.clubs, past.home, past.away, past.home_goals, past.away_goals, weight)


@dataclass(frozen=True)
class TheirFit:
    """penaltyblog's fit."""

    seconds: float
    log_likelihood: float
    parameters: dict[str, float]


def their_fit(call: Call, matches: Matches, *, use_gradient: bool = True) -> TheirFit:
    """Fit over there, by the analytical gradient (its default) or by numerical ones."""
    clubs = np.array(matches.clubs)
    return TheirFit(
        **call(
            "dixon_coles",
            home_goals=matches.home_goals.astype(int).tolist(),
            away_goals=matches.away_goals.astype(int).tolist(),
            home=clubs[matches.home].tolist(),
            away=clubs[matches.away].tolist(),
            weights=matches.weight.tolist(),
            use_gradient=use_gradient,
        )
    )


@click.command()
@click.option("--from", "folder", default=RECORDED, show_default=True, type=click.Path(path_type=Path))
@click.option("--league", default="E0", show_default=True, help="Code of the league.")
@click.option("--until", default=2022, show_default=True, help="Last season, the year in which it starts.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Times that each way is measured.")
def main(folder: Path, league: str, until: int, rounds: int) -> None:
    """Print the ratios."""
    with foreign("benchmarks.foreign_fits", PENALTYBLOG) as call:
        for seasons in (1, 5):
            matches = read_matches(folder, league, range(until + 1 - seasons, until + 1))
            click.echo(
                f"{league}, {seasons} season{'s' if seasons > 1 else ''} to {until}/{(until + 1) % 100:02d}: "
                f"{len(matches.home):,} matches, {len(matches.clubs)} clubs"
            )
            _compare_cold(call, matches, rounds)
            _compare_poisson(matches, rounds)
            _compare_warm(call, matches, rounds)


def _ours(matches: Matches, *, low_scores: bool = True) -> Strengths:
    return fit_rates(pairings(*matches.columns, low_scores=low_scores), len(matches.clubs), 1, OFF)


def _compare_cold(call: Call, matches: Matches, rounds: int) -> None:
    numeric = _checked(call, matches, _ours(matches))
    ways = {
        "touchline": seconds_each(FITS, partial(_ours, matches)),
        "penaltyblog": lambda: their_fit(call, matches).seconds,
    }
    seconds = in_turns(ways, rounds)
    click.echo(f"  fit                {faster(seconds, 'touchline', 'penaltyblog')}")
    seconds["penaltyblog numerically"] = [numeric] * rounds
    click.echo(f"  at its likelihood  {faster(seconds, 'touchline', 'penaltyblog numerically')}")


def _checked(call: Call, matches: Matches, ours: Strengths) -> float:
    """Assert that the same was fitted; the seconds of penaltyblog's fit by numerical gradients."""
    numeric, default = their_fit(call, matches, use_gradient=False), their_fit(call, matches)
    names = [f"{side}_{club}" for side in ("attack", "defence") for club in matches.clubs]
    assert set(numeric.parameters) == {*names, "home_advantage", "rho"}, "other clubs"
    at_ours = call("log_likelihood", parameters=_their_parameters(matches, ours))
    there, short = numeric.log_likelihood, default.log_likelihood
    click.echo(
        f"  log-likelihood {ours.log_likelihood:.4f} (in penaltyblog's own function {at_ours:.4f}); "
        f"penaltyblog {short:.4f}, by numerical gradients {there:.4f}"
    )
    assert abs(at_ours - ours.log_likelihood) < 1e-6, "the likelihoods are not the same function"
    assert abs(ours.log_likelihood - there) < 1e-3, "penaltyblog reaches another maximum by numerical gradients"
    assert ours.log_likelihood >= short - 1e-3, "penaltyblog's default reaches a higher likelihood"
    return numeric.seconds


def _their_parameters(matches: Matches, ours: Strengths) -> list[float]:
    """In penaltyblog's order and sign, its clubs sorted by name: log l = attack + defence + home."""
    order = np.argsort(np.array(matches.clubs))
    attack, defence = ours.attack[order] + ours.level[0], -ours.defence[order]
    shift = attack.mean() - 1
    return [*(attack - shift), *(defence + shift), ours.home, ours.rho]


def _compare_poisson(matches: Matches, rounds: int) -> None:
    clubs, n = len(matches.clubs), len(matches.home)
    scorer, conceder = np.r_[matches.home, matches.away], np.r_[matches.away, matches.home]
    design = np.zeros((2 * n, 2 * clubs + 1))
    rows = np.arange(2 * n)
    design[rows, scorer] = 1
    design[rows, clubs + conceder] = 1
    design[:n, -1] = 1
    design = np.delete(design, clubs, axis=1)  # one defence is the scale of the others
    goals, weight = np.r_[matches.home_goals, matches.away_goals], np.tile(matches.weight, 2)

    def glm() -> float:
        model = sm.GLM(goals, design, family=sm.families.Poisson(), var_weights=weight)
        began = time.process_time()
        model.fit()
        return time.process_time() - began

    theirs = sm.GLM(goals, design, family=sm.families.Poisson(), var_weights=weight).fit().llf
    ours = _ours(matches, low_scores=False)
    assert abs(theirs - ours.log_likelihood) < 1e-3, f"statsmodels has {theirs}, we {ours.log_likelihood}"
    ways = {"touchline": seconds_each(FITS, partial(_ours, matches, low_scores=False)), "statsmodels": glm}
    click.echo(f"  Poisson fit        {faster(in_turns(ways, rounds), 'touchline', 'statsmodels')}")


def _compare_warm(call: Call, matches: Matches, rounds: int) -> None:
    factor = float(np.exp(-XI * DAYS))
    old, new = matches.part(slice(-NEW)), matches.part(slice(-NEW, None))
    running = RunningRates(len(matches.clubs), 1, OFF)
    running.add(*old.columns)
    running.fit()

    def refit() -> Strengths:
        later = copy.copy(running)
        later.decay(factor)
        later.add(*new.columns)
        return later.fit()

    both = replace(matches, weight=np.r_[old.weight * factor, new.weight])
    warm, cold = refit(), _ours(both)
    assert abs(warm.log_likelihood - cold.log_likelihood) < 1e-6, "a warm refit is not the fresh fit"
    assert warm.log_likelihood >= their_fit(call, both).log_likelihood - 1e-3, "penaltyblog reaches a higher likelihood"
    ways = {
        "touchline": seconds_each(FITS, refit),
        "penaltyblog": lambda: their_fit(call, both).seconds,
    }
    click.echo(f"  warm refit         {faster(in_turns(ways, rounds), 'touchline', 'penaltyblog')}")


if __name__ == "__main__":
    main()
