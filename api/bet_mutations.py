"""Placing bets, changing and settling them by hand, and taking them back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from redis.asyncio import Redis

from api.bankroll_mutations import bankroll_now
from api.bankrolls import Bankroll
from api.bet_inputs import DeleteBetInput, PlaceBetInput, SettleBetInput, UpdateBetInput, bet_key
from api.bets import Bet, Verdicts
from api.outcomes import BetError, mutation, own_id
from api.rows import Rows
from domain.accounts.people import Caller, Viewer
from domain.bets.changing import delete_bet as take_back
from domain.bets.changing import update_bet as change
from domain.bets.placing import place
from domain.bets.settlement import settle_by_hand
from domain.infra.database import Database, connection_of
from domain.infra.errors import Conflict
from domain.infra.news import bets_of, tell

_ERRORS = "What went wrong; empty on success."
_AFTER = "The bankroll after it."


@strawberry.type(description="Result of `placeBet`.")
class PlaceBetPayload:
    bet: Bet | None = strawberry.field(default=None, description="The bet.")
    bankroll: Bankroll | None = strawberry.field(default=None, description=_AFTER)
    errors: list[BetError] = strawberry.field(default_factory=list, description=_ERRORS)


@strawberry.type(description="Result of `updateBet`.")
class UpdateBetPayload:
    bet: Bet | None = strawberry.field(default=None, description="The bet.")
    bankroll: Bankroll | None = strawberry.field(default=None, description=_AFTER)
    errors: list[BetError] = strawberry.field(default_factory=list, description=_ERRORS)


@strawberry.type(description="Result of `settleBet`.")
class SettleBetPayload:
    bet: Bet | None = strawberry.field(default=None, description="The bet.")
    bankroll: Bankroll | None = strawberry.field(default=None, description=_AFTER)
    errors: list[BetError] = strawberry.field(default_factory=list, description=_ERRORS)


@strawberry.type(description="Result of `deleteBet`.")
class DeleteBetPayload:
    deleted_bet_id: strawberry.ID | None = strawberry.field(default=None, description="The bet.")
    bankroll: Bankroll | None = strawberry.field(default=None, description=_AFTER)
    errors: list[BetError] = strawberry.field(default_factory=list, description=_ERRORS)


@mutation(PlaceBetPayload)
async def place_bet(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[PlaceBetInput, strawberry.argument(description="Input.")],
) -> PlaceBetPayload:
    """Record a bet, real or on paper. The stake is checked against the bankroll and the user's limits."""
    wanted = input.wanted()
    async with database.transaction() as session:
        connection = await connection_of(session)
        key = await place(connection, viewer.account_id, wanted, now=now, machine=machine, caller=caller)
    bet, bankroll = await _bet_now(db, key)
    if bet is None:
        raise Conflict("The bet of this key was taken back: use a new key for a new bet.", field="input.idempotencyKey")
    return PlaceBetPayload(bet=bet, bankroll=bankroll)


@mutation(UpdateBetPayload)
async def update_bet(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[UpdateBetInput, strawberry.argument(description="Input.")],
) -> UpdateBetPayload:
    """Change tags and notes of a bet, and price and stake of one that is pending and whose matches are to come."""
    key = bet_key(input.id)
    async with database.transaction() as session:
        await change(
            await connection_of(session),
            viewer.account_id,
            key,
            input.expected_version,
            input.changes(),
            now=now,
            machine=machine,
            caller=caller,
        )
    bet, bankroll = await _bet_now(db, key)
    return UpdateBetPayload(bet=bet, bankroll=bankroll)


@mutation(SettleBetPayload)
async def settle_bet(
    db: Rows,
    database: Database,
    redis: Redis,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[SettleBetInput, strawberry.argument(description="Input.")],
) -> SettleBetPayload:
    """Settle by hand a bet that the platform cannot settle, or correct it."""
    key = bet_key(input.id)
    async with database.transaction() as session:
        await settle_by_hand(
            await connection_of(session),
            viewer.account_id,
            key,
            input.expected_version,
            input.leg_results,
            now=now,
            machine=machine,
            caller=caller,
        )
    await tell(redis, [bets_of(viewer.account_id)])
    bet, bankroll = await _bet_now(db, key)
    return SettleBetPayload(bet=bet, bankroll=bankroll)


@mutation(DeleteBetPayload)
async def delete_bet(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    now: datetime,
    machine: datetime,
    input: Annotated[DeleteBetInput, strawberry.argument(description="Input.")],
) -> DeleteBetPayload:
    """Take back a pending bet that was recorded by mistake."""
    key = bet_key(input.id)
    async with database.transaction() as session:
        bankroll_id = await take_back(
            await connection_of(session), viewer.account_id, key, now=now, machine=machine, caller=caller
        )
    return DeleteBetPayload(deleted_bet_id=own_id("Bet", key), bankroll=await bankroll_now(db, bankroll_id))


async def _bet_now(db: Rows, key: int) -> tuple[Bet | None, Bankroll | None]:
    """A bet and its bankroll after a write; both are None for one that was taken back."""
    ((bet,), (verdicts,)) = await Bet.load(db, [key]), await Verdicts.load(db, [key])
    if bet is None or verdicts is None:
        return None, None
    db.know(Bet, [bet])
    db.know(Verdicts, [verdicts])
    return bet, await bankroll_now(db, bet.bankroll_id)
