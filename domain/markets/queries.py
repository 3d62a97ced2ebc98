"""Reads of the dictionary of markets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.infra.database import Reader


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome of a market."""

    selection_id: int
    key: str


async def outcomes(db: Reader, market_ids: Sequence[int]) -> dict[int, list[Outcome]]:
    """The outcomes of each market in their customary order, which is that of stored probabilities."""
    rows = await db.fetch(
        "select market_id, id, key from selection where market_id = any($1::bigint[]) order by position",
        sorted(set(market_ids)),
    )
    found: dict[int, list[Outcome]] = {market_id: [] for market_id in market_ids}
    for row in rows:
        found[row["market_id"]].append(Outcome(row["id"], row["key"]))
    return found
