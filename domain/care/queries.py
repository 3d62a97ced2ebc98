"""Reads: the limits and the break that are in force for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from asyncpg import Record

from domain.care.rules import Kind, Period, Setting
from domain.infra.database import Reader
from domain.infra.errors import NotFound


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force."""

    id: int
    kind: Kind
    period: Period
    currency: str
    """ISO 4217 of a money limit, else empty."""
    value: int
    """Minor units, bets or minutes."""
    setting: Setting
    """With what waits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person has set themselves, at an instant of machine time."""

    zone: ZoneInfo
    excluded_until: datetime | None
    """End of the break in force; the latest, where several overlap."""
    limits: Sequence[Limit]


async def standing_of(db: Reader, account_id: int, *, machine: datetime) -> Standing:
    """The limits and the break in force, with one statement; raises NotFound when the account is gone."""
    rows = await db.fetch(
        """select a.time_zone, (select max(until) from care_break b
               where b.account_id = a.id and b.until > $2) as excluded_until,
               l.id, l.kind, l.period, l.currency, l.value, l.pending_value, l.pending_from
           from account a left join care_limit l on l.account_id = a.id where a.id = $1
           order by array_position(array['DAY', 'WEEK', 'MONTH'], l.period), l.kind, l.currency""",
        account_id,
        machine,
    )
    if not rows:
        raise NotFound("The account does not exist any more.")
    limits = [limit for row in rows if row["id"] is not None and (limit := limit_of(row, machine)) is not None]
    return Standing(ZoneInfo(rows[0]["time_zone"]), rows[0]["excluded_until"], limits)


async def absences(db: Reader, account_ids: Sequence[int]) -> list[Record]:
    """The end of the latest break of each account as `until`; null for one that never took any."""
    return await db.fetch(
        """select a.id as key, max(b.until) as until from account a left join care_break b on b.account_id = a.id
           where a.id = any($1::bigint[]) group by a.id""",
        list(account_ids),
    )


async def limits(db: Reader, ids: Sequence[int], account_id: int | None) -> list[Record]:
    """Limits of an account by id, in force or not, with the account's `time_zone`."""
    return await db.fetch(
        """select l.id, l.kind, l.period, l.currency, l.value, l.pending_value, l.pending_from, a.time_zone
           from care_limit l join account a on a.id = l.account_id
           where l.id = any($1::bigint[]) and l.account_id = $2""",
        list(ids),
        account_id,
    )


def limit_of(row: Record, machine: datetime) -> Limit | None:
    """The limit of a row of `care_limit`; None where none is in force."""
    setting = setting_of(row).settled(machine)
    if setting.value is None:
        return None
    return Limit(row["id"], Kind(row["kind"]), Period(row["period"]), row["currency"], setting.value, setting)


def setting_of(row: Record) -> Setting:
    """A row's value and what waits; a removal waits as no value."""
    return Setting(row["value"], row["pending_value"], row["pending_from"])
