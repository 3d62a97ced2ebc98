"""Writing bets: their rows, their legs and the stakes that leave the bankrolls, set-based for one as for thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from domain.bets.ledger import Entry, post
from domain.bets.legs import Leg


@dataclass(frozen=True, slots=True)
class NewBet:
    """A bet to write; amounts in minor units, instants in match time."""

    account_id: int
    bankroll_id: int
    stake: int
    price: Decimal
    legs: Sequence[Leg]
    placed_at: datetime
    source: str
    value_bet_id: int | None = None
    tags: Sequence[str] = ()
    notes: str | None = None
    edge: float | None = None
    status: str = "PENDING"
    payout: int | None = None
    settled_at: datetime | None = None
    import_digest: str | None = None


async def write_bets(connection: asyncpg.Connection, bets: Sequence[NewBet], *, machine: datetime) -> list[int | None]:
    """Write bets and take their stakes, with four statements; answers ids in order.

    None stands where the bankroll holds a bet of that import digest already. The caller holds the bankrolls' locks.
    """
    numbered = await connection.fetch(
        "select nextval(pg_get_serial_sequence('bet', 'id')) as id from generate_series(1, $1)", len(bets)
    )
    ids: list[int] = [row["id"] for row in numbered]
    rows = await connection.fetch(
        _BETS, _json([_bet(bet_id, bet, machine) for bet_id, bet in zip(ids, bets, strict=True)])
    )
    new = {row["id"] for row in rows}
    written = [(bet_id, bet) for bet_id, bet in zip(ids, bets, strict=True) if bet_id in new]
    await connection.execute(
        _LEGS, _json([_leg(bet_id, n, leg) for bet_id, bet in written for n, leg in enumerate(bet.legs)])
    )
    stakes = [Entry(bet.bankroll_id, "STAKE", -bet.stake, bet.placed_at, bet_id=bet_id) for bet_id, bet in written]
    await post(connection, stakes, machine=machine)
    return [bet_id if bet_id in new else None for bet_id in ids]


def _bet(bet_id: int, bet: NewBet, machine: datetime) -> dict[str, Any]:
    return {
        "id": bet_id,
        "account_id": bet.account_id,
        "bankroll_id": bet.bankroll_id,
        "kind": "SINGLE" if len(bet.legs) == 1 else "ACCUMULATOR",
        "status": bet.status,
        "stake": bet.stake,
        "price": bet.price,
        "payout": bet.payout,
        "source": bet.source,
        "value_bet_id": bet.value_bet_id,
        "tags": list(bet.tags),
        "notes": bet.notes,
        "is_settled_by_hand": False,
        "edge_at_placement": bet.edge,
        "placed_at": bet.placed_at,
        "settled_at": bet.settled_at,
        "recorded_at": machine,
        "import_digest": bet.import_digest,
        "version": 1,
    }


def _leg(bet_id: int, position: int, leg: Leg) -> dict[str, Any]:
    return {
        "bet_id": bet_id,
        "position": position,
        "match_id": leg.match_id,
        "market_id": leg.market_id,
        "selection_id": leg.selection_id,
        "bookmaker_id": leg.bookmaker_id,
        "bookmaker_name": leg.bookmaker_name,
        "description": leg.description,
        "price": leg.price,
        "commission": leg.commission,
        "quote_sequence": leg.quote_sequence,
        "kickoff_at": leg.kickoff_at,
        "prediction_id": leg.prediction_id,
        "probability_at_placement": leg.probability,
        "fair_probability_at_placement": leg.fair_probability,
        "result": leg.result,
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    """Rows for `jsonb_populate_recordset`; a decimal travels as its text and stays exact."""
    return orjson.dumps(rows, default=_decimal_text).decode()


def _decimal_text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of a row")


def _insert(table: str, columns: str, order: str, after: str = "") -> str:
    """Rows of JSON as rows of a table."""
    return f"""insert into {table} ({columns})
        select {columns} from jsonb_populate_recordset(null::{table}, $1::text::jsonb) order by {order} {after}"""


_BETS = _insert(
    "bet",
    "id, account_id, bankroll_id, kind, status, stake, price, payout, source, value_bet_id, tags, notes, "
    "is_settled_by_hand, edge_at_placement, placed_at, settled_at, recorded_at, import_digest, version",
    "id",
    """on conflict (bankroll_id, import_digest) where import_digest is not null and deleted_at is null do nothing
       returning id""",
)

_LEGS = _insert(
    "bet_leg",
    "bet_id, position, match_id, market_id, selection_id, bookmaker_id, bookmaker_name, description, price, "
    "commission, quote_sequence, kickoff_at, prediction_id, probability_at_placement, fair_probability_at_placement, "
    "result",
    "bet_id, position",
)
