"""Reads of people's own rows. What belongs to somebody is asked for with whose it is, never by id alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from domain.accounts.following import TABLES
from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window

ACCOUNT = """a.id as key, a.email, a.is_email_verified, a.role, a.tier, a.first_name, a.last_name, a.phone, a.company,
    a.tax_id, a.locale, a.time_zone, a.currency, a.odds_format, a.bookmaker_ids, a.min_edge, a.is_email_enabled,
    a.is_value_bet_alert_enabled, a.of_legal_age_since, a.created_at, a.last_login_at, a.deletes_at"""

SESSION = """s.id as key, s.account_id, s.device_name, s.ip_address, s.user_agent, s.created_at, s.last_used_at,
    s.expires_at"""
SESSION_ORDER = SortKey("s.last_used_at")
"""The tie-break is `s.id`."""

AUDIT_ENTRY = """e.id as key, e.account_id, e.action, e.entity_type, e.entity_id, e.details, e.ip_address, e.user_agent,
    e.occurred_at"""
AUDIT_ORDER = SortKey("e.id")
"""In the order in which they were written."""

FOLLOWED_ORDER = SortKey("f.created_at")
"""The tie-break is `f.object_id`."""

_LIVE = "s.ended_at is null and s.expires_at > "


async def accounts(db: Reader, ids: Sequence[int]) -> list[Record]:
    """Accounts by id, without their passwords."""
    return await db.fetch(f"select {ACCOUNT} from account a where a.id = any($1::bigint[])", ids)


async def sessions(db: Reader, ids: Sequence[int], account_id: int) -> list[Record]:
    """Sessions of an account by id, ended ones too."""
    return await db.fetch(
        f"select {SESSION} from session s where s.id = any($1::bigint[]) and s.account_id = $2", ids, account_id
    )


async def session_page(db: Reader, account_ids: Sequence[int], machine: datetime, window: Window) -> list[Record]:
    """A page of the sessions of each account that are live at `machine`, with `owner`."""
    where = Where(list(account_ids))
    where.add(_LIVE + "{}", machine)
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {SESSION}, {SESSION_ORDER.sql} as sort_key from session s
              where s.account_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def session_counts(db: Reader, account_ids: Sequence[int], machine: datetime) -> dict[int, int]:
    """How many sessions of each account are live at `machine`."""
    rows = await db.fetch(
        f"""select s.account_id, count(*) from session s
            where s.account_id = any($1::bigint[]) and {_LIVE} $2 group by 1""",
        account_ids,
        machine,
    )
    return {row["account_id"]: row["count"] for row in rows}


async def audit_entries(db: Reader, ids: Sequence[int], account_id: int) -> list[Record]:
    """Entries of an account's audit log by id."""
    return await db.fetch(
        f"select {AUDIT_ENTRY} from audit_entry e where e.id = any($1::bigint[]) and e.account_id = $2", ids, account_id
    )


async def audit_page(db: Reader, account_ids: Sequence[int], window: Window) -> list[Record]:
    """A page of the audit log of each account, with `owner`."""
    condition, ordering, arguments = Where(list(account_ids)).paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {AUDIT_ENTRY}, {AUDIT_ORDER.sql} as sort_key from audit_entry e
              where e.account_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def audit_counts(db: Reader, account_ids: Sequence[int]) -> dict[int, int]:
    """How many entries the audit log of each account has."""
    rows = await db.fetch(
        "select account_id, count(*) from audit_entry where account_id = any($1::bigint[]) group by 1", account_ids
    )
    return {row["account_id"]: row["count"] for row in rows}


async def followed_page(db: Reader, account_ids: Sequence[int], kind: str, window: Window) -> list[Record]:
    """A page of what each account follows of a kind: `owner`, and `key` of the match, league or team."""
    where = Where(list(account_ids))
    where.add("f.kind = {}", kind)
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select f.object_id as key, {FOLLOWED_ORDER.sql} as sort_key
              from following f join {TABLES[kind]} o on o.id = f.object_id
              where f.account_id = owner.id and {condition} {ordering}) page""",
        *arguments,
    )


async def followed_counts(db: Reader, account_ids: Sequence[int], kind: str) -> dict[int, int]:
    """How many things of a kind each account follows."""
    rows = await db.fetch(
        f"""select f.account_id, count(*) from following f join {TABLES[kind]} o on o.id = f.object_id
            where f.account_id = any($1::bigint[]) and f.kind = $2 group by 1""",
        account_ids,
        kind,
    )
    return {row["account_id"]: row["count"] for row in rows}


async def followed_among(db: Reader, account_id: int, kind: str, ids: Sequence[int]) -> set[int]:
    """Those of the ids that an account follows."""
    rows = await db.fetch(
        "select object_id from following where account_id = $1 and kind = $2 and object_id = any($3::bigint[])",
        account_id,
        kind,
        ids,
    )
    return {row["object_id"] for row in rows}
