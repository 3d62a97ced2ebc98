"""Seasons and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.batch import batch, derived
from api.nodes import Node
from api.paging import Connection, Order
from api.rows import Rows, grouped, in_order, rows_of
from api.scalars import Interval
from domain.matches import leagues as queries

if TYPE_CHECKING:
    from api.leagues import League
    from api.models import ModelVersion
    from api.teams import Team

SEASON_ORDER = Order("seasons", queries.SEASON_ORDER.sql, "s.id", is_descending=True)


@strawberry.input(description="A result assumed for a what-if simulation.")
class AssumedResultInput:
    match_id: strawberry.ID = strawberry.field(description="Match.")
    home_goals: int = strawberry.field(description="Goals of the home team, count.")
    away_goals: int = strawberry.field(description="Goals of the away team, count.")


@strawberry.type(description="A row of a league table.")
class Standing:
    team_id: strawberry.Private[int]
    rank: int = strawberry.field(description="Place, from 1.")
    played: int = strawberry.field(description="Matches played, count.")
    won: int = strawberry.field(description="Wins, count.")
    drawn: int = strawberry.field(description="Draws, count.")
    lost: int = strawberry.field(description="Losses, count.")
    goals_for: int = strawberry.field(description="Goals scored, count.")
    goals_against: int = strawberry.field(description="Goals conceded, count.")
    points: int = strawberry.field(description="League points.")
    form: str = strawberry.field(description="Last five results, newest last, for example `WWDLW`.")

    @batch
    @staticmethod
    async def team(standings: Sequence[Standing], db: Rows) -> list[Annotated[Team, strawberry.lazy("api.teams")]]:
        """Team."""
        from api.teams import Team

        return await db.pick(Team, [standing.team_id for standing in standings])


@strawberry.type(description="Simulated outcome of one team's season.")
class TableForecastRow:
    team: Annotated[Team, strawberry.lazy("api.teams")] = strawberry.field(description="Team.")
    current_points: int = strawberry.field(description="Points now.")
    expected_points: float = strawberry.field(description="Mean final points.")
    points_interval: Interval = strawberry.field(description="5th and 95th percentile of final points.")
    place_probabilities: list[float] = strawberry.field(
        description="Probability of each final place, index 0 is first place; fractions that sum to 1."
    )
    title_probability: float = strawberry.field(description="Probability of winning the league, fraction.")
    top_four_probability: float = strawberry.field(description="Probability of a top-four place, fraction.")
    relegation_probability: float = strawberry.field(description="Probability of relegation, fraction.")


@strawberry.type(description="Result of simulating the rest of a season many times.")
class TableForecast:
    model_version: Annotated[ModelVersion, strawberry.lazy("api.models")] = strawberry.field(
        description="Model version used."
    )
    simulated_at: datetime = strawberry.field(description="When it was simulated.")
    simulations: int = strawberry.field(description="Simulated seasons, count.")
    rows: list[TableForecastRow] = strawberry.field(description="One row per team, ordered by expected points.")


@strawberry.type(description="One edition of a league.")
class Season(Node):
    key: strawberry.Private[int]
    league_id: strawberry.Private[int]
    name: str = strawberry.field(description="Name, for example `2026/27`.")
    starts_on: date = strawberry.field(description="First day.")
    ends_on: date | None = strawberry.field(description="Last day.")

    @classmethod
    async def load(cls, db: Rows, keys: Sequence[int]) -> list[Season | None]:
        return in_order(keys, rows_of(cls, await queries.seasons(db, keys)), lambda season: season.key)

    @batch
    @staticmethod
    async def league(seasons: Sequence[Season], db: Rows) -> list[Annotated[League, strawberry.lazy("api.leagues")]]:
        """The league."""
        from api.leagues import League

        return await db.pick(League, [season.league_id for season in seasons])

    @batch
    @staticmethod
    async def standings(
        seasons: Sequence[Season],
        db: Rows,
        now: datetime,
        as_of: Annotated[datetime | None, strawberry.argument(description="Instant to look back to.")] = None,
    ) -> list[list[Standing]]:
        """Table at an instant; now when omitted."""
        keys = [season.key for season in seasons]
        rows = await queries.standings(db, keys, as_of or now)
        tables = grouped(keys, rows, lambda row: row["owner"])
        return [rows_of(Standing, [{**row, "rank": rank} for rank, row in enumerate(table, 1)]) for table in tables]

    @derived
    def table_forecast(
        self,
        model_version_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Model version to simulate with; the champion when omitted."),
        ] = None,
        as_of: Annotated[
            datetime | None, strawberry.argument(description="Only use what was known at this instant.")
        ] = None,
        what_if: Annotated[
            list[AssumedResultInput] | None, strawberry.argument(description="Results to assume, at most 40.")
        ] = None,
        simulations: Annotated[int | None, strawberry.argument(description="Simulated seasons, 1000-50000.")] = 10000,
    ) -> TableForecast | None:
        """Simulated final table. Give `whatIf` results to see how the race changes. Null until simulations are
        offered."""
        del model_version_id, as_of, what_if, simulations
        return None


@strawberry.type(description="A page of seasons.")
class SeasonConnection(Connection[Season]):
    pass
