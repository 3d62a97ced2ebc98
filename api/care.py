"""Limits and breaks that people set themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import strawberry

from api.batch import batch
from api.nodes import Node
from api.outcomes import AuthError, CommonError, mutation
from api.rows import Rows, in_order, rows_of
from api.scalars import Money, MoneyInput, described, given
from domain import money
from domain.accounts.desk import Desk
from domain.accounts.people import Caller, Viewer
from domain.accounts.service import check_password
from domain.bets.usage import moves_of, usage_of
from domain.care import queries
from domain.care.queries import Limit, Standing, setting_of
from domain.care.rules import Kind, Period, Setting
from domain.care.service import set_limit, take_break
from domain.care.signs import risk_signs
from domain.infra.database import Database, connection_of
from domain.infra.errors import Invalid
from domain.money import MoneyError

if TYPE_CHECKING:
    from api.accounts import User

GamblingLimitKind = Kind
described(
    "Things that can be limited. Money on paper is not limited.",
    name="GamblingLimitKind",
    STAKE="Sum of stakes.",
    LOSS="Net loss: stakes less what came back, open bets counted as lost.",
    DEPOSIT="Deposits to bankrolls.",
    BET_COUNT="Number of bets.",
    TIME="Minutes of use; once they are over, no bets and no deposits are taken.",
)(Kind)

PeriodType = Period
described(
    "Calendar periods, in the user's time zone.",
    name="PeriodType",
    DAY="Day.",
    WEEK="ISO week.",
    MONTH="Calendar month.",
)(Period)


@strawberry.type(description="A limit a user set.")
class GamblingLimit(Node):
    key: strawberry.Private[int]
    currency: strawberry.Private[str]
    setting: strawberry.Private[Setting]
    zone: strawberry.Private[ZoneInfo]
    kind: GamblingLimitKind = strawberry.field(description="What is limited.")
    period: PeriodType = strawberry.field(description="Period.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[GamblingLimit | None]:
        records = await queries.limits(db, keys, db.account_id)
        rows = [
            _limit(row["id"], Kind(row["kind"]), Period(row["period"]), row["currency"], setting_of(row), zone)
            for row in records
            for zone in [ZoneInfo(row["time_zone"])]
        ]
        return in_order(keys, rows, lambda limit: limit.key)

    @batch
    @staticmethod
    def amount(limits: Sequence[GamblingLimit], machine: datetime) -> list[Money | None]:
        """Amount, for money limits."""
        return [limit.money(limit.setting.at(machine)) for limit in limits]

    @batch
    @staticmethod
    def count(limits: Sequence[GamblingLimit], machine: datetime) -> list[int | None]:
        """Bets or minutes, for the other limits."""
        return [None if limit.kind.is_money else limit.setting.at(machine) for limit in limits]

    @batch
    @staticmethod
    async def used_share(limits: Sequence[GamblingLimit], db: Rows, viewer: Viewer, machine: datetime) -> list[float]:
        """Used in the current period, fraction; above 1 where the limit was made stricter than what was used."""
        in_force = {limit.key: limit.in_force(machine) for limit in limits}
        standing = Standing(viewer.zone, None, [each for each in in_force.values() if each is not None])
        usage = await usage_of(db, viewer.account_id, standing, machine=machine)
        return [0.0 if each is None else usage.share_of(each) for each in (in_force[limit.key] for limit in limits)]

    @batch
    @staticmethod
    def pending_amount(limits: Sequence[GamblingLimit], machine: datetime) -> list[Money | None]:
        """A looser amount that takes effect later; null when none."""
        return [limit.money(limit.setting.settled(machine).pending_value) for limit in limits]

    @batch
    @staticmethod
    def pending_count(limits: Sequence[GamblingLimit], machine: datetime) -> list[int | None]:
        """A looser count or number of minutes that takes effect later; null when none."""
        return [None if limit.kind.is_money else limit.setting.settled(machine).pending_value for limit in limits]

    @batch
    @staticmethod
    def is_removal_pending(limits: Sequence[GamblingLimit], machine: datetime) -> list[bool]:
        """Whether the limit goes away at `pendingFrom`."""
        waiting = [limit.setting.settled(machine) for limit in limits]
        return [each.pending_from is not None and each.pending_value is None for each in waiting]

    @batch
    @staticmethod
    def pending_from(limits: Sequence[GamblingLimit], machine: datetime) -> list[datetime | None]:
        """When the pending value takes effect."""
        return [limit.setting.settled(machine).pending_from for limit in limits]

    def money(self, value: int | None) -> Money | None:
        """A value of a money limit."""
        if value is None or not self.kind.is_money:
            return None
        return Money(amount=money.major(value, self.currency), currency_code=self.currency)

    def in_force(self, machine: datetime) -> Limit | None:
        """As the domain counts it; None where it is not in force."""
        value = self.setting.at(machine)
        if value is None:
            return None
        return Limit(self.key, self.kind, self.period, self.currency, value, self.setting)


def _limit(key: int, kind: Kind, period: Period, currency: str, setting: Setting, zone: ZoneInfo) -> GamblingLimit:
    return GamblingLimit(key=key, kind=kind, period=period, currency=currency, setting=setting, zone=zone)


@strawberry.type(
    description="Self-set limits and breaks. Making a limit stricter works at once; loosening waits 24 hours."
)
class GamblingProfile:
    account_id: strawberry.Private[int]
    zone: strawberry.Private[ZoneInfo]
    limits: list[GamblingLimit] = strawberry.field(description="Limits in force, those of a day first.")
    self_excluded_until: datetime | None = strawberry.field(
        description="End of a break the user chose; value bets are hidden and bets and deposits refused until then."
    )

    @batch
    @staticmethod
    async def risk_signs(profiles: Sequence[GamblingProfile], db: Rows, machine: datetime) -> list[list[str]]:
        """Signs of chasing losses in the last 7 days, in words; empty when none."""
        own = profiles[0]
        signs = risk_signs(await moves_of(db, own.account_id, own.zone, machine=machine), own.zone)
        return [signs for _ in profiles]


async def user_gambling(users: Sequence[User], db: Rows, machine: datetime) -> list[GamblingProfile]:
    """Self-set limits and breaks."""
    own = users[0]  # a user is only ever the viewer
    standing = await queries.standing_of(db, own.key, machine=machine)
    profile = GamblingProfile(
        account_id=own.key,
        zone=standing.zone,
        limits=[
            _limit(each.id, each.kind, each.period, each.currency, each.setting, standing.zone)
            for each in standing.limits
        ],
        self_excluded_until=standing.excluded_until,
    )
    return [profile for _ in users]


async def is_away(db: Rows, visitor: Viewer | None, machine: datetime) -> bool:
    """Whether the visitor is on a break that they chose; asked once in an operation, and not at all for nobody."""
    if visitor is None:
        return False
    (absence,) = await db.pick(_Absence, [visitor.account_id])
    return absence.until is not None and machine < absence.until


class _Absence:
    """Until when an account is on a break, as a row that an operation reads once."""

    key: int
    until: datetime | None

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[_Absence | None]:
        return in_order(keys, rows_of(cls, await queries.absences(db, keys)), lambda row: row.key)


@strawberry.input(description="Input of `setGamblingLimit`.")
class SetGamblingLimitInput:
    kind: GamblingLimitKind = strawberry.field(description="What.")
    period: PeriodType = strawberry.field(description="Period.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="Amount of a money limit, 0 or more; omit to remove."
    )
    count: int | None = strawberry.field(
        default=strawberry.UNSET, description="Bets or minutes, 0 or more; omit to remove."
    )
    currency_code: str | None = strawberry.field(
        default=strawberry.UNSET, description="Currency of the money limit to remove; the user's own when omitted."
    )

    def wanted(self, currency: str) -> tuple[int | None, str]:
        """The value and its currency; raises Invalid where they do not fit the kind. `currency` is the user's own."""
        amount, count = given(self.amount), given(self.count)
        if not self.kind.is_money:
            if amount is not None:
                raise Invalid("input.amount", f"leave it out: {self.kind} is limited by `count`")
            return count, ""
        if count is not None:
            raise Invalid("input.count", f"leave it out: {self.kind} is limited by `amount`")
        if amount is None:
            return None, given(self.currency_code) or currency
        try:
            return money.minor(amount.amount, amount.currency_code), amount.currency_code
        except MoneyError as error:
            raise Invalid("input.amount", str(error)) from None


@strawberry.input(description="Input of `selfExclude`.")
class SelfExcludeInput:
    until: datetime = strawberry.field(
        description="End: 1 day to 6 weeks from now for a break, 6 months to 5 years for a self-exclusion. It cannot "
        "be shortened, only followed by a later one."
    )
    password: str = strawberry.field(description="Password again.")


@strawberry.type(description="Result of `setGamblingLimit`.")
class SetGamblingLimitPayload:
    limit: GamblingLimit | None = strawberry.field(default=None, description="The limit.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@strawberry.type(description="Result of `selfExclude`.")
class SelfExcludePayload:
    user: Annotated[User, strawberry.lazy("api.accounts")] | None = strawberry.field(
        default=None, description="The user."
    )
    errors: list[AuthError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(SetGamblingLimitPayload)
async def set_gambling_limit(
    db: Rows,
    database: Database,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[SetGamblingLimitInput, strawberry.argument(description="Input.")],
) -> SetGamblingLimitPayload:
    """Set a responsible-gambling limit. Stricter works at once, looser after 24 hours."""
    value, currency = input.wanted(viewer.currency)
    async with database.transaction() as session:
        connection = await connection_of(session)
        key = await set_limit(
            connection, viewer.account_id, input.kind, input.period, value, currency, machine=machine, caller=caller
        )
    (limit,) = await db.pick(GamblingLimit, [key])
    return SetGamblingLimitPayload(limit=limit)


@mutation(SelfExcludePayload)
async def self_exclude(
    db: Rows,
    desk: Desk,
    viewer: Viewer,
    caller: Caller,
    machine: datetime,
    input: Annotated[SelfExcludeInput, strawberry.argument(description="Input.")],
) -> SelfExcludePayload:
    """Take a break of 1 day to 5 years; it cannot be ended early."""
    from api.accounts import User

    await check_password(desk, viewer, input.password)
    async with desk.database.transaction() as session:
        connection = await connection_of(session)
        await take_break(connection, viewer.account_id, input.until, machine=machine, caller=caller)
    (user,) = await db.pick(User, [viewer.account_id])
    return SelfExcludePayload(user=user)
