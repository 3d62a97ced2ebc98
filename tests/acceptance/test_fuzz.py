"""Thousands of generated operations against the API of a filled database: none of them may surprise it.

`TOUCHLINE_CASES` is how many there are, about 800 when it is not set; half are nobody's, and half an administrator's.
The seed is fixed. `pytest -s` prints what was asked and what came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.infra.database import Database
from domain.infra.settings import read_settings
from tests.acceptance.deployment import Deployment, deployed
from tests.acceptance.person import told
from workers.demo_people import ADDRESSES, PASSWORD
from workers.seed_demo import seed_demo

CASES = int(os.environ.get("TOUCHLINE_CASES", "800"))
SEED = 20261122
FUZZER = "schemathesis>=4.32,<4.33"
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
FIELDS = 48
"""So many fields have Query and Mutation, at least."""
ENDS_THE_SESSION = "logout|deleteAccount"
"""Mutations after which everything else would be refused; somebody who is not signed in may try them."""

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900 + CASES)]


@dataclass
class Run:
    """What one run of the fuzzer saw."""

    cases: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    """Fields that gave data at least once."""
    surprises: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
async def api(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> Any:
    """A process of the API on the demo's league, with limits that nobody meets."""
    settings = read_settings(database_url=database_url, redis_url=redis_url)
    await seed_demo(settings, seed=7, speed=1.0)
    await database.pool.execute("update account set role = 'ADMIN' where email = $1", ADDRESSES["VIP"])
    given = {"address_points": "0", "viewer_points": "0", "access_minutes": "600", "data_dir": str(tmp_path)}
    async with deployed(database_url, redis_url, tmp_path, count=1, **given) as running:
        yield running


async def test_generated_operations_surprise_nobody(api: Deployment, tmp_path: Path) -> None:
    each = -(-CASES // 2 // FIELDS)
    token = await _token(api)
    signed = ("-H", f"authorization: Bearer {token}", "--exclude-name-regex", ENDS_THE_SESSION)
    runs = {"nobody": await _fuzz(api, each, tmp_path / "nobody.jsonl")}
    runs["signed in"] = await _fuzz(api, each, tmp_path / "signed.jsonl", signed)
    log = api.logs[0].read_text()
    for name, run in runs.items():
        told(name, cases=run.cases, fields_answered=len(run.answered), **dict(run.codes.most_common()))
    told("log", tracebacks=log.count("Traceback"), errors=log.count(" ERROR "))
    surprises = [each for run in runs.values() for each in run.surprises]
    assert surprises == []
    assert log.count("Traceback") == 0, log[log.index("Traceback") :][:4000]
    assert " ERROR " not in log
    assert sum(run.cases for run in runs.values()) >= CASES
    assert len(runs["signed in"].answered) > FIELDS / 2, "the operations are mostly good ones"


async def _token(api: Deployment) -> str:
    form = {"grant_type": "password", "username": ADDRESSES["VIP"], "password": PASSWORD}
    answer: httpx.Response = await api.http.post(f"http://127.0.0.1:{api.ports[0]}/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def _fuzz(api: Deployment, each: int, seen: Path, more: Sequence[str] = ()) -> Run:
    """Let the fuzzer ask so many operations for each field."""
    asked = await asyncio.create_subprocess_exec(
        *("uv", "run", "--isolated", "--no-project", "--python", sys.executable, "--with", FUZZER),
        *("st", "run", f"http://127.0.0.1:{api.ports[0]}/graphql", "--checks", "always", "--phases", "fuzzing"),
        *("--max-examples", str(each), "--seed", str(SEED), "--no-shrink", "--continue-on-failure", "--no-color"),
        *("--generation-database", "none", "--workers", "1", "--warnings", "off", *more),
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent), "FUZZ_SEEN": str(seen)},
        cwd=seen.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asked.communicate()
    assert asked.returncode == 0, said.decode()[-3000:]
    return _read(seen)


def _read(seen: Path) -> Run:
    run = Run()
    for line in seen.read_text().splitlines():
        noted = json.loads(line)
        run.cases += 1
        run.codes.update(noted["codes"] or ["no_errors"])
        if not noted["codes"]:
            run.answered.add(noted["field"])
        if "answer" in noted:
            run.surprises.append(noted)
    return run
