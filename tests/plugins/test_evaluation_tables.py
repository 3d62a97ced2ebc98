"""Final tables simulated from a day on, scored on a small league in files of its own."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from touchline import RESULT
from touchline.cli import main
from touchline.dixon_coles import GoalModel
from touchline.evaluation import read_dataset
from touchline.evaluation.tables import EQUAL, TableScore, against_equal, awarded_matches, score_tables, starts, summary
from touchline_markets import corners

CLUBS = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple")
STRENGTH = dict(zip(CLUBS, np.linspace(0.5, -0.5, len(CLUBS)), strict=True))
MODEL = GoalModel("touchline.match_result", (RESULT,))


def season(
    folder: Path, year: int, *, division: str = "X1", awarded: str = "", without: int = 0, noise: str = "9999"
) -> None:
    """A season of files: from August to May, strengths that stay, a match every five days; noise from a day on."""
    rng = np.random.default_rng(year)
    pairs = rng.permutation(np.array(list(permutations(CLUBS, 2))))
    lines = ["Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR,HTHG,HTAG,HTR"]
    for number, (home, away) in enumerate(pairs.tolist()[: len(pairs) - without]):
        day = date(year, 8, 10) + timedelta(days=5 * number)
        tilt = STRENGTH[home] - STRENGTH[away]
        goals, against = rng.poisson((1.5 * np.exp(tilt), 1.1 * np.exp(-tilt))).tolist()
        if day.isoformat() >= noise:
            goals, against = against + 2 * (number % 3), goals
        letter = "H" if goals > against else "D" if goals == against else "A"
        half = ",," if awarded == day.isoformat() else "0,0,D"
        lines.append(f"{division},{day:%d/%m/%Y},{home},{away},{goals},{against},{letter},{half}")
    place = folder / f"{year % 100:02}{(year + 1) % 100:02}"
    place.mkdir(exist_ok=True)
    (place / f"{division}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for year in (2020, 2021, 2022):
        season(tmp_path, year)
    return tmp_path


def test_a_season_is_cut_on_the_day_and_ends_where_it_ended(files: Path) -> None:
    dataset = read_dataset(files)
    [start] = starts(dataset, ["X1"], [2022])
    assert len(start.race.played) + len(start.race.left) == 56
    assert (dataset.day[start.rows] >= date(2023, 3, 1).toordinal()).all()
    assert len(start.rows) == sum(date(2022, 8, 10) + timedelta(days=5 * n) >= date(2023, 3, 1) for n in range(56))
    past = dataset.history
    rows = np.flatnonzero(past.season == 2022)
    points = dict.fromkeys(start.clubs, 0)
    for row in rows.tolist():
        home, away = past.clubs[past.home[row]], past.clubs[past.away[row]]
        difference = past.home_goals[row] - past.away_goals[row]
        points[home] += 3 if difference > 0 else int(difference == 0)
        points[away] += 3 if difference < 0 else int(difference == 0)
    ended = [points[start.clubs[club]] for club in np.argsort(start.final)]
    assert ended == sorted(ended, reverse=True)


def test_what_has_no_final_table_is_left_out(tmp_path: Path) -> None:
    season(tmp_path, 2020, without=3)
    season(tmp_path, 2021, awarded="2021-08-10")
    season(tmp_path, 2022, awarded="2023-03-03")
    years = [2019, 2020, 2021, 2022]
    dataset = read_dataset(tmp_path)
    assert starts(dataset, ["X1", "E0"], years) == []
    awarded = awarded_matches(tmp_path, ["X1"], [2021, 2022])
    assert [match.kickoff.date().isoformat() for match in awarded] == ["2021-08-10", "2023-03-03"]
    [start] = starts(dataset, ["X1"], years, awarded)
    assert (start.season, len(start.race.played) + len(start.race.left)) == (2021, 56)
    assert len(read_dataset(tmp_path, seasons=[2021])) == 55


def test_a_model_is_scored_beside_equal_teams(files: Path) -> None:
    dataset = read_dataset(files)
    begins = starts(dataset, ["X1"], [2020, 2021, 2022])
    told: list[TableScore] = []
    scores = score_tables(dataset, [MODEL], begins, simulations=4000, tell=told.append)
    assert told == scores
    assert [(score.model, score.season) for score in scores] == [
        (model, year) for year in (2020, 2021, 2022) for model in (EQUAL, MODEL.key)
    ]
    assert scores == score_tables(dataset, [MODEL], begins, simulations=4000)
    assert all(0 < score.brier < 2 and 0 < score.ranked < 1 and score.log_loss > 0 for score in scores)
    apart = against_equal(scores, MODEL.key)
    own, equal = ([score.brier for score in scores if score.model == model] for model in (MODEL.key, EQUAL))
    assert apart.mean == pytest.approx(np.mean(own) - np.mean(equal))
    assert apart.count == 3
    rows = {str(row["model"]): row for row in summary(scores)}
    assert rows[EQUAL]["difference"] == 0
    assert rows[MODEL.key]["brier"] == pytest.approx(np.mean(own))
    assert np.mean(own) < np.mean(equal)


def test_nothing_after_the_day_is_used(files: Path) -> None:
    """Overwritten with noise, the future changes the final table and no forecast."""
    seen = []
    for noise in ("9999", "2023-03-01"):
        season(files, 2022, noise=noise)
        dataset = read_dataset(files)
        [start] = starts(dataset, ["X1"], [2022])
        fitted = MODEL.fit(dataset.before(start.instant, "X1"), np.random.default_rng(0))
        seen.append((start, fitted.predict(dataset.fixtures(start.rows, start.instant, "X1")).parameters))
    (start, means), (noisy, same) = seen
    assert not np.array_equal(noisy.final, start.final)
    np.testing.assert_array_equal(noisy.race.points(), start.race.points())
    np.testing.assert_array_equal(noisy.race.left.home_mean, start.race.left.home_mean)
    for name in ("home_mean", "away_mean", "rho"):
        np.testing.assert_array_equal(means[name], same[name])


def test_a_model_without_a_score_grid_is_refused(files: Path) -> None:
    dataset = read_dataset(files)
    [model] = corners.models()
    with pytest.raises(ValueError, match="gives no score grid"):
        score_tables(dataset, [model], starts(dataset, ["X1"], [2022]), simulations=100)


def test_the_documented_command(tmp_path: Path) -> None:
    for year in (2021, 2022):
        season(tmp_path, year, division="E0")
    documented = (
        "uv run touchline evaluate-tables --from FOLDER --models touchline.match_result --leagues E0 --seasons 2022"
    )
    words = [str(tmp_path) if word == "FOLDER" else word for word in documented.split()[3:]]
    run = CliRunner().invoke(main, words)
    assert run.exit_code == 0, run.output
    assert {"touchline.match_result:", "equal"} <= set(run.output.split())


def test_the_command_prints_and_writes(files: Path, tmp_path: Path) -> None:
    report = tmp_path / "tables.json"
    arguments = ["evaluate-tables", "--from", str(files), "--models", MODEL.key, "--leagues", "X1"]
    run = CliRunner().invoke(
        main, [*arguments, "--seasons", "2021-2022", "--simulations", "500", "--json", str(report)]
    )
    assert run.exit_code == 0, run.output
    assert "equal teams" in run.output
    body = json.loads(report.read_text())
    assert [row["seasons"] for row in body["summary"]] == [2, 2]
    assert len(body["scores"]) == 4
    season(files, 2023, without=20)
    for wrong, words in (
        (["--models", "acme.none"], "installed are"),
        (["--seasons", "last"], "a year or two"),
        (["--leagues", "E9"], "has no match files"),
        (["--seasons", "2023"], "no whole season"),
    ):
        run = CliRunner().invoke(main, [*arguments, "--seasons", "2022", *wrong])
        assert run.exit_code != 0
        assert words in run.output
