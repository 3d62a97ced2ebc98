"""How often the luck meter is right about bettors whose edge is known, beside the power that the formula promises.

    uv run python -m benchmarks.luck [--bettors 1000] [--price 1.91] [--svg FILE]

Every bettor has one edge and places bets of one stake at one price, each won with the probability (1 + edge) / price.
The product judges the record (`domain.bets.record.luck`); `right` is SKILL for an edge above 0, NO_EDGE below 0 and
UNDECIDED for none. `formula` is the power of a one-sided test at 2.5 % by statsmodels' `normal_power_het`. Bettors
are seeded: the table is the same every time. The exit code is 1 when a rate lies more than five standard errors from
the formula, where the normal curve holds (from 200 bets on), or a verdict against no edge comes up more often than
in 2.5 of 100 by as much.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from pathlib import Path

import click
import numpy as np
from statsmodels.stats.power import normal_power_het

from domain.bets.record.luck import TAIL, Verdict, bets_needed, judge

EDGES = (-0.05, 0.0, 0.02, 0.05)
LENGTHS = (50, 200, 500, 1_400, 5_000)
STAKE = 1_000
SEED = 20260314
TOLERANCE = 5.0
"""Standard errors."""
NORMAL_FROM = 200


@dataclass(frozen=True, slots=True)
class Rates:
    """What was said of bettors with one edge after so many bets; shares of the bettors."""

    edge: float
    bets: int
    bettors: int
    skill: float
    no_edge: float
    formula: float
    """How often the right verdict comes up where there is an edge; of no edge, UNDECIDED."""

    @property
    def undecided(self) -> float:
        return 1 - self.skill - self.no_edge

    @property
    def right(self) -> float:
        return self.skill if self.edge > 0 else self.no_edge if self.edge < 0 else self.undecided

    @property
    def wrong(self) -> float:
        """A verdict that the edge contradicts."""
        return self.no_edge if self.edge > 0 else self.skill if self.edge < 0 else self.skill + self.no_edge

    @property
    def is_as_promised(self) -> bool:
        """Whether the rates lie within the sampling error of what theory says."""
        if self.edge == 0:
            return all(rate <= TAIL + self._error(TAIL) for rate in (self.skill, self.no_edge))
        return self.bets < NORMAL_FROM or abs(self.right - self.formula) <= self._error(self.formula)

    def _error(self, rate: float) -> float:
        return TOLERANCE * sqrt(rate * (1 - rate) / self.bettors) + 1 / self.bettors


def rates(edge: float, bets: int, bettors: int, price: float) -> Rates:
    """Simulate and judge bettors; a bettor's profit depends on nothing but how many bets were won."""
    rng = np.random.default_rng([SEED, bets, round(1_000 * (1 + edge))])
    stakes, prices = np.full(bets, float(STAKE)), np.full(bets, price)
    won = rng.binomial(bets, (1 + edge) / price, bettors)
    verdicts: Counter[Verdict] = Counter()
    for wins, count in Counter(won.tolist()).items():
        judgement = judge(stakes, prices, wins * round(STAKE * price) - bets * STAKE)
        assert judgement is not None
        verdicts[judgement.verdict] += count
    skill, no_edge = (verdicts[verdict] / bettors for verdict in (Verdict.SKILL, Verdict.NO_EDGE))
    return Rates(edge, bets, bettors, skill, no_edge, power(edge, bets, price))


def power(edge: float, bets: float, price: float) -> float:
    """The formula: how often an edge shows; without one, how often neither verdict comes up."""
    null, alternative = sqrt(price - 1), sqrt((1 + edge) * (price - 1 - edge))
    if edge == 0:
        return 1 - 2 * TAIL
    return float(normal_power_het(abs(edge), bets, TAIL, null, alternative, alternative="larger"))


@click.command()
@click.option("--bettors", default=1_000, show_default=True, type=click.IntRange(100), help="Of each edge and length.")
@click.option("--price", default=1.91, show_default=True, type=click.FloatRange(1.1, 10.0), help="Decimal odds.")
@click.option("--svg", "target", type=click.Path(path_type=Path), help="File for a picture of the table.")
def main(bettors: int, price: float, target: Path | None) -> None:
    """Judge simulated bettors and print how often that was right, wrong and undecided."""
    table = [rates(edge, bets, bettors, price) for edge in EDGES for bets in LENGTHS]
    click.echo(f"{bettors:,} bettors each, flat stakes at {price:g}; percent of bettors")
    click.echo(
        f"{'edge':>6}{'bets':>8}{'SKILL':>9}{'NO_EDGE':>9}{'right':>9}{'wrong':>9}{'undecided':>11}{'formula':>9}"
    )
    for one in table:
        cells = (one.skill, one.no_edge, one.right, one.wrong)
        click.echo(
            f"{one.edge:>6.0%}{one.bets:>8,}{''.join(f'{100 * cell:>9.1f}' for cell in cells)}"
            f"{100 * one.undecided:>11.1f}{100 * one.formula:>9.1f}"
        )
    for edge in filter(None, EDGES):
        half, most = _needed(price, edge, 0.5), _needed(price, edge, 0.8)
        click.echo(f"bets needed for an edge of {edge:.0%}: {half} with a power of 50 %, {most} with 80 %")
    if target is not None:
        target.write_text(picture(table, price))
    if broken := [one for one in table if not one.is_as_promised]:
        click.echo(f"not as promised: {', '.join(f'{one.edge:.0%} at {one.bets:,}' for one in broken)}")
        sys.exit(1)


def _needed(price: float, edge: float, share: float) -> str:
    needed = bets_needed(np.ones(1), np.array([price]), edge, power=share)
    return "more than 100,000" if needed is None else f"{needed:,}"


WIDTH, HEIGHT, MARGIN = 640, 360, 48
COLOURS = ("#b3392f", "#6b6b6b", "#2f6db3", "#2f8f4e")


def picture(table: Sequence[Rates], price: float) -> str:
    """The share of right verdicts by the number of bets as SVG: dots are bettors, lines the formula."""
    marks = [mark for edge, colour in zip(EDGES, COLOURS, strict=True) for mark in _marks(table, edge, colour, price)]
    ticks = [f'<text x="{_x(bets):.0f}" y="{HEIGHT - 24}" text-anchor="middle">{bets:,}</text>' for bets in LENGTHS]
    ticks += [f'<text x="40" y="{_y(share):.0f}" text-anchor="end">{share:.0%}</text>' for share in (0, 0.5, 1)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            'font-size="12">',
            "<title>Right verdicts by number of bets: simulated bettors and the formula</title>",
            *ticks,
            *marks,
            "</svg>\n",
        ]
    )


def _marks(table: Iterable[Rates], edge: float, colour: str, price: float) -> list[str]:
    own = [one for one in table if one.edge == edge]
    places = np.geomspace(LENGTHS[0], LENGTHS[-1], 60).tolist()
    line = " ".join(f"{_x(bets):.1f},{_y(power(edge, bets, price)):.1f}" for bets in places)
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}"/>',
        *(f'<circle cx="{_x(one.bets):.1f}" cy="{_y(one.right):.1f}" r="4" fill="{colour}"/>' for one in own),
        f'<text x="{WIDTH - MARGIN + 6}" y="{_y(own[-1].right):.0f}" fill="{colour}">{edge:+.0%}</text>',
    ]


def _x(bets: float) -> float:
    share = log(bets / LENGTHS[0]) / log(LENGTHS[-1] / LENGTHS[0])
    return MARGIN + share * (WIDTH - 2 * MARGIN)


def _y(share: float) -> float:
    return HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN)


if __name__ == "__main__":
    main()
