"""Seasons and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from api.batch import batch
from api.nodes import Node
from api.paging import Connection, Order
from api.rows import Rows, grouped, in_order, rows_of
from api.scalars import given
from api.table_forecasts import AssumedResultInput, TableForecast, assumed_of, forecast_tables, version_of
from domain.matches import leagues as queries
from domain.seasons.service import Asked

if TYPE_CHECKING:
    from api.leagues import League
    from api.teams import Team

SEASON_ORDER = Order("seasons", queries.SEASON_ORDER.sql, "s.id", is_descending=True)


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
        rows = await queries.standings(db, keys, min(as_of or now, now))
        tables = grouped(keys, rows, lambda row: row["owner"])
        return [rows_of(Standing, [{**row, "rank": rank} for rank, row in enumerate(table, 1)]) for table in tables]

    @batch
    @staticmethod
    async def table_forecast(
        seasons: Sequence[Season],
        db: Rows,
        now: datetime,
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
        simulations: Annotated[int | None, strawberry.argument(description="Simulated seasons, 100-50000.")] = 10000,
    ) -> list[TableForecast | None]:
        """Simulated final table. Give `whatIf` results to see how the race changes. Up to 1,000 simulations are done at
        once; of more a stored table answers, the present one of 20,000 or one that `requestTableForecast` was asked
        for. Null when nothing is left to play."""
        asked = Asked(
            season_id=0,
            simulations=10000 if simulations is None else simulations,
            as_of=given(as_of),
            what_if=assumed_of(given(what_if), "whatIf"),
            model_version_id=version_of(given(model_version_id), "modelVersionId"),
        )
        # An exception among the answers is the error of its own season.
        tables: list[Any] = await forecast_tables(db, [season.key for season in seasons], asked, now)
        return tables


@strawberry.type(description="A page of seasons.")
class SeasonConnection(Connection[Season]):
    pass
