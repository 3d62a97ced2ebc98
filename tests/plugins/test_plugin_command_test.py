"""`touchline plugin test`: which plugin is meant, what is told of each check, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main
from touchline.testing import checks_for


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder of the test's own; modules that it imported are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("my_", "stray")):
            del sys.modules[name]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plugin", *arguments])


def made(name: str, kind: str = "model") -> Path:
    assert run("new", name, "--kind", kind).exit_code == 0
    return Path(name)


def plugin(text: str, entry: str = "stray") -> Path:
    """A folder with one module beside its pyproject.toml."""
    folder = Path("stray-plugin")
    folder.mkdir()
    (folder / "pyproject.toml").write_text(f'[project.entry-points.touchline]\nstray = "{entry}"\n')
    (folder / "stray.py").write_text(dedent(text))
    return folder


HALF = """
    from dataclasses import dataclass
    import numpy as np
    from touchline import RESULT, Basis, Forecasts, hookimpl

    class Fitted:
        def predict(self, fixtures):
            return Forecasts({RESULT: np.full((len(fixtures), 3), 0.3)}, [Basis.MODEL] * len(fixtures))
        def state(self):
            return {}

    class Half:
        key, version, markets = "acme.half", "1", (RESULT,)
        def fit(self, history, rng):
            return Fitted()
        def restore(self, history, state):
            return Fitted()

    @hookimpl
    def models():
        return [Half()]
"""


def test_green_in_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made("my-value", "strategy"))
    done = run("test")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "my_value: my_value, from src, not installed"
    assert "strategy acme.my_value" in lines
    assert sum(line.startswith("✓") for line in lines) == len(checks_for("strategy"))
    assert lines[-1] == f"{len(checks_for('strategy'))} passed, 0 failed, 0 skipped"


def test_a_market_and_its_model_are_both_tested() -> None:
    made("my-cards", "market")
    done = run("test", "my-cards", "--json")
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)
    assert (told["plugin"], told["status"], told["failed"]) == ("my_cards", "loaded", 0)
    assert [(one["kind"], one["key"]) for one in told["things"]] == [
        ("model", "acme.my_cards_mean"),
        ("market", "acme.my_cards"),
    ]
    assert told["passed"] >= len(checks_for("market"))


def test_red_with_the_reason_and_exit_code_1() -> None:
    plugin(HALF)
    done = run("test", "stray-plugin")
    assert done.exit_code == 1
    assert "stray: stray, from stray-plugin, not installed" in done.output
    assert "✗ The probabilities of each fixture sum to 1 within 1e-9." in done.output
    lines = done.output.splitlines()
    failed = [place for place, line in enumerate(lines) if line.startswith("✗")]
    assert f" {len(failed)} failed, " in lines[-1]
    assert all(lines[place + 1].startswith("    ") for place in failed)


@pytest.mark.parametrize(
    ("text", "entry", "sentence"),
    [
        ("API = 2", "stray", "update Touchline"),
        ("1 / 0", "stray", "Importing stray failed: ZeroDivisionError: division by zero (stray.py, line 1)."),
        ("x = 1", "stray", "It defines no hook of models, markets, strategies and providers"),
        ("x = 1", "stray:missing", "has no attribute 'missing'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_refused_with_the_sentence(text: str, entry: str, sentence: str) -> None:
    plugin(text, entry)
    done = run("test", "stray-plugin")
    assert done.exit_code == 1
    assert "refused" in done.output
    assert sentence in " ".join(done.output.split())
    scored = run("score", "stray-plugin")
    assert scored.exit_code == 1
    assert sentence in " ".join(scored.output.split())


def test_what_lies_in_the_folder_comes_before_what_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("not_a_hook = 1")
    elsewhere = tmp_path / "site"
    elsewhere.mkdir()
    (elsewhere / "stray.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(elsewhere)
    done = run("test", "stray-plugin")
    assert f"stray: stray, from stray-plugin; not the one in {elsewhere.as_posix()}" in done.output
    assert "refused It defines no hook" in done.output  # and what is elsewhere would have ended the process


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (None, "pyproject.toml is not there: go to a plugin's folder, name one, or make one"),
        ("[project]\nname = 'x'\n", "names no plugin: it needs a table [project.entry-points.touchline]"),
        ("[project", "cannot be read"),
        ('[project.entry-points.touchline]\nx = "no_such_module"\n', "not in src, not in ., and not installed"),
    ],
)
def test_a_folder_without_a_plugin_is_told_what_it_lacks(tmp_path: Path, file: str | None, sentence: str) -> None:
    if file is not None:
        (tmp_path / "pyproject.toml").write_text(file)
    done = run("test")
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())


@pytest.mark.parametrize("key", ["value", "touchline.value"])
def test_an_installed_plugin_is_found_by_its_key_and_by_what_it_offers(key: str) -> None:
    done = run("test", key)
    assert "value: touchline_markets.value, installed in " in done.output
    assert "strategy touchline.value" in done.output


def test_an_unknown_key_is_told_which_there_are() -> None:
    done = run("test", "no.such.thing")
    assert done.exit_code == 2
    assert "'no.such.thing' is no folder, and no installed plugin: there are both_teams_to_score," in done.output
