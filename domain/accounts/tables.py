"""People: accounts, their sessions and one-time codes, what they follow, and what they did.

No row holds a secret that opens anything: passwords are argon2id hashes, and refresh tokens and e-mailed
codes are signatures over a row's id, made anew from the deployment's key when they are needed
(`domain.accounts.vault`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, name_of_chance, reference, words


class Account(SQLModel, table=True):
    """A person. All instants are machine time."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role in ('USER', 'SUPPORT', 'ADMIN')", name="account_role"),
        CheckConstraint("tier in ('FREE', 'BASIC', 'PRO', 'PREMIUM', 'VIP')", name="account_tier"),
        CheckConstraint("odds_format in ('DECIMAL', 'AMERICAN', 'FRACTIONAL')", name="account_odds_format"),
    )

    id: int | None = identity()
    email: str = words(unique=True)
    """In its normal form, see `rules.normal_email`."""
    password_hash: str = words()
    is_email_verified: bool = False
    role: str = Field(default="USER", sa_type=Text)
    tier: str = Field(default="FREE", sa_type=Text)
    """Plan tier in force; set by billing."""
    first_name: str | None = words(nullable=True)
    last_name: str | None = words(nullable=True)
    phone: str | None = words(nullable=True)
    company: str | None = words(nullable=True)
    tax_id: str | None = words(nullable=True)
    locale: str = Field(default="en", sa_type=Text)
    """BCP 47."""
    time_zone: str = Field(default="UTC", sa_type=Text)
    """IANA name."""
    currency: str = Field(default="EUR", sa_type=Text)
    """ISO 4217."""
    odds_format: str = Field(default="DECIMAL", sa_type=Text)
    bookmaker_ids: list[int] = Field(default_factory=list, sa_type=ARRAY(BigInteger), nullable=False)
    """Bookmakers used for best prices and value bets; empty means all."""
    min_edge: float = 0.10
    """Smallest edge of a value-bet alert, fraction."""
    is_email_enabled: bool = True
    is_value_bet_alert_enabled: bool = True
    of_legal_age_since: datetime = instant()
    """When the person stated to be of legal age."""
    created_at: datetime = instant()
    last_login_at: datetime | None = instant(nullable=True)
    deletes_at: datetime | None = instant(nullable=True)
    """When the account and all its data go; null unless its owner asked."""


class Session(SQLModel, table=True):
    """A signed-in device: the family of its refresh tokens."""

    __tablename__ = "session"
    __table_args__ = (Index("session_of_account", "account_id", "last_used_at"),)

    id: int | None = identity()
    account_id: int = reference("account.id")
    device_name: str = words()
    ip_address: str | None = words(nullable=True)
    user_agent: str | None = words(nullable=True)
    created_at: datetime = instant()
    last_used_at: datetime = instant()
    expires_at: datetime = instant()
    """Unless refreshed before."""
    ended_at: datetime | None = instant(nullable=True)
    end_reason: str | None = words(nullable=True)
    """LOGOUT, REUSE, PASSWORD_RESET or DELETED."""


class RefreshToken(SQLModel, table=True):
    """One link of a session's chain; the token is the signature of its id."""

    __tablename__ = "refresh_token"

    id: UUID = name_of_chance(primary_key=True)
    session_id: int = reference("session.id", index=True)
    created_at: datetime = instant()
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)
    successor_id: UUID | None = Field(default=None, sa_type=Uuid)
    """The token it was traded for: trading it again within the grace gives the same one."""


class EmailCode(SQLModel, table=True):
    """A one-time code sent by e-mail; the code is the signature of its id."""

    __tablename__ = "email_code"
    __table_args__ = (
        CheckConstraint("(purpose = 'VERIFY') = (password_hash is not null)", name="email_code_password"),
    )

    id: UUID = name_of_chance(primary_key=True)
    account_id: int = reference("account.id", index=True)
    purpose: str = words()
    """VERIFY or RESET."""
    password_hash: str | None = words(nullable=True)
    """Of the registration that a VERIFY code was sent for: the password that confirming with it gives."""
    created_at: datetime = instant()
    expires_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True)


class Mail(SQLModel, table=True):
    """An e-mail to send; it is worded when it is sent, so no code lies here or in a queue."""

    __tablename__ = "mail"

    id: UUID = name_of_chance(primary_key=True)
    account_id: int | None = reference("account.id", nullable=True, index=True)
    recipient: str = words()
    kind: str = words()
    """VERIFY, ALREADY_REGISTERED, RESET, PASSWORD_CHANGED or DELETION."""
    locale: str = words()
    code_id: UUID | None = Field(default=None, sa_type=Uuid)
    created_at: datetime = instant()
    sent_at: datetime | None = instant(nullable=True)


class Following(SQLModel, table=True):
    """A match, league or team that a person follows."""

    __tablename__ = "following"
    __table_args__ = (
        CheckConstraint("kind in ('MATCH', 'LEAGUE', 'TEAM')", name="following_kind"),
        Index("following_newest", "account_id", "kind", "created_at"),
    )

    account_id: int = reference("account.id", primary_key=True)
    kind: str = words(primary_key=True)
    object_id: int = Field(sa_type=BigInteger, primary_key=True)
    created_at: datetime = instant()


class AuditEntry(SQLModel, table=True):
    """Something that was done. Never changed; deleted only with the account it is about."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("audit_of_account", "account_id", "id"),)

    id: int | None = identity()
    account_id: int = Field(
        sa_type=BigInteger, sa_column_args=[ForeignKey("account.id", ondelete="CASCADE")], nullable=False
    )
    action: str = words()
    """For example `session.begin`, `bet.place`."""
    entity_type: str | None = words(nullable=True)
    entity_id: str | None = words(nullable=True)
    details: dict[str, Any] = document()
    """Without secrets."""
    ip_address: str | None = words(nullable=True)
    user_agent: str | None = words(nullable=True)
    occurred_at: datetime = instant()
