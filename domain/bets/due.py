"""Which bets are to be settled, and reading them under their locks.

A leg is due when its match was decided, or moved too far, and nothing was made of it yet; and again when the facts
it rests on changed afterwards. A leg that the facts did not decide keeps the instant of those facts, so that it
is looked at again only when there are new ones; one on a plugin's market that of the plugin's answer. While nothing
is due the search is a few probes of an index per match with open bets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from domain.bets.judging import DECIDED, MOVED_BY
from domain.bets.ledger import lock_bankrolls
from domain.bets.slips import Bet, Leg
from domain.markets.results import FACTS_NOW

CORRECTED_WITHIN: Final = timedelta(days=90)
"""Match time since kick-off in which a corrected result settles bets anew; later their owners do. Bookmakers allow
one to three days (PokerStars Sports, "Sportsbook Rules": 24 to 72 hours)."""


@dataclass(frozen=True, slots=True)
class Due:
    """Bets to be settled, each with its bankroll."""

    bets: Sequence[tuple[int, int]]
    has_more: bool
    """Whether the search ended at its limit."""


async def due_bets(connection: asyncpg.Connection, *, now: datetime, limit: int) -> Due:
    """The bets of at most so many due legs; nothing is locked."""
    rows = await connection.fetch(_DUE, list(DECIDED), MOVED_BY, now - CORRECTED_WITHIN, limit)
    return Due([(row["id"], row["bankroll_id"]) for row in rows], bool(rows) and rows[0]["legs"] == limit)


_OPEN: Final = "l.match_id is not null and (l.result is null or l.judged_at is null)"
"""The condition of the index `bet_leg_open`."""
_UNSEEN: Final = f"""coalesce(l.judged_at, '-infinity') < case
      when m.status <> 'FINISHED' or l.kickoff_at < m.kickoff_at - $2::interval
        or not exists (select 1 from market k where k.id = l.market_id and k.kind like '%.%') then m.updated_at
      else (select case when {FACTS_NOW} @> a.facts then a.settled_at end from market_result a
            where a.match_id = l.match_id and a.market_id = l.market_id order by a.revision desc limit 1) end"""
"""The instant by which a leg must have been judged is that of the facts, and on a plugin's market, unless the match is
void or was moved, that of its newest answer where this rests on the facts of now. As `Judge.decided_at` has it."""

_DUE: Final = f"""
with recursive open_match (id) as (
  (select l.match_id from bet_leg l where {_OPEN} order by l.match_id limit 1)
  union all
  select (select l.match_id from bet_leg l where {_OPEN} and l.match_id > o.id order by l.match_id limit 1)
  from open_match o where o.id is not null),
due as materialized (
  select leg.bet_id from open_match o join match m on m.id = o.id cross join lateral (
    select l.bet_id from bet_leg l
    where l.match_id = m.id and m.status = any($1::text[]) and {_OPEN} and {_UNSEEN}
    union all
    select l.bet_id from bet_leg l
    where l.match_id = m.id and l.kickoff_at < m.kickoff_at - $2::interval and m.status <> all($1::text[]) and {_OPEN}
      and {_UNSEEN}
    limit $4) leg
  union all
  select leg.bet_id from match m cross join lateral (
    select greatest(m.updated_at, max(a.settled_at)) as at from market_result a where a.match_id = m.id
  ) told cross join lateral (
    select l.bet_id from bet_leg l
    where l.match_id = m.id and l.judged_at < told.at and l.result is not null and {_UNSEEN}
      and (m.status = any($1::text[]) or l.kickoff_at < m.kickoff_at - $2::interval)
    limit $4) leg
  where m.kickoff_at > $3
  limit $4)
select b.id, b.bankroll_id, (select count(*) from due) as legs
from bet b where b.id in (select bet_id from due)
"""
"""The recursive part steps from one match with open legs to the next one in their index. The limits within make the
planner ask match by match, by index: it cannot know that hardly any leg was judged before its match changed."""


async def lock_bets(connection: asyncpg.Connection, bets: Sequence[tuple[int, int]]) -> list[Bet]:
    """The bets, given with their bankrolls, locked in the ledger's order until the transaction ends.

    Their accounts are kept from being erased meanwhile, which nobody else waits for; those that are gone are left out.
    """
    of = [bankroll for _, bankroll in bets]
    await connection.execute(_KEEP_ACCOUNTS, of)
    bankrolls = await lock_bankrolls(connection, of)
    rows = await connection.fetch(_LOCK, sorted(bet_id for bet_id, _ in bets))
    locked = {
        row["id"]: Bet(
            **{name: row[name] for name in _BET_COLUMNS},
            balance=bankrolls[row["bankroll_id"]].balance,
            currency=bankrolls[row["bankroll_id"]].currency,
            judged_as=None if row["judged_status"] is None else (row["judged_status"], row["judged_payout"]),
        )
        for row in rows
    }
    for row in await connection.fetch(_LEGS, list(locked)):
        locked[row["bet_id"]].legs.append(Leg(**{name: row[name] for name in _LEG_COLUMNS}))
    return list(locked.values())


_BET_COLUMNS: Final = (
    *("id", "account_id", "bankroll_id", "stake", "status", "payout", "version"),
    *("placed_at", "is_deleted", "cause", "closing_line_value"),
)
_LEG_COLUMNS: Final = (
    *("id", "match_id", "selection_id", "description", "price", "commission", "kickoff_at"),
    *("result", "judged_at", "closing_probability", "closing_note"),
)

_KEEP_ACCOUNTS: Final = """
select 1 from account where id in (select account_id from bankroll where id = any($1::bigint[])) order by id
for key share
"""

_LOCK: Final = """
select b.id, b.account_id, b.bankroll_id, b.stake, b.status, b.payout, b.version, b.placed_at, b.closing_line_value,
    b.deleted_at is not null as is_deleted, counts.cause, judged.status as judged_status,
    judged.payout as judged_payout
from bet b
left join lateral (
  select s.cause from settlement s
  where s.bet_id = b.id and b.status <> 'PENDING' and s.is_effective order by s.id desc limit 1
) counts on true
left join lateral (
  select s.status, s.payout from settlement s
  where s.bet_id = b.id and b.status <> 'PENDING' and s.cause in ('RESULT', 'CORRECTED_RESULT')
  order by s.id desc limit 1
) judged on true
where b.id = any($1::bigint[]) order by b.id for no key update of b
"""

_LEGS: Final = f"""
select bet_id, {", ".join(_LEG_COLUMNS)} from bet_leg where bet_id = any($1::bigint[]) order by bet_id, position
"""
