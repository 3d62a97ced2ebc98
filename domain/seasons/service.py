"""Keeping what models expect of the rest of seasons, how they rate clubs, and simulated tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from domain.forecasting.service import Question
from domain.infra.clock import match_now
from domain.infra.database import Reader
from domain.infra.errors import Invalid, NotFound
from domain.infra.outbox import Request, ask
from domain.matches.rest import ANNOUNCED_AHEAD, unfinished_seasons
from domain.seasons import queries
from domain.seasons.rules import (
    Assumed,
    Simulated,
    Start,
    check_assumed,
    check_simulations,
    digest_of,
    start_of,
)
from domain.tasks.service import Kind, create
from touchline import Floats, Forecasts

FAMILY = "score_grid"
"""The family of forecasts that a season is simulated from."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of a simulated table."""

    season_id: int
    simulations: int
    as_of: datetime | None = None
    """None for the present."""
    what_if: tuple[Assumed, ...] = ()
    model_version_id: int | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Asked:
        """From what `arguments` gave."""
        as_of = arguments["as_of"]
        return cls(
            arguments["season_id"],
            arguments["simulations"],
            None if as_of is None else datetime.fromisoformat(as_of),
            tuple(Assumed(**each) for each in arguments["what_if"]),
            arguments["model_version_id"],
        )

    def arguments(self) -> dict[str, Any]:
        """As JSON values."""
        what_if = [asdict(each) for each in self.what_if]
        return asdict(self) | {"as_of": None if self.as_of is None else self.as_of.isoformat(), "what_if": what_if}


async def note_answer(
    connection: asyncpg.Connection,
    question: Question,
    version_id: int,
    forecasts: Forecasts,
    ratings: Mapping[str, Floats],
    clubs: Mapping[str, int],
    job_id: str,
) -> None:
    """Keep what an answer says of the rest of the season and of the clubs, after `store_answer`, in its transaction.

    Asks for the tables of seasons that are simulated with this model.
    """
    await _store_ratings(connection, question, version_id, ratings, clubs)
    changed = await store_outlooks(connection, question, version_id, forecasts, job_id)
    if changed:
        models = await queries.simulating_models(connection)
        newest = await queries.outlooks(connection, changed, models, await match_now(connection))
        own = [season_id for season_id, each in newest.items() if each.model_version_id == version_id]
        await ask(connection, [table_request(season_id) for season_id in sorted(own)])


def table_request(season_id: int) -> Request:
    """Simulate the table of a season that is played; requests that wait for the same season are one."""
    return Request("simulate_table", {"season_id": season_id}, dedupe_key=f"simulate_table:{season_id}")


async def store_outlooks(
    connection: asyncpg.Connection, question: Question, version_id: int, forecasts: Forecasts, job_id: str
) -> list[int]:
    """Store what a version expects of all that is left, a row a season; answers the seasons where that is new.

    Nothing is stored of a model that gives no score grid, nor of what the version said before of the same matches.
    """
    if forecasts.family != FAMILY:
        return []
    meetings = question.coming.meetings
    now = await match_now(connection)
    changed = []
    for season_id in sorted({meeting.season_id for meeting in meetings}):
        places = [place for place, meeting in enumerate(meetings) if meeting.season_id == season_id]
        of_season = [meetings[place] for place in places]
        inserted = await connection.fetchval(
            _INSERT_OUTLOOK,
            season_id,
            question.model.key,
            version_id,
            question.data_cutoff_at,
            now,
            [meeting.home_team_id for meeting in of_season],
            [meeting.away_team_id for meeting in of_season],
            [meeting.leg for meeting in of_season],
            *(forecasts.parameters[name][places].tolist() for name in ("home_mean", "away_mean", "rho")),
            job_id,
        )
        if inserted is not None:
            changed.append(season_id)
    return changed


_INSERT_OUTLOOK = """
insert into season_outlook (season_id, model_key, model_version_id, data_cutoff_at, made_at, home_team_ids,
    away_team_ids, legs, home_mean, away_mean, rho, job_id)
select $1, $2, $3, $4, $5, $6::bigint[], $7::bigint[], $8::bigint[], $9, $10, $11, $12
where not exists (
  select 1 from (select o.home_team_ids, o.away_team_ids, o.legs from season_outlook o
                 where o.season_id = $1 and o.model_version_id = $3 order by o.id desc limit 1) last
  where (last.home_team_ids, last.away_team_ids, last.legs)
    is not distinct from ($6::bigint[], $7::bigint[], $8::bigint[]))
returning id
"""


async def _store_ratings(
    connection: asyncpg.Connection,
    question: Question,
    version_id: int,
    ratings: Mapping[str, Floats],
    clubs: Mapping[str, int],
) -> None:
    """Store how a new fit rates clubs, `ratings` in the order of `clubs`; a club that it never saw has none."""
    rows = [
        (team_id, f"{question.model.key}.{name}", value)
        for name, values in sorted(ratings.items())
        for team_id, value in zip(clubs.values(), values.tolist(), strict=True)
        if value == value
    ]
    if not rows:
        return
    await connection.execute(
        """insert into team_rating (team_id, league_id, model_version_id, system, value, as_of)
           select team_id, $4, $5, system, value, $6
           from unnest($1::bigint[], $2::text[], $3::float8[]) as t(team_id, system, value)""",
        *([row[column] for row in rows] for column in range(3)),
        question.league_id,
        version_id,
        question.data_cutoff_at,
    )


async def open_starts(
    reader: Reader,
    season_ids: Sequence[int],
    asked: Asked,
    now: datetime,
    models: Sequence[str],
    *,
    field: str = "whatIf",
    sees_shadow: bool = True,
) -> dict[int, Start | None]:
    """Seasons as they stood at the instant asked for, ready to be simulated; None where nothing is left to play.

    `models` are those of `queries.simulating_models`. A season of which something is left and none has a fresh outlook
    is missing.
    `asked.season_id` does not matter. A version of a model whose plugin is in shadow has an outlook only for whoever
    `sees_shadow`. Raises Invalid for results that cannot be assumed.
    """
    as_of = asked.as_of or now
    matches = await queries.season_matches(reader, season_ids)
    for season_id in season_ids:
        check_assumed(asked.what_if, matches[season_id], as_of, field)
    if asked.model_version_id is not None:
        version_id = asked.model_version_id
        found = await queries.outlooks_of_version(reader, season_ids, version_id, as_of, sees_shadow=sees_shadow)
    else:
        found = await queries.outlooks(reader, season_ids, models, as_of)
    formats = await queries.season_formats(reader, season_ids)
    starts = {
        season_id: start_of(outlook, matches[season_id], formats[season_id], as_of, asked.what_if, field)
        for season_id, outlook in found.items()
    }
    if silent := [season_id for season_id in season_ids if season_id not in found]:
        over = set(silent) - await unfinished_seasons(reader, silent, as_of)
        starts |= dict.fromkeys(over)
    return starts


async def answered(
    reader: Reader,
    season_ids: Sequence[int],
    asked: Asked,
    now: datetime,
    models: Sequence[str],
    *,
    sees_shadow: bool = True,
) -> dict[int, asyncpg.Record]:
    """Stored tables that answer a question about each of these seasons; `asked.season_id` does not matter."""
    return await queries.stored_tables(
        reader,
        season_ids,
        models,
        asked.model_version_id,
        asked.as_of,
        digest_of(asked.what_if),
        asked.simulations,
        now,
        sees_shadow=sees_shadow,
    )


async def store_table(
    connection: asyncpg.Connection,
    start: Start,
    simulated: Simulated,
    job_id: str,
    *,
    is_current: bool,
    is_version_chosen: bool = False,
) -> int:
    """Keep a simulated table with all it was made from, in the open transaction; answers its id."""
    table_id: int = await connection.fetchval(
        """insert into simulated_table (season_id, model_key, model_version_id, as_of, is_current, what_if,
               what_if_digest, simulations, seed, seconds, matches_left, unannounced, simulated_at, rows, job_id,
               is_version_chosen)
           values ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13, $14::text::jsonb, $15, $16)
           returning id""",
        start.outlook.season_id,
        start.outlook.model_key,
        start.outlook.model_version_id,
        start.as_of,
        is_current,
        orjson.dumps([asdict(each) for each in start.what_if]).decode(),
        digest_of(start.what_if),
        simulated.simulations,
        simulated.seed,
        simulated.seconds,
        len(start.race.left),
        start.unannounced,
        await match_now(connection),
        orjson.dumps(simulated.rows).decode(),
        job_id,
        is_version_chosen,
    )
    return table_id


async def ask_for_table(
    connection: asyncpg.Connection, account_id: int, asked: Asked, *, now: datetime, machine: datetime
) -> int:
    """A task that simulates a table for whoever asks the same afterwards; answers its id.

    Raises NotFound for a season that does not exist, Invalid for what cannot be simulated and where the account has too
    many tasks.
    """
    check_simulations(asked.simulations, "input.simulations")
    if asked.as_of is not None and asked.as_of > now:
        raise Invalid("input.asOf", "lies in the future")
    starts_on = await connection.fetchval("select starts_on from season where id = $1", asked.season_id)
    if starts_on is None:
        raise NotFound("there is no such season", field="input.seasonId")
    if asked.as_of is not None and asked.as_of.date() < starts_on - ANNOUNCED_AHEAD:
        raise Invalid("input.asOf", f"lies before the season was announced: the first day is {starts_on}")
    matches = await queries.season_matches(connection, [asked.season_id])
    check_assumed(asked.what_if, matches[asked.season_id], asked.as_of or now, "input.whatIf")
    return await create(connection, account_id, Kind.SIMULATION, asked.arguments(), machine=machine)
