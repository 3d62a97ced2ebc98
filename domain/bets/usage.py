"""What somebody used of their limits in the running day, week and month, and whether there is room for more.

Paper money is not limited, and bets that were imported happened before: both are left out. What counts is
when it was recorded, in machine time, so that a replay at another speed moves no limit:

- STAKE and BET_COUNT: the bets that were not taken back;
- LOSS: stakes less what came back, by the ledger, so a bet is lost until it is settled;
- DEPOSIT: deposits, whatever was withdrawn;
- TIME: minutes of `care_activity`.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from domain.care.check import Usage, Wanted, check_allowed
from domain.care.queries import Standing, standing_of
from domain.care.rules import Kind, Period, days_back, first_day, start_of
from domain.care.service import lock_account
from domain.care.signs import DAYS, Move
from domain.infra.database import Reader


async def check(connection: asyncpg.Connection, account_id: int, wanted: Wanted, *, machine: datetime) -> None:
    """Raises SelfExcluded or LimitReached where somebody may not do what they want to; at most three statements.

    Locks the account until the transaction ends: of two bets at once the second sees the first. Call it once the
    bankrolls are locked, in the transaction that writes the bet or the deposit.
    """
    await lock_account(connection, account_id)
    standing = await standing_of(connection, account_id, machine=machine)
    usage = await usage_of(connection, account_id, standing, machine=machine)
    check_allowed(standing, wanted, usage, machine=machine)


async def room(db: Reader, account_id: int, currency: str, *, machine: datetime) -> int | None:
    """The largest stake that the limits leave, in minor units; None without a limit on it, 0 during a break."""
    standing = await standing_of(db, account_id, machine=machine)
    if standing.excluded_until is not None:
        return 0
    usage = await usage_of(db, account_id, standing, machine=machine)
    left: list[int] = []
    for limit in standing.limits:
        rest = max(0, limit.value - usage.of(limit))
        if limit.kind in (Kind.STAKE, Kind.LOSS) and limit.currency == currency:
            left.append(rest)
        elif limit.kind in (Kind.BET_COUNT, Kind.TIME) and rest == 0:
            left.append(0)
    return min(left, default=None)


async def usage_of(db: Reader, account_id: int, standing: Standing, *, machine: datetime) -> Usage:
    """What was used in the running periods of the limits in force, with one statement; with none without limits."""
    periods = sorted({limit.period for limit in standing.limits}, key=list(Period).index)
    if not periods:
        return Usage()
    rows = await db.fetch(
        _USED,
        account_id,
        [period.value for period in periods],
        [start_of(period, machine, standing.zone) for period in periods],
        [first_day(period, machine, standing.zone) for period in periods],
    )
    return Usage({(Kind(row["kind"]), Period(row["period"]), row["currency"]): row["used"] for row in rows})


async def moves_of(db: Reader, account_id: int, zone: ZoneInfo, *, machine: datetime) -> list[Move]:
    """Bets, lost bets and deposits of the last seven days with real money, for `risk_signs`, in their order."""
    rows = await db.fetch(_MOVES, account_id, days_back(DAYS, machine, zone))
    return [Move(row["kind"], row["amount"], row["currency"], row["at"]) for row in rows]


_USED = """
with span as (
  select * from unnest($2::text[], $3::timestamptz[], $4::date[]) as t(period, since, first_day)),
placed as (
  select s.period, k.currency, b.stake
  from span s join bet b on b.account_id = $1 and b.recorded_at >= s.since
  join bankroll k on k.id = b.bankroll_id
  where not k.is_paper and b.deleted_at is null and b.source <> 'IMPORT'),
moved as (
  select s.period, k.currency, e.kind, e.amount
  from span s join bankroll k on k.account_id = $1 and not k.is_paper
  join bankroll_entry e on e.bankroll_id = k.id and e.recorded_at >= s.since
  left join bet b on b.id = e.bet_id
  where e.kind in ('STAKE', 'RETURN', 'REVERSAL', 'DEPOSIT') and b.source is distinct from 'IMPORT')
select 'STAKE' as kind, period, currency, sum(stake)::bigint as used from placed group by period, currency
union all select 'BET_COUNT', period, '', count(*) from placed group by period
union all select 'LOSS', period, currency, -sum(amount)::bigint from moved where kind <> 'DEPOSIT'
  group by period, currency
union all select 'DEPOSIT', period, currency, sum(amount)::bigint from moved where kind = 'DEPOSIT'
  group by period, currency
union all select 'TIME', s.period, '', sum(a.seconds)::bigint
  from span s join care_activity a on a.account_id = $1 and a.day >= s.first_day group by s.period
"""

_MOVES = """
with mine as (
  select b.id, b.stake, b.recorded_at, k.currency from bet b join bankroll k on k.id = b.bankroll_id
  where b.account_id = $1 and not k.is_paper and b.source <> 'IMPORT' and b.deleted_at is null)
select 'STAKE' as kind, stake as amount, currency, recorded_at as at, id from mine where recorded_at >= $2
union all
select 'LOST', m.stake, m.currency, s.recorded_at, s.id from mine m join settlement s on s.bet_id = m.id
where s.recorded_at >= $2 and s.is_effective and s.status in ('LOST', 'HALF_LOST')
union all
select 'DEPOSIT', e.amount, k.currency, e.recorded_at, e.id
from bankroll k join bankroll_entry e on e.bankroll_id = k.id
where k.account_id = $1 and not k.is_paper and e.kind = 'DEPOSIT' and e.recorded_at >= $2
order by at, kind, id
"""
