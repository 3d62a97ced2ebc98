"""Settling bets: by themselves when their matches end, once whoever runs, and by hand.

Everything that settles holds the bankrolls, then the bets, and reads facts only then: of two that settle the same
bets the second waits and finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.accounts import audit
from domain.accounts.people import NOWHERE, Caller
from domain.bets.due import due_bets, lock_bets
from domain.bets.facts import facts_of, selections_of
from domain.bets.judging import DECIDED, Judge, as_far_as_payable, is_too_much, judge_bet, too_much_words
from domain.bets.returns import returned
from domain.bets.slips import Bet, Cause, Judged, Leg, MatchFacts, Ruling
from domain.bets.traces import by_hand_words, return_words
from domain.bets.verdicts import write_verdicts
from domain.infra.errors import Conflict, Invalid, NotFound
from domain.markets.verdicts import results_of
from touchline import BetResult


@dataclass(frozen=True, slots=True)
class Settled:
    """What a round of settling came to."""

    count: int
    """New verdicts."""
    accounts: frozenset[int]
    """Whose bets they are on."""
    has_more: bool
    """Whether another round may find more."""


async def settle_due(
    connection: asyncpg.Connection, *, now: datetime, machine: datetime, job_id: str, limit: int = 2000
) -> Settled:
    """Settle the bets of at most so many legs whose matches were decided, in the open transaction.

    `now` is match time, `machine` machine time. Run twice, or by two at once, it settles a bet once.
    """
    due = await due_bets(connection, now=now, limit=limit)
    if not due.bets:
        return Settled(0, frozenset(), has_more=False)
    bets = await lock_bets(connection, due.bets)
    judge = await _judge_of(connection, bets)
    judged = as_far_as_payable(one for bet in bets if (one := judge_bet(bet, judge)) is not None)
    accounts = await write_verdicts(connection, judged, now=now, machine=machine, job_id=job_id) if judged else set()
    count = sum(one.ruling is not None for one in judged)
    return Settled(count, frozenset(accounts), due.has_more)


async def _judge_of(connection: asyncpg.Connection, bets: Sequence[Bet]) -> Judge:
    legs = [leg for bet in bets for leg in bet.legs]
    matches = await facts_of(connection, [leg.match_id for leg in legs if leg.match_id is not None])
    pairs = [
        (leg.match_id, leg.selection_id) for leg in legs if leg.match_id is not None and leg.selection_id is not None
    ]
    return Judge(matches, await selections_of(connection, pairs))


async def settle_by_hand(
    connection: asyncpg.Connection,
    account_id: int,
    bet_id: int,
    expected_version: int,
    leg_results: Sequence[str],
    *,
    now: datetime,
    machine: datetime,
    caller: Caller = NOWHERE,
) -> None:
    """Settle a bet as its owner says, or correct how it was settled; `leg_results` are `touchline.BetResult`s in order.

    From then on facts do not change it. Raises NotFound unless it is theirs, Conflict with the current version, and
    Invalid for a result that a leg cannot have, that comes before the kick-off, or whose payout no bankroll can hold.
    """
    bet = await _lock_own(connection, account_id, bet_id)
    if bet.version != expected_version:
        raise Conflict(
            "The bet changed since it was read: read it again.",
            current_version=bet.version,
            field="input.expectedVersion",
        )
    judge = await _judge_of(connection, [bet])
    results = _checked(bet, leg_results, judge, now)
    legs = zip(bet.legs, results, strict=True)
    status, payout = returned(bet.stake, [(leg.net_price, result) for leg, result in legs])
    if is_too_much(bet, bet.balance, payout):
        raise Invalid("input.legResults", too_much_words(bet.currency))
    for leg, result in zip(bet.legs, results, strict=True):
        leg.result = result
        if leg.match_id is not None:
            leg.judged_at = leg.judged_at or bet.placed_at  # facts that come are judged, and kept beside
    ruling = Ruling(status, payout, results, _trace_by_hand(bet, results, payout), Cause.BY_HAND)
    await write_verdicts(connection, [Judged(bet, bet.legs, ruling)], now=now, machine=machine)
    await audit.note(
        connection,
        account_id,
        "bet.settle",
        machine=machine,
        caller=caller,
        entity=("Bet", bet_id),
        details={
            "before": {"status": bet.status, "payout": bet.payout},
            "after": {"status": status, "payout": payout, "legs": list(results)},
        },
    )


async def _lock_own(connection: asyncpg.Connection, account_id: int, bet_id: int) -> Bet:
    bankroll_id = await connection.fetchval(
        "select bankroll_id from bet where id = $1 and account_id = $2", bet_id, account_id
    )
    bets = [] if bankroll_id is None else await lock_bets(connection, [(bet_id, bankroll_id)])
    if not bets or bets[0].is_deleted:
        raise NotFound("You have no such bet.", field="input.id")
    return bets[0]


def _checked(bet: Bet, leg_results: Sequence[str], judge: Judge, now: datetime) -> list[BetResult]:
    """The results, if there is one for each leg that it can have by now; raises Invalid."""
    if len(leg_results) != len(bet.legs):
        raise Invalid("input.legResults", f"give a result for each of the {len(bet.legs)} legs")
    for place, (leg, result) in enumerate(zip(bet.legs, leg_results, strict=True)):
        field = f"input.legResults.{place}"
        match = judge.match_of(leg)
        if match is not None and not _has_begun(leg, match, now):
            raise Invalid(field, f"{match.title} kicks off at {match.kickoff_at:%Y-%m-%d %H:%M} UTC: settle it then")
        possible = _possible(leg, judge)
        if result not in possible:
            known = ", ".join(one for one in BetResult if one in possible)
            raise Invalid(field, f"{leg.description} can be {known}")
    return [BetResult(result) for result in leg_results]


def _has_begun(leg: Leg, match: MatchFacts, now: datetime) -> bool:
    """Whether a match is past its kick-off, of now or as it was told when the bet was placed, or will not be played."""
    told = match.kickoff_at if leg.kickoff_at is None else min(leg.kickoff_at, match.kickoff_at)
    return told <= now or match.facts.status in DECIDED


def _possible(leg: Leg, judge: Judge) -> frozenset[BetResult]:
    selected = judge.selected(leg)
    return frozenset(BetResult) if selected is None else results_of(selected.market, selected.own)


def _trace_by_hand(bet: Bet, results: Sequence[BetResult], payout: int) -> list[str]:
    legs = list(zip(bet.legs, results, strict=True))
    words = [by_hand_words(leg, result) for leg, result in legs]
    return [*words, return_words(bet.stake, bet.currency, legs, payout)]
