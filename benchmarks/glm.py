"""The stack's fit (`touchline.stack.fit_poisson`) against statsmodels' GLM on the same counts.

    uv run python -m benchmarks.glm [--matches 25000] [--filters 9] [--rounds 5]

Matches are drawn: both sides' goals around log means that a few filters know with errors of their own, and weights that
fall with age, as in `touchline.goal_stack`. Both fits get the same design, counts and weights, and no prior. Before
anything is timed the coefficients must agree within 1e-6; the exit code is 1 when they do not. Then the two take turns,
and the last line is the ratio of their medians.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import click
import numpy as np
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from touchline import Floats
from touchline.stack import fit_poisson

SEED = 20260314
EQUAL = 1e-6
"""Largest difference of a coefficient."""

Fit = Callable[[], Floats]


def drawn(matches: int, filters: int) -> tuple[Floats, Floats, Floats]:
    """A design (2·matches, 2·filters + 2), counts and weights: home sides first."""
    rng = np.random.default_rng(SEED)
    total, supremacy = rng.normal(0.25, 0.2, matches), rng.normal(0.3, 0.55, matches)
    seen_total = total[:, None] + rng.normal(0, 0.1, (matches, filters))
    seen_supremacy = supremacy[:, None] + rng.normal(0, 0.15, (matches, filters))
    one = np.ones((matches, 1))
    home = np.hstack([one, seen_total, one, seen_supremacy])
    away = np.hstack([one, seen_total, -one, -seen_supremacy])
    means = np.concatenate([(total + supremacy) / 2, (total - supremacy) / 2])
    counts = rng.poisson(np.exp(means)).astype(np.float64)
    weight = 0.5 ** (np.linspace(12, 0, matches) / 6)
    return np.vstack([home, away]), counts, np.concatenate([weight, weight])


def fits(matches: int, filters: int) -> tuple[Fit, Fit]:
    """Our fit and statsmodels' of the same numbers, ready to run."""
    design, counts, weight = drawn(matches, filters)
    none = np.zeros(design.shape[1])

    def ours() -> Floats:
        return fit_poisson(design, counts, weight, none, none).coefficients

    def theirs() -> Floats:
        fitted = GLM(counts, design, family=Poisson(), freq_weights=weight).fit(tol=1e-10)
        return np.asarray(fitted.params, dtype=np.float64)

    return ours, theirs


def seconds(fit: Fit) -> float:
    """Wall time of one fit."""
    start = perf_counter()
    fit()
    return perf_counter() - start


@click.command()
@click.option("--matches", default=25_000, show_default=True, type=click.IntRange(500), help="Each is two rows.")
@click.option("--filters", default=9, show_default=True, type=click.IntRange(1, 40), help="Each is two columns.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Runs of each, in turns.")
def main(matches: int, filters: int, rounds: int) -> None:
    """Check that both fits agree, time them in turns and print the ratio of the medians."""
    ours, theirs = fits(matches, filters)
    difference = float(np.abs(ours() - theirs()).max())
    click.echo(f"{2 * matches:,} rows, {2 * filters + 2} columns; largest difference of a coefficient {difference:.1e}")
    if difference > EQUAL:
        click.echo(f"not equal: the coefficients differ by more than {EQUAL:g}")
        sys.exit(1)
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    our_median, their_median = (median(column) for column in zip(*times, strict=True))
    click.echo(f"touchline {1e3 * our_median:.0f} ms, statsmodels {1e3 * their_median:.0f} ms (medians of {rounds})")
    click.echo(f"ratio {their_median / our_median:.1f}")


if __name__ == "__main__":
    main()
