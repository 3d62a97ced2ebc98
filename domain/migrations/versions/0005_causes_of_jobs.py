"""causes of jobs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("outbox", "job")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("cause", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "cause")
