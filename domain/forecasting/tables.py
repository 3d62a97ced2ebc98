"""Plugins, models, their versions, and immutable predictions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DOUBLE_PRECISION, BigInteger, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, reference, words


class Plugin(SQLModel, table=True):
    """An installed plugin: REFUSED as the workers found it, or in the state that its newest `PluginState` gives."""

    __tablename__ = "plugin"

    key: str = words(primary_key=True)
    name: str = words()
    distribution: str = words()
    version: str = words()
    status: str = words()
    reason: str | None = words(nullable=True)
    seen_at: datetime = instant()
    api: int | None = None
    """The number of the contract that it was made for; None where it could not be loaded."""
    call_count: int = 0
    failure_count: int = 0
    failures_in_row: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Failures since its last success, its last version or its last change of state."""
    last_error: str | None = words(nullable=True)
    last_error_at: datetime | None = instant(nullable=True)


class PluginState(SQLModel, table=True):
    """Since when a plugin is SHADOW, ACTIVE, QUARANTINED or DISABLED, and why; the newest row counts. Append-only."""

    __tablename__ = "plugin_state"
    __table_args__ = (Index("plugin_state_newest", "plugin_key", "id"),)

    id: int | None = identity()
    plugin_key: str = Field(foreign_key="plugin.key", ondelete="CASCADE", sa_type=Text)
    status: str = words()
    reason: str = words()
    changed_by: str = words()
    """`platform`, or the operator who changed it."""
    changed_at: datetime = instant()
    """Match time."""
    version: str = words()
    """Version of the distribution that it was changed for."""


class PluginCall(SQLModel, table=True):
    """One call of a plugin: how long it took and what it failed with. Old ones are swept away."""

    __tablename__ = "plugin_call"
    __table_args__ = (Index("plugin_call_newest", "plugin_key", "called_at"), Index("plugin_call_age", "called_at"))

    id: int | None = identity()
    plugin_key: str = Field(foreign_key="plugin.key", ondelete="CASCADE", sa_type=Text)
    thing: str = words()
    """Key of the model, strategy, market or provider."""
    called_at: datetime = instant()
    """Match time."""
    milliseconds: float | None = None
    """None where it was not measured, as of a failure."""
    fault: str | None = words(nullable=True)
    """One of `touchline.outputs.Fault`; None for a success."""
    job_id: str = words()


class PluginSetting(SQLModel, table=True):
    """What an operator set for a model or strategy in place of its defaults; the newest row counts. Append-only."""

    __tablename__ = "plugin_setting"
    __table_args__ = (Index("plugin_setting_newest", "model_key", "id"),)

    id: int | None = identity()
    model_key: str = Field(foreign_key="model.key", ondelete="CASCADE", sa_type=Text)
    values: dict[str, Any] = document()
    """Every setting that is not at its default, by name."""
    reason: str = words()
    changed_by: str = words()
    changed_at: datetime = instant()
    """Match time."""


class Model(SQLModel, table=True):
    """A market model or strategy of a plugin."""

    __tablename__ = "model"

    key: str = words(primary_key=True)
    plugin_key: str = Field(foreign_key="plugin.key", ondelete="CASCADE", index=True, sa_type=Text)
    kind: str = words()
    """`model` or `strategy`."""
    version: str = words()
    """Version of the installed code."""
    markets: list[str] = document()
    """Canonical keys of the markets it prices."""
    odds_use: str | None = words(nullable=True)
    """What it knows of prices: A nothing, B closing prices in training, C past prices, D those of the match."""
    settings: dict[str, Any] = document()
    """Values in force: the defaults of the code, and over them what an operator set."""
    settings_schema: dict[str, Any] = Field(
        default_factory=dict, sa_type=JSONB, sa_column_kwargs={"server_default": text("'{}'")}
    )
    """What an operator may set, as JSON Schema."""
    is_installed: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    """Whether its plugin offered it when it was last loaded."""


class ModelVersion(SQLModel, table=True):
    """One fit of a model on one league's history (a strategy has one for its code and settings)."""

    __tablename__ = "model_version"
    __table_args__ = (Index("model_version_newest", "model_key", "league_id", "id"),)

    id: int | None = identity()
    model_key: str = Field(foreign_key="model.key", ondelete="CASCADE", sa_type=Text)
    code_version: str = words()
    league_id: int | None = reference("league.id", nullable=True)
    fitted_at: datetime = instant()
    """Match time."""
    data_from: datetime | None = instant(nullable=True)
    data_cutoff_at: datetime = instant()
    """Match time; nothing that became known later was used."""
    training_matches: int
    fit_seconds: float
    settings: dict[str, Any] = document()
    seed: int = Field(sa_type=BigInteger)
    state: bytes = Field(sa_type=LargeBinary)
    """Named arrays in numpy's npz format, no pickle."""
    state_size: int
    state_digest: str = words()
    inputs_digest: str = words()
    job_id: str = words()
    is_retrospective: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether it was made for an instant of the past that somebody asked about; it is never in force."""


class Prediction(SQLModel, table=True):
    """What one model version said of one market of one match. Never changed, never deleted."""

    __tablename__ = "prediction"
    __table_args__ = (
        Index("prediction_of_match", "match_id", "market_id", "predicted_at"),
        Index("prediction_of_version", "model_version_id"),
    )

    id: int | None = identity()
    match_id: int = reference("match.id")
    market_id: int = reference("market.id")
    model_version_id: int = reference("model_version.id")
    model_key: str = words()
    probabilities: list[float] = Field(sa_type=ARRAY(DOUBLE_PRECISION))
    """In the market's outcome order; they sum to 1 within 1e-9."""
    family: str = words()
    parameters: dict[str, float] = document()
    """From which the SDK computes any other line; empty for a model of fixed lines."""
    expected_value: float | None = None
    confidence: int = Field(sa_type=SmallInteger)
    """round(100 × probability of the likeliest outcome)."""
    basis: str = words()
    predicted_at: datetime = instant()
    data_cutoff_at: datetime = instant()
    compute_milliseconds: float
    inputs_digest: str = words()
    job_id: str = words()


class CurrentPrediction(SQLModel, table=True):
    """The newest prediction of each model and market of a match; `is_served` marks the one the graph shows."""

    __tablename__ = "current_prediction"
    __table_args__ = (
        Index("current_prediction_served", "match_id", "market_id", unique=True, postgresql_where=text("is_served")),
        Index("current_prediction_ungraded", "match_id", postgresql_where=text("graded_at is null")),
    )

    match_id: int = reference("match.id", primary_key=True)
    market_id: int = reference("market.id", primary_key=True)
    model_key: str = words(primary_key=True)
    prediction_id: int = reference("prediction.id")
    confirmed_at: datetime = instant()
    """Match time at which a run last gave the same answer."""
    is_served: bool = True
    is_stale: bool = False
    """Whether the model failed since, so that this is its last good word."""
    graded_at: datetime | None = instant(nullable=True)
    """`match.updated_at` of the facts that predictions were last graded by; None while they were not."""


class ServedPrediction(SQLModel, table=True):
    """From when on the graph showed which prediction of a market of a match; append-only."""

    __tablename__ = "served_prediction"
    __table_args__ = (Index("served_prediction_newest", "match_id", "market_id", "served_from", "id"),)

    id: int | None = identity()
    match_id: int = reference("match.id")
    market_id: int = reference("market.id")
    prediction_id: int | None = reference("prediction.id", nullable=True)
    """None from when on none was shown."""
    served_from: datetime = instant()
    """Match time."""


class MatchOutlook(SQLModel, table=True):
    """Figures of a match that lists are filtered and sorted by, kept with its predictions and value bets."""

    __tablename__ = "match_outlook"
    __table_args__ = (
        Index("match_outlook_confidence", "confidence"),
        Index("match_outlook_edge", "best_edge"),
        Index("match_outlook_goals", "expected_goals"),
    )

    match_id: int = reference("match.id", primary_key=True)
    confidence: int | None = Field(default=None, sa_type=SmallInteger)
    expected_goals: float | None = None
    best_edge: float | None = None
    value_revision: int = Field(default=0, sa_type=BigInteger)
    """How many times the match's value bets were worked out."""


class ModelChoice(SQLModel, table=True):
    """Which model is shown for a kind of market, and why; the newest row counts. Append-only."""

    __tablename__ = "model_choice"
    __table_args__ = (Index("model_choice_newest", "market_kind", "id"),)

    id: int | None = identity()
    market_kind: str = words()
    model_key: str = Field(foreign_key="model.key", ondelete="CASCADE", sa_type=Text)
    reason: str = words()
    chosen_by: str = words()
    """`default`, `record`, or the operator who chose."""
    chosen_at: datetime = instant()
    """Match time."""


class ModelPin(SQLModel, table=True):
    """A version that a model was rolled back to in a league; a row without a version releases it. Append-only."""

    __tablename__ = "model_pin"
    __table_args__ = (Index("model_pin_newest", "model_key", "league_id", "id"),)

    id: int | None = identity()
    model_key: str = Field(foreign_key="model.key", ondelete="CASCADE", sa_type=Text)
    league_id: int = reference("league.id")
    model_version_id: int | None = reference("model_version.id", nullable=True, index=True)
    reason: str = words()
    pinned_by: str = words()
    pinned_at: datetime = instant()
    """Match time."""
