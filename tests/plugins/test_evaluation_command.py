"""`touchline evaluate` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.plugins.seasons import drawn_league
from touchline.cli import main
from touchline.evaluation.dataset import read_dataset
from touchline.evaluation.plots import write_plots
from touchline.evaluation.questions import FULL_RESULT
from touchline.evaluation.run import evaluate
from touchline.plugins import load_plugins


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    drawn_league(made, [2021, 2022], clubs=6, division="E0")
    return made


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_documented_command(folder: Path) -> None:
    documented = "uv run touchline evaluate --from FOLDER --leagues E0 --seasons 2022"
    words = documented.split()[2:]
    done = CliRunner().invoke(main, [str(folder) if word == "FOLDER" else word for word in words[1:]])
    assert done.exit_code == 0, done.output
    assert {"touchline.market_memory", "climatology", "elo"} <= set(done.output.split())


def test_table_figures_and_plots(folder: Path, tmp_path: Path) -> None:
    asked = (
        "--leagues",
        "E0",
        "--seasons",
        "2022",
        "--models",
        "touchline.match_result",
        "--jobs",
        "1",
        "--by",
        "season",
    )
    done = run("--from", folder, *asked, "--json", tmp_path / "told.json", "--plots", tmp_path / "plots")
    assert done.exit_code == 0, done.output
    assert "Match result: 30 matches" in done.output
    assert "Match result: log loss by season" in done.output
    assert "30 matches in 10 rounds of E0, seasons 2022, of 60 read" in " ".join(done.output.split())
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["evaluated"] == 30
    assert told["questions"]["result"]["rows"]["touchline.match_result"]["matches"] == 30
    assert told["questions"]["result"]["by_season"]["2022"]["elo"]["log_loss"] > 0
    plots = sorted(path.name for path in (tmp_path / "plots").glob("*.svg"))
    assert plots == [f"calibration_{key}.svg" for key in sorted(told["questions"])]
    model = load_plugins().models["touchline.match_result"]
    again = evaluate(read_dataset(folder), [model], ["E0"], [2022], questions=[FULL_RESULT], jobs=1)
    (plot,) = write_plots(again, tmp_path / "again")
    assert plot.read_bytes() == (tmp_path / "plots" / plot.name).read_bytes()


def test_forecasts_from_elsewhere_are_a_row(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    header = "model,league,season,date,home,away,prob_home,prob_draw,prob_away\n"
    first = (folder / "2223" / "E0.csv").read_text().splitlines()[1].split(",")
    day = "-".join(reversed(first[1].split("/")))
    file.write_text(f"{header}elsewhere,E0,2022,{day},{first[2]},{first[3]},0.5,0.3,0.2\n")
    done = run("--from", folder, "--leagues", "E0", "--seasons", "2022", "--models", "touchline.goals", "--jobs", "1",
               "--forecasts", file)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Match result: 1 matches" in done.output
    assert "Match result: 29 of them not compared (no forecast of elsewhere)" in done.output
    assert "Over 2.5 goals: 30 matches" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--leagues", "E0", "--seasons", "22"], "'22' is no year or span of years: write 2023 or 2019-2023"),
        (["--leagues", "E0", "--seasons", "2023-2022"], "'2023-2022' is no year or span"),
        (["--leagues", "D1", "--seasons", "2022"], "no match of the league D1: there are E0"),
        (["--leagues", "E0", "--seasons", "2020"], "has no season up to 2020"),
        (["--leagues", "E0", "--seasons", "2023"], "no match of E0 in the seasons 2023"),
        (["--leagues", ",", "--seasons", "2022"], "name at least one"),
        (["--leagues", "E0", "--seasons", "2022", "--models", "acme.none"], "no model 'acme.none' is installed"),
    ],
)
def test_mistakes_name_the_option_and_the_remedy(folder: Path, arguments: list[str], message: str) -> None:
    done = run("--from", folder, *arguments)
    assert done.exit_code == 2
    said = " ".join(done.output.replace("│", " ").split())
    assert message in said
    assert "--" in said.partition("Error")[2]


def test_files_that_cannot_be_used_are_named(folder: Path, tmp_path: Path) -> None:
    empty, bad = tmp_path / "empty", tmp_path / "bad.csv"
    empty.mkdir()
    bad.write_text("Div,season\n")
    done = run("--from", empty, "--leagues", "E0", "--seasons", "2022")
    assert (done.exit_code, "has no match files" in done.output) == (2, True)
    for option in ("--xg", "--forecasts"):
        done = run("--from", folder, "--leagues", "E0", "--seasons", "2022", option, bad)
        assert done.exit_code == 2
        assert f"Invalid value for {option}: bad.csv has no column" in " ".join(done.output.split())


def test_the_command_is_listed_with_the_others() -> None:
    listed = CliRunner().invoke(main, ["--help"])
    assert listed.exit_code == 0
    assert "evaluate  " in listed.output
    assert "Walk models forward" in listed.output
