"""Both doors to PostgreSQL understand the same URL, whatever stands in its query."""

from __future__ import annotations

import asyncio

import pytest

from domain.infra.database import Database, connection_of
from domain.migrations.runner import check, downgrade, upgrade

NAME = "select application_name from pg_stat_activity where pid = pg_backend_pid()"


@pytest.mark.parametrize(
    "query", ["application_name=odds", "application_name=odds&sslmode=prefer&target_session_attrs=any"]
)
async def test_what_stands_in_the_query_holds_for_both_doors(database_url: str, query: str) -> None:
    database = await Database.connect(f"{database_url}&{query}")
    try:
        assert await database.pool.fetchval(NAME) == "odds"
        async with database.transaction() as session:
            connection = await connection_of(session)
            assert await connection.fetchval(NAME) == "odds"
            assert await connection.fetchval("""select '{"a": 1}'::jsonb""") == {"a": 1}
    finally:
        await database.close()


async def test_migrations_understand_the_query(database_url: str) -> None:
    url = f"{database_url}&application_name=odds&sslmode=disable"
    for step in (downgrade, upgrade, check):
        await asyncio.to_thread(step, url)
