"""Odds in the graph: the comparison table of a market, and the odds fields of a match.

The types live in the `odds_*` modules beside this one; `api.matches` attaches `match_markets`,
`match_market`, `match_odds_board` and `match_best_odds` to `Match`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.batch import batch, derived
from api.live_buffer import Cursor
from api.nodes import keys_of
from api.odds_bookmakers import Bookmaker
from api.odds_markets import METHOD, Market, market_of
from api.odds_prices import DevigMethod, FairPrice, Price
from api.odds_quotes import OddsQuote, quote_of
from api.odds_selections import BookmakerIds
from api.odds_tables import MarketTable, Prices, margin, market_tables
from api.rows import Rows
from api.scalars import MarketKind, Period
from domain.markets.rules import market_order
from domain.odds.priced import PricedMarket, main_lines, priced_markets
from domain.odds.queries import AggregateRow, aggregates_of, best_of, best_of_market
from touchline import Kind, MarketKey
from touchline.types import OUTCOMES

if TYPE_CHECKING:
    from api.matches import Match

KIND = strawberry.argument(description="Kind.")
PERIOD = strawberry.argument(description="Period.")
FULL_TIME_ONLY = [Period.FULL_TIME]
WITHOUT_LINES = frozenset({Kind.MATCH_RESULT, Kind.BOTH_TEAMS_TO_SCORE})


@strawberry.type(description="A bookmaker's row of the odds comparison table.")
class OddsBoardRow:
    bookmaker: Bookmaker = strawberry.field(description="Bookmaker.")
    prices: strawberry.Private[Prices]
    as_of: strawberry.Private[datetime | None]

    @derived
    def quotes(self) -> list[OddsQuote | None]:
        """Quote per selection, in the order of `market.selections`; null where it has none."""
        return [None if row is None else quote_of(row, self.as_of) for row in self.prices]

    @derived
    def overround(self) -> float | None:
        """Margin, fraction; null when a quote is missing."""
        return margin(self.prices)

    @derived
    def confirmed_at(self) -> datetime | None:
        """When its newest quote was confirmed."""
        return max((row.confirmed_at for row in self.prices if row is not None), default=None)


@strawberry.type(description="A market maximum or average as a source computed it; not a bookmaker's price.")
class PriceAggregate:
    name: str = strawberry.field(description="The source's name of it: `Max`, `Avg`, `BbMx`, `BbAv`.")
    is_closing: bool = strawberry.field(description="Whether it is of the last prices before kick-off.")
    prices: list[Price | None] = strawberry.field(
        description="Price per selection, in the order of `market.selections`; null where it has none."
    )


@strawberry.type(description="Odds comparison table of one market.")
class OddsBoard:
    market: Market = strawberry.field(description="Market.")
    table: strawberry.Private[MarketTable]
    travelled_to: strawberry.Private[datetime | None]
    is_chosen: strawberry.Private[bool]
    """Whether the viewer picked the bookmakers."""

    @derived
    def rows(self) -> list[OddsBoardRow]:
        """One row per bookmaker, sharp ones first."""
        bookmakers = self.table.bookmakers
        return [
            OddsBoardRow(bookmaker=bookmakers[book], prices=prices, as_of=self.travelled_to)
            for book, prices in self.table.books.items()
        ]

    @derived
    def best(self) -> list[OddsQuote]:
        """Best quote per selection, in the order of `market.selections`."""
        return [quote_of(row, self.travelled_to) for row in self.table.best if row is not None]

    @derived
    def best_overround(self) -> float | None:
        """Sum of implied probabilities of the best prices minus 1, fraction; negative means an arbitrage."""
        return margin(self.table.best)

    @derived
    def cursor(self) -> str:
        """Position in the odds stream that this table is valid for; pass it to `oddsChanged(after:)` to go on
        without a gap."""
        return str(Cursor(self.table.position))

    @derived
    def as_of(self) -> datetime:
        """Instant the table is valid for."""
        return self.table.at

    @strawberry.field(description="Margin-free price.")  # type: ignore[untyped-decorator]
    def fair_price(self, method: Annotated[DevigMethod | None, METHOD] = DevigMethod.SHIN) -> FairPrice | None:
        return self.table.fair_price(method or DevigMethod.SHIN, is_chosen=self.is_chosen)

    @batch
    @staticmethod
    async def aggregates(boards: Sequence[OddsBoard], db: Rows) -> list[list[PriceAggregate]]:
        """Market maxima and averages as sources computed them, apart from the bookmakers."""
        pairs = [pair for board in boards for pair, _ in board.table.outcomes]
        rows = await aggregates_of(db, pairs, as_of=boards[0].travelled_to)
        return [_aggregates(board, rows) for board in boards]


def _aggregates(board: OddsBoard, rows: Sequence[AggregateRow]) -> list[PriceAggregate]:
    pairs = [pair for pair, _ in board.table.outcomes]
    mine = {(row.name, row.is_closing, (row.match_id, row.selection_id)): row.price for row in rows}
    names = dict.fromkeys((row.name, row.is_closing) for row in rows if (row.match_id, row.selection_id) in pairs)
    return [
        PriceAggregate(
            name=name,
            is_closing=is_closing,
            prices=[
                None if (price := mine.get((name, is_closing, pair))) is None else Price(decimal=price)
                for pair in pairs
            ],
        )
        for name, is_closing in names
    ]


async def _chosen(
    matches: Sequence[Match],
    db: Rows,
    market: MarketKind | None,
    line: float | None,
    period: Period | None,
    as_of: datetime | None,
) -> list[PricedMarket | None]:
    """The priced market of each match: of the given line, or the main one; of several plugins' markets the first."""
    kind, part = (market or MarketKind.MATCH_RESULT).stored, (period or Period.FULL_TIME).stored
    known = await priced_markets(db, [match.key for match in matches], kinds=[kind], as_of=as_of)
    if line is not None:
        known = [each for each in known if each.market.line == line]
    first: dict[int, PricedMarket] = {}
    for (match_id, _, its_part), main in sorted(main_lines(known).items()):
        if its_part == part:
            first.setdefault(match_id, main)
    return [first.get(match.key) for match in matches]


async def match_markets(
    matches: Sequence[Match],
    db: Rows,
    kinds: Annotated[list[MarketKind] | None, strawberry.argument(description="Only these kinds.")] = None,
    periods: Annotated[list[Period] | None, strawberry.argument(description="Only these periods.")] = FULL_TIME_ONLY,
    lines: Annotated[list[float] | None, strawberry.argument(description="Only these lines.")] = None,
    has_quotes: Annotated[bool | None, strawberry.argument(description="Only markets with a live quote.")] = None,
) -> list[list[Market]]:
    """Markets of the match."""
    stored = None if kinds is None else [kind.stored for kind in kinds]
    wanted_periods = None if periods is None else {period.stored for period in periods}
    found: dict[int, list[PricedMarket]] = {match.key: [] for match in matches}
    for each in await priced_markets(db, list(found), kinds=stored):
        is_wanted = (
            (wanted_periods is None or each.market.period in wanted_periods)
            and (lines is None or each.market.line in lines)
            and (has_quotes is None or each.is_available == has_quotes)
        )
        if is_wanted:
            found[each.match_id].append(each)
    return [
        [market_of(each) for each in sorted(found[match.key], key=lambda each: market_order(each.market))]
        for match in matches
    ]


async def match_market(
    matches: Sequence[Match],
    db: Rows,
    kind: Annotated[MarketKind, KIND],
    line: Annotated[
        float | None, strawberry.argument(description="Line, for line markets; the main line when omitted.")
    ] = None,
    period: Annotated[Period | None, PERIOD] = Period.FULL_TIME,
) -> list[Market | None]:
    """One market, or null when nobody prices it."""
    chosen = await _chosen(matches, db, kind, line, period, None)
    return [None if each is None else market_of(each) for each in chosen]


async def match_odds_board(
    matches: Sequence[Match],
    db: Rows,
    now: datetime,
    market: Annotated[MarketKind | None, KIND] = MarketKind.MATCH_RESULT,
    line: Annotated[float | None, strawberry.argument(description="Line; the main line when omitted.")] = None,
    period: Annotated[Period | None, PERIOD] = Period.FULL_TIME,
    bookmaker_ids: BookmakerIds = None,
    as_of: Annotated[datetime | None, strawberry.argument(description="Prices standing at this instant.")] = None,
) -> list[OddsBoard | None]:
    """Odds comparison table of one market: bookmakers down, selections across."""
    books = keys_of("Bookmaker", bookmaker_ids, "bookmakerIds")
    chosen = await _chosen(matches, db, market, line, period, as_of)
    priced = [each for each in chosen if each is not None]
    tables = iter(
        await market_tables(
            db, [(each.match_id, each.market_id) for each in priced], now, as_of=as_of, bookmaker_ids=books
        )
    )
    return [
        None
        if each is None
        else OddsBoard(market=market_of(each), table=next(tables), travelled_to=as_of, is_chosen=books is not None)
        for each in chosen
    ]


async def match_best_odds(
    matches: Sequence[Match],
    db: Rows,
    market: Annotated[MarketKind | None, KIND] = MarketKind.MATCH_RESULT,
    line: Annotated[
        float | None, strawberry.argument(description="Line, for line markets; the main line when omitted.")
    ] = None,
    as_of: Annotated[datetime | None, strawberry.argument(description="Best price at this instant.")] = None,
) -> list[list[OddsQuote]]:
    """Best price per selection of one market, over the bookmakers the viewer follows; all when none."""
    found: dict[int, list[OddsQuote]] = {match.key: [] for match in matches}
    kind = (market or MarketKind.MATCH_RESULT).stored
    if as_of is None and kind in OUTCOMES and (line is not None or kind in WITHOUT_LINES):
        for row in await best_of_market(db, list(found), str(MarketKey(Kind(kind), line))):
            found[row.match_id].append(quote_of(row))
        return [found[match.key] for match in matches]
    chosen = await _chosen(matches, db, market, line, Period.FULL_TIME, as_of)
    outcomes = await db.fetch(
        "select market_id, id from selection where market_id = any($1::bigint[]) order by position",
        [each.market_id for each in chosen if each is not None],
    )
    pairs = [
        (e.match_id, id_) for e in chosen if e is not None for market_id, id_ in outcomes if market_id == e.market_id
    ]
    best = await best_of(db, pairs, as_of=as_of)
    for pair in pairs:
        if pair in best:
            found[pair[0]].append(quote_of(best[pair], as_of))
    return [found[match.key] for match in matches]
