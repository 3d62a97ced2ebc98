"""The page that leads from nothing to a scored plugin: its steps, and somebody who follows them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.documents import ROOT, Block, blocks

DOCUMENT = "plugins/README.md"
BEGINS = "## From nothing to a scored plugin"
ANYTHING = "…"
"""In a shown answer: any words of a line, or any lines where it stands alone."""


def steps() -> list[Block]:
    """The page's blocks, from its heading to the next one of its size."""
    text = (ROOT / DOCUMENT).read_text()
    before, _, behind = text.partition(BEGINS)
    first = before.count("\n")
    last = first + behind.partition("\n## ")[0].count("\n")
    return [block for block in blocks() if block.document == DOCUMENT and first <= block.line <= last]


def commands() -> list[str]:
    """The page's commands, in their order."""
    return [line for block in steps() if block.language == "sh" for line in block.text.splitlines() if line]


@dataclass
class Reader:
    """Follows the page in a folder that was empty."""

    folder: Path
    environment: Mapping[str, str]
    prefix: Sequence[str] = ()
    """What runs the shell, for example in a world without a network."""
    printed: str = ""
    """By the last commands."""
    log: list[str] = field(default_factory=list)

    def follow(self, step: Block) -> None:
        """Run commands, hold what they printed against what is shown, or make an edit."""
        if step.language == "sh":
            self.run(step.text)
        elif step.language == "text":
            assert_shown(step, self.printed)
        elif step.language == "diff":
            edit(self.folder, step)

    def run(self, script: str) -> None:
        """Run commands one after the other, each of which must succeed; a change of folder stays."""
        place = self.folder / ".place"
        done = subprocess.run(
            [*self.prefix, "bash", "-ec", f'{script}\npwd > "{place}"'],
            cwd=self.folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log.append(f"$ {script}{done.stdout}")
        assert done.returncode == 0, self.log[-1]
        self.folder = Path(place.read_text().strip())
        place.unlink()
        self.printed = done.stdout


def assert_shown(step: Block, printed: str) -> None:
    """What a step shows was printed, whatever stands for `…`; how long something took may differ."""
    shown = "\n".join(_pattern(line) for line in step.text.splitlines())
    found = re.search(f"^{shown}$", "\n".join(line.rstrip() for line in printed.splitlines()), re.MULTILINE)
    assert found, f"{step} shows\n{step.text}\nand this was printed\n{printed}"


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*?.*"
    told = re.escape(line.rstrip()).replace(re.escape(ANYTHING), ".*")
    return re.sub(r"\d+(?:\\\.\d+)?(?=\\ (?:s|ms|seconds)\b)", r"\\d+(?:\\.\\d+)?", told)


def edit(folder: Path, step: Block) -> None:
    """Make the change that a step shows: what is told with `-` must be there once."""
    head, _, hunks = step.text.partition("\n@@\n")
    file = folder / head.removeprefix("--- ").strip()
    text = file.read_text()
    for hunk in hunks.split("\n@@\n"):
        lines = hunk.rstrip("\n").split("\n")
        old = "\n".join(line[1:] for line in lines if line[:1] != "+")
        new = "\n".join(line[1:] for line in lines if line[:1] != "-")
        assert text.count(old) == 1, f"{step}: {file.name} does not have these lines once:\n{old}"
        text = text.replace(old, new)
    file.write_text(text)
