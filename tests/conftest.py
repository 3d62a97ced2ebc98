"""Fixtures that every test may use: real PostgreSQL and Redis, and the recorded data."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from domain.infra.database import Database
from domain.migrations.runner import upgrade
from tests.people import forget_tries
from workers.stack.embedded import Servers, start_servers

pytest_plugins = ["tests.skips"]

MEMORY = Path("/dev/shm")
"""A folder that is kept in memory, on Linux."""
ROOM = 2 * 2**30
"""Bytes that must be free there."""
MOST_PROCESSES = 4
"""Processes of a whole run; each has servers of its own."""

os.environ.setdefault("TOUCHLINE_SECRET_KEY", "a key of the tests alone, long enough")


def pytest_collection_finish() -> None:
    """Leave what importing made out of every collection: walking it took a tenth of the run."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A whole run uses every processor; chosen files run in one process, where output and debuggers work."""
    return min(os.cpu_count() or 1, MOST_PROCESSES) if config.args == config.getini("testpaths") else 0


@pytest.fixture(scope="session")
def recorded() -> Path:
    """Folder of recorded data, `TOUCHLINE_DATA`, by default `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("TOUCHLINE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"recorded data is not at {folder}: set TOUCHLINE_DATA")
    return folder


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the servers of the run keep their files: in memory where there is room.

    A database is six hundred files; on a disk, making one for each test takes longer than the tests.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield tmp_path_factory.mktemp("servers")
        return
    for left in MEMORY.glob("touchline-tests-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():  # its run was killed
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / f"touchline-tests-{os.getpid()}"
    folder.mkdir(mode=0o711)  # the servers of root run as nobody
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def servers(server_folder: Path) -> Iterator[Servers]:
    """One embedded PostgreSQL and Redis for the run."""
    with start_servers(server_folder, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> str:
    """URL of a migrated database that serves as the template of every test's own."""
    upgrade(servers.database_url)
    return servers.database_url


@pytest.fixture
async def database_url(migrated: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database of this test's own, made from the migrated template and dropped afterwards."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    template = migrated.partition("?")[0].rpartition("/")[2]
    admin = await asyncpg.connect(migrated.replace(f"/{template}?", "/postgres?"))
    try:
        await admin.execute(f'create database "{name}" template "{template}" strategy file_copy')
        yield migrated.replace(f"/{template}?", f"/{name}?")
        await admin.execute(f'drop database "{name}" with (force)')
    finally:
        await admin.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database of this test's own."""
    opened = await Database.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The embedded Redis; a test names its keys after itself or flushes first. Nobody has tried anything yet."""
    forget_tries(servers.redis_url)
    return servers.redis_url
