"""The guide for plugin authors: its page from nothing to a scored plugin, its smallest plugins, and its reference."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import touchline
from api.plugin_parts import PluginStatus as Shown
from domain.forecasting.plugin_states import PluginStatus
from tests.docs.documents import ROOT, TOUCHLINE, Block, only, table
from tests.docs.guide import DOCUMENT, Reader, steps
from tests.plugins import public_names
from tests.plugins.histories import fixtures, history
from touchline import Advancing, Fitted, Fixtures, History, Market, Model, Provider, Rated, Strategy
from touchline.cards import ASSESS
from touchline.discovery import LOOK
from touchline.guard import MOST_PROCESSES
from touchline.plugins import load_plugins
from touchline.processes import LONGEST
from touchline.sandbox import Limits, run_fit_and_predict
from touchline.testing import checks_for

KINDS = ("model", "market", "strategy", "provider")
CALLED: tuple[type, ...] = (Model, Fitted, Advancing, Rated, Market, Strategy, Provider)
"""Whose methods are called by us."""
SMALLEST: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"a model that is fitted": ("class BaseRate", 30), "a model that only predicts": ("Predictor(", 15)}
)
"""The smallest complete plugins: words in their blocks, and the lines that they may have."""


def _smallest(what: str) -> Block:
    return only("python", document=DOCUMENT, holding=SMALLEST[what][0])


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader with the SDK on the path and nothing else of the checkout."""
    (tmp_path / "work").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOUCHLINE_", "PYTHON"))}
    path = os.pathsep.join([str(TOUCHLINE.parent), str(Path(sys.executable).parent), kept.get("PATH", "")])
    return Reader(tmp_path / "work", kept | {"PATH": path, "PYTHONPATH": str(ROOT / "plugins"), "COLUMNS": "120"})


def test_the_page_leads_to_a_scored_plugin(reader: Reader) -> None:
    """Without the score before the edit, and until something is installed; an acceptance test follows all of it."""
    install, new, before, shown, *rest = steps()
    assert (before.text, shown.language) == ("touchline plugin score\n", "text")
    last = next(number for number, step in enumerate(rest) if "pip install" in step.text)
    for step in (new, *rest[:last]):
        reader.follow(step)
    assert install.text.startswith("pip install")
    assert list((reader.folder / "plots").glob("*.svg"))


def test_the_smallest_plugins_are_small() -> None:
    told = {row[0]: int(row[2]) for row in table(DOCUMENT, "smallest complete plugin") if row[1] == "Touchline"}
    lines = {what: sum(1 for line in _smallest(what).text.splitlines() if line.strip()) for what in SMALLEST}
    assert told == lines
    assert all(lines[what] <= most for what, (_, most) in SMALLEST.items())


@pytest.mark.parametrize("what", SMALLEST)
def test_the_smallest_plugins_are_found_fitted_and_believed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_smallest.py").write_text(_smallest(what).text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_smallest", raising=False)
    registry = load_plugins(points=[EntryPoint("acme", "acme_smallest", "touchline")])
    assert registry.refused == ()
    [(key, model)] = registry.models.items()
    past = history(["A", "B"], [0, 1, 0], [1, 0, 1], [2, 1, 0], [0, 1, 0], days_ago=[21.0, 14.0, 7.0])
    fit, told = run_fit_and_predict("acme_smallest", key, past, fixtures(past, [0], [1]), markets=model.markets)
    [row] = told.forecasts.probabilities[touchline.RESULT]
    assert row.sum() == pytest.approx(1, abs=1e-12)
    if what == "a model that is fitted":
        assert row == pytest.approx([5 / 12, 4 / 12, 3 / 12])
    else:
        assert fit.state == {}


def _arguments() -> Iterator[tuple[str, str]]:
    """Every argument that we call a plugin with."""
    for kind in CALLED:
        for name, method in vars(kind).items():
            if not name.startswith("_") and inspect.isfunction(method):
                yield from ((f"{kind.__name__}.{name}", own) for own in inspect.signature(method).parameters)


def test_every_argument_is_told() -> None:
    told: list[tuple[str, str]] = []
    for method, argument, _ in table(DOCUMENT, "method"):
        told.append((method or told[-1][0], argument))
    assert told == [(method, own) for method, own in _arguments() if own != "self"]


@pytest.mark.parametrize(("header", "kind"), [("column", History), ("column of fixtures", Fixtures)])
def test_every_column_is_told(header: str, kind: Any) -> None:
    told = [name.strip(" `") for row in table(DOCUMENT, header) for name in row[0].split(",")]
    assert sorted(told) == sorted(one.name for one in fields(kind))


def test_states_and_limits_are_those_of_a_plugin() -> None:
    told = {row[0]: row[1] for row in table(DOCUMENT, "state")}
    assert told == {status.value: Shown.of(status).value for status in PluginStatus}
    words = " ".join((ROOT / DOCUMENT).read_text().split())
    assert f"{Limits().seconds:g} seconds ({LOOK.seconds:g} while it is looked at), {Limits().memory_mb} MiB" in words
    assert f"up to {LONGEST:g} times those seconds" in words
    assert f"no file above {Limits().file_mb} MiB, {MOST_PROCESSES} processes" in words
    assert f"{ASSESS.seconds:g} seconds a question and {ASSESS.memory_mb} MiB" in words


def test_every_public_name_is_told() -> None:
    assert sorted(row[0] for row in table(DOCUMENT, "name")) == sorted(touchline.__all__)
    assert ["touchline", *(row[0] for row in table(DOCUMENT, "module"))] == list(public_names.MODULES)


@pytest.mark.parametrize("kind", KINDS)
def test_checks_are_those_of_the_kit(kind: Any) -> None:
    rows = [f"| `{check.name}` | {check.title} |" for check in checks_for(kind)]
    told = [f"| `{row[0]}` | {row[1]} |" for row in table(DOCUMENT, f"check of a {kind}")]
    assert told == rows, "the rows of the kit are\n" + "\n".join(rows)
