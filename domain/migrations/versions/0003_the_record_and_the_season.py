"""the record and the season"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    *("grade", "season_outlook", "simulated_table", "team_rating", "model_choice", "model_pin"),
    "served_prediction",
)


def upgrade() -> None:
    op.add_column("model", sa.Column("odds_use", sa.Text(), nullable=True))
    op.add_column(
        "model_version", sa.Column("is_retrospective", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.execute(
        """update current_prediction c set is_served = false where is_served and exists (
             select 1 from current_prediction o where o.match_id = c.match_id and o.market_id = c.market_id
               and o.is_served and (o.is_stale, o.model_key) < (c.is_stale, c.model_key))"""
    )
    op.drop_index("current_prediction_served", table_name="current_prediction")
    op.create_index(
        "current_prediction_served",
        "current_prediction",
        ["match_id", "market_id"],
        unique=True,
        postgresql_where=sa.text("is_served"),
    )
    op.add_column("current_prediction", sa.Column("graded_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "current_prediction_ungraded",
        "current_prediction",
        ["match_id"],
        unique=False,
        postgresql_where=sa.text("graded_at is null"),
    )
    op.create_table(
        "served_prediction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("prediction_id", sa.BigInteger(), nullable=True),
        sa.Column("served_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "served_prediction_newest",
        "served_prediction",
        ["match_id", "market_id", "served_from", "id"],
        unique=False,
    )
    op.execute(
        """insert into served_prediction (match_id, market_id, prediction_id, served_from)
           select p.match_id, p.market_id, p.id, p.predicted_at from prediction p
           join current_prediction c using (match_id, market_id, model_key) where c.is_served
           order by p.predicted_at, p.id"""
    )
    op.create_table(
        "model_choice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("market_kind", sa.Text(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("chosen_by", sa.Text(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_choice_newest", "model_choice", ["market_kind", "id"], unique=False)
    op.create_table(
        "model_pin",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("pinned_by", sa.Text(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_model_pin_model_version_id"), "model_pin", ["model_version_id"], unique=False)
    op.create_index("model_pin_newest", "model_pin", ["model_key", "league_id", "id"], unique=False)
    op.create_table(
        "season_outlook",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("season_id", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("data_cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("home_team_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("away_team_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("legs", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("home_mean", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("away_mean", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("rho", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["season_id"], ["season.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_season_outlook_model_version_id"), "season_outlook", ["model_version_id"], unique=False)
    op.create_index(
        "season_outlook_newest", "season_outlook", ["season_id", "model_key", "data_cutoff_at", "id"], unique=False
    )
    op.create_table(
        "simulated_table",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("season_id", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("is_version_chosen", sa.Boolean(), nullable=False),
        sa.Column("what_if", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("what_if_digest", sa.Text(), nullable=False),
        sa.Column("simulations", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("matches_left", sa.Integer(), nullable=False),
        sa.Column("unannounced", sa.Integer(), nullable=False),
        sa.Column("simulated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["season_id"], ["season.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "simulated_table_newest", "simulated_table", ["season_id", "what_if_digest", "as_of", "id"], unique=False
    )
    op.create_table(
        "team_rating",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_team_rating_league_id"), "team_rating", ["league_id"], unique=False)
    op.create_index(op.f("ix_team_rating_model_version_id"), "team_rating", ["model_version_id"], unique=False)
    op.create_index("team_rating_over_time", "team_rating", ["team_id", "system", "as_of"], unique=False)
    op.create_table(
        "grade",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("prediction_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("outcome_key", sa.Text(), nullable=False),
        sa.Column("is_hit", sa.Boolean(), nullable=False),
        sa.Column("log_loss", sa.Float(), nullable=False),
        sa.Column("brier", sa.Float(), nullable=False),
        sa.Column("ranked_probability_score", sa.Float(), nullable=True),
        sa.Column("closing_probabilities", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=True),
        sa.Column("closing_source", sa.Text(), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=True),
        sa.Column("closing_log_loss", sa.Float(), nullable=True),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("prediction_id", "revision"),
    )
    op.create_table(
        "current_grade",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("grade_id", sa.BigInteger(), nullable=False),
        sa.Column("prediction_id", sa.BigInteger(), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.Column("kickoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("probabilities", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("closing_probabilities", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=True),
        sa.Column("log_loss", sa.Float(), nullable=False),
        sa.Column("brier", sa.Float(), nullable=False),
        sa.Column("ranked_probability_score", sa.Float(), nullable=True),
        sa.Column("closing_log_loss", sa.Float(), nullable=True),
        sa.Column("confidence", sa.SmallInteger(), nullable=False),
        sa.Column("is_hit", sa.Boolean(), nullable=False),
        sa.Column("is_served", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["grade_id"], ["grade.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id", "market_id", "model_key"),
    )
    op.create_index("current_grade_of_market", "current_grade", ["market_id", "kickoff_at"], unique=False)
    op.create_index("current_grade_of_model", "current_grade", ["model_key", "market_id", "kickoff_at"], unique=False)

    for table in APPEND_ONLY:
        op.execute(
            f"create trigger {table}_is_append_only before update or delete on {table} "
            f"for each row execute function refuse_change()"
        )


def downgrade() -> None:
    op.drop_index("current_grade_of_model", table_name="current_grade")
    op.drop_index("current_grade_of_market", table_name="current_grade")
    op.drop_table("current_grade")
    op.drop_table("grade")
    op.drop_index("team_rating_over_time", table_name="team_rating")
    op.drop_index(op.f("ix_team_rating_model_version_id"), table_name="team_rating")
    op.drop_index(op.f("ix_team_rating_league_id"), table_name="team_rating")
    op.drop_table("team_rating")
    op.drop_index("simulated_table_newest", table_name="simulated_table")
    op.drop_table("simulated_table")
    op.drop_index("season_outlook_newest", table_name="season_outlook")
    op.drop_index(op.f("ix_season_outlook_model_version_id"), table_name="season_outlook")
    op.drop_table("season_outlook")
    op.drop_index("model_pin_newest", table_name="model_pin")
    op.drop_index(op.f("ix_model_pin_model_version_id"), table_name="model_pin")
    op.drop_table("model_pin")
    op.drop_index("model_choice_newest", table_name="model_choice")
    op.drop_table("model_choice")
    op.drop_index("served_prediction_newest", table_name="served_prediction")
    op.drop_table("served_prediction")
    op.drop_index("current_prediction_ungraded", table_name="current_prediction")
    op.drop_column("current_prediction", "graded_at")
    op.drop_index("current_prediction_served", table_name="current_prediction")
    op.create_index(
        "current_prediction_served", "current_prediction", ["match_id", "market_id", "is_served"], unique=False
    )
    op.drop_column("model_version", "is_retrospective")
    op.drop_column("model", "odds_use")
