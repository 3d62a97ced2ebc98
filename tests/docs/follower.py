"""Somebody who follows a document from its top to its end, and uses in each block what earlier answers told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

import httpx
from graphql import OperationDefinitionNode, OperationType, parse

from domain.infra.database import Database
from tests.api.front import newest_code
from tests.docs.documents import Block
from tests.serving import Api, socket
from workers.actors import JOBS
from workers.boot import Boot

Path = tuple[str, ...]

TOLD: Mapping[Path, str] = MappingProxyType(
    {
        ("tokens", "accessToken"): "token",
        ("tokens", "refreshToken"): "refreshToken",
        ("bankroll", "id"): "bankroll",
        ("bankrolls", "nodes", "id"): "bankroll",
        ("bestOdds", "id"): "quote",
        ("bestOdds", "price", "decimal"): "odds",
        ("bet", "id"): "bet",
        ("bet", "version"): "version",
        ("settlementCursor",): "cursor",
        ("betSettled", "cursor"): "cursor",
        ("job", "id"): "job",
    }
)
"""What is learned where an answer ends with a path; of a list the first counts."""


@dataclass
class Follower:
    """A reader at their own deployment, who also plays its worker and its mail server."""

    api: Api
    database: Database
    boot: Boot
    known: dict[str, Any] = field(default_factory=dict)
    """Values of variables; `token` signs the requests."""

    async def run(self, block: Block, **given: Any) -> dict[str, Any]:
        """What a GraphQL block answers; of a subscription the first message."""
        [asked] = [node for node in parse(block.text).definitions if isinstance(node, OperationDefinitionNode)]
        names = {variable.variable.name.value for variable in asked.variable_definitions or ()}
        if "code" in names:
            self.known["code"] = await newest_code(self.api.state.doors.desk, "ann@example.com")
        variables = {name: value for name, value in {**self.known, **given}.items() if name in names}
        if asked.operation is OperationType.SUBSCRIPTION:
            return await self._hear(block, variables)
        answer = await self.api.ask(block.text, token=self.known.get("token"), **variables)
        self._learn(answer["data"] or {})
        if asked.operation is OperationType.MUTATION:
            await self.work("run_task")
        return answer

    async def _hear(self, block: Block, variables: Mapping[str, Any]) -> dict[str, Any]:
        async with socket(self.api.port, token=self.known.get("token")) as opened:
            await opened.subscribe(block.text, variables)
            message = await opened.receive()
        payload: dict[str, Any] = message["payload"]
        self._learn(payload["data"] or {})
        return payload

    def _learn(self, data: Mapping[str, Any]) -> None:
        for path, value in _leaves(data):
            for end, name in TOLD.items():
                if path[-len(end) :] == end:
                    self.known[name] = value

    async def work(self, job: str) -> None:
        """Do what was asked for of a job, as a worker does."""
        rows = await self.database.pool.fetch(
            "delete from outbox where job = $1 and sent_at is null returning id, arguments", job
        )
        for row in rows:
            await JOBS[job](self.boot, f"{job}-{row['id']}", **row["arguments"])

    async def fetch(self, address: str) -> httpx.Response:
        """A file, as a browser that follows a link."""
        async with httpx.AsyncClient() as client:
            return await client.get(urljoin(f"http://127.0.0.1:{self.api.port}/graphql", address))


def _leaves(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield from _leaves(value, (*path, name))
    elif isinstance(data, list):
        for first in data[:1]:
            yield from _leaves(first, path)
    elif data is not None:
        yield path, data
