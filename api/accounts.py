"""People: who is signed in, their settings, and the lists that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import auto

import strawberry

from api.audit import user_audit_log
from api.bankrolls import user_bankrolls
from api.batch import batch, derived
from api.bet_updates import user_settlement_cursor
from api.bets import user_bets
from api.care import user_gambling
from api.following import user_followed_leagues, user_followed_matches, user_followed_teams
from api.nodes import Node
from api.odds_bookmakers import Bookmaker
from api.performance import user_performance, user_performance_by_currency
from api.rows import Rows, in_order, rows_of
from api.scalars import Words, described
from api.sessions import user_sessions
from api.tasks import user_jobs
from api.tiers import Tier
from domain.accounts import queries
from domain.accounts.people import Viewer


@described(
    "Roles on the platform.", USER="Customer.", SUPPORT="Answers customers; may read.", ADMIN="Runs the platform."
)
class UserRole(Words):
    USER = auto()
    SUPPORT = auto()
    ADMIN = auto()


@described("Odds formats.", DECIMAL="2.10", AMERICAN="+110", FRACTIONAL="11/10")
class OddsFormat(Words):
    DECIMAL = auto()
    AMERICAN = auto()
    FRACTIONAL = auto()


@strawberry.type(description="Settings of a user.")
class UserSettings:
    bookmaker_ids: strawberry.Private[Sequence[int]]
    locale: str = strawberry.field(description="BCP 47 language tag.")
    time_zone: str = strawberry.field(description="IANA time zone.")
    currency_code: str = strawberry.field(description="ISO 4217 code.")
    odds_format: OddsFormat = strawberry.field(description="Odds format for texts; the API always returns all.")
    min_edge: float = strawberry.field(description="Smallest edge of a value-bet alert, fraction; 0.10 at first.")
    is_email_enabled: bool = strawberry.field(
        description="Whether e-mails are sent that are not about the account itself."
    )
    is_value_bet_alert_enabled: bool = strawberry.field(description="Whether value-bet alerts are sent.")

    @batch
    @staticmethod
    async def bookmakers(chosen: Sequence[UserSettings], db: Rows) -> list[list[Bookmaker]]:
        """Bookmakers used for best prices and value bets; empty means all."""
        keys = [key for each in chosen for key in each.bookmaker_ids]
        known = {row.key: row for row in await db.find(Bookmaker, keys) if row is not None}
        return [[known[key] for key in each.bookmaker_ids if key in known] for each in chosen]


@strawberry.type(description="A person with an account. Nobody sees it but they.")
class User(Node):
    key: strawberry.Private[int]
    locale: strawberry.Private[str]
    time_zone: strawberry.Private[str]
    currency: strawberry.Private[str]
    odds_format: strawberry.Private[str]
    bookmaker_ids: strawberry.Private[Sequence[int]]
    min_edge: strawberry.Private[float]
    is_email_enabled: strawberry.Private[bool]
    is_value_bet_alert_enabled: strawberry.Private[bool]
    email: str = strawberry.field(description="E-mail.")
    is_email_verified: bool = strawberry.field(description="Whether the e-mail was confirmed.")
    first_name: str | None = strawberry.field(description="First name.")
    last_name: str | None = strawberry.field(description="Last name.")
    phone: str | None = strawberry.field(description="Phone number.")
    company: str | None = strawberry.field(description="Company, for invoices.")
    tax_id: str | None = strawberry.field(description="Tax number, for invoices.")
    role: UserRole = strawberry.field(description="Role on the platform.")
    tier: Tier = strawberry.field(description="Plan tier in force now.")
    created_at: datetime = strawberry.field(description="When the account was made.")
    last_login_at: datetime | None = strawberry.field(description="When the user last signed in.")
    deletes_at: datetime | None = strawberry.field(
        description="When the account and all its data go; null unless the user asked for it. Signing in takes it back."
    )

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[User | None]:
        own = [key for key in keys if key == db.account_id]
        found = rows_of(cls, await queries.accounts(db, own)) if own else []
        return in_order(keys, found, lambda user: user.key)

    @derived
    def settings(self) -> UserSettings:
        """Settings."""
        return UserSettings(
            bookmaker_ids=self.bookmaker_ids,
            locale=self.locale,
            time_zone=self.time_zone,
            currency_code=self.currency,
            odds_format=OddsFormat(self.odds_format),
            min_edge=self.min_edge,
            is_email_enabled=self.is_email_enabled,
            is_value_bet_alert_enabled=self.is_value_bet_alert_enabled,
        )

    followed_matches = batch(user_followed_matches)
    followed_leagues = batch(user_followed_leagues)
    followed_teams = batch(user_followed_teams)
    sessions = batch(user_sessions)
    bankrolls = batch(user_bankrolls)
    bets = batch(user_bets)
    settlement_cursor = batch(user_settlement_cursor)
    performance = batch(user_performance)
    performance_by_currency = batch(user_performance_by_currency)
    audit_log = batch(user_audit_log)
    gambling = batch(user_gambling)
    jobs = batch(user_jobs)


async def viewer(db: Rows, visitor: Viewer | None) -> User | None:
    """The signed-in user; null when anonymous."""
    return None if visitor is None else (await db.find(User, [visitor.account_id]))[0]
