"""The README's two commands in a fresh clone with a fresh environment, on every Python that is here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.product import clean_environment, processes_of

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]


def _interpreters() -> list[str]:
    """One path per supported Python that this machine has, on PATH or under pyenv; at least our own."""
    places = [*map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    places += sorted((Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions").glob("*/bin"))
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for version in VERSIONS:
        for program in (place / f"python{version}" for place in places):
            if version not in found and program.is_file() and _runs(program):
                found[version] = str(program)
    return sorted(found.values())


def _runs(program: Path) -> bool:
    return subprocess.run([program, "-c", "import venv"], capture_output=True).returncode == 0


@pytest.fixture
def clone() -> Iterator[Path]:
    """The committed state in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="touchline-clone-") as folder:
        Path(folder).chmod(0o711)  # root's servers run as nobody, who must be able to pass
        target = Path(folder) / "touchline"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(target)], check=True)
        yield target


@pytest.mark.parametrize("python", _interpreters())
def test_demo_starts_in_a_fresh_clone(clone: Path, python: str) -> None:
    environment = clean_environment(UV_PYTHON=python, UV_PROJECT_ENVIRONMENT=str(clone.parent / "environment"))
    environment.pop("VIRTUAL_ENV", None)
    data_dir = clone.parent / "data"
    began = time.monotonic()
    process = subprocess.Popen(
        ["uv", "run", "touchline", "demo", "--port", "0", "--data-dir", str(data_dir)],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "/graphql" in line and "http://" in line:
                break
        else:
            raise AssertionError("".join(lines))
        print(f"{python}: from clone to ready {time.monotonic() - began:.1f} s")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert not processes_of(data_dir)


def test_the_test_command_collects_in_a_fresh_clone(clone: Path) -> None:
    """The whole suite is the first stage of .ci/run; here only that a fresh environment can load it."""
    environment = clean_environment(UV_PROJECT_ENVIRONMENT=str(clone.parent / "environment"))
    environment.pop("VIRTUAL_ENV", None)
    environment.setdefault("TOUCHLINE_DATA", os.environ.get("TOUCHLINE_DATA", str(ROOT.parent / "shared" / "data")))
    run = subprocess.run(
        ["uv", "run", "pytest", "-q", "tests/test_house.py", "tests/domain/test_clock.py"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
