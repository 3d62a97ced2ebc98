"""Selections: the outcomes of a market, their quotes and the history of their prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

from api.batch import batch, derived
from api.nodes import Node, integer_keys, keys_of
from api.odds_prices import OddsPoint, SeriesInterval
from api.odds_quotes import OddsQuote, OddsQuoteConnection, quote_of
from api.paging import After, Before, Counts, First, Last, Order, Page, connect, read_page
from api.rows import Key, Rows, grouped, in_order, rows_of
from api.scalars import DateTimeRange
from domain.markets.rules import outcome_name
from domain.odds.history import (
    HistorySpan,
    changes_until,
    closing_quotes,
    history_counts,
    history_of,
    opening_quotes,
)
from domain.odds.queries import Pair, QuoteRow, best_of, quotes_of
from domain.odds.series import series
from touchline import MarketKey

if TYPE_CHECKING:
    from api.odds_markets import Market

AsOf = Annotated[datetime | None, strawberry.argument(description="At this instant.")]
BookmakerIds = Annotated[list[strawberry.ID] | None, strawberry.argument(description="Only these bookmakers.")]
BookmakerId = Annotated[strawberry.ID | None, strawberry.argument(description="Bookmaker.")]

NEWEST_FIRST = Order(
    "odds_history", "observed_at", "sequence", is_descending=True, read=lambda text: datetime.fromisoformat(text)
)

_WIDTHS: Mapping[str, timedelta] = {
    "ONE_MINUTE": timedelta(minutes=1),
    "FIVE_MINUTES": timedelta(minutes=5),
    "FIFTEEN_MINUTES": timedelta(minutes=15),
    "ONE_HOUR": timedelta(hours=1),
    "ONE_DAY": timedelta(days=1),
}


@strawberry.type(description="One outcome of a market.")
class Selection(Node):
    """An outcome of the dictionary in one match; `key` is match and selection."""

    match_id: strawberry.Private[int]
    selection_id: strawberry.Private[int]
    market_id: strawberry.Private[int]
    market_key: strawberry.Private[str]
    home: strawberry.Private[str]
    away: strawberry.Private[str]
    outcome: str = strawberry.field(name="key", description="Canonical key, for example `home`, `over`, `yes`, `2-1`.")

    @derived
    def name(self) -> str:
        """Name in the viewer's locale."""
        return outcome_name(MarketKey.parse(self.market_key), self.outcome, home=self.home, away=self.away)

    @batch
    @staticmethod
    async def market(
        selections: Sequence[Selection], db: Rows
    ) -> list[Annotated[Market, strawberry.lazy("api.odds_markets")]]:
        """Market."""
        from api.odds_markets import Market  # the types of this slice refer to each other

        return await db.pick(Market, [(selection.match_id, selection.market_id) for selection in selections])

    @batch
    @staticmethod
    async def quotes(
        selections: Sequence[Selection],
        db: Rows,
        now: datetime,
        bookmaker_ids: BookmakerIds = None,
        as_of: Annotated[datetime | None, strawberry.argument(description="Quotes standing at this instant.")] = None,
        max_age_seconds: Annotated[
            int | None, strawberry.argument(description="Leave out quotes older than this, seconds.")
        ] = None,
    ) -> list[list[OddsQuote]]:
        """Quotes, best price first. `asOf` travels in time."""
        books = keys_of("Bookmaker", bookmaker_ids, "bookmakerIds")
        rows = await quotes_of(db, _pairs(selections), as_of=as_of, bookmaker_ids=books)
        if max_age_seconds is not None:
            oldest = (as_of or now) - timedelta(seconds=min(max(0, max_age_seconds), 10**9))
            rows = [row for row in rows if row.confirmed_at >= oldest]
        return [[quote_of(row, as_of) for row in group] for group in _grouped(selections, rows)]

    @batch
    @staticmethod
    async def best_quote(selections: Sequence[Selection], db: Rows, as_of: AsOf = None) -> list[OddsQuote | None]:
        """Best quote."""
        best = await best_of(db, _pairs(selections), as_of=as_of)
        return [quote_of(best[pair], as_of) if pair in best else None for pair in _pairs(selections)]

    @batch
    @staticmethod
    async def opening_quote(
        selections: Sequence[Selection], db: Rows, bookmaker_id: BookmakerId = None
    ) -> list[OddsQuote | None]:
        """First quote seen of a bookmaker; the best of all bookmakers' first quotes when omitted."""
        rows = await opening_quotes(db, _pairs(selections), bookmaker_id=_bookmaker(bookmaker_id))
        return [quote_of(group[0]) if group else None for group in _grouped(selections, rows)]

    @batch
    @staticmethod
    async def closing_quote(
        selections: Sequence[Selection],
        db: Rows,
        now: datetime,
        bookmaker_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Bookmaker; the sharp set when omitted.")
        ] = None,
    ) -> list[OddsQuote | None]:
        """Last quote before kick-off; null before it. Of several bookmakers the best; all when none is sharp."""
        rows = await closing_quotes(db, _pairs(selections), now=now, bookmaker_id=_bookmaker(bookmaker_id))
        return [quote_of(group[0]) if group else None for group in _grouped(selections, rows)]

    @batch
    @staticmethod
    async def odds_history(
        selections: Sequence[Selection],
        db: Rows,
        bookmaker_ids: BookmakerIds = None,
        during: Annotated[DateTimeRange | None, strawberry.argument(description="Span.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[OddsQuoteConnection]:
        """Every change, newest first."""
        page = read_page(NEWEST_FIRST, first, after, last, before)
        from_, to = during.bounds("during") if during else (None, None)
        span = HistorySpan(keys_of("Bookmaker", bookmaker_ids, "bookmakerIds"), from_, to)
        pairs = _pairs(selections)
        rows = await history_of(
            db,
            pairs,
            span,
            limit=page.size + 1,
            older_than=page.after,
            newer_than=page.before,
            oldest_first=page.is_backward,
        )
        counts = Counts(lambda db: _counts(db, pairs, span))
        groups = _grouped(selections, rows)
        return [_history_page(page, group, counts, pair) for pair, group in zip(pairs, groups, strict=True)]

    @batch
    @staticmethod
    async def odds_series(
        selections: Sequence[Selection],
        db: Rows,
        now: datetime,
        bookmaker_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Bookmaker; best price when omitted.")
        ] = None,
        interval: Annotated[
            SeriesInterval | None, strawberry.argument(description="Bucket.")
        ] = SeriesInterval.FIFTEEN_MINUTES,
        during: Annotated[
            DateTimeRange | None,
            strawberry.argument(description="Span; from the first quote to now when omitted."),
        ] = None,
    ) -> list[list[OddsPoint]]:
        """History in equal time buckets, ready for a chart; at most 500 points, the newest."""
        from_, to = during.bounds("during") if during else (None, None)
        end = min(to or now, now)
        rows = await changes_until(db, _pairs(selections), end, bookmaker_id=_bookmaker(bookmaker_id))
        width = _WIDTHS[interval or SeriesInterval.FIFTEEN_MINUTES]
        return [
            [
                OddsPoint(
                    at=point.at,
                    open=point.open,
                    high=point.high,
                    low=point.low,
                    close=point.close,
                    change_count=point.change_count,
                )
                for point in series(group, width, from_, end)
            ]
            for group in _grouped(selections, rows)
        ]

    @classmethod
    def read_key(cls, key: str) -> Key | None:
        return integer_keys(key, 2)

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[Any]) -> Sequence[Self | None]:
        records = await db.fetch(_LOAD, [match for match, _ in keys], [selection for _, selection in keys])
        rows = rows_of(cls, records)
        for row in rows:
            row.key = (row.match_id, row.selection_id)
        return in_order(keys, rows, lambda row: row.key)


_LOAD = """
select k.match_id, s.id as selection_id, s.market_id, s.key as outcome, t.key as market_key,
       home.name as home, away.name as away
from unnest($1::bigint[], $2::bigint[]) as k(match_id, selection_id)
  join match m on m.id = k.match_id
  join team home on home.id = m.home_team_id join team away on away.id = m.away_team_id
  join selection s on s.id = k.selection_id join market t on t.id = s.market_id
"""


def _pairs(selections: Sequence[Selection]) -> list[Pair]:
    return [(selection.match_id, selection.selection_id) for selection in selections]


def _grouped(selections: Sequence[Selection], rows: Sequence[QuoteRow]) -> list[list[QuoteRow]]:
    return grouped(_pairs(selections), rows, lambda row: row.pair)


def _bookmaker(id_: strawberry.ID | None) -> int | None:
    found = keys_of("Bookmaker", [id_], "bookmakerId") if id_ else None
    return found[0] if found else None


def _history_page(page: Page, rows: Sequence[QuoteRow], counts: Counts, pair: Pair) -> OddsQuoteConnection:
    positions = [(row.observed_at, row.sequence) for row in rows]
    return connect(OddsQuoteConnection, page, [quote_of(row) for row in rows], positions, counts, pair)


async def _counts(db: Rows, pairs: Sequence[Pair], span: HistorySpan) -> Mapping[Key, int]:
    counts: dict[Key, int] = {}
    counts.update(await history_counts(db, pairs, span))
    return counts
