"""The schema under the eyes of others: linters find nothing, and no landed promise is broken."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.foreign import installed, program, run, version
from tests.acceptance.person import told
from tests.docs.documents import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

SCHEMA = "schema.graphql"
RULES = (
    "arguments-have-descriptions",
    "defined-types-are-used",
    "deprecations-have-a-reason",
    "descriptions-are-capitalized",
    "enum-values-all-caps",
    "enum-values-have-descriptions",
    "fields-are-camel-cased",
    "fields-have-descriptions",
    "input-object-values-are-camel-cased",
    "input-object-values-have-descriptions",
    "relay-connection-arguments-spec",
    "relay-connection-types-spec",
    "relay-page-info-spec",
    "types-are-capitalized",
    "types-have-descriptions",
)
"""All of graphql-schema-linter's but those that want an alphabet: members stand in the order of their sense."""
DEEPER = 100
"""Commits that a shallow clone fetches to find an earlier schema."""

UGLY = """
type Query { "a query" some_thing(first: Int): [thing!] }
enum level { low }
type thing { id: ID! }
type Lost { id: ID! }
"""
BEFORE = """
type Query {
  team(slug: String, old: Int @deprecated(reason: "Nobody asks.")): Team
  pages(first: Int): [Team!]!
  found: Found
}
union Found = Team | League
type League { id: ID! }
type Team {
  id: ID!
  name: String!
  crest: String
  short: String @deprecated(reason: "Use `name`.")
  level: Level!
}
enum Level { HIGH LOW GONE @deprecated(reason: "Nothing has it.") }
input Wish { text: String }
type Mutation { wish(input: Wish!): Boolean }
"""
PLANTS = (
    ("a field is gone", "  crest: String\n", "", "Team.crest"),
    ("a field may be null", "name: String!", "name: String", "Team.name"),
    ("a field has another type", "crest: String", "crest: Int", "Team.crest"),
    ("a list may hold nothing", "[Team!]!", "[Team]!", "Query.pages"),
    ("an argument is gone", "pages(first: Int)", "pages", "Query.pages.first"),
    ("an argument is needed", "team(slug: String,", "team(slug: String!,", "Query.team.slug"),
    ("a new argument is needed", "pages(first: Int)", "pages(first: Int, by: Int!)", "Query.pages.by"),
    ("a value is gone", "HIGH LOW", "HIGH", "Level.LOW"),
    ("a member of a union is gone", "Found = Team | League", "Found = Team", "Found"),
    ("an input field is gone", "text: String", "words: String", "Wish.text"),
    ("a new input field is needed", "text: String", "text: String, by: Int!", "Wish.by"),
)
ALLOWED = (
    ("a new field", "name: String!", "name: String! place: Int"),
    ("a field is never null any more", "crest: String", "crest: String!"),
    ("a new argument", "pages(first: Int)", "pages(first: Int, last: Int)"),
    ("a deprecation", "crest: String", 'crest: String @deprecated(reason: "Too big.")'),
    ("a deprecated field is gone", '  short: String @deprecated(reason: "Use `name`.")\n', ""),
    ("a deprecated value is gone", ' GONE @deprecated(reason: "Nothing has it.")', ""),
    ("a deprecated argument is gone", ', old: Int @deprecated(reason: "Nobody asks.")', ""),
)


def _linted(schema: Path) -> list[str]:
    """What graphql-schema-linter finds, `rule: message`."""
    command = [program("graphql-schema-linter"), "--rules", ",".join(RULES), "--format", "json", str(schema)]
    found = json.loads(run(command, installed(), seconds=60).stdout)
    return [f"{each['rule']}: {each['message']}" for each in found["errors"]]


def _strictly_linted(schema: Path, folder: Path) -> list[str]:
    """What graphql-eslint finds."""
    shutil.copy(installed() / "eslint.config.mjs", folder)
    (folder / "node_modules").symlink_to(installed() / "node_modules")
    copied = folder / SCHEMA
    shutil.copy(schema, copied)
    (folder / ".graphqlrc.json").write_text(json.dumps({"schema": SCHEMA}))
    done = run([program("eslint"), "--format", "json", SCHEMA], folder, seconds=60)
    assert done.stdout, done.stderr
    [file] = json.loads(done.stdout)
    return [f"{each['ruleId']}: {each['message']}" for each in file["messages"]]


def test_schema_linter_finds_nothing() -> None:
    assert _linted(ROOT / SCHEMA) == []
    told("linter", version=version("graphql-schema-linter"), rules=len(RULES), findings=0)


def test_eslint_finds_nothing(tmp_path: Path) -> None:
    assert _strictly_linted(ROOT / SCHEMA, tmp_path) == []
    told("eslint", plugin=version("@graphql-eslint/eslint-plugin"), findings=0)


def test_the_linters_would_find_something(tmp_path: Path) -> None:
    ugly = tmp_path / "ugly.graphql"
    ugly.write_text(UGLY)
    assert {each.partition(":")[0] for each in _linted(ugly)} >= {
        "defined-types-are-used",
        "enum-values-all-caps",
        "fields-are-camel-cased",
        "types-have-descriptions",
    }
    assert {each.partition(":")[0] for each in _strictly_linted(ugly, tmp_path)} >= {
        "@graphql-eslint/naming-convention",
        "@graphql-eslint/no-unreachable-types",
        "@graphql-eslint/require-description",
    }


def _compared(pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """How many changes there are from each schema to the next, and those that break a client."""
    command = ["node", str(installed() / "breaking.mjs")]
    done = subprocess.run(command, input=json.dumps(pairs), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _git(*words: str, folder: Path = ROOT) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def earlier_schema(folder: Path) -> tuple[str, str]:
    """The newest landed schema that is not the one of the working tree, and its commit.

    A shallow clone fetches what it lacks. Raises LookupError where no other was ever landed.
    """
    if _git("rev-parse", "--is-shallow-repository", folder=folder).strip() == "true":
        _git("fetch", "--quiet", f"--deepen={DEEPER}", folder=folder)
    present = (folder / SCHEMA).read_text()
    for commit in _git("log", "--format=%h", "--", SCHEMA, folder=folder).split():
        landed = _git("show", f"{commit}:{SCHEMA}", folder=folder)
        if landed != present:
            return commit, landed
    raise LookupError(f"no other {SCHEMA} was landed among the commits of {folder}")


def test_no_landed_promise_is_broken() -> None:
    commit, landed = earlier_schema(ROOT)
    [found] = _compared([(landed, (ROOT / SCHEMA).read_text())])
    told("inspector", version=version("@graphql-inspector/core"), since=commit, changes=found["changes"], breaking=0)
    assert found["breaking"] == [], "deprecate it, land that, and remove it later"


def test_an_earlier_schema_is_found_in_a_shallow_clone(tmp_path: Path) -> None:
    clone = tmp_path / "shallow"
    _git("clone", "--quiet", "--depth=1", ROOT.as_uri(), str(clone))
    assert _git("log", "--format=%h", folder=clone).split() == [_git("rev-parse", "--short", "HEAD").strip()]
    _, landed = earlier_schema(clone)
    assert landed != (clone / SCHEMA).read_text()


def test_planted_breaks_are_found() -> None:
    pairs = [(BEFORE, BEFORE.replace(present, planted)) for _, present, planted, _ in PLANTS]
    for (what, present, _, place), found in zip(PLANTS, _compared(pairs), strict=True):
        assert BEFORE.count(present) == 1, what
        assert place in {each["path"] for each in found["breaking"]}, what


def test_what_breaks_nobody_is_allowed() -> None:
    pairs = [(BEFORE, BEFORE.replace(present, planted)) for _, present, planted in ALLOWED]
    for (what, present, _), found in zip(ALLOWED, _compared(pairs), strict=True):
        assert BEFORE.count(present) == 1, what
        assert found["changes"] > 0, what
        assert found["breaking"] == [], what
    [same] = _compared([(BEFORE, BEFORE)])
    assert same == {"changes": 0, "breaking": []}
