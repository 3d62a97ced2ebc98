"""Changing a bet that was recorded, and taking it back.

Labels and notes may change at any time. Stake and price, and the bet itself, stand from the first kick-off on:
a bet that is lost cannot be made small or taken back. Legs that are only described have no kick-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from domain.accounts import audit
from domain.accounts.people import NOWHERE, Caller
from domain.bets import usage
from domain.bets.controls import demand_funds, demand_on_care, demand_open
from domain.bets.errors import MarketClosed
from domain.bets.ledger import BankrollRow, Entry, lock_own, post
from domain.bets.rules import bet_edge, check_return, clean_notes, clean_tags, leg_price, stake_of
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.markets.rules import MarketStatus, market_status
from domain.matches.rules import Status


@dataclass(frozen=True, slots=True)
class BetChanges:
    """What to change of a bet; None leaves it as it is."""

    stake: Decimal | None = None
    """Major units."""
    currency: str | None = None
    """Of `stake`; that of the bankroll when None."""
    price: Decimal | None = None
    """Decimal odds of a single."""
    tags: Sequence[str] | None = None
    notes: str | None = None
    """Empty takes them away."""


async def update_bet(
    connection: asyncpg.Connection,
    account_id: int,
    bet_id: int,
    expected_version: int,
    changes: BetChanges,
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> None:
    """Change a bet in the open transaction.

    Raises NotFound, Conflict with the current version, Invalid, MarketClosed for stake or price of a bet that is
    settled or whose first match has begun, and for a larger stake InsufficientFunds, SelfExcluded and LimitReached.
    """
    bankroll, bet = await _lock(connection, account_id, bet_id)
    if bet["version"] != expected_version:
        raise Conflict(
            "The bet changed since it was read: read it again.",
            current_version=bet["version"],
            field="input.expectedVersion",
        )
    tags = bet["tags"] if changes.tags is None else clean_tags(changes.tags)
    notes = bet["notes"] if changes.notes is None else clean_notes(changes.notes)
    price, edge = bet["price"], bet["edge_at_placement"]
    if changes.price is not None:
        price, edge = await _change_price(connection, bet, changes.price, now)
    stake = bet["stake"]
    if changes.stake is not None:
        currency = changes.currency or bankroll.currency
        stake = stake_of(changes.stake, currency, bankroll.currency)
        await _change_stake(connection, bankroll, bet, stake, now=now, machine=machine)
    check_return(stake, price, bankroll.currency, "input.stake.amount" if stake > bet["stake"] else "input.decimalOdds")
    await connection.execute(
        """update bet set stake = $2, price = $3, edge_at_placement = $4, tags = $5, notes = $6, version = version + 1
           where id = $1""",
        bet_id,
        stake,
        price,
        edge,
        tags,
        notes,
    )
    before = {"stake": bet["stake"], "price": str(bet["price"])}
    await audit.note(
        connection,
        account_id,
        "bet.update",
        machine=machine,
        caller=caller,
        entity=("Bet", bet_id),
        details={"before": before, "after": {"stake": stake, "price": str(price)}},
    )


async def delete_bet(
    connection: asyncpg.Connection,
    account_id: int,
    bet_id: int,
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> int:
    """Take a pending bet back in the open transaction: the stake returns, the bet is in no list any more.

    Answers the bankroll's id. Raises NotFound, and MarketClosed for a bet that is settled or whose first match
    has begun.
    """
    bankroll, bet = await _lock(connection, account_id, bet_id)
    await _demand_changeable(connection, bet, now, "input.id")
    entry = Entry(bankroll.id, "REVERSAL", bet["stake"], now, bet_id=bet_id, reason="Bet taken back")
    await post(connection, [entry], machine=machine)
    await connection.execute("update bet set deleted_at = $2, version = version + 1 where id = $1", bet_id, machine)
    await audit.note(
        connection,
        account_id,
        "bet.delete",
        machine=machine,
        caller=caller,
        entity=("Bet", bet_id),
        details={"bankroll_id": bankroll.id, "stake": bet["stake"], "currency": bankroll.currency},
    )
    return bankroll.id


async def _lock(connection: asyncpg.Connection, account_id: int, bet_id: int) -> tuple[BankrollRow, asyncpg.Record]:
    """A bet and its bankroll, locked in the ledger's order; raises NotFound unless it is theirs and stands."""
    bankroll_id = await connection.fetchval(
        "select bankroll_id from bet where id = $1 and account_id = $2 and deleted_at is null", bet_id, account_id
    )
    if bankroll_id is None:
        raise _not_found()
    bankroll = await lock_own(connection, account_id, bankroll_id, field="input.id")
    bet = await connection.fetchrow(
        """select id, kind, status, stake, price, tags, notes, edge_at_placement, version from bet
           where id = $1 and deleted_at is null for no key update""",
        bet_id,
    )
    if bet is None:  # Taken back while we waited for its bankroll.
        raise _not_found()
    return bankroll, bet


def _not_found() -> NotFound:
    return NotFound("You have no such bet.", field="input.id")


async def _demand_changeable(
    connection: asyncpg.Connection, bet: asyncpg.Record, now: datetime, field: str
) -> list[asyncpg.Record]:
    """The legs of a bet that is pending and before its first kick-off; raises MarketClosed."""
    if bet["status"] != "PENDING":
        raise MarketClosed(
            "The bet is settled: its stake and price stand, labels and notes may change.",
            MarketStatus.SETTLED,
            field=field,
        )
    legs = await connection.fetch(
        """select l.id, l.description, l.probability_at_placement as probability, m.status, m.kickoff_at,
               l.commission
           from bet_leg l left join match m on m.id = l.match_id
           where l.bet_id = $1 order by l.position""",
        bet["id"],
    )
    for leg in legs:
        status = None if leg["status"] is None else market_status(Status(leg["status"]))
        demand_open(status, leg["kickoff_at"], now, leg["description"], field)
    return legs


async def _change_price(
    connection: asyncpg.Connection, bet: asyncpg.Record, wanted: Decimal, now: datetime
) -> tuple[Decimal, float | None]:
    """Set the price of a single, from then on one that was typed in; answers it with the edge that it gives."""
    field = "input.decimalOdds"
    price = leg_price(wanted, field)
    legs = await _demand_changeable(connection, bet, now, field)
    if len(legs) != 1:
        raise Invalid(field, "the price of an accumulator is that of its legs: take the bet back and place it again")
    (leg,) = legs
    await connection.execute("update bet_leg set price = $2, quote_sequence = null where id = $1", leg["id"], price)
    return price, bet_edge([(leg["probability"], price, leg["commission"])])


async def _change_stake(
    connection: asyncpg.Connection,
    bankroll: BankrollRow,
    bet: asyncpg.Record,
    stake: int,
    *,
    now: datetime,
    machine: datetime,
) -> None:
    """Move the difference between two stakes, as more of the stake or as a part of it that comes back."""
    await _demand_changeable(connection, bet, now, "input.stake")
    more = stake - bet["stake"]
    if more > 0:
        demand_funds(bankroll, more)
        await usage.check(connection, bankroll.account_id, demand_on_care(bankroll, more, 0), machine=machine)
    if more:
        kind = "STAKE" if more > 0 else "REVERSAL"
        entry = Entry(bankroll.id, kind, -more, now, bet_id=bet["id"], reason="Stake changed")
        await post(connection, [entry], machine=machine)
