"""PostgreSQL: one pool for list reads and set-based writes, one engine for the tables' rows.

Both speak asyncpg. A transaction is opened by `transaction()` and only that commits; inside it
`connection_of(session)` gives the asyncpg connection itself, for COPY and set-based statements.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, cast

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from domain.infra.clock import set_right

MINIMUM_SERVER = 150000
"""PostgreSQL 15, as `server_version_num` gives it."""
CLOSE_WITHIN = 3.0
"""Seconds that statements have when the pool is closed."""


class Reader(Protocol):
    """What a list read needs: asyncpg's pool and connection both satisfy it."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...


class _QuietPool(asyncpg.Pool):
    """A pool whose connections are not reset on release: no session state is ever set on them."""


class _QuietConnection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


async def prepare(connection: asyncpg.Connection) -> None:
    """Read and write JSON as Python values on this connection."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
        )


class Database:
    """The two doors to PostgreSQL of one process."""

    def __init__(self, pool: asyncpg.Pool, engine: AsyncEngine) -> None:
        self.pool = pool
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @classmethod
    async def connect(cls, url: str, *, size: int = 8) -> Database:
        """Open the pool, and set this process's machine time right.

        Raises OSError or asyncpg.PostgresError when the server does not answer.
        """
        pool = await asyncpg.create_pool(
            url, min_size=1, max_size=size, init=prepare, connection_class=_QuietConnection, command_timeout=60
        )
        await set_right(pool)
        engine = engine_of(
            url,
            pool_size=max(1, size // 2),
            max_overflow=size,
            pool_pre_ping=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )
        return cls(pool, engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._sessions() as session, session.begin():
            yield session

    async def close(self) -> None:
        """Give everything back; a statement that still runs after some seconds is cut off."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self.pool.close()
        await self.engine.dispose()


async def connection_of(session: AsyncSession) -> asyncpg.Connection:
    """The asyncpg connection under an open transaction; what it does commits or rolls back with it.

    JSON goes in as text here and comes out as values: SQLAlchemy owns the connection's codecs.
    """
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = cast("asyncpg.Connection", raw.driver_connection)
    if not driver.is_in_transaction():
        # SQLAlchemy sends BEGIN with its own first statement; without it every statement here would commit alone.
        await connection.exec_driver_sql("select 1")
        assert driver.is_in_transaction()
    return driver


def engine_of(url: str, **options: Any) -> AsyncEngine:
    """SQLAlchemy's door to a server. asyncpg itself reads the URL: the other would hand on what stands in its query,
    `sslmode` or `application_name`, as if asyncpg took arguments of these names."""
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), **options)
