"""The front desk from a client's side: mutations that sign people in and out, with passwords that cost nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from redis.asyncio import Redis

from api.context import Doors
from domain.accounts.desk import Desk
from domain.accounts.passwords import Passwords
from domain.accounts.vault import Purpose
from domain.infra.database import Database
from domain.infra.settings import Settings
from tests.api.client import Client, serving
from tests.people import CHEAP

PROBLEM = "__typename ... on UserError { code path message }"
COMMON = frozenset({"logout", "updateProfile", "setFollowing"})
"""Mutations that know no credentials."""
TOKENS = "tokens { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }"


class Front:
    """Asks one API; as nobody, or as whoever's access token is given."""

    def __init__(self, client: Client, database: Database) -> None:
        self.client = client
        self.database = database

    @property
    def desk(self) -> Desk:
        """The API's own."""
        found: Desk = self.client.app.state.doors.desk
        return found

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """The whole answer."""
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        body = {"query": query, "variables": dict(variables or {})}
        return await self.client.http.post("/graphql", json=body, headers=headers)

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None) -> Any:
        """The data of an answer without errors."""
        response = await self.post(query, variables, token=token)
        assert response.status_code == 200, response.text
        assert "errors" not in response.json(), response.text
        return response.json()["data"]

    async def do(self, field: str, shown: str, *, token: str | None = None, **given: Any) -> Any:
        """The payload of a mutation, with its errors."""
        kind = field[0].upper() + field[1:]
        problem = PROBLEM if field in COMMON else f"{PROBLEM} ... on CredentialsError {{ retryAfterSeconds }}"
        query = f"mutation($input: {kind}Input!) {{ {field}(input: $input) {{ {shown} errors {{ {problem} }} }} }}"
        return (await self.ask(query, {"input": given}, token=token))[field]

    async def code(self, email: str, kind: str = "VERIFY") -> str:
        """The code that the newest e-mail to an address holds."""
        return await newest_code(self.desk, email, kind)


async def newest_code(desk: Desk, email: str, kind: str = "VERIFY") -> str:
    """The code that the newest e-mail to an address holds."""
    code_id = await desk.database.pool.fetchval(
        """select c.id from email_code c join account a on a.id = c.account_id
           where a.email = $1 and c.purpose = $2 and c.used_at is null order by c.created_at desc limit 1""",
        email,
        kind,
    )
    assert code_id is not None, f"no {kind} code for {email}"
    return desk.vault.token(Purpose.EMAIL_CODE, code_id)


@asynccontextmanager
async def front_desk(database: Database, database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Front]:
    """An API with cheap passwords and no tries counted yet."""
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
    given = Settings(database_url=database_url, redis_url=redis_url, log_level="debug", **settings)
    async with serving(given) as client:
        doors = make_cheap(client.app.state)
        yield Front(client, database)
        doors.desk.passwords.close()


def make_cheap(state: Any) -> Doors:
    """Let the passwords of a running API cost nothing; close them at the end."""
    doors: Doors = state.doors
    state.doors = cheap = replace(doors, desk=replace(doors.desk, passwords=Passwords(2, CHEAP)))
    return cheap
