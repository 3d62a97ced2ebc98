"""`touchline plugin score`: a plugin's models walked forward beside baselines, on a simulated league or on files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from touchline.evaluation.command import Names, Seasons, console, draw, progress, read_up_to, write_json

if TYPE_CHECKING:
    from touchline.evaluation.run import Started
    from touchline.evaluation.scorecard import Scored
    from touchline.markets import Market
    from touchline.types import Model

SIMULATED: Final = 6
"""Seasons of the simulated league."""
SCORED: Final = 3
"""The last ones of them, which are scored."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """What is scored, of one plugin or of all in a folder."""

    sentences: tuple[str, ...]
    """Which they are, and where their code comes from."""
    models: tuple[Model, ...]
    markets: Mapping[str, Market]


@click.command()
@click.argument("what", required=False, metavar="[PATH|KEY]")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of match files, <season>/<division>.csv; without it a simulated league.",
)
@click.option("--leagues", type=Names(), help="Divisions of the files by their codes: E0,D1.")
@click.option("--seasons", type=Seasons(), help="Years in which the files' seasons start: 2019-2023 or 2019,2021.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Write calibration plots (SVG) here.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the league, and of fits.")
def score(
    what: str | None,
    folder: Path | None,
    leagues: Sequence[str] | None,
    seasons: Sequence[int] | None,
    plots: Path | None,
    json_file: Path | None,
    seed: int,
) -> None:
    """Score a plugin's models: those of this folder, of PATH, or of an installed plugin by its KEY.

    They are walked forward, each round forecast from what was known before it, beside base rates, Elo, Dixon-Coles and
    closing prices. Without files the league is simulated, and the true probabilities show what is left to gain.
    """
    if folder is None and (leagues or seasons):
        raise click.UsageError("--leagues and --seasons choose among files: name their folder with --from.")
    if folder is not None and not (leagues and seasons):
        raise click.UsageError("--from needs both --leagues and --seasons, for example --leagues E0 --seasons 2022.")
    from touchline.command.cards import show
    from touchline.evaluation.scorecard import as_json

    plugins = offered(what)
    for sentence in plugins.sentences:
        click.echo(sentence)
    with progress() as started:
        try:
            if folder is None:
                found = on_simulated(plugins, seed, started)
            else:
                found = _on_files(plugins, folder, leagues or (), seasons or (), seed, started)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    show(console(), found, [model.key for model in plugins.models], None if folder else seed)
    if json_file:
        write_json(found.evaluation, json_file, {"is_simulated": folder is None, "scorecard": as_json(found)})
    if plots:
        draw(found.evaluation, plots)
    failed = {row.key for row in found.evaluation.rows if row.failure}
    if failed & {model.key for model in plugins.models}:
        raise SystemExit(1)


def offered(what: str | None) -> Plugins:
    """The models of the plugins that are meant; exits with 1 where one is refused or none has a model."""
    from touchline.command.target import opened, targets

    chosen = targets(what)
    models: list[Model] = []
    markets: dict[str, Market] = {}
    for target in chosen:
        plugin, things, others = opened(target)
        if plugin.reason:
            raise click.ClickException(f"{target.sentence}: refused. {plugin.reason}")
        models += things.models
        markets |= {market.key: market for market in (*others, *things.markets)}
    if not models:
        raise click.ClickException(
            f"{', '.join(one.point.name for one in chosen)} has no model: nothing can be scored."
        )
    return Plugins(tuple(target.sentence for target in chosen), tuple(models), markets)


def on_simulated(
    plugins: Plugins, seed: int, started: Started, *, seasons: int = SIMULATED, scored: int = SCORED, clubs: int = 20
) -> Scored:
    """Scores on the last seasons of a simulated league, where the truth is known."""
    from touchline.evaluation.scorecard import score as run
    from touchline.testing.league import FIRST_SEASON, simulated

    world = simulated(seed, seasons, clubs=clubs)
    years = range(FIRST_SEASON + seasons - scored, FIRST_SEASON + seasons)
    leagues = world.dataset.leagues
    return run(
        world.dataset, plugins.models, plugins.markets, leagues, years, means=world.means, seed=seed, started=started
    )


def _on_files(
    plugins: Plugins, folder: Path, leagues: Sequence[str], seasons: Sequence[int], seed: int, started: Started
) -> Scored:
    from touchline.evaluation.scorecard import score as run
    from touchline.types import reach_of

    sees_all = any(reach_of(model).every_league for model in plugins.models)
    dataset = read_up_to(folder, max(seasons), leagues=() if sees_all else leagues)
    return run(dataset, plugins.models, plugins.markets, leagues, seasons, seed=seed, started=started)
