"""Requests that are meant to hurt, at a real process of the API: what each costs its processor. `pytest -s` prints it.

Processor time is the kernel's own count of what the process ran; meanwhile somebody asks `/healthz` all the time.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from domain.infra.database import Database
from tests.acceptance.deployment import deployed
from tests.acceptance.person import told
from tests.attacks import BYTES, KINDS, Attack, attacks
from tests.factories import Factory, card
from tests.people import open_desk, person, signed_in

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

ROUNDS = 3
"""Times that each attack is tried; the cheapest counts, as others' work on this machine only adds."""
MOST_SECONDS = 0.1
"""Of a processor, for any answer."""
SCHEMA = "whole introspection"
MOST_SECONDS_OF_SCHEMA = 0.2
"""For the whole schema, which tools ask for: 400 kB, and `limit: introspection` allows no more."""
HEALTHY_WITHIN = 0.2
SAME = 0.004
"""Seconds below which two answers cost the same."""
STEEPER = 1.5
"""So many times more than its bytes an attack's answer may grow, which is the room for measuring."""
DRIPPING = 20
DRIP_SECONDS = 3.0
ANNOUNCED = 200_000
TODAY_MATCHES = 100
REFUSED = {400, 413}


@asynccontextmanager
async def pulse(target: Target) -> AsyncIterator[list[float]]:
    """Somebody who asks `/healthz` for as long as the block runs; their seconds are in the list afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.acceptance.pulse", str(target.port), str(target.pid)),
        stdin=PIPE,
        stdout=PIPE,
    )
    waits: list[float] = []
    try:
        yield waits
    finally:
        told_by_it, _ = await process.communicate(b"")
    waits.extend(sorted(orjson.loads(told_by_it)))


def ran(pid: int) -> float:
    """Seconds of processors that a process has used."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


@dataclass(frozen=True, slots=True)
class Target:
    """One process of the API with a card of matches, and somebody who is signed in there."""

    port: int
    pid: int
    token: str
    http: httpx.AsyncClient
    log: Path

    async def answer(self, attack: Attack, *, is_signed_in: bool) -> tuple[httpx.Response, float]:
        """What comes of an attack, and the seconds of a processor that it took."""
        headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
        if is_signed_in:
            headers["authorization"] = f"Bearer {self.token}"
        response, least = None, math.inf
        for number in range(ROUNDS):
            body = attack.body.replace(b'"query":"', b'"query":"' + b" " * number, 1)  # nobody has read it yet
            before = ran(self.pid)
            response = await self.http.post("/graphql", content=body, headers=headers)
            least = min(least, ran(self.pid) - before)
        assert response is not None
        return response, least


@pytest.fixture
async def target(
    database: Database, database_url: str, redis_url: str, factory: Factory, tmp_path: Path
) -> AsyncIterator[Target]:
    await card(factory, TODAY_MATCHES)
    async with open_desk(database, redis_url) as desk:
        ann = await signed_in(desk, await person(database))
        unlimited = {"address_points": "0", "viewer_points": "0"}
        async with deployed(database_url, redis_url, tmp_path, count=1, **unlimited) as api:
            (port,) = api.ports
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                yield Target(port, _listening(port), ann.access_token, http, api.logs[0])


def _listening(port: int) -> int:
    """The process that has a port."""
    found = [each for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port]  # type: ignore[union-attr]
    pid = found[0].pid
    assert pid is not None
    return pid


@pytest.fixture
async def factory(database: Database) -> Factory:
    made = Factory(database)
    await made.clock()
    return made


async def test_no_attack_takes_a_tenth_of_a_second(target: Target) -> None:
    for query in ("{ __typename }", "{ matches(first: 100) { nodes { id } } }"):  # what is made once is made
        await target.answer(Attack("warm", 0, orjson.dumps({"query": query})), is_signed_in=False)
    costs: dict[Attack, float] = {}
    statuses: Counter[int] = Counter()
    async with pulse(target) as waits:
        for attack in attacks():
            response, costs[attack] = await target.answer(attack, is_signed_in=KINDS[attack.kind][1] is BYTES)
            statuses[response.status_code] += 1
            assert response.status_code in {200, *REFUSED}, (attack.name, response.text[:300])
            codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
            assert "INTERNAL" not in codes, (attack.name, response.text[:300])
    for kind, each in groupby(costs, key=lambda attack: attack.kind):
        told(f"{kind:<22}", **{f"{attack.size:,}:": f"{costs[attack] * 1000:.1f} ms" for attack in each})
    schema = max(cost for attack, cost in costs.items() if attack.kind == SCHEMA)
    worst = max((attack for attack in costs if attack.kind != SCHEMA), key=costs.__getitem__)
    told("worst", attack=worst.name, bytes=len(worst.body), ms=f"{costs[worst] * 1000:.1f}")
    told("statuses", **{str(status): count for status, count in sorted(statuses.items())})
    told(
        "healthz",
        asked=len(waits),
        p50=f"{statistics.median(waits) * 1000:.1f} ms",
        p99=f"{waits[int(0.99 * len(waits))] * 1000:.1f} ms",
        worst=f"{waits[-1] * 1000:.1f} ms",
    )
    assert costs[worst] < MOST_SECONDS
    assert schema < MOST_SECONDS_OF_SCHEMA
    assert {attack.name: cost for attack, cost in costs.items() if _is_steeper(attack, costs)} == {}
    assert waits[-1] < HEALTHY_WITHIN
    assert "Traceback" not in target.log.read_text()


def _is_steeper(attack: Attack, costs: dict[Attack, float]) -> bool:
    """Whether an answer costs more than a smaller attack of its kind lets expect by the bytes of both."""
    smaller = (each for each in costs if each.kind == attack.kind and len(each.body) < len(attack.body))
    return any(
        costs[attack] > SAME + STEEPER * (costs[each] + SAME) * len(attack.body) / len(each.body) for each in smaller
    )


async def test_bodies_that_drip_occupy_nobody_else(target: Target) -> None:
    before = ran(target.pid)
    async with pulse(target) as waits:
        await asyncio.gather(*(_drip(target.port) for _ in range(DRIPPING)))
    each = (ran(target.pid) - before) / DRIPPING
    told(
        "drips", connections=DRIPPING, seconds=DRIP_SECONDS, ms_each=f"{each * 1000:.1f}", healthz=f"{waits[-1]:.3f} s"
    )
    assert each < MOST_SECONDS
    assert waits[-1] < HEALTHY_WITHIN


async def _drip(port: int) -> None:
    """Announce a long body and send a byte of it now and then, and go away before the end."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {ANNOUNCED}\r\n\r\n"
    writer.write(head.encode())
    ends = time.monotonic() + DRIP_SECONDS
    while time.monotonic() < ends:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
    writer.close()
