"""Making and changing bankrolls, and the movements of money that are no bet's.

On real money a deposit and a starting balance count against the limits that an owner set; paper money is
not limited, and what goes out never is. A bankroll keeps its currency and its kind for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import asyncpg
import orjson

from domain import money
from domain.accounts import audit
from domain.accounts.people import NOWHERE, Caller
from domain.bets import usage
from domain.bets.controls import demand_funds
from domain.bets.ledger import BankrollRow, Entry, lock_own, post
from domain.bets.rules import LONGEST_DESCRIPTION, LONGEST_NAME, Staking, clean_text, stake_of, units_of
from domain.bets.staking import StakingWanted
from domain.care.check import Wanted
from domain.care.service import lock_account
from domain.infra.errors import Invalid

MOST_BANKROLLS = 50
STARTING_BALANCE = "Starting balance"


class MovementKind(StrEnum):
    """Movements that are no bet's."""

    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    BONUS = "BONUS"
    CORRECTION = "CORRECTION"


@dataclass(frozen=True, slots=True)
class NewBankroll:
    """A bankroll to make."""

    name: str
    currency: str
    """ISO 4217."""
    starting_balance: Decimal = Decimal(0)
    """Major units."""
    is_paper: bool = False
    staking: StakingWanted | None = None
    """A quarter of Kelly, at most 5 % of the balance, when None."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that goes in or out, in major units: above 0, but for a correction, which may be below."""

    kind: str
    """A `MovementKind`."""
    amount: Decimal
    currency: str
    note: str | None = None


async def create(
    connection: asyncpg.Connection,
    account_id: int,
    wanted: NewBankroll,
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """Make a bankroll; answers its id.

    Raises Invalid for a bad name, currency, balance or staking and beyond 50 bankrolls; SelfExcluded or
    LimitReached for real money.
    """
    name = clean_text(wanted.name, "input.name", LONGEST_NAME)
    balance = _starting_balance(wanted)
    staking = wanted.staking.staking(wanted.currency) if wanted.staking is not None else Staking()
    await lock_account(connection, account_id)
    if await connection.fetchval("select count(*) from bankroll where account_id = $1", account_id) >= MOST_BANKROLLS:
        raise Invalid("input", f"an account has at most {MOST_BANKROLLS} bankrolls")
    if balance and not wanted.is_paper:
        demand = Wanted(deposit=balance, currency=wanted.currency)
        await usage.check(connection, account_id, demand, machine=machine)
    bankroll_id: int = await connection.fetchval(
        """insert into bankroll (account_id, name, is_paper, currency, balance, staking, created_at)
           values ($1, $2, $3, $4, 0, $5::text::jsonb, $6) returning id""",
        account_id,
        name,
        wanted.is_paper,
        wanted.currency,
        orjson.dumps(staking.to_json()).decode(),
        machine,
    )
    if balance:
        entry = Entry(bankroll_id, MovementKind.DEPOSIT, balance, now, reason=STARTING_BALANCE)
        await post(connection, [entry], machine=machine)
    await audit.note(
        connection,
        account_id,
        "bankroll.create",
        machine=machine,
        caller=caller,
        entity=("Bankroll", str(bankroll_id)),
        details={"currency": wanted.currency, "starting_balance": balance, "is_paper": wanted.is_paper},
    )
    return bankroll_id


async def update(
    connection: asyncpg.Connection,
    account_id: int,
    bankroll_id: int,
    *,
    name: str | None = None,
    staking: StakingWanted | None = None,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> None:
    """Change a bankroll's name, its staking or both; raises NotFound and Invalid."""
    bankroll = await lock_own(connection, account_id, bankroll_id, field="input.id")
    named = bankroll.name if name is None else clean_text(name, "input.name", LONGEST_NAME)
    rules = bankroll.staking if staking is None else staking.staking(bankroll.currency)
    await connection.execute(
        "update bankroll set name = $2, staking = $3::text::jsonb where id = $1",
        bankroll_id,
        named,
        orjson.dumps(rules.to_json()).decode(),
    )
    await audit.note(
        connection,
        account_id,
        "bankroll.update",
        machine=machine,
        caller=caller,
        entity=("Bankroll", str(bankroll_id)),
        details={"is_renamed": named != bankroll.name, "staking": rules.to_json()},
    )


async def record_transaction(
    connection: asyncpg.Connection,
    account_id: int,
    bankroll_id: int,
    movement: Movement,
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """Write down money that went in or out; answers the entry's id.

    Raises NotFound, Invalid, InsufficientFunds where more would go out than is there, and SelfExcluded or
    LimitReached for a deposit of real money.
    """
    kind = _kind(movement.kind)
    note = kind.capitalize() if movement.note is None else _note(movement.note)
    bankroll = await lock_own(connection, account_id, bankroll_id, field="input.bankrollId")
    amount = _amount(kind, movement, bankroll)
    if kind is MovementKind.DEPOSIT and not bankroll.is_paper:
        await usage.check(connection, account_id, Wanted(deposit=amount, currency=bankroll.currency), machine=machine)
    (entry_id,) = await post(connection, [Entry(bankroll_id, kind, amount, now, reason=note)], machine=machine)
    await audit.note(
        connection,
        account_id,
        "bankroll.transaction",
        machine=machine,
        caller=caller,
        entity=("Bankroll", str(bankroll_id)),
        details={"kind": kind.value, "amount": amount, "currency": bankroll.currency},
    )
    return entry_id


def _starting_balance(wanted: NewBankroll) -> int:
    """The balance in minor units; raises Invalid for an unknown currency or an amount below 0."""
    try:
        money.exponent(wanted.currency)
    except money.MoneyError as error:
        raise Invalid("input.startingBalance.currencyCode", str(error)) from None
    balance = units_of(wanted.starting_balance, wanted.currency, wanted.currency, field="input.startingBalance")
    if balance < 0:
        raise Invalid("input.startingBalance.amount", "write 0 or more")
    return balance


def _kind(written: str) -> MovementKind:
    try:
        return MovementKind(written)
    except ValueError:
        raise Invalid("input.kind", f"write one of {', '.join(MovementKind)}") from None


def _note(note: str) -> str:
    return clean_text(note, "input.note", LONGEST_DESCRIPTION)


def _amount(kind: MovementKind, movement: Movement, bankroll: BankrollRow) -> int:
    """What the balance moves by, signed; raises Invalid, or InsufficientFunds beyond the balance."""
    if kind is MovementKind.CORRECTION:
        amount = units_of(movement.amount, movement.currency, bankroll.currency, field="input.amount")
        if amount == 0:
            raise Invalid("input.amount.amount", "write by how much the balance is wrong; below 0 takes money out")
    else:
        amount = stake_of(movement.amount, movement.currency, bankroll.currency, field="input.amount")
    if kind is MovementKind.WITHDRAWAL:
        amount = -amount
    if amount < 0:
        demand_funds(bankroll, -amount, field="input.amount.amount")
    if bankroll.balance + amount > money.LARGEST:
        raise Invalid(
            "input.amount.amount", f"a bankroll holds at most {money.written(money.LARGEST, bankroll.currency)}"
        )
    return amount
