"""The product from outside: its command, its HTTP, its socket, and the processes it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets

TOUCHLINE = Path(sys.executable).with_name("touchline")
"""The command as it is installed beside this Python."""


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anything that would point the product at somebody's servers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOUCHLINE_", "DATABASE_URL"))}
    kept.pop("REDIS_URL", None)
    return {**kept, **more}


@dataclass
class Product:
    """A running `touchline demo`, `up` or `replay`."""

    process: subprocess.Popen[str]
    data_dir: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)
    seconds_to_ready: float = 0.0
    reader: threading.Thread = field(default_factory=threading.Thread)

    def query(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The `data` of one operation; errors fail the test."""
        answer = httpx.post(self.url, json={"query": document, "variables": variables or {}}, timeout=30)
        body = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body, body["errors"]
        found: dict[str, Any] = body["data"]
        return found

    def until(
        self, document: str, holds: Any, *, seconds: float = 60, variables: Mapping[str, Any] | None = None
    ) -> Any:
        """Ask until `holds(data)` is true and return the data; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            data = self.query(document, variables)
            if holds(data):
                return data
            assert time.monotonic() < deadline, f"still not after {seconds} s: {data}"
            time.sleep(0.3)

    def run_file(self) -> dict[str, Any]:
        """What the supervisor wrote about itself: URLs and process ids."""
        found: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return found

    def processes(self) -> list[psutil.Process]:
        """Every living process whose command line carries the data folder."""
        return processes_of(self.data_dir)

    def stop(self, number: int = signal.SIGINT, seconds: float = 40) -> int:
        """Send a signal to the command and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=seconds)
        self.reader.join(timeout=seconds)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Living processes (no zombies) that name `data_dir` on their command line, ourselves left out."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            is_alive = process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
            if is_alive and any(str(data_dir) in word for word in command):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def launch(
    arguments: list[str], data_dir: Path, *, seconds: float = 90, program: str = str(TOUCHLINE), **environment: str
) -> Product:
    """Start a stack command, of any environment, with its own data folder and wait until it says that it is ready.

    Tests ask again and again until something has happened, far more often than people: nobody counts it unless told to.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        [program, *arguments, "--data-dir", str(data_dir), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(**{"TOUCHLINE_ADDRESS_POINTS": "0", **environment}),
    )
    product = Product(process, data_dir)
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            product.lines.append(line.rstrip())
            found = re.search(r"(http://\S+/graphql)", line)
            if found and not ready.is_set():
                product.url = found[1]
                product.seconds_to_ready = time.monotonic() - began
                ready.set()
        ready.set()

    product.reader = threading.Thread(target=read, daemon=True)
    product.reader.start()
    ready.wait(seconds)
    if not product.url:
        product.stop(signal.SIGKILL)
        raise AssertionError("not ready:\n" + "\n".join(product.lines))
    return product


@contextmanager
def running(
    arguments: list[str], *, seconds: float = 90, program: str = str(TOUCHLINE), **environment: str
) -> Iterator[Product]:
    """A stack command in a temporary data folder for the length of a block, ended with SIGINT."""
    with tempfile.TemporaryDirectory(prefix="touchline-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # root's servers run as nobody, who must be able to pass
        product = launch(arguments, Path(folder) / "data", seconds=seconds, program=program, **environment)
        try:
            yield product
        finally:
            product.stop()


@asynccontextmanager
async def subscription(
    url: str, document: str, variables: Mapping[str, Any]
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """One subscription over graphql-transport-ws; iterates the `data` of its messages."""
    async with websockets.connect(
        url.replace("http://", "ws://"), subprotocols=[websockets.Subprotocol("graphql-transport-ws")], max_size=None
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": document, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield _messages(socket)


async def _messages(socket: websockets.ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "ping":
            await socket.send(json.dumps({"type": "pong"}))
        elif message["type"] == "next":
            assert "errors" not in message["payload"], message["payload"]["errors"]
            yield message["payload"]["data"]
        else:
            raise AssertionError(f"the server said {message}")
