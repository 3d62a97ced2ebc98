"""Workers of tests: an empty queue, settings, and child processes that end with their test."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis
from dramatiq.brokers.redis import RedisBroker

from domain.infra.settings import Settings, read_settings
from workers.broker import NAMESPACE, open_broker
from workers.stack.processes import environment_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """A deployment of this test's own, with no message in its queues."""
    client = redis.Redis.from_url(redis_url)
    for key in client.scan_iter(f"{NAMESPACE}:*"):
        client.delete(key)
    client.close()
    return read_settings(database_url=database_url, redis_url=redis_url)


@pytest.fixture
def broker(settings: Settings) -> Iterator[RedisBroker]:
    """A broker that sends and runs nothing."""
    opened = open_broker(settings.redis_url)
    yield opened
    opened.client.close()


Starter = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings) -> Iterator[Starter]:
    """Starts `python -m workers.<name>` on the test's deployment; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"workers.{name}"],
            cwd=ROOT,
            env=environment_of(settings) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("TOUCHLINE_SHOW_WORKERS") else subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 15.0) -> float:
    """Wait until something holds; answers the seconds it took, fails after `seconds`."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < seconds, f"still not after {seconds:g} s"
        await asyncio.sleep(0.05)
    return time.monotonic() - began
