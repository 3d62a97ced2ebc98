"""Margin removal against penaltyblog's functions and the `shin` package.

    uv run python -m benchmarks.margins [--rows 9000] [--rounds 5]

Books of home, draw and away are drawn with margins from 2 to 8 per cent. Ours takes all rows at once; the others have
a function of one row, which is called once a row, as their documentation tells. That the probabilities are equal
within 1e-7 is asserted before anything is timed.
"""

from __future__ import annotations

from functools import partial

import click
import numpy as np

from benchmarks.foreign import PENALTYBLOG, Call, foreign
from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from touchline import Floats
from touchline.margin import Method, remove_margin

SEED = 20260314
TIMES = 5


@click.command()
@click.option("--rows", default=9000, show_default=True, help="Books whose margin is taken out.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Times that each way is measured.")
def main(rows: int, rounds: int) -> None:
    """Print a ratio for each method and library."""
    rng = np.random.default_rng(SEED)
    prices = 1 / (rng.dirichlet([4.0, 2.5, 3.0], rows) * rng.uniform(1.02, 1.08, (rows, 1)))
    prices = prices[(prices > 1.01).all(axis=1)]
    click.echo(f"{len(prices):,} books of three outcomes")
    with foreign("benchmarks.foreign_fits", PENALTYBLOG) as call:
        for method in Method:
            _compare(call, prices, "penaltyblog", method, rounds)
        _compare(call, prices, "shin", Method.SHIN, rounds)


def _compare(call: Call, prices: Floats, library: str, method: Method, rounds: int) -> None:
    table = prices.tolist()
    theirs = np.array(call("margins", prices=table, library=library, method=method)["probabilities"])
    ours = remove_margin(prices, method).probabilities
    usable = (theirs > 0).all(axis=1)  # additive: a row that goes below 0 is NaN with us
    worst = float(np.abs(ours - theirs)[usable].max())
    assert usable.mean() > 0.9, f"{library} has no answer for {len(prices) - usable.sum()} rows"
    assert worst < 1e-7, f"{library} differs by {worst:.1e} in {method}"
    seconds = in_turns(
        {
            "touchline": seconds_each(TIMES, partial(remove_margin, prices, method)),
            library: lambda: float(call("margins", prices=table, library=library, method=method)["seconds"]),
        },
        rounds,
    )
    click.echo(f"  {method:15} {faster(seconds, 'touchline', library)}")


if __name__ == "__main__":
    main()
