"""Telling a server that is away, or coming back, from an error of our own."""

from __future__ import annotations

import asyncpg
import redis
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    InterfaceError,
    OperationalError,
    redis.ConnectionError,
    redis.TimeoutError,
)


def is_outage(error: BaseException | None) -> bool:
    """Whether the error says that a server is away: waiting helps.

    SQLAlchemy knows no class for a connection that ends in mid-statement: there the cause tells.
    """
    return isinstance(error, _AWAY) or (isinstance(error, DBAPIError) and _is_caused_by_outage(error))


def _is_caused_by_outage(error: BaseException) -> bool:
    cause = error.__cause__
    while cause is not None and not isinstance(cause, _AWAY):
        cause = cause.__cause__
    return cause is not None
