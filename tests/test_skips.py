"""The rule that a skip fails in CI, tried on a small test of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SKIPPING = "import pytest\n\n\ndef test_nothing():\n    pytest.skip('no reason')\n"


def _run(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_small.py").write_text(SKIPPING)
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "--rootdir", str(folder), "-c", os.devnull]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*arguments, str(folder)], cwd=ROOT, capture_output=True, text=True, env=environment)


def test_a_skip_fails_in_ci(tmp_path: Path) -> None:
    run = _run(tmp_path, "true")
    assert run.returncode == 1
    assert "skipped in CI" in run.stdout


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    run = _run(tmp_path, "")
    assert run.returncode == 0
    assert "1 skipped" in run.stdout
