"""Markets of a match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

from api.batch import batch, derived, root
from api.nodes import Node, integer_keys, keys_of, read_global_id
from api.odds_prices import DevigMethod, FairPrice, MarketStatus
from api.odds_selections import AsOf, BookmakerId, Selection
from api.odds_tables import margin, market_tables
from api.rows import Key, Rows, in_order, rows_of
from api.scalars import MarketKind, Period
from domain.markets.rules import market_name, market_status
from domain.matches.rules import Status
from domain.odds.priced import PricedMarket, main_lines, priced_markets
from domain.odds.queries import Pair
from touchline import MarketKey

if TYPE_CHECKING:
    from api.matches import Match

FAIR_BOOKS = strawberry.argument(description="Bookmakers to use; the sharp set when omitted.")
METHOD = strawberry.argument(description="Way of taking the margin out.")


@strawberry.type(description="Something that can be bet on in a match.")
class Market(Node):
    """A market of the dictionary in one match; `key` is match and market."""

    match_id: strawberry.Private[int]
    market_id: strawberry.Private[int]
    title: strawberry.Private[str | None]
    """Of a plugin's own market."""
    market_key: str = strawberry.field(
        name="key",
        description="Canonical key, stable across bookmakers and plugins, for example `total_goals:2.5:ft`.",
    )
    line: float | None = strawberry.field(description="Line (goals, corners, handicap); null for markets without one.")

    @derived
    def kind(self) -> MarketKind:
        """Kind."""
        return MarketKind.of(self.market_key.partition(":")[0])

    @derived
    def period(self) -> Period:
        """Period."""
        return Period.of(self.market_key.rpartition(":")[2])

    @derived
    def name(self) -> str:
        """Name in the viewer's locale, for example `Over/Under 2.5 goals`."""
        return market_name(MarketKey.parse(self.market_key), self.title)

    @batch
    @staticmethod
    async def match(markets: Sequence[Market], db: Rows) -> list[Annotated[Match, strawberry.lazy("api.matches")]]:
        """Match."""
        from api.matches import Match  # a match names its markets, and they name their match

        return await db.pick(Match, [market.match_id for market in markets])

    @batch
    @staticmethod
    async def status(markets: Sequence[Market], db: Rows) -> list[MarketStatus]:
        """Status."""
        ids = list({market.match_id for market in markets})
        statuses = {
            record[0]: market_status(Status(record[1]))
            for record in await db.fetch("select id, status from match where id = any($1::bigint[])", ids)
        }
        priced = {(each.match_id, each.market_id): each for each in await priced_markets(db, ids)}
        return [_status(statuses[market.match_id], priced.get(market.pair)) for market in markets]

    @batch
    @staticmethod
    async def is_main_line(markets: Sequence[Market], db: Rows) -> list[bool]:
        """Whether this is the most balanced line of its kind, among those that enough bookmakers price."""
        lines = main_lines(await priced_markets(db, [market.match_id for market in markets]))
        mains = {(line.match_id, line.market_id) for line in lines.values()}
        return [market.pair in mains for market in markets]

    @batch
    @staticmethod
    async def selections(markets: Sequence[Market], db: Rows) -> list[list[Selection]]:
        """Selections in their customary order."""
        records = await db.fetch(
            "select id, market_id from selection where market_id = any($1::bigint[]) order by position",
            [market.market_id for market in markets],
        )
        pairs = [[(m.match_id, id_) for id_, market_id in records if market_id == m.market_id] for m in markets]
        found = iter(await db.pick(Selection, [pair for each in pairs for pair in each]))
        return [[next(found) for _ in each] for each in pairs]

    @batch
    @staticmethod
    async def fair_price(
        markets: Sequence[Market],
        db: Rows,
        now: datetime,
        method: Annotated[DevigMethod | None, METHOD] = DevigMethod.SHIN,
        bookmaker_ids: Annotated[list[strawberry.ID] | None, FAIR_BOOKS] = None,
        as_of: AsOf = None,
    ) -> list[FairPrice | None]:
        """Fair price of each selection, with the margin taken out and the sources named."""
        books = keys_of("Bookmaker", bookmaker_ids, "bookmakerIds")
        tables = await market_tables(db, [market.pair for market in markets], now, as_of=as_of, bookmaker_ids=books)
        return [table.fair_price(method or DevigMethod.SHIN, is_chosen=books is not None) for table in tables]

    @batch
    @staticmethod
    async def overround(
        markets: Sequence[Market], db: Rows, now: datetime, bookmaker_id: BookmakerId = None, as_of: AsOf = None
    ) -> list[float | None]:
        """Margin of one bookmaker, or of the best prices when omitted: sum of implied probabilities minus 1,
        fraction. Negative means an arbitrage."""
        books = keys_of("Bookmaker", [bookmaker_id], "bookmakerId") if bookmaker_id else None
        tables = await market_tables(db, [market.pair for market in markets], now, as_of=as_of, bookmaker_ids=books)
        if books is None:
            return [margin(table.best) for table in tables]
        return [margin(table.books.get(books[0], [None])) for table in tables]

    @batch
    @staticmethod
    async def odds_updated_at(markets: Sequence[Market], db: Rows) -> list[datetime | None]:
        """When any quote last changed."""
        known = await priced_markets(db, [market.match_id for market in markets])
        changed = {(each.match_id, each.market_id): each.changed_at for each in known}
        return [changed.get(market.pair) for market in markets]

    @property
    def pair(self) -> Pair:
        return self.match_id, self.market_id

    @classmethod
    def read_key(cls, key: str) -> Key | None:
        return integer_keys(key, 2)

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[Any]) -> Sequence[Self | None]:
        records = await db.fetch(_LOAD, [match for match, _ in keys], [market for _, market in keys])
        rows = rows_of(cls, records)
        for row in rows:
            row.key = row.pair
        return in_order(keys, rows, lambda row: row.key)


_LOAD = """
select m.id as match_id, t.id as market_id, t.key as market_key, t.line, own.title
from unnest($1::bigint[], $2::bigint[]) as k(match_id, market_id)
  join match m on m.id = k.match_id join market t on t.id = k.market_id
  left join market_kind own on own.key = t.kind
"""


def market_of(priced: PricedMarket) -> Market:
    """The graph's shape of a priced market."""
    return Market(
        key=(priced.match_id, priced.market_id),
        match_id=priced.match_id,
        market_id=priced.market_id,
        market_key=str(priced.market),
        title=priced.title,
        line=priced.market.line,
    )


def _status(status: str, priced: PricedMarket | None) -> MarketStatus:
    """The match's word, but SUSPENDED where all bookmakers took their prices away."""
    is_suspended = status == MarketStatus.OPEN and priced is not None and not priced.is_available
    return MarketStatus.SUSPENDED if is_suspended else MarketStatus(status)


@root
async def market(db: Rows, id: Annotated[strawberry.ID, strawberry.argument(description="ID.")]) -> Market | None:
    """One market."""
    found = read_global_id(id)
    key = Market.read_key(found[1]) if found and found[0] == "Market" else None
    return (await db.find(Market, [key]))[0]
