"""Limits and breaks that people set themselves. Machine time throughout: a clock at another speed changes nothing."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, Index, Text
from sqlmodel import Field, SQLModel

from domain.infra.columns import identity, instant, minor_units, reference, words


class CareLimit(SQLModel, table=True):
    """A self-set limit of one kind, period and currency, and a looser value that waits its 24 hours."""

    __tablename__ = "care_limit"
    __table_args__ = (
        CheckConstraint("kind in ('STAKE', 'LOSS', 'DEPOSIT', 'BET_COUNT', 'TIME')", name="care_limit_kind"),
        CheckConstraint("period in ('DAY', 'WEEK', 'MONTH')", name="care_limit_period"),
        Index("care_limit_once", "account_id", "kind", "period", "currency", unique=True),
    )

    id: int | None = identity()
    account_id: int = reference("account.id")
    kind: str = words()
    period: str = words()
    currency: str = Field(default="", sa_type=Text)
    """Of a money limit; empty for counts and minutes."""
    value: int | None = minor_units(nullable=True)
    """Minor units, bets or minutes; null once it was removed."""
    set_at: datetime = instant()
    pending_value: int | None = minor_units(nullable=True)
    pending_is_removal: bool = False
    pending_from: datetime | None = instant(nullable=True)


class CareBreak(SQLModel, table=True):
    """A break or self-exclusion. Never changed and never deleted while the account stands."""

    __tablename__ = "care_break"
    __table_args__ = (
        Index("care_break_of_account", "account_id", "until"),
        CheckConstraint("until > begins_at", name="care_break_span"),
    )

    id: int | None = identity()
    account_id: int = reference("account.id")
    kind: str = words()
    """BREAK (up to six weeks) or SELF_EXCLUSION (six months and more)."""
    begins_at: datetime = instant()
    until: datetime = instant()


class CareActivity(SQLModel, table=True):
    """Seconds that a person was active on one day of their own time zone."""

    __tablename__ = "care_activity"

    account_id: int = reference("account.id", primary_key=True)
    day: date = Field(sa_type=Date, primary_key=True)
    seconds: int = 0
    last_seen_at: datetime = instant()
