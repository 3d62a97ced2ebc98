"""Quotes: prices of one bookmaker for one selection, standing, replaced, or just come over the stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

from api.batch import batch, derived
from api.nodes import Node
from api.odds_bookmakers import Bookmaker
from api.odds_prices import BigInt, Price, QuoteSide, price_of
from api.paging import Connection
from api.rows import Rows
from api.scalars import Money
from domain.odds.fair import is_stale
from domain.odds.queries import QuoteRow, quotes_by_sequence
from domain.odds.service import Change

if TYPE_CHECKING:
    from api.odds_selections import Selection


@strawberry.type(
    description="A price of one bookmaker for one selection during a span of time. The next price is another quote, "
    "with another `id`; what they have in common is `bookKey`."
)
class OddsQuote(Node):
    """Named by the sequence of the change that made the price: one row of the history."""

    row: strawberry.Private[QuoteRow | Change]
    """A change off the stream holds less: what is missing is read when it is asked for."""
    as_of: strawberry.Private[datetime | None] = None
    """The instant that the reader travelled to."""

    @derived
    def sequence(self) -> BigInt:
        """Place of the change that made the price in the stream of all changes; grows without a hole."""
        return BigInt(self.row.sequence)

    @derived
    def book_key(self) -> str:
        """The same for every price of one selection, side and bookmaker, opaque: a book of standing prices holds one
        quote under each."""
        return f"{self.row.match_id}-{self.row.selection_id}-{self.row.bookmaker_id}-{QuoteSide.BACK.value}"

    @derived
    def price(self) -> Price:
        """Price."""
        return Price(decimal=self.row.price)

    @derived
    def side(self) -> QuoteSide:
        """Side; only exchanges have LAY."""
        return QuoteSide.BACK

    @derived
    def max_stake(self) -> Money | None:
        """Most that can be staked; null when unknown."""
        return None

    @derived
    def is_available(self) -> bool:
        """Whether it can be bet on while it stands, see `replacedAt`. False means suspended or withdrawn, and `price`
        is the last one."""
        return self.row.is_available

    @derived
    def observed_at(self) -> datetime:
        """When the price became this, by our clock."""
        return self.row.observed_at

    @derived
    def bookmaker_updated_at(self) -> datetime | None:
        """When the bookmaker says it changed."""
        return None

    @derived
    def previous_price(self) -> Price | None:
        """Price before this one."""
        return price_of(self.row.previous_price)

    @derived
    def market_edge(self) -> float | None:
        """Fair probability times decimal odds minus 1, fraction: the value of the quote against the market itself."""
        return None

    @derived
    def deep_link(self) -> str | None:
        """Page at the bookmaker with the selection."""
        return None

    @batch
    @staticmethod
    async def selection(
        quotes: Sequence[OddsQuote], db: Rows
    ) -> list[Annotated[Selection, strawberry.lazy("api.odds_selections")]]:
        """Selection."""
        from api.odds_selections import Selection  # the types of this slice refer to each other

        return await db.pick(Selection, [(quote.row.match_id, quote.row.selection_id) for quote in quotes])

    @batch
    @staticmethod
    async def bookmaker(quotes: Sequence[OddsQuote], db: Rows) -> list[Bookmaker]:
        """Bookmaker."""
        return await db.pick(Bookmaker, [quote.row.bookmaker_id for quote in quotes])

    @batch
    @staticmethod
    async def is_stale(quotes: Sequence[OddsQuote], db: Rows, now: datetime) -> list[bool]:
        """Whether nothing confirmed the price for 24 hours of match time; false once it was replaced."""
        return [
            row.replaced_at is None and is_stale(row.confirmed_at, quote.as_of or now)
            for quote, row in zip(quotes, await complete(quotes, db), strict=True)
        ]

    @batch
    @staticmethod
    async def is_estimated(quotes: Sequence[OddsQuote], db: Rows) -> list[bool]:
        """Whether `observedAt` is by convention and not by the source's clock."""
        return [row.is_estimated for row in await complete(quotes, db)]

    @batch
    @staticmethod
    async def confirmed_at(quotes: Sequence[OddsQuote], db: Rows) -> list[datetime]:
        """When a poll or push last confirmed it; with `asOf`, and once replaced, when it was observed."""
        return [row.confirmed_at for row in await complete(quotes, db)]

    @batch
    @staticmethod
    async def replaced_at(quotes: Sequence[OddsQuote], db: Rows) -> list[datetime | None]:
        """When it was replaced; null while it stands, as it does at the instant of `asOf`."""
        return [row.replaced_at for row in await complete(quotes, db)]

    @batch
    @staticmethod
    async def change_since_open(quotes: Sequence[OddsQuote], db: Rows) -> list[float | None]:
        """Change of the decimal odds since the opening price, fraction."""
        return [
            None if row.opening_price is None else row.price / row.opening_price - 1
            for row in await complete(quotes, db)
        ]

    @batch
    @staticmethod
    async def source(quotes: Sequence[OddsQuote], db: Rows) -> list[str]:
        """Data source the quote came from."""
        return [row.source for row in await complete(quotes, db)]

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[Any]) -> Sequence[Self | None]:
        found = await quotes_by_sequence(db, keys)
        return [cls(key=key, row=found[key]) if key in found else None for key in keys]


async def complete(quotes: Sequence[OddsQuote], db: Rows) -> list[QuoteRow]:
    """Everything about the quotes; those off the stream are read together."""
    partial = [quote.row.sequence for quote in quotes if not isinstance(quote.row, QuoteRow)]
    read = {quote.key: quote.row for quote in await db.pick(OddsQuote, partial)} if partial else {}
    rows = [quote.row if isinstance(quote.row, QuoteRow) else read[quote.row.sequence] for quote in quotes]
    return [row for row in rows if isinstance(row, QuoteRow)]


def quote_of(row: QuoteRow | Change, as_of: datetime | None = None) -> OddsQuote:
    """The graph's shape of a price."""
    return OddsQuote(key=row.sequence, row=row, as_of=as_of)


def quotes_of_rows(rows: Iterable[QuoteRow], as_of: datetime | None = None) -> list[OddsQuote]:
    """The graph's shape of prices, in their order."""
    return [quote_of(row, as_of) for row in rows]


@strawberry.type(description="A page of odds quotes.")
class OddsQuoteConnection(Connection[OddsQuote]):
    pass
