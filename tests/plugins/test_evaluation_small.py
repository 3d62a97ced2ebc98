"""Seasons that teach little: every installed model says something finite of every match, and how it came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.plugins.seasons import drawn_season, match, prices, write_season
from touchline import CORNERS_95, Basis
from touchline.evaluation.dataset import Dataset, Quote, read_dataset
from touchline.evaluation.rounds import rounds
from touchline.evaluation.run import evaluate
from touchline.evaluation.walk_forward import BASES, Walked, walk_forward
from touchline.plugins import load_plugins

INSTALLED = load_plugins().models
SATURDAY = date(2023, 8, 12)
EVERY = pytest.mark.parametrize("key", sorted(INSTALLED))


def walked(key: str, dataset: Dataset, season: int = 2023) -> tuple[Walked, list[Basis]]:
    """A model's walk through a season, checked to be finite and to cover it."""
    told = walk_forward(INSTALLED[key], dataset, ["E0"], [season])
    assert sorted(told.rows.tolist()) == np.flatnonzero(dataset.history.season == season).tolist()
    for table in told.probabilities.values():
        assert np.isfinite(table).all()
        assert (table > 0.001).all()
    basis = [BASES[index] for index in told.basis]
    first, last = (next(iter(told.probabilities.values()))[row].round(3).tolist() for row in (0, -1))
    print(f"{key}: {dict(Counter(basis))}, first {first}, last {last}")
    return told, basis


def league(folder: Path, seasons: Sequence[int] = (2022, 2023)) -> dict[int, list[dict[str, str]]]:
    clubs = [f"Club {number}" for number in range(6)]
    strengths = {club: 0.1 * place - 0.25 for place, club in enumerate(clubs)}
    lines = {season: drawn_season(season, clubs, strengths) for season in seasons}
    for season, told in lines.items():
        write_season(folder, "E0", season, told)
    return lines


@EVERY
def test_a_league_of_four_matches(key: str, tmp_path: Path) -> None:
    pairs = [("A", "B"), ("C", "D"), ("B", "C"), ("D", "A")]
    lines = [
        match(SATURDAY + timedelta(days=7 * (at // 2)), home, away, (at, 1), HC="5", AC="4")
        for at, (home, away) in enumerate(pairs)
    ]
    write_season(tmp_path, "E0", 2023, lines)
    _, basis = walked(key, read_dataset(tmp_path))
    assert basis == [Basis.LEAGUE_PRIOR] * 2 + [Basis.MODEL_SPARSE] * 2


@EVERY
def test_a_club_that_never_scored(key: str, tmp_path: Path) -> None:
    lines = league(tmp_path)
    for line in lines[2022] + lines[2023]:
        if "Club 0" in (line["HomeTeam"], line["AwayTeam"]):
            side = "H" if line["HomeTeam"] == "Club 0" else "A"
            line |= {f"FT{side}G": "0", f"HT{side}G": "0", "FTR": ""}
    for season, played in lines.items():
        write_season(tmp_path, "E0", season, played)
    dataset = read_dataset(tmp_path)
    told, basis = walked(key, dataset)
    assert set(basis) == {Basis.MODEL}
    if told.grid:
        club = dataset.history.clubs.index("E/Club 0")
        own = np.where(dataset.history.home[told.rows] == club, told.grid["home_mean"], told.grid["away_mean"])
        plays = (dataset.history.home[told.rows] == club) | (dataset.history.away[told.rows] == club)
        assert own[plays].min() > 0.05
        assert own[plays].mean() < told.grid["home_mean"][~plays].mean()


@EVERY
def test_no_statistics_at_all(key: str, tmp_path: Path) -> None:
    lines = league(tmp_path)
    kept = ("Div", "Date", "HomeTeam", "AwayTeam", "FTHG", "FTAG", "FTR", "HTHG", "HTAG")
    for season, told in lines.items():
        write_season(tmp_path, "E0", season, [{name: line[name] for name in kept} for line in told])
    dataset = read_dataset(tmp_path)
    assert np.isnan(dataset.history.home_shots).all()
    _, basis = walked(key, dataset)
    knows_corners_alone = INSTALLED[key].markets == (CORNERS_95,)
    assert set(basis) <= ({Basis.LEAGUE_PRIOR} if knows_corners_alone else {Basis.MODEL, Basis.MODEL_SPARSE})


@EVERY
def test_a_price_of_one(key: str, tmp_path: Path) -> None:
    lines = league(tmp_path)
    for line in lines[2022]:
        line |= {"PSCH": "1.0", "PC>2.5": "1"}
    lines[2022][0] |= prices([1.001, 500.0, 2000.0], [1.001, 400.0])
    write_season(tmp_path, "E0", 2022, lines[2022])
    dataset = read_dataset(tmp_path)
    assert dataset.result_quote[dataset.history.season == 2022].tolist() == [Quote.PINNACLE_CLOSING] + [Quote.NONE] * 29
    _, basis = walked(key, dataset)
    assert set(basis) <= {Basis.MODEL, Basis.MODEL_SPARSE}


@EVERY
def test_a_team_twice_in_one_round(key: str, tmp_path: Path) -> None:
    lines = league(tmp_path)
    days = [SATURDAY + timedelta(days=2 * (at % 2)) for at in range(len(lines[2023]))]
    squeezed = [line | {"Date": day.strftime("%d/%m/%Y")} for line, day in zip(lines[2023], days, strict=True)]
    write_season(tmp_path, "E0", 2023, squeezed)
    dataset = read_dataset(tmp_path)
    (only,) = rounds(dataset, "E0", [2023])
    assert len(only.rows) == 30
    told, basis = walked(key, dataset)
    assert set(basis) == {Basis.MODEL}
    # All of it was forecast before any of it was played: with other scores the forecasts are the same.
    other = [line | {"FTHG": "9", "FTAG": "9", "FTR": "D"} for line in squeezed]
    write_season(tmp_path, "E0", 2023, other)
    again, _ = walked(key, read_dataset(tmp_path))
    for market, table in told.probabilities.items():
        assert np.array_equal(table, again.probabilities[market])


def test_a_season_that_breaks_off_is_compared_like_any_other(tmp_path: Path) -> None:
    lines = league(tmp_path)
    write_season(tmp_path, "E0", 2023, lines[2023][:7])
    found = evaluate(read_dataset(tmp_path), [INSTALLED["touchline.match_result"]], ["E0"], [2023], jobs=1)
    assert found.evaluated == 7
    assert {board.matches for board in found.boards} == {7}
