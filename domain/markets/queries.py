"""Reads of the dictionary of markets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.infra.database import Reader
from domain.markets.rules import OwnKind
from touchline import Kind, Lines


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


async def own_kinds(reader: Reader, keys: Iterable[str] | None = None) -> dict[str, OwnKind]:
    """Plugins' own markets by key: these, or all."""
    rows = await reader.fetch(
        """select key, title, outcomes, lines from market_kind
           where $1::text[] is null or key = any($1) order by key""",
        None if keys is None else sorted(set(keys)),
    )
    return {row["key"]: OwnKind(row["key"], row["title"], tuple(row["outcomes"]), Lines(row["lines"])) for row in rows}


def graph_kind(kind: str) -> str:
    """The `touchline.Kind` of an expression of SQL that is a market's kind: plugins' own markets are all CUSTOM."""
    return f"case when strpos({kind}, '.') > 0 then '{Kind.CUSTOM}' else {kind} end"
