"""A season of a few matches at the odd hours of a day on which clocks change, and processes whose clocks are wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import create_server

import httpx

from domain.infra.settings import Settings
from workers.stack.processes import environment_of

ROOT = Path(__file__).parents[2]
PACKAGE = "libfaketime==3.0.1"
"""Built from source, with a C compiler. Debian's 0.9.10 breaks the `time.sleep` of Python 3.11."""
HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,B365CH,B365CD,B365CA"


@dataclass(frozen=True, slots=True)
class Played:
    """A match of the file: London's day and hour, the instant that this is, and how it ended."""

    day: str
    hour: str
    kickoff: datetime
    home: str
    away: str
    goals: tuple[int, int]
    closing: float
    """Of a home win."""

    @property
    def line(self) -> str:
        """As the file has it."""
        home, away = self.goals
        result = "HDA"[(home <= away) + (home < away)]
        early = round(self.closing + 0.3, 2)
        year, month, day = self.day.split("-")
        prices = f"{early},3.5,4.0,{self.closing},3.6,3.9"
        return f"E0,{day}/{month}/{year},{self.hour},{self.home},{self.away},{home},{away},{result},{prices}"


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which London's clocks change."""

    date: str
    begins: datetime
    """The day's own first instant."""
    ends: datetime
    matches: tuple[Played, ...]

    def write(self, folder: Path) -> Path:
        """The folder of its season's file."""
        year = int(self.date[2:4]) - (self.date[5:7] < "07")
        season = folder / f"{year:02}{year + 1:02}"
        season.mkdir(parents=True)
        (season / "E0.csv").write_text("\n".join([HEADER, *(match.line for match in self.matches), ""]))
        return folder


def at(text: str) -> datetime:
    """An instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SPRING = Day(
    "2026-03-29",  # 23 hours: at one o'clock it is two
    at("2026-03-29 00:00"),
    at("2026-03-29 23:00"),
    (
        Played("2026-03-28", "23:45", at("2026-03-28 23:45"), "Arsenal", "Brentford", (2, 0), 1.8),
        Played("2026-03-29", "00:30", at("2026-03-29 00:30"), "Chelsea", "Everton", (0, 1), 2.1),
        Played("2026-03-29", "02:15", at("2026-03-29 01:15"), "Fulham", "Liverpool", (1, 1), 2.6),
        Played("2026-03-29", "23:30", at("2026-03-29 22:30"), "Burnley", "Sunderland", (3, 1), 1.9),
        Played("2026-03-30", "00:15", at("2026-03-29 23:15"), "Watford", "Leeds", (0, 0), 2.4),
    ),
)
AUTUMN = Day(
    "2026-10-25",  # 25 hours: at two o'clock it is one
    at("2026-10-24 23:00"),
    at("2026-10-26 00:00"),
    (
        Played("2026-10-24", "23:45", at("2026-10-24 22:45"), "Arsenal", "Brentford", (2, 0), 1.8),
        Played("2026-10-25", "00:30", at("2026-10-24 23:30"), "Chelsea", "Everton", (0, 1), 2.1),
        Played("2026-10-25", "01:30", at("2026-10-25 00:30"), "Fulham", "Liverpool", (1, 1), 2.6),  # of two the first
        Played("2026-10-25", "23:30", at("2026-10-25 23:30"), "Burnley", "Sunderland", (3, 1), 1.9),
        Played("2026-10-26", "00:15", at("2026-10-26 00:15"), "Watford", "Leeds", (0, 0), 2.4),
    ),
)


def faketime_library(folder: Path) -> Path:
    """The library that lies about the time, built in a folder of its own."""
    command = [shutil.which("uv") or "uv", "pip", "install", "--quiet", "--target", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    (built,) = folder.rglob("libfaketime.so.1")
    return built


def lying(library: Path, clock: str) -> dict[str, str]:
    """The environment of a process whose clock is set to `clock`, for example `+2h` or `@2026-03-29 00:59:50`."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": clock,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "TZ": "Europe/London",
    }


@contextmanager
def parts(settings: Settings, folder: Path, clocks: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The API, a worker and a scheduler of a deployment, each with its own clock; gives the address of the graph."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = []
    try:
        for module in ("api", "workers.worker", "workers.scheduler"):
            more = {"TOUCHLINE_PORT": str(port), **clocks.get(module, {})}
            with (folder / f"{module}.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", module],
                    cwd=ROOT,
                    env=environment_of(settings) | more,
                    stdout=log,
                    stderr=log,
                )
            running.append(process)
        yield f"http://127.0.0.1:{port}/graphql"
        dead = [process.args for process in running if process.poll() is not None]
        assert not dead, f"{dead} ended: {[path.read_text()[-2000:] for path in folder.glob('*.log')]}"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=30)


async def is_up(url: str) -> bool:
    """Whether the API says that it can answer."""
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            return (await client.get(url.replace("/graphql", "/readyz"))).status_code == 200
        except httpx.HTTPError:
            return False
