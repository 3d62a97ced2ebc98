"""`touchline plugin new`: the packages that it makes keep the contract, their own tests and strict types."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from touchline.cli import main

ROOT = Path(__file__).parents[2]
KINDS = {"my-elo": "model", "my-cards": "market", "my-value": "strategy"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plugin", "new", *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind."""
    made = tmp_path_factory.mktemp("authors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for name, kind in KINDS.items():
            done = run(name, "--kind", kind)
            assert done.exit_code == 0, done.output
    return made


def python(folder: Path, *arguments: str) -> str:
    """What Python prints in a package's folder, where nothing is installed; it must succeed."""
    path = f"{ROOT / 'plugins'}"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_files_and_the_next_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("my-elo", "--author", "jo_2")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "A model, jo_2.my_elo, in 6 files:",
        "  my-elo/pyproject.toml",
        "  my-elo/README.md",
        "  my-elo/.gitignore",
        "  my-elo/src/my_elo/__init__.py",
        "  my-elo/src/my_elo/py.typed",
        "  my-elo/tests/test_my_elo.py",
        "Next:",
        "  cd my-elo",
        "  touchline plugin test",
        "  touchline plugin score",
    ]
    told = tomllib.loads((tmp_path / "my-elo" / "pyproject.toml").read_text())["project"]
    assert told["entry-points"] == {"touchline": {"my_elo": "my_elo"}}
    assert (told["name"], told["dependencies"]) == ("my-elo", ["touchline"])
    assert 'key: str = "jo_2.my_elo"' in (tmp_path / "my-elo" / "src" / "my_elo" / "__init__.py").read_text()


def test_nothing_of_the_templates_is_left(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert not [
                mark for mark in ("@name@", "@package@", "@key@", "@model@", "@about@", "@score@") if mark in text
            ]
            assert max(map(len, text.splitlines()), default=0) <= 120, path


def test_a_model_is_at_most_thirty_lines(folder: Path) -> None:
    text = (folder / "my-elo" / "src" / "my_elo" / "__init__.py").read_text()
    classes = text[text.index("@dataclass") : text.index("@hookimpl")]
    assert len([line for line in classes.splitlines() if line.strip()]) <= 30


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["My Elo"], "'My Elo' must be small letters, digits, `-` and `_`, a letter first: my-elo."),
        (["2fast"], "'2fast' must be small letters, digits, `-` and `_`, a letter first."),
        (["numpy"], "a module numpy is installed already: take for example numpy-model."),
        (["json"], "'json' means something in Python already: take for example json-model."),
        (["class"], "'class' means something in Python already: take for example class-model."),
        (["elo", "--author", "Jo"], "'Jo' must be small letters, digits and `_`, a letter first: acme."),
        (["elo", "--author", "touchline"], "'touchline' is the author of what comes with it: take a name of your own."),
        (["there"], "there is already there: choose another name, or remove it."),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    done = run(*arguments)
    assert done.exit_code == 2
    assert sentence in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(("name", "kind"), [("model", "model"), ("fitted", "model"), ("lines", "market")])
def test_a_name_of_the_template_itself_gets_the_kind_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(name, "--kind", kind).exit_code == 0
    text = (tmp_path / name / "src" / name / "__init__.py").read_text()
    assert f"class {name.capitalize()}{kind.capitalize()}:" in text


def test_types_are_strict_in_every_package(folder: Path) -> None:
    own = "my-elo/pyproject.toml"
    assert tomllib.loads((folder / own).read_text())["tool"]["mypy"]["strict"] is True
    places = [f"{name}/{part}" for name in KINDS for part in ("src", "tests")]
    printed = python(folder, "-m", "mypy", "--config-file", own, *places)
    assert printed == "Success: no issues found in 6 source files\n"


def test_ruff_finds_nothing_in_any_package(folder: Path) -> None:
    python(folder, "-m", "ruff", "check", "--select", "E,F,W,I,B,UP", ".")
    python(folder, "-m", "ruff", "format", "--check", ".")


@pytest.mark.parametrize("name", ["my-elo", pytest.param("my-cards", marks=pytest.mark.acceptance), "my-value"])
def test_its_own_tests_pass_where_nothing_is_installed(folder: Path, name: str) -> None:
    printed = python(folder / name, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
    assert " passed" in printed
    assert "failed" not in printed
