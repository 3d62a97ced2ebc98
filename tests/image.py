"""The files of a deployment by containers, read as the programs that use them read them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Instruction:
    """A line of a Dockerfile: `RUN`, and what follows it."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of a command in exec form, as JSON has them."""
        words: list[str] = json.loads(self.text[self.text.index("[") :])
        return words


@dataclass(slots=True)
class Stage:
    """What follows a `FROM`."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]

    def only(self, name: str) -> Instruction:
        [found] = self.all(name)
        return found

    def environment(self) -> dict[str, str]:
        """The variables of its `ENV` lines, not yet expanded."""
        return dict(pair.split("=", 1) for line in self.all("ENV") for pair in line.text.split())


def stages() -> list[Stage]:
    """The stages of the Dockerfile, with the values of `ARG` before the first one filled in."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif name == "FROM":
            base, _, alias = re.sub(r"\$\{(\w+)\}", lambda one: arguments[one[1]], rest).partition(" AS ")
            found.append(Stage(base, alias))
        elif name:
            found[-1].instructions.append(Instruction(name, rest))
    return found


_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]*\}")


def services(secret: str = "secret") -> dict[str, dict[str, Any]]:
    """The services of the compose file, with every variable that must be given set to `secret`."""
    text = _VARIABLE.sub(secret, (ROOT / "compose.yaml").read_text())
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def variables() -> set[str]:
    """The variables that the compose file asks for."""
    return set(_VARIABLE.findall((ROOT / "compose.yaml").read_text()))


def workflow() -> dict[Any, Any]:
    """The workflow of GitHub Actions; YAML reads its key `on` as True."""
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    return found


def secrets_named() -> dict[str, str]:
    """The variables of `.env.example`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def ignored(path: str) -> bool:
    """Whether `.dockerignore` keeps a file or folder of the tree, by its path, out of the image."""
    is_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if _matches(path, pattern):
            is_out = not line.startswith("!")
    return is_out


def _matches(path: str, pattern: str) -> bool:
    """Whether a pattern names the path or a folder above it."""
    wanted = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    wanted = wanted.replace(r"\[", "[").replace(r"\]", "]")
    return re.fullmatch(f"{wanted}(?:/.*)?", path) is not None
