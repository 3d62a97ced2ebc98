"""The last prices of matches before their kick-offs, of one source for each market: what the market closed at.

A sharp bookmaker comes first (Pinnacle before another one), then an exchange, then the average that a source computed.
A source counts only where it priced every outcome of the market.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from domain.infra.database import Reader

CLOSES_WITHIN: Final = timedelta(hours=24)
"""Before kick-off: a price that nobody confirmed for longer is the last one known, and not a closing price."""

MarketOf = tuple[int, str]
"""A match and the canonical key of a market."""


@dataclass(frozen=True, slots=True)
class ClosingLine:
    """The prices of every outcome of a market, in the customary order, by one source."""

    source: str
    """Key of the bookmaker, or the source's own name of the average (`Avg`, `BbAv`)."""
    prices: Sequence[float]


async def closing_lines(
    reader: Reader, match_ids: Sequence[int], markets: Iterable[str]
) -> dict[MarketOf, ClosingLine]:
    """What markets closed at: prices that stood within a day of kick-off, and of averages the closing ones only."""
    return await _lines(reader, match_ids, markets, or_earlier=False)


async def last_lines(reader: Reader, match_ids: Sequence[int], markets: Iterable[str]) -> dict[MarketOf, ClosingLine]:
    """The last prices known before kick-off, however old, and early averages where there are no others."""
    return await _lines(reader, match_ids, markets, or_earlier=True)


async def _lines(
    reader: Reader, match_ids: Sequence[int], markets: Iterable[str], *, or_earlier: bool
) -> dict[MarketOf, ClosingLine]:
    rows = await reader.fetch(
        _LAST_BEFORE_KICKOFF, list(match_ids), sorted(set(markets)), None if or_earlier else CLOSES_WITHIN
    )
    return {(row["match_id"], row["market"]): ClosingLine(row["source"], row["line"]) for row in rows}


# The standing quote of a match that is over is its last one; only where a book went on after kick-off
# does the history of changes have to be asked.
_LAST_BEFORE_KICKOFF: Final = """
with wanted as (select id as match_id, kickoff_at from match where id = any($1::bigint[])),
     chosen as (select sel.id as selection_id, k.key as market, sel.position
                from market k join selection sel on sel.market_id = k.id where k.key = any($2::text[])),
     books as (select id, case kind when 'SHARP' then 0 else 1 end as rank, key
               from bookmaker where kind in ('SHARP', 'EXCHANGE')),
     prices as (
       select q.match_id, c.market, c.position, b.rank, b.key as source,
              case when q.observed_at <= w.kickoff_at then q.price else (
                select e.price from quote_change e
                where e.match_id = q.match_id and e.selection_id = q.selection_id
                  and e.bookmaker_id = q.bookmaker_id and e.observed_at <= w.kickoff_at
                order by e.observed_at desc, e.sequence desc limit 1) end as price
       from wanted w join quote q using (match_id) join chosen c using (selection_id)
       join books b on b.id = q.bookmaker_id
       where $3::interval is null or q.confirmed_at >= w.kickoff_at - $3
       union all
       select a.match_id, c.market, c.position, case when a.is_closing then 2 else 3 end, a.name, a.price
       from wanted w join price_aggregate a using (match_id) join chosen c using (selection_id)
       where a.name in ('Avg', 'BbAv') and (a.is_closing or $3 is null)),
     complete as (
       select match_id, market, rank, source, array_agg(price::float8 order by position) as line
       from prices where price is not null group by match_id, market, rank, source
       having count(*) = (select count(*) from chosen c where c.market = prices.market))
select distinct on (match_id, market) match_id, market, source, line
from complete order by match_id, market, rank, source <> 'pinnacle', source
"""
