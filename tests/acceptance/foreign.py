"""Programs of others in JavaScript: `tests/foreign/` with its packages, installed once for each list of them.

`run_node("graphql_http.mjs", url)` runs a script of that folder, `program("tsc")` is a command of a package.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

FOREIGN = Path(__file__).parents[1] / "foreign"
CACHE = Path(tempfile.gettempdir()) / f"touchline-foreign-{os.getuid()}"
"""Survives the run: the packages are 280 MB."""
LISTS = ("package.json", ".npmrc")
"""What decides which packages there are."""
GENERATED = shutil.ignore_patterns("node_modules", "generated", "package-lock.json")


@cache
def installed() -> Path:
    """A copy of `tests/foreign/` with its `node_modules`; the first call on a machine asks the registry."""
    return installed_copy(FOREIGN)


def installed_copy(folder: Path) -> Path:
    """A copy of a folder with a `package.json`, with its `node_modules`; not to be written to."""
    packages = CACHE / _digest(folder, [folder / name for name in LISTS])
    sources = packages / _digest(folder, _files(folder))
    packages.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(packages / "lock"):
        if not (packages / "done").exists():
            for name in LISTS:
                shutil.copy(folder / name, packages / name)
            finish(["npm", "install", "--no-audit", "--no-fund"], packages)
            (packages / "done").touch()
        if not sources.exists():
            partial = sources.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(folder, partial, ignore=GENERATED)
            (partial / "node_modules").symlink_to(packages / "node_modules")
            partial.rename(sources)
    return sources


def run_node(
    script: str, *arguments: str, seconds: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A script of `tests/foreign/` to its end, whatever the end; the environment is added to ours."""
    folder = installed()
    return run(["node", str(folder / script), *arguments], folder, seconds=seconds, **environment)


def program(name: str) -> str:
    """Path of a command that a package of `tests/foreign/` brings."""
    return str(installed() / "node_modules" / ".bin" / name)


def version(package: str) -> str:
    """Version of a package of `tests/foreign/`."""
    listed: dict[str, str] = json.loads((FOREIGN / "package.json").read_text())["dependencies"]
    return listed[package]


def finish(command: Sequence[str], folder: Path, *, seconds: float = 300, **environment: str) -> str:
    """What a program prints that must end well."""
    done = run(command, folder, seconds=seconds, **environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def run(
    command: Sequence[str], folder: Path, *, seconds: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A program to its end in a folder; it may take so many seconds."""
    return subprocess.run(
        list(command), cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=seconds
    )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Alone among the processes of this machine."""
    with file.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        ignored = GENERATED(parent, [*folders, *names])
        folders[:] = sorted(set(folders) - ignored)
        found += [Path(parent, name) for name in sorted(set(names) - ignored)]
    return found


def _digest(folder: Path, files: Sequence[Path]) -> str:
    """Of names and contents."""
    digest = sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
