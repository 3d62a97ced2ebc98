"""What a stranger finds out of the schema by guessing, with the program that people guess with: clairvoyance 2.5.5.

It asks for fields that do not exist and reads in the errors which ones were meant. A word that is the schema's own it
finds everywhere, so no field's name is a secret; what is shown here is that nothing helps it to the others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.foreign import finish
from tests.acceptance.person import told
from tests.serving import serving

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

CLAIRVOYANCE = "clairvoyance==2.5.5"
NEAR = ("matche", "countrie", "leage", "teem", "viewr", "searh", "bookmakes", "jobb")
"""Words that are none of the schema's, and near enough to be corrected; with `OWN` fewer than errors are told."""
OWN = "status"
NO_LIMITS = {"address_points": 0}


async def guessed(database_url: str, redis_url: str, folder: Path, **settings: bool) -> set[str]:
    """Names of the fields of Query that it finds."""
    words, found = folder / "words.txt", folder / "found.json"
    words.write_text("\n".join((*NEAR, OWN)) + "\n")
    async with serving(database_url, redis_url, **NO_LIMITS, **settings) as api:
        command = ["uv", "run", "--isolated", "--no-project", "--quiet", "--with", CLAIRVOYANCE, "clairvoyance"]
        url = f"http://127.0.0.1:{api.port}/graphql"
        await asyncio.to_thread(finish, [*command, "-w", str(words), "-o", str(found), url], folder)
    schema: Mapping[str, list[Mapping[str, object]]] = json.loads(found.read_text())["data"]["__schema"]
    fields = {str(kind["name"]): kind.get("fields") for kind in schema["types"]}.get("Query")
    return {each["name"] for each in fields or []}  # type: ignore[attr-defined]


async def test_guessing_finds_no_more_than_was_known(database_url: str, redis_url: str, tmp_path: Path) -> None:
    found = await guessed(database_url, redis_url, tmp_path, introspection=False, suggestions=False)
    told("clairvoyance", near=len(NEAR), own=1, found=sorted(found))
    assert found == {OWN}
