"""Every hostile plugin at once beside ours, in the running product: where each ends, and that ours do not wait.

A round asks every model about every league, and all are fitted anew. Ours are timed before the hostile ones are
installed, and then beside them until the last of them is in quarantine, resting between rounds: others stand back
while ours are at work. A call may take 20 seconds here;
`TOUCHLINE_HOSTILE_SECONDS=120` is the default of the product.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tests.acceptance.outside import Environment, wheel
from tests.acceptance.person import told
from tests.acceptance.product import Product, launch
from tests.odds_world import until

SECONDS = float(os.environ.get("TOUCHLINE_HOSTILE_SECONDS", "20"))

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600 + 15 * SECONDS)]

ROUNDS_BEFORE = 5
RESTS = 2.0
"""Rest after a round, in times of its length."""
SLOWER = 2.0 if "PYTEST_XDIST_WORKER" in os.environ else 1.2
"""So many times a round before, by the median, a round with them may take: ours wait for none of them. Beside other
tests, which come and go, the figure says less."""
LIMIT_MB = 4096
"""Address space of one child."""
NOISE = "hostile noise"
"""What one of them prints."""
REFUSED = {
    "hostile_import_raises": "RuntimeError: no licence was found",
    "hostile_import_hangs": "stopped after",
    "hostile_import_exits": "ended",
}
QUARANTINED = {
    "hostile_fit_raises": "ArithmeticError: the coach was sacked",
    "hostile_loops": f"stopped after {SECONDS:g} seconds",
    "hostile_allocates": "MemoryError",
    "hostile_nan": "a probability is not a finite number",
    "hostile_exits": "ended",
    "hostile_no_such_club": "one row for each",
}
HARMLESS = ("hostile_prints", "hostile_forks", "hostile_escapes")
"""Their answers are as good as any: what they print is thrown away, and what they leave behind is ended."""

PLUGINS = """{ plugins(first: 50) { nodes { key status statusReason isBuiltIn models { key }
  health { callCount failureCount invalidOutputCount lastError } } } }"""
SHOWN = """query Shown($after: String) {
  matches(filter: {window: NEXT_7_DAYS}, first: 40, after: $after) { pageInfo { hasNextPage endCursor } nodes { id
    forecast { result { home draw away } } analysis { modelComparison { modelVersion { model { key } } } }
    predictions(includeShadow: true) { modelVersion { model { key } } outcomes { probability } } } }
  valueBets(first: 40) { nodes { edge } } }"""
EXPECTED = """
select count(*) from model m join plugin p on p.key = m.plugin_key
cross join (select distinct league_id from match where status = 'SCHEDULED') l
where p.distribution = 'touchline' and m.kind = 'model'"""
SPOKEN = """
select p.model_key, count(*) filter (where p.confirmed_at > $1) as said,
       count(*) filter (where p.confirmed_at <= $1) as unsaid
from current_prediction p join match m on m.id = p.match_id
where m.status = 'SCHEDULED' and m.kickoff_at > $1 and p.model_key like 'touchline.%'
group by p.model_key"""


@dataclass
class Round:
    """What became of one round."""

    seconds: float
    """From the first of our jobs being queued to the last being done."""
    spoken: dict[str, int]
    """Predictions of each of our models that were given, or given again, in it."""
    unsaid: int
    """Predictions of ours about coming matches that were not."""


@dataclass
class Watch:
    """The children of others while it is on."""

    folder: Path
    """Environment that they run in."""
    most_mb: float = 0.0
    """Most memory that one of them held."""
    is_over: threading.Event = field(default_factory=threading.Event)

    def children(self) -> list[psutil.Process]:
        """Processes of the environment that are a plugin's or were started by one."""
        return [process for process in psutil.process_iter() if _is_child(process, self.folder)]

    def look(self) -> None:
        """Seldom, and in every round alike: looking takes a processor too."""
        while not self.is_over.wait(0.5):
            self.most_mb = max([self.most_mb, *(_most_mb(process) for process in self.children())])


def _is_child(process: psutil.Process, folder: Path) -> bool:
    try:
        words = process.cmdline()
        return "touchline.child" in words and words[0].startswith(str(folder)) and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def _most_mb(process: psutil.Process) -> float:
    """The most memory that a process has ever held; 0 of one that is gone."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


@contextmanager
def watching(environment: Environment) -> Iterator[Watch]:
    watch = Watch(environment.folder)
    thread = threading.Thread(target=watch.look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.is_over.set()
        thread.join()


@asynccontextmanager
async def demo(environment: Environment, data_dir: Path, **settings: str) -> AsyncIterator[Demo]:
    """The demo at the pace of real time, so that no result comes between, with a worker that has looked at plugins."""
    starts = worker_starts(data_dir)
    product = launch(["demo"], data_dir, seconds=180, program=str(environment.touchline), **settings)
    database = await asyncpg.connect(product.run_file()["database_url"])
    try:
        await until(lambda: worker_starts(data_dir) > starts, seconds=120)
        yield Demo(product, database, environment)
    finally:
        await database.close()
        assert product.stop() == 0


def worker_starts(data_dir: Path) -> int:
    """How often a worker was ready to work."""
    log = data_dir / "logs" / "worker.log"
    return log.read_text().count("working with") if log.exists() else 0


@dataclass
class Demo:
    """A running demo and its database."""

    product: Product
    database: asyncpg.Connection
    environment: Environment

    async def round(self) -> Round:
        """Have every model fitted anew and asked about every league, and wait until ours are done."""
        await self.is_idle("run_model")
        await self.database.execute("update model_version set inputs_digest = ''")  # as if a past result was corrected
        match_time = await self.database.fetchval("select max(confirmed_at) from current_prediction")
        machine_time = await self.database.fetchval("select max(queued_at) from job")
        await self.refresh()
        done = """select count(*) filter (where status = 'DONE') as jobs,
                         extract(epoch from max(finished_at) - min(queued_at))::float8 as seconds
                  from job where name = 'run_model' and queued_at > $1"""
        expected = await self.database.fetchval(EXPECTED)
        row = await self.until(done, lambda row: row["jobs"] >= expected, machine_time)
        spoken = await self.database.fetch(SPOKEN, match_time)
        return Round(
            row["seconds"],
            {each["model_key"]: each["said"] for each in spoken},
            sum(each["unsaid"] for each in spoken),
        )

    async def refresh(self) -> None:
        words = ["touchline", "refresh", "forecasts", "--data-dir", self.product.data_dir]
        done = await asyncio.to_thread(self.environment.run, words, self.product.data_dir)
        assert done.returncode == 0, done.stdout + done.stderr

    async def is_idle(self, *names: str, seconds: float = 300) -> None:
        """Wait until no job of these names is left to do."""
        busy = """select (select count(*) from job where name = any($1) and status not in ('DONE', 'DEAD'))
                       + (select count(*) from outbox where job = any($1) and sent_at is null) as count"""
        await self.until(busy, lambda row: row["count"] == 0, list(names), seconds=seconds)

    async def until(self, query: str, holds: Any, *arguments: Any, seconds: float = 300) -> asyncpg.Record:
        began = time.monotonic()
        while True:
            row = await self.database.fetchrow(query, *arguments)
            if row is not None and holds(row):
                return row
            told_so_far = "\n".join(self.product.lines[-10:])
            assert time.monotonic() - began < seconds, f"still not after {seconds:g} s: {row}\n{told_so_far}"
            await asyncio.sleep(0.2)

    def shown(self) -> str:
        """What the graph says of the coming matches, page after page."""
        answers: list[dict[str, Any]] = []
        while not answers or answers[-1]["matches"]["pageInfo"]["hasNextPage"]:
            after = answers[-1]["matches"]["pageInfo"]["endCursor"] if answers else None
            answers.append(self.product.query(SHOWN, {"after": after}))
        return json.dumps(answers)

    def plugins(self) -> dict[str, dict[str, Any]]:
        return {node["key"]: node for node in self.product.query(PLUGINS)["plugins"]["nodes"]}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="touchline-hostile-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)  # root's servers run as nobody, who must be able to pass
        yield Path(name)


async def test_hostile_plugins_harm_nobody_but_themselves(folder: Path) -> None:
    environment = Environment.made(folder / "environment")
    with watching(environment) as watch:
        async with demo(environment, folder / "data") as alone:
            await alone.round()  # everything is compiled and in the cache
            before = [await alone.round() for _ in range(ROUNDS_BEFORE)]
        environment.install(wheel("hostile", folder))
        async with demo(environment, folder / "data", TOUCHLINE_FIT_TIMEOUT_SECONDS=f"{SECONDS:g}") as beside:
            during = await rounds_until_judged(beside)
            await beside.is_idle("run_model", "run_outside_model")
            found, shown = beside.plugins(), beside.shown()
            left = watch.children()
    tell(before, during, found, watch.most_mb)

    ours = [node for node in found.values() if node["isBuiltIn"]]
    assert {node["status"] for node in ours} == {"ENABLED"}
    assert sum(node["health"]["failureCount"] for node in ours) == 0
    for one in [*before, *during]:
        assert one.spoken.keys() == before[0].spoken.keys()
        assert one.unsaid == 0, "each of our models spoke of every match"
    check_states(found)
    check_quiet(shown, "\n".join(beside.product.lines), json.dumps(found), folder / "data" / "logs")
    assert left == []
    assert watch.most_mb <= LIMIT_MB
    assert median_of(during) <= SLOWER * median_of(before)


def median_of(rounds: list[Round]) -> float:
    return statistics.median(each.seconds for each in rounds)


async def rounds_until_judged(beside: Demo) -> list[Round]:
    """Rounds with rests between them, until whoever fails is in quarantine; the others are asked as often."""
    rounds: list[Round] = []
    deadline = time.monotonic() + 120 + 10 * SECONDS
    while time.monotonic() < deadline:
        rounds.append(await beside.round())
        states = {key: node["status"] for key, node in beside.plugins().items()}
        if all(states[key] == "QUARANTINED" for key in QUARANTINED):
            return rounds
        await asyncio.sleep(RESTS * rounds[-1].seconds)
    raise AssertionError(f"not in quarantine after {len(rounds)} rounds: {states}")


def check_states(found: dict[str, dict[str, Any]]) -> None:
    """Each is where it belongs, and says why in its author's words."""
    for key, words in REFUSED.items():
        assert found[key]["status"] == "INCOMPATIBLE", key
        assert words in found[key]["statusReason"], key
        assert found[key]["models"] == [], key
    for key, words in QUARANTINED.items():
        assert found[key]["status"] == "QUARANTINED", key
        assert words in found[key]["statusReason"], key
        assert found[key]["health"]["failureCount"] == 3, key
        assert words in found[key]["health"]["lastError"], key
    for key in HARMLESS:
        assert found[key]["status"] == "SHADOW", found[key]
        assert found[key]["health"]["failureCount"] == 0, found[key]
        assert found[key]["health"]["callCount"] >= 2, found[key]
    assert found.keys() >= {*REFUSED, *QUARANTINED, *HARMLESS}


def check_quiet(shown: str, lines: str, plugins: str, logs: Path) -> None:
    """No answer about a match names them, and what they print stands nowhere."""
    assert "touchline.match_result" in shown
    assert "hostile" not in shown
    for text in (shown, lines, plugins, *(path.read_text(errors="replace") for path in logs.iterdir())):
        assert NOISE not in text


def tell(before: list[Round], during: list[Round], found: dict[str, dict[str, Any]], most_mb: float) -> None:
    """What the run came to."""
    for name, rounds in (("before", before), ("beside them", during)):
        seconds = [round(each.seconds, 1) for each in rounds]
        told(name, median=f"{median_of(rounds):.2f}", seconds=seconds, predictions=sum(rounds[-1].spoken.values()))
    told("memory", most_of_one_child_mb=f"{most_mb:.0f}")
    for key, node in sorted(found.items()):
        if not node["isBuiltIn"]:
            told(f"{key} {node['status']} ", calls=node["health"]["callCount"], reason=node["statusReason"])
