"""people and their bets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


APPEND_ONLY = ("bankroll_entry", "settlement", "audit_entry", "care_break")


def upgrade() -> None:
    op.execute(
        "create function refuse_change_but_erasure() returns trigger language plpgsql as "
        "$$ begin "
        "if tg_op = 'DELETE' and current_setting('touchline.erasing', true) = 'on' then return old; end if; "
        "raise exception '% is append-only', tg_table_name; end $$"
    )

    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_email_verified", sa.Boolean(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("odds_format", sa.Text(), nullable=False),
        sa.Column("bookmaker_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("min_edge", sa.Float(), nullable=False),
        sa.Column("is_email_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_value_bet_alert_enabled", sa.Boolean(), nullable=False),
        sa.Column("of_legal_age_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deletes_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("odds_format in ('DECIMAL', 'AMERICAN', 'FRACTIONAL')", name="account_odds_format"),
        sa.CheckConstraint("role in ('USER', 'SUPPORT', 'ADMIN')", name="account_role"),
        sa.CheckConstraint("tier in ('FREE', 'BASIC', 'PRO', 'PREMIUM', 'VIP')", name="account_tier"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.Text(), nullable=True),
        sa.Column("entity_id", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_of_account", "audit_entry", ["account_id", "id"], unique=False)
    op.create_table(
        "bankroll",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_paper", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("staking", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bankroll_of_account", "bankroll", ["account_id", "id"], unique=False)
    op.create_table(
        "bettor",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_table(
        "care_activity",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "day"),
    )
    op.create_table(
        "care_break",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("until > begins_at", name="care_break_span"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("care_break_of_account", "care_break", ["account_id", "until"], unique=False)
    op.create_table(
        "care_limit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pending_value", sa.BigInteger(), nullable=True),
        sa.Column("pending_is_removal", sa.Boolean(), nullable=False),
        sa.Column("pending_from", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('STAKE', 'LOSS', 'DEPOSIT', 'BET_COUNT', 'TIME')", name="care_limit_kind"),
        sa.CheckConstraint("period in ('DAY', 'WEEK', 'MONTH')", name="care_limit_period"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("care_limit_once", "care_limit", ["account_id", "kind", "period", "currency"], unique=True)
    op.create_table(
        "email_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(purpose = 'VERIFY') = (password_hash is not null)", name="email_code_password"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_email_code_account_id"), "email_code", ["account_id"], unique=False)
    op.create_table(
        "following",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('MATCH', 'LEAGUE', 'TEAM')", name="following_kind"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "kind", "object_id"),
    )
    op.create_index("following_newest", "following", ["account_id", "kind", "created_at"], unique=False)
    op.create_table(
        "mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("code_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_mail_account_id"), "mail", ["account_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=False),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("session_of_account", "session", ["account_id", "last_used_at"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("completed_count", sa.Integer(), nullable=False),
        sa.Column("total_count", sa.Integer(), nullable=True),
        sa.Column("failures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("task_of_account", "task", ["account_id", "id"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_refresh_token_session_id"), "refresh_token", ["session_id"], unique=False)
    op.create_table(
        "task_file",
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "role", "part"),
    )
    op.create_table(
        "bet",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("bankroll_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stake", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("payout", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("value_bet_id", sa.BigInteger(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("is_settled_by_hand", sa.Boolean(), nullable=False),
        sa.Column("edge_at_placement", sa.Float(), nullable=True),
        sa.Column("closing_line_value", sa.Float(), nullable=True),
        sa.Column("expected_profit", sa.Float(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("import_digest", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status = 'PENDING') = (payout is null)", name="bet_payout_once_settled"),
        sa.CheckConstraint("kind in ('SINGLE', 'ACCUMULATOR')", name="bet_kind"),
        sa.CheckConstraint("price > 1", name="bet_price"),
        sa.CheckConstraint("stake > 0", name="bet_stake"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bankroll_id"], ["bankroll.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["value_bet_id"], ["value_bet.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "bet_imported_once",
        "bet",
        ["bankroll_id", "import_digest"],
        unique=True,
        postgresql_where=sa.text("import_digest is not null and deleted_at is null"),
    )
    op.create_index("bet_of_account", "bet", ["account_id", "placed_at", "id"], unique=False)
    op.create_index("bet_of_bankroll", "bet", ["bankroll_id", "placed_at", "id"], unique=False)
    op.create_table(
        "bet_leg",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bet_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=True),
        sa.Column("market_id", sa.BigInteger(), nullable=True),
        sa.Column("selection_id", sa.BigInteger(), nullable=True),
        sa.Column("bookmaker_id", sa.BigInteger(), nullable=True),
        sa.Column("bookmaker_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("commission", sa.Numeric(precision=6, scale=4), server_default="0", nullable=False),
        sa.Column("quote_sequence", sa.BigInteger(), nullable=True),
        sa.Column("kickoff_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prediction_id", sa.BigInteger(), nullable=True),
        sa.Column("probability_at_placement", sa.Float(), nullable=True),
        sa.Column("fair_probability_at_placement", sa.Float(), nullable=True),
        sa.Column("closing_probability", sa.Float(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(match_id is null) = (selection_id is null)", name="bet_leg_known_or_by_hand"),
        sa.CheckConstraint("commission >= 0 and commission < 1", name="bet_leg_commission"),
        sa.CheckConstraint("price > 1", name="bet_leg_price"),
        sa.ForeignKeyConstraint(["bet_id"], ["bet.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bookmaker_id"], ["bookmaker.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["selection_id"], ["selection.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bet_id", "position"),
    )
    op.create_index(
        "bet_leg_of_match",
        "bet_leg",
        ["match_id", "judged_at"],
        unique=False,
        postgresql_where=sa.text("match_id is not null"),
    )
    op.create_index(
        "bet_leg_open",
        "bet_leg",
        ["match_id", "kickoff_at"],
        unique=False,
        postgresql_where=sa.text("match_id is not null and (result is null or judged_at is null)"),
    )
    op.create_table(
        "placement",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("bet_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bet_id"], ["bet.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "key"),
    )
    op.create_index("placement_of_bet", "placement", ["bet_id"], unique=False)
    op.create_table(
        "settlement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bet_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payout", sa.BigInteger(), nullable=False),
        sa.Column("leg_results", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("trace", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("is_effective", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.CheckConstraint("cause in ('RESULT', 'CORRECTED_RESULT', 'BY_HAND', 'IMPORT')", name="settlement_cause"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bet_id"], ["bet.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "sequence"),
    )
    op.create_index("settlement_of_bet", "settlement", ["bet_id", "id"], unique=False)
    op.create_table(
        "bankroll_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("bankroll_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("bet_id", sa.BigInteger(), nullable=True),
        sa.Column("settlement_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('DEPOSIT', 'WITHDRAWAL', 'BONUS', 'CORRECTION', 'STAKE', 'RETURN', 'REVERSAL')",
            name="bankroll_entry_kind",
        ),
        sa.CheckConstraint("amount <> 0", name="bankroll_entry_moves_money"),
        sa.CheckConstraint("bet_id is not null or reason is not null", name="bankroll_entry_says_why"),
        sa.ForeignKeyConstraint(["bankroll_id"], ["bankroll.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bet_id"], ["bet.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["settlement_id"], ["settlement.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bankroll_entry_of_bankroll", "bankroll_entry", ["bankroll_id", "occurred_at", "id"], unique=False)
    op.create_index("bankroll_entry_of_bet", "bankroll_entry", ["bet_id"], unique=False)
    op.create_index(
        "bankroll_entry_of_settlement",
        "bankroll_entry",
        ["settlement_id"],
        unique=False,
        postgresql_where=sa.text("settlement_id is not null"),
    )

    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_is_append_only before update or delete on {table} "
            f"for each row execute function refuse_change_but_erasure()"
        )


def downgrade() -> None:
    op.drop_index(
        "bankroll_entry_of_settlement",
        table_name="bankroll_entry",
        postgresql_where=sa.text("settlement_id is not null"),
    )
    op.drop_index("bankroll_entry_of_bet", table_name="bankroll_entry")
    op.drop_index("bankroll_entry_of_bankroll", table_name="bankroll_entry")
    op.drop_table("bankroll_entry")
    op.drop_index("settlement_of_bet", table_name="settlement")
    op.drop_table("settlement")
    op.drop_index("placement_of_bet", table_name="placement")
    op.drop_table("placement")
    op.drop_index(
        "bet_leg_open",
        table_name="bet_leg",
        postgresql_where=sa.text("match_id is not null and (result is null or judged_at is null)"),
    )
    op.drop_index("bet_leg_of_match", table_name="bet_leg", postgresql_where=sa.text("match_id is not null"))
    op.drop_table("bet_leg")
    op.drop_index("bet_of_bankroll", table_name="bet")
    op.drop_index("bet_of_account", table_name="bet")
    op.drop_index(
        "bet_imported_once",
        table_name="bet",
        postgresql_where=sa.text("import_digest is not null and deleted_at is null"),
    )
    op.drop_table("bet")
    op.drop_table("task_file")
    op.drop_index(op.f("ix_refresh_token_session_id"), table_name="refresh_token")
    op.drop_table("refresh_token")
    op.drop_index("task_of_account", table_name="task")
    op.drop_table("task")
    op.drop_index("session_of_account", table_name="session")
    op.drop_table("session")
    op.drop_index(op.f("ix_mail_account_id"), table_name="mail")
    op.drop_table("mail")
    op.drop_index("following_newest", table_name="following")
    op.drop_table("following")
    op.drop_index(op.f("ix_email_code_account_id"), table_name="email_code")
    op.drop_table("email_code")
    op.drop_index("care_limit_once", table_name="care_limit")
    op.drop_table("care_limit")
    op.drop_index("care_break_of_account", table_name="care_break")
    op.drop_table("care_break")
    op.drop_table("care_activity")
    op.drop_table("bettor")
    op.drop_index("bankroll_of_account", table_name="bankroll")
    op.drop_table("bankroll")
    op.drop_index("audit_of_account", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("account")

    op.execute("drop function refuse_change_but_erasure()")
