"""A client of the API under test: GraphQL over HTTP on the ASGI app, statements counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from graphql import OperationDefinitionNode, parse, print_ast, separate_operations

from api.app import create_app
from domain.infra.settings import Settings

OPERATIONS = Path(__file__).parents[2] / "api" / "web" / "operations.graphql"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    data: Any
    errors: list[dict[str, Any]]
    statements: int
    """Sent to PostgreSQL for this request."""


@dataclass(frozen=True, slots=True)
class Client:
    """Asks the API of one test."""

    http: httpx.AsyncClient
    app: FastAPI

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Answer:
        """Any answer, with its errors."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables or {}})
        assert response.status_code == 200, response.text
        body = response.json()
        statements = int(response.headers.get("x-touchline-statements", 0))
        return Answer(body.get("data"), body.get("errors", []), statements)

    async def data(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = await self.ask(query, variables)
        assert answer.errors == []
        return answer.data

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of an answer."""
        answer = await self.ask(query, variables)
        assert len(answer.errors) == 1, answer
        return answer.errors[0]


def operation(name: str) -> str:
    """One operation of `operations.graphql` with the fragments that it uses."""
    document = separate_operations(parse(OPERATIONS.read_text()))[name]
    assert any(isinstance(node, OperationDefinitionNode) for node in document.definitions)
    return print_ast(document)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Client]:
    """The API of a deployment in this process."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
            yield Client(http, app)
