"""What it takes to import the SDK, against numpy and scipy.stats alone.

    uv run python -m benchmarks.imports [--rounds 9]

Each import is timed by a fresh process around the import alone, in CPU seconds; the processes take turns, after one of
each that is not counted and leaves its compiled files behind. Behind each stand the packages that it pulls in, and
below what none of ours does: a model that needs one imports it when it runs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import click

from benchmarks.turns import in_turns

ALONE = "numpy and scipy.stats"
IMPORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ALONE: ("numpy", "scipy.stats"),
        "numpy": ("numpy",),
        "touchline": ("touchline",),
        "touchline, its kit and a plugin": ("touchline", "touchline.testing", "touchline_markets.match_result"),
    }
)
HEAVY = ("matplotlib", "numba", "pandas", "pytest", "rich", "scipy", "statsmodels")
ROUNDS = 9

_TIMED = "import time; began = time.process_time(); import {modules}; print(time.process_time() - began)"
_PULLED = """import sys
before = set(sys.modules)
import {modules}
found = {{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names
print(*sorted(name for name in found if name[0] != "_" and getattr(sys.modules[name], "__file__", None)))"""


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True, help="Fresh processes for each import.")
def main(rounds: int) -> None:
    """Print a ratio for each import, and the packages it pulls in."""
    packages = {name: _run(_PULLED, name).split() for name in IMPORTS}
    ways: dict[str, Callable[[], float]] = {name: partial(_seconds, name) for name in IMPORTS}
    seconds = in_turns(ways, rounds)
    for name in IMPORTS:
        click.echo(f"{name:33} {_told(seconds[name], seconds[ALONE])}   {', '.join(packages[name])}")
    pulled = set().union(*(packages[name] for name in IMPORTS if name != ALONE))
    click.echo(f"left for later: {', '.join(name for name in HEAVY if name not in pulled)}")


def _seconds(name: str) -> float:
    return float(_run(_TIMED, name))


def _run(program: str, name: str) -> str:
    """What a fresh process prints that imports the modules of a name."""
    code = program.format(modules=", ".join(IMPORTS[name]))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def _told(seconds: list[float], alone: list[float]) -> str:
    """The median, and how many times that of `alone` it is: the median over the rounds and their range."""
    ratios = [ours / theirs for ours, theirs in zip(seconds, alone, strict=True)]
    return (
        f"{statistics.median(seconds) * 1000:5.0f} ms   "
        f"{statistics.median(ratios):5.2f}x  ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
