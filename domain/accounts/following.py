"""What people follow: matches, leagues and teams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import asyncpg

from domain.infra.errors import Invalid, NotFound

TABLES: Mapping[str, str] = MappingProxyType({"MATCH": "match", "LEAGUE": "league", "TEAM": "team"})
"""The table of each kind of thing that can be followed."""
MOST_FOLLOWED = 1000
"""Things of one kind that one person may follow."""


async def follow(
    connection: asyncpg.Connection,
    account_id: int,
    kind: str,
    object_id: int,
    is_following: bool,
    *,
    machine: datetime,
) -> None:
    """Follow a thing, or stop, in the open transaction; doing it twice is the same as once.

    Raises NotFound when there is no such thing, and Invalid when a person follows `MOST_FOLLOWED` already.
    """
    if not await connection.fetchval(f"select exists (select 1 from {TABLES[kind]} where id = $1)", object_id):
        raise NotFound(f"There is no {TABLES[kind]} with this id.", field="input.id")
    if not is_following:
        await connection.execute(
            "delete from following where account_id = $1 and kind = $2 and object_id = $3", account_id, kind, object_id
        )
        return
    count: int = await connection.fetchval(
        "select count(*) from following where account_id = $1 and kind = $2 and object_id <> $3",
        account_id,
        kind,
        object_id,
    )
    if count >= MOST_FOLLOWED:
        raise Invalid("input.id", f"nobody follows more than {MOST_FOLLOWED} of a kind; stop following another first")
    await connection.execute(
        """insert into following (account_id, kind, object_id, created_at) values ($1, $2, $3, $4)
           on conflict do nothing""",
        account_id,
        kind,
        object_id,
        machine,
    )
