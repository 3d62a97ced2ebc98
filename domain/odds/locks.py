"""In which order writers of prices wait for each other.

One transaction per batch takes, in this order, so that two never wait for each other in a ring: partitions, leagues'
aggregates, leagues' prices, what has to be sent, and last the row of the position, which puts sequences in the order
of commits. The locks of leagues are numbers and not rows: nothing is written. They are taken in ascending order.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg


async def lock_prices(connection: asyncpg.Connection, match_ids: Sequence[int]) -> None:
    """Let no other transaction record prices in the leagues of these matches until this one ends."""
    await connection.execute(_LOCK, match_ids, "prices of leagues")


async def lock_aggregates(connection: asyncpg.Connection, match_ids: Sequence[int]) -> None:
    """Let no other transaction record aggregates in the leagues of these matches until this one ends.

    A lock of its own: prices that follow may be of more leagues, and theirs have to be taken at once.
    """
    await connection.execute(_LOCK, match_ids, "aggregates of leagues")


_LOCK = """
select pg_advisory_xact_lock(hashtext($2), (league_id % 2147483647)::int4)
from (select distinct league_id from match where id = any($1::int8[]) order by league_id) as ordered
"""


async def take_sequences(connection: asyncpg.Connection, number: int) -> tuple[int, int]:
    """The first and the last of the next `number` sequences; nobody else gets any until this transaction ends."""
    last: int = await connection.fetchval(_POSITION, number)
    return last - number + 1, last


_POSITION = "update odds_position set value = value + $1 where id = 1 returning value"
