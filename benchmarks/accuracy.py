"""How good the forecasts are: every model, baseline, penaltyblog and the market on the same matches.

    uv run python -m benchmarks.accuracy --from FOLDER [--xg FILE] [--corner-odds FOLDER] [--output FOLDER]

From match files to the table in one command: each model is walked forward round by round, penaltyblog 1.13.1's
Dixon-Coles beside them in an environment of its own (`benchmarks.foreign`), fitted anew before the same rounds. All
rows are compared on the matches that every row has a forecast of. With `--xg` everything is done a second time with
expected goals. The ratio is a row's log-loss gap to the closing price divided by penaltyblog's, with the 90 % interval
of 1,000 seeded bootstrap draws of matches.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.foreign import PENALTYBLOG, foreign
from touchline import CORNERS_95, Model
from touchline.evaluation.command import Names, Seasons, chosen_models, read_up_to, show, write_json
from touchline.evaluation.dataset import Dataset, plain_name
from touchline.evaluation.outside import read_forecasts
from touchline.evaluation.plots import write_plots
from touchline.evaluation.questions import CORNERS
from touchline.evaluation.rounds import rounds
from touchline.evaluation.run import CLOSING, Board, Evaluation, evaluate, evaluated_rows
from touchline.margin import remove_margin
from touchline.metrics import log_losses
from touchline.types import Floats, Ints

TOP_FIVE = "E0,D1,I1,SP1,F1"
TARGET_SEASONS = "2019-2023"
OTHER = "penaltyblog"
"""Key of its row."""
DRAWS = 1000
SEED = 20260314
CAVEAT = (
    "The corner odds are a public sample: its licence is unknown, and which bookmaker gave them is not stated. "
    "What rests on them is indicative."
)


@click.command()
@click.option("--from", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--leagues", type=Names(), default=TOP_FIVE, show_default=True)
@click.option("--seasons", type=Seasons(), default=TARGET_SEASONS, show_default=True)
@click.option("--models", "keys", type=Names(), default="all", show_default=True)
@click.option("--xg", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Also with expected goals.")
@click.option("--corner-odds", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Sample of prices.")
@click.option(
    "--penaltyblog", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its rows, made before."
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for figures, plots and rows.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count(), show_default=True)
def main(
    folder: Path,
    leagues: Sequence[str],
    seasons: Sequence[int],
    keys: Sequence[str],
    xg: Path | None,
    corner_odds: Path | None,
    penaltyblog: Path | None,
    output: Path | None,
    jobs: int,
) -> None:
    """Measure the accuracy of every model."""
    begun = time.perf_counter()
    kept = output or Path(tempfile.mkdtemp(prefix="touchline-accuracy-"))
    kept.mkdir(parents=True, exist_ok=True)
    models = chosen_models(keys)
    dataset = read_up_to(folder, max(seasons))
    rows = evaluated_rows(dataset, leagues, seasons)
    if penaltyblog is None:
        penaltyblog = kept / "penaltyblog.csv"
        _write_penaltyblog(dataset, leagues, seasons, penaltyblog, jobs)
    told = read_forecasts(penaltyblog, dataset, rows)
    _report("without expected goals", evaluate(dataset, models, leagues, seasons, outside=told, jobs=jobs), kept)
    if xg:
        knowing = read_up_to(folder, max(seasons), xg)
        _report("with expected goals", evaluate(knowing, models, leagues, seasons, outside=told, jobs=jobs), kept)
    if corner_odds:
        _corner_market(folder, corner_odds, models, kept, jobs)
    click.echo(f"{time.perf_counter() - begun:.0f} seconds in all; figures, plots and rows are in {kept}")


def _report(name: str, evaluation: Evaluation, kept: Path) -> None:
    """Tables on the screen; JSON and plots in the folder."""
    click.echo(f"\n## {name}\n")
    show(evaluation, ["league", "season", "league_season"])
    ratios = dict(_ratios(evaluation))
    for key, (ratio, low, high) in ratios.items():
        click.echo(f"{key}: gap to closing {ratio:.3f} of {OTHER}'s [{low:.3f}, {high:.3f}]")
    file = name.replace(" ", "_")
    write_json(evaluation, kept / f"{file}.json", {"ratios": ratios})
    write_plots(evaluation, kept / file)


def _ratios(evaluation: Evaluation) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Each row's gap over penaltyblog's in the match result, with its 90 % bootstrap interval."""
    board = next((board for board in evaluation.boards if {OTHER, CLOSING} <= board.forecasts.keys()), None)
    if board is None:
        return
    gaps = {key: _gap(board, key) for key in board.forecasts}
    draws = np.random.default_rng(SEED).integers(0, board.matches, (DRAWS, board.matches))
    others = gaps[OTHER][draws].mean(axis=1)
    for key, gap in gaps.items():
        if key not in (OTHER, CLOSING):
            low, high = np.quantile(gap[draws].mean(axis=1) / others, [0.05, 0.95]).tolist()
            yield key, (float(gap.mean() / gaps[OTHER].mean()), low, high)


def _gap(board: Board, key: str) -> Floats:
    """(matches,) log loss of a row minus that of the closing price."""
    return log_losses(board.forecasts[key], board.outcomes) - log_losses(board.forecasts[CLOSING], board.outcomes)


def _write_penaltyblog(dataset: Dataset, leagues: Sequence[str], seasons: Sequence[int], path: Path, jobs: int) -> None:
    """Its forecasts of every round as a file of forecasts; so many leagues at a time."""
    started = time.perf_counter()
    with foreign("benchmarks.foreign_accuracy", PENALTYBLOG):
        pass  # the environment is there before several ask for it at once
    with ThreadPoolExecutor(jobs) as pool:
        answers = list(pool.map(lambda league: _walked(dataset, league, seasons), leagues))
    missing = Counter(one["why"] for told in answers for _, one in told if "why" in one)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            "model,league,season,date,home,away,prob_home,prob_draw,prob_away,over25,btts".split(",")  # noqa: SIM905
        )
        for row, one in (pair for told in answers for pair in told):
            if "why" not in one:
                league, season, day, home, away, _ = dataset.match_line(row).split(",")
                writer.writerow([OTHER, league, season, day, home, away, *one["result"], one["over"], one["both"]])
    click.echo(
        f"{OTHER}: {time.perf_counter() - started:.0f} seconds; no forecast of {missing.total()} matches", err=True
    )
    for why, count in missing.most_common(5):
        click.echo(f"  {count}: {why}", err=True)


def _walked(dataset: Dataset, league: str, seasons: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
    """Row of the dataset and answer for every match of a league's seasons."""
    past = dataset.history
    of_league = np.flatnonzero(past.league == dataset.leagues.index(league))
    place = {row: at for at, row in enumerate(of_league.tolist())}
    asked = [
        (int(dataset.day[one.rows].min()), [place[row] for row in one.rows.tolist()])
        for one in rounds(dataset, league, seasons)
    ]
    with foreign("benchmarks.foreign_accuracy", PENALTYBLOG) as call:
        answers = call(
            "walk",
            days=dataset.day[of_league].tolist(),
            home=[plain_name(past.clubs[club]) for club in past.home[of_league].tolist()],
            away=[plain_name(past.clubs[club]) for club in past.away[of_league].tolist()],
            home_goals=past.home_goals[of_league].astype(int).tolist(),
            away_goals=past.away_goals[of_league].astype(int).tolist(),
            rounds=asked,
        )
    return [(int(of_league[one["place"]]), one) for one in answers]


def _corner_market(folder: Path, odds: Path, models: Sequence[Model], kept: Path, jobs: int) -> None:
    """Corner models beside the corner prices of the sample."""
    seasons = [2000 + int(path.name[:2]) for path in sorted(odds.glob("[0-9][0-9][0-9][0-9]"))]
    dataset = read_up_to(folder, max(seasons))
    rows = evaluated_rows(dataset, ["E0"], seasons)
    told = {"corner market (sample)": {CORNERS.key: _corner_probabilities(dataset, rows, odds)}}
    chosen = [model for model in models if CORNERS_95 in model.markets]
    found = evaluate(dataset, chosen, ["E0"], seasons, outside=told, questions=[CORNERS], jobs=jobs)
    click.echo("\n## corners against a market\n")
    show(found, ["season"])
    click.echo(CAVEAT)
    write_json(found, kept / "corner_market.json", {"caveat": CAVEAT})


def _corner_probabilities(dataset: Dataset, rows: Ints, odds: Path) -> Floats:
    """(m, 2) over and under 9.5 corners without the margin (Shin).

    The sample has other names of clubs: they are learnt from the matches whose day, score and corners agree.
    """
    lines = [line for path in sorted(odds.glob("*/E0.csv")) for line in csv.DictReader(path.open(encoding="utf-8-sig"))]
    past = dataset.history
    columns = (past.home_goals, past.away_goals, past.home_corners, past.away_corners)
    ours = {(int(dataset.day[row]), *(float(column[row]) for column in columns)): row for row in rows.tolist()}
    names: dict[str, Counter[int]] = {}
    for line in lines:
        row = ours.get((_day(line), *(float(line[name] or "nan") for name in ("FTHG", "FTAG", "HC", "AC"))))
        if row is not None:
            names.setdefault(line["HomeTeam"], Counter())[int(past.home[row])] += 1
            names.setdefault(line["AwayTeam"], Counter())[int(past.away[row])] += 1
    club = {name: found.most_common(1)[0][0] for name, found in names.items()}
    prices = {
        (_day(line), club[line["HomeTeam"]], club[line["AwayTeam"]]): [
            float(line[f"odds_corners_{side}_95"] or "nan") for side in ("over", "under")
        ]
        for line in lines
    }
    keys = [(int(dataset.day[row]), int(past.home[row]), int(past.away[row])) for row in rows.tolist()]
    return remove_margin(np.array([prices.get(key, [math.nan] * 2) for key in keys])).probabilities


def _day(line: dict[str, str]) -> int:
    return date.fromisoformat(line["Date"]).toordinal()


if __name__ == "__main__":
    main()
