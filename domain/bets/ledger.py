"""The ledger of the bankrolls: every movement of money is an entry, and a balance is the sum of its entries.

Entries are never changed; a mistake is made good by another one. `post` writes entries and moves the balances
in one statement, so the two cannot fall out of step, whatever else a transaction does. Whether somebody may
spend is asked before (`domain.bets.controls`, `bankrolls`); the ledger itself lets a balance fall below zero,
because a corrected result may take back money that was spent meanwhile.

Whoever writes bets locks in this order, so that no two wait for each other: the key of the placement, the
bankrolls by id, the bets by id, the account (`domain.bets.usage.check`), the bettor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from domain.bets.rules import Staking
from domain.infra.errors import NotFound


@dataclass(frozen=True, slots=True)
class BankrollRow:
    """A bankroll as it stands under its lock; `balance` is in minor units of `currency`."""

    id: int
    account_id: int
    name: str
    currency: str
    is_paper: bool
    balance: int
    staking: Staking


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money; `occurred_at` is match time."""

    bankroll_id: int
    kind: str
    """DEPOSIT, WITHDRAWAL, BONUS, CORRECTION, STAKE, RETURN or REVERSAL."""
    amount: int
    """Minor units, never 0; negative takes money out."""
    occurred_at: datetime
    bet_id: int | None = None
    settlement_id: int | None = None
    reason: str | None = None
    """Words for people; an entry without a bet must have some."""

    def __post_init__(self) -> None:
        # The driver would cut the fraction off without a word.
        if not isinstance(self.amount, int):
            raise TypeError(f"an amount is a whole number of minor units, not {self.amount!r}")


async def lock_bankrolls(connection: asyncpg.Connection, ids: Iterable[int]) -> dict[int, BankrollRow]:
    """The bankrolls of these ids, locked until the transaction ends; ids that are nobody's are left out.

    Locked by ascending id, and weakly enough that a foreign key to them is checked without waiting.
    """
    rows = await connection.fetch(
        """select id, account_id, name, currency, is_paper, balance, staking::text as staking
           from bankroll where id = any($1::bigint[]) order by id for no key update""",
        sorted(set(ids)),
    )
    return {row["id"]: _bankroll(dict(row)) for row in rows}


def _bankroll(row: dict[str, Any]) -> BankrollRow:
    return BankrollRow(**{**row, "staking": Staking.from_json(orjson.loads(row["staking"]))})


async def lock_own(connection: asyncpg.Connection, account_id: int, bankroll_id: int, *, field: str) -> BankrollRow:
    """One bankroll of an account, locked; raises NotFound where it is nobody's or somebody else's."""
    bankroll = (await lock_bankrolls(connection, [bankroll_id])).get(bankroll_id)
    if bankroll is None or bankroll.account_id != account_id:
        raise NotFound("You have no such bankroll.", field=field)
    return bankroll


async def post(connection: asyncpg.Connection, entries: Sequence[Entry], *, machine: datetime) -> list[int]:
    """Write entries and move the balances of their bankrolls; answers the entries' ids, in their order.

    The caller holds the locks of `lock_bankrolls`. Raises asyncpg.IntegrityConstraintViolationError for an
    entry of 0, without a reason, or of a bankroll that does not exist.
    """
    if not entries:
        return []
    rows = await connection.fetch(
        _POST,
        [entry.bankroll_id for entry in entries],
        [entry.kind for entry in entries],
        [entry.amount for entry in entries],
        [entry.bet_id for entry in entries],
        [entry.settlement_id for entry in entries],
        [entry.reason for entry in entries],
        [entry.occurred_at for entry in entries],
        machine,
    )
    return sorted(row["id"] for row in rows)


_POST = """
with posted as (
  insert into bankroll_entry (bankroll_id, kind, amount, bet_id, settlement_id, reason, occurred_at, recorded_at)
  select bankroll_id, kind, amount, bet_id, settlement_id, reason, occurred_at, $8
  from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[])
       with ordinality as t(bankroll_id, kind, amount, bet_id, settlement_id, reason, occurred_at, place)
  order by place
  returning id, bankroll_id, amount),
moved as (
  update bankroll set balance = balance + total.amount
  from (select bankroll_id, sum(amount)::bigint as amount from posted group by bankroll_id) total
  where bankroll.id = total.bankroll_id)
select id from posted
"""
