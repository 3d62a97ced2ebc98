"""bandit, in an environment of its own, finds nothing of weight, and what it cannot judge was looked at."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.product import clean_environment

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
SOURCES = ("api", "domain", "workers", "plugins")
BANDIT = "bandit==1.9.4"

LOOKED_AT: Mapping[tuple[str, str], str] = {
    ("B104", "workers/stack/processes.py"): "0.0.0.0 is compared with, to find the address that reaches it",
    ("B108", "workers/stack/sockets.py"): "/tmp is where mkdtemp makes a folder of its own, closed to others",
}
"""Findings of medium severity, other than of SQL, and why nothing is wrong."""

SQL = re.compile(r"\b(select|insert|update|delete)\b.*\b(from|into|set)\b", re.DOTALL | re.IGNORECASE)
CONSTANT = re.compile(r"_?[A-Z][A-Z_0-9]*")

WORDS = {
    "condition": "of a page: made by `domain.infra.listing`, whose values are parameters",
    "conditions": "of a search: places of parameters",
    "ordering": "of a page",
    "wanted": "a constant condition",
    "where": "conditions of constants, as `domain.infra.listing` collects them",
    "columns": "a constant list of columns",
    "table": "the name of a table, from a constant",
    "TABLES": "the same",
    "part": "constant columns and conditions of a table",
    "places": "names of columns, which are fields of a dataclass, and places of parameters",
    "arguments": "their number",
    "order": "asc or desc, or constant columns",
    "after": "a constant clause",
    "sort_key": "a constant expression",
    "owners": "a constant condition",
    "chosen": "one of two constant statements",
    "source": "the same",
    "found": "a constant statement with places of parameters",
    "as_of": "whether one of two constants is taken",
    "reach": "the same",
    "lock": "whether a constant is added",
    "self": "True or False",
    "sees_shadow": "the place of a parameter",
    "place": "the name of a table, quoted by PostgreSQL",
    "lanes": "constant expressions",
    "name": "of a constant column",
    "figure": "the same",
    "_from": "constants and places of parameters",
    "_may_be_seen": "the same",
    "_unnested": "the same",
    "graph_kind": "a constant expression",
    "kind": "which of several constants",
    "words": "of which only their number is left",
    "len": "the number of parameters",
}
"""What else is put into SQL than constants, by the names in the expression, and what it is: never a value."""


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """What bandit finds in the product."""
    words = ["uv", "run", "--isolated", "--no-project", "--with", BANDIT, "bandit", "-q", "-r", *SOURCES, "-f", "json"]
    done = subprocess.run(words, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["errors"] == []
    totals = report["metrics"]["_totals"]
    print({name: totals[f"SEVERITY.{name}"] for name in ("HIGH", "MEDIUM", "LOW")}, f"in {totals['loc']} lines")
    assert totals["loc"] > 20_000
    results: list[dict[str, Any]] = report["results"]
    return results


def test_nothing_is_of_high_severity(found: list[dict[str, Any]]) -> None:
    assert [_shown(one) for one in found if one["issue_severity"] == "HIGH"] == []


def test_what_is_of_medium_severity_was_looked_at(found: list[dict[str, Any]]) -> None:
    medium = {(one["test_id"], one["filename"]) for one in found if one["issue_severity"] == "MEDIUM"}
    assert {each for each in medium if each[0] != "B608"} == set(LOOKED_AT)


def _shown(one: dict[str, Any]) -> str:
    return f"{one['filename']}:{one['line_number']} {one['test_id']} {one['issue_text']}"


def test_only_constants_and_places_are_put_into_sql() -> None:
    """bandit suspects every statement that is put together (B608); here is what each is put together from."""
    put = {name for path in _modules() for names in _put_into_sql(ast.parse(path.read_text())) for name in names}
    assert put - WORDS.keys() == set(), "look at what it is, and name it in WORDS when no value is in it"
    assert len(put) > 15


def _modules() -> Iterator[Path]:
    for source in SOURCES:
        yield from (ROOT / source).rglob("*.py")


def _put_into_sql(tree: ast.Module) -> Iterator[set[str]]:
    """The names in each expression inside a statement."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.JoinedStr):
            continue
        text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        if not SQL.search(text):
            continue
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                names = {one.id for one in ast.walk(part.value) if isinstance(one, ast.Name)}
                yield {name for name in names if not CONSTANT.fullmatch(name) or name in WORDS}
