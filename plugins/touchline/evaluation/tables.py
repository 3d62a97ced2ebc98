"""Final tables from a day on: how well simulated places match those in which clubs ended.

    Brier of a league-season = mean over clubs of  sum over places (P(place) - [ended there])²

Every model is fitted once on what was known at 00:00 of the day (1 March without another one) and forecasts every match
that is left; ratings stand still from then on. Beside each stands the same simulation among equal teams, where every
match has the mean goals of the season's home and of its away sides so far: what the table alone says. Places are as
`touchline.competitions` decides them, lots where the rules do not.

Epstein's ranked probability score and the log loss of the place where each club ended are given too. Points that were
deducted by a court are not in the files and not in the tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

import click
import numpy as np

from touchline.competitions import format_of
from touchline.evaluation.dataset import Dataset, match_files, plain_name, read_dataset
from touchline.evaluation.rounds import local_midnight
from touchline.football_data import read_matches
from touchline.metrics import Difference, paired, ranked_scores
from touchline.season import Left, Race, Results, simulate
from touchline.types import Fitted, Floats, Ints, Model, SourceMatch, reach_of

SIMULATIONS: Final = 20_000
EQUAL: Final = "equal teams"
"""The row of the simulation that knows the table and nothing of the teams."""
TOP_FIVE: Final = ("E0", "D1", "I1", "SP1", "F1")


@dataclass(frozen=True, slots=True)
class TableScore:
    """How a simulation of one league-season did; means over the clubs."""

    model: str
    league: str
    season: int
    left: int
    """Matches simulated."""
    brier: float
    ranked: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Start:
    """A league-season on the day from which it is simulated."""

    league: str
    season: int
    instant: int
    """Seconds since 1970."""
    clubs: tuple[str, ...]
    race: Race
    """What is left has no expected goals yet: they are those of equal teams."""
    rows: Ints
    """(m,) rows of the dataset that are left, in the race's order."""
    final: Ints
    """(c,) place in which each club ended, from 0."""


def starts(
    dataset: Dataset,
    leagues: Sequence[str],
    seasons: Sequence[int],
    awarded: Sequence[SourceMatch] = (),
    *,
    month: int = 3,
    day: int = 1,
) -> list[Start]:
    """The league-seasons that have matches on both sides of the day, in the year after the season's first.

    `awarded` are matches decided at a table: no model sees them, and they count in the tables. A season that broke
    off, one whose pairs did not all meet once at both grounds, and one with a match awarded after the day have no
    final table to compare with, and are left out.
    """
    found = []
    for season in seasons:
        first_day = date(season + 1, month, day).toordinal()
        for league in leagues:
            own = [match for match in awarded if (match.league, match.season) == (league, season)]
            start = _start(dataset, league, season, first_day, own)
            if start is not None:
                found.append(start)
    return found


def awarded_matches(folder: Path, leagues: Sequence[str], seasons: Sequence[int]) -> list[SourceMatch]:
    """The matches of a folder that were decided at a table, which a dataset leaves out."""
    return [
        match
        for path, season in match_files(folder, leagues, seasons)
        for match in read_matches(path.read_bytes(), f"{path.parent.name}/{path.name}", season)[0]
        if match.is_awarded
    ]


def score_tables(
    dataset: Dataset,
    models: Sequence[Model],
    begins: Sequence[Start],
    *,
    simulations: int = SIMULATIONS,
    shock: float = 0.0,
    seed: int = 0,
    tell: Callable[[TableScore], None] = lambda _: None,
) -> list[TableScore]:
    """The scores of every model and of equal teams for every league-season; `tell` hears of each.

    A model must give the family `score_grid`; raises ValueError for another one. The same seed gives the same scores.
    """
    fits: dict[tuple[str, int], Fitted] = {}
    scores = []
    for start in begins:
        forecasts = {EQUAL: start.race.left}
        for model in models:
            forecasts[model.key] = _forecast(dataset, model, start, fits)
        for key, left in forecasts.items():
            race = Race(start.race.clubs, start.race.played, left, start.race.tie_rule)
            rng = np.random.default_rng(seed)
            places = simulate(race, simulations, rng, shock=0.0 if key == EQUAL else shock).places
            scores.append(_score(key, start, places, simulations))
            tell(scores[-1])
    return scores


def against_equal(scores: Sequence[TableScore], model: str) -> Difference:
    """Brier of a model less that of equal teams, paired over the league-seasons; below 0 the model is better."""
    equal = {(score.league, score.season): score.brier for score in scores if score.model == EQUAL}
    pairs = [(score.brier, equal[score.league, score.season]) for score in scores if score.model == model]
    own, other = np.array(pairs).reshape(-1, 2).T
    return paired(own, other)


def _start(dataset: Dataset, league: str, season: int, first_day: int, awarded: Sequence[SourceMatch]) -> Start | None:
    past = dataset.history
    if league not in past.leagues or any(match.kickoff.date().toordinal() >= first_day for match in awarded):
        return None
    rows = np.flatnonzero((past.league == past.leagues.index(league)) & (past.season == season))
    clubs = np.unique(np.stack([past.home[rows], past.away[rows]]))
    place = {past.clubs[club]: index for index, club in enumerate(clubs.tolist())}
    decided = _awarded(awarded, {plain_name(name): index for name, index in place.items()})
    whole = _played(dataset, rows, clubs).joined(decided)
    is_left = dataset.day[rows] >= first_day
    pairs = np.unique(whole.home * len(clubs) + whole.away)
    if not is_left.any() or is_left.all() or not len(pairs) == len(whole) == len(clubs) * (len(clubs) - 1):
        return None
    rule = format_of(league, season).tie_rule
    so_far = _played(dataset, rows[~is_left], clubs).joined(decided)
    final = simulate(Race(len(clubs), whole, _nothing_left(), rule), 1, np.random.default_rng(0))
    coming = _played(dataset, rows[is_left], clubs)
    left = Left(coming.home, coming.away, *_equal(so_far, len(coming)))
    race = Race(len(clubs), so_far, left, rule)
    ended = np.asarray(final.places.argmax(axis=1), dtype=np.int64)
    return Start(league, season, local_midnight(first_day), tuple(place), race, rows[is_left], ended)


def _played(dataset: Dataset, rows: Ints, clubs: Ints) -> Results:
    """Rows of the dataset as results among the season's clubs, which are sorted."""
    past = dataset.history
    sides = (np.asarray(np.searchsorted(clubs, side[rows]), dtype=np.int64) for side in (past.home, past.away))
    goals = (np.asarray(side[rows], dtype=np.int64) for side in (past.home_goals, past.away_goals))
    return Results(*sides, *goals)


def _awarded(matches: Sequence[SourceMatch], place: Mapping[str, int]) -> Results:
    rows = [(place[match.home], place[match.away], match.home_goals, match.away_goals) for match in matches]
    return Results(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def _nothing_left() -> Left:
    none, zero = np.empty(0, dtype=np.int64), np.empty(0)
    return Left(none, none, zero, zero, zero)


def _equal(played: Results, matches: int) -> tuple[Floats, Floats, Floats]:
    """Means and rho of matches among equal teams."""
    means = (np.full(matches, goals.mean()) for goals in (played.home_goals, played.away_goals))
    return (*means, np.zeros(matches))  # type: ignore[return-value]  # two means and a rho


def _forecast(dataset: Dataset, model: Model, start: Start, fits: dict[tuple[str, int], Fitted]) -> Left:
    """What is left of a season with a model's expected goals; one that sees every league is fitted once a day."""
    reach = reach_of(model)
    league = None if reach.every_league else start.league
    name = (f"{model.key}|{league}", start.instant)
    if name not in fits:
        fits[name] = model.fit(dataset.before(start.instant, league, reach.days), np.random.default_rng(0))
    told = fits[name].predict(dataset.fixtures(start.rows, start.instant, league))
    if told.family != "score_grid":
        raise ValueError(f"{model.key} gives no score grid, so no season can be simulated with it")
    means = (told.parameters[parameter] for parameter in ("home_mean", "away_mean", "rho"))
    return Left(start.race.left.home, start.race.left.away, *means)


def _score(model: str, start: Start, places: Floats, simulations: int) -> TableScore:
    ended = np.eye(len(places))[start.final]
    # A place that no simulation gave is as unlikely as half a simulation.
    told = np.maximum(places[np.arange(len(places)), start.final], 0.5 / simulations)
    return TableScore(
        model=model,
        league=start.league,
        season=start.season,
        left=len(start.rows),
        brier=float(((places - ended) ** 2).sum(axis=1).mean()),
        ranked=float(ranked_scores(places, start.final).mean()),
        log_loss=float(-np.log(told).mean()),
    )


def summary(scores: Sequence[TableScore]) -> list[dict[str, float | str]]:
    """Means over the league-seasons by model, with the difference to equal teams."""
    rows: list[dict[str, float | str]] = []
    for model in dict.fromkeys(score.model for score in scores):
        own = [score for score in scores if score.model == model]
        apart = against_equal(scores, model)
        means = {name: float(np.mean([getattr(score, name) for score in own])) for name in _FIGURES}
        rows.append({"model": model, "seasons": len(own), **means, "difference": apart.mean, "error": apart.error})
    return rows


_FIGURES: Final = ("brier", "ranked", "log_loss")


@click.command("evaluate-tables")
@click.option("--from", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", required=True, help="Keys of installed models, with commas.")
@click.option("--leagues", default=",".join(TOP_FIVE), show_default=True, help="Codes, with commas.")
@click.option("--seasons", default="2021-2024", show_default=True, help="Years in which they start: 2021-2024 or 2021.")
@click.option("--xg", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File of expected goals.")
@click.option("--simulations", default=SIMULATIONS, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--shock", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Deviation of strengths.")
@click.option("--json", "report", type=click.Path(dir_okay=False, path_type=Path), help="Write every score here.")
def evaluate_tables(
    folder: Path,
    models: str,
    leagues: str,
    seasons: str,
    xg: Path | None,
    simulations: int,
    shock: float,
    report: Path | None,
) -> None:
    """Final positions simulated from 1 March, beside where clubs ended."""
    chosen = _models(models)
    codes, years = tuple(filter(None, leagues.split(","))), _years(seasons)
    reach = max((reach_of(model).days for model in chosen), default=0)
    crossing = any(reach_of(model).every_league for model in chosen)
    needed = range(min(years) - math.ceil(reach / 365), max(years) + 1)
    try:
        dataset = read_dataset(folder, () if crossing else codes, needed, xg)
        begins = starts(dataset, codes, years, awarded_matches(folder, codes, years))
    except (FileNotFoundError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if not begins:
        raise click.ClickException(f"no whole season of {leagues} in {seasons} lies in {folder}")
    scores = score_tables(dataset, chosen, begins, simulations=simulations, shock=shock, tell=_tell)
    rows = summary(scores)
    for row in rows:
        click.echo(_line(row))
    click.echo(f"matches: {len(dataset)}, digest {dataset.digest[:16]}; not used: {len(dataset.left_out)}")
    if report is not None:
        body = {"digest": dataset.digest, "summary": rows, "scores": [asdict(score) for score in scores]}
        report.write_text(json.dumps(body, indent=1) + "\n")


def _models(keys: str) -> list[Model]:
    from touchline.plugins import load_plugins

    installed: Mapping[str, Model] = load_plugins().models
    wanted = [key for key in keys.split(",") if key]
    unknown = [key for key in wanted if key not in installed]
    if unknown:
        known = ", ".join(sorted(installed))
        raise click.BadParameter(f"{', '.join(unknown)}: installed are {known}", None, None, "--models")
    return [installed[key] for key in wanted]


def _years(seasons: str) -> range:
    first, _, last = seasons.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        raise click.BadParameter("must be a year or two with a dash: 2021-2024", None, None, "--seasons")
    return range(int(first), int(last or first) + 1)


def _tell(score: TableScore) -> None:
    click.echo(f"{score.league} {score.season} {score.model}: Brier {score.brier:.4f}", err=True)


def _line(row: Mapping[str, float | str]) -> str:
    figures = "  ".join(f"{name} {row[name]:.4f}" for name in _FIGURES)
    apart = f"{row['difference']:+.4f} ± {row['error']:.4f}"
    return f"{row['model']:<28} {row['seasons']} seasons  {figures}  against equal {apart}"
