"""The record of the running product: rounds replayed at full speed, every prediction graded once, whatever is killed.

The worker is killed while it grades, with its work half done. Afterwards a corrected file is imported. Two rounds are
played, or `TOUCHLINE_ROUNDS` of them: 19 are half a season.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from api.nodes import global_id
from domain.grades.scores import LEAST_FOR_VERDICT
from tests.acceptance.person import told
from tests.acceptance.product import TOUCHLINE, Product, clean_environment, running

ROUNDS = int(os.environ.get("TOUCHLINE_ROUNDS", "2"))
LEAST = 10 * ROUNDS - 3
"""Matches that are played at least: some are postponed."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600 * ROUNDS)]

SEASONS = ("2122", "2223", "2324", "2425")

LEADERBOARD = """{ leaderboard(minSampleSize: 10) { matchCount leftOutModels { key } nodes { rank name isMarket
  model { key } scorecard { sampleSize logLoss closingLogLoss skillVsClosing verdict
    skillInterval { lower upper } } } } }"""
CALIBRATION = """{ models(market: MATCH_RESULT) { nodes { key scorecard { sampleSize }
  calibration(bins: 10) { slope sampleSize bins { lower predicted observed count interval { lower upper } } } } } }"""
GRADES = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Prediction {
  grade { revision facts outcomeKey logLoss closingLogLoss closingSource } } } }"""


@pytest.fixture(scope="module")
def files(recorded: Path) -> Iterator[Path]:
    """A copy of one league's season files that the test may edit, where every account may read."""
    with tempfile.TemporaryDirectory(prefix="touchline-record-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for season in SEASONS:
            (folder / season).mkdir()
            shutil.copy(recorded / "football-data" / season / "E0.csv", folder / season / "E0.csv")
        yield folder


@dataclass
class Replayed:
    """A replay that runs, and its database."""

    product: Product
    database: asyncpg.Connection

    async def count(self, query: str) -> int:
        return int(await self.database.fetchval(query))

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = 300) -> None:
        began = time.monotonic()
        while not await holds():
            assert time.monotonic() - began < seconds, "\n".join(
                [f"still not after {seconds:g} s", *self.product.lines[-20:]]
            )
            await asyncio.sleep(0.2)

    async def is_over(self) -> bool:
        """Whether every round was played and nothing is left to do."""
        return bool(
            await self.database.fetchval(
                """select not exists (select 1 from feed where next_at is not null)
                     and not exists (select 1 from outbox where sent_at is null)
                     and not exists (select 1 from job where status in ('QUEUED', 'RUNNING', 'RETRYING'))"""
            )
        )


@asynccontextmanager
async def replaying(files: Path) -> AsyncIterator[Replayed]:
    words = ["--from", str(files), "--league", "E0", "--season", "2425", "--rounds", str(ROUNDS), "--speed", "max"]
    with running(["replay", *words], seconds=180) as product:
        database = await asyncpg.connect(product.run_file()["database_url"])
        try:
            yield Replayed(product, database)
        finally:
            await database.close()


async def kill_while_grading(replayed: Replayed) -> None:
    """kill -9 of the worker while a transaction of its holds new grades that did not count yet."""
    other = await asyncpg.connect(replayed.product.run_file()["database_url"])
    try:
        async with other.transaction():
            await other.execute("lock table current_grade in exclusive mode")
            mine = other.get_server_pid()

            async def is_waiting() -> bool:
                blocked = "select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))"
                return bool(await replayed.database.fetchval(blocked, mine))

            await replayed.until(is_waiting)
            worker = int(replayed.product.run_file()["pids"]["worker"])
            os.killpg(worker, signal.SIGKILL)
    finally:
        await other.close()

    async def is_back() -> bool:
        return replayed.product.run_file()["pids"].get("worker") not in {None, worker}

    await replayed.until(is_back)


UNGRADED = """select count(*) from prediction p join match m on m.id = p.match_id
    where m.status = 'FINISHED' and not exists (select 1 from grade g where g.prediction_id = p.id)"""


async def test_every_prediction_is_graded_once(files: Path) -> None:
    async with replaying(files) as replayed:

        async def has_begun() -> bool:
            return await replayed.count("select count(*) from grade") > 0

        await replayed.until(has_begun)
        await kill_while_grading(replayed)
        await replayed.until(replayed.is_over, 300 * ROUNDS)
        await _shown(replayed, await _all_graded_once(replayed))
        await _corrected(replayed, files)


async def _all_graded_once(replayed: Replayed) -> int:
    """Answers how many matches were played."""
    assert await replayed.count("select count(*) from job where status = 'DEAD'") == 0
    played = await replayed.count(
        "select count(distinct m.id) from match m join prediction p on p.match_id = m.id where m.status = 'FINISHED'"
    )
    assert LEAST <= played <= 10 * ROUNDS
    assert await replayed.count(UNGRADED) == 0
    assert await replayed.count("select count(*) from grade") == await replayed.count(
        "select count(*) from prediction p join match m on m.id = p.match_id where m.status = 'FINISHED'"
    )
    assert await replayed.count("select count(*) from grade where revision > 1") == 0
    models = await replayed.count("select count(distinct model_key) from prediction")
    standing = await replayed.database.fetch("select model_key, count(distinct match_id) from current_grade group by 1")
    assert len(standing) == models
    assert {row["count"] for row in standing} == {played}
    shown = """select count(*) from current_grade g join market k on k.id = g.market_id
               where g.is_served and k.key = 'match_result::ft'"""
    assert await replayed.count(shown) == played
    told("graded", matches=played, predictions=await replayed.count("select count(*) from grade"), models=models)
    return played


async def _shown(replayed: Replayed, played: int) -> None:
    """The leaderboard and calibration over HTTP."""
    board = replayed.product.query(LEADERBOARD)["leaderboard"]
    assert board["matchCount"] == played
    [market] = [row for row in board["nodes"] if row["isMarket"]]
    assert market["model"] is None
    losses = [row["scorecard"]["logLoss"] for row in board["nodes"]]
    assert losses == sorted(losses)
    assert {row["scorecard"]["sampleSize"] for row in board["nodes"]} == {played}
    if played < LEAST_FOR_VERDICT:
        assert {row["scorecard"]["verdict"] for row in board["nodes"]} == {"UNDECIDED"}
    models = [model for model in replayed.product.query(CALIBRATION)["models"]["nodes"] if model["scorecard"]]
    assert len(models) == len(board["nodes"]) - 1
    for model in models:
        assert model["calibration"]["sampleSize"] == 3 * played
        assert sum(part["count"] for part in model["calibration"]["bins"]) == 3 * played
        points = [part for part in model["calibration"]["bins"] if part["count"]]
        shares = (f"{part['predicted']:.2f} {part['observed']:.2f} ({part['count']})" for part in points)
        told("calibration", model=model["key"], slope=model["calibration"]["slope"], bins=", ".join(shares))
    for row in board["nodes"]:
        told("leaderboard", row=row["name"], **{key: row["scorecard"][key] for key in ("logLoss", "verdict")})


async def _corrected(replayed: Replayed, files: Path) -> None:
    """The file of the season so far with another score of its first match, imported again."""
    before = await replayed.database.fetchrow(
        """select g.prediction_id, g.grade_id, g.match_id from current_grade g join market k on k.id = g.market_id
           join match m on m.id = g.match_id where k.key = 'match_result::ft' order by m.kickoff_at, g.model_key"""
    )
    assert before is not None
    said = await replayed.count(f"select count(*) from prediction where match_id = {before['match_id']}")
    ids = [global_id("Prediction", before["prediction_id"])]
    first = replayed.product.query(GRADES, {"ids": ids})["nodes"][0]["grade"]
    assert (first["revision"], first["closingSource"]) == (1, "pinnacle")
    file = files / "2425" / "E0.csv"
    _correct(file, first["facts"])
    command = [str(TOUCHLINE), "import", "football-data", "--from", str(files), "--league", "E0", "--season", "2425"]
    command += ["--data-dir", str(replayed.product.data_dir)]
    await asyncio.to_thread(subprocess.run, command, env=clean_environment(), capture_output=True, check=True)

    async def is_graded_again() -> bool:
        return await replayed.count("select count(*) from grade where revision = 2") > 0

    await replayed.until(is_graded_again, 60)
    grades = await replayed.database.fetch(
        "select * from grade where prediction_id = $1 order by revision", before["prediction_id"]
    )
    assert [grade["revision"] for grade in grades] == [1, 2]
    assert grades[0]["id"] == before["grade_id"]
    assert grades[0]["facts"] == first["facts"]
    home, away = (int(part) for part in first["facts"].split("-"))
    assert grades[1]["facts"] == f"{home}-{away + 3}"
    again = replayed.product.query(GRADES, {"ids": ids})["nodes"][0]["grade"]
    assert (again["revision"], again["outcomeKey"]) == (2, "away")
    assert again["closingLogLoss"] != first["closingLogLoss"]
    now = await replayed.count(f"select grade_id from current_grade where prediction_id = {before['prediction_id']}")
    assert now == grades[1]["id"]
    of_goals = await replayed.count("select count(*) from grade where revision = 2")
    corners = await replayed.count(
        f"select count(*) from prediction where match_id = {before['match_id']} and model_key = 'touchline.corners'"
    )
    assert of_goals == said - corners


def _correct(file: Path, facts: str) -> None:
    """Leave the rows of the first round, and give the away side of its first match three goals more."""
    header, *rows = file.read_text(encoding="utf-8-sig").splitlines()
    names = header.split(",")
    cells = rows[0].split(",")
    goals, result = names.index("FTAG"), names.index("FTR")
    assert facts == f"{cells[names.index('FTHG')]}-{cells[goals]}"
    cells[goals], cells[result] = str(int(cells[goals]) + 3), "A"
    file.write_text("\n".join([header, ",".join(cells), *rows[1:10]]) + "\n")
