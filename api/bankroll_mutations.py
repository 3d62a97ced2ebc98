"""Making bankrolls, changing them, and moving money in and out of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from api.bankrolls import Bankroll, BankrollTransaction, StakingPlanInput, TransactionKind
from api.nodes import key_of
from api.outcomes import BetError, CommonError, mutation
from api.rows import Rows
from api.scalars import MoneyInput, given
from domain.accounts.people import Caller, Viewer
from domain.bets import bankrolls
from domain.bets.bankrolls import Movement, NewBankroll
from domain.infra.database import Database, connection_of
from domain.infra.errors import NotFound


@strawberry.input(description="Input of `createBankroll`.")
class CreateBankrollInput:
    name: str = strawberry.field(description="Name, at most 60 characters.")
    starting_balance: MoneyInput = strawberry.field(description="Start; its currency is the bankroll's for good.")
    is_paper: bool = strawberry.field(description="Simulated.")
    staking: StakingPlanInput | None = strawberry.field(
        default=strawberry.UNSET, description="Staking; quarter Kelly when omitted."
    )


@strawberry.input(description="Input of `updateBankroll`; what is left out stays.")
class UpdateBankrollInput:
    id: strawberry.ID = strawberry.field(description="Bankroll.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Name, at most 60 characters.")
    staking: StakingPlanInput | None = strawberry.field(default=strawberry.UNSET, description="Staking.")


@strawberry.input(description="Input of `recordTransaction`.")
class RecordTransactionInput:
    bankroll_id: strawberry.ID = strawberry.field(description="Bankroll.")
    kind: TransactionKind = strawberry.field(description="Kind.")
    amount: MoneyInput = strawberry.field(
        description="Amount, above 0 also for a withdrawal; only a correction may be below 0, which takes money out."
    )
    note: str | None = strawberry.field(default=strawberry.UNSET, description="Text, at most 200 characters.")


@strawberry.type(description="Result of `createBankroll`.")
class CreateBankrollPayload:
    bankroll: Bankroll | None = strawberry.field(default=None, description="The bankroll.")
    errors: list[BetError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.type(description="Result of `updateBankroll`.")
class UpdateBankrollPayload:
    bankroll: Bankroll | None = strawberry.field(default=None, description="The bankroll.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.type(description="Result of `recordTransaction`.")
class RecordTransactionPayload:
    transaction: BankrollTransaction | None = strawberry.field(default=None, description="The movement.")
    bankroll: Bankroll | None = strawberry.field(default=None, description="The bankroll after it.")
    errors: list[BetError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


def bankroll_key(id: strawberry.ID, field: str) -> int:
    """The key of a bankroll's id; raises NotFound where it is none."""
    key = key_of("Bankroll", id)
    if key is None:
        raise NotFound("You have no such bankroll.", field=field)
    return key


async def bankroll_now(db: Rows, key: int) -> Bankroll | None:
    """A bankroll as it is after a write: whatever the operation has read of it before is forgotten."""
    (bankroll,) = await Bankroll.load(db, [key])
    db.know(Bankroll, [bankroll] if bankroll else [])
    return bankroll


@mutation(CreateBankrollPayload)
async def create_bankroll(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[CreateBankrollInput, strawberry.argument(description="Input.")],
) -> CreateBankrollPayload:
    """Make a bankroll."""
    start, staking = input.starting_balance, given(input.staking)
    wanted = NewBankroll(
        name=input.name,
        currency=start.currency_code,
        starting_balance=start.amount,
        is_paper=input.is_paper,
        staking=staking.wanted() if staking else None,
    )
    async with database.transaction() as session:
        connection = await connection_of(session)
        key = await bankrolls.create(connection, viewer.account_id, wanted, now=now, machine=machine, caller=caller)
    return CreateBankrollPayload(bankroll=await bankroll_now(db, key))


@mutation(UpdateBankrollPayload)
async def update_bankroll(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[UpdateBankrollInput, strawberry.argument(description="Input.")],
) -> UpdateBankrollPayload:
    """Change a bankroll's name or staking."""
    key, staking = bankroll_key(input.id, "input.id"), given(input.staking)
    async with database.transaction() as session:
        await bankrolls.update(
            await connection_of(session),
            viewer.account_id,
            key,
            name=given(input.name),
            staking=staking.wanted() if staking else None,
            machine=machine,
            caller=caller,
        )
    return UpdateBankrollPayload(bankroll=await bankroll_now(db, key))


@mutation(RecordTransactionPayload)
async def record_transaction(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[RecordTransactionInput, strawberry.argument(description="Input.")],
) -> RecordTransactionPayload:
    """Put money in, take it out or correct it."""
    key = bankroll_key(input.bankroll_id, "input.bankrollId")
    movement = Movement(input.kind, input.amount.amount, input.amount.currency_code, given(input.note))
    async with database.transaction() as session:
        entry = await bankrolls.record_transaction(
            await connection_of(session),
            viewer.account_id,
            key,
            movement,
            now=now,
            machine=machine,
            caller=caller,
        )
    (transaction,) = await db.pick(BankrollTransaction, [entry])
    return RecordTransactionPayload(transaction=transaction, bankroll=await bankroll_now(db, key))
