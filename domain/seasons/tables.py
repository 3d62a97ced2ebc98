"""The season as a whole: how every match that is left was rated, simulated tables, and ratings of clubs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DOUBLE_PRECISION, BigInteger, Index
from sqlmodel import Field, SQLModel

from domain.infra.columns import document, identity, instant, reference, words


class SeasonOutlook(SQLModel, table=True):
    """What a model version expects of every match of a season that is left: what tables are simulated from."""

    __tablename__ = "season_outlook"
    __table_args__ = (Index("season_outlook_newest", "season_id", "model_key", "data_cutoff_at", "id"),)

    id: int | None = identity()
    season_id: int = reference("season.id")
    model_key: str = words()
    model_version_id: int = reference("model_version.id", index=True)
    data_cutoff_at: datetime = instant()
    made_at: datetime = instant()
    """Match time."""
    home_team_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    away_team_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    legs: list[int] = Field(sa_type=ARRAY(BigInteger))
    """Beside the teams; with the season they name a match, also one that was not announced yet."""
    home_mean: list[float] = Field(sa_type=ARRAY(DOUBLE_PRECISION))
    """Expected goals of the home side."""
    away_mean: list[float] = Field(sa_type=ARRAY(DOUBLE_PRECISION))
    rho: list[float] = Field(sa_type=ARRAY(DOUBLE_PRECISION))
    job_id: str = words()


class SimulatedTable(SQLModel, table=True):
    """A simulated final table, kept with all it was made from."""

    __tablename__ = "simulated_table"
    __table_args__ = (Index("simulated_table_newest", "season_id", "what_if_digest", "as_of", "id"),)

    id: int | None = identity()
    season_id: int = reference("season.id")
    model_key: str = words()
    model_version_id: int = reference("model_version.id")
    as_of: datetime = instant()
    """Match time; nothing that became known later was used."""
    is_current: bool
    """Whether it was asked for the present, not for a chosen instant of the past."""
    is_version_chosen: bool
    """Whether whoever asked named the version: only those who name it too are answered with the table."""
    what_if: list[dict[str, Any]] = document()
    """Assumed results: `match_id`, `home_goals`, `away_goals`."""
    what_if_digest: str = words()
    simulations: int
    seed: int = Field(sa_type=BigInteger)
    seconds: float
    """Time that the simulation itself took, machine time."""
    matches_left: int
    """Matches that were simulated."""
    unannounced: int
    """Those of them without a date."""
    simulated_at: datetime = instant()
    """Match time."""
    rows: list[dict[str, Any]] = document()
    job_id: str = words()


class TeamRating(SQLModel, table=True):
    """How strong a model held a club to be at an instant."""

    __tablename__ = "team_rating"
    __table_args__ = (Index("team_rating_over_time", "team_id", "system", "as_of"),)

    id: int | None = identity()
    team_id: int = reference("team.id")
    league_id: int = reference("league.id", index=True)
    model_version_id: int = reference("model_version.id", index=True)
    system: str = words()
    """The model's key and the name of the rating: `touchline.state_space.attack`."""
    value: float
    as_of: datetime = instant()
    """Match time: the data cut-off of the fit."""
