"""Writing verdicts: settlements with their sequence, the money that moves, and the bets and legs as they stand then.

The caller holds the locks of `domain.bets.due.lock_bets`; the bettors are locked here, last. The number of
statements does not depend on the number of bets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from domain.bets.closing import closing_probabilities
from domain.bets.ledger import Entry, post
from domain.bets.slips import Bet, Cause, Judged, Leg, Ruling
from touchline import BetResult

VOID_NOTE: Final = "The leg is void, so no closing price counts."
_BETWEEN: Final = "\x1f"
"""Stands between the sentences of a trace on their way into an array."""

Ruled = tuple[Bet, Ruling]


async def write_verdicts(
    connection: asyncpg.Connection,
    judged: Sequence[Judged],
    *,
    now: datetime,
    machine: datetime,
    job_id: str | None = None,
) -> set[int]:
    """Write what judging changed, in the open transaction; answers the accounts that have a new verdict."""
    await _note_closing(connection, [leg for one in judged for leg in one.legs], now)
    ruled = [(one.bet, one.ruling) for one in judged if one.ruling is not None]
    settlements = await _write_settlements(connection, ruled, now, machine, job_id)
    effective = [(bet, ruling) for bet, ruling in ruled if ruling.is_effective]
    await post(connection, _entries(effective, settlements, now), machine=machine)
    await _write_bets(connection, judged, now)
    await _write_legs(connection, [leg for one in judged for leg in one.legs])
    return {bet.account_id for bet, _ in ruled}


async def _note_closing(connection: asyncpg.Connection, legs: Sequence[Leg], now: datetime) -> None:
    """The closing probabilities of legs whose match has kicked off; one that is known and found no more stays."""
    pairs = [
        (leg.match_id, leg.selection_id)
        for leg in legs
        if leg.result != BetResult.VOID and leg.match_id is not None and leg.selection_id is not None
    ]
    closing = await closing_probabilities(connection, pairs, now=now)
    for leg in legs:
        if leg.result == BetResult.VOID:
            leg.closing_probability, leg.closing_note = None, VOID_NOTE
            continue
        found = closing.get((leg.match_id or 0, leg.selection_id or 0))
        if found is not None and (found.probability is not None or leg.closing_probability is None):
            leg.closing_probability, leg.closing_note = found.probability, found.note


async def _write_settlements(
    connection: asyncpg.Connection, ruled: Sequence[Ruled], now: datetime, machine: datetime, job_id: str | None
) -> Mapping[int, int]:
    """Ids of the new settlements by bet; each account's count on without a hole."""
    if not ruled:
        return {}
    new = Counter(bet.account_id for bet, _ in ruled)
    accounts = sorted(new)
    rows = await connection.fetch(_COUNT_ON, accounts, [new[account_id] for account_id in accounts])
    following = {row["account_id"]: row["position"] - new[row["account_id"]] for row in rows}
    sequences = []
    for bet, _ in ruled:
        following[bet.account_id] += 1
        sequences.append(following[bet.account_id])
    written = await connection.fetch(
        _SETTLEMENTS,
        [bet.id for bet, _ in ruled],
        [bet.account_id for bet, _ in ruled],
        sequences,
        [ruling.status for _, ruling in ruled],
        [ruling.payout for _, ruling in ruled],
        [_BETWEEN.join(ruling.leg_results) for _, ruling in ruled],
        [_BETWEEN.join(ruling.trace) for _, ruling in ruled],
        [ruling.cause for _, ruling in ruled],
        [ruling.is_effective for _, ruling in ruled],
        now,
        machine,
        job_id,
        _BETWEEN,
    )
    return {row["bet_id"]: row["id"] for row in written}


_COUNT_ON: Final = """
insert into bettor (account_id, position)
select * from unnest($1::bigint[], $2::bigint[]) as t (account_id, new) order by account_id
on conflict (account_id) do update set position = bettor.position + excluded.position
returning account_id, position
"""

_SETTLEMENTS: Final = """
insert into settlement (bet_id, account_id, sequence, status, payout, leg_results, trace, cause, is_effective,
    settled_at, recorded_at, job_id)
select bet_id, account_id, sequence, status, payout, string_to_array(results, $13), string_to_array(trace, $13), cause,
    is_effective, $10, $11, $12
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::bool[])
     as t (bet_id, account_id, sequence, status, payout, results, trace, cause, is_effective)
order by account_id, sequence
returning id, bet_id
"""


def _entries(ruled: Sequence[Ruled], settlements: Mapping[int, int], now: datetime) -> list[Entry]:
    """What comes back now, after what came back before was taken away; nothing where the sum is the same."""
    entries = []
    for bet, ruling in ruled:
        if bet.payout == ruling.payout:
            continue
        settlement = settlements[bet.id]
        if bet.payout:
            entries.append(Entry(bet.bankroll_id, "REVERSAL", -bet.payout, now, bet.id, settlement))
        if ruling.payout:
            entries.append(Entry(bet.bankroll_id, "RETURN", ruling.payout, now, bet.id, settlement))
    return entries


async def _write_bets(connection: asyncpg.Connection, judged: Sequence[Judged], now: datetime) -> None:
    """Bets with a verdict that counts, and those whose closing value became known."""
    rows = []
    for one in judged:
        bet, value = one.bet, one.bet.value_at_close()
        ruling = one.ruling if one.ruling is not None and one.ruling.is_effective else None
        if ruling is not None or value != bet.closing_line_value:
            status, payout = (bet.status, bet.payout) if ruling is None else (ruling.status, ruling.payout)
            by_hand = ruling is not None and ruling.cause == Cause.BY_HAND
            expected = bet.expected_at_close()
            profit = None if expected is None else bet.stake * expected
            rows.append((bet.id, status, payout, ruling is not None, by_hand, value, profit))
    if rows:
        await connection.execute(_BETS, *map(list, zip(*rows, strict=True)), now)


_BETS: Final = """
update bet set status = t.status, payout = t.payout, closing_line_value = t.value, expected_profit = t.profit,
    is_settled_by_hand = bet.is_settled_by_hand or t.by_hand, version = bet.version + t.is_ruled::int,
    settled_at = case when t.is_ruled then $8 else bet.settled_at end
from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bool[], $5::bool[], $6::float8[], $7::float8[])
     as t (id, status, payout, is_ruled, by_hand, value, profit)
where bet.id = t.id
"""


async def _write_legs(connection: asyncpg.Connection, legs: Sequence[Leg]) -> None:
    await connection.execute(
        _LEGS,
        [leg.id for leg in legs],
        [leg.result for leg in legs],
        [leg.judged_at for leg in legs],
        [leg.closing_probability for leg in legs],
        [leg.closing_note for leg in legs],
    )


_LEGS: Final = """
update bet_leg set result = t.result, judged_at = t.judged_at, closing_probability = t.probability,
    closing_note = t.note
from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::float8[], $5::text[])
     as t (id, result, judged_at, probability, note)
where bet_leg.id = t.id
"""
