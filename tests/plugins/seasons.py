"""Seasons of a made-up division as match files: written like football-data.co.uk's, drawn from known strengths."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from touchline import OVER_25, RESULT
from touchline.football_data import season_code
from touchline.grid import ScoreGrid

COLUMNS = (
    *("Div", "Date", "HomeTeam", "AwayTeam", "FTHG", "FTAG", "FTR", "HTHG", "HTAG", "HTR"),
    *("HS", "AS", "HST", "AST", "HC", "AC", "HF", "AF", "HY", "AY", "HR", "AR"),
    *("PSCH", "PSCD", "PSCA", "PC>2.5", "PC<2.5", "AvgCH", "AvgCD", "AvgCA", "AvgC>2.5", "AvgC<2.5"),
)

Line = dict[str, str]


def write_season(folder: Path, division: str, season: int, lines: Sequence[Mapping[str, str]]) -> Path:
    """A season file of these lines."""
    path = folder / season_code(season) / f"{division}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(lines)
    return path


def match(day: date, home: str, away: str, score: tuple[int, int], division: str = "E0", **more: str) -> Line:
    """A line with a score of which nothing fell before half time."""
    result = "H" if score[0] > score[1] else "A" if score[0] < score[1] else "D"
    return {
        "Div": division,
        "Date": day.strftime("%d/%m/%Y"),
        "HomeTeam": home,
        "AwayTeam": away,
        "FTHG": str(score[0]),
        "FTAG": str(score[1]),
        "FTR": result,
        "HTHG": "0",
        "HTAG": "0",
        **more,
    }


def prices(result: Sequence[float], over: Sequence[float], book: str = "PS") -> Line:
    """Closing prices of a book: `PS` for Pinnacle, `Avg` for the average."""
    goals = "P" if book == "PS" else book
    cells = dict(zip((f"{book}CH", f"{book}CD", f"{book}CA"), result, strict=True))
    cells |= dict(zip((f"{goals}C>2.5", f"{goals}C<2.5"), over, strict=True))
    return {name: f"{price:g}" for name, price in cells.items()}


def drawn_season(season: int, clubs: Sequence[str], strengths: Mapping[str, float], seed: int = 1) -> list[Line]:
    """A double round-robin: two rounds a week, scores, statistics and fair prices drawn from the clubs' strengths."""
    rng = np.random.default_rng([seed, season])
    first = date(season, 8, 1)
    first += timedelta(days=(5 - first.weekday()) % 7)
    lines = []
    for number, pairs in enumerate(_round_robin(clubs)):
        day = first + timedelta(days=7 * (number // 2) + (4 if number % 2 else 0))
        for home, away in pairs:
            means = np.exp([0.4 + strengths[home] - strengths[away], 0.1 + strengths[away] - strengths[home]])
            lines.append(_drawn(rng, day, home, away, means))
    return lines


def drawn_league(folder: Path, seasons: Sequence[int], clubs: int = 8, division: str = "E0", seed: int = 1) -> None:
    """Season files of a league in which one club a year is replaced by a new one."""
    rng = np.random.default_rng(seed)
    strengths: dict[str, float] = {}
    for place, season in enumerate(seasons):
        names = [f"{division} Club {number:02d}" for number in range(place, place + clubs)]
        for name in names:
            strengths.setdefault(name, float(rng.normal(0, 0.3)))
        lines = [line | {"Div": division} for line in drawn_season(season, names, strengths, seed)]
        write_season(folder, division, season, lines)


def _drawn(rng: np.random.Generator, day: date, home: str, away: str, means: np.ndarray) -> Line:
    goals, early = rng.poisson(means), rng.uniform(0.3, 0.6)
    first = rng.binomial(goals, early)
    shots = goals + rng.poisson(9, 2)
    on_target = goals + rng.binomial(shots - goals, 0.3)
    corners, cards = rng.poisson(5, 2), rng.binomial(1, 0.05, 2)
    counts = {"HTHG": first[0], "HTAG": first[1], "HS": shots[0], "AS": shots[1], "HST": on_target[0]}
    counts |= {"AST": on_target[1], "HC": corners[0], "AC": corners[1], "HR": cards[0], "AR": cards[1]}
    fair = ScoreGrid(means[:1], means[1:], -0.06).markets([RESULT, OVER_25])
    book = prices(*(np.maximum(np.round(0.97 / fair[market][0], 2), 1.01).tolist() for market in (RESULT, OVER_25)))
    return match(day, home, away, (int(goals[0]), int(goals[1]))) | {k: str(v) for k, v in counts.items()} | book


def _round_robin(clubs: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Each pair twice, once at each ground, every club once a round."""
    ring = list(clubs)
    rounds = []
    for _ in range(len(ring) - 1):
        half = len(ring) // 2
        rounds.append(list(zip(ring[:half], reversed(ring[half:]), strict=True)))
        ring.insert(1, ring.pop())
    yield from rounds
    yield from ([(away, home) for home, away in pairs] for pairs in rounds)
