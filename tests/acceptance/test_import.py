"""`touchline import` on all recorded season files: once, again, corrected, and cut in mid-row."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.migrations.runner import upgrade
from tests.acceptance.product import TOUCHLINE, clean_environment
from workers.stack.embedded import Servers, start_servers

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]
MATCHES = 39_583


@pytest.fixture(scope="module")
def empty() -> Iterator[Servers]:
    with start_servers(durable=False) as running:
        upgrade(running.database_url)
        yield running


@pytest.fixture(scope="module")
def files(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the season files that a test may edit."""
    target = tmp_path_factory.mktemp("season-files")
    for folder in sorted((recorded / "football-data").glob("[0-9][0-9][0-9][0-9]")):
        shutil.copytree(folder, target / folder.name)
    return target


def _import(servers: Servers, origin: Path, report: Path, *more: str) -> tuple[dict[str, Any], str]:
    environment = clean_environment(DATABASE_URL=servers.database_url, REDIS_URL=servers.redis_url)
    command = [str(TOUCHLINE), "import", "football-data", "--from", str(origin), "--json", str(report), *more]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found, run.stdout + run.stderr


def test_the_whole_folder_then_nothing_then_one_correction_then_a_cut_file(
    empty: Servers, files: Path, tmp_path: Path
) -> None:
    report, _ = _import(empty, files, tmp_path / "first.json")
    assert report["totals"]["matches_new"] == MATCHES
    assert len(report["files"]) == 106
    assert report["unread"] == []
    assert not [skipped for skipped in report["skipped"] if skipped["is_whole_row"]]

    report, _ = _import(empty, files, tmp_path / "second.json")
    assert report["totals"]["matches_new"] == report["totals"]["matches_changed"] == 0
    assert report["totals"]["prices_new"] == report["totals"]["prices_changed"] == 0
    assert report["totals"]["matches_unchanged"] == MATCHES

    _raise_a_half_time_score(files / "2122" / "E0.csv")
    report, _ = _import(empty, files, tmp_path / "third.json", "--league", "E0", "--season", "2122")
    assert report["totals"]["matches_changed"] == 1
    assert report["totals"]["matches_unchanged"] == 379

    cut = files / "2324" / "E0.csv"
    text = cut.read_text()
    cut.write_text(text[: text.rindex("\n", 0, len(text) - 200) + 60])
    report, printed = _import(empty, files, tmp_path / "fourth.json", "--league", "E0", "--season", "2324")
    [skipped] = [skipped for skipped in report["skipped"] if skipped["is_whole_row"]]
    assert "cut off" in skipped["reason"]
    assert "E0.csv" in skipped["origin"]
    assert skipped["reason"] in printed.replace("\n", " ")


def _raise_a_half_time_score(file: Path) -> None:
    """Change HTHG of the first match whose full-time score leaves room, and its HTR with it."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    header = lines[0].split(",")
    at = {name: header.index(name) for name in ("FTHG", "HTHG", "HTAG", "HTR")}
    for number, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        home, away = int(cells[at["HTHG"]]) + 1, int(cells[at["HTAG"]])
        if home <= int(cells[at["FTHG"]]):
            cells[at["HTHG"]] = str(home)
            cells[at["HTR"]] = "H" if home > away else "D" if home == away else "A"
            lines[number] = ",".join(cells)
            break
    file.write_text("\n".join(lines) + "\n")


def test_an_unknown_league_is_named(empty: Servers, files: Path) -> None:
    environment = clean_environment(DATABASE_URL=empty.database_url, REDIS_URL=empty.redis_url)
    command = [str(TOUCHLINE), "import", "football-data", "--from", str(files), "--league", "XX"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 2
    assert "XX is not there; there are D1, E0" in run.stderr
