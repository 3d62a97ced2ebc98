"""Everything that is kept about a person, table by table, for themselves (General Data Protection Regulation,
articles 15 and 20).

Rows are as the tables hold them: amounts in minor units of their bankroll's currency, instants in UTC. What opens
something, hashes of passwords and the ids that tokens and codes are signatures of, is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson
from asyncpg.pool import PoolConnectionProxy

_OWN: Final = "t.account_id = $1"
_OF_BANKROLLS: Final = "t.bankroll_id in (select id from bankroll where account_id = $1)"
_OF_BETS: Final = "t.bet_id in (select id from bet where account_id = $1)"
_OF_SESSIONS: Final = "t.session_id in (select id from session where account_id = $1)"
_OF_TASKS: Final = "t.task_id in (select id from task where account_id = $1)"

_FILE: Final = "task_id, role, part, name, media_type, length(body) as bytes, expires_at"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table `t` that are about account `$1`, in an order; all columns but some, or `columns` alone."""

    condition: str = _OWN
    order: str = "t.id"
    without: tuple[str, ...] = ()
    columns: str = "*"


PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "account": Part("t.id = $1", without=("password_hash",)),
        "session": Part(),
        "refresh_token": Part(_OF_SESSIONS, "t.created_at, t.id", without=("id", "successor_id")),
        "email_code": Part(order="t.created_at, t.id", without=("id", "password_hash")),
        "mail": Part(order="t.created_at, t.id", without=("id", "code_id")),
        "following": Part(order="t.created_at, t.kind, t.object_id"),
        "audit_entry": Part(),
        "care_limit": Part(),
        "care_break": Part(),
        "care_activity": Part(order="t.day"),
        "task": Part(),
        "task_file": Part(_OF_TASKS, "t.task_id, t.role, t.part", columns=_FILE),
        "bankroll": Part(),
        "bankroll_entry": Part(_OF_BANKROLLS),
        "bet": Part(),
        "bet_leg": Part(_OF_BETS),
        "settlement": Part(),
        "bettor": Part(order="t.account_id"),
        "placement": Part(order="t.recorded_at, t.key"),
    }
)
"""Every table that leads to an account, in the order in which they are told."""


async def count(connection: PoolConnectionProxy, account_id: int) -> int:
    """How many rows there are about somebody."""
    counts = " + ".join(f"(select count(*) from {table} t where {part.condition})" for table, part in PARTS.items())
    found: int = await connection.fetchval(f"select {counts}", account_id)
    return found


async def rows(connection: PoolConnectionProxy, account_id: int) -> AsyncIterator[dict[str, Any]]:
    """Each row with the name of its table, read by cursors in the open transaction."""
    for table, part in PARTS.items():
        cursor = connection.cursor(
            f"""select (to_jsonb(t) - $2::text[])::text as row from (select {part.columns} from {table}) t
                where {part.condition} order by {part.order}""",
            account_id,
            list(part.without),
            prefetch=500,
        )
        async for record in cursor:
            yield {"table": table, "row": orjson.Fragment(record["row"])}
