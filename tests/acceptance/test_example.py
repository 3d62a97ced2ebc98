"""The example for frontend developers: its README leads to a moving board, and its client misses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.nodes import global_id
from domain.infra.bus import Bus
from domain.infra.database import Database
from domain.odds.service import Tick
from tests.acceptance.foreign import FOREIGN, finish, run
from tests.acceptance.person import told
from tests.acceptance.product import Product, running
from tests.docs.documents import ROOT, blocks
from tests.faults import proxy
from tests.odds_world import World, make_world
from tests.people import PASSWORD, person
from tests.serving import Api, serving

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

FOLDER = "api/examples/live-board"
DOCUMENT = f"{FOLDER}/README.md"
MATCHES = "{ matches(filter: {window: NEXT_7_DAYS}) { totalCount } }"
OPEN = """query ($id: ID!) { match(id: $id) { markets(kinds: [MATCH_RESULT]) { selections {
  id quotes { price { decimal } isAvailable bookmaker { id } } } } } }"""
SHORT = 0.5 / 3600
"""Hours back that a cursor reaches where a gap is wanted; the client waits longer before it connects again."""
LIMIT = 10
"""Points a minute, where the limit is met."""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a stranger has it after the first commands of its README."""
    checkout = tmp_path_factory.mktemp("checkout")
    generated = shutil.ignore_patterns("node_modules", "generated", "dist")
    shutil.copytree(ROOT / FOLDER, checkout / FOLDER, ignore=generated)
    shutil.copy(ROOT / "schema.graphql", checkout)
    for command in ("npm install", "npm run generate"):
        finish(command.split(), checkout / FOLDER, npm_config_prefer_offline="true")
    finish(["npm", "run", "build"], checkout / FOLDER)
    for script in ("checks.mjs", "live_board.mjs", "live_board_errors.mjs", "live_board_settled.mjs"):
        shutil.copy(FOREIGN / script, checkout / FOLDER)
    return checkout / FOLDER


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    with running(["demo", "--speed", "60"], seconds=240) as product:
        product.until(MATCHES, lambda data: data["matches"]["totalCount"] > 30)
        yield product


class Told:
    """What a program prints, line by line, until it is ended."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.lines: list[str] = []

    async def until(self, holds: Callable[[str], object]) -> str:
        """The next line of which something holds."""
        async with asyncio.timeout(120):
            while line := (await self._lines.readline()).decode():
                self.lines.append(line.rstrip())
                if holds(self.lines[-1]):
                    return self.lines[-1]
        raise AssertionError("it ended after\n" + "\n".join(self.lines[-20:]))


@asynccontextmanager
async def started(command: str, folder: Path, *arguments: str) -> AsyncIterator[Told]:
    """A command of the README, and all that it starts, for the length of a block."""
    process = await asyncio.create_subprocess_exec(
        *command.split(), *arguments, cwd=folder, stdout=PIPE, start_new_session=True, limit=2**24
    )
    try:
        yield Told(process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        await process.communicate()


async def test_the_readme_leads_to_a_moving_board(board: Path, demo: Product) -> None:
    async with (
        proxy(demo.run_file()["port"]) as between,
        started("npm start", board, "--", f"http://127.0.0.1:{between.port}/graphql") as program,
    ):
        await program.until(lambda line: line.startswith("SNAPSHOT"))
        for _ in range(3):
            change = await program.until(lambda line: line.startswith("DELTA"))
        assert between.reset() > 0
        shown = len(program.lines)
        for _ in range(5):
            change = await program.until(lambda line: line.startswith("DELTA"))
    later = program.lines[shown:]
    assert not [line for line in later if line.startswith(("GAP", "SNAPSHOT"))], "it went on where it stopped"
    matches = {line[13:57] for line in later if " – " in line}
    assert len(matches) >= 10
    assert any("▲" in line or "▼" in line for line in later)
    told("live-board", matches=len(matches), last=f"{change!r} after a cut")


@pytest.fixture
async def world(database: Database, redis_url: str) -> AsyncIterator[World]:
    bus = Bus.connect(redis_url)
    yield await make_world(database, bus)
    await bus.close()


@pytest.fixture
async def api(world: World, database_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with serving(database_url, redis_url, heartbeat_seconds=1, address_points=0) as running:
        yield running


async def _standing(api: Api, world: World) -> list[list[Any]]:
    """The open book as the API answers it: selection, bookmaker, price, whether it is available."""
    answers = [await api.ask(OPEN, id=global_id("Match", match)) for match in world.matches]
    return sorted(
        [selection["id"], quote["bookmaker"]["id"], quote["price"]["decimal"], quote["isAvailable"]]
        for answer in answers
        for market in answer["data"]["match"]["markets"]
        for selection in market["selections"]
        for quote in selection["quotes"]
    )


async def _put(world: World, *ticks: Tick, is_history: bool = False) -> int:
    """Record prices; the sequence of the last change."""
    last = (await world.put(*ticks, is_history=is_history)).last_sequence
    assert last is not None
    return last


async def test_live_ts_keeps_the_book_of_the_server(board: Path, api: Api, world: World) -> None:
    updates: list[dict[str, Any]] = []

    def is_of(line: str, kind: str = "", sequence: int = 0) -> bool:
        updates.append(json.loads(line))
        return updates[-1]["kind"] == kind or sequence in updates[-1]["sequences"]

    await world.open_books()
    async with (
        proxy(api.port) as between,
        started("node live_board.mjs", board, f"http://127.0.0.1:{between.port}/graphql") as program,
    ):
        await program.until(lambda line: is_of(line, "SNAPSHOT"))
        await program.until(lambda line: is_of(line, "HEARTBEAT"))
        last = first = await _put(world, world.tick(2.5))
        for cut in range(3):
            await program.until(lambda line, last=last: is_of(line, sequence=last))  # type: ignore[misc]
            between.reset()
            last = await _put(world, *(world.tick(2.6 + cut / 10 + n / 100, match=n) for n in range(4)))
        await program.until(lambda line: is_of(line, sequence=last))
        told_after = [each for update in updates if update["kind"] == "DELTA" for each in update["sequences"]]
        assert told_after == list(range(first, last + 1)), "each once and in order"
        await _put(world, world.tick(9.9, book=1))
        world.clock -= timedelta(minutes=10)
        amended = await _put(world, world.tick(1.1, book=1), is_history=True)  # seen before what is known
        world.clock += timedelta(minutes=10)
        last = await _put(world, world.tick(4.4, match=1, book=2))
        await program.until(lambda line: is_of(line, sequence=last))
        assert amended in [each for update in updates for each in update["sequences"]]
        assert sorted(updates[-1]["prices"]) == await _standing(api, world)
    assert [update["kind"] for update in updates].count("SNAPSHOT") == 1
    assert between.resets == 3
    told("live.ts", updates=len(updates), cuts=between.resets, prices=len(updates[-1]["prices"]))


async def test_live_ts_begins_anew_after_a_gap(board: Path, world: World, database_url: str, redis_url: str) -> None:
    await world.open_books()
    async with (
        serving(database_url, redis_url, odds_retention_hours=SHORT) as api,
        proxy(api.port) as between,
        started("node live_board.mjs", board, f"http://127.0.0.1:{between.port}/graphql") as program,
    ):
        await program.until(lambda line: json.loads(line)["kind"] == "SNAPSHOT")
        between.flowing.clear()
        await world.put(*(world.tick(3 + n / 10, match=n) for n in range(4)))
        between.reset()
        between.flowing.set()
        forgotten = json.loads(await program.until(lambda line: json.loads(line)["kind"] == "GAP"))
        snapshot = json.loads(await program.until(lambda line: json.loads(line)["kind"] == "SNAPSHOT"))
        assert forgotten["prices"] == []
        assert sorted(snapshot["prices"]) == await _standing(api, world)


async def test_errors_ts_tells_what_to_do(board: Path, world: World, database_url: str, redis_url: str) -> None:
    async with serving(database_url, redis_url, address_points=LIMIT) as api:
        url = f"http://127.0.0.1:{api.port}/graphql"
        printed = await asyncio.to_thread(finish, ["node", "live_board_errors.mjs", url], board)
    found = json.loads(printed)
    assert not {name: each["failed"] for name, each in found.items() if "failed" in each}
    assert found.keys() == {"bad argument", "invalid document", "bad token", "gates", "too many"}


@pytest.fixture(scope="module")
def shown(board: Path, demo: Product) -> int:
    """How many modules the README shows; they are built beside the others as `shown0` and so on."""
    modules = [block.text for block in blocks("ts") if block.document == DOCUMENT and block.text.startswith("import")]
    for number, text in enumerate(modules):
        (board / "src" / f"shown{number}.ts").write_text(text.replace("http://127.0.0.1:8000/graphql", demo.url))
    finish(["npm", "run", "build"], board)
    return len(modules)


def test_what_the_readme_shows_compiles_and_runs(board: Path, shown: int) -> None:
    assert shown == 3
    assert finish(["node", "dist/shown1.js"], board) == "Sign in.\n"


@pytest.mark.usefixtures("shown")
async def test_who_is_signed_in_goes_on_with_a_new_token(
    board: Path, database: Database, database_url: str, redis_url: str
) -> None:
    await person(database)
    async with serving(database_url, redis_url, access_minutes=1.5 / 60) as api:
        url = f"http://127.0.0.1:{api.port}/graphql"
        printed = await asyncio.to_thread(
            finish, ["node", "live_board_settled.mjs", url, "ann@example.com", PASSWORD], board
        )
    assert printed == "third token\n"


def test_what_does_not_fit_the_schema_does_not_compile(board: Path) -> None:
    source = board / "src" / "live.ts"
    right = source.read_text()
    try:
        source.write_text(right.replace("update.kind === 'GAP'", "update.kind === 'HOLE'"))
        wrong = run(["npx", "tsc", "--noEmit"], board, seconds=120)
    finally:
        source.write_text(right)
    assert wrong.returncode != 0
    assert "src/live.ts" in wrong.stdout
