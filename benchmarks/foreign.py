"""Other people's libraries in an environment of their own, so that they are compared with and never depended on.

    with foreign("benchmarks.foreign_fits", PENALTYBLOG) as call:
        answer = call("dixon_coles", home_goals=[2, 0], ...)

The environment is made once by `uv` in the user's cache folder and used again while the packages stay the same. In it
runs the module named: its commands are functions that `serve` reads for, one line of JSON a question, one line an
answer. It computes only when asked, so that its runs and ours can take turns on one machine; it times itself, so that
no transport is counted. Both sides run with one thread of linear algebra (see `benchmarks/__init__.py`).

This module is imported on both sides: it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PENALTYBLOG = ("penaltyblog==1.13.1", "shin==0.2.2")
"""The best-known open library of the field, and the package of Shin's method that it does not use."""

Call = Callable[..., Any]
"""`call(command, **arguments)`: the command's answer. Arguments and answers are what JSON knows; NaN is allowed."""


class ForeignError(RuntimeError):
    """The environment could not be made, or a command failed there; the message holds its traceback."""


@contextmanager
def foreign(module: str, packages: Sequence[str]) -> Iterator[Call]:
    """A running `module` of this project in an environment that holds `packages` and nothing of ours installed.

    Raises ForeignError when the environment cannot be made, when a command fails, and when the process ends.
    """
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [_python(packages), "-m", module], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _caller(process)
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def serve(commands: Mapping[str, Call]) -> None:
    """Answer questions from standard input until it ends. What a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": commands[question["command"]](**question["arguments"])}
        except Exception:  # noqa: BLE001 - told to the side that asked
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _caller(process: subprocess.Popen[str]) -> Call:
    def call(command: str, **arguments: Any) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"command": command, "arguments": arguments}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise ForeignError(f"the process ended in {command}, exit code {process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ForeignError(answer["error"])
        return answer["answer"]

    return call


def _python(packages: Sequence[str]) -> str:
    """The interpreter of the environment, which is made when it is not there."""
    from platformdirs import user_cache_path

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256(" ".join([version, *sorted(packages)]).encode()).hexdigest()[:12]
    folder = user_cache_path("touchline") / "benchmarks" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    is_ready = folder / "packages.txt"
    if not is_ready.is_file():
        print(f"making an environment with {', '.join(packages)} in {folder}", file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--clear", "--python", version, str(folder))
        _uv("pip", "install", "--python", str(python), *packages)
        is_ready.write_text("\n".join(packages) + "\n")
    return str(python)


def _uv(*arguments: str) -> None:
    """Run uv outside this project, whose settings are not the environment's."""
    try:
        done = subprocess.run(["uv", "--no-config", "--quiet", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ForeignError("uv is not on the PATH: install it, or run this by `uv run`") from None
    if done.returncode:
        raise ForeignError(f"uv {' '.join(arguments)} failed: {done.stderr.strip()}")
