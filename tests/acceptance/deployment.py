"""Several processes of the API on one database and Redis, asked over HTTP in turn."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
from redis.asyncio import Redis

AUTH_ERRORS = "errors { ... on UserError { code path message } ... on CredentialsError { retryAfterSeconds } }"


@dataclass
class Deployment:
    """Processes of one API, and a client that asks them in turn."""

    ports: list[int]
    logs: list[Path]
    http: httpx.AsyncClient
    asked: int = field(default=0)

    async def post(self, query: str, *, token: str | None = None, at: int | None = None, **variables: Any) -> Any:
        """The whole answer of one process, the next one when none is named."""
        self.asked += 1
        port = self.ports[(self.asked if at is None else at) % len(self.ports)]
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        body = {"query": query, "variables": variables}
        return await self.http.post(f"http://127.0.0.1:{port}/graphql", json=body, headers=headers)

    async def do(self, name: str, shown: str, **given: Any) -> Any:
        """The payload of a mutation without a token."""
        response = await self.post(mutation(name, shown), input=given)
        assert response.status_code == 200, response.text
        return response.json()["data"][name]


def mutation(name: str, shown: str) -> str:
    """A document with one mutation."""
    kind = name[0].upper() + name[1:]
    return f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {shown} {AUTH_ERRORS} }} }}"


@asynccontextmanager
async def deployed(
    database_url: str, redis_url: str, folder: Path, *, count: int = 2, **settings: str
) -> AsyncIterator[Deployment]:
    """So many processes of the API on one database and Redis, with no tries counted yet."""
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    given = {f"TOUCHLINE_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, **given}
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(_process(environment, folder / f"api{number}.log"))
            for number in range(count)
        ]
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        yield Deployment([port for port, _ in opened], [log for _, log in opened], client)


@asynccontextmanager
async def _process(environment: dict[str, str], log: Path) -> AsyncIterator[tuple[int, Path]]:
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api"), env={**environment, "TOUCHLINE_PORT": str(port)}, stderr=sink, stdout=sink
        )
    try:
        async with asyncio.timeout(90), httpx.AsyncClient() as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        break
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield port, log
    finally:
        process.terminate()
        await process.wait()
