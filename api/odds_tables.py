"""The table of one market of one match: bookmakers down, outcomes across. Boards, margins and fair prices read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.odds_bookmakers import Bookmaker, BookmakerKind
from api.odds_prices import DevigMethod, FairPrice, fair_price_of
from api.rows import Rows
from domain.odds.fair import Book, fair_price
from domain.odds.priced import tables
from domain.odds.queries import Pair, QuoteRow
from domain.odds.rules import overround

Prices = Sequence[QuoteRow | None]
"""Per outcome of the market, in the customary order."""


@dataclass(frozen=True, slots=True)
class MarketTable:
    """All prices of a market of a match at one moment, `at` in match time."""

    outcomes: Sequence[tuple[Pair, str]]
    """Pair and canonical key, in the customary order."""
    books: Mapping[int, Prices]
    """By bookmaker, sharp ones first, then by name."""
    bookmakers: Mapping[int, Bookmaker]
    position: int
    """Sequence up to which the odds stream is in the table."""
    at: datetime

    @property
    def best(self) -> Prices:
        """The best available price per outcome; of equal ones the older."""
        return [_best(prices) for prices in zip(*self.books.values(), strict=True)] or [None] * len(self.outcomes)

    def fair_price(self, method: DevigMethod, *, is_chosen: bool = False) -> FairPrice | None:
        """The margin-free price; with `is_chosen` of all bookmakers in the table, otherwise of the sharp ones."""
        books = [
            Book(
                bookmaker_id,
                self.bookmakers[bookmaker_id].kind == BookmakerKind.SHARP,
                [row.price if row is not None and row.is_available else None for row in prices],
                max(row.confirmed_at for row in prices if row is not None),
            )
            for bookmaker_id, prices in self.books.items()
        ]
        fair = fair_price(books, method.method, self.at, is_chosen=is_chosen)
        return fair_price_of(fair, method, self.outcomes, self.at)


def _best(prices: Prices) -> QuoteRow | None:
    available = [row for row in prices if row is not None and row.is_available]
    return min(available, key=lambda row: (-row.price, row.observed_at, row.bookmaker_id), default=None)


def margin(prices: Prices) -> float | None:
    """Sum of implied probabilities minus 1; None when an outcome has no price or the market only one outcome."""
    known = [row.price for row in prices if row is not None]
    return overround(known) if len(known) == len(prices) > 1 else None


async def market_tables(
    db: Rows,
    markets: Sequence[Pair],
    now: datetime,
    *,
    as_of: datetime | None = None,
    bookmaker_ids: Collection[int] | None = None,
) -> list[MarketTable]:
    """The tables of (match, market) pairs, in order; all of them of the same moment."""
    position, rows = await tables(db, markets, as_of=as_of)
    outcomes = await _outcomes(db, markets)
    wanted = [row for row in rows if bookmaker_ids is None or row.bookmaker_id in bookmaker_ids]
    ids = list({row.bookmaker_id for row in wanted})
    bookmakers = dict(zip(ids, await db.pick(Bookmaker, ids), strict=True))
    prices = {(row.match_id, row.selection_id, row.bookmaker_id): row for row in wanted}
    quoting: dict[Pair, set[int]] = {}
    for row in wanted:
        quoting.setdefault(row.pair, set()).add(row.bookmaker_id)

    def order(bookmaker_id: int) -> tuple[bool, str]:
        bookmaker = bookmakers[bookmaker_id]
        return bookmaker.kind != BookmakerKind.SHARP, bookmaker.name

    found = []
    for match_id, market_id in markets:
        pairs = [((match_id, selection_id), key) for selection_id, key in outcomes.get(market_id, [])]
        books = sorted({book for pair, _ in pairs for book in quoting.get(pair, ())}, key=order)
        cells = {book: [prices.get((*pair, book)) for pair, _ in pairs] for book in books}
        found.append(MarketTable(pairs, cells, bookmakers, position, as_of or now))
    return found


async def _outcomes(db: Rows, markets: Sequence[Pair]) -> dict[int, list[tuple[int, str]]]:
    """Selections and their keys by market, in the customary order."""
    records = await db.fetch(
        "select market_id, id, key from selection where market_id = any($1::bigint[]) order by market_id, position",
        list({market_id for _, market_id in markets}),
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for market_id, selection_id, key in records:
        found.setdefault(market_id, []).append((selection_id, key))
    return found
