"""What people say about themselves and how they want things, and changing it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Final

import asyncpg

from domain.accounts import audit, rules
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.infra.database import connection_of
from domain.infra.errors import NotFound, SignInRequired


class Keep(Enum):
    """The type of `KEEP`."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
"""In place of a value: leave it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is to be changed. None empties first and last name, phone, company and tax id; nothing else can be empty."""

    first_name: str | Keep | None = KEEP
    last_name: str | Keep | None = KEEP
    phone: str | Keep | None = KEEP
    company: str | Keep | None = KEEP
    tax_id: str | Keep | None = KEEP
    locale: str | Keep | None = KEEP
    time_zone: str | Keep | None = KEEP
    currency: str | Keep | None = KEEP
    odds_format: str | Keep | None = KEEP
    bookmaker_ids: list[int] | Keep | None = KEEP
    min_edge: float | Keep | None = KEEP
    is_email_enabled: bool | Keep | None = KEEP
    is_value_bet_alert_enabled: bool | Keep | None = KEEP


async def update_profile(desk: Desk, viewer: Viewer, changes: Changes, caller: Caller, *, machine: datetime) -> None:
    """Change the viewer's own row; what is not said stays.

    Raises Invalid naming the field, and NotFound for a bookmaker that does not exist. `machine` is machine time.
    """
    columns = {field.name: getattr(changes, field.name) for field in fields(changes)}
    wanted = {name: rules.profile_value(name, value) for name, value in columns.items() if value is not KEEP}
    if not wanted:
        return
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        await _check_bookmakers(connection, wanted.get("bookmaker_ids", []))
        places = ", ".join(f"{name} = ${place}" for place, name in enumerate(wanted, 2))
        status = await connection.execute(
            f"update account set {places} where id = $1", viewer.account_id, *wanted.values()
        )
        if status == "UPDATE 0":
            raise SignInRequired("This account does not exist any more.")
        details = {"fields": sorted(wanted)}
        await audit.note(
            connection, viewer.account_id, "profile.update", machine=machine, caller=caller, details=details
        )


async def _check_bookmakers(connection: asyncpg.Connection, ids: list[int]) -> None:
    found = await connection.fetchval("select count(*) from bookmaker where id = any($1::bigint[])", ids)
    if found != len(ids):
        raise NotFound("One of these bookmakers does not exist.", field="input.bookmakerIds")
