"""How long a person is here, for their limit of time. Machine time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.infra.database import Reader

ABSENT = timedelta(minutes=5)
"""A silence this long is absence and counts nothing."""
NOTED_EVERY = timedelta(minutes=1)


async def touch(db: Reader, account_id: int, *, machine: datetime, zone: ZoneInfo) -> bool:
    """Note that a person is here; answers whether a row was written, which is at most once a minute.

    What passed since they were last seen counts to the day, in their zone, on which it ends, unless it is an absence.
    """
    noted = await db.fetchval(
        """with seen as (
               select max(last_seen_at) as at from care_activity where account_id = $1 and day >= $2::date - 1),
           passed as (
               select case when at > $3::timestamptz - $4::interval
                   then extract(epoch from $3::timestamptz - at)::int else 0 end as seconds
               from seen where at is null or at <= $3::timestamptz - $5::interval)
           insert into care_activity (account_id, day, seconds, last_seen_at)
           select $1, $2, seconds, $3 from passed
           on conflict (account_id, day) do update
           set seconds = care_activity.seconds + excluded.seconds, last_seen_at = excluded.last_seen_at
           where care_activity.last_seen_at <= excluded.last_seen_at - $5::interval
           returning true""",
        account_id,
        machine.astimezone(zone).date(),
        machine,
        ABSENT,
        NOTED_EVERY,
    )
    return bool(noted)
