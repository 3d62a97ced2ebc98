"""Names that authors rely on stay as they are, or change with a line in the changelog; importing them stays light."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points

from tests.docs.documents import ROOT
from tests.plugins import public_names

PINNED = ROOT / "plugins" / "API.txt"
HEAVY = {"matplotlib", "numba", "pandas", "pytest", "rich", "scipy", "statsmodels"}
"""Packages that a plugin gets when it runs what needs them."""
REMEDY = (
    "The public names changed. Say in plugins/CHANGELOG.md what that means for authors, then: "
    "uv run python -m tests.plugins.public_names > plugins/API.txt"
)


def test_public_names_are_those_that_are_pinned() -> None:
    assert public_names.told() == PINNED.read_text(), REMEDY


def test_every_name_is_there() -> None:
    for name in public_names.MODULES:
        module = import_module(name)
        assert public_names.public(module), f"{name} has no public name"
        assert all(hasattr(module, own) for own in public_names.public(module))


def test_a_changed_argument_is_a_difference() -> None:
    def before(market: str, *, line: float = 2.5) -> bool:
        return market == str(line)

    def after(market: str, *, at: float = 2.5) -> bool:
        return market == str(at)

    assert list(public_names._thing("f", before)) == ["def f(market: str, *, line: float = 2.5) -> bool"]
    assert list(public_names._thing("f", before)) != list(public_names._thing("f", after))


def test_importing_them_and_every_plugin_of_ours_stays_light() -> None:
    plugins = [point.module for point in entry_points(group="touchline") if point.module.startswith("touchline_")]
    program = f"import sys, {', '.join([*public_names.MODULES, *plugins])}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert len(plugins) > 5
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
