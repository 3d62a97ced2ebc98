"""Bettors for tests and benchmarks: bankrolls, entries, bets, legs and settlements as rows, written in sets.

ann = await person(database)
bankroll = await make_bankroll(database.pool, ann, deposit=100_000)
await make_bets(database.pool, bankroll, [Wager(status="WON", price="2.50"), Wager(status="LOST")])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import numpy as np
import orjson

from domain.bets.record.rows import BETWEEN_TAGS, UNKNOWN, Bets
from domain.money import times
from tests.factories import NOW, hours

BEGAN = NOW - timedelta(days=400)
"""When bankrolls are made, in match time and machine time."""
PLACED = hours(-5)
SETTLED = hours(-2)


@dataclass(frozen=True, slots=True)
class Leg:
    """A selection of a bet by the ids of its rows; one typed in by hand has none."""

    match: int | None = None
    selection: int | None = None
    bookmaker: int | None = None
    bookmaker_name: str | None = None
    prediction: int | None = None


@dataclass(frozen=True, slots=True)
class Wager:
    """A bet to make; what comes back of it follows from `status` unless `payout` says it."""

    status: str = "WON"
    stake: int = 1000
    """Minor units."""
    price: str = "2.00"
    placed_at: datetime = PLACED
    settled_at: datetime = SETTLED
    payout: int | None = None
    closing_line_value: float | None = None
    edge: float | None = None
    tags: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = (Leg(),)

    @property
    def returned(self) -> int | None:
        """Minor units that come back, stake included; None while pending."""
        if self.payout is not None:
            return self.payout
        price = Decimal(self.price)
        shares = {"WON": price, "HALF_WON": (price + 1) / 2, "HALF_LOST": Decimal("0.5"), "LOST": Decimal(0)}
        return None if self.status == "PENDING" else times(self.stake, shares.get(self.status, Decimal(1)))

    @property
    def expected(self) -> float | None:
        """Expected profit at the closing price, minor units."""
        return None if self.closing_line_value is None else self.stake * self.closing_line_value


def columns(wagers: Sequence[Wager], *, bankroll: int = 1) -> Bets:
    """Bets as the record reads them, without a database: in the order given, numbered from 1; legs are typed in."""
    unknown = np.array([UNKNOWN] * len(wagers), dtype=np.object_)
    nothing = float("nan")
    return Bets(
        id=np.arange(1, len(wagers) + 1),
        bankroll=np.full(len(wagers), bankroll),
        status=np.array([wager.status for wager in wagers], dtype=np.object_),
        stake=np.array([wager.stake for wager in wagers], dtype=np.int64),
        payout=np.array([wager.returned or 0 for wager in wagers], dtype=np.int64),
        price=np.array([float(wager.price) for wager in wagers], dtype=np.float64),
        net_price=np.array([float(wager.price) for wager in wagers], dtype=np.float64),
        placed_at=np.array([wager.placed_at.timestamp() for wager in wagers], dtype=np.float64),
        settled_at=np.array(
            [nothing if wager.status == "PENDING" else wager.settled_at.timestamp() for wager in wagers],
            dtype=np.float64,
        ),
        closing_line_value=np.array([wager.closing_line_value for wager in wagers], dtype=np.float64),
        expected_profit=np.array([wager.expected for wager in wagers], dtype=np.float64),
        edge=np.array([wager.edge for wager in wagers], dtype=np.float64),
        league=unknown,
        market=unknown,
        bookmaker=unknown,
        model=unknown,
        tags=np.array([BETWEEN_TAGS.join(wager.tags) for wager in wagers], dtype=np.object_),
    )


async def make_bankroll(
    db: asyncpg.Pool,
    account: int,
    *,
    name: str = "Main",
    currency: str = "EUR",
    is_paper: bool = False,
    deposit: int = 100_000,
    at: datetime = BEGAN,
) -> int:
    """A bankroll with its opening deposit."""
    bankroll: int = await db.fetchval(
        """insert into bankroll (account_id, name, is_paper, currency, balance, staking, created_at)
           values ($1, $2, $3, $4, 0, $5::jsonb, $6) returning id""",
        account,
        name,
        is_paper,
        currency,
        {"method": "KELLY", "kelly_multiplier": 0.25, "max_stake_share": 0.05},
        at,
    )
    if deposit:
        await move_money(db, bankroll, deposit, at=at, recorded_at=at)
    return bankroll


async def move_money(
    db: asyncpg.Pool,
    bankroll: int,
    amount: int,
    *,
    kind: str = "DEPOSIT",
    at: datetime,
    recorded_at: datetime | None = None,
) -> None:
    """An entry that is no bet's."""
    await db.execute(
        """with entry as (
             insert into bankroll_entry (bankroll_id, kind, amount, reason, occurred_at, recorded_at)
             values ($1, $2, $3, 'test', $4, $5))
           update bankroll set balance = balance + $3 where id = $1""",
        bankroll,
        kind,
        amount,
        at,
        recorded_at or at + timedelta(days=1),
    )


async def make_bets(db: asyncpg.Pool, bankroll: int, wagers: Sequence[Wager]) -> list[int]:
    """Bets with their legs, entries and settlements; answers their ids in order."""
    ids = await _bets(db, bankroll, wagers)
    await _legs(db, [(bet, wager) for bet, wager in zip(ids, wagers, strict=True)])
    await db.execute(_SETTLEMENTS, ids)
    await db.execute(_ENTRIES, bankroll, ids)
    return ids


async def _bets(db: asyncpg.Pool, bankroll: int, wagers: Sequence[Wager]) -> list[int]:
    rows = await db.fetch(
        """insert into bet (account_id, bankroll_id, kind, status, stake, price, payout, source, tags,
               is_settled_by_hand, edge_at_placement, closing_line_value, expected_profit, placed_at, settled_at,
               recorded_at, version)
           select r.account_id, r.id, t.kind, t.status, t.stake, t.price::numeric, t.payout, 'MANUAL',
               array(select jsonb_array_elements_text(t.tags)), false, t.edge, t.clv, t.expected, t.placed_at,
               t.settled_at, t.placed_at, 1
           from jsonb_to_recordset($2) as t(place int, kind text, status text, stake bigint, price text, payout bigint,
                    tags jsonb, edge float8, clv float8, expected float8, placed_at timestamptz,
                    settled_at timestamptz)
           join bankroll r on r.id = $1 order by t.place returning id""",
        bankroll,
        [_bet_row(place, wager) for place, wager in enumerate(wagers)],
    )
    return [row["id"] for row in rows]


def _bet_row(place: int, wager: Wager) -> dict[str, Any]:
    return {
        "place": place,
        "kind": "SINGLE" if len(wager.legs) == 1 else "ACCUMULATOR",
        "status": wager.status,
        "stake": wager.stake,
        "price": wager.price,
        "payout": wager.returned,
        "tags": list(wager.tags),
        "edge": wager.edge,
        "clv": wager.closing_line_value,
        "expected": wager.expected,
        "placed_at": wager.placed_at.isoformat(),
        "settled_at": None if wager.status == "PENDING" else wager.settled_at.isoformat(),
    }


async def _legs(db: asyncpg.Pool, bets: Sequence[tuple[int, Wager]]) -> None:
    rows = [
        {
            "bet_id": bet,
            "position": place,
            "match_id": leg.match,
            "selection_id": leg.selection,
            "bookmaker_id": leg.bookmaker,
            "bookmaker_name": leg.bookmaker_name,
            "prediction_id": leg.prediction,
            "price": wager.price,
            "result": None if wager.status == "PENDING" else wager.status,
        }
        for bet, wager in bets
        for place, leg in enumerate(wager.legs)
    ]
    await db.execute(
        """insert into bet_leg (bet_id, position, match_id, market_id, selection_id, bookmaker_id, bookmaker_name,
               description, price, prediction_id, result)
           select t.bet_id, t.position, t.match_id, s.market_id, t.selection_id, t.bookmaker_id, t.bookmaker_name,
               'A match: an outcome', t.price, t.prediction_id, t.result
           from jsonb_populate_recordset(null::bet_leg, $1::text::jsonb) t
           left join selection s on s.id = t.selection_id""",
        orjson.dumps(rows).decode(),
    )


_SETTLEMENTS = """
with numbered as (
  insert into settlement (bet_id, account_id, sequence, status, payout, leg_results, trace, cause, is_effective,
      settled_at, recorded_at)
  select b.id, b.account_id, coalesce(o.position, 0) + row_number() over (order by b.settled_at, b.id), b.status,
      b.payout, array[b.status], array['test'], 'RESULT', true, b.settled_at, b.settled_at
  from bet b left join bettor o on o.account_id = b.account_id
  where b.id = any($1::bigint[]) and b.status <> 'PENDING'
  returning account_id, sequence)
insert into bettor (account_id, position) select account_id, max(sequence) from numbered group by 1
on conflict (account_id) do update set position = excluded.position
"""

_ENTRIES = """
with posted as (
  insert into bankroll_entry (bankroll_id, kind, amount, bet_id, settlement_id, occurred_at, recorded_at)
  select bankroll_id, 'STAKE', -stake, id, null::bigint, placed_at, recorded_at from bet where id = any($2::bigint[])
  union all
  select b.bankroll_id, 'RETURN', b.payout, b.id, s.id, b.settled_at, b.settled_at
  from bet b join settlement s on s.bet_id = b.id where b.id = any($2::bigint[]) and b.payout > 0
  returning amount)
update bankroll set balance = balance + (select coalesce(sum(amount), 0)::bigint from posted) where id = $1
"""
