"""`touchline evaluate`: from match files to a table, a file of figures and calibration plots."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from touchline.evaluation.dataset import Dataset
    from touchline.evaluation.run import Evaluation, Started
    from touchline.types import Floats, Ints, Model

WIDTH = 150
"""Characters of a table where the output is no terminal."""


class Seasons(click.ParamType[tuple[int, ...]]):
    """Years in which seasons start: `2023`, `2019-2023`, or several of these with commas."""

    name = "years"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        years: set[int] = set()
        for part in str(value).split(","):
            found = re.fullmatch(r"\s*(\d{4})(?:-(\d{4}))?\s*", part)
            if found is None or int(found[1]) > int(found[2] or found[1]):
                self.fail(f"{part!r} is no year or span of years: write 2023 or 2019-2023", param, ctx)
            years.update(range(int(found[1]), int(found[2] or found[1]) + 1))
        return tuple(sorted(years))


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
        if not names:
            self.fail("name at least one", param, ctx)
        return names


@click.command()
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of match files, <season>/<division>.csv as football-data.co.uk has them.",
)
@click.option("--models", "keys", type=Names(), default="all", show_default=True, help="Keys of models, or all.")
@click.option("--leagues", type=Names(), required=True, help="Divisions by their codes: E0,D1.")
@click.option("--seasons", type=Seasons(), required=True, help="Years in which they start: 2019-2023 or 2019,2021.")
@click.option("--xg", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of expected goals.")
@click.option(
    "--forecasts",
    "outside",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of forecasts made elsewhere, as more rows.",
)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(["league", "season", "league_season"]),
    help="Also a table of log losses by these.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures here.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Write calibration plots (SVG) here.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time; without it one for each processor.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For models that draw.")
def evaluate(
    folder: Path,
    keys: Sequence[str],
    leagues: Sequence[str],
    seasons: Sequence[int],
    xg: Path | None,
    outside: Sequence[Path],
    by: Sequence[str],
    json_file: Path | None,
    plots: Path | None,
    jobs: int | None,
    seed: int,
) -> None:
    """Walk models forward through recorded seasons and compare them with baselines and the market.

    Each round is forecast from what was known before it. All rows are compared on the same matches.
    """
    from touchline.evaluation.run import evaluate as run
    from touchline.evaluation.run import evaluated_rows

    models = chosen_models(keys)
    dataset = read_up_to(folder, max(seasons), xg)
    try:
        rows = evaluated_rows(dataset, leagues, seasons)
    except ValueError as error:
        raise click.BadParameter(f"{error}; the folder is {folder}", param_hint="--leagues, --seasons") from None
    told = _outside(outside, dataset, rows)
    with progress() as started:
        try:
            found = run(
                dataset, models, leagues, seasons, outside=told, jobs=jobs or os.cpu_count(), seed=seed, started=started
            )
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--models, --forecasts") from None
    show(found, by)
    if json_file:
        write_json(found, json_file)
    if plots:
        draw(found, plots)
    if any(row.failure for row in found.rows):
        raise SystemExit(1)


def chosen_models(keys: Sequence[str]) -> list[Model]:
    """Installed models by their keys, `all` for every one; raises BadParameter for one that is not installed."""
    from touchline.plugins import load_plugins

    registry = load_plugins()
    if list(keys) == ["all"]:
        return list(registry.models.values())
    unknown = [key for key in keys if key not in registry.models]
    if unknown:
        raise click.BadParameter(
            f"no model {unknown[0]!r} is installed: there are {', '.join(registry.models)}", param_hint="--models"
        )
    return [registry.models[key] for key in keys]


def show(evaluation: Evaluation, by: Sequence[str] = ()) -> None:
    """The tables and sentences on standard output."""
    from touchline.evaluation.report import tables, words

    screen = console()
    for table in tables(evaluation, by):
        screen.print(table)
    for sentence in words(evaluation):
        screen.print(sentence, highlight=False, soft_wrap=True)


def console() -> Console:
    """Standard output, wide enough for a table where it is no terminal."""
    from rich.console import Console

    screen = Console()
    return screen if screen.is_terminal else Console(width=WIDTH)


def write_json(evaluation: Evaluation, path: Path, more: Mapping[str, Any] | None = None) -> None:
    """All figures as JSON; `more` goes beside them."""
    from touchline.evaluation.report import as_json

    text = json.dumps(as_json(evaluation) | dict(more or {}), indent=1, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def read_up_to(folder: Path, season: int, xg: Path | None = None, leagues: Sequence[str] = ()) -> Dataset:
    """Every league of a folder up to a season, or some: other divisions teach models that see them.

    Raises BadParameter.
    """
    from touchline.evaluation.dataset import match_files, read_dataset

    try:
        known = sorted({one for _, one in match_files(folder, leagues) if one <= season})
        if not known:
            raise FileNotFoundError(f"{folder} has no season up to {season}")
    except FileNotFoundError as error:
        raise click.BadParameter(str(error), param_hint="--from") from None
    try:
        return read_dataset(folder, leagues, known, xg)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--xg") from None


def _outside(files: Sequence[Path], dataset: Dataset, rows: Ints) -> dict[str, dict[str, Floats]]:
    from touchline.evaluation.outside import BadForecasts, read_forecasts

    told: dict[str, dict[str, Floats]] = {}
    for path in files:
        try:
            found = read_forecasts(path, dataset, rows)
        except BadForecasts as error:
            raise click.BadParameter(str(error), param_hint="--forecasts") from None
        twice = [key for key in found if key in told]
        if twice:
            raise click.BadParameter(f"two files tell of {twice[0]!r}", param_hint="--forecasts")
        told |= found
    return told


def draw(evaluation: Evaluation, folder: Path) -> None:
    """Calibration plots; raises UsageError where nothing can draw them."""
    from touchline.evaluation.plots import NoPlots, write_plots

    try:
        write_plots(evaluation, folder)
    except NoPlots as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def progress() -> Iterator[Started]:
    """A bar on standard error, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rounds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

        def started(count: int) -> Callable[[], None]:
            task = bar.add_task("rounds", total=count)
            return lambda: bar.advance(task)

        yield started
