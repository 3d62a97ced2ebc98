"""Countries, leagues, seasons, teams with the names sources give them, and matches."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, SmallInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from domain.infra.columns import identity, instant, reference, words


class Country(SQLModel, table=True):
    """A country or region that leagues belong to."""

    __tablename__ = "country"

    id: int | None = identity()
    code: str = words(unique=True)
    """ISO 3166 alpha-2, `GB-ENG` style for the home nations, or `XX` for simulated leagues."""
    name: str = words()


class League(SQLModel, table=True):
    """A competition."""

    __tablename__ = "league"

    id: int | None = identity()
    country_id: int | None = reference("country.id", nullable=True, index=True)
    slug: str = words(unique=True)
    name: str = words()
    kind: str = Field(default="LEAGUE", sa_type=Text)
    is_big: bool = False
    is_simulated: bool = False


class LeagueAlias(SQLModel, table=True):
    """A league's code at a source, for example `E0` at `football-data`."""

    __tablename__ = "league_alias"

    source: str = words(primary_key=True)
    code: str = words(primary_key=True)
    league_id: int = reference("league.id", index=True)


class Season(SQLModel, table=True):
    """One edition of a league, named by the year in which it starts."""

    __tablename__ = "season"
    __table_args__ = (UniqueConstraint("league_id", "start_year"),)

    id: int | None = identity()
    league_id: int = reference("league.id")
    start_year: int
    name: str = words()
    """For example `2024/25`."""
    starts_on: date
    ends_on: date | None = None


class Team(SQLModel, table=True):
    """A club."""

    __tablename__ = "team"
    __table_args__ = (Index("team_by_country", "country_id"),)

    id: int | None = identity()
    country_id: int | None = reference("country.id", nullable=True)
    slug: str = words(unique=True)
    name: str = words()
    short_name: str = words()


class TeamAlias(SQLModel, table=True):
    """A team's name at a source; the same name in two countries is two teams."""

    __tablename__ = "team_alias"

    source: str = words(primary_key=True)
    country_id: int = reference("country.id", primary_key=True)
    name: str = words(primary_key=True)
    team_id: int = reference("team.id", index=True)


class Match(SQLModel, table=True):
    """A match. Its identity is season, pair and leg: it survives a changed date."""

    __tablename__ = "match"
    __table_args__ = (
        UniqueConstraint("season_id", "home_team_id", "away_team_id", "leg"),
        CheckConstraint("home_team_id <> away_team_id", name="match_of_two_teams"),
        Index("match_by_kickoff", "kickoff_at", "id"),
        Index("match_by_league", "league_id", "kickoff_at", "id"),
        Index("match_by_status", "status", "kickoff_at", "id"),
        Index("match_of_home_team", "home_team_id", "kickoff_at"),
        Index("match_of_away_team", "away_team_id", "kickoff_at"),
    )

    id: int | None = identity()
    league_id: int = reference("league.id")
    season_id: int = reference("season.id")
    home_team_id: int = reference("team.id")
    away_team_id: int = reference("team.id")
    leg: int = Field(default=1, sa_type=SmallInteger)
    round: str | None = words(nullable=True)
    kickoff_at: datetime = instant()
    """00:00 UTC of the local day where the time is not known."""
    is_kickoff_time_known: bool = True
    status: str = words()
    """SCHEDULED, LIVE, HALF_TIME, FINISHED, POSTPONED, AWARDED, …: see rules.Status."""
    minute: int | None = Field(default=None, sa_type=SmallInteger)
    """Minute on the clock while playing."""
    home_goals: int | None = Field(default=None, sa_type=SmallInteger)
    away_goals: int | None = Field(default=None, sa_type=SmallInteger)
    half_time_home_goals: int | None = Field(default=None, sa_type=SmallInteger)
    half_time_away_goals: int | None = Field(default=None, sa_type=SmallInteger)
    home_shots: int | None = Field(default=None, sa_type=SmallInteger)
    away_shots: int | None = Field(default=None, sa_type=SmallInteger)
    home_shots_on_target: int | None = Field(default=None, sa_type=SmallInteger)
    away_shots_on_target: int | None = Field(default=None, sa_type=SmallInteger)
    home_corners: int | None = Field(default=None, sa_type=SmallInteger)
    away_corners: int | None = Field(default=None, sa_type=SmallInteger)
    home_fouls: int | None = Field(default=None, sa_type=SmallInteger)
    away_fouls: int | None = Field(default=None, sa_type=SmallInteger)
    home_yellow_cards: int | None = Field(default=None, sa_type=SmallInteger)
    away_yellow_cards: int | None = Field(default=None, sa_type=SmallInteger)
    home_red_cards: int | None = Field(default=None, sa_type=SmallInteger)
    away_red_cards: int | None = Field(default=None, sa_type=SmallInteger)
    referee: str | None = words(nullable=True)
    source: str = words()
    """Key of the provider whose word the row is."""
    result_at: datetime | None = instant(nullable=True)
    """Match time from which the result counts as known; full time by convention where a source gives none."""
    updated_at: datetime = instant()
    """Match time of the last change of any field."""
