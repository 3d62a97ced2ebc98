"""Bankrolls: money set aside for betting, what moved it, and the rules of staking it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch, derived
from api.bet_filters import BetFilter, BetOrder
from api.nodes import Node
from api.paging import After, Before, Connection, Counts, First, Last, Order, connect_each, connect_rows, read_page
from api.performance import bankroll_equity_curve, bankroll_performance, bankroll_performance_by
from api.rows import Rows, in_order, rows_of
from api.scalars import Money, MoneyInput, described, given
from domain import money
from domain.accounts.people import Viewer
from domain.bets import queries
from domain.bets.bankrolls import MovementKind
from domain.bets.rules import MAX_STAKE_SHARE, Method, Staking
from domain.bets.staking import StakingWanted

if TYPE_CHECKING:
    from api.bets import BetConnection

BANKROLL_ORDER = Order("bankrolls", queries.BANKROLL_ORDER.sql, "r.id")
ENTRY_ORDER = Order("transactions", queries.ENTRY_ORDER.sql, "e.id", is_descending=True, read=datetime.fromisoformat)

StakingMethod = Method
described(
    "Staking methods.",
    name="StakingMethod",
    FLAT="Same stake each time.",
    PERCENT="Same share of the bankroll each time.",
    KELLY="Share of the Kelly stake.",
)(Method)


TransactionKind = MovementKind
described(
    "Kinds of bankroll movement.",
    name="TransactionKind",
    DEPOSIT="Money put in.",
    WITHDRAWAL="Money taken out.",
    BONUS="Bonus or free bet.",
    CORRECTION="Correction.",
)(MovementKind)


def money_of(units: int | float, currency: str) -> Money:
    """Minor units as the graph writes money; a fraction of one is rounded half to even."""
    return Money(amount=money.major(round(units), currency), currency_code=currency)


@strawberry.type(description="Rules that turn an edge into a stake.")
class StakingPlan:
    method: StakingMethod = strawberry.field(description="Method.")
    flat_stake: Money | None = strawberry.field(description="Fixed stake, for FLAT.")
    percent: float | None = strawberry.field(description="Share of the bankroll, fraction, for PERCENT.")
    kelly_multiplier: float | None = strawberry.field(description="Share of full Kelly, fraction, for KELLY.")
    max_stake_share: float = strawberry.field(description="Largest share of the bankroll in one bet, fraction.")


@strawberry.input(description="Rules that turn an edge into a stake, as input.")
class StakingPlanInput:
    method: StakingMethod = strawberry.field(description="Method.")
    flat_stake: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="Fixed stake; FLAT needs it."
    )
    percent: float | None = strawberry.field(
        default=strawberry.UNSET, description="Share of the bankroll, fraction; PERCENT needs it."
    )
    kelly_multiplier: float | None = strawberry.field(
        default=strawberry.UNSET, description="Share of full Kelly, fraction; 0.25 when omitted."
    )
    max_stake_share: float | None = strawberry.field(
        default=MAX_STAKE_SHARE, description="Largest share of the bankroll in one bet, fraction."
    )

    def wanted(self) -> StakingWanted:
        """The plan as the domain reads it."""
        flat = given(self.flat_stake)
        return StakingWanted(
            method=self.method,
            flat_stake=flat.amount if flat else None,
            flat_currency=flat.currency_code if flat else None,
            percent=given(self.percent),
            kelly_multiplier=given(self.kelly_multiplier),
            max_stake_share=self.max_stake_share,
        )


@strawberry.type(description="A movement of a bankroll that is not a bet.")
class BankrollTransaction(Node):
    key: strawberry.Private[int]
    currency: strawberry.Private[str]
    amount_minor: strawberry.Private[int]
    kind: TransactionKind = strawberry.field(description="Kind.")
    note: str | None = strawberry.field(description="Free text.")
    occurred_at: datetime = strawberry.field(description="When.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[BankrollTransaction | None]:
        rows = rows_of(cls, await queries.entries(db, db.account_id, keys))
        return in_order(keys, rows, lambda row: row.key)

    @derived
    def amount(self) -> Money:
        """Amount; negative takes money out."""
        return money_of(self.amount_minor, self.currency)


@strawberry.type(description="A page of bankroll movements.")
class BankrollTransactionConnection(Connection[BankrollTransaction]):
    pass


@strawberry.type(description="Money set aside for betting.")
class Bankroll(Node):
    key: strawberry.Private[int]
    currency: strawberry.Private[str]
    balance_minor: strawberry.Private[int]
    plan: strawberry.Private[dict[str, Any]]
    name: str = strawberry.field(description="Name.")
    is_paper: bool = strawberry.field(description="Whether it is simulated.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Bankroll | None]:
        rows = rows_of(cls, await queries.bankrolls(db, db.account_id, keys))
        return in_order(keys, rows, lambda row: row.key)

    @derived
    def currency_code(self) -> str:
        """Its currency, ISO 4217 code."""
        return self.currency

    @derived
    def balance(self) -> Money:
        """Now, pending stakes taken out. Negative when a corrected result took back money that was spent since."""
        return money_of(self.balance_minor, self.currency)

    @batch
    @staticmethod
    async def starting_balance(bankrolls: Sequence[Bankroll], db: Rows, viewer: Viewer) -> list[Money]:
        """Start."""
        found = await queries.starting_balances(db, viewer.account_id, [each.key for each in bankrolls])
        return [money_of(found.get(each.key, 0), each.currency) for each in bankrolls]

    @batch
    @staticmethod
    async def exposure(bankrolls: Sequence[Bankroll], db: Rows, viewer: Viewer) -> list[Money]:
        """Stakes of pending bets."""
        found = await queries.exposures(db, viewer.account_id, [each.key for each in bankrolls])
        return [money_of(found.get(each.key, 0), each.currency) for each in bankrolls]

    @derived
    def staking(self) -> StakingPlan:
        """Staking rules."""
        plan = Staking.from_json(self.plan)
        flat = plan.flat_stake
        return StakingPlan(
            method=plan.method,
            flat_stake=None if flat is None else money_of(flat, self.currency),
            percent=plan.percent,
            kelly_multiplier=plan.kelly_multiplier if plan.method is Method.KELLY else None,
            max_stake_share=plan.max_stake_share,
        )

    @batch
    @staticmethod
    async def bets(
        bankrolls: Sequence[Bankroll],
        db: Rows,
        viewer: Viewer,
        filter: Annotated[BetFilter | None, strawberry.argument(description="Narrow the bets.")] = None,
        order_by: Annotated[BetOrder | None, strawberry.argument(description="Sort order.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[Annotated[BetConnection, strawberry.lazy("api.bets")]]:
        """Bets, the last placed first when nothing else is asked for."""
        from api.bets import bets_each  # a bankroll names its bets, and they name their bankroll

        keys = [each.key for each in bankrolls]
        return await bets_each(db, viewer, keys, filter, order_by, first, after, last, before)

    @batch
    @staticmethod
    async def transactions(
        bankrolls: Sequence[Bankroll],
        db: Rows,
        viewer: Viewer,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> list[BankrollTransactionConnection]:
        """Deposits, withdrawals and corrections, newest first."""
        page = read_page(ENTRY_ORDER, first, after, last, before)
        keys = [each.key for each in bankrolls]
        rows = rows_of(BankrollTransaction, await queries.entry_page(db, viewer.account_id, keys, page))
        counts = Counts(partial(queries.entry_counts, account_id=viewer.account_id, bankroll_ids=keys))
        return connect_each(BankrollTransactionConnection, page, keys, rows, counts)

    performance = batch(bankroll_performance)
    performance_by = batch(bankroll_performance_by)
    equity_curve = batch(bankroll_equity_curve)


@strawberry.type(description="A page of bankrolls.")
class BankrollConnection(Connection[Bankroll]):
    pass


async def user_bankrolls(
    users: Sequence[Any],
    db: Rows,
    viewer: Viewer,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[BankrollConnection]:
    """Bankrolls, oldest first."""
    page = read_page(BANKROLL_ORDER, first, after, last, before)
    rows = rows_of(Bankroll, await queries.bankroll_page(db, viewer.account_id, page))
    db.know(Bankroll, rows)
    counts = Counts.of(partial(queries.bankroll_count, account_id=viewer.account_id))
    return [connect_rows(BankrollConnection, page, rows, counts)] * len(users)
