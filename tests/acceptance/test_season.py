"""The Premier League of 2024/25 as of 1 March 2025 over HTTP, final tables as they were published, and accuracy."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.infra.database import Database
from domain.intake.service import import_file
from domain.matches.leagues import standings
from tests.acceptance.life import register
from tests.acceptance.person import Person, told
from tests.acceptance.product import TOUCHLINE, Product, clean_environment, running
from touchline.evaluation import read_dataset
from touchline.evaluation.tables import TOP_FIVE, against_equal, awarded_matches, score_tables, starts, summary
from touchline.football_data import read_matches
from touchline.plugins import load_plugins
from workers.stack.mailbox import FOLDER

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

AS_OF = "2025-03-01T00:00:00Z"
SIMULATIONS = 20_000
SEASON = """{ league(by: {slug: "england-premier-league"}) { seasons(first: 9) { nodes { id name } } } }"""
TABLE = """query ($id: ID!, $asOf: DateTime, $simulations: Int) { node(id: $id) { ... on Season {
  standings(asOf: $asOf) { played points team { name } }
  tableForecast(asOf: $asOf, simulations: $simulations) {
    simulations seconds matchesLeft unannouncedMatches modelVersion { model { key } trainingDataCutoffAt }
    rows { team { name } currentPoints expectedPoints pointsInterval { lower upper } placeProbabilities
           titleProbability topFourProbability relegationProbability } } } } }"""
JOB = "query ($id: ID!) { job(id: $id) { status stage error progress } }"

PUBLISHED = {
    "E0": """Liverpool 84, Arsenal 74, Man City 71, Chelsea 69, Newcastle 66, Aston Villa 66, Nott'm Forest 65,
        Brighton 61, Bournemouth 56, Brentford 56, Fulham 54, Crystal Palace 53, Everton 48, West Ham 43,
        Man United 42, Wolves 42, Tottenham 38, Leicester 25, Ipswich 22, Southampton 12""",
    "SP1": """Barcelona 88, Real Madrid 84, Ath Madrid 76, Ath Bilbao 70, Villarreal 70, Betis 60, Celta 55,
        Vallecano 52, Osasuna 52, Mallorca 48, Sociedad 46, Valencia 46, Getafe 42, Espanol 42, Alaves 42, Girona 41,
        Sevilla 41, Leganes 40, Las Palmas 32, Valladolid 16""",
    "I1": """Napoli 82, Inter 81, Atalanta 74, Juventus 70, Roma 69, Fiorentina 65, Lazio 65, Milan 63, Bologna 62,
        Como 49, Torino 44, Udinese 44, Genoa 43, Verona 37, Cagliari 36, Parma 36, Lecce 34, Empoli 31, Venezia 29,
        Monza 18""",
}
"""Final tables of 2024/25 as the leagues published them; clubs as the files spell them."""


@pytest.fixture(scope="module")
def product(recorded: Path) -> Iterator[Product]:
    """A deployment with five seasons of the Premier League."""
    with running(["up"], seconds=120) as stack:
        seasons = [word for year in range(20, 25) for word in ("--season", f"{year}{year + 1}")]
        command = [str(TOUCHLINE), "import", "football-data", "--from", str(recorded / "football-data")]
        command += ["--league", "E0", *seasons, "--data-dir", str(stack.data_dir)]
        run = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
        assert run.returncode == 0, run.stdout + run.stderr
        yield stack


async def test_the_title_race_of_the_first_of_march(product: Product) -> None:
    nodes = product.query(SEASON)["league"]["seasons"]["nodes"]
    [season] = [node["id"] for node in nodes if node["name"] == "2024/25"]
    asked = {"seasonId": season, "asOf": AS_OF, "simulations": SIMULATIONS}
    async with httpx.AsyncClient(timeout=60) as http:
        person = Person(product.url, "ann@example.com", http)
        await register(person, lambda email: _code(product.data_dir, email))
        job = (await person.done("requestTableForecast", "job { id }", **asked))["job"]["id"]
        async with asyncio.timeout(240):
            while True:
                shown = (await person.ask(JOB, id=job))["job"]
                if shown["status"] not in ("QUEUED", "RUNNING"):
                    break
                await asyncio.sleep(0.5)
    assert (shown["status"], shown["error"], shown["progress"]) == ("SUCCEEDED", None, 1.0)
    found = product.query(TABLE, {"id": season, "asOf": AS_OF, "simulations": SIMULATIONS})["node"]
    _check(found, SIMULATIONS)
    _print(found["tableForecast"])
    # From the same forecasts a smaller table is made at once, and says the same but for chance.
    quick = product.query(TABLE, {"id": season, "asOf": AS_OF, "simulations": 1000})["node"]
    _check(quick, 1000)
    titles = [
        {row["team"]["name"]: row["titleProbability"] for row in each["tableForecast"]["rows"]}
        for each in (found, quick)
    ]
    assert all(titles[0][name] == pytest.approx(titles[1][name], abs=0.06) for name in titles[0])


async def _code(data_dir: Path, email: str) -> str:
    async with asyncio.timeout(60):
        while True:
            for path in sorted((data_dir / FOLDER).glob("*.txt"), reverse=True):
                text = path.read_text(encoding="utf-8")
                code = re.search(r"^\s*([A-Za-z0-9_.-]{20,})\s*$", text, re.MULTILINE)
                if f"To: {email}" in text and code:
                    return code[1]
            await asyncio.sleep(0.3)


def _check(found: dict[str, Any], simulations: int) -> None:
    """What must hold of any simulation of that day."""
    table, rows = found["tableForecast"], found["tableForecast"]["rows"]
    assert (table["simulations"], table["matchesLeft"], table["unannouncedMatches"]) == (simulations, 109, 0)
    assert table["modelVersion"]["trainingDataCutoffAt"] == AS_OF
    assert sum(row["played"] for row in found["standings"]) == 2 * (380 - 109)
    points = {row["team"]["name"]: row["points"] for row in found["standings"]}
    assert {row["team"]["name"]: row["currentPoints"] for row in rows} == points
    assert [sum(row["placeProbabilities"]) for row in rows] == pytest.approx([1] * 20, abs=1e-9)
    places = [sum(row["placeProbabilities"][place] for row in rows) for place in range(20)]
    assert places == pytest.approx([1] * 20, abs=1e-9)
    sums = {
        name: sum(row[name] for row in rows)
        for name in ("titleProbability", "topFourProbability", "relegationProbability")
    }
    assert list(sums.values()) == pytest.approx([1, 4, 3], abs=1e-9)
    by_name = {row["team"]["name"]: row for row in rows}
    # 67 points from 28 matches, 13 ahead; Southampton had 9 points, 13 short of the 17th.
    assert by_name["Liverpool"]["titleProbability"] > 0.9
    assert by_name["Southampton"]["relegationProbability"] > 0.98
    assert rows[0]["team"]["name"] == "Liverpool"
    assert rows[-1]["team"]["name"] == "Southampton"


def _print(table: dict[str, Any]) -> None:
    rate = table["simulations"] / table["seconds"]
    told("simulated", model=table["modelVersion"]["model"]["key"], seasons_a_second=f"{rate:,.0f}")
    for row in table["rows"]:
        interval = row["pointsInterval"]
        told(
            row["team"]["name"][:12],
            now=row["currentPoints"],
            points=f"{row['expectedPoints']:.1f} ({interval['lower']:.0f}-{interval['upper']:.0f})",
            title=f"{row['titleProbability']:.4f}",
            four=f"{row['topFourProbability']:.4f}",
            down=f"{row['relegationProbability']:.4f}",
        )


@pytest.mark.parametrize("code", PUBLISHED)
async def test_final_tables_are_those_that_the_leagues_published(database: Database, recorded: Path, code: str) -> None:
    """Head-to-head decides in Spain and Italy: goal difference alone has Osasuna before Rayo Vallecano."""
    path = recorded / "football-data" / "2425" / f"{code}.csv"
    matches, _ = read_matches(path.read_bytes(), path.name, 2024)
    bare = [replace(match, prices=()) for match in matches]
    await import_file(database, "football-data", bare, [], datetime(2026, 1, 1, tzinfo=UTC))
    season = await database.pool.fetchval("select id from season")
    names = {
        row["team_id"]: row["name"]
        for row in await database.pool.fetch("select team_id, name from team_alias where source = 'football-data'")
    }
    rows = await standings(database.pool, [season], datetime(2025, 7, 1, tzinfo=UTC))
    assert [f"{names[row['team_id']]} {row['points']}" for row in rows] == [
        " ".join(line.split()) for line in PUBLISHED[code].split(",")
    ]


def test_final_positions_from_the_first_of_march(recorded: Path) -> None:
    """Twenty league-seasons: past odds as input beat equal teams by .030 of Brier and more."""
    folder, seasons = recorded / "football-data", range(2021, 2025)
    dataset = read_dataset(folder)
    begins = starts(dataset, TOP_FIVE, seasons, awarded_matches(folder, TOP_FIVE, seasons))
    assert len(begins) == 20
    model = load_plugins().models["touchline.market_memory"]
    scores = score_tables(dataset, [model], begins)
    for row in summary(scores):
        told(
            "positions", **{name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()}
        )
    apart = against_equal(scores, model.key)
    assert apart.mean <= -0.030
    assert apart.interval[1] < 0
