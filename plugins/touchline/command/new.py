"""`touchline plugin new`: a package with a complete plugin in it, its tests and its types."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import Final, Literal

import click

Kind = Literal["model", "market", "strategy"]

NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
AUTHOR: Final = re.compile(r"[a-z][a-z0-9_]*")
OURS: Final = "touchline"
MARK: Final = re.compile(r"@(\w+)@")
"""A place in a template: `@package@`."""
SCORE: Final = "    touchline plugin score           # how good is it? against baselines, and against the truth\n"
ABOUT: Final[Mapping[Kind, tuple[str, str]]] = {
    "model": ("A model of the match result for Touchline.", "A model"),
    "market": ("A market of its own for Touchline, and a model that prices it.", "A market and a model"),
    "strategy": ("A strategy for Touchline.", "A strategy"),
}
"""Of each kind a description, and what the package holds."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a new package is made from."""

    name: str
    author: str
    kind: Kind

    @property
    def module(self) -> str:
        """What is imported."""
        return self.name.replace("-", "_")

    @property
    def key(self) -> str:
        """What its predictions, bets or assessments are stored under."""
        return f"{self.author}.{self.module}"

    @property
    def class_name(self) -> str:
        """The name as a class; with the kind behind it where the template has a class of that name."""
        camel = "".join(part.capitalize() for part in self.module.split("_"))
        text = _template(self.kind, "package.py.in").replace("@model@", "")
        return f"{camel}{self.kind.capitalize()}" if re.search(rf"\b{camel}\b", text) else camel

    def files(self) -> Iterator[tuple[str, str]]:
        """Path and text of each file."""
        marks = {
            "name": self.name,
            "package": self.module,
            "key": self.key,
            "model": self.class_name,
            "about": ABOUT[self.kind][0],
            "score": "" if self.kind == "strategy" else SCORE,
        }
        for path, folder, template in (
            ("pyproject.toml", "common", "pyproject.toml.in"),
            ("README.md", "common", "README.md.in"),
            (".gitignore", "common", "gitignore.in"),
            (f"src/{self.module}/__init__.py", self.kind, "package.py.in"),
            (f"src/{self.module}/py.typed", "", ""),
            (f"tests/test_{self.module}.py", self.kind, "test_package.py.in"),
        ):
            yield path, MARK.sub(lambda mark: marks[mark[1]], _template(folder, template)) if template else ""


@click.command()
@click.argument("name")
@click.option("--author", default="acme", show_default=True, help="First part of the key, `author.name`.")
@click.option(
    "--kind",
    type=click.Choice(["model", "market", "strategy"]),
    default="model",
    show_default=True,
    help="A market comes with a model that prices it.",
)
def new(name: str, author: str, kind: Kind) -> None:
    """Make a package with a complete plugin in a new folder NAME."""
    package = Package(name, author, kind)
    check(package)
    folder = Path(name)
    if folder.exists():
        raise click.UsageError(f"{folder} is already there: choose another name, or remove it.")
    written = [_write(folder / path, text) for path, text in package.files()]
    click.echo(f"{ABOUT[kind][1]}, {package.key}, in {len(written)} files:")
    for path in written:
        click.echo(f"  {path.as_posix()}")
    steps = ("test", "score", "list") if kind != "strategy" else ("test", "list")
    click.echo("Next:")
    click.echo(f"  cd {name}")
    for step in steps[:-1]:
        click.echo(f"  touchline plugin {step}")


def check(package: Package) -> None:
    """Raises BadParameter for a name or an author that cannot be used, and says which could."""
    if NAME.fullmatch(package.name) is None:
        remedy = re.sub(r"[^a-z0-9]+", "-", package.name.lower()).strip("-")
        example = f": {remedy}" if NAME.fullmatch(remedy) else ""
        raise _bad("NAME", f"{package.name!r} must be small letters, digits, `-` and `_`, a letter first{example}")
    module = package.module
    if iskeyword(module) or module in sys.stdlib_module_names or module in ("test", "tests"):
        raise _bad("NAME", f"{module!r} means something in Python already: take for example {package.name}-model")
    if find_spec(module) is not None:
        raise _bad("NAME", f"a module {module} is installed already: take for example {package.name}-model")
    if AUTHOR.fullmatch(package.author) is None:
        raise _bad("--author", f"{package.author!r} must be small letters, digits and `_`, a letter first: acme")
    if package.author == OURS:
        raise _bad("--author", f"{OURS!r} is the author of what comes with it: take a name of your own")


def _bad(where: str, message: str) -> click.BadParameter:
    return click.BadParameter(f"{message}.", param_hint=where)


def _template(folder: str, name: str) -> str:
    return (files("touchline") / "template" / folder / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
