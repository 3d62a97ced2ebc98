"""plugins of others"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = ("plugin_state", "plugin_setting", "market_result")


def upgrade() -> None:
    op.create_table(
        "market_kind",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("plugin_key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("outcomes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "plugin_call",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plugin_key", sa.Text(), nullable=False),
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Float(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plugin_key"], ["plugin.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plugin_call_age", "plugin_call", ["called_at"], unique=False)
    op.create_index("plugin_call_newest", "plugin_call", ["plugin_key", "called_at"], unique=False)
    op.create_table(
        "plugin_state",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plugin_key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plugin_key"], ["plugin.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plugin_state_newest", "plugin_state", ["plugin_key", "id"], unique=False)
    op.create_table(
        "plugin_setting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plugin_setting_newest", "plugin_setting", ["model_key", "id"], unique=False)
    op.create_table(
        "market_result",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("results", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("sentences", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("plugin_version", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("match_id", "market_id", "revision"),
    )
    op.create_index(op.f("ix_market_result_market_id"), "market_result", ["market_id"], unique=False)
    op.add_column(
        "model",
        sa.Column(
            "settings_schema", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column("model", sa.Column("is_installed", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("plugin", sa.Column("api", sa.Integer(), nullable=True))
    op.add_column("plugin", sa.Column("failures_in_row", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute(
        """insert into plugin_state (plugin_key, status, reason, changed_by, changed_at, version)
           select key, 'ACTIVE', 'It was installed before plugins had states.', 'platform', seen_at, version
           from plugin order by key"""
    )
    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_is_append_only before update or delete on {table} "
            f"for each row execute function refuse_change()"
        )


def downgrade() -> None:
    op.execute(
        """update plugin set status = 'REFUSED', reason = 'It was ' || lower(status) || '.'
           where status not in ('ACTIVE', 'REFUSED')"""
    )
    op.drop_column("plugin", "failures_in_row")
    op.drop_column("plugin", "api")
    op.drop_column("model", "is_installed")
    op.drop_column("model", "settings_schema")
    op.drop_index(op.f("ix_market_result_market_id"), table_name="market_result")
    op.drop_table("market_result")
    op.drop_index("plugin_setting_newest", table_name="plugin_setting")
    op.drop_table("plugin_setting")
    op.drop_index("plugin_state_newest", table_name="plugin_state")
    op.drop_table("plugin_state")
    op.drop_index("plugin_call_newest", table_name="plugin_call")
    op.drop_index("plugin_call_age", table_name="plugin_call")
    op.drop_table("plugin_call")
    op.drop_table("market_kind")
