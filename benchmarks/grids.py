"""Score grids and five markets of each against penaltyblog's `predict_many`.

    uv run python -m benchmarks.grids [--from FOLDER] [--league E0] [--season 2022] [--fixtures 1900] [--rounds 5]

penaltyblog fits its Dixon-Coles model on one season and forecasts pairings of its clubs; ours begins with the expected
goals and the rho that it found, so that both make the same grids, twenty cells a side. The markets are home win, draw,
away win, over 2.5 goals and both teams to score. That they are equal within 1e-6 is asserted before anything is timed.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.dixon_coles import RECORDED, read_matches, their_fit
from benchmarks.foreign import PENALTYBLOG, foreign
from benchmarks.turns import ROUNDS, faster, in_turns, seconds_each
from touchline import BTTS, OVER_25, RESULT, Floats
from touchline.grid import ScoreGrid

SIZE = 20
TIMES = 20


@click.command()
@click.option("--from", "folder", default=RECORDED, show_default=True, type=click.Path(path_type=Path))
@click.option("--league", default="E0", show_default=True, help="Code of the league.")
@click.option("--season", default=2022, show_default=True, help="The year in which it starts.")
@click.option("--fixtures", default=1900, show_default=True, help="Grids to make.")
@click.option("--rounds", default=ROUNDS, show_default=True, help="Times that each way is measured.")
def main(folder: Path, league: str, season: int, fixtures: int, rounds: int) -> None:
    """Print the ratio."""
    matches = read_matches(folder, league, range(season, season + 1))
    clubs = np.array(matches.clubs)
    home, away = np.resize(clubs[matches.home], fixtures).tolist(), np.resize(clubs[matches.away], fixtures).tolist()
    with foreign("benchmarks.foreign_fits", PENALTYBLOG) as call:
        rho = their_fit(call, matches).parameters["rho"]
        theirs = call("grids", home=home, away=away, size=SIZE)
        means = np.array(theirs["means"])

        def ours() -> Floats:
            found = ScoreGrid(means[:, 0], means[:, 1], rho, SIZE).markets([RESULT, OVER_25, BTTS])
            return np.column_stack([found[RESULT], found[OVER_25][:, 0], found[BTTS][:, 0]])

        worst = float(np.abs(ours() - np.array(theirs["rows"])).max())
        click.echo(
            f"{fixtures:,} fixtures of {league} {season}/{(season + 1) % 100:02d}; largest difference {worst:.1e}"
        )
        assert worst < 1e-6, "the markets differ"
        seconds = in_turns(
            {
                "touchline": seconds_each(TIMES, ours),
                "penaltyblog": lambda: float(call("grids", home=home, away=away, size=SIZE)["seconds"]),
            },
            rounds,
        )
    for name, spent in seconds.items():
        click.echo(f"  {name}: {fixtures / float(np.median(spent)):,.0f} fixtures a second")
    click.echo(f"  grids and markets  {faster(seconds, 'touchline', 'penaltyblog')}")


if __name__ == "__main__":
    main()
