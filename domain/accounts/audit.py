"""The audit log: what a person did, and what was done to their account. Append-only; without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import asyncpg
import orjson

from domain.accounts import rules
from domain.accounts.people import NOWHERE, Caller

NOTHING: Mapping[str, Any] = MappingProxyType({})


async def note(
    connection: asyncpg.Connection,
    account_id: int,
    action: str,
    *,
    machine: datetime,
    caller: Caller = NOWHERE,
    entity: tuple[str | None, int | str | None] = (None, None),
    details: Mapping[str, Any] = NOTHING,
) -> None:
    """Write an entry in the open transaction: no deed without its entry, no entry without its deed.

    `action` is `<what>.<deed>`, for example `bet.place`; `entity` is the type of the graph and the key of what it
    was done to; `machine` is machine time.
    """
    entity_type, entity_id = entity
    await connection.execute(
        """insert into audit_entry (account_id, action, entity_type, entity_id, details, ip_address, user_agent,
               occurred_at)
           values ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8)""",
        account_id,
        action,
        entity_type,
        None if entity_id is None else str(entity_id),
        orjson.dumps(dict(details)).decode(),
        caller.address,
        rules.user_agent(caller.user_agent),
        machine,
    )
