"""The audit log: what a person did, and what was done to their account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.batch import batch
from api.nodes import Node, global_id
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, read_page
from api.rows import Columns, Rows, in_order, rows_of
from domain.accounts import queries

if TYPE_CHECKING:
    from api.accounts import User

AUDIT_ORDER = Order("audit", queries.AUDIT_ORDER.sql, "e.id", is_descending=True)


@strawberry.type(description="Something that was done, for accountability. Never changes.")
class AuditLogEntry(Node):
    key: strawberry.Private[int]
    account_id: strawberry.Private[int]
    action: str = strawberry.field(description="What, for example `bet.place`.")
    entity_type: str | None = strawberry.field(description="Type of the object.")
    entity_id: strawberry.ID | None = strawberry.field(description="ID of the object.")
    details: strawberry.scalars.JSON | None = strawberry.field(description="Detail, without secrets.")
    ip_address: str | None = strawberry.field(description="IP address.")
    user_agent: str | None = strawberry.field(description="User agent.")
    occurred_at: datetime = strawberry.field(description="When.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[AuditLogEntry | None]:
        if db.account_id is None:
            return [None] * len(keys)
        return in_order(keys, _entries(await queries.audit_entries(db, keys, db.account_id)), lambda row: row.key)

    @batch
    @staticmethod
    async def actor(
        entries: Sequence[AuditLogEntry], db: Rows
    ) -> list[Annotated[User, strawberry.lazy("api.accounts")] | None]:
        """Who."""
        from api.accounts import User

        return await db.find(User, [entry.account_id for entry in entries])


@strawberry.type(description="A page of audit log entries.")
class AuditLogEntryConnection(Connection[AuditLogEntry]):
    pass


async def user_audit_log(
    users: Sequence[User],
    db: Rows,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[AuditLogEntryConnection]:
    """What the user did, newest first."""
    page = read_page(AUDIT_ORDER, first, after, last, before)
    keys = [user.key for user in users]
    rows = _entries(await queries.audit_page(db, keys, page))
    counts = Counts(partial(queries.audit_counts, account_ids=keys))
    return connect_each(AuditLogEntryConnection, page, keys, rows, counts)


def _entries(records: Iterable[Columns]) -> list[AuditLogEntry]:
    """Rows whose object is named by its global id; the table holds its key."""
    rows = rows_of(AuditLogEntry, records)
    for row in rows:
        if row.entity_type is not None and row.entity_id is not None:
            row.entity_id = global_id(row.entity_type, row.entity_id)
    return rows
