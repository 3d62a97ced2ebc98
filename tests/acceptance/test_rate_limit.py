"""A thousand requests at once against two processes of the API: not one more passes than may. `pytest -s` prints it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.edge.allowance import MINUTE
from domain.infra.database import Database
from tests.acceptance.deployment import deployed
from tests.acceptance.person import told
from tests.people import open_desk, person, signed_in

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

REQUESTS = 1000
MOST = 100
HELLO = b'{"query": "{ __typename }"}'


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process said."""

    port: int
    status: int
    headers: Mapping[str, str]
    body: Any


async def test_a_thousand_at_once(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with (
        deployed(database_url, redis_url, tmp_path, address_points=str(MOST), viewer_points=str(MOST)) as api,
        open_desk(database, redis_url) as desk,
    ):
        ann = await signed_in(desk, await person(database))
        for name, token in (("nobody", None), ("signed in", ann.access_token)):
            answers, seconds = await _all_at_once(api.ports, token)
            passed = [answer for answer in answers if answer.status == 200]
            refused = [answer for answer in answers if answer.status == 429]
            ports = Counter(answer.port for answer in passed)
            told(name, requests=len(answers), processes=len(api.ports), seconds=f"{seconds:.1f}")
            told("", passed=len(passed), **{f"at_{number}": ports[port] for number, port in enumerate(api.ports)})
            assert refused, Counter(answer.status for answer in answers)
            waits = [int(answer.headers["retry-after"]) for answer in refused]
            told("", refused=len(refused), retry_after=f"{min(waits)}-{max(waits)} s", body=refused[0].body)
            assert seconds < MINUTE, "the first points are there again: this machine was too busy to tell"
            assert (len(passed), len(refused)) == (MOST, REQUESTS - MOST)
            assert all(answer.body == {"data": {"__typename": "Query"}} for answer in passed)
            for answer in refused:
                (error,) = answer.body["errors"]
                wait = int(answer.headers["retry-after"])
                assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": wait}
                assert 1 <= wait <= MINUTE
        for log in api.logs:
            assert "Traceback" not in log.read_text()
            assert "limits are not counted" not in log.read_text()


async def _all_at_once(ports: list[int], token: str | None = None) -> tuple[list[Answer], float]:
    """The answers to so many requests, half of them at each process, and how long they took together."""
    signed = f"authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{signed}"
        f"content-type: application/json\r\ncontent-length: {len(HELLO)}\r\n\r\n"
    )
    began = time.monotonic()
    asked = (_ask(ports[number % len(ports)], head.encode() + HELLO) for number in range(REQUESTS))
    return await asyncio.gather(*asked), time.monotonic() - began


async def _ask(port: int, request: bytes) -> Answer:
    """One request on a connection of its own, as cheap as can be: the processes are to be busy, and not the test."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(port, int(first.split()[1]), headers, orjson.loads(body))
