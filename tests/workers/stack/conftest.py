"""Fixtures of the stack's tests: a data folder that root's servers may reach, and stand-in children."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers.stack.children import Child


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder of this test's own. pytest's are closed to everyone but root, whose servers run as nobody."""
    with tempfile.TemporaryDirectory(prefix="touchline-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@pytest.fixture
def python_child() -> Callable[..., Child]:
    """Makes a child that runs a line of Python; `fields` are those of Child."""

    def make(name: str, code: str, **fields: object) -> Child:
        return Child(name=name, argv=(sys.executable, "-c", code), env=dict(os.environ), **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds, and fails the test when it does not in time."""

    def wait(condition: Callable[[], bool], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    return wait
