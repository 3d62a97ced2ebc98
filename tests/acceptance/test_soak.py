"""The soak on a small scale: it starts the product, uses all of it, and writes what it measured.

`TOUCHLINE_SOAK_MINUTES` (1 by default) makes it longer; what grows is told after ten minutes or more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MINUTES = float(os.environ.get("TOUCHLINE_SOAK_MINUTES", "1"))

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300 + 60 * MINUTES)]


def test_a_small_soak_uses_everything(tmp_path: Path) -> None:
    figures, plot = tmp_path / "soak.json", tmp_path / "soak.svg"
    sizes = ["--minutes", f"{MINUTES:g}", "--subscribers", "24", "--sockets", "4", "--streams", "4"]
    pace = ["--speed", "60", "--rate", "2", "--every", "1"]
    command = [sys.executable, "-m", "benchmarks.soak", *sizes, *pace, "--json", str(figures), "--plot", str(plot)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(run.stdout)
    assert figures.exists(), run.stderr
    found = json.loads(figures.read_text())
    assert run.returncode == (1 if found["faults"] else 0)
    if MINUTES < 10:  # so short a run is all warm-up
        found["faults"] = [fault for fault in found["faults"] if " grows by " not in fault]
    assert found["faults"] == []
    told = found["told"]
    assert told["statuses"].keys() == {"200"}
    assert told["codes"] == {}
    assert told["changes"] > 100
    assert told["bets"] > 0
    assert {"SNAPSHOT", "DELTA"} <= told["kinds"].keys()
    assert told["operations"].keys() >= {"Today", "OddsBoard", "Login", "Record", "Value", "Place", "Logout"}
    assert len(found["samples"]) > 30 * MINUTES
    assert plot.read_text().startswith("<?xml")
