"""Alembic's environment: run by `domain.migrations.__main__` and by `alembic` itself."""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.pool import NullPool

from domain.infra.database import engine_of
from domain.migrations.partitions import is_ours
from domain.tables import METADATA

ONE_AT_A_TIME = 7_001_002
"""Number of the advisory lock under which a database is migrated: several processes may start at once."""


def _url() -> str:
    given = context.config.attributes.get("url") or os.environ.get("DATABASE_URL")
    if not given:
        raise SystemExit("DATABASE_URL is not set: name the database to migrate.")
    return str(given)


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_name=is_ours,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    connection.execute(text("select pg_advisory_lock(:number)"), {"number": ONE_AT_A_TIME})
    connection.commit()
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:number)"), {"number": ONE_AT_A_TIME})


async def _online() -> None:
    engine = engine_of(_url(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_online())
