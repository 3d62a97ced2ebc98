"""The audits of graphql-http, the reference of GraphQL over HTTP, at the API as it is served."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.foreign import run_node
from tests.acceptance.person import told
from tests.serving import serving

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

REFUSED_ON_PURPOSE = {"5A70"}
"""A GET that any form of any page could send: see CSRF_BLOCKED."""


async def test_the_api_passes_the_audits(database_url: str, redis_url: str) -> None:
    async with serving(database_url, redis_url) as api:
        done = await asyncio.to_thread(run_node, "graphql_http.mjs", f"http://127.0.0.1:{api.port}/graphql")
    assert done.returncode == 0, done.stderr
    audits: list[dict[str, Any]] = json.loads(done.stdout)
    kinds = Counter(audit["name"].split()[0] for audit in audits)
    passed = Counter(audit["name"].split()[0] for audit in audits if audit["passed"])
    failed = {audit["id"]: f"{audit['name']}: {audit['reason']}" for audit in audits if not audit["passed"]}
    told("graphql-http", **{kind: f"{passed[kind]}/{count}" for kind, count in kinds.items()})
    for name, why in failed.items():
        told("", **{name: why})
    assert kinds == {"MUST": 13, "SHOULD": 23, "MAY": 25}
    assert failed.keys() == REFUSED_ON_PURPOSE, failed
