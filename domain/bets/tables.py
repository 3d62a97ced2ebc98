"""Bankrolls, their entries, bets and how they were settled.

Amounts are minor units of the bankroll's currency. Entries and settlements are append-only: a correction
is another row. `placed_at`, `settled_at` and `occurred_at` are match time, `recorded_at` is machine time.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, SmallInteger, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from domain.infra.columns import (
    decimal_price,
    document,
    identity,
    instant,
    labels,
    minor_units,
    reference,
    words,
)


class Bankroll(SQLModel, table=True):
    """Money set aside for betting, real or on paper, in one currency."""

    __tablename__ = "bankroll"
    __table_args__ = (Index("bankroll_of_account", "account_id", "id"),)

    id: int | None = identity()
    account_id: int = reference("account.id")
    name: str = words()
    is_paper: bool
    currency: str = words()
    balance: int = Field(default=0, sa_type=BigInteger)
    """Sum of the entries, kept by `ledger.post` in their transaction."""
    staking: dict[str, Any] = document()
    """`rules.Staking` as JSON."""
    created_at: datetime = instant()
    """Machine time."""


class BankrollEntry(SQLModel, table=True):
    """One movement of money; the balance is their sum. Append-only."""

    __tablename__ = "bankroll_entry"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="bankroll_entry_moves_money"),
        CheckConstraint("bet_id is not null or reason is not null", name="bankroll_entry_says_why"),
        CheckConstraint(
            "kind in ('DEPOSIT', 'WITHDRAWAL', 'BONUS', 'CORRECTION', 'STAKE', 'RETURN', 'REVERSAL')",
            name="bankroll_entry_kind",
        ),
        Index("bankroll_entry_of_bankroll", "bankroll_id", "occurred_at", "id"),
        Index("bankroll_entry_of_bet", "bet_id"),
        Index("bankroll_entry_of_settlement", "settlement_id", postgresql_where=text("settlement_id is not null")),
    )

    id: int | None = identity()
    bankroll_id: int = reference("bankroll.id")
    kind: str = words()
    amount: int = minor_units()
    """Negative takes money out."""
    bet_id: int | None = reference("bet.id", nullable=True)
    settlement_id: int | None = reference("settlement.id", nullable=True)
    reason: str | None = words(nullable=True)
    occurred_at: datetime = instant()
    recorded_at: datetime = instant()


class Bet(SQLModel, table=True):
    """A bet with all its legs won or lost together. What it was settled as is also in `settlement`."""

    __tablename__ = "bet"
    __table_args__ = (
        CheckConstraint("stake > 0", name="bet_stake"),
        CheckConstraint("price > 1", name="bet_price"),
        CheckConstraint("kind in ('SINGLE', 'ACCUMULATOR')", name="bet_kind"),
        CheckConstraint("(status = 'PENDING') = (payout is null)", name="bet_payout_once_settled"),
        Index("bet_of_account", "account_id", "placed_at", "id"),
        Index("bet_of_bankroll", "bankroll_id", "placed_at", "id"),
        Index(
            "bet_imported_once",
            "bankroll_id",
            "import_digest",
            unique=True,
            postgresql_where=text("import_digest is not null and deleted_at is null"),
        ),
    )

    id: int | None = identity()
    account_id: int = reference("account.id")
    bankroll_id: int = reference("bankroll.id")
    kind: str = words()
    status: str = words()
    """PENDING, WON, HALF_WON, PUSH, HALF_LOST, LOST or VOID."""
    stake: int = minor_units()
    price: Decimal = Field(sa_type=Numeric(14, 4))
    """Product of the legs' prices."""
    payout: int | None = minor_units(nullable=True)
    """What came back, stake included; null while pending."""
    source: str = words()
    """MANUAL, SUGGESTION or IMPORT."""
    value_bet_id: int | None = reference("value_bet.id", nullable=True, ondelete="SET NULL")
    tags: list[str] = labels()
    notes: str | None = words(nullable=True)
    is_settled_by_hand: bool = False
    edge_at_placement: float | None = None
    """Fraction, by the served forecast then."""
    closing_line_value: float | None = None
    """Price taken over fair closing price, minus 1; null until kick-off or without a closing price."""
    expected_profit: float | None = None
    """Minor units after commissions, from the closing probabilities; null where `closing_line_value` is."""
    placed_at: datetime = instant()
    settled_at: datetime | None = instant(nullable=True)
    recorded_at: datetime = instant()
    deleted_at: datetime | None = instant(nullable=True)
    """When it was taken back while pending; machine time."""
    import_digest: str | None = words(nullable=True)
    """Of the line of the file it came from, so that a file read twice is one set of bets."""
    version: int = 1


class BetLeg(SQLModel, table=True):
    """One selection of a bet, with what was believed when it was placed and what the market said at the end."""

    __tablename__ = "bet_leg"
    __table_args__ = (
        UniqueConstraint("bet_id", "position"),
        CheckConstraint("price > 1", name="bet_leg_price"),
        CheckConstraint("commission >= 0 and commission < 1", name="bet_leg_commission"),
        CheckConstraint("(match_id is null) = (selection_id is null)", name="bet_leg_known_or_by_hand"),
        Index("bet_leg_of_match", "match_id", "judged_at", postgresql_where=text("match_id is not null")),
        Index(
            "bet_leg_open",
            "match_id",
            "kickoff_at",
            postgresql_where=text("match_id is not null and (result is null or judged_at is null)"),
        ),
    )

    id: int | None = identity()
    bet_id: int = reference("bet.id")
    position: int = Field(sa_type=SmallInteger)
    match_id: int | None = reference("match.id", nullable=True, ondelete="RESTRICT")
    market_id: int | None = reference("market.id", nullable=True, ondelete="RESTRICT")
    selection_id: int | None = reference("selection.id", nullable=True, ondelete="RESTRICT")
    """Null for a market that the platform does not hold; such a leg is settled by hand."""
    bookmaker_id: int | None = reference("bookmaker.id", nullable=True, ondelete="RESTRICT")
    bookmaker_name: str | None = words(nullable=True)
    """As typed, where it is none of ours."""
    description: str = words()
    """For people: `Arsenal v Chelsea: over 2.5`."""
    price: Decimal = decimal_price()
    commission: Decimal = Field(default=Decimal(0), sa_type=Numeric(6, 4), sa_column_kwargs={"server_default": "0"})
    """Share of the winnings that the bookmaker kept when the bet was placed; 0 for one that was typed in."""
    quote_sequence: int | None = Field(default=None, sa_type=BigInteger)
    """Of the recorded price it was checked against; null for one typed in."""
    kickoff_at: datetime | None = instant(nullable=True)
    """As it stood when the bet was placed."""
    prediction_id: int | None = reference("prediction.id", nullable=True, ondelete="RESTRICT")
    """The prediction that was shown when the bet was placed."""
    probability_at_placement: float | None = None
    """Of that prediction, fraction."""
    fair_probability_at_placement: float | None = None
    """Margin-free, from the sharp prices then, fraction."""
    closing_probability: float | None = None
    """Margin-free, from the last sharp prices before kick-off, fraction."""
    closing_note: str | None = words(nullable=True)
    """Whose closing prices they are, or why there are none."""
    result: str | None = words(nullable=True)
    """WON, HALF_WON, PUSH, HALF_LOST, LOST or VOID; null while open."""
    judged_at: datetime | None = instant(nullable=True)
    """Match time of the facts that it was judged by, `match.updated_at` then, also where they did not decide it; on a
    plugin's market that of the plugin's answer."""


class Settlement(SQLModel, table=True):
    """One verdict on a bet. Append-only; the newest effective one counts."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("account_id", "sequence"),
        Index("settlement_of_bet", "bet_id", "id"),
        CheckConstraint("cause in ('RESULT', 'CORRECTED_RESULT', 'BY_HAND', 'IMPORT')", name="settlement_cause"),
    )

    id: int | None = identity()
    bet_id: int = reference("bet.id")
    account_id: int = reference("account.id")
    sequence: int = Field(sa_type=BigInteger)
    """Counts an account's settlements without a hole, in the order of commits: the position of `betSettled`."""
    status: str = words()
    payout: int = minor_units()
    leg_results: list[str] = labels()
    trace: list[str] = labels()
    """The verdict in words, step by step."""
    cause: str = words()
    is_effective: bool = True
    """False for one that is kept beside: automatic on a bet settled by hand, or a payout that no bankroll can hold."""
    settled_at: datetime = instant()
    recorded_at: datetime = instant()
    job_id: str | None = words(nullable=True)


class Bettor(SQLModel, table=True):
    """One row per account that bets: the last sequence of its settlements. Its lock orders them."""

    __tablename__ = "bettor"

    account_id: int = reference("account.id", primary_key=True)
    position: int = Field(default=0, sa_type=BigInteger)


class Placement(SQLModel, table=True):
    """An idempotency key and what came of it: the same key gives the same bet, whatever happened to the answer."""

    __tablename__ = "placement"
    __table_args__ = (Index("placement_of_bet", "bet_id"),)

    account_id: int = reference("account.id", primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    fingerprint: str = words()
    """Digest of the input."""
    bet_id: int | None = reference("bet.id", nullable=True)
    recorded_at: datetime = instant()
