"""Bookmakers and their prices: the standing quote, every change of it, and market aggregates."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, Numeric
from sqlmodel import Field, SQLModel

from domain.infra.columns import decimal_price, identity, instant, reference, words


class Bookmaker(SQLModel, table=True):
    """A company or exchange that offers prices: SHARP, SOFT or EXCHANGE."""

    __tablename__ = "bookmaker"

    id: int | None = identity()
    key: str = words(unique=True)
    name: str = words()
    kind: str = words()
    commission: Decimal = Field(default=Decimal(0), sa_type=Numeric(6, 4))
    """Share of winnings that is kept; 0 for bookmakers without one."""
    is_simulated: bool = False


class Quote(SQLModel, table=True):
    """The standing price of one bookmaker for one selection of one match."""

    __tablename__ = "quote"
    __table_args__ = (CheckConstraint("price > 1", name="quote_price_above_1"),)

    match_id: int = reference("match.id", primary_key=True)
    selection_id: int = reference("selection.id", primary_key=True)
    bookmaker_id: int = reference("bookmaker.id", primary_key=True)
    price: Decimal = decimal_price()
    previous_price: Decimal | None = decimal_price(nullable=True)
    opening_price: Decimal = decimal_price()
    observed_at: datetime = instant()
    """Match time since which the price is this."""
    confirmed_at: datetime = instant()
    """Match time at which it was last seen unchanged."""
    is_available: bool = True
    is_estimated: bool = False
    """Whether `observed_at` is by convention and not by the source's clock."""
    source: str = words()
    sequence: int = Field(sa_type=BigInteger)
    """Of the change that made it."""


class QuoteChange(SQLModel, table=True):
    """One change of a price. Append-only, partitioned by month of `observed_at`.

    `sequence` has no hole and follows the order of commits: it is the position of the odds stream.
    """

    __tablename__ = "quote_change"
    __table_args__ = (
        Index("quote_change_of_selection", "match_id", "selection_id", "bookmaker_id", "observed_at"),
        {"postgresql_partition_by": "RANGE (observed_at)"},
    )

    sequence: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    observed_at: datetime = instant(primary_key=True)
    match_id: int = Field(sa_type=BigInteger)
    selection_id: int = Field(sa_type=Integer)
    bookmaker_id: int = Field(sa_type=Integer)
    price: Decimal = decimal_price()
    previous_price: Decimal | None = decimal_price(nullable=True)
    is_available: bool = True
    is_estimated: bool = False
    source: str = words()
    recorded_at: datetime = instant()
    """Machine time of the transaction that recorded it."""


class OddsPosition(SQLModel, table=True):
    """One row: the last sequence given out. Its lock puts sequences in the order of commits."""

    __tablename__ = "odds_position"
    __table_args__ = (CheckConstraint("id = 1", name="odds_position_is_one_row"),)

    id: int = Field(primary_key=True)
    value: int = Field(sa_type=BigInteger)


class BestQuote(SQLModel, table=True):
    """The best available price of a selection of a match, kept in the transaction that changes it."""

    __tablename__ = "best_quote"

    match_id: int = reference("match.id", primary_key=True)
    selection_id: int = reference("selection.id", primary_key=True)
    bookmaker_id: int = reference("bookmaker.id")
    price: Decimal = decimal_price()
    sequence: int = Field(sa_type=BigInteger)


class PriceAggregate(SQLModel, table=True):
    """A market maximum or average as a source computed it; never a bookmaker."""

    __tablename__ = "price_aggregate"
    __table_args__ = (Index("price_aggregate_of_match", "match_id", "selection_id"),)

    match_id: int = reference("match.id", primary_key=True)
    selection_id: int = reference("selection.id", primary_key=True)
    name: str = words(primary_key=True)
    """`Max`, `Avg`, `BbMx`, `BbAv`."""
    is_closing: bool = Field(primary_key=True)
    price: Decimal = decimal_price()
    observed_at: datetime = instant()
    source: str = words()
