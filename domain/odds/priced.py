"""Which markets of a match are priced, which line is the main one, and the whole table of one market."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.infra.database import Reader
from domain.markets.queries import graph_kind
from domain.odds.queries import STANDING, QuoteRow, quotes_of
from touchline import MarketKey

MAIN_LINE_SHARE = 0.5
"""A line is a candidate for the main one when at least this share of the most quoted line's bookmakers price it."""


@dataclass(frozen=True, slots=True)
class PricedMarket:
    """A market of a match that somebody prices."""

    match_id: int
    market_id: int
    market: MarketKey
    book_count: int
    """Bookmakers that price it."""
    imbalance: float
    """Largest less smallest mean implied probability of its outcomes; 1 when an outcome has no price."""
    is_available: bool
    """Whether any price can be bet on."""
    changed_at: datetime
    """When any price last changed."""
    title: str | None = None
    """Of a plugin's own market."""

    @property
    def name(self) -> tuple[int, str, str]:
        """What its lines have in common: match, kind and period."""
        return self.match_id, self.market.kind_key, self.market.period


async def priced_markets(
    reader: Reader, match_ids: Iterable[int], *, kinds: Sequence[str] | None = None, as_of: datetime | None = None
) -> list[PricedMarket]:
    """Every priced market of the matches, now or as it stood at `as_of`."""
    source = "select * from quote where match_id = any($1::bigint[]) and $2::timestamptz is null"
    if as_of is not None:
        source = """select distinct on (match_id, selection_id, bookmaker_id) * from quote_change
                    where match_id = any($1::bigint[]) and observed_at <= $2
                    order by match_id, selection_id, bookmaker_id, observed_at desc, sequence desc"""
    records = await reader.fetch(
        f"""with priced as (
              select match_id, selection_id, count(*) as books, avg(1 / price::float8) as implied,
                     bool_or(is_available) as is_available, max(observed_at) as changed_at
              from ({source}) q group by match_id, selection_id)
            select p.match_id, s.market_id, m.key, max(p.books),
                   case when count(*) = (select count(*) from selection o where o.market_id = s.market_id)
                        then max(p.implied) - min(p.implied) else 1 end,
                   bool_or(p.is_available), max(p.changed_at), own.title
            from priced p join selection s on s.id = p.selection_id join market m on m.id = s.market_id
              left join market_kind own on own.key = m.kind
            where $3::text[] is null or {graph_kind("m.kind")} = any($3)
            group by p.match_id, s.market_id, m.key, own.title""",
        list(set(match_ids)),
        as_of,
        kinds,
    )
    return [PricedMarket(record[0], record[1], MarketKey.parse(record[2]), *record[3:]) for record in records]


def main_line(candidates: Sequence[PricedMarket]) -> PricedMarket | None:
    """The most balanced of the lines that enough bookmakers price; of equals the most quoted, then the lowest."""
    most = max((market.book_count for market in candidates), default=0)
    quoted = [market for market in candidates if market.book_count >= MAIN_LINE_SHARE * most]
    return min(
        quoted,
        key=lambda market: (round(market.imbalance, 6), -market.book_count, market.market.line or 0.0),
        default=None,
    )


def main_lines(known: Iterable[PricedMarket]) -> dict[tuple[int, str, str], PricedMarket]:
    """The main line by match, kind and period."""
    candidates: dict[tuple[int, str, str], list[PricedMarket]] = {}
    for each in known:
        candidates.setdefault(each.name, []).append(each)
    return {name: main for name, lines in candidates.items() if (main := main_line(lines)) is not None}


async def tables(
    reader: Reader, markets: Sequence[tuple[int, int]], *, as_of: datetime | None = None
) -> tuple[int, list[QuoteRow]]:
    """Every bookmaker's price of (match, market) pairs and the stream's position at that very moment."""
    if as_of is not None:
        return await _tables_at(reader, markets, as_of)
    records = await reader.fetch(
        f"""select p.value, q.* from odds_position p left join (
              select {STANDING} from unnest($1::bigint[], $2::bigint[]) as k(match_id, market_id)
                join selection s on s.market_id = k.market_id
                join quote q on q.match_id = k.match_id and q.selection_id = s.id) q on true
            where p.id = 1""",
        [match for match, _ in markets],
        [market for _, market in markets],
    )
    return records[0]["value"], [QuoteRow(*record[1:]) for record in records if record["sequence"] is not None]


async def _tables_at(reader: Reader, markets: Sequence[tuple[int, int]], as_of: datetime) -> tuple[int, list[QuoteRow]]:
    """The tables as they stood; the position is the one before the first change of their matches after it."""
    selections = await reader.fetch(
        """select k.match_id, s.id from unnest($1::bigint[], $2::bigint[]) as k(match_id, market_id)
           join selection s on s.market_id = k.market_id""",
        [match for match, _ in markets],
        [market for _, market in markets],
    )
    position = await reader.fetchval(
        """select coalesce((select min(sequence) - 1 from quote_change
             where match_id = any($1::bigint[]) and observed_at > $2),
             (select value from odds_position where id = 1))""",
        [match for match, _ in markets],
        as_of,
    )
    return position, await quotes_of(reader, [(record[0], record[1]) for record in selections], as_of=as_of)
