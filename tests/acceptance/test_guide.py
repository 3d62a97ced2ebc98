"""The guide's page with the wheel alone: a fresh environment, an empty folder, and no network once it is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.product import clean_environment
from tests.docs.documents import ROOT, blocks
from tests.docs.guide import DOCUMENT, Reader, commands, steps

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

CHECKERS = ("mypy", "pyright[nodejs]")
"""Of types; installed while there is a network."""
BUILDER = "setuptools>=77"
"""What `pip install -e .` would fetch to build the author's package."""
OFFLINE = ("unshare", "--map-root-user", "--net")
"""Runs a program in a world without a network, on Linux."""
KIT = """
import sys
from touchline.plugins import HOOKS, open_entry
from touchline.testing import run_checks

kinds = dict(zip(HOOKS, ("model", "market", "strategy", "provider")))
for entry in sys.argv[1:]:
    offered = open_entry(entry)
    things = [(kind, thing) for hook, kind in kinds.items() for thing in getattr(offered, hook)]
    for kind, thing in things:
        results = run_checks(kind, thing, entry=entry, origin="results")
        broken = [f"{result.check}: {result.reason}" for result in results if result.status == "failed"]
        print(kind, thing.key, len(results), "checks", *broken)
        assert not broken
    assert things
"""
"""What the kit says of each thing of some modules."""
EXTRAS = re.compile(r'pip install "touchline(?P<extras>\[\w+\])?"')


def _done(command: list[str], environment: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment in which the page's first command was run, with a wheel built now."""
    folder = tmp_path_factory.mktemp("author")
    environment = clean_environment()
    began = time.monotonic()
    _done(["uv", "build", "--wheel", "--out-dir", str(folder / "wheels"), "--quiet", str(ROOT)], environment, folder)
    [wheel] = (folder / "wheels").glob("touchline-*.whl")
    found = EXTRAS.fullmatch(commands()[0])
    assert found, f"the page begins with {commands()[0]}"
    _done(["uv", "venv", "--quiet", "--seed", "--python", sys.executable, "environment"], environment, folder)
    python = str(folder / "environment" / "bin" / "python")
    wanted = [f"touchline{found['extras'] or ''} @ {wheel.as_uri()}", "pytest", BUILDER, *CHECKERS]
    _done(["uv", "pip", "install", "--quiet", "--python", python, *wanted], environment, folder)
    print(f"\nbuilt and installed in {time.monotonic() - began:.0f} s")
    return folder


@pytest.fixture
def reader(world: Path, tmp_path: Path) -> Reader:
    """An author in an empty folder, with that environment and without a network."""
    programs = world / "environment" / "bin"
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    environment = kept | {
        "PATH": os.pathsep.join([str(programs), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(world),
        "COLUMNS": "120",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it the wrong way round: nothing is fetched for a build
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    prefix = OFFLINE if sys.platform == "linux" else ()
    made = Reader(tmp_path, environment, prefix)
    if prefix:
        made.run("python -c 'import socket; print([name for _, name in socket.if_nameindex()])'")
        assert made.printed.strip() == "['lo']", "there is still a network"
    return made


def test_the_page_leads_to_a_scored_plugin(reader: Reader) -> None:
    assert list(reader.folder.iterdir()) == []
    began = time.monotonic()
    for step in steps()[1:]:
        reader.follow(step)
    seconds = time.monotonic() - began
    reader.run("mypy --strict && pytest -q")
    _check_strictly(reader)
    print("".join(reader.log))
    print(f"from an empty folder to a scored plugin: {seconds / 60:.1f} minutes of the machine")
    installed = json.loads(_run(reader, "pip list --format json"))
    assert not {one["name"].lower() for one in installed} & {"fastapi", "sqlmodel", "dramatiq", "redis", "asyncpg"}


def test_every_plugin_of_the_page_is_typed_and_keeps_the_contract(reader: Reader) -> None:
    texts = [block.text for block in blocks("python") if block.document == DOCUMENT]
    for number, text in enumerate(texts):
        (reader.folder / f"acme_{number}.py").write_text(text)
    reader.run("mypy --strict acme_*.py")
    _check_strictly(reader)
    plugins = [f"acme_{number}" for number, text in enumerate(texts) if "@hookimpl" in text]
    assert len(plugins) == 5
    (reader.folder / "results").mkdir()
    for year in (2024, 2025):
        line = f"{year}-08-16T14:00,Ashmarrow,Brindlewick,2,1\n"
        (reader.folder / "results" / f"Acme-{year}.csv").write_text(line)
    (reader.folder / "check.py").write_text(KIT)
    reader.run(f"python check.py {' '.join(plugins)}")
    print(reader.printed)


def _check_strictly(reader: Reader) -> None:
    (reader.folder / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    reader.run("pyright")


def _run(reader: Reader, command: str) -> str:
    reader.run(command)
    return reader.printed
