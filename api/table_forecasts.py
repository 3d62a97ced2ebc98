"""Simulated final tables: read as they are stored, worked out while somebody waits, or asked for as a job."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from asyncpg import Record

from api.batch import batch
from api.nodes import key_of
from api.outcomes import CommonError, mutation
from api.rows import Rows, rows_of
from api.scalars import Interval, given
from api.tasks import Job
from domain.accounts.people import OPERATOR, Viewer
from domain.forecasting.queries import is_version_in_shadow
from domain.infra.database import Database, connection_of
from domain.infra.errors import Forbidden, Invalid, NotFound
from domain.seasons.queries import season_formats, simulating_models
from domain.seasons.rules import AT_ONCE, Assumed, Simulated, Start, check_simulations, simulate
from domain.seasons.service import Asked, answered, ask_for_table, open_starts
from touchline.competitions import Format

if TYPE_CHECKING:
    from api.models import ModelVersion
    from api.teams import Team

MOST_SEASONS = 20
"""Seasons whose tables one field may simulate at once."""
ASK = "ask for it with the mutation requestTableForecast, then ask again"


@strawberry.input(description="A result assumed for a what-if simulation.")
class AssumedResultInput:
    match_id: strawberry.ID = strawberry.field(description="Match.")
    home_goals: int = strawberry.field(description="Goals of the home team, count.")
    away_goals: int = strawberry.field(description="Goals of the away team, count.")


@strawberry.type(description="Simulated outcome of one team's season.")
class TableForecastRow:
    team_id: strawberry.Private[int]
    current_points: int = strawberry.field(description="Points now.")
    expected_points: float = strawberry.field(description="Mean final points.")
    points_interval: Interval = strawberry.field(description="5th and 95th percentile of final points.")
    place_probabilities: list[float] = strawberry.field(
        description="Probability of each final place, index 0 is first place; fractions that sum to 1."
    )
    title_probability: float = strawberry.field(description="Probability of winning the league, fraction.")
    top_four_probability: float = strawberry.field(description="Probability of a top-four place, fraction.")
    relegation_probability: float = strawberry.field(
        description="Probability of relegation without another match, fraction."
    )
    relegation_playoff_probability: float = strawberry.field(
        description="Probability of a place whose team plays to stay up, fraction; 0 where the league has none."
    )

    @batch
    @staticmethod
    async def team(rows: Sequence[TableForecastRow], db: Rows) -> list[Annotated[Team, strawberry.lazy("api.teams")]]:
        """Team."""
        from api.teams import Team

        return await db.pick(Team, [row.team_id for row in rows])


@strawberry.type(description="Result of simulating the rest of a season many times.")
class TableForecast:
    model_version_id: strawberry.Private[int]
    simulated_at: datetime = strawberry.field(description="When it was simulated, match time.")
    as_of: datetime = strawberry.field(description="Results known at this match time count.")
    simulations: int = strawberry.field(description="Simulated seasons, count.")
    seconds: float = strawberry.field(description="Time that the simulation itself took, seconds.")
    matches_left: int = strawberry.field(description="Matches of the season that were simulated, count.")
    unannounced_matches: int = strawberry.field(
        description="Those of them that nobody has announced yet, count: pairs that have not met at this ground."
    )
    relegation_places: int = strawberry.field(description="Teams that go down without another match, count.")
    relegation_playoff_places: int = strawberry.field(description="Places above them whose teams play to stay up.")
    rows: list[TableForecastRow] = strawberry.field(description="One row per team, ordered by expected points.")

    @batch
    @staticmethod
    async def model_version(
        tables: Sequence[TableForecast], db: Rows
    ) -> list[Annotated[ModelVersion, strawberry.lazy("api.models")]]:
        """Model version used."""
        from api.models import ModelVersion

        return await db.pick(ModelVersion, [table.model_version_id for table in tables])


async def forecast_tables(
    db: Rows, season_ids: Sequence[int], asked: Asked, now: datetime
) -> list[TableForecast | Exception | None]:
    """The table of each season, None where nothing is left to play, or why there is none."""
    check_simulations(asked.simulations, "simulations")
    if asked.as_of is not None and asked.as_of > now:
        raise Invalid("asOf", "lies in the future")
    if len(season_ids) > MOST_SEASONS:
        raise Invalid("simulations", f"tables of at most {MOST_SEASONS} seasons can be asked for at once")
    models = await simulating_models(db)
    starts = await open_starts(db, season_ids, asked, now, models, sees_shadow=db.sees_shadow)
    if asked.simulations <= AT_ONCE:
        return await _simulated(starts, season_ids, asked, now)
    found = await answered(db, season_ids, asked, now, models, sees_shadow=db.sees_shadow)
    formats = {season_id: start.format for season_id, start in starts.items() if start is not None}
    formats |= await season_formats(db, sorted(found.keys() - starts.keys())) if found.keys() - starts.keys() else {}
    return [_stored(season_id, starts, found, formats) for season_id in season_ids]


async def _simulated(
    starts: dict[int, Start | None], season_ids: Sequence[int], asked: Asked, now: datetime
) -> list[TableForecast | Exception | None]:
    tables: list[TableForecast | Exception | None] = []
    for season_id in season_ids:
        if season_id not in starts:
            tables.append(_missing("no model had forecast the rest of this season by then"))
        elif (start := starts[season_id]) is None:
            tables.append(None)
        else:
            table = await asyncio.to_thread(simulate, start, asked.simulations)
            tables.append(_of_start(start, table, now))
    return tables


def _stored(
    season_id: int, starts: Mapping[int, Start | None], found: Mapping[int, Record], formats: Mapping[int, Format]
) -> TableForecast | Exception | None:
    if season_id in starts and starts[season_id] is None:
        return None
    if season_id in found:
        return _of_row(found[season_id], formats[season_id])
    return _missing(f"more than {AT_ONCE} are a job, and this table was not simulated yet")


def _missing(reason: str) -> Invalid:
    return Invalid("simulations", f"{reason}: {ASK}")


def _of_start(start: Start, table: Simulated, now: datetime) -> TableForecast:
    columns = {
        "model_version_id": start.outlook.model_version_id,
        "simulated_at": now,
        "as_of": start.as_of,
        "simulations": table.simulations,
        "seconds": table.seconds,
        "matches_left": len(start.race.left),
        "unannounced": start.unannounced,
    }
    return _table(columns, table.rows, start.format)


def _of_row(row: Record, format: Format) -> TableForecast:
    return _table(dict(row.items()), orjson.loads(row["rows"]), format)


def _table(columns: dict[str, Any], rows: Sequence[dict[str, Any]], format: Format) -> TableForecast:
    shown = columns | {
        "unannounced_matches": columns["unannounced"],
        "relegation_places": format.relegated,
        "relegation_playoff_places": format.playoff,
        "rows": rows_of(TableForecastRow, [_row(row) for row in rows]),
    }
    return rows_of(TableForecast, [shown])[0]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "team_id": row["team_id"],
        "current_points": row["points"],
        "expected_points": row["expected"],
        "points_interval": Interval(lower=row["lower"], upper=row["upper"]),
        "place_probabilities": row["places"],
        "title_probability": row["places"][0],
        "top_four_probability": row["top"],
        "relegation_probability": row["relegation"],
        "relegation_playoff_probability": row["playoff"],
    }


def assumed_of(results: Sequence[AssumedResultInput] | None, field: str) -> tuple[Assumed, ...]:
    """Assumed results with their matches' keys; raises Invalid for what is no match's ID."""
    found = []
    for place, each in enumerate(results or ()):
        key = key_of("Match", each.match_id)
        if key is None:
            raise Invalid(f"{field}.{place}.matchId", "must be the ID of a match")
        found.append(Assumed(key, each.home_goals, each.away_goals))
    return tuple(found)


def version_of(model_version_id: str | None, field: str) -> int | None:
    """Key of a model version; raises Invalid for what is not its ID."""
    key = None if model_version_id is None else key_of("ModelVersion", model_version_id)
    if model_version_id is not None and key is None:
        raise Invalid(field, "must be the ID of a model version")
    return key


@strawberry.input(description="Input of `requestTableForecast`.")
class RequestTableForecastInput:
    season_id: strawberry.ID = strawberry.field(description="Season.")
    as_of: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Only use what was known at this instant; now when omitted."
    )
    what_if: list[AssumedResultInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Results to assume, at most 40."
    )
    simulations: int | None = strawberry.field(default=10000, description="Simulated seasons, 100-50000.")
    model_version_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Model version to simulate with; the champion when omitted."
    )


@strawberry.type(description="Result of `requestTableForecast`.")
class RequestTableForecastPayload:
    job: Job | None = strawberry.field(default=None, description="The job.")
    errors: list[CommonError] = strawberry.field(default_factory=list, description="What went wrong; empty on success.")


@mutation(RequestTableForecastPayload)
async def request_table_forecast(
    db: Rows,
    database: Database,
    viewer: Viewer,
    machine: datetime,
    now: datetime,
    input: Annotated[RequestTableForecastInput, strawberry.argument(description="Input.")],
) -> RequestTableForecastPayload:
    """Simulate a final table as a job, which `Season.tableForecast` answers with afterwards when it is asked the same.
    For an instant before the deployment ran, a model is first fitted on what was known then."""
    season_id = key_of("Season", input.season_id)
    if season_id is None:
        raise NotFound("there is no such season", field="input.seasonId")
    version_id = version_of(given(input.model_version_id), "input.modelVersionId")
    if version_id is not None and not db.sees_shadow and await is_version_in_shadow(db, version_id):
        raise Forbidden(
            "The plugin of this version is in shadow, so that only operators see what it says: name another version.",
            requires=OPERATOR,
            field="input.modelVersionId",
        )
    simulations = given(input.simulations)
    asked = Asked(
        season_id,
        10000 if simulations is None else simulations,
        given(input.as_of),
        assumed_of(given(input.what_if), "input.whatIf"),
        version_id,
    )
    async with database.transaction() as session:
        connection = await connection_of(session)
        key = await ask_for_table(connection, viewer.account_id, asked, now=now, machine=machine)
    return RequestTableForecastPayload(job=(await db.pick(Job, [key]))[0])
