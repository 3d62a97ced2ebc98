"""A throw-away environment: the application from this checkout, and outside packages installed as wheels beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.product import clean_environment

ROOT = Path(__file__).parents[2]
OUTSIDE = ROOT / "tests" / "outside"


@dataclass(frozen=True)
class Environment:
    """An environment that nothing else uses."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def touchline(self) -> Path:
        return self.folder / "bin" / "touchline"

    @classmethod
    def made(cls, folder: Path) -> Environment:
        """The application of this checkout with what it needs, and no tool of its developers."""
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        made = cls(folder)
        made.install("--editable", f"{ROOT}[server]")
        return made

    def install(self, *things: Path | str) -> None:
        """Install wheels, or packages by name."""
        _uv("pip", "install", "--python", str(self.python), *map(str, things))

    def run(self, words: Sequence[object], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, to its end."""
        return subprocess.run(
            [str(self.folder / "bin" / str(words[0])), *map(str, words[1:])],
            cwd=cwd,
            env=clean_environment(**environment),
            capture_output=True,
            text=True,
        )


def wheel(name: str, folder: Path) -> Path:
    """The wheel of an outside package, built as its author would."""
    _uv("build", "--wheel", "--out-dir", str(folder / name), str(OUTSIDE / name))
    (built,) = (folder / name).glob("*.whl")
    return built


def _uv(*words: str, **environment: str) -> None:
    told = clean_environment(**environment)
    told.pop("VIRTUAL_ENV", None)
    done = subprocess.run(["uv", *words], cwd=ROOT, env=told, capture_output=True, text=True)
    assert done.returncode == 0, f"uv {' '.join(words)}\n{done.stdout}{done.stderr}"
