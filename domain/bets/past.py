"""Recording bets of the past in sets: those of a file, and the history of a demo's visitors.

Nothing is asked of prices, funds or limits: a history is what happened. Legs on a selection of ours get the
prediction that was shown when the bet was placed; what is still pending is settled like any other bet. Prices of a
file are what was won at, after any commission; others are before that of their bookmaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import asyncpg

from domain import money
from domain.bets.ledger import BankrollRow, Entry, lock_own, post
from domain.bets.legs import Asked, Leg, commission_of, facts_of, with_facts, words_of
from domain.bets.returns import net_price, returned
from domain.bets.rules import bet_edge, check_return, total_price
from domain.bets.writing import NewBet, write_bets
from domain.infra.errors import Invalid
from touchline import BetResult


@dataclass(frozen=True, slots=True)
class PastLeg:
    """A leg of a past bet: a selection of a match of ours, or a description of what is none of ours."""

    price: Decimal
    description: str = ""
    """Of a leg that lacks a match or a selection of ours."""
    match_id: int | None = None
    selection_id: int | None = None
    bookmaker_id: int | None = None
    bookmaker_name: str | None = None
    result: str | None = None
    """A `touchline.BetResult`; None where it is not known."""


@dataclass(frozen=True, slots=True)
class PastBet:
    """A bet of the past; its values were checked by `domain.bets.rules` before."""

    placed_at: datetime
    stake: int
    """Minor units of the bankroll."""
    legs: Sequence[PastLeg]
    result: str | None = None
    """Of the whole bet, a `touchline.BetResult`, where those of the legs are not known."""
    payout: int | None = None
    """What came back as it was told, minor units; None for what follows from the result."""
    settled_at: datetime | None = None
    """None for when the last of its matches was over, or else when it was placed."""
    tags: Sequence[str] = ()
    notes: str | None = None
    import_digest: str | None = None
    """Of the line it came from: a bankroll holds a digest once."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a past bet came to."""

    status: str
    payout: int
    results: tuple[str, ...]
    """Of the legs in order; empty where they are not known."""


async def record_past(
    connection: asyncpg.Connection,
    account_id: int,
    bankroll_id: int,
    bets: Sequence[PastBet],
    *,
    now: datetime,
    machine: datetime,
    source: str,
) -> list[int]:
    """Write bets of the past in the open transaction; answers the ids of the new ones, in order.

    `source` is that of `domain.bets.tables.Bet`; those of IMPORT count for no limit. A bet whose digest the
    bankroll holds already is left out. The number of statements does not depend on the number of bets. Raises
    NotFound for a bankroll that is not theirs, Invalid for a total price, a return or a balance without measure, and
    ValueError where nothing says what came back of an accumulator that is settled.
    """
    bankroll = await lock_own(connection, account_id, bankroll_id, field="input.bankrollId")
    if not bets:
        return []
    legs = await _legs(connection, bets, is_net=source == "IMPORT")
    outcomes = [_outcome(bet, of_bet) for bet, of_bet in zip(bets, legs, strict=True)]
    written = [
        _new_bet(account_id, bankroll_id, bet, of_bet, outcome, source, now)
        for bet, of_bet, outcome in zip(bets, legs, outcomes, strict=True)
    ]
    for new in written:
        check_return(new.stake, new.price, bankroll.currency)
    _check_balance(bankroll, written)
    ids = await write_bets(connection, written, machine=machine)
    settled = [
        _Settled(bet_id, bankroll_id, new.settled_at, outcome, _trace(outcome, source, bankroll.currency))
        for bet_id, new, outcome in zip(ids, written, outcomes, strict=True)
        if bet_id is not None and outcome is not None and new.settled_at is not None
    ]
    await _settle(connection, account_id, sorted(settled, key=lambda one: one.settled_at), machine)
    return [bet_id for bet_id in ids if bet_id is not None]


def _check_balance(bankroll: BankrollRow, bets: Sequence[NewBet]) -> None:
    """Raises Invalid where the bets would move the balance further than an amount of money can be."""
    spent = bankroll.balance - sum(bet.stake for bet in bets)
    ended = spent + sum(bet.payout or 0 for bet in bets)
    if spent < -money.LARGEST or ended > money.LARGEST:
        most = money.written(money.LARGEST, bankroll.currency)
        raise Invalid("input.bankrollId", f"with these bets it would hold more than {most}, or owe more: record fewer")


async def _legs(connection: asyncpg.Connection, bets: Sequence[PastBet], *, is_net: bool) -> list[list[Leg]]:
    """The legs of each bet with what was known of them when it was placed, with one statement."""
    told = [(bet.placed_at, leg) for bet in bets for leg in bet.legs]
    facts = await facts_of(
        connection, [Asked(leg.match_id, leg.selection_id, leg.bookmaker_id, None, at) for at, leg in told]
    )
    known = iter([_leg(leg, row, is_net=is_net) for (_, leg), row in zip(told, facts, strict=True)])
    return [[next(known) for _ in bet.legs] for bet in bets]


def _leg(told: PastLeg, row: asyncpg.Record, *, is_net: bool) -> Leg:
    is_known = row["match_id"] is not None and row["selection_id"] is not None
    leg = Leg(
        "",
        told.price,
        words_of(row) if is_known else told.description,
        bookmaker_id=told.bookmaker_id,
        bookmaker_name=told.bookmaker_name,
        commission=Decimal(0) if is_net else commission_of(row),
        result=told.result,
    )
    return with_facts(leg, row) if is_known else leg


def _outcome(bet: PastBet, legs: Sequence[Leg]) -> _Outcome | None:
    """What a bet came to; None while it is pending. Raises ValueError for words that are no result."""
    results = _results(bet)
    if results:
        judged = zip(legs, results, strict=True)
        status, payout = returned(bet.stake, [(net_price(leg.price, leg.commission), result) for leg, result in judged])
    elif bet.result is not None:
        status, payout = BetResult(bet.result), 0
        if status is not BetResult.LOST and bet.payout is None:
            raise ValueError(f"{bet.result} of an accumulator does not say what came back: tell the payout")
    else:
        return None
    return _Outcome(status, payout if bet.payout is None else bet.payout, results)


def _results(bet: PastBet) -> tuple[str, ...]:
    """The results of all legs, as far as they are told or follow from that of the bet; else empty."""
    told = tuple(leg.result for leg in bet.legs if leg.result is not None)
    if len(told) == len(bet.legs):
        return told
    follows = bet.result is not None and (
        len(bet.legs) == 1 or bet.result in (BetResult.WON, BetResult.VOID, BetResult.PUSH)
    )
    return (bet.result,) * len(bet.legs) if follows and bet.result is not None else ()


def _new_bet(
    account_id: int,
    bankroll_id: int,
    bet: PastBet,
    legs: Sequence[Leg],
    outcome: _Outcome | None,
    source: str,
    now: datetime,
) -> NewBet:
    results = outcome.results if outcome is not None else ()
    return NewBet(
        account_id,
        bankroll_id,
        bet.stake,
        total_price([leg.price for leg in legs]),
        [replace(leg, result=result) for leg, result in zip(legs, results, strict=True)] if results else legs,
        bet.placed_at,
        source,
        tags=bet.tags,
        notes=bet.notes,
        edge=bet_edge([(leg.probability, leg.price, leg.commission) for leg in legs]),
        status="PENDING" if outcome is None else outcome.status,
        payout=None if outcome is None else outcome.payout,
        settled_at=None if outcome is None else bet.settled_at or _over_at(bet, legs, now),
        import_digest=bet.import_digest,
    )


def _over_at(bet: PastBet, legs: Sequence[Leg], now: datetime) -> datetime:
    """When the last match of a bet was over; when it was placed where no match is known, and never after now."""
    return min(now, max([bet.placed_at, *(leg.result_at for leg in legs if leg.result_at is not None)]))


@dataclass(frozen=True, slots=True)
class _Settled:
    """A verdict to write."""

    bet_id: int
    bankroll_id: int
    settled_at: datetime
    outcome: _Outcome
    trace: str


def _trace(outcome: _Outcome | None, source: str, currency: str) -> str:
    if outcome is None:
        return ""
    origin = "As the file says" if source == "IMPORT" else "As it was recorded"
    return f"{origin}: {outcome.status}, {money.written(outcome.payout, currency)} came back."


async def _settle(
    connection: asyncpg.Connection, account_id: int, settled: Sequence[_Settled], machine: datetime
) -> None:
    """Write the verdicts in their order and pay what came back."""
    if not settled:
        return
    rows = await connection.fetch(
        _SETTLE,
        account_id,
        len(settled),
        [one.bet_id for one in settled],
        [one.outcome.status for one in settled],
        [one.outcome.payout for one in settled],
        ["{" + ",".join(one.outcome.results) + "}" for one in settled],
        [one.trace for one in settled],
        [one.settled_at for one in settled],
        machine,
    )
    settlements = {row["bet_id"]: row["id"] for row in rows}
    returns = [
        Entry(one.bankroll_id, "RETURN", one.outcome.payout, one.settled_at, one.bet_id, settlements[one.bet_id])
        for one in settled
        if one.outcome.payout
    ]
    await post(connection, returns, machine=machine)


_SETTLE = """
with numbered as (
  insert into bettor (account_id, position) values ($1, $2)
  on conflict (account_id) do update set position = bettor.position + excluded.position
  returning position - $2 as before)
insert into settlement (bet_id, account_id, sequence, status, payout, leg_results, trace, cause, is_effective,
    settled_at, recorded_at)
select bet_id, $1, before + place, status, payout, results::text[], array[trace], 'IMPORT', true, settled_at, $9
from numbered cross join unnest($3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::timestamptz[])
     with ordinality as t(bet_id, status, payout, results, trace, settled_at, place)
order by place returning bet_id, id
"""
