"""The documents: their code blocks, their commands, their tables."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOUCHLINE = Path(sys.executable).with_name("touchline")
DOCUMENTS = tuple(
    str(path.relative_to(ROOT))
    for pattern in (
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "*/README.md",
        "*/CHANGELOG.md",
        "api/examples/*/README.md",
    )
    for path in sorted(ROOT.glob(pattern))
    if not path.parent.name.startswith(".")
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[Block]:
    """The blocks of all documents in these languages, in their order."""
    return [
        Block(document, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for document in DOCUMENTS
        for text in [(ROOT / document).read_text()]
        for found in FENCE.finditer(text)
        if not languages or found[1] in languages
    ]


def only(language: str, *, document: str, holding: str) -> Block:
    """The one block of a document with some words in it."""
    [found] = [block for block in blocks(language) if block.document == document and holding in block.text]
    return found


def command_lines() -> list[str]:
    """Every command of an `sh` block."""
    return [line for block in blocks("sh") for line in block.text.splitlines() if line]


_MARKED = re.compile(r"^`([^`]*)`$")
"""A cell that is code as a whole."""


def table(document: str, header: str) -> list[list[str]]:
    """The cells of the tables whose first column is called `header`, without the marks of code."""
    rows: list[list[str]] = []
    is_inside = False
    for line in (ROOT / document).read_text().splitlines():
        if not line.startswith("|"):
            is_inside = False
            continue
        cells = [_MARKED.sub(r"\1", cell.strip()) for cell in line[1:-1].split(" | ")]
        if is_inside:
            rows.append(cells)
        is_inside = is_inside or cells[0] == header
    assert rows, f"{document} has no table of a {header}"
    return [row for row in rows if not row[0].startswith("---")]


def words(command: str, **places: object) -> list[str]:
    """The arguments of a documented command as they are run here, with its capital words replaced."""
    assert command in command_lines(), f"no document says {command}"
    programs = {"touchline": [str(TOUCHLINE)], "python": [sys.executable]}
    uv, run, program, *rest = shlex.split(command)
    assert (uv, run) == ("uv", "run")
    return [*programs[program], *(str(places.get(word, word)) for word in rest)]
