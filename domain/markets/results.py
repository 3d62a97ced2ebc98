"""What plugins said became of their markets, as columns of the statements that need it.

`OWN` are the columns that `own_market` reads. A statement that selects them calls a match `m` and a market `k`, and
joins `OWN_JOIN`; a market that is no plugin's has nulls there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from asyncpg import Record

from domain.markets.verdicts import UNASKED, OwnMarket
from touchline import BetResult, Facts, Lines

FACT_COLUMNS: Final = tuple(each.name for each in fields(Facts))
"""Columns of `match` that decide markets, in the order of `touchline.Facts`."""
FACTS: Final = ", ".join(f"m.{name}" for name in FACT_COLUMNS)

FACTS_NOW: Final = "jsonb_build_object(" + ", ".join(f"'{name}', m.{name}" for name in FACT_COLUMNS) + ")"
"""The facts of a match as `market_result.facts` holds them. An answer rests on them where these contain its own."""

NEWEST: Final = """(
  select a.* from market_result a where a.match_id = m.id and a.market_id = k.id order by a.revision desc limit 1)"""
"""The newest answer about a market in a match."""

OWN: Final = f"""own.title as own_title, own.lines as own_lines, own.outcomes as own_outcomes,
    told.results as own_results, told.sentences as own_sentences, told.reason as own_reason,
    told.settled_at as own_told_at,
    told.facts is not null and {FACTS_NOW} @> told.facts as own_is_fresh"""

OWN_JOIN: Final = f"""left join market_kind own on own.key = k.kind
    left join lateral {NEWEST} told on own.key is not null"""


def own_market(row: Record | Mapping[str, Any]) -> OwnMarket | None:
    """The plugin's market of a row that has the columns `OWN`; None where it is no plugin's."""
    if row.get("own_title") is None:
        return None
    results, sentences = row["own_results"], row["own_sentences"]
    return OwnMarket(
        title=row["own_title"],
        lines=Lines(row["own_lines"]),
        outcomes=tuple(row["own_outcomes"]),
        results=None if results is None else tuple(map(BetResult, results)),
        sentences=None if sentences is None else tuple(sentences),
        reason=row["own_reason"] or UNASKED,
        told_at=row["own_told_at"],
        is_fresh=row["own_is_fresh"],
    )
