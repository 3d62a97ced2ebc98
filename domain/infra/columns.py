"""Column shapes that every table shares. SQLModel wants a fresh column per field, hence functions."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ARRAY, BigInteger, DateTime, Identity, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field


def identity() -> Any:
    """A bigint primary key that PostgreSQL numbers."""
    return Field(
        default=None, primary_key=True, sa_type=BigInteger, sa_column_args=[Identity(always=False)], nullable=False
    )


def reference(
    target: str,
    *,
    primary_key: bool = False,
    index: bool = False,
    nullable: bool = False,
    ondelete: Literal["CASCADE", "SET NULL", "RESTRICT"] = "CASCADE",
) -> Any:
    """A bigint foreign key; unless said otherwise, rows under a deleted parent go with it."""
    return Field(
        default=None if nullable else ...,
        foreign_key=target,
        ondelete=ondelete,
        sa_type=BigInteger,
        primary_key=primary_key,
        index=index,
        nullable=nullable,
    )


def instant(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """An aware instant, stored as timestamptz."""
    return Field(
        default=None if nullable else ...,
        sa_type=DateTime(timezone=True),
        nullable=nullable,
        index=index,
        primary_key=primary_key,
    )


def words(*, unique: bool = False, primary_key: bool = False, nullable: bool = False) -> Any:
    """Text without a length."""
    return Field(
        default=None if nullable else ..., sa_type=Text, unique=unique, primary_key=primary_key, nullable=nullable
    )


def decimal_price(*, nullable: bool = False) -> Any:
    """Decimal odds above 1, exact to four places."""
    return Field(default=None if nullable else ..., sa_type=Numeric(10, 4), nullable=nullable)


def document(*, nullable: bool = False) -> Any:
    """A JSON value."""
    return Field(default=None if nullable else ..., sa_type=JSONB, nullable=nullable)


def name_of_chance(*, primary_key: bool = False) -> Any:
    """A random UUID, made by the writer: nobody can count or guess it."""
    return Field(sa_type=Uuid, primary_key=primary_key, nullable=False)


def minor_units(*, nullable: bool = False) -> Any:
    """Money in minor units of the row's currency, see `domain.money`."""
    return Field(default=None if nullable else ..., sa_type=BigInteger, nullable=nullable)


def labels() -> Any:
    """A list of texts, never null."""
    return Field(default_factory=list, sa_type=ARRAY(Text), nullable=False)
