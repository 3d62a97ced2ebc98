"""Reads of bankrolls, their movements, bets, legs and verdicts. Every one answers only for one account's own rows.

Columns are named as the attributes of the graph's rows: `key` is the primary key, `…_minor` an amount in minor
units of `currency`, `owner` the parent that a row belongs to. A bet that was taken back is nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record

from domain.infra.database import Reader
from domain.infra.listing import SortKey, Where, Window

BANKROLL = """r.id as key, r.name, r.is_paper, r.currency, r.balance as balance_minor,
    r.staking as plan, r.created_at"""
"""Columns of `bankroll r`."""
BANKROLL_ORDER = SortKey("r.id")
"""Oldest first."""

ENTRY = """e.id as key, r.currency, e.kind, e.amount as amount_minor, e.reason as note,
    e.occurred_at"""
"""Columns of `bankroll_entry e` and its `bankroll r`."""
ENTRY_ORDER = SortKey("e.occurred_at")

BET = """b.id as key, b.bankroll_id, b.kind, b.status, b.stake as stake_minor,
    b.payout as payout_minor, b.price::float8 as decimal_odds, b.source, b.value_bet_id, b.tags, b.notes,
    b.is_settled_by_hand, b.edge_at_placement, b.closing_line_value, b.expected_profit as expected_minor,
    b.placed_at, b.settled_at, b.version, r.is_paper, r.currency,
    array(select l.price from bet_leg l where l.bet_id = b.id order by l.position) as leg_prices,
    array(select l.commission from bet_leg l where l.bet_id = b.id order by l.position) as leg_commissions"""
"""Columns of `bet b` and its `bankroll r`."""

SETTLEMENT = """s.bet_id, s.sequence, s.status, s.payout as payout_minor, s.cause, s.is_effective, s.trace,
    s.settled_at, b.bankroll_id, r.currency"""
"""Columns of `settlement s`, its `bet b` and their `bankroll r`."""
_SETTLED = "settlement s join bet b on b.id = s.bet_id join bankroll r on r.id = b.bankroll_id"


async def bankrolls(db: Reader, account_id: int | None, ids: Sequence[int]) -> list[Record]:
    """Bankrolls by id."""
    return await db.fetch(
        f"select {BANKROLL} from bankroll r where r.account_id = $1 and r.id = any($2::bigint[])", account_id, ids
    )


async def bankroll_page(db: Reader, account_id: int, window: Window) -> list[Record]:
    """A page of an account's bankrolls, oldest first."""
    where = Where()
    where.add("r.account_id = {}", account_id)
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(
        f"select {BANKROLL}, {BANKROLL_ORDER.sql} as sort_key from bankroll r where {condition} {ordering}", *arguments
    )


async def bankroll_count(db: Reader, account_id: int) -> int:
    """How many bankrolls an account has."""
    return int(await db.fetchval("select count(*) from bankroll where account_id = $1", account_id))


async def starting_balances(db: Reader, account_id: int, bankroll_ids: Sequence[int]) -> dict[int, int]:
    """What each bankroll was made with, minor units; one that began empty is missing.

    It is the deposit that was recorded at the very instant at which the bankroll was made.
    """
    rows = await db.fetch(
        """select e.bankroll_id, sum(e.amount)::bigint from bankroll_entry e join bankroll r on r.id = e.bankroll_id
           where r.account_id = $1 and r.id = any($2::bigint[]) and e.kind = 'DEPOSIT' and e.recorded_at = r.created_at
           group by 1""",
        account_id,
        bankroll_ids,
    )
    return {row[0]: row[1] for row in rows}


async def exposures(db: Reader, account_id: int, bankroll_ids: Sequence[int]) -> dict[int, int]:
    """Stakes of each bankroll's pending bets, minor units; one without any is missing."""
    rows = await db.fetch(
        """select bankroll_id, sum(stake)::bigint from bet
           where account_id = $1 and bankroll_id = any($2::bigint[]) and status = 'PENDING' and deleted_at is null
           group by 1""",
        account_id,
        bankroll_ids,
    )
    return {row[0]: row[1] for row in rows}


async def entries(db: Reader, account_id: int | None, ids: Sequence[int]) -> list[Record]:
    """Movements by id that are no bet's."""
    return await db.fetch(
        f"""select {ENTRY} from bankroll_entry e join bankroll r on r.id = e.bankroll_id
            where r.account_id = $1 and e.id = any($2::bigint[]) and e.bet_id is null""",
        account_id,
        ids,
    )


async def entry_page(db: Reader, account_id: int, bankroll_ids: Sequence[int], window: Window) -> list[Record]:
    """A page of each bankroll's movements that are no bet's, with `owner`."""
    where = Where(list(bankroll_ids))
    where.add("r.account_id = {}", account_id)
    condition, ordering, arguments = where.paged(window)
    return await db.fetch(
        f"""select owner.id as owner, page.* from unnest($1::bigint[]) as owner(id) cross join lateral (
              select {ENTRY}, {ENTRY_ORDER.sql} as sort_key
              from bankroll_entry e join bankroll r on r.id = e.bankroll_id
              where e.bankroll_id = owner.id and e.bet_id is null and {condition} {ordering}) page""",
        *arguments,
    )


async def entry_counts(db: Reader, account_id: int, bankroll_ids: Sequence[int]) -> dict[int, int]:
    """How many movements that are no bet's each bankroll has."""
    rows = await db.fetch(
        """select e.bankroll_id, count(*) from bankroll_entry e join bankroll r on r.id = e.bankroll_id
           where r.account_id = $1 and r.id = any($2::bigint[]) and e.bet_id is null group by 1""",
        account_id,
        bankroll_ids,
    )
    return {row[0]: row[1] for row in rows}


async def bets(db: Reader, account_id: int | None, ids: Sequence[int]) -> list[Record]:
    """Bets by id."""
    return await db.fetch(
        f"""select {BET} from bet b join bankroll r on r.id = b.bankroll_id
            where b.account_id = $1 and b.id = any($2::bigint[]) and b.deleted_at is null""",
        account_id,
        ids,
    )


async def legs(db: Reader, account_id: int, bet_ids: Sequence[int]) -> list[Record]:
    """Legs of bets, with `owner`, in order."""
    return await db.fetch(
        """select l.bet_id as owner, l.match_id, l.market_id, l.selection_id, l.bookmaker_id, l.bookmaker_name,
               l.description, l.price::float8 as decimal_odds, l.prediction_id, l.probability_at_placement,
               l.fair_probability_at_placement, l.closing_probability, l.closing_note, l.result
           from bet_leg l join bet b on b.id = l.bet_id
           where b.account_id = $1 and b.id = any($2::bigint[]) order by l.bet_id, l.position""",
        account_id,
        bet_ids,
    )


async def settlements(db: Reader, account_id: int | None, bet_ids: Sequence[int]) -> list[Record]:
    """Every verdict on bets, oldest first."""
    return await db.fetch(
        f"select {SETTLEMENT} from {_SETTLED} where s.account_id = $1 and s.bet_id = any($2::bigint[]) order by s.id",
        account_id,
        bet_ids,
    )


async def settlement_position(db: Reader, account_id: int) -> int:
    """The sequence of an account's last verdict; 0 before the first."""
    return int(await db.fetchval("select position from bettor where account_id = $1", account_id) or 0)


async def settlements_after(
    db: Reader, account_id: int, sequence: int, *, bankroll_id: int | None = None, limit: int
) -> list[Record]:
    """The first verdicts after a position, in order; of one bankroll, if it is named."""
    return await db.fetch(
        f"""select {SETTLEMENT} from {_SETTLED}
            where s.account_id = $1 and s.sequence > $2 and ($3::bigint is null or b.bankroll_id = $3)
            order by s.sequence limit $4""",
        account_id,
        sequence,
        bankroll_id,
        limit,
    )
