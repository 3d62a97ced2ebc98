"""People who bet, as clients of the API under test.

async with betting(client, database, redis_url) as ann:
    await ann.data("{ viewer { bankrolls { nodes { name } } } }")
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from tests.api.client import Client
from tests.people import bearer, open_desk, person, signed_in


@dataclass(frozen=True, slots=True)
class Bettor(Client):
    """A client that is signed in."""

    account: int
    token: str


@asynccontextmanager
async def betting(app: FastAPI, email: str = "ann@example.com", **columns: Any) -> AsyncIterator[Bettor]:
    """A new person, signed in at a running API; `columns` are those of `person`."""
    doors = app.state.doors
    async with open_desk(doors.database, doors.settings.redis_url) as desk:
        account = await person(desk, email, **columns)
        tokens = await signed_in(desk, account)
    async with entered(app, account, bearer(tokens)["Authorization"]) as bettor:
        yield bettor


@asynccontextmanager
async def entered(app: FastAPI, account: int, authorization: str) -> AsyncIterator[Bettor]:
    """Somebody who is signed in, at this API; all APIs of a deployment know the same sessions."""
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": authorization}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers) as http:
        yield Bettor(http, app, account, authorization)
