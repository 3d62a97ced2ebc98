"""Simulated seasons a second, beside a plain loop over matches that draws with numpy.

    uv run python -m benchmarks.season [--simulations 20000] [--rounds 5]

The race is made up and always the same: 20 clubs, 271 matches played and 109 left, as in the Premier League on 1 March;
then the same with all 380 left. `loop` is what one writes first: for every season two `rng.poisson` of all matches,
a dictionary of points, and a sort. It has no correction of low scores, so ours runs without it too (rho 0), and once
more with it, which costs nothing. Before anything is timed both tables must agree within six standard errors in every
place of every club, and in mean points; the exit code is 1 when they do not. The loop does a fiftieth of the seasons
and its time is counted fifty times.
"""

from __future__ import annotations

import sys
from itertools import permutations

import click
import numpy as np

from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from touchline.season import Left, Race, Results, simulate
from touchline.types import Floats, Ints

CLUBS = 20
SHARE = 50
"""Seasons of ours for one of the loop's."""
TOLERANCE = 6.0
"""Standard errors."""


def race(matches: int, rho: float = 0.0) -> Race:
    """The made-up season with so many matches left."""
    rng = np.random.default_rng(20250301)
    pairs = rng.permutation(np.array(list(permutations(range(CLUBS), 2))))
    attack, defence = rng.normal(0.0, 0.25, (2, CLUBS))
    home_mean = np.exp(0.35 + attack[pairs[:, 0]] - defence[pairs[:, 1]])
    away_mean = np.exp(0.1 + attack[pairs[:, 1]] - defence[pairs[:, 0]])
    goals = rng.poisson(np.stack([home_mean, away_mean], axis=1))
    home, away = pairs.T
    left, played = slice(0, matches), slice(matches, None)
    return Race(
        CLUBS,
        Results(home[played], away[played], goals[played, 0], goals[played, 1]),
        Left(home[left], away[left], home_mean[left], away_mean[left], np.full(matches, rho)),
    )


def loop(season: Race, simulations: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Place probabilities (c, c) and mean points (c,) by a loop over seasons and matches."""
    places, total = np.zeros((season.clubs, season.clubs)), np.zeros(season.clubs)
    played = list(zip(*(column.tolist() for column in _columns(season.played)), strict=True))
    home, away = season.left.home.tolist(), season.left.away.tolist()
    for _ in range(simulations):
        drawn = zip(
            home,
            away,
            rng.poisson(season.left.home_mean).tolist(),
            rng.poisson(season.left.away_mean).tolist(),
            strict=True,
        )
        table = {club: [0, 0, 0] for club in range(season.clubs)}
        for one, other, goals, against in (*played, *drawn):
            _count(table[one], goals, against)
            _count(table[other], against, goals)
        lots = rng.random(season.clubs)
        order = sorted(table, key=lambda club: (*table[club], lots[club]), reverse=True)
        for place, club in enumerate(order):
            places[club, place] += 1
            total[club] += table[club][0]
    return places / simulations, total / simulations


def _columns(played: Results) -> tuple[Ints, ...]:
    return played.home, played.away, played.home_goals, played.away_goals


def _count(row: list[int], goals: int, against: int) -> None:
    row[0] += 3 if goals > against else goals == against
    row[1] += goals - against
    row[2] += goals


def differs(season: Race, simulations: int) -> str:
    """Where the two disagree by more than chance; nothing where they agree."""
    count = max(2000, simulations // SHARE)
    ours = simulate(season, SHARE * count, np.random.default_rng(1))
    places, points = loop(season, count, np.random.default_rng(2))
    error = np.sqrt(ours.places * (1 - ours.places) / count) + 1 / count
    off = np.abs(ours.places - places) / error
    if off.max() > TOLERANCE:
        club, place = np.unravel_index(int(off.argmax()), off.shape)
        return f"club {club}, place {place + 1}: {ours.places[club, place]:.4f} and {places[club, place]:.4f}"
    apart = float(np.abs(ours.expected_points - points).max())
    return f"mean points are {apart:.3f} apart" if apart > TOLERANCE * 8 / np.sqrt(count) else ""


def times(matches: int, simulations: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way for so many seasons, in turns."""
    season, corrected = race(matches), race(matches, rho=-0.06)
    slow = seconds_each(1, lambda: loop(season, simulations // SHARE, np.random.default_rng(3)))
    ways = {
        "ours": seconds_each(1, lambda: simulate(season, simulations, np.random.default_rng(3))),
        "corrected": seconds_each(1, lambda: simulate(corrected, simulations, np.random.default_rng(3))),
        "loop": lambda: slow() * SHARE,
    }
    return in_turns(ways, rounds)


@click.command()
@click.option("--simulations", default=20_000, show_default=True, type=click.IntRange(5000), help="Seasons of a run.")
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="Runs of each way.")
def main(simulations: int, rounds: int) -> None:
    """Check that both tables agree, then time them in turns."""
    for matches in (109, 380):
        fault = differs(race(matches), simulations)
        if fault:
            click.echo(f"{matches} matches: the tables differ, {fault}")
            sys.exit(1)
        seconds = times(matches, simulations, rounds)
        click.echo(f"{matches} matches left, {simulations:,} seasons, equal tables")
        for name in ("ours", "corrected"):
            rate = simulations / float(np.median(seconds[name]))
            click.echo(f"  {name:<10}{rate:>10,.0f} seasons/s   {faster(seconds, name, 'loop')}")


if __name__ == "__main__":
    main()
