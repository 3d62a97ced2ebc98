"""Asks a server one question over and over, in a process of its own: `python -m benchmarks.load`.

The question comes as JSON on standard input, the figures go as JSON to standard output. Every answer must be the
expected one, byte for byte: a server that fails fast would look quick.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, how often and how long."""

    port: int
    body: str
    digest: str
    """SHA-256 of the answer."""
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """What a round came to."""

    requests: int
    seconds: float
    median_milliseconds: float
    """Of one request, as the client waits for it."""


def ask(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    """The body of one answer; raises RuntimeError when the status is not 200."""
    connection.request("POST", "/graphql", body, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeError(f"status {response.status}: {answer[:300]!r}")
    return answer


def digest_of(answer: bytes) -> str:
    """What two equal answers have in common."""
    return hashlib.sha256(answer).hexdigest()


def run(question: Question) -> Load:
    """Ask on all connections at once until the time is over."""
    began = time.perf_counter()
    with ThreadPoolExecutor(question.connections) as threads:
        waits = [
            wait
            for each in [threads.submit(_keep_asking, question) for _ in range(question.connections)]
            for wait in each.result()
        ]
    return Load(len(waits), time.perf_counter() - began, 1000 * sorted(waits)[len(waits) // 2])


def _keep_asking(question: Question) -> list[float]:
    """Seconds that each request of one connection took."""
    connection = http.client.HTTPConnection("127.0.0.1", question.port, timeout=60)
    body, waits = question.body.encode(), list[float]()
    end = time.perf_counter() + question.seconds
    while not waits or time.perf_counter() < end:
        began = time.perf_counter()
        answer = ask(connection, body)
        waits.append(time.perf_counter() - began)
        if digest_of(answer) != question.digest:
            raise RuntimeError(f"another answer than before, {len(answer)} bytes: {answer[:300]!r}")
    connection.close()
    return waits


if __name__ == "__main__":
    json.dump(asdict(run(Question(**json.load(sys.stdin)))), sys.stdout)
