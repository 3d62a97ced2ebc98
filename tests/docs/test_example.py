"""What the example's README shows of its code is there, and the codes that it knows are those of the API."""

from __future__ import annotations

import re

import pytest

from api import errors
from api.edge import refusals
from tests.docs.documents import ROOT, Block, blocks

FOLDER = ROOT / "api" / "examples" / "live-board"
CODE = re.compile(r"[A-Z_]+")


@pytest.mark.parametrize("block", blocks("ts"), ids=str)
def test_ts_is_of_the_example(block: Block) -> None:
    """Either an excerpt, or a module, which an acceptance test compiles beside the others."""
    sources = [file.read_text() for file in (FOLDER / "src").glob("*.ts")]
    assert block.text.startswith("import ") or any(block.text in source for source in sources)


def test_the_example_knows_every_code() -> None:
    given = {value for module in (errors, refusals) for value in vars(module).values() if _is_code(value)}
    [union] = re.findall(
        r"^export type Code =\n((?:  \|.*\n)+)", (FOLDER / "src" / "errors.ts").read_text(), re.MULTILINE
    )
    assert set(re.findall(r"'([A-Z_]+)'", union)) == given


def _is_code(value: object) -> bool:
    return isinstance(value, str) and CODE.fullmatch(value) is not None
