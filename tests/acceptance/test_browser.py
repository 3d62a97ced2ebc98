"""GraphiQL and the front page in headless Chromium, at a demo; and what GraphiQL makes of GraphQL, as graphql-js."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.edge.ide import WEB
from api.export import schema_text
from tests.acceptance.foreign import installed, run_node
from tests.acceptance.product import Product, running
from tests.api.client import OPERATIONS

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

MATCHES = "{ matches(filter: {window: NEXT_7_DAYS}, first: 1) { nodes { bestOdds(market: MATCH_RESULT) { id } } } }"


def _checked(script: str, *arguments: str, seconds: float = 120) -> dict[str, str]:
    """What the checks of a script told; one that failed fails the test."""
    done = run_node(script, *arguments, seconds=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    failed = {name: each["failed"] for name, each in found.items() if "failed" in each}
    assert failed == {}, json.dumps(failed, indent=1)
    return {name: each["told"] for name, each in found.items()}


def test_graphiql_understands_graphql_as_graphql_js_does(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    shutil.copytree(WEB / "graphiql", modules)
    (modules / "package.json").write_text('{"type": "module"}')
    schema = tmp_path / "schema.graphql"
    schema.write_text(schema_text())
    told = _checked("graphiql_language.mjs", str(modules), str(schema), str(OPERATIONS))
    print(told)
    assert len(told) == 13


@pytest.fixture(scope="module")
def demo() -> Iterator[Product]:
    installed()
    with running(["demo", "--speed", "60"], seconds=180) as product:
        product.until(MATCHES, lambda data: data["matches"]["nodes"] and data["matches"]["nodes"][0]["bestOdds"])
        yield product


def test_pages_in_a_browser(demo: Product) -> None:
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: apt-get install chromium"
    told = _checked("graphiql.mjs", demo.url, chromium, seconds=200)
    print(told)
    assert len(told) == 14
