"""The main job's tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "create function refuse_change() returns trigger language plpgsql as "
        "$$ begin raise exception '% is append-only', tg_table_name; end $$"
    )

    op.create_table(
        "bookmaker",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("commission", sa.Numeric(precision=6, scale=4), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wall_anchor", sa.DateTime(timezone=True), nullable=False),
        sa.Column("match_anchor", sa.DateTime(timezone=True), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
        sa.CheckConstraint("id = 1", name="clock_is_one_row"),
        sa.CheckConstraint("speed >= 0", name="clock_speed"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "country",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "feed",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("position", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("job_by_status", "job", ["status", "queued_at"], unique=False)
    op.create_table(
        "market",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("line", sa.Float(), nullable=True),
        sa.Column("period", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "odds_position",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="odds_position_is_one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outbox_waiting", "outbox", ["due_at"], unique=False, postgresql_where=sa.text("sent_at is null"))
    op.create_index(
        "outbox_waiting_once",
        "outbox",
        ["dedupe_key"],
        unique=True,
        postgresql_where=sa.text("sent_at is null and dedupe_key is not null"),
    )
    op.create_table(
        "plugin",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("distribution", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_count", sa.Integer(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "quote_change",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.Integer(), nullable=False),
        sa.Column("bookmaker_id", sa.Integer(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("previous_price", sa.Numeric(precision=10, scale=4), nullable=True),
        sa.Column("is_available", sa.Boolean(), nullable=False),
        sa.Column("is_estimated", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "observed_at"),
        postgresql_partition_by="RANGE (observed_at)",
    )
    op.create_index(
        "quote_change_of_selection",
        "quote_change",
        ["match_id", "selection_id", "bookmaker_id", "observed_at"],
        unique=False,
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("every_seconds", sa.Float(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "league",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("is_big", sa.Boolean(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_index(op.f("ix_league_country_id"), "league", ["country_id"], unique=False)
    op.create_table(
        "model",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("plugin_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("markets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["plugin_key"], ["plugin.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_model_plugin_key"), "model", ["plugin_key"], unique=False)
    op.create_table(
        "selection",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("market_id", "key"),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("country_id", sa.BigInteger(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_index("team_by_country", "team", ["country_id"], unique=False)
    op.create_table(
        "league_alias",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source", "code"),
    )
    op.create_index(op.f("ix_league_alias_league_id"), "league_alias", ["league_id"], unique=False)
    op.create_table(
        "model_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=True),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("data_cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("training_matches", sa.Integer(), nullable=False),
        sa.Column("fit_seconds", sa.Float(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("state_size", sa.Integer(), nullable=False),
        sa.Column("state_digest", sa.Text(), nullable=False),
        sa.Column("inputs_digest", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_version_newest", "model_version", ["model_key", "league_id", "id"], unique=False)
    op.create_table(
        "season",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.Column("start_year", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("league_id", "start_year"),
    )
    op.create_table(
        "team_alias",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("country_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["country_id"], ["country.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source", "country_id", "name"),
    )
    op.create_index(op.f("ix_team_alias_team_id"), "team_alias", ["team_id"], unique=False)
    op.create_table(
        "match",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("league_id", sa.BigInteger(), nullable=False),
        sa.Column("season_id", sa.BigInteger(), nullable=False),
        sa.Column("home_team_id", sa.BigInteger(), nullable=False),
        sa.Column("away_team_id", sa.BigInteger(), nullable=False),
        sa.Column("leg", sa.SmallInteger(), nullable=False),
        sa.Column("round", sa.Text(), nullable=True),
        sa.Column("kickoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_kickoff_time_known", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("minute", sa.SmallInteger(), nullable=True),
        sa.Column("home_goals", sa.SmallInteger(), nullable=True),
        sa.Column("away_goals", sa.SmallInteger(), nullable=True),
        sa.Column("half_time_home_goals", sa.SmallInteger(), nullable=True),
        sa.Column("half_time_away_goals", sa.SmallInteger(), nullable=True),
        sa.Column("home_shots", sa.SmallInteger(), nullable=True),
        sa.Column("away_shots", sa.SmallInteger(), nullable=True),
        sa.Column("home_shots_on_target", sa.SmallInteger(), nullable=True),
        sa.Column("away_shots_on_target", sa.SmallInteger(), nullable=True),
        sa.Column("home_corners", sa.SmallInteger(), nullable=True),
        sa.Column("away_corners", sa.SmallInteger(), nullable=True),
        sa.Column("home_fouls", sa.SmallInteger(), nullable=True),
        sa.Column("away_fouls", sa.SmallInteger(), nullable=True),
        sa.Column("home_yellow_cards", sa.SmallInteger(), nullable=True),
        sa.Column("away_yellow_cards", sa.SmallInteger(), nullable=True),
        sa.Column("home_red_cards", sa.SmallInteger(), nullable=True),
        sa.Column("away_red_cards", sa.SmallInteger(), nullable=True),
        sa.Column("referee", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("home_team_id <> away_team_id", name="match_of_two_teams"),
        sa.ForeignKeyConstraint(["away_team_id"], ["team.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["home_team_id"], ["team.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["league_id"], ["league.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["season_id"], ["season.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("season_id", "home_team_id", "away_team_id", "leg"),
    )
    op.create_index("match_by_kickoff", "match", ["kickoff_at", "id"], unique=False)
    op.create_index("match_by_league", "match", ["league_id", "kickoff_at", "id"], unique=False)
    op.create_index("match_by_status", "match", ["status", "kickoff_at", "id"], unique=False)
    op.create_index("match_of_away_team", "match", ["away_team_id", "kickoff_at"], unique=False)
    op.create_index("match_of_home_team", "match", ["home_team_id", "kickoff_at"], unique=False)
    op.create_table(
        "best_quote",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.BigInteger(), nullable=False),
        sa.Column("bookmaker_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["bookmaker_id"], ["bookmaker.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["selection_id"], ["selection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id", "selection_id"),
    )
    op.create_table(
        "match_outlook",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.SmallInteger(), nullable=True),
        sa.Column("expected_goals", sa.Float(), nullable=True),
        sa.Column("best_edge", sa.Float(), nullable=True),
        sa.Column("value_revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id"),
    )
    op.create_index("match_outlook_confidence", "match_outlook", ["confidence"], unique=False)
    op.create_index("match_outlook_edge", "match_outlook", ["best_edge"], unique=False)
    op.create_index("match_outlook_goals", "match_outlook", ["expected_goals"], unique=False)
    op.create_table(
        "prediction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("probabilities", sa.ARRAY(sa.DOUBLE_PRECISION()), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("expected_value", sa.Float(), nullable=True),
        sa.Column("confidence", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data_cutoff_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compute_milliseconds", sa.Float(), nullable=False),
        sa.Column("inputs_digest", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("prediction_of_match", "prediction", ["match_id", "market_id", "predicted_at"], unique=False)
    op.create_index("prediction_of_version", "prediction", ["model_version_id"], unique=False)
    op.create_table(
        "price_aggregate",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_closing", sa.Boolean(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["selection_id"], ["selection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id", "selection_id", "name", "is_closing"),
    )
    op.create_index("price_aggregate_of_match", "price_aggregate", ["match_id", "selection_id"], unique=False)
    op.create_table(
        "quote",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.BigInteger(), nullable=False),
        sa.Column("bookmaker_id", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("previous_price", sa.Numeric(precision=10, scale=4), nullable=True),
        sa.Column("opening_price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_available", sa.Boolean(), nullable=False),
        sa.Column("is_estimated", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price > 1", name="quote_price_above_1"),
        sa.ForeignKeyConstraint(["bookmaker_id"], ["bookmaker.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["selection_id"], ["selection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id", "selection_id", "bookmaker_id"),
    )
    op.create_table(
        "current_prediction",
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("market_id", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.Text(), nullable=False),
        sa.Column("prediction_id", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_served", sa.Boolean(), nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["market_id"], ["market.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("match_id", "market_id", "model_key"),
    )
    op.create_index(
        "current_prediction_served", "current_prediction", ["match_id", "market_id", "is_served"], unique=False
    )
    op.create_table(
        "value_bet",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("match_id", sa.BigInteger(), nullable=False),
        sa.Column("selection_id", sa.BigInteger(), nullable=False),
        sa.Column("bookmaker_id", sa.BigInteger(), nullable=False),
        sa.Column("strategy_key", sa.Text(), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=True),
        sa.Column("prediction_id", sa.BigInteger(), nullable=True),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("edge", sa.Float(), nullable=False),
        sa.Column("kelly", sa.Float(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bookmaker_id"], ["bookmaker.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["match_id"], ["match.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["prediction_id"], ["prediction.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["selection_id"], ["selection.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "value_bet_open_by_edge", "value_bet", ["edge", "id"], unique=False, postgresql_where=sa.text("status = 'OPEN'")
    )
    op.create_index(
        "value_bet_open_once",
        "value_bet",
        ["match_id", "selection_id", "bookmaker_id", "strategy_key"],
        unique=True,
        postgresql_where=sa.text("status = 'OPEN'"),
    )

    for table in ("quote_change", "prediction"):
        op.execute(
            f"create trigger {table}_is_append_only before update or delete on {table} "
            f"for each row execute function refuse_change()"
        )
    op.execute("insert into odds_position (id, value) values (1, 0)")


def downgrade() -> None:

    op.drop_index("value_bet_open_once", table_name="value_bet", postgresql_where=sa.text("status = 'OPEN'"))
    op.drop_index("value_bet_open_by_edge", table_name="value_bet", postgresql_where=sa.text("status = 'OPEN'"))
    op.drop_table("value_bet")
    op.drop_index("current_prediction_served", table_name="current_prediction")
    op.drop_table("current_prediction")
    op.drop_table("quote")
    op.drop_index("price_aggregate_of_match", table_name="price_aggregate")
    op.drop_table("price_aggregate")
    op.drop_index("prediction_of_version", table_name="prediction")
    op.drop_index("prediction_of_match", table_name="prediction")
    op.drop_table("prediction")
    op.drop_index("match_outlook_goals", table_name="match_outlook")
    op.drop_index("match_outlook_edge", table_name="match_outlook")
    op.drop_index("match_outlook_confidence", table_name="match_outlook")
    op.drop_table("match_outlook")
    op.drop_table("best_quote")
    op.drop_index("match_of_home_team", table_name="match")
    op.drop_index("match_of_away_team", table_name="match")
    op.drop_index("match_by_status", table_name="match")
    op.drop_index("match_by_league", table_name="match")
    op.drop_index("match_by_kickoff", table_name="match")
    op.drop_table("match")
    op.drop_index(op.f("ix_team_alias_team_id"), table_name="team_alias")
    op.drop_table("team_alias")
    op.drop_table("season")
    op.drop_index("model_version_newest", table_name="model_version")
    op.drop_table("model_version")
    op.drop_index(op.f("ix_league_alias_league_id"), table_name="league_alias")
    op.drop_table("league_alias")
    op.drop_index("team_by_country", table_name="team")
    op.drop_table("team")
    op.drop_table("selection")
    op.drop_index(op.f("ix_model_plugin_key"), table_name="model")
    op.drop_table("model")
    op.drop_index(op.f("ix_league_country_id"), table_name="league")
    op.drop_table("league")
    op.drop_table("schedule")
    op.drop_index("quote_change_of_selection", table_name="quote_change")
    op.drop_table("quote_change")
    op.drop_table("plugin")
    op.drop_index(
        "outbox_waiting_once",
        table_name="outbox",
        postgresql_where=sa.text("sent_at is null and dedupe_key is not null"),
    )
    op.drop_index("outbox_waiting", table_name="outbox", postgresql_where=sa.text("sent_at is null"))
    op.drop_table("outbox")
    op.drop_table("odds_position")
    op.drop_table("market")
    op.drop_index("job_by_status", table_name="job")
    op.drop_table("job")
    op.drop_table("feed")
    op.drop_table("country")
    op.drop_table("clock")
    op.drop_table("bookmaker")

    op.execute("drop function refuse_change()")
