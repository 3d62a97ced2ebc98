"""Placing a bet: one transaction that takes the stake, or leaves everything as it was.

The same idempotency key gives the same bet, however often and however simultaneously it comes. Then, under the
lock of the bankroll, the legs are looked up, every control is asked, and the bet is written with the belief that
was shown at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

import asyncpg

from domain.accounts import audit
from domain.accounts.people import NOWHERE, Caller
from domain.bets import usage
from domain.bets.closing import fair_probabilities
from domain.bets.controls import CONTROLS, Situation, demand_on_care
from domain.bets.ledger import lock_own
from domain.bets.legs import Leg, LegWanted, resolved, shaped
from domain.bets.rules import (
    LONGEST_KEY,
    bet_edge,
    check_placed_at,
    check_return,
    clean_notes,
    clean_tags,
    clean_text,
    slippage_of,
    stake_of,
    total_price,
)
from domain.bets.writing import NewBet, write_bets
from domain.infra.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class PlaceBet:
    """A bet as somebody asks for it. One leg is a single, more are an accumulator."""

    bankroll_id: int
    legs: Sequence[LegWanted]
    stake: Decimal
    """Major units."""
    currency: str
    max_slippage: float = 0.0
    """Largest accepted fall of a price since it was seen, fraction."""
    value_bet_id: int | None = None
    placed_at: datetime | None = None
    """Match time, for a bet that is recorded later: its prices are taken as told."""
    tags: Sequence[str] = ()
    notes: str | None = None
    idempotency_key: str | None = None


async def place(
    connection: asyncpg.Connection,
    account_id: int,
    wanted: PlaceBet,
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """Place a bet in the open transaction; answers its id.

    Raises NotFound for a bankroll, match, selection, bookmaker, price or value bet that does not exist or is not
    theirs, Invalid for a value out of range, MarketClosed, StaleOdds, InsufficientFunds, SelfExcluded,
    LimitReached, and Conflict for a key that was used with another input.
    """
    if wanted.idempotency_key is not None:
        key = clean_text(wanted.idempotency_key, "input.idempotencyKey", LONGEST_KEY)
        earlier = await _begin(connection, account_id, key, _fingerprint(wanted), machine)
        if earlier is not None:
            return earlier
        bet_id = await _place(connection, account_id, wanted, now, machine, caller)
        await connection.execute(
            "update placement set bet_id = $3 where account_id = $1 and key = $2", account_id, key, bet_id
        )
        return bet_id
    return await _place(connection, account_id, wanted, now, machine, caller)


async def _begin(
    connection: asyncpg.Connection, account_id: int, key: str, fingerprint: str, machine: datetime
) -> int | None:
    """Take the key; answers the bet that it already gave, after waiting for whoever is placing it at the moment."""
    is_new = await connection.fetchval(
        """insert into placement (account_id, key, fingerprint, recorded_at) values ($1, $2, $3, $4)
           on conflict do nothing returning true""",
        account_id,
        key,
        fingerprint,
        machine,
    )
    if is_new:
        return None
    row = await connection.fetchrow(
        "select fingerprint, bet_id from placement where account_id = $1 and key = $2", account_id, key
    )
    assert row is not None, "a placement is never deleted before its account"
    if row["fingerprint"] != fingerprint:
        raise Conflict(
            "The key was used for another bet: use a new key for every bet, and the same one only to repeat it.",
            field="input.idempotencyKey",
        )
    bet_id: int = row["bet_id"]
    return bet_id


def _fingerprint(wanted: PlaceBet) -> str:
    """Digest of everything that was asked but the key."""
    return sha256(repr(replace(wanted, idempotency_key=None)).encode()).hexdigest()


async def _place(
    connection: asyncpg.Connection,
    account_id: int,
    wanted: PlaceBet,
    now: datetime,
    machine: datetime,
    caller: Caller,
) -> int:
    tags, notes = clean_tags(wanted.tags), clean_notes(wanted.notes)
    situation = await _situation(connection, account_id, wanted, now)
    for control in CONTROLS:
        control(situation)
    bankroll = situation.bankroll
    price = total_price([leg.price for leg in situation.legs])
    check_return(situation.stake, price, bankroll.currency)
    await usage.check(connection, account_id, demand_on_care(bankroll, situation.stake, 1), machine=machine)
    legs = await _with_fair(connection, situation.legs, situation.at)
    bet = NewBet(
        account_id,
        bankroll.id,
        situation.stake,
        price,
        legs,
        situation.at,
        "MANUAL" if wanted.value_bet_id is None else "SUGGESTION",
        wanted.value_bet_id,
        tags,
        notes,
        bet_edge([(leg.probability, leg.price, leg.commission) for leg in legs]),
    )
    (bet_id,) = await write_bets(connection, [bet], machine=machine)
    assert bet_id is not None, "only an imported bet can be there already"
    await audit.note(
        connection,
        account_id,
        "bet.place",
        machine=machine,
        caller=caller,
        entity=("Bet", bet_id),
        details={
            "bankroll_id": bankroll.id,
            "stake": situation.stake,
            "currency": bankroll.currency,
            "price": str(price),
            "legs": len(legs),
        },
    )
    return bet_id


async def _situation(connection: asyncpg.Connection, account_id: int, wanted: PlaceBet, now: datetime) -> Situation:
    """The bet with its bankroll, locked, and the facts of its legs."""
    at = now if wanted.placed_at is None else wanted.placed_at
    check_placed_at(at, now)
    asked = shaped(wanted.legs)
    slippage = slippage_of(wanted.max_slippage)
    bankroll = await lock_own(connection, account_id, wanted.bankroll_id, field="input.bankrollId")
    stake = stake_of(wanted.stake, wanted.currency, bankroll.currency)
    is_recorded_later = at < now
    legs = await resolved(connection, asked, at=at, is_recorded_later=is_recorded_later)
    if wanted.value_bet_id is not None:
        await _check_value_bet(connection, wanted.value_bet_id, legs)
    return Situation(bankroll, stake, legs, at, is_recorded_later, slippage)


async def _check_value_bet(connection: asyncpg.Connection, value_bet_id: int, legs: Sequence[Leg]) -> None:
    """Raises NotFound for an unknown value bet, Invalid for one that is on none of the legs."""
    row = await connection.fetchrow("select match_id, selection_id from value_bet where id = $1", value_bet_id)
    if row is None:
        raise NotFound("There is no such value bet.", field="input.valueBetId")
    if (row["match_id"], row["selection_id"]) not in {(leg.match_id, leg.selection_id) for leg in legs}:
        raise Invalid("input.valueBetId", "the value bet is on another selection than the legs")


async def _with_fair(connection: asyncpg.Connection, legs: Sequence[Leg], at: datetime) -> list[Leg]:
    """The legs with the margin-free probabilities of the prices that stood when the bet was placed."""
    pairs = [
        (leg.match_id, leg.selection_id) for leg in legs if leg.match_id is not None and leg.selection_id is not None
    ]
    fair = await fair_probabilities(connection, pairs, at=at)
    return [
        leg
        if leg.match_id is None or leg.selection_id is None
        else replace(leg, fair_probability=fair.get((leg.match_id, leg.selection_id)))
        for leg in legs
    ]
